//! What travels between the edge and an organisation's object: one shared type in each direction, versioned, pinned
//! byte for byte in the tests. Nothing here knows HTTP or SQL.

pub mod bulk;
pub mod command;
pub mod options;
pub mod quota;
pub mod reply;
pub mod residency;
mod version;
pub mod view;
