//! The directory in the order of its keys, as the lines of a snapshot.

use super::{Row, Sql, first_row};
use crate::directory::console::{GroupAnswer, Membership, SnapshotLine, Tombstone, UserAnswer};
use crate::error::Result;
use crate::id::{Timestamp, Version};
use crate::scim::json;

/// The columns that [`read_resource`] reads.
const RESOURCE: &str = "key, id, version, created, modified, json_remove(doc, '$.schemas')";

/// Returns users after a key, at most `count`, in the order of the keys: each one's key and line.
pub fn users_page(sql: &dyn Sql, after: i64, count: i64) -> Result<Vec<(i64, String)>> {
    let text = format!("SELECT {RESOURCE}, active FROM users WHERE key > ? AND gone = 0 ORDER BY key LIMIT ?");
    let rows = sql.query(&text, &[after.into(), count.into()])?;
    rows.into_iter()
        .map(|mut row| {
            let (key, found) = read_resource(&mut row)?;
            let active = row.integer()? == 1;
            Ok((key, SnapshotLine::User(found.user_answer(active)?).text()?))
        })
        .collect()
}

/// Returns groups below a key, from the highest key down: the order in which they were made.
pub fn groups_page(sql: &dyn Sql, below: i64, count: i64) -> Result<Vec<(i64, String)>> {
    let text = format!("SELECT {RESOURCE} FROM groups WHERE key < ? AND gone = 0 ORDER BY key DESC LIMIT ?");
    let rows = sql.query(&text, &[below.into(), count.into()])?;
    rows.into_iter()
        .map(|mut row| {
            let (key, found) = read_resource(&mut row)?;
            Ok((key, SnapshotLine::Group(found.group_answer()?).text()?))
        })
        .collect()
}

/// A user or group, with its document as it is stored.
struct SnapshotRow {
    id: String,
    version: Version,
    created: Timestamp,
    modified: Timestamp,
    attributes: String,
}

impl SnapshotRow {
    fn user_answer(&self, active: bool) -> Result<UserAnswer<'_>> {
        let GroupAnswer { id, version, created, modified, attributes } = self.group_answer()?;
        Ok(UserAnswer { id, version, active, created, modified, attributes, groups: None, more_groups: None })
    }

    fn group_answer(&self) -> Result<GroupAnswer<'_>> {
        Ok(GroupAnswer {
            id: &self.id,
            version: self.version,
            created: self.created.into(),
            modified: self.modified.into(),
            attributes: json::read_own(&self.attributes)?,
        })
    }
}

/// Returns a key, and the fields that users and groups share.
fn read_resource(row: &mut Row) -> Result<(i64, SnapshotRow)> {
    let (key, id, version) = (row.integer()?, row.text()?, row.integer()?);
    let (created, modified) = (Timestamp(row.integer()?), Timestamp(row.integer()?));
    Ok((key, SnapshotRow { id, version, created, modified, attributes: row.text()? }))
}

/// Some members of one group.
#[derive(Debug)]
pub struct Crew {
    /// The keys of the group and of the last member.
    pub last: (i64, i64),
    /// The number of members.
    pub count: i64,
    /// The line; `None` for a gone group or gone users: such rows are read, not shown.
    pub line: Option<String>,
}

/// Returns the memberships after one of them, at most `count`, in the order of the keys.
pub fn memberships_page(sql: &dyn Sql, (group, user): (i64, i64), count: i64) -> Result<Vec<Crew>> {
    let text = "SELECT m.group_key, max(m.user_key), count(*), g.gone, g.id, \
                json_group_array(u.id) FILTER (WHERE u.gone = 0) FROM ( \
                SELECT group_key, user_key FROM members WHERE (group_key, user_key) > (?, ?) \
                ORDER BY group_key, user_key LIMIT ?) m \
                CROSS JOIN groups g ON g.key = m.group_key CROSS JOIN users u ON u.key = m.user_key \
                GROUP BY m.group_key ORDER BY m.group_key";
    // The inner LIMIT bounds the rows; the members of one group come as one line, and continue in the next step.
    let rows = sql.query(text, &[group.into(), user.into(), count.into()])?;
    rows.into_iter()
        .map(|mut row| {
            let (last, count, gone) = ((row.integer()?, row.integer()?), row.integer()?, row.integer()? == 1);
            let (id, users) = (row.text()?, row.text()?);
            // A gone group keeps its members until a job has removed them; nothing of that is shown.
            let line = match !gone && users != "[]" {
                true => Some(SnapshotLine::Members(Membership { id: &id, users: json::read_own(&users)? }).text()?),
                false => None,
            };
            Ok(Crew { last, count, line })
        })
        .collect()
}

/// Returns the tombstones after an id, at most `count`, in the order of the ids: each with its line.
pub fn tombstones_page(sql: &dyn Sql, after: &str, count: i64) -> Result<Vec<(String, String)>> {
    let text = "SELECT id, kind FROM tombstones WHERE id > ? ORDER BY id LIMIT ?";
    let rows = sql.query(text, &[after.into(), count.into()])?;
    rows.into_iter()
        .map(|mut row| {
            let (id, kind) = (row.text()?, row.text()?);
            let text = SnapshotLine::Tombstone(Tombstone { id: &id, resource_type: &kind }).text()?;
            Ok((id, text))
        })
        .collect()
}

/// Counts the tombstones.
pub fn count_tombstones(sql: &dyn Sql) -> Result<i64> {
    first_row(sql, "SELECT count(*) FROM tombstones", &[])?.map_or(Ok(0), |mut row| row.integer())
}
