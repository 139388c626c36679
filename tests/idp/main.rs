//! The requests of identity providers: recorded sessions, single situations, and the repairs that read them.

mod answers;
mod dialects;
mod full;
mod quirks;
mod regressions;
mod repair_properties;
mod repairs;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
