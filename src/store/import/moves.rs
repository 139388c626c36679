//! The import becomes the directory: the old rows go, the new ones are moved in, step by step.

use super::{AT_ONCE, BYTES, END, some_moved};
use crate::error::Result;
use crate::id::Seq;
use crate::store::{Param, Sql, first_row, groups, users};

/// Removes at most `count` memberships of the old directory; returns true if there are more.
pub fn empty_members(sql: &dyn Sql, count: i64) -> Result<bool> {
    // Memberships go first: they refer to the rows of users and groups.
    let text = "DELETE FROM members WHERE (group_key, user_key) IN (SELECT group_key, user_key FROM members LIMIT ?)";
    sql.query(text, &[count.into()])?;
    Ok(first_row(sql, "SELECT 1 FROM members LIMIT 1", &[])?.is_some())
}

/// Removes users or groups of the old directory, which have no memberships any more. Ids that the import does not
/// contain are remembered as deleted. At most `bounds` of them and of their bytes, roughly. Returns true if there are
/// more.
pub fn remove_old(sql: &dyn Sql, table: &str, kind: &str, bounds: (i64, i64)) -> Result<bool> {
    let some = format!("SELECT key FROM {table} ORDER BY key LIMIT ?1");
    // Before the rows go: their ids must never be given to other resources.
    let bury = format!(
        "INSERT OR IGNORE INTO tombstones (id, kind) SELECT id, ?2 FROM {table} t WHERE key IN ({some}) AND NOT EXISTS \
         (SELECT 1 FROM import_{table} i WHERE i.id = t.id)"
    );
    let text = format!("DELETE FROM {table} WHERE key IN ({some}) RETURNING key, {BYTES}");
    // Few at once, because SQLite returns all rows of a statement before the first is counted.
    let mut left = bounds;
    while left.0 > 0 && left.1 > 0 {
        sql.query(&bury, &[AT_ONCE.into(), kind.into()])?;
        if some_moved(sql, &text, &[AT_ONCE.into()], &mut left)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves users (or groups) after a key into the directory, as of a change of that position: at most `bounds` of them
/// and of their bytes, roughly. Returns the last one's key; `None` at the end.
pub fn write_rows(sql: &dyn Sql, table: &str, after: i64, bounds: (i64, i64), seq: Seq) -> Result<Option<i64>> {
    let text = if table == "users" {
        let content = users::CONTENT;
        format!(
            "INSERT INTO users (key, id, {content}, version, seq, created, modified) SELECT key, id, {content}, version, ?, \
             created, modified FROM import_users WHERE key > ? ORDER BY key LIMIT ? RETURNING key, {BYTES}"
        )
    } else {
        let content = groups::CONTENT;
        // Keys of groups are below 0 and grow downwards, so the order in which they were made is kept.
        format!(
            "INSERT INTO groups (key, id, {content}, gone, version, seq, created, modified) SELECT -key, id, {content}, 0, \
             version, ?, created, modified FROM import_groups WHERE key > ? ORDER BY key LIMIT ? RETURNING -key, {BYTES}"
        )
    };
    let (mut left, mut last) = (bounds, None);
    while left.0 > 0 && left.1 > 0 {
        let params = [seq.into(), last.unwrap_or(after).into(), AT_ONCE.into()];
        match some_moved(sql, &text, &params, &mut left)? {
            None => break,
            moved => last = moved,
        }
    }
    Ok(last)
}

/// Moves the memberships after one of them, up to and with another, or to the end, into the directory.
pub fn write_members(sql: &dyn Sql, after: (i64, i64), to: Option<(i64, i64)>) -> Result<()> {
    let to = to.unwrap_or(END);
    let text = "INSERT INTO members (group_key, user_key) SELECT -group_key, user_key FROM import_members \
                WHERE (group_key, user_key) > (?, ?) AND (group_key, user_key) <= (?, ?) ORDER BY group_key, user_key";
    sql.query(text, &[after.0.into(), after.1.into(), to.0.into(), to.1.into()]).map(|_| ())
}

/// Remembers the deleted ids after one of them, at most `count`; returns the last one.
pub fn write_tombstones(sql: &dyn Sql, after: &str, count: i64) -> Result<Option<String>> {
    let text = "SELECT max(id) FROM (SELECT id FROM import_tombstones WHERE id > ? ORDER BY id LIMIT ?)";
    let last =
        first_row(sql, text, &[after.into(), count.into()])?.map(|mut row| row.optional_text()).transpose()?.flatten();
    if let Some(last) = &last {
        let text = "INSERT OR IGNORE INTO tombstones (id, kind) SELECT id, kind FROM import_tombstones WHERE id > ? AND id <= ?";
        sql.query(text, &[after.into(), Param::Text(last)])?;
    }
    Ok(last)
}

/// Removes the tombstones of ids that the import contains: those with keys after one and up to another.
pub fn unbury_ids(sql: &dyn Sql, table: &str, after: i64, to: i64) -> Result<()> {
    let text = format!("DELETE FROM tombstones WHERE id IN (SELECT id FROM import_{table} WHERE key > ? AND key <= ?)");
    sql.query(&text, &[after.into(), to.into()]).map(|_| ())
}
