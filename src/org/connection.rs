//! The connection to the identity provider: what its requests show of it, and the state and warnings that follow.
//!
//! [`note`] keeps facts in memory, about each SCIM request whose token this organisation minted; the alarm saves them with
//! the counters, so a request pays no row for them. [`judge`] is a pure function of facts and clock. [`read`] brings both
//! together for the Console. Requests of Console tokens are no part of it.

pub(crate) mod facts;
pub(crate) mod judge;
pub(crate) mod note;
pub(crate) mod read;
pub(crate) mod usage;
