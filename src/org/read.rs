//! Reads: the organisation, its state, searches, the feed of changes, snapshots.

pub(crate) mod cursor;
pub mod feed;
pub(crate) mod organisation;
pub(crate) mod page;
pub(crate) mod pages;
pub(crate) mod related;
pub(crate) mod search;
pub mod snapshot;
pub(crate) mod spelled;
pub(crate) mod state;
