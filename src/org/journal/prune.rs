//! The refusals that are forgotten: those last seen 30 days ago, and if all have more than [`BYTES_MAX`] the oldest of
//! the code and token that has the most bytes, again and again until they fit. No other refusal is.
//!
//! No figure of all bytes is stored, because it would be one more row for each refusal. An hourly round reads the table
//! in the order of its key, [`ROWS_A_STEP`] rows a step, and adds up the bytes of each code and token. The sums live in
//! memory; if they are lost, the next step begins the round anew.

use super::evidence::Evidence;
use super::round::{Round, edge_of_code};
use super::warning;
use crate::error::Result;
use crate::id::Timestamp;
use crate::org::memory::Memory;
use crate::store::journal::{self, KEPT_MILLISECONDS};
use crate::store::refused as store;
use crate::store::{Sql, changes, tombstones, transact};

/// The name of the job that forgets old entries.
pub(crate) const PRUNE: &str = "prune";
/// The time between two runs of it, in milliseconds.
pub(crate) const PRUNE_EVERY: i64 = 3_600_000;
/// The changes that one step forgets: some 50 ms of work.
const PRUNE_STEP: i64 = 2000;
/// The tombstones that one step counts or forgets.
const TOMBSTONES_STEP: i64 = 5000;
/// The most bytes of all refusals.
const BYTES_MAX: i64 = 64 * 1024 * 1024;
/// The rows that one step reads, or removes for want of room.
const ROWS_A_STEP: i64 = 2_000;
/// The rows that are removed before the largest is searched for again.
const ROWS_AT_ONCE: i64 = 50;

/// Forgets some old entries, and warns of tokens that end soon. Returns when the next step is due.
///
/// # Errors
/// Internal only.
pub(crate) fn step(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<Option<Timestamp>> {
    transact(sql, || {
        journal::prune_traffic(sql, now)?;
        warning::warn_of_tokens(sql, memory, now)?;
        // All three take their step each time, so none waits until another has finished.
        let more = changes::prune_changes(sql, now, PRUNE_STEP)?
            | tombstones::prune_tombstones(sql, tombstones::KEPT, TOMBSTONES_STEP)?
            | take_round_step(sql, &mut memory.evidence, now)?;
        if !more {
            // The next step begins another round.
            memory.evidence.round = None;
        }
        Ok(Some(now.plus(if more { 1000 } else { PRUNE_EVERY })))
    })
}

/// Takes one step of the round. Returns true if it continues.
fn take_round_step(sql: &dyn Sql, evidence: &mut Evidence, now: Timestamp) -> Result<bool> {
    let mut round = evidence.round.take().unwrap_or_else(Round::new);
    if let Some(after) = round.after.take() {
        let next = store::key_further(sql, &after, ROWS_A_STEP)?;
        let end = next.clone().unwrap_or_else(|| edge_of_code("~"));
        // The counts in memory are read anew once rows of the token are gone.
        for token in store::forget_range(sql, &after, &end, now.plus(-KEPT_MILLISECONDS))? {
            evidence.forget_token(&token);
        }
        round.add(store::bytes_of_range(sql, &after, &end)?);
        round.after = next;
    } else {
        make_room(sql, evidence, &mut round)?;
    }
    let more = round.after.is_some() || (round.bytes > BYTES_MAX && !round.sums.is_empty());
    evidence.round = Some(round);
    Ok(more)
}

/// Removes the oldest rows of the largest, at most [`ROWS_A_STEP`] of them.
fn make_room(sql: &dyn Sql, evidence: &mut Evidence, round: &mut Round) -> Result<()> {
    let mut left = ROWS_A_STEP;
    while left > 0 && round.bytes > BYTES_MAX {
        // The largest sum pays: the token that writes most loses its own oldest evidence first.
        let Some(at) = (0..round.sums.len()).max_by_key(|at| round.sums.get(*at).map(|(_, bytes)| *bytes)) else {
            break;
        };
        let Some(((code, token), sum)) = round.sums.get_mut(at) else { break };
        let removed = store::forget_oldest(sql, code, token, ROWS_AT_ONCE)?;
        evidence.forget_token(token);
        let bytes: i64 = removed.iter().sum();
        (*sum, round.bytes, left) = (*sum - bytes, round.bytes - bytes, left - ROWS_AT_ONCE);
        // The sum was counted before others removed its rows.
        if removed.is_empty() {
            round.sums.swap_remove(at);
        }
    }
    Ok(())
}
