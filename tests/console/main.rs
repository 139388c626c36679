//! The Console's API: tokens, state, changes, snapshots, imports, settings, the journal.

mod connection;
mod echoes;
mod erase;
mod evidence;
mod exchange;
mod follow;
mod gate;
mod guard;
mod history;
mod history_limits;
mod import;
mod import_bounds;
mod jobs;
mod journal;
mod openapi;
mod preview;
mod quota;
mod rights;
mod schemas;
mod snapshot;
mod state;
mod subjects;
#[path = "../support/mod.rs"]
mod support;
mod sync_options;
mod token_rights;
mod tokens;
mod tombstones;
