//! Settings by name, tombstones, and what the alarm is due to do: the small tables.

use super::{Sql, first};
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

/// When the next work is due.
///
/// # Errors
/// Internal only.
pub fn next_due(sql: &dyn Sql) -> Result<Option<Timestamp>> {
    let row = first(sql, "SELECT min(at) FROM due", &[])?;
    Ok(row.map(|mut row| row.optional_integer()).transpose()?.flatten().map(Timestamp))
}

/// When something is due.
///
/// # Errors
/// Internal only.
pub fn due(sql: &dyn Sql, what: &str) -> Result<Option<Timestamp>> {
    let row = first(sql, "SELECT at FROM due WHERE what = ?", &[what.into()])?;
    row.map(|mut row| row.integer().map(Timestamp)).transpose()
}

/// Sets when something is due; `None` for no more.
///
/// # Errors
/// Internal only.
pub fn set_due(sql: &dyn Sql, what: &str, at: Option<Timestamp>) -> Result<()> {
    let Some(at) = at else {
        return sql.query("DELETE FROM due WHERE what = ?", &[what.into()]).map(|_| ());
    };
    let text = "INSERT INTO due (what, at) VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET at = excluded.at";
    sql.query(text, &[what.into(), at.0.into()]).map(|_| ())
}
