//! The requests of identity providers that need a rule and no repair: each row of `quirks/` is a request, its answer
//! and the directory afterwards. `docs/idp/README.md` says who sends it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::quirks::run;

#[test]
fn users() {
    run(include_str!("quirks/users.json"), "/Users/$ada");
}

#[test]
fn groups() {
    run(include_str!("quirks/groups.json"), "/Groups/$crew");
}
