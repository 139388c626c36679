//! The groups of one user as rows: how it leaves them, at once or in steps, and how rows of gone users and groups are
//! removed.

use super::changes::{self, Head};
use super::{Param, Sql, first_row, tombstones};
use crate::directory::console::ChangeKind;
use crate::error::{Error, Result};
use crate::id::{Seq, Timestamp};
use crate::scim::json;

/// Counts a user's groups, up to `most`.
pub fn count_groups(sql: &dyn Sql, user: i64, most: Option<i64>) -> Result<i64> {
    let text = "SELECT count(*) FROM (SELECT 1 FROM members WHERE user_key = ? \
                AND group_key NOT IN (SELECT key FROM groups WHERE gone = 1) LIMIT ?)";
    // SQLite takes a negative LIMIT for none.
    let most = most.map_or(-1, |most| most + 1);
    first_row(sql, text, &[user.into(), most.into()])?.map_or(Ok(0), |mut row| row.integer())
}

/// Returns the keys of a user's groups, at most `count`, in the order in which the groups were made.
pub fn some_groups(sql: &dyn Sql, user: i64, count: i64) -> Result<Vec<i64>> {
    let text = "SELECT json_group_array(group_key) FROM (SELECT group_key FROM members WHERE user_key = ? \
                AND group_key NOT IN (SELECT key FROM groups WHERE gone = 1) ORDER BY group_key DESC LIMIT ?)";
    let row = first_row(sql, text, &[user.into(), count.into()])?;
    row.map_or(Ok(Vec::new()), |mut row| json::read_own(&row.text()?))
}

/// Removes a user from some groups, whose versions rise. Their `seq` stays: the change is the user's.
pub fn leave_groups(sql: &dyn Sql, user: i64, groups: &[i64], now: Timestamp) -> Result<()> {
    let keys = keys_text(groups)?;
    // A group's entity tag changes with its members (RFC 7644 section 3.14).
    let text = "UPDATE groups SET version = version + 1, modified = ? WHERE key IN (SELECT value FROM json_each(?))";
    sql.query(text, &[now.0.into(), keys.as_str().into()])?;
    let text = "DELETE FROM members WHERE user_key = ? AND group_key IN (SELECT value FROM json_each(?))";
    sql.query(text, &[user.into(), keys.as_str().into()]).map(|_| ())
}

/// Removes a user's remaining memberships: those in groups that are gone.
pub fn clear_memberships(sql: &dyn Sql, user: i64) -> Result<()> {
    sql.query("DELETE FROM members WHERE user_key = ?", &[user.into()]).map(|_| ())
}

/// Returns the ids of groups. For a few groups only: ids of many do not leave SQL.
pub fn group_ids(sql: &dyn Sql, groups: &[i64]) -> Result<Vec<String>> {
    let text = "SELECT json_group_array(g.id) FROM json_each(?) j CROSS JOIN groups g ON g.key = j.value";
    let row = first_row(sql, text, &[keys_text(groups)?.as_str().into()])?;
    row.map_or(Ok(Vec::new()), |mut row| json::read_own(&row.text()?))
}

/// Writes the known part of the change that tells which groups a user left: [`super::changes::append_changes`] writes the rest.
/// The ids do not leave SQL. Returns their size in bytes.
pub fn write_change(sql: &dyn Sql, seq: Seq, user: &str, groups: &[i64]) -> Result<i64> {
    let before = "json_object('groups', json((SELECT json_group_array(g.id) \
                  FROM json_each(?3) j CROSS JOIN groups g ON g.key = j.value)))";
    let keys = keys_text(groups)?;
    changes::write_before(sql, (ChangeKind::Updated, "User"), before, &[seq.into(), user.into(), keys.as_str().into()])
}

/// A user or group that is gone and still has a row.
#[derive(Debug)]
pub struct Gone {
    /// Its key.
    pub key: i64,
    /// Its `id`.
    pub id: String,
    /// The position of the change that deleted it.
    pub seq: Seq,
}

/// Returns a group that is gone.
pub fn gone_group(sql: &dyn Sql) -> Result<Option<Gone>> {
    gone_resource(sql, "SELECT key, id, seq FROM groups WHERE gone = 1 LIMIT 1")
}

/// Returns a user who is gone.
pub fn gone_user(sql: &dyn Sql) -> Result<Option<Gone>> {
    gone_resource(sql, "SELECT key, id, seq FROM users WHERE gone = 1 LIMIT 1")
}

fn gone_resource(sql: &dyn Sql, text: &str) -> Result<Option<Gone>> {
    let row = first_row(sql, text, &[])?;
    row.map(|mut row| Ok(Gone { key: row.integer()?, id: row.text()?, seq: row.integer()? })).transpose()
}

/// Removes at most `count` members of a group that is gone; returns false if there were none.
pub fn clear_group(sql: &dyn Sql, group: i64, count: i64) -> Result<bool> {
    // `DELETE ... LIMIT` is an option that SQLite need not be built with, so the end of the step is looked up first.
    let text = "SELECT max(user_key) FROM (SELECT user_key FROM members WHERE group_key = ? ORDER BY user_key LIMIT ?)";
    let row = first_row(sql, text, &[group.into(), count.into()])?;
    let Some(last) = row.map(|mut row| row.optional_integer()).transpose()?.flatten() else { return Ok(false) };
    sql.query("DELETE FROM members WHERE group_key = ? AND user_key <= ?", &[group.into(), last.into()])?;
    Ok(true)
}

/// Writes a change after `head` that tells which groups a gone user has left, as a part of the request that deleted it:
/// the journal does not show it apart.
pub fn append_left(sql: &dyn Sql, head: &Head, at: Timestamp, user: &Gone, groups: &[i64]) -> Result<()> {
    changes::append_groups_left(sql, head, (&user.id, &keys_text(groups)?, at, user.seq))?;
    // It is the last change of that user now.
    let seq = Param::from(head.seq + 1);
    sql.query("UPDATE users SET seq = ? WHERE key = ?", &[seq, user.key.into()])?;
    tombstones::move_to(sql, &user.id, user.seq, head.seq + 1)
}

fn keys_text(keys: &[i64]) -> Result<String> {
    serde_json::to_string(keys).map_err(Error::internal)
}
