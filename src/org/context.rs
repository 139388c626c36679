//! The parts of a call that its execution passes on: those of the platform (the clock, random bits, the object's name),
//! and those of one admitted SCIM request.

use super::access::Caller;
use crate::budget::Budget;
use crate::directory::call::Call;
use crate::directory::scim::Command;
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

/// An admitted SCIM request, executed or previewed.
#[derive(Clone, Copy)]
pub(crate) struct AdmittedRequest<'a> {
    pub(crate) command: &'a Command,
    pub(crate) call: &'a Call,
    pub(crate) caller: &'a Caller,
    pub(crate) context: &'a Context<'a>,
    /// The budget of the call.
    pub(crate) budget: &'a Budget,
}
