//! Rows of groups. Every read here leaves out groups that are `gone`.

use super::columns::{assigned, parameters};
use super::{Param, Row, Sql, first_row, rows_by_keys};
use crate::error::{Error, Result};
use crate::id::{GroupId, Seq, Timestamp, Version};

/// A stored group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its row, below 0.
    pub key: i64,
    /// Its `id`.
    pub id: GroupId,
    /// The document and the columns derived from it.
    pub content: GroupContent,
    /// The version, from 1.
    pub version: Version,
    /// The position of its last change.
    pub seq: Seq,
    /// The time of its creation.
    pub created: Timestamp,
    /// The time of its last change, or of its members'.
    pub modified: Timestamp,
}

/// The document of a group, without its members, with the columns that are derived from it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupContent {
    /// The name as the client spells it.
    pub display_name: String,
    /// [`crate::fold::fold`] of it.
    pub display_name_key: String,
    /// Unique and case-exact where present.
    pub external_id: Option<String>,
    /// Canonical JSON. The other columns follow from it.
    pub doc: String,
    /// [`super::folded::folded`] of it; written, never read back.
    pub folded: Option<String>,
}

/// The columns that a document fills, except the folded document, which is never read back.
macro_rules! content {
    () => {
        "display_name, display_name_key, external_id, doc"
    };
}

const COLUMNS: &str = concat!("key, id, ", content!(), ", version, seq, created, modified");
/// The columns that a document fills, in the order of [`GroupContent::params`].
pub(super) const CONTENT: &str = concat!(content!(), ", folded");

fn read_group(mut row: Row) -> Result<Group> {
    Ok(Group {
        key: row.integer()?,
        id: GroupId::parse(&row.text()?).ok_or_else(|| Error::internal("a stored id is invalid"))?,
        content: GroupContent {
            display_name: row.text()?,
            display_name_key: row.text()?,
            external_id: row.optional_text()?,
            doc: row.text()?,
            folded: None,
        },
        version: row.integer()?,
        seq: row.integer()?,
        created: Timestamp(row.integer()?),
        modified: Timestamp(row.integer()?),
    })
}

/// Returns the group with that id.
pub fn by_id(sql: &dyn Sql, id: &GroupId) -> Result<Option<Group>> {
    find_group(sql, "id = ?", id.as_str().into())
}

/// Returns the group with that folded `displayName`.
pub fn by_display_name(sql: &dyn Sql, key: &str) -> Result<Option<Group>> {
    find_group(sql, "display_name_key = ?", key.into())
}

/// Returns the group with that `externalId`.
pub fn by_external_id(sql: &dyn Sql, external_id: &str) -> Result<Option<Group>> {
    find_group(sql, "external_id = ?", external_id.into())
}

fn find_group(sql: &dyn Sql, condition: &str, param: Param<'_>) -> Result<Option<Group>> {
    first_row(sql, &format!("SELECT {COLUMNS} FROM groups WHERE {condition} AND gone = 0"), &[param])?
        .map(read_group)
        .transpose()
}

/// Returns the groups with these keys, in the order of their ids.
pub fn by_keys(sql: &dyn Sql, keys: &[i64]) -> Result<Vec<Group>> {
    let mut groups = rows_by_keys(sql, (COLUMNS, "groups"), keys, read_group)?;
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(groups)
}

/// Inserts a row at version 1 and returns its key. Uniqueness is checked before; the indexes only hold it.
pub fn insert_group(sql: &dyn Sql, id: &GroupId, content: &GroupContent, seq: Seq, now: Timestamp) -> Result<i64> {
    // Keys of groups go downwards from -1: no group has the key of a user.
    let text = format!(
        "INSERT INTO groups (key, id, {CONTENT}, gone, version, seq, created, modified) \
         VALUES ((SELECT min(coalesce(min(key), 0), 0) - 1 FROM groups), ?, {}, 0, 1, ?, ?, ?) RETURNING key",
        parameters(CONTENT)
    );
    let mut params = vec![Param::Text(id.as_str())];
    params.extend(content.params());
    params.extend([seq, now.0, now.0].map(Param::from));
    first_row(sql, &text, &params)?.ok_or_else(|| Error::internal("INSERT returned no key"))?.integer()
}

/// Writes a new document. With the old document it only raises the version: the members changed.
pub fn update_group(sql: &dyn Sql, old: &Group, content: &GroupContent, seq: Seq, now: Timestamp) -> Result<()> {
    // A push of members changes the version alone; the document may have 256 KiB and is not written again.
    if old.content.doc == content.doc {
        let text = "UPDATE groups SET version = version + 1, seq = ?, modified = ? WHERE key = ?";
        return sql.query(text, &[seq.into(), now.0.into(), old.key.into()]).map(|_| ());
    }
    let text =
        format!("UPDATE groups SET {}, version = version + 1, seq = ?, modified = ? WHERE key = ?", assigned(CONTENT));
    let mut params = content.params().to_vec();
    params.extend([seq, now.0, old.key].map(Param::from));
    sql.query(&text, &params).map(|_| ())
}

/// Deletes the row; memberships must be gone.
pub fn delete_group(sql: &dyn Sql, key: i64) -> Result<()> {
    sql.query("DELETE FROM groups WHERE key = ?", &[key.into()]).map(|_| ())
}

/// Makes a group `gone`: its row stays for its memberships only.
pub fn make_gone(sql: &dyn Sql, key: i64) -> Result<()> {
    // The unique name is free at once; a group of 100,000 members is cleared in steps later.
    let text = "UPDATE groups SET gone = 1, display_name = '', display_name_key = NULL, external_id = NULL, doc = json_object(), \
                folded = NULL WHERE key = ?";
    sql.query(text, &[key.into()]).map(|_| ())
}

impl GroupContent {
    /// Returns the values of [`CONTENT`].
    pub(super) fn params(&self) -> [Param<'_>; 5] {
        [
            Param::Text(&self.display_name),
            Param::Text(&self.display_name_key),
            self.external_id.as_deref().into(),
            Param::Text(&self.doc),
            self.folded.as_deref().into(),
        ]
    }
}
