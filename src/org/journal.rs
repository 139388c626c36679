//! The outcomes of requests. Changes themselves tell of the requests that changed something; refusals and skipped parts
//! have rows here. Equal ones are one row. Repeats, and the number of requests each day, are counted in memory and
//! saved by the alarm, 5 s after the first unsaved one and at most once a minute.
//!
//! The journal keeps names and ids, never other values. Out of scope: callers without a token that KV knows; the edge
//! passes nothing of them on.

pub(crate) mod copying;
pub(crate) mod entry;
pub(crate) mod evidence;
pub(crate) mod order;
pub(crate) mod prune;
pub(crate) mod read;
pub(crate) mod round;
pub(crate) mod row;
pub(crate) mod saving;
pub(crate) mod sentence;
pub(crate) mod subject;
pub(crate) mod target;
pub(crate) mod traffic;
pub mod unsaved;
pub(crate) mod warning;
pub(crate) mod write;
