//! The protocol between the edge and an organisation's object: one shared type in each direction, versioned, pinned
//! byte for byte in the tests. Nothing here knows HTTP or SQL.

pub mod admin;
pub mod bulk;
pub mod call;
pub mod console;
#[cfg(native)]
pub mod described;
pub mod options;
pub mod precondition;
pub mod query;
pub mod quota;
pub mod registry;
pub mod reply;
pub mod residency;
pub mod scim;
pub mod view;

/// Returns true for the number that a field without a value has.
fn is_zero(number: &i64) -> bool {
    *number == 0
}
