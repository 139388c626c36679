//! The platform's part of a call: the clock, random bits, the object's name.

use crate::id::{OrgId, Timestamp};

/// The parts of the platform that a call needs.
pub struct Context<'a> {
    /// The object's own name; `None` if the platform does not know it.
    pub org: Option<&'a OrgId>,
    /// The clock.
    pub now: Timestamp,
    /// Random bits for an id.
    pub random: &'a dyn Fn() -> [u8; 6],
    /// The length of the call, in bytes.
    pub bytes: usize,
}
