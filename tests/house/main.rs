//! What holds of the code itself: its layers, and the bytes of every stored and internal format.

mod formats;
mod layers;
