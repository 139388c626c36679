//! Settings by name.

use super::{Sql, first_row};
use crate::error::Result;

/// Returns the value of a setting.
pub fn get_setting(sql: &dyn Sql, name: &str) -> Result<Option<String>> {
    first_row(sql, "SELECT value FROM settings WHERE name = ?", &[name.into()])?.map(|mut row| row.text()).transpose()
}

/// Writes a setting.
pub fn put_setting(sql: &dyn Sql, name: &str, value: &str) -> Result<()> {
    let text =
        "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sql.query(text, &[name.into(), value.into()]).map(|_| ())
}
