//! The checks of a whole import before the directory is touched: counts, contradictions, memberships without an owner.

use super::END;
use crate::error::Result;
use crate::store::{Sql, first_row};

/// The outcome of one step of a walk over a table.
#[derive(Debug, Default)]
pub struct Walked {
    /// The number of rows.
    pub count: i64,
    /// The number of active users among them.
    pub active: i64,
    /// The key of the last row; `None` at the end.
    pub last: Option<i64>,
}

/// Counts the users or groups after a key, at most `count`.
pub fn count_rows(sql: &dyn Sql, table: &str, after: i64, count: i64) -> Result<Walked> {
    // Groups have no such column; the same statement counts both.
    let active = if table == "users" { "active" } else { "0" };
    let text = format!(
        "SELECT count(*), coalesce(sum(active), 0), max(key) FROM \
         (SELECT key, {active} AS active FROM import_{table} WHERE key > ? ORDER BY key LIMIT ?)"
    );
    match first_row(sql, &text, &[after.into(), count.into()])? {
        None => Ok(Walked::default()),
        Some(mut row) => Ok(Walked { count: row.integer()?, active: row.integer()?, last: row.optional_integer()? }),
    }
}

/// Returns two lines that contradict each other, among the users or groups with keys after one and up to another: the
/// attribute that is the same, its value, and the keys of both; the key is 0 for a tombstone.
pub fn find_clash(sql: &dyn Sql, table: &str, after: i64, to: i64) -> Result<Option<(&'static str, String, i64, i64)>> {
    // The tables of an import have no unique indexes but `id`: lines may replace each other until the last one has
    // come.
    let name = if table == "users" { ("user_name", "userName") } else { ("display_name", "displayName") };
    let others = if table == "users" { "groups" } else { "users" };
    let checks = [
        (
            name.1,
            format!("a.{}", name.0),
            format!("JOIN import_{table} b ON b.{0}_key = a.{0}_key AND b.key <> a.key", name.0),
        ),
        (
            "externalId",
            "a.external_id".to_owned(),
            format!("JOIN import_{table} b ON b.external_id = a.external_id AND b.key <> a.key"),
        ),
        ("id", "a.id".to_owned(), format!("JOIN import_{others} b ON b.id = a.id")),
        ("id", "a.id".to_owned(), "JOIN (SELECT id, 0 AS key FROM import_tombstones) b ON b.id = a.id".to_owned()),
    ];
    // The first contradiction ends the import, so one row of each check is enough.
    for (attribute, value, join) in checks {
        let text =
            format!("SELECT {value}, a.key, b.key FROM import_{table} a {join} WHERE a.key > ? AND a.key <= ? LIMIT 1");
        if let Some(mut row) = first_row(sql, &text, &[after.into(), to.into()])? {
            return Ok(Some((attribute, row.text()?, row.integer()?, row.integer()?)));
        }
    }
    Ok(None)
}

/// Counts the memberships after one of them, at most `count`. Returns their number and the last one; `None` at the end.
pub fn walk_members(sql: &dyn Sql, after: (i64, i64), count: i64) -> Result<(i64, Option<(i64, i64)>)> {
    let text = "SELECT group_key, user_key FROM import_members WHERE (group_key, user_key) > (?, ?) \
                ORDER BY group_key, user_key LIMIT 1 OFFSET ?";
    // The row at the end of the step tells that it is full; only the last step counts.
    if let Some(mut row) = first_row(sql, text, &[after.0.into(), after.1.into(), (count - 1).into()])? {
        return Ok((count, Some((row.integer()?, row.integer()?))));
    }
    let text = "SELECT count(*) FROM import_members WHERE (group_key, user_key) > (?, ?)";
    let count = first_row(sql, text, &[after.0.into(), after.1.into()])?.map_or(Ok(0), |mut row| row.integer())?;
    Ok((count, None))
}

/// Returns a membership of a group or user that no longer exists, after one of them, up to and with another, or to the
/// end: the keys of both. None may be written, since the directory's own tables refuse it.
pub fn find_astray(sql: &dyn Sql, after: (i64, i64), to: Option<(i64, i64)>) -> Result<Option<(i64, i64)>> {
    let to = to.unwrap_or(END);
    let text = "SELECT group_key, user_key FROM import_members m WHERE (group_key, user_key) > (?, ?) \
                AND (group_key, user_key) <= (?, ?) AND (NOT EXISTS (SELECT 1 FROM import_groups WHERE key = m.group_key) \
                OR NOT EXISTS (SELECT 1 FROM import_users WHERE key = m.user_key)) LIMIT 1";
    let row = first_row(sql, text, &[after.0.into(), after.1.into(), to.0.into(), to.1.into()])?;
    row.map(|mut row| Ok((row.integer()?, row.integer()?))).transpose()
}

/// Counts the ids that the import says were deleted.
pub fn count_tombstones(sql: &dyn Sql) -> Result<i64> {
    first_row(sql, "SELECT count(*) FROM import_tombstones", &[])?.map_or(Ok(0), |mut row| row.integer())
}
