//! Memberships, and what an id stands for. Ids travel many at a time in one JSON parameter.

use super::{Sql, each, pieces};
use crate::directory::reply::GroupRef;
use crate::error::{Error, Result};
use crate::id::{GroupId, MemberId, Seq, Timestamp};
use crate::scim::json;
use crate::sorted::Sorted;

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

/// The members of several groups at once: each group's key with its members' ids.
///
/// # Errors
/// Internal only.
pub fn of_groups(sql: &dyn Sql, groups: &[i64]) -> Result<Sorted<i64, Vec<String>>> {
    // One text of at most 5,000 ids a row: far below what a row may hold, and few crossings.
    let text = "SELECT group_key, json_group_array(id) FROM ( \
                SELECT m.group_key AS group_key, u.id AS id, \
                row_number() OVER (PARTITION BY m.group_key ORDER BY m.user_key) / 5000 AS part \
                FROM json_each(?) j JOIN members m ON m.group_key = j.value JOIN users u ON u.key = m.user_key \
                ORDER BY m.group_key, m.user_key) GROUP BY group_key, part ORDER BY group_key, part";
    let mut members: Sorted<i64, Vec<String>> = Sorted::new();
    for piece in pieces(groups)? {
        for mut row in sql.query(text, &[piece.as_str().into()])? {
            let key = row.integer()?;
            let ids: Vec<String> = json::own(&row.text()?)?;
            match members.get_mut(&key) {
                Some(before) => before.extend(ids),
                None => _ = members.insert(key, ids),
            }
        }
    }
    Ok(members)
}

/// The groups of several users at once: each user's key with its groups.
///
/// # Errors
/// Internal only.
pub fn of_users(sql: &dyn Sql, users: &[i64]) -> Result<Sorted<i64, Vec<GroupRef>>> {
    let text = "SELECT m.user_key, g.id, g.display_name FROM json_each(?) j JOIN members m ON m.user_key = j.value \
                JOIN groups g ON g.key = m.group_key WHERE g.gone = 0 ORDER BY m.user_key, g.id";
    let mut groups: Sorted<i64, Vec<GroupRef>> = Sorted::new();
    for piece in pieces(users)? {
        for mut row in sql.query(text, &[piece.as_str().into()])? {
            let key = row.integer()?;
            let id = GroupId::parse(&row.text()?).ok_or_else(|| Error::internal("a stored id is none"))?;
            let group = GroupRef { id, display: row.text()? };
            match groups.get_mut(&key) {
                Some(before) => before.push(group),
                None => _ = groups.insert(key, vec![group]),
            }
        }
    }
    Ok(groups)
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
