//! The rules for the code itself: its layers, its error codes, its configuration, and the bytes of every stored and
//! internal format.

mod circles;
mod codes;
mod config;
mod docs;
mod formats;
mod layers;
mod variants;
mod words;
