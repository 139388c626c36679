//! Memberships, and the resources that ids stand for. Many ids travel at once in one JSON parameter.

use super::changes::write_before;
use super::{Param, Row, Sql, TEXT_MAX, first_row, read_rows};
use crate::directory::console::ChangeKind;
use crate::directory::reply::GroupRef;
use crate::error::{Error, Result};
use crate::id::{GroupId, Seq};
use crate::scim::json;

/// A key below every key of a user or group.
pub const BEFORE_ALL: i64 = -9_007_199_254_740_991;
/// The most ids that [`member_ids`] returns well at once.
pub const IDS_PIECE: i64 = 1000;
/// The most groups that [`groups_of_user`] returns well at once: a name may be long.
pub const GROUPS_PIECE: i64 = 100;
/// The most keys that are bound at once: a key has at most 16 digits.
const KEYS_AT_ONCE: usize = 50_000;
/// The members in one row of an answer, as JSON text: at most 655 KB of ids.
const MEMBERS_A_ROW: i64 = 5_000;

/// The resource of an id that a group is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ResolvedId {
    /// A user, with its key; `member` if it is already in the group.
    User { key: i64, member: bool },
    /// A group: nested groups are refused.
    Group,
    /// A user or group that was deleted.
    Deleted,
    /// An id that this organisation never had.
    Unknown,
}

/// Returns the resource of each id, in their order. Without a group, its key is 0.
pub fn resolve_ids(sql: &dyn Sql, group: i64, ids: &[&str]) -> Result<Vec<ResolvedId>> {
    // One number for each id: twice a user's key, one more for a member; 0 unknown, -1 a group, -2 deleted. The left
    // side of a LEFT JOIN is read first, so they come in the order of the ids.
    let text = "SELECT json_group_array(CASE WHEN u.key IS NOT NULL THEN u.key * 2 + EXISTS ( \
                SELECT 1 FROM members m WHERE m.group_key = ?2 AND m.user_key = u.key) \
                WHEN EXISTS (SELECT 1 FROM groups g WHERE g.id = j.value AND g.gone = 0) THEN -1 \
                WHEN EXISTS (SELECT 1 FROM tombstones t WHERE t.id = j.value) THEN -2 ELSE 0 END) \
                FROM json_each(?1) j LEFT JOIN users u ON u.id = j.value AND u.gone = 0";
    let mut found = Vec::with_capacity(ids.len());
    let mut rest = ids;
    while let Some(piece) = ids_piece(&mut rest) {
        found.extend(keys_of(sql, text, &[piece.as_str().into(), group.into()])?.into_iter().map(|code| match code {
            -2 => ResolvedId::Deleted,
            -1 => ResolvedId::Group,
            0 => ResolvedId::Unknown,
            code => ResolvedId::User { key: code / 2, member: code % 2 == 1 },
        }));
    }
    // The answers are matched to the ids by position alone, so a lost row would give a member another one's key.
    if found.len() != ids.len() {
        return Err(Error::internal(format!("{} ids were looked up, {} found", ids.len(), found.len())));
    }
    Ok(found)
}

/// Takes ids from the front, as a JSON array of about half of [`TEXT_MAX`]. Ids need no escape in JSON.
fn ids_piece(ids: &mut &[&str]) -> Option<String> {
    if ids.is_empty() {
        return None;
    }
    let mut text = "[".to_owned();
    while let Some((id, rest)) = ids.split_first().filter(|_| text.len() < TEXT_MAX / 2) {
        if text.len() > 1 {
            text.push(',');
        }
        text.push('"');
        text.push_str(id);
        text.push('"');
        *ids = rest;
    }
    text.push(']');
    Some(text)
}

/// Returns the integers that a statement yields as one JSON array.
fn keys_of(sql: &dyn Sql, text: &str, params: &[Param<'_>]) -> Result<Vec<i64>> {
    first_row(sql, text, params)?.map_or(Ok(Vec::new()), |mut row| json::read_own(&row.text()?))
}

fn keys_text(keys: &[i64]) -> Result<String> {
    serde_json::to_string(keys).map_err(Error::internal)
}

/// Returns the keys of members after a key, in their order; none at the end.
pub fn keys_page(sql: &dyn Sql, group: i64, after: i64) -> Result<Vec<i64>> {
    let text = "SELECT json_group_array(user_key) FROM (SELECT user_key FROM members \
                WHERE group_key = ? AND user_key > ? AND user_key NOT IN (SELECT key FROM users WHERE gone = 1) \
                ORDER BY user_key LIMIT ?)";
    keys_of(sql, text, &[group.into(), after.into(), (KEYS_AT_ONCE as i64).into()])
}

/// Members of a group: their keys, and their ids as SQL wrote them.
#[derive(Debug)]
pub struct IdsPage {
    /// The keys in their order.
    pub keys: Vec<i64>,
    ids: String,
}

impl IdsPage {
    /// Returns the ids, in the order of the keys. No id has a comma, a bracket or a quote.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.trim_matches(['[', ']']).split(',').map(|id| id.trim_matches('"'))
    }
}

/// Returns the keys and ids of members after a key; `None` at the end.
pub fn ids_page(sql: &dyn Sql, group: i64, after: i64) -> Result<Option<IdsPage>> {
    let text = "SELECT json_group_array(key), json_group_array(id) FROM ( \
                SELECT u.key, u.id FROM members m CROSS JOIN users u ON u.key = m.user_key AND u.gone = 0 \
                WHERE m.group_key = ? AND m.user_key > ? ORDER BY m.user_key LIMIT ?)";
    let Some(mut row) = first_row(sql, text, &[group.into(), after.into(), MEMBERS_A_ROW.into()])? else {
        return Ok(None);
    };
    let page = IdsPage { keys: json::read_own(&row.text()?)?, ids: row.text()? };
    Ok((!page.keys.is_empty()).then_some(page))
}

/// Returns members of the group as the Console sees them, after a key, at most `count`: each one's key, id, `userName`,
/// and whether it is active.
pub fn members_shown(sql: &dyn Sql, group: i64, after: i64, count: i64) -> Result<Vec<(i64, String, String, bool)>> {
    // The primary key of `members` begins with the group, so the page is read in the order of its index.
    let text = "SELECT m.user_key, u.id, u.user_name, u.active FROM members m \
                JOIN users u ON u.key = m.user_key AND u.gone = 0 \
                WHERE m.group_key = ? AND m.user_key > ? ORDER BY m.user_key LIMIT ?";
    let rows = sql.query(text, &[group.into(), after.into(), count.into()])?;
    read_rows(rows, |mut row| Ok((row.integer()?, row.text()?, row.text()?, row.integer()? == 1)))
}

/// Returns the ids of a group's members after a key, at most `count`, in the order of the keys, and the key of the last
/// one.
pub fn member_ids(sql: &dyn Sql, group: i64, after: i64, count: i64) -> Result<(Vec<String>, Option<i64>)> {
    // One text instead of a row for each: few crossings. An id has at most 131 bytes in it.
    let text = "SELECT json_group_array(id), max(key) FROM ( \
                SELECT u.id AS id, m.user_key AS key FROM members m CROSS JOIN users u ON u.key = m.user_key AND u.gone = 0 \
                WHERE m.group_key = ? AND m.user_key > ? ORDER BY m.user_key LIMIT ?)";
    let row = first_row(sql, text, &[group.into(), after.into(), count.into()])?;
    let mut row = row.ok_or_else(|| Error::internal("an aggregate without a row"))?;
    let ids: Vec<String> = json::read_own(&row.text()?)?;
    Ok((ids, row.optional_integer()?))
}

/// Counts a group's members after a key, up to `most`.
pub fn count_members(sql: &dyn Sql, group: i64, after: i64, most: i64) -> Result<i64> {
    let text = "SELECT count(*) FROM (SELECT 1 FROM members WHERE group_key = ? AND user_key > ? \
                AND user_key NOT IN (SELECT key FROM users WHERE gone = 1) LIMIT ?)";
    let row = first_row(sql, text, &[group.into(), after.into(), most.into()])?;
    row.map_or(Ok(0), |mut row| row.integer())
}

/// Returns a user's groups after a key, at most `count`, each with its key and in the order of the keys.
pub fn groups_of_user(sql: &dyn Sql, user: i64, after: i64, count: i64) -> Result<Vec<(i64, GroupRef)>> {
    let text = "SELECT m.group_key, g.id, g.display_name FROM members m CROSS JOIN groups g ON g.key = m.group_key \
                WHERE m.user_key = ? AND m.group_key > ? AND g.gone = 0 ORDER BY m.group_key LIMIT ?";
    read_rows(sql.query(text, &[user.into(), after.into(), count.into()])?, |mut row| {
        Ok((row.integer()?, group_ref(&mut row)?))
    })
}

/// Returns the groups of these users in their order, at most `most` of all: pairs of a user's key and a group. If there
/// are as many as `most`, the last user may have more.
pub fn groups_of_users(sql: &dyn Sql, users: &[i64], most: i64) -> Result<Vec<(i64, GroupRef)>> {
    // CROSS JOIN keeps the order of the list, and so does the answer: no sort reads more than it needs.
    let text = "SELECT j.value, g.id, g.display_name FROM json_each(?) j \
                CROSS JOIN members m ON m.user_key = j.value CROSS JOIN groups g ON g.key = m.group_key \
                WHERE g.gone = 0 LIMIT ?";
    let users = serde_json::to_string(users).map_err(Error::internal)?;
    read_rows(sql.query(text, &[users.as_str().into(), most.into()])?, |mut row| {
        Ok((row.integer()?, group_ref(&mut row)?))
    })
}

fn group_ref(row: &mut Row) -> Result<GroupRef> {
    let id = GroupId::parse(&row.text()?).ok_or_else(|| Error::internal("a stored id is invalid"))?;
    Ok(GroupRef { id, display: row.text()? })
}

/// Adds users who are not members.
pub fn add_members(sql: &dyn Sql, group: i64, users: &[i64]) -> Result<()> {
    for piece in users.chunks(KEYS_AT_ONCE) {
        // One statement for up to 50,000 members instead of one each: a bound text has at most 1 MiB.
        let text = "INSERT INTO members (group_key, user_key) SELECT ?, value FROM json_each(?)";
        sql.query(text, &[group.into(), keys_text(piece)?.as_str().into()])?;
    }
    Ok(())
}

/// Removes users who are members.
pub fn remove_members(sql: &dyn Sql, group: i64, users: &[i64]) -> Result<()> {
    for piece in users.chunks(KEYS_AT_ONCE) {
        let text = "DELETE FROM members WHERE group_key = ? AND user_key IN (SELECT value FROM json_each(?))";
        sql.query(text, &[group.into(), keys_text(piece)?.as_str().into()])?;
    }
    Ok(())
}

/// Returns the ids of users as a JSON array, in the order of the keys. For a few users only: ids of many do not leave
/// SQL.
pub fn ids_text(sql: &dyn Sql, users: &[i64]) -> Result<String> {
    if users.is_empty() {
        return Ok("[]".to_owned());
    }
    let text = "SELECT json_group_array(u.id) FROM json_each(?) j CROSS JOIN users u ON u.key = j.value";
    let row = first_row(sql, text, &[keys_text(users)?.as_str().into()])?;
    row.map_or_else(|| Ok("[]".to_owned()), |mut row| row.text())
}

/// Writes the known part of the change that tells of members added and removed: [`super::changes::append_changes`] writes the
/// rest. The ids do not leave SQL. Returns their size in bytes.
pub fn write_change(sql: &dyn Sql, seq: Seq, group: &str, added: &[i64], removed: &[i64]) -> Result<i64> {
    let before = "json_object( \
                'added', json((SELECT json_group_array(u.id) FROM json_each(?3) j CROSS JOIN users u ON u.key = j.value)), \
                'removed', json((SELECT json_group_array(u.id) FROM json_each(?4) j CROSS JOIN users u ON u.key = j.value)))";
    let (added, removed) = (keys_text(added)?, keys_text(removed)?);
    let params = [seq.into(), group.into(), added.as_str().into(), removed.as_str().into()];
    write_before(sql, (ChangeKind::Members, "Group"), before, &params)
}

/// Removes the remaining membership rows of a group before it is deleted: those of users who are gone.
pub fn clear_members(sql: &dyn Sql, group: i64) -> Result<()> {
    sql.query("DELETE FROM members WHERE group_key = ?", &[group.into()]).map(|_| ())
}
