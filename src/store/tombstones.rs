//! The ids that were deleted, the newest 1,000,000 of them. A forgotten id counts as one that never existed.
//!
//! Tombstones are counted in the order in which they were deleted, each once. The count and its last one stand in
//! `settings`, so no request writes or reads it. Ids from before their change was noted, or from an import, count as
//! deleted before all others.

use super::{Param, Sql, first_row, settings};
use crate::error::{Error, Result};
use crate::id::Seq;
use crate::scim::json;
use serde::{Deserialize, Serialize};

/// The most tombstones that are kept: 100 MB with their index.
pub const KEPT: i64 = 1_000_000;

/// The setting with the count.
const COUNT: &str = "tombstones";

/// The number of tombstones up to one of them. The names of the fields are never changed.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    count: i64,
    /// The last one that was counted.
    seq: Seq,
    id: String,
}

/// Remembers a deleted id, and the position of the change that deleted it. The id is never used again, and requests
/// that still name it are not refused.
pub fn bury_id(sql: &dyn Sql, id: &str, kind: &str, seq: Seq) -> Result<()> {
    let text = "INSERT INTO tombstones (id, kind, seq) VALUES (?, ?, ?)";
    sql.query(text, &[id.into(), kind.into(), seq.into()]).map(|_| ())
}

/// Gives a tombstone the position of a later change, `seq` instead of `old`.
pub fn move_to(sql: &dyn Sql, id: &str, old: Seq, seq: Seq) -> Result<()> {
    sql.query("UPDATE tombstones SET seq = ? WHERE id = ?", &[seq.into(), id.into()])?;
    // It is counted once more.
    match stored_count(sql)? {
        counted if counted.count > 0 && (old, id) <= (counted.seq, counted.id.as_str()) => {
            save_count(sql, &Counted { count: counted.count - 1, ..counted })
        }
        _ => Ok(()),
    }
}

/// Resets the count: an import changed tombstones without [`bury_id`].
pub fn forget_count(sql: &dyn Sql) -> Result<()> {
    sql.query("DELETE FROM settings WHERE name = ?", &[COUNT.into()]).map(|_| ())
}

/// Counts at most `rows` tombstones that were not counted yet. Once all are, forgets at most so many of the oldest
/// beyond `kept`. Returns true if there may be more to do.
pub fn prune_tombstones(sql: &dyn Sql, kept: i64, rows: i64) -> Result<bool> {
    let counted = stored_count(sql)?;
    // Step 1: count on from the last one that was counted, so that no step reads all of a million rows.
    // Those without a position come first, in the order of their ids; the others have one each.
    let mut found = (0, counted.seq, String::new());
    if counted.seq == 0 {
        let some = "SELECT id FROM tombstones WHERE seq IS NULL AND id > ?1 ORDER BY id LIMIT ?2";
        let text = format!("SELECT count(*), 0, coalesce(max(id), '') FROM ({some})");
        found = last_place(sql, &text, &[Param::Text(&counted.id), rows.into()])?;
    }
    if found.0 == 0 {
        let some = "SELECT seq FROM tombstones WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        let text = format!("SELECT count(*), coalesce(max(seq), 0), '' FROM ({some})");
        found = last_place(sql, &text, &[counted.seq.into(), rows.into()])?;
    }
    if let (found @ 1.., seq, id) = found {
        save_count(sql, &Counted { count: counted.count + found, seq, id })?;
        return Ok(true);
    }
    // Step 2: everything is counted, so the oldest beyond the bound are known.
    let excess = counted.count - kept;
    if excess <= 0 {
        return Ok(false);
    }
    let text = "DELETE FROM tombstones WHERE id IN (SELECT id FROM tombstones ORDER BY seq, id LIMIT ?)";
    sql.query(text, &[excess.min(rows).into()])?;
    save_count(sql, &Counted { count: counted.count - excess.min(rows), ..counted })?;
    Ok(excess > rows)
}

/// Returns the number of rows that a statement found, and the last of them.
fn last_place(sql: &dyn Sql, text: &str, params: &[Param<'_>]) -> Result<(i64, Seq, String)> {
    match first_row(sql, text, params)? {
        Some(mut row) => Ok((row.integer()?, row.integer()?, row.text()?)),
        None => Ok((0, 0, String::new())),
    }
}

fn stored_count(sql: &dyn Sql) -> Result<Counted> {
    settings::get_setting(sql, COUNT)?.map_or(Ok(Counted::default()), |text| json::read_own(&text))
}

fn save_count(sql: &dyn Sql, counted: &Counted) -> Result<()> {
    settings::put_setting(sql, COUNT, &serde_json::to_string(counted).map_err(Error::internal)?)
}
