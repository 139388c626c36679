//! The work of one organisation, platform-free: its Durable Object runs [`execute`] and nothing else.
//!
//! One call is one transaction: rolled back whole on any refusal. Refusals are written down afterwards, in a
//! transaction of their own. Memory holds only data that may be lost.
//!
//! The files here are the hall: admission, memory, the order of execution, the jobs. The rooms do the work:
//! [`provision`], [`read`], [`admin`], [`journal`], [`import`].

mod access;
mod address;
pub mod admin;
pub mod alarm;
pub mod bucket;
mod connection;
mod context;
mod cost;
mod execute;
mod import;
mod jobs;
pub mod journal;
mod memory;
pub mod provision;
pub mod read;
mod settings;
mod start;
mod streams;

pub use admin::check_saml_first;
pub use context::Context;
pub use execute::{Pending, Progress, execute, resume, run_again};
pub use memory::{Charged, Memory};
pub use read::related::gather;
