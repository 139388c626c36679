//! Counters that live in memory until the alarm saves them: repeats of refusals, the last use of tokens, the requests
//! of each day. They are never part of a request's own write.

use super::traffic::{self, Outcome};
use crate::error::Result;
use crate::id::Timestamp;
use crate::org::Memory;
use crate::store::refused::{self as rows, Key};
use crate::store::{Sql, journal as store, tokens, transact};
use std::collections::BTreeMap;

/// The time after the first counter until they are saved, in milliseconds.
const FIRST_SAVE: i64 = 5_000;
/// The time between two saves, in milliseconds.
const NEXT_SAVE: i64 = 60_000;
/// The most counts of repeats that are saved at once; the others follow after [`FIRST_SAVE`].
const SAVED_AT_ONCE: usize = 2000;

/// Counters that are not stored yet.
#[derive(Debug, Default)]
pub struct Unsaved {
    repeats: BTreeMap<Key, (i64, Timestamp)>,
    used: BTreeMap<String, Timestamp>,
    traffic: Vec<store::Traffic>,
    saved_at: Option<Timestamp>,
}

impl Unsaved {
    /// Notes that a token was used.
    pub(crate) fn token_used(&mut self, id: &str, now: Timestamp) {
        self.used.insert(id.to_owned(), now);
    }

    /// Counts a request that would change something.
    pub(crate) fn counted(&mut self, idp: &str, outcome: Outcome, now: Timestamp) {
        traffic::count(&mut self.traffic, idp, outcome, now);
    }

    /// Counts an entry that has a row.
    pub(crate) fn repeated(&mut self, key: Key, now: Timestamp) {
        let (count, at) = self.repeats.entry(key).or_insert((0, now));
        (*count, *at) = (*count + 1, now);
    }

    fn is_empty(&self) -> bool {
        self.repeats.is_empty() && self.used.is_empty() && self.traffic.is_empty()
    }

    /// Returns when to save, seen from `now`; `None` if there is nothing.
    pub fn due(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_empty() {
            return None;
        }
        let next = self.saved_at.map_or(now, |saved| saved.plus(NEXT_SAVE));
        // The save is not later, if the last one was made while the clock was ahead.
        Some(next.max(now.plus(FIRST_SAVE)).min(now.plus(NEXT_SAVE)))
    }
}

/// Saves the counters that are in memory, if there are any.
///
/// # Errors
/// Internal only; then they stay, and are saved later.
pub(crate) fn save(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<()> {
    if memory.unsaved.is_empty() {
        return Ok(());
    }
    memory.unsaved.saved_at = Some(now);
    if !memory.unsaved.repeats.is_empty() {
        // They were seen before they are saved, so they may stand behind the place of a reader.
        memory.evidence.order = None;
    }
    transact(sql, || {
        for (key, (repeats, at)) in memory.unsaved.repeats.iter().take(SAVED_AT_ONCE) {
            rows::count(sql, key, *repeats, *at)?;
        }
        for (token, at) in &memory.unsaved.used {
            tokens::used(sql, token, *at)?;
        }
        memory.unsaved.traffic.iter().try_for_each(|counted| store::add_traffic(sql, counted))
    })?;
    let next = memory.unsaved.repeats.keys().nth(SAVED_AT_ONCE).cloned();
    let repeats = next.map(|key| memory.unsaved.repeats.split_off(&key)).unwrap_or_default();
    let saved_at = if repeats.is_empty() { Some(now) } else { None };
    memory.unsaved = Unsaved { repeats, saved_at, ..Unsaved::default() };
    Ok(())
}
