//! Counters that live in memory until the alarm saves them: repeats of refusals, the last use of tokens, the requests
//! of each day. They are never part of a request's own write.

use super::traffic::{self, Outcome};
use crate::id::Timestamp;
use crate::store::journal as store;
use crate::store::refused::Key;
use crate::store::token_use::TokenUse;
use std::collections::BTreeMap;

/// The time after the first counter until they are saved, in milliseconds.
const FIRST_SAVE: i64 = 5_000;
/// The time between two saves, in milliseconds.
const NEXT_SAVE: i64 = 60_000;

/// Counters that are not stored yet.
#[derive(Debug, Default)]
pub struct Unsaved {
    pub(crate) repeats: BTreeMap<Key, (i64, Timestamp)>,
    pub(crate) used: BTreeMap<String, TokenUse>,
    pub(super) traffic: Vec<store::Traffic>,
    /// True if the facts about the connection have changed.
    pub(crate) facts_changed: bool,
    pub(super) saved_at: Option<Timestamp>,
}

impl Unsaved {
    /// Notes a use of a token.
    pub(crate) fn note_token_use(&mut self, id: &str, usage: &TokenUse) {
        self.used.entry(id.to_owned()).or_default().add(usage);
    }

    /// Counts a request that would change something.
    pub(crate) fn count_request(&mut self, idp: &str, outcome: Outcome, now: Timestamp) {
        traffic::count_request(&mut self.traffic, idp, outcome, now);
    }

    /// Counts an entry that has a row.
    pub(crate) fn count_repeat(&mut self, key: Key, now: Timestamp) {
        let (count, at) = self.repeats.entry(key).or_insert((0, now));
        (*count, *at) = (*count + 1, now);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.repeats.is_empty() && self.used.is_empty() && self.traffic.is_empty() && !self.facts_changed
    }

    /// Returns when to save, seen from `now`; `None` if there is nothing.
    pub fn save_due_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_empty() {
            return None;
        }
        // A busy organisation saves once a minute, a quiet one soon after its only request.
        let next = self.saved_at.map_or(now, |saved| saved.plus(NEXT_SAVE));
        // The save is not later, if the last one was made while the clock was ahead.
        Some(next.max(now.plus(FIRST_SAVE)).min(now.plus(NEXT_SAVE)))
    }
}
