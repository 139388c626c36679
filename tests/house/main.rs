//! What holds of the code itself: its layers, its error codes, and the bytes of every stored and internal format.

mod codes;
mod formats;
mod layers;
