//! The refusals that are forgotten: those last seen 30 days ago, and if all have more than [`BYTES_MAX`] the oldest of
//! the code and token that has the most bytes, again and again until they fit. No other refusal is.
//!
//! No figure of all bytes is stored, because it would be one more row for each refusal. An hourly round reads the table
//! in the order of its key, [`ROWS_A_STEP`] rows a step, and adds up the bytes of each code and token. The sums live in
//! memory; if they are lost, the next step begins the round anew.

use super::evidence::Evidence;
use crate::error::Result;
use crate::id::Timestamp;
use crate::store::Sql;
use crate::store::journal::KEPT_MILLISECONDS;
use crate::store::refused::{self as store, Key};

/// The most bytes of all refusals.
const BYTES_MAX: i64 = 64 * 1024 * 1024;
/// The rows that one step reads, or removes for want of room.
const ROWS_A_STEP: i64 = 2_000;
/// The rows that are removed before the largest is searched for again.
const ROWS_AT_ONCE: i64 = 50;
/// The largest sums that are remembered.
const LARGEST: usize = 1_000;

/// The progress of a round of pruning.
#[derive(Debug)]
pub(crate) struct Round {
    /// The last row that was read; `None` after the last one.
    after: Option<Key>,
    /// The bytes of each code and token; only the largest are kept.
    sums: Vec<((String, String), i64)>,
    /// The bytes of all rows.
    bytes: i64,
}

impl Round {
    fn new() -> Self {
        Self { after: Some(edge("")), sums: Vec::new(), bytes: 0 }
    }

    /// Adds the sums of a piece. Only its first sum can be of a code and token that was met before.
    fn add(&mut self, sums: Vec<((String, String), i64)>) {
        for (of, bytes) in sums {
            self.bytes += bytes;
            match self.sums.last_mut().filter(|(last, _)| *last == of) {
                Some((_, sum)) => *sum += bytes,
                None => self.sums.push((of, bytes)),
            }
        }
        if self.sums.len() > 2 * LARGEST {
            // The last one may continue in the next piece.
            let last = self.sums.pop();
            self.sums.sort_by_key(|(_, bytes)| -bytes);
            self.sums.truncate(LARGEST);
            self.sums.extend(last);
        }
    }
}

/// Returns the key before all rows of a code, or after them: a code is in lower case.
fn edge(code: &str) -> Key {
    Key { code: code.to_owned(), token: String::new(), fingerprint: String::new() }
}

/// Takes one step of the round. Returns true if it continues; [`end`] ends it.
pub(crate) fn step(sql: &dyn Sql, evidence: &mut Evidence, now: Timestamp) -> Result<bool> {
    let mut round = evidence.round.take().unwrap_or_else(Round::new);
    if let Some(after) = round.after.take() {
        let next = store::further(sql, &after, ROWS_A_STEP)?;
        let end = next.clone().unwrap_or_else(|| edge("~"));
        for token in store::forget(sql, &after, &end, now.plus(-KEPT_MILLISECONDS))? {
            evidence.forget(&token);
        }
        round.add(store::bytes(sql, &after, &end)?);
        round.after = next;
    } else {
        make_room(sql, evidence, &mut round)?;
    }
    let more = round.after.is_some() || (round.bytes > BYTES_MAX && !round.sums.is_empty());
    evidence.round = Some(round);
    Ok(more)
}

/// Ends the round: the next step begins another.
pub(crate) fn end(evidence: &mut Evidence) {
    evidence.round = None;
}

/// Removes the oldest rows of the largest, at most [`ROWS_A_STEP`] of them.
fn make_room(sql: &dyn Sql, evidence: &mut Evidence, round: &mut Round) -> Result<()> {
    let mut left = ROWS_A_STEP;
    while left > 0 && round.bytes > BYTES_MAX {
        let Some(at) = (0..round.sums.len()).max_by_key(|at| round.sums.get(*at).map(|(_, bytes)| *bytes)) else {
            break;
        };
        let Some(((code, token), sum)) = round.sums.get_mut(at) else { break };
        let removed = store::forget_oldest(sql, code, token, ROWS_AT_ONCE)?;
        evidence.forget(token);
        let bytes: i64 = removed.iter().sum();
        (*sum, round.bytes, left) = (*sum - bytes, round.bytes - bytes, left - ROWS_AT_ONCE);
        if removed.is_empty() {
            round.sums.swap_remove(at);
        }
    }
    Ok(())
}
