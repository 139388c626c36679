//! What identity providers really send, turned into what the RFC says they meant. The only place that knows their
//! habits: each repair is a small named function over parsed JSON, says why it is there, and does nothing to a
//! request that needs no mending. None runs for the dialect `rfc`.

mod envelope;
mod value;

pub use envelope::{caller, operations, replacing};
pub use value::{body, path, repaired, repaired_one};

use std::collections::BTreeSet;

/// The repairs that a request needed, by name, for the journal.
#[derive(Debug, Default)]
pub struct Repairs(BTreeSet<&'static str>);

impl Repairs {
    /// Notes that a repair was needed.
    fn note(&mut self, name: &'static str) {
        self.0.insert(name);
    }

    /// Their names, each once.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|name| (*name).to_owned()).collect()
    }
}
