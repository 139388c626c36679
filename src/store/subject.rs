//! The names of users and groups, for the journal.

use super::{Row, Sql, first_row};
use crate::error::{Result, Subject, shortened};

/// Reads `userName`, `displayName` and `externalId`, which come one after the other.
pub(super) fn read_names(row: &mut Row) -> Result<Subject> {
    let mut text = || -> Result<Option<String>> { Ok(row.optional_text()?.as_deref().and_then(shortened)) };
    Ok(Subject { user_name: text()?, display_name: text()?, external_id: text()?, id: None })
}

/// Returns the names of the user or group with that id.
pub fn names_of(sql: &dyn Sql, id: &str) -> Result<Option<Subject>> {
    let text = "SELECT u.user_name, coalesce(json_extract(u.doc, '$.displayName'), g.display_name), \
         coalesce(u.external_id, g.external_id) FROM json_each(json_array(?1)) one \
         LEFT JOIN users u ON u.id = one.value AND u.gone = 0 LEFT JOIN groups g ON g.id = one.value AND g.gone = 0";
    first_row(sql, text, &[id.into()])?.map(|mut row| read_names(&mut row)).transpose()
}
