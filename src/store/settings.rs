//! Settings by name, and tombstones: the small tables.

use super::{Sql, first};
use crate::error::Result;
use crate::id::Seq;

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

/// Remembers a deleted id, and the position of the change that deleted it: the id is never used again, and who still names
/// it is not refused.
///
/// # Errors
/// Internal only.
pub fn bury(sql: &dyn Sql, id: &str, kind: &str, seq: Seq) -> Result<()> {
    let text = "INSERT INTO tombstones (id, kind, seq) VALUES (?, ?, ?)";
    sql.query(text, &[id.into(), kind.into(), seq.into()]).map(|_| ())
}
