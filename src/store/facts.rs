//! The caller of a request, as the rows of the journal name it.

use super::Row;
use crate::error::Result;

/// The caller of a request.
#[derive(Debug)]
pub struct CallerFacts {
    /// The request.
    pub request: String,
    /// The token's public id.
    pub token: Option<String>,
    /// The name that the admin gave it.
    pub token_name: Option<String>,
    /// The caller's name.
    pub idp: String,
}

/// Reads the columns of [`CallerFacts`], which come one after the other.
pub(super) fn read_facts(row: &mut Row) -> Result<CallerFacts> {
    Ok(CallerFacts {
        request: row.text()?,
        token: row.optional_text()?,
        token_name: row.optional_text()?,
        idp: row.text()?,
    })
}
