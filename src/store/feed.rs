//! Reading the sequence of changes: a page is bounded by its bytes, however large the changes are.

use super::{Row, Sql, read_rows};
use crate::directory::console::{FeedChange, GroupVersion};
use crate::error::{Error, Result};
use crate::id::{Seq, Timestamp};
use crate::scim::json;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The changes that are read at once. The largest have some 1 MiB.
const PIECE: i64 = 8;

/// A change as it is shown.
#[derive(Debug)]
pub struct FeedRow {
    /// Its position.
    pub seq: Seq,
    /// Its kind.
    pub kind: String,
    /// The memberships that a deletion removed with it and that no other change tells of, or later ones tell of.
    pub memberships: Option<i64>,
    /// Its JSON.
    pub text: String,
}

/// Reads at most `limit` changes after a position in order, and gives each one to `take` until that returns false. A
/// change carries its resource as it is now, or `null` if it is gone; a membership change the ids added and removed; a
/// user who was deleted or came back the groups left. The versions are also those of now.
///
/// # Errors
/// Internal only, or the error of `take`.
pub fn read_changes(
    sql: &dyn Sql,
    after: Seq,
    limit: i64,
    take: &mut dyn FnMut(&FeedRow) -> Result<bool>,
) -> Result<()> {
    let text = "SELECT c.seq, c.at, c.kind, c.resource, c.id, CASE WHEN c.kind = 'members' THEN c.before END, \
                CASE WHEN c.resource = 'User' THEN json_extract(c.before, '$.groups') END, \
                CASE WHEN c.kind <> 'members' THEN coalesce(u.doc, g.doc) END, u.active, \
                coalesce(u.version, g.version), coalesce(u.created, g.created), coalesce(u.modified, g.modified), \
                CASE WHEN c.kind = 'deleted' THEN json_extract(c.before, '$.memberships') END \
                FROM changes c LEFT JOIN users u ON c.resource = 'User' AND u.id = c.id AND u.gone = 0 \
                LEFT JOIN groups g ON c.resource = 'Group' AND g.id = c.id AND g.gone = 0 \
                WHERE c.seq > ? ORDER BY c.seq LIMIT ?";
    // The caller ends the page by bytes, so only a few rows are read ahead of it.
    let (mut last, mut left) = (after, limit);
    while left > 0 {
        let wanted = PIECE.min(left);
        let rows = sql.query(text, &[last.into(), wanted.into()])?;
        // A short piece is the end of the sequence: no further statement is needed to see that.
        left = if (rows.len() as i64) < wanted { 0 } else { left - wanted };
        for row in rows {
            let change = read_change(sql, row)?;
            if !take(&change)? {
                return Ok(());
            }
            last = change.seq;
        }
    }
    Ok(())
}

/// Reads one change; documents and lists of ids stand in it as they are stored.
fn read_change(sql: &dyn Sql, mut row: Row) -> Result<FeedRow> {
    let (seq, at) = (row.integer()?, Timestamp(row.integer()?));
    let (kind, resource_type, id) = (row.text()?, row.text()?, row.text()?);
    // The ids added and removed, for a change of members.
    let members = row.optional_text()?;
    let left = row.optional_text()?;
    let doc = row.optional_text()?;
    let active = row.optional_integer()?.map(|active| active == 1);
    let (version, created, modified) = (row.optional_integer()?, row.optional_integer()?, row.optional_integer()?);
    let memberships = row.optional_integer()?;
    let ids: Option<MemberIds<'_>> = members.as_deref().map(json::read_own).transpose()?;
    let shown = FeedChange {
        seq,
        at: at.into(),
        kind: &kind,
        resource_type: &resource_type,
        id: &id,
        // `None` leaves the member out, `Some(None)` writes null: the resource is gone by now.
        resource: if ids.is_some() { None } else { Some(doc.as_deref().map(json::read_own).transpose()?) },
        active,
        version,
        created: created.map(|at| Timestamp(at).into()),
        modified: modified.map(|at| Timestamp(at).into()),
        // A client that keeps groups' versions needs them after a deletion too: no other change tells that they rose.
        groups: left.as_deref().map(json::read_own).transpose()?,
        group_versions: left.as_deref().map(|groups| group_versions(sql, groups)).transpose()?,
        memberships,
        added: ids.as_ref().map(|ids| ids.added),
        removed: ids.as_ref().map(|ids| ids.removed),
    };
    let text = serde_json::to_string(&shown).map_err(Error::internal)?;
    Ok(FeedRow { seq, kind, memberships, text })
}

/// The ids that a change of members keeps.
#[derive(Deserialize)]
struct MemberIds<'a> {
    #[serde(borrow)]
    added: &'a RawValue,
    #[serde(borrow)]
    removed: &'a RawValue,
}

/// Returns the versions of these groups, which rose when a user left them.
fn group_versions(sql: &dyn Sql, groups: &str) -> Result<Vec<GroupVersion>> {
    let text = "SELECT g.id, g.version, g.modified FROM json_each(?) j JOIN groups g ON g.id = j.value AND g.gone = 0";
    read_rows(sql.query(text, &[groups.into()])?, |mut row| {
        Ok(GroupVersion { id: row.text()?, version: row.integer()?, modified: Timestamp(row.integer()?).into() })
    })
}
