//! Saves the counters that are in memory. The alarm calls it.

use super::unsaved::Unsaved;
use crate::error::Result;
use crate::id::Timestamp;
use crate::org::memory::Memory;
use crate::store::{Sql, journal as store, refused as rows, token_use, transact};

/// The most counts of repeats that are saved at once; the others follow after five seconds.
const SAVED_AT_ONCE: usize = 2000;

/// Saves the counters that are in memory, if there are any.
///
/// # Errors
/// Internal only; then they stay, and are saved later.
pub(crate) fn save_counters(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<()> {
    if memory.unsaved.is_empty() {
        return Ok(());
    }
    // Set first: a save that fails is tried again after the pause, not at once.
    memory.unsaved.saved_at = Some(now);
    if !memory.unsaved.repeats.is_empty() {
        // They were seen before they are saved, so they may stand behind the place of a reader.
        memory.evidence.order = None;
    }
    transact(sql, || {
        for (key, (repeats, at)) in memory.unsaved.repeats.iter().take(SAVED_AT_ONCE) {
            rows::count_repeats(sql, key, *repeats, *at)?;
        }
        for (token, usage) in &memory.unsaved.used {
            token_use::save(sql, token, usage)?;
        }
        if let Some(facts) = memory.connection.as_ref().filter(|_| memory.unsaved.facts_changed) {
            facts.save(sql)?;
        }
        memory.unsaved.traffic.iter().try_for_each(|counted| store::add_traffic(sql, counted))
    })?;
    // Only what was committed leaves the memory.
    let next = memory.unsaved.repeats.keys().nth(SAVED_AT_ONCE).cloned();
    let repeats = next.map(|key| memory.unsaved.repeats.split_off(&key)).unwrap_or_default();
    let saved_at = if repeats.is_empty() { Some(now) } else { None };
    memory.unsaved = Unsaved { repeats, saved_at, ..Unsaved::default() };
    Ok(())
}
