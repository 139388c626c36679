//! Settings by name, tombstones, and what the alarm is due to do: the small tables.

use super::{Sql, each, first};
use crate::error::Result;
use crate::id::Timestamp;

/// The value of a setting.
///
/// # Errors
/// Internal only, as of every function here.
pub fn get(sql: &dyn Sql, name: &str) -> Result<Option<String>> {
    first(sql, "SELECT value FROM settings WHERE name = ?", &[name.into()])?.map(|mut row| row.text()).transpose()
}

/// Writes a setting.
///
/// # Errors
/// Internal only.
pub fn put(sql: &dyn Sql, name: &str, value: &str) -> Result<()> {
    let text =
        "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sql.query(text, &[name.into(), value.into()]).map(|_| ())
}

/// Remembers a deleted id: it is never used again, and who still names it is not refused.
///
/// # Errors
/// Internal only.
pub fn bury(sql: &dyn Sql, id: &str, kind: &str) -> Result<()> {
    sql.query("INSERT INTO tombstones (id, kind) VALUES (?, ?)", &[id.into(), kind.into()]).map(|_| ())
}

/// The tombstones after an id, at most `count`, in the order of the ids: each with the kind of what it was.
///
/// # Errors
/// Internal only.
pub fn buried(sql: &dyn Sql, after: &str, count: i64) -> Result<Vec<(String, String)>> {
    let rows =
        sql.query("SELECT id, kind FROM tombstones WHERE id > ? ORDER BY id LIMIT ?", &[after.into(), count.into()])?;
    each(rows, |mut row| Ok((row.text()?, row.text()?)))
}

/// How many tombstones there are.
///
/// # Errors
/// Internal only.
pub fn count_buried(sql: &dyn Sql) -> Result<i64> {
    first(sql, "SELECT count(*) FROM tombstones", &[])?.map_or(Ok(0), |mut row| row.integer())
}

/// When the next work is due.
///
/// # Errors
/// Internal only.
pub fn next_due(sql: &dyn Sql) -> Result<Option<Timestamp>> {
    let row = first(sql, "SELECT min(at) FROM due", &[])?;
    Ok(row.map(|mut row| row.optional_integer()).transpose()?.flatten().map(Timestamp))
}

/// Sets when something is due.
///
/// # Errors
/// Internal only.
pub fn set_due(sql: &dyn Sql, what: &str, at: Timestamp) -> Result<()> {
    let text = "INSERT INTO due (what, at) VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET at = excluded.at";
    sql.query(text, &[what.into(), at.0.into()]).map(|_| ())
}
