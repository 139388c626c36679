//! scim-edge: a SCIM 2.0 service provider (RFC 7643, RFC 7644) at Cloudflare's edge.
//!
//! The edge turns a request into a call ([`exchange`]) with a canonical [`directory::scim::Command`] ([`ingest`]). The
//! organisation's Durable Object executes it on its own SQLite ([`org`]) and writes the answer ([`render`]). The edge
//! passes that answer on. All modules but [`edge`] are platform-free and run natively in the tests.
//!
//! Read in this order: [`route`] (which request is it), [`exchange`] (which calls does it make), [`ingest`] (what does it
//! ask), [`org`] (what is decided), [`store`] (how it is kept), [`render`] (what is answered). [`scim`] holds the rules
//! of the RFCs that all of them use.
//!
//! A module names only those below it:
//!
//! `edge` > `exchange` > `console`, `ingest`, `render`, `route` > `org`, `registry` > `store` > `directory` > `scim` >
//! `auth`, `id`, `error`, `fold`, `budget`; `dialect` stands beside `directory` and is named by `ingest` and `exchange`
//! alone.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod auth;
pub mod budget;
pub mod console;
pub mod dialect;
pub mod directory;
#[cfg(target_family = "wasm")]
#[allow(missing_docs, reason = "the macros that export the objects write undocumented methods")]
mod edge;
pub mod error;
pub mod exchange;
pub mod fold;
pub mod id;
pub mod ingest;
pub mod org;
pub mod registry;
pub mod render;
pub mod route;
pub mod scim;
pub mod store;
