//! The users, groups and memberships that the lines say, in tables of the import's own.

use crate::error::Result;
use crate::id::{Timestamp, Version};
use crate::store::columns::{excluded, parameters};
use crate::store::{Param, Sql, first_row, groups, users};

/// The columns beside a resource's document.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Marks {
    pub version: Version,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// The columns of [`Marks`].
const MARKS: &str = "version, created, modified";

/// Writes a user; one with that id is replaced and keeps its key.
pub fn put_user(sql: &dyn Sql, key: i64, id: &str, content: &users::UserContent, marks: Marks) -> Result<()> {
    put_resource(sql, ("import_users", users::CONTENT), (key, id), &content.params(), marks)
}

/// Writes a group; one with that id is replaced and keeps its key.
pub fn put_group(sql: &dyn Sql, key: i64, id: &str, content: &groups::GroupContent, marks: Marks) -> Result<()> {
    put_resource(sql, ("import_groups", groups::CONTENT), (key, id), &content.params(), marks)
}

fn put_resource(
    sql: &dyn Sql,
    (table, columns): (&str, &str),
    (key, id): (i64, &str),
    content: &[Param<'_>],
    marks: Marks,
) -> Result<()> {
    // The key stays: memberships that earlier lines made hold it.
    let text = format!(
        "INSERT INTO {table} (key, id, {columns}, {MARKS}) VALUES (?, ?, {}, {}) ON CONFLICT (id) DO UPDATE SET {}, {}",
        parameters(columns),
        parameters(MARKS),
        excluded(columns),
        excluded(MARKS)
    );
    let mut params = vec![Param::from(key), Param::Text(id)];
    params.extend(content);
    params.extend([marks.version, marks.created.0, marks.modified.0].map(Param::from));
    sql.query(&text, &params).map(|_| ())
}

/// Returns the key of the line with a user or group.
pub fn line_of_id(sql: &dyn Sql, id: &str) -> Result<Option<i64>> {
    let text =
        "SELECT coalesce((SELECT key FROM import_users WHERE id = ?1), (SELECT key FROM import_groups WHERE id = ?1))";
    Ok(first_row(sql, text, &[id.into()])?.map(|mut row| row.optional_integer()).transpose()?.flatten())
}

/// Sets another version of a group, whose members changed.
pub fn touch_group(sql: &dyn Sql, id: &str, version: Version, modified: Timestamp) -> Result<()> {
    let text = "UPDATE import_groups SET version = ?, modified = ? WHERE id = ?";
    sql.query(text, &[version.into(), modified.0.into(), id.into()]).map(|_| ())
}

/// Removes a user or group, whose memberships are already removed, and remembers its id.
pub fn bury_resource(sql: &dyn Sql, id: &str, kind: &str, gone: bool) -> Result<()> {
    if gone {
        sql.query("DELETE FROM import_users WHERE id = ?", &[id.into()])?;
        sql.query("DELETE FROM import_groups WHERE id = ?", &[id.into()])?;
    }
    // An id may be deleted twice in an import: an earlier tombstone says the same.
    let text = "INSERT OR IGNORE INTO import_tombstones (id, kind) VALUES (?, ?)";
    sql.query(text, &[id.into(), kind.into()]).map(|_| ())
}

/// Adds members to a group, ids as a JSON array. Unknown ids are skipped; returns the first of them.
pub fn join_group(sql: &dyn Sql, group: &str, users: &str) -> Result<Option<String>> {
    // A list may name one member twice, and two lines may name the same.
    let text = "INSERT OR IGNORE INTO import_members (group_key, user_key) SELECT g.key, u.key FROM import_groups g, \
                json_each(?2) j JOIN import_users u ON u.id = j.value WHERE g.id = ?1";
    sql.query(text, &[group.into(), users.into()])?;
    let text = "SELECT j.value FROM json_each(?2) j WHERE NOT EXISTS (SELECT 1 FROM import_users WHERE id = j.value) \
                OR NOT EXISTS (SELECT 1 FROM import_groups WHERE id = ?1) LIMIT 1";
    first_row(sql, text, &[group.into(), users.into()])?.map(|mut row| row.text()).transpose()
}

/// Returns one of these ids that is a group's, if any is.
pub fn group_among(sql: &dyn Sql, ids: &str) -> Result<Option<String>> {
    let text = "SELECT g.id FROM json_each(?) j JOIN import_groups g ON g.id = j.value LIMIT 1";
    first_row(sql, text, &[ids.into()])?.map(|mut row| row.text()).transpose()
}

/// Removes members from a group, or a user from groups: ids as JSON arrays.
pub fn leave_groups(sql: &dyn Sql, groups: &str, users: &str) -> Result<()> {
    // Both lists are looked up by id, so the statement is the same for one group and for one user.
    let text = "DELETE FROM import_members WHERE group_key IN (SELECT g.key FROM json_each(?1) j JOIN import_groups g \
                ON g.id = j.value) AND user_key IN (SELECT u.key FROM json_each(?2) j JOIN import_users u ON u.id = j.value)";
    sql.query(text, &[groups.into(), users.into()]).map(|_| ())
}
