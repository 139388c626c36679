//! Settings by name.

use super::{Sql, first};
use crate::error::Result;

/// Returns the value of a setting.
pub fn get(sql: &dyn Sql, name: &str) -> Result<Option<String>> {
    first(sql, "SELECT value FROM settings WHERE name = ?", &[name.into()])?.map(|mut row| row.text()).transpose()
}

/// Writes a setting.
pub fn put(sql: &dyn Sql, name: &str, value: &str) -> Result<()> {
    let text =
        "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sql.query(text, &[name.into(), value.into()]).map(|_| ())
}
