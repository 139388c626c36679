//! Rows of users. Every read here leaves out users who are `gone`.

use super::columns::{assigned, parameters};
use super::{Param, Row, Sql, first_row, rows_by_keys};
use crate::error::{Error, Result};
use crate::id::{Seq, Timestamp, UserId, Version};

/// A stored user.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Its row.
    pub key: i64,
    /// Its `id`.
    pub id: UserId,
    /// The document and the columns derived from it.
    pub content: UserContent,
    /// The version, from 1.
    pub version: Version,
    /// The position of its last change.
    pub seq: Seq,
    /// The time of its creation.
    pub created: Timestamp,
    /// The time of its last change.
    pub modified: Timestamp,
}

/// The document of a user, with the columns that are derived from it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserContent {
    /// The name as the client spells it.
    pub user_name: String,
    /// [`crate::fold::fold`] of it.
    pub user_name_key: String,
    /// Unique and case-exact where present.
    pub external_id: Option<String>,
    /// The first work address, folded.
    pub mail_key: Option<String>,
    /// True if there are other addresses; a look-up by address then reads the document.
    pub more_mail: bool,
    /// RFC 7643 section 4.1.1.
    pub active: bool,
    /// Canonical JSON. The other columns follow from it.
    pub doc: String,
    /// [`super::folded::folded`] of it; written, never read back.
    pub folded: Option<String>,
}

/// The columns that a document fills, except the folded document, which is never read back.
macro_rules! content {
    () => {
        "user_name, user_name_key, external_id, mail_key, more_mail, active, doc"
    };
}

const COLUMNS: &str = concat!("key, id, ", content!(), ", version, seq, created, modified");
/// The columns that a document fills, in the order of [`UserContent::params`].
pub(super) const CONTENT: &str = concat!(content!(), ", folded");

fn read_user(mut row: Row) -> Result<User> {
    Ok(User {
        key: row.integer()?,
        id: UserId::parse(&row.text()?).ok_or_else(|| Error::internal("a stored id is invalid"))?,
        content: UserContent {
            user_name: row.text()?,
            user_name_key: row.text()?,
            external_id: row.optional_text()?,
            mail_key: row.optional_text()?,
            more_mail: row.integer()? == 1,
            active: row.integer()? == 1,
            doc: row.text()?,
            folded: None,
        },
        version: row.integer()?,
        seq: row.integer()?,
        created: Timestamp(row.integer()?),
        modified: Timestamp(row.integer()?),
    })
}

/// Returns the user with that id.
pub fn by_id(sql: &dyn Sql, id: &UserId) -> Result<Option<User>> {
    find_user(sql, "id = ?", id.as_str().into())
}

/// Returns the user with that folded `userName`.
pub fn by_user_name(sql: &dyn Sql, key: &str) -> Result<Option<User>> {
    find_user(sql, "user_name_key = ?", key.into())
}

/// Returns the user with that `externalId`.
pub fn by_external_id(sql: &dyn Sql, external_id: &str) -> Result<Option<User>> {
    find_user(sql, "external_id = ?", external_id.into())
}

fn find_user(sql: &dyn Sql, condition: &str, param: Param<'_>) -> Result<Option<User>> {
    first_row(sql, &format!("SELECT {COLUMNS} FROM users WHERE {condition} AND gone = 0"), &[param])?
        .map(read_user)
        .transpose()
}

/// Returns the users with these keys, in the order of their ids.
pub fn by_keys(sql: &dyn Sql, keys: &[i64]) -> Result<Vec<User>> {
    let mut users = rows_by_keys(sql, (COLUMNS, "users"), keys, read_user)?;
    users.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(users)
}

/// Inserts a row at version 1. Uniqueness is checked before; the indexes only hold it.
pub fn insert_user(sql: &dyn Sql, id: &UserId, content: &UserContent, seq: Seq, now: Timestamp) -> Result<()> {
    let text = format!(
        "INSERT INTO users (id, {CONTENT}, version, seq, created, modified) VALUES (?, {}, 1, ?, ?, ?)",
        parameters(CONTENT)
    );
    let mut params = vec![Param::Text(id.as_str())];
    params.extend(content.params());
    params.extend([seq, now.0, now.0].map(Param::from));
    sql.query(&text, &params).map(|_| ())
}

/// Writes a new document; columns that stay as they are leave their indexes alone.
pub fn update_user(sql: &dyn Sql, old: &User, content: &UserContent, seq: Seq, now: Timestamp) -> Result<()> {
    // An UPDATE writes an index only if its columns are named; so the common change names the document alone.
    if old.content.unique_keys() == content.unique_keys() {
        let text = "UPDATE users SET user_name = ?, active = ?, doc = ?, folded = ?, version = version + 1, seq = ?, modified = ? \
                    WHERE key = ?";
        let params = [
            Param::Text(&content.user_name),
            Param::from(i64::from(content.active)),
            Param::Text(&content.doc),
            content.folded.as_deref().into(),
            seq.into(),
            now.0.into(),
            old.key.into(),
        ];
        return sql.query(text, &params).map(|_| ());
    }
    // A changed name or address moves the row in its indexes; the platform counts each entry as a row written.
    let text =
        format!("UPDATE users SET {}, version = version + 1, seq = ?, modified = ? WHERE key = ?", assigned(CONTENT));
    let mut params = content.params().to_vec();
    params.extend([seq, now.0, old.key].map(Param::from));
    sql.query(&text, &params).map(|_| ())
}

/// Deletes the row; memberships must be gone.
pub fn delete_user(sql: &dyn Sql, key: i64) -> Result<()> {
    sql.query("DELETE FROM users WHERE key = ?", &[key.into()]).map(|_| ())
}

/// Makes a user `gone` by a change of that position: its row stays for its memberships only. No folded name has a
/// capital, so its key is never another user's.
pub fn make_gone(sql: &dyn Sql, key: i64, seq: Seq) -> Result<()> {
    // The unique name is free at once; the memberships of a user in many groups are removed in steps later.
    let text = "UPDATE users SET gone = 1, user_name = '', user_name_key = 'GONE ' || id, external_id = NULL, \
                mail_key = NULL, more_mail = 0, active = 0, doc = json_object(), folded = NULL, seq = ? WHERE key = ?";
    sql.query(text, &[seq.into(), key.into()]).map(|_| ())
}

impl UserContent {
    fn unique_keys(&self) -> (&str, Option<&str>, Option<&str>, bool) {
        (&self.user_name_key, self.external_id.as_deref(), self.mail_key.as_deref(), self.more_mail)
    }

    /// Returns the values of [`CONTENT`].
    pub(super) fn params(&self) -> [Param<'_>; 8] {
        [
            Param::Text(&self.user_name),
            Param::Text(&self.user_name_key),
            self.external_id.as_deref().into(),
            self.mail_key.as_deref().into(),
            Param::from(i64::from(self.more_mail)),
            Param::from(i64::from(self.active)),
            Param::Text(&self.doc),
            self.folded.as_deref().into(),
        ]
    }
}
