//! Walks through the sequence of changes: the losses that the guard counts, and the oldest changes that are forgotten.

use super::{KEPT_BYTES, KEPT_LEAST_MILLISECONDS, KEPT_MILLISECONDS, read_head};
use crate::error::Result;
use crate::id::{Seq, Timestamp};
use crate::store::{Sql, first_row, read_rows};

/// The changes that are read at once to be forgotten, and the bytes of them after which a step ends: one change may
/// have 1 MiB.
const PRUNED_PIECE: i64 = 16;
const PRUNED_BYTES: i64 = 16 << 20;

/// How much the guard counts for a change.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// The change's time, which never goes back.
    pub at: Timestamp,
    /// The time of the clock then.
    pub clock: Timestamp,
    /// The number that the guard counts.
    pub lost: i64,
}

/// Reads the losses, the newest first, until `each` returns false. For changes from before losses were noted, only
/// members, deactivations and deletions are known.
pub fn each_loss(sql: &dyn Sql, each: &mut dyn FnMut(Loss) -> bool) -> Result<()> {
    let text = "SELECT seq, at, coalesce(clock, at), CASE WHEN lost IS NOT NULL THEN lost \
                WHEN kind = 'members' THEN json_array_length(before, '$.removed') \
                WHEN resource = 'User' AND kind IN ('deactivated', 'deleted') THEN 1 \
                WHEN resource = 'Group' AND kind = 'deleted' THEN coalesce(json_extract(before, '$.memberships'), 0) \
                ELSE 0 END \
                FROM changes WHERE seq < ? ORDER BY seq DESC LIMIT 1000";
    // A position beyond all that exist, which the platform still binds exactly.
    let mut before = Seq::MAX >> 11;
    loop {
        let rows = sql.query(text, &[before.into()])?;
        // The guard stops at the end of its window, so most calls read one piece; the pieces bound the memory of the
        // others.
        let last = rows.len() < 1000;
        for mut row in rows {
            before = row.integer()?;
            let (at, clock, lost) = (Timestamp(row.integer()?), Timestamp(row.integer()?), row.integer()?);
            if !each(Loss { at, clock, lost }) {
                return Ok(());
            }
        }
        if last {
            return Ok(());
        }
    }
}

/// Forgets changes from the oldest on, at most `rows`, never the last one: those older than 30 days, and those older
/// than 72 hours after which 2 GB are still kept. Returns true if there may be more.
pub fn prune_changes(sql: &dyn Sql, now: Timestamp, rows: i64) -> Result<bool> {
    let head = read_head(sql)?;
    let text = "SELECT seq, at, coalesce(clock, at), bytes, coalesce(length(before), 0) FROM changes \
                WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ?";
    // Step 1: find the last change to forget, piece by piece, since one change may have 1 MiB.
    let (mut last, mut forgotten, mut long, mut sum) = (0, 0, 0, 0);
    let mut corrected = None;
    let more = 'pieces: loop {
        let piece = read_rows(sql.query(text, &[last.into(), head.seq.into(), PRUNED_PIECE.into()])?, |mut row| {
            let (seq, at, clock) = (row.integer()?, Timestamp(row.integer()?), Timestamp(row.integer()?));
            Ok(Oldest { seq, made: at, clock, bytes: row.optional_integer()?, long: row.integer()? })
        })?;
        let Some(end) = piece.last().map(|change: &Oldest| (change.seq, change.made)) else { break false };
        // Changes of a clock that was ahead would be kept until that time came: a later change tells when they were
        // made.
        if end.1 > now && corrected.is_none_or(|(seq, _)| seq <= end.0) {
            corrected = corrected_after(sql, end.0)?;
        }
        let later = corrected.map_or(now, |(_, clock)| now.min(clock));
        for change in corrected_times(piece, later, now) {
            // A change from before bytes were counted is as far from the end as the one before it.
            sum = change.bytes.unwrap_or(sum);
            let age = if head.bytes - sum >= KEPT_BYTES { KEPT_LEAST_MILLISECONDS } else { KEPT_MILLISECONDS };
            // Times never go back, so all changes behind this one are as young.
            if change.made >= now.plus(-age) {
                break 'pieces false;
            }
            if forgotten == rows || long >= PRUNED_BYTES {
                break 'pieces true;
            }
            (last, forgotten, long) = (change.seq, forgotten + 1, long + change.long);
        }
    };
    // Step 2: forget all of them by one statement over the primary key.
    if forgotten > 0 {
        sql.query("DELETE FROM changes WHERE seq <= ?", &[last.into()])?;
    }
    Ok(more)
}

/// A change that may be forgotten.
struct Oldest {
    seq: Seq,
    /// The time at which it was made.
    made: Timestamp,
    /// The time of the clock then.
    clock: Timestamp,
    bytes: Option<i64>,
    /// The length of its `before`.
    long: i64,
}

/// Returns the next change whose clock differs from its time, and that clock. After a clock that was ahead it is the
/// first change made since; no other code needs it.
fn corrected_after(sql: &dyn Sql, seq: Seq) -> Result<Option<(Seq, Timestamp)>> {
    let text = "SELECT seq, clock FROM changes WHERE seq > ? AND clock IS NOT NULL ORDER BY seq LIMIT 1";
    let row = first_row(sql, text, &[seq.into()])?;
    row.map(|mut row| Ok((row.integer()?, Timestamp(row.integer()?)))).transpose()
}

/// Corrects the times of changes that were made while the clock was ahead: a change with a time in the future was made,
/// at the latest, when the clock of a later change said; `later` is the clock of the last of them. Times never go back,
/// so all changes since would wait for that time.
fn corrected_times(mut piece: Vec<Oldest>, mut later: Timestamp, now: Timestamp) -> Vec<Oldest> {
    for change in piece.iter_mut().rev().filter(|change| change.made > now) {
        later = later.min(change.clock);
        change.made = later;
    }
    piece
}
