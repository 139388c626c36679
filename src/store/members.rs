//! Memberships, and what an id stands for. Ids travel many at a time in one JSON parameter.

use super::{Row, Sql, each, first, pieces};
use crate::directory::reply::GroupRef;
use crate::error::{Error, Result};
use crate::id::{GroupId, MemberId, Seq, Timestamp};
use crate::scim::json;
use crate::sorted::Sorted;

/// Below every key of a user or group.
pub const BEFORE_ALL: i64 = -9_007_199_254_740_991;
/// How many ids [`ids`] gives well at once.
pub const IDS_PIECE: i64 = 1000;
/// How many groups [`groups`] gives well at once: a name may be long.
pub const GROUPS_PIECE: i64 = 100;

/// What an id that a group is asked to hold stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A user, with its key.
    User(i64),
    /// A group: nested groups are refused.
    Group,
    /// A user or group that was deleted.
    Deleted,
    /// It never was one of this organisation's.
    Unknown,
}

impl Found {
    /// The user's key.
    pub fn user(self) -> Option<i64> {
        if let Self::User(key) = self { Some(key) } else { None }
    }
}

/// What each of the ids stands for.
///
/// # Errors
/// Internal only, as of every function here.
pub fn resolve(sql: &dyn Sql, ids: &[MemberId]) -> Result<Sorted<MemberId, Found>> {
    let text = "SELECT j.value, u.key, (SELECT 1 FROM groups g WHERE g.id = j.value AND g.gone = 0), \
                (SELECT 1 FROM tombstones t WHERE t.id = j.value) \
                FROM json_each(?) j LEFT JOIN users u ON u.id = j.value";
    let mut found = Vec::new();
    for piece in pieces(ids)? {
        for mut row in sql.query(text, &[piece.as_str().into()])? {
            let id = MemberId::parse(&row.text()?).ok_or_else(|| Error::internal("an id changed on its way"))?;
            let (user, group, deleted) = (row.optional_integer()?, row.optional_integer()?, row.optional_integer()?);
            let kind = match (user, group, deleted) {
                (Some(key), ..) => Found::User(key),
                (None, Some(_), _) => Found::Group,
                (None, None, Some(_)) => Found::Deleted,
                (None, None, None) => Found::Unknown,
            };
            found.push((id, kind));
        }
    }
    Ok(found.into_iter().collect())
}

/// Those of the users who are members of the group, with their ids.
///
/// # Errors
/// Internal only.
pub fn among(sql: &dyn Sql, group: i64, users: &[i64]) -> Result<Vec<(i64, String)>> {
    // CROSS JOIN keeps SQLite to this order: from the listed users, never from all members of the group.
    let text = "SELECT m.user_key, u.id FROM json_each(?) j \
                CROSS JOIN members m ON m.group_key = ? AND m.user_key = j.value \
                CROSS JOIN users u ON u.key = m.user_key";
    let mut present = Vec::new();
    for piece in pieces(users)? {
        for mut row in sql.query(text, &[piece.as_str().into(), group.into()])? {
            present.push((row.integer()?, row.text()?));
        }
    }
    Ok(present)
}

/// Every member of the group: keys with ids, after a key, at most `count`, in the order of the keys.
///
/// # Errors
/// Internal only.
pub fn page(sql: &dyn Sql, group: i64, after: i64, count: i64) -> Result<Vec<(i64, String)>> {
    let text = "SELECT m.user_key, u.id FROM members m JOIN users u ON u.key = m.user_key \
                WHERE m.group_key = ? AND m.user_key > ? ORDER BY m.user_key LIMIT ?";
    let rows = sql.query(text, &[group.into(), after.into(), count.into()])?;
    each(rows, |mut row| Ok((row.integer()?, row.text()?)))
}

/// Members of the group as the Console sees them, after a key, at most `count`: each one's key, id, `userName`, and
/// whether it is active.
///
/// # Errors
/// Internal only.
pub fn shown(sql: &dyn Sql, group: i64, after: i64, count: i64) -> Result<Vec<(i64, String, String, bool)>> {
    let text = "SELECT m.user_key, u.id, u.user_name, u.active FROM members m JOIN users u ON u.key = m.user_key \
                WHERE m.group_key = ? AND m.user_key > ? ORDER BY m.user_key LIMIT ?";
    let rows = sql.query(text, &[group.into(), after.into(), count.into()])?;
    each(rows, |mut row| Ok((row.integer()?, row.text()?, row.text()?, row.integer()? == 1)))
}

/// The ids of a group's members after a key, at most `count`, in the order of the keys; and the key of the
/// last, from which it goes on.
///
/// # Errors
/// Internal only.
pub fn ids(sql: &dyn Sql, group: i64, after: i64, count: i64) -> Result<(Vec<String>, Option<i64>)> {
    // One text instead of a row for each: few crossings. An id has at most 131 bytes in it.
    let text = "SELECT json_group_array(id), max(key) FROM ( \
                SELECT u.id AS id, m.user_key AS key FROM members m CROSS JOIN users u ON u.key = m.user_key \
                WHERE m.group_key = ? AND m.user_key > ? ORDER BY m.user_key LIMIT ?)";
    let row = first(sql, text, &[group.into(), after.into(), count.into()])?;
    let mut row = row.ok_or_else(|| Error::internal("an aggregate without a row"))?;
    let ids: Vec<String> = json::own(&row.text()?)?;
    Ok((ids, row.optional_integer()?))
}

/// How many members a group has after a key, counted up to `most`.
///
/// # Errors
/// Internal only.
pub fn count(sql: &dyn Sql, group: i64, after: i64, most: i64) -> Result<i64> {
    let text = "SELECT count(*) FROM (SELECT 1 FROM members WHERE group_key = ? AND user_key > ? LIMIT ?)";
    let row = first(sql, text, &[group.into(), after.into(), most.into()])?;
    row.map_or(Ok(0), |mut row| row.integer())
}

/// A user's groups after a key, at most `count`, each with its key and in the order of the keys.
///
/// # Errors
/// Internal only.
pub fn groups(sql: &dyn Sql, user: i64, after: i64, count: i64) -> Result<Vec<(i64, GroupRef)>> {
    let text = "SELECT m.group_key, g.id, g.display_name FROM members m CROSS JOIN groups g ON g.key = m.group_key \
                WHERE m.user_key = ? AND m.group_key > ? AND g.gone = 0 ORDER BY m.group_key LIMIT ?";
    each(sql.query(text, &[user.into(), after.into(), count.into()])?, |mut row| {
        Ok((row.integer()?, group_ref(&mut row)?))
    })
}

/// The groups of these users in their order, at most `most` of all: pairs of a user's key and a group. If there are as
/// many as `most`, the last user may have more.
///
/// # Errors
/// Internal only.
pub fn groups_of_users(sql: &dyn Sql, users: &[i64], most: i64) -> Result<Vec<(i64, GroupRef)>> {
    // CROSS JOIN keeps the order of the list, and so does the answer: no sort reads more than it needs.
    let text = "SELECT j.value, g.id, g.display_name FROM json_each(?) j \
                CROSS JOIN members m ON m.user_key = j.value CROSS JOIN groups g ON g.key = m.group_key \
                WHERE g.gone = 0 LIMIT ?";
    let users = serde_json::to_string(users).map_err(Error::internal)?;
    each(sql.query(text, &[users.as_str().into(), most.into()])?, |mut row| Ok((row.integer()?, group_ref(&mut row)?)))
}

fn group_ref(row: &mut Row) -> Result<GroupRef> {
    let id = GroupId::parse(&row.text()?).ok_or_else(|| Error::internal("a stored id is none"))?;
    Ok(GroupRef { id, display: row.text()? })
}

/// The ids of a user's groups.
///
/// # Errors
/// Internal only.
pub fn groups_of(sql: &dyn Sql, user: i64) -> Result<Vec<String>> {
    let text = "SELECT g.id FROM members m JOIN groups g ON g.key = m.group_key WHERE m.user_key = ? AND g.gone = 0 \
                ORDER BY g.id";
    each(sql.query(text, &[user.into()])?, |mut row| row.text())
}

/// Adds users who are not members.
///
/// # Errors
/// Internal only.
pub fn add(sql: &dyn Sql, group: i64, users: &[i64]) -> Result<()> {
    for piece in pieces(users)? {
        let text = "INSERT INTO members (group_key, user_key) SELECT ?, value FROM json_each(?)";
        sql.query(text, &[group.into(), piece.as_str().into()])?;
    }
    Ok(())
}

/// Removes users who are members.
///
/// # Errors
/// Internal only.
pub fn remove(sql: &dyn Sql, group: i64, users: &[i64]) -> Result<()> {
    for piece in pieces(users)? {
        let text = "DELETE FROM members WHERE group_key = ? AND user_key IN (SELECT value FROM json_each(?))";
        sql.query(text, &[group.into(), piece.as_str().into()])?;
    }
    Ok(())
}

/// Empties a group.
///
/// # Errors
/// Internal only.
pub fn clear(sql: &dyn Sql, group: i64) -> Result<()> {
    sql.query("DELETE FROM members WHERE group_key = ?", &[group.into()]).map(|_| ())
}

/// Takes a user out of all groups, whose versions rise.
///
/// # Errors
/// Internal only.
pub fn leave_all(sql: &dyn Sql, user: i64, seq: Seq, now: Timestamp) -> Result<()> {
    let text = "UPDATE groups SET version = version + 1, seq = ?, modified = ? \
                WHERE key IN (SELECT group_key FROM members WHERE user_key = ?)";
    sql.query(text, &[seq.into(), now.0.into(), user.into()])?;
    sql.query("DELETE FROM members WHERE user_key = ?", &[user.into()]).map(|_| ())
}
