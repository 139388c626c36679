//! Stored documents in the order of their keys, to be written in today's spelling. No version, time or position
//! changes.

use super::{Sql, read_rows};
use crate::error::Result;
use crate::scim::schema::Kinds;

/// A stored document.
#[derive(Debug)]
pub struct SpelledDocument {
    /// The key of its row.
    pub key: i64,
    /// Canonical JSON.
    pub doc: String,
    /// [`super::folded::folded`] of it, as it was stored.
    pub folded: Option<String>,
}

/// Returns the documents of users after a key, or of groups below one: in the order in which they were made, at most
/// `count`.
pub fn documents_after(sql: &dyn Sql, kinds: Kinds, after: i64, count: i64) -> Result<Vec<SpelledDocument>> {
    let text = match kinds {
        Kinds::Users => "SELECT key, doc, folded FROM users WHERE key > ? AND gone = 0 ORDER BY key LIMIT ?",
        // Keys of groups are negative, so the oldest has the highest.
        Kinds::Groups => "SELECT key, doc, folded FROM groups WHERE key < ? AND gone = 0 ORDER BY key DESC LIMIT ?",
    };
    read_rows(sql.query(text, &[after.into(), count.into()])?, |mut row| {
        Ok(SpelledDocument { key: row.integer()?, doc: row.text()?, folded: row.optional_text()? })
    })
}

/// Writes a document that says the same.
pub fn write_document(sql: &dyn Sql, kinds: Kinds, document: &SpelledDocument) -> Result<()> {
    let text = match kinds {
        Kinds::Users => "UPDATE users SET doc = ?, folded = ? WHERE key = ?",
        Kinds::Groups => "UPDATE groups SET doc = ?, folded = ? WHERE key = ?",
    };
    let params = [document.doc.as_str().into(), document.folded.as_deref().into(), document.key.into()];
    sql.query(text, &params).map(|_| ())
}
