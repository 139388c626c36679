//! The extension schemas that an organisation registered, as the text that was accepted.

use super::{Sql, read_rows, settings};
use crate::error::{Error, Result};
use crate::id::Timestamp;

const GENERATION: &str = "schemas";

/// Returns the number of changes of the schemas; 0 before the first.
pub fn read_generation(sql: &dyn Sql) -> Result<i64> {
    settings::get_setting(sql, GENERATION)?.map_or(Ok(0), |text| text.parse().map_err(Error::internal))
}

/// Starts the next generation. It is a setting and not derived from the rows, so that it rises when a schema is deleted
/// too. It is never below the clock, in milliseconds, so that an organisation that was erased and registered again gets
/// no generation that an edge still remembers.
pub fn next_generation(sql: &dyn Sql, now: Timestamp) -> Result<i64> {
    let next = now.0.max(read_generation(sql)? + 1);
    settings::put_setting(sql, GENERATION, &next.to_string())?;
    Ok(next)
}

/// Returns all documents with their URNs, in the order of these.
pub fn all_documents(sql: &dyn Sql) -> Result<Vec<(String, String)>> {
    let rows = sql.query("SELECT urn, doc FROM schemas ORDER BY urn", &[])?;
    read_rows(rows, |mut row| Ok((row.text()?, row.text()?)))
}

/// Writes a document.
pub fn put_document(sql: &dyn Sql, urn: &str, doc: &str, generation: i64) -> Result<()> {
    let text = "INSERT INTO schemas (urn, doc, generation) VALUES (?, ?, ?)
         ON CONFLICT (urn) DO UPDATE SET doc = excluded.doc, generation = excluded.generation";
    sql.query(text, &[urn.into(), doc.into(), generation.into()]).map(|_| ())
}

/// Deletes a document; `urn` is spelled as it is stored.
pub fn delete_document(sql: &dyn Sql, urn: &str) -> Result<()> {
    sql.query("DELETE FROM schemas WHERE urn = ?", &[urn.into()]).map(|_| ())
}
