//! The registry's only table. It is in an object of its own, so it is no part of an organisation's schema.

use super::{Param, Row, Sql, first_row, read_rows};
use crate::directory::registry::{PAGE, RegistryEntry};
use crate::directory::residency::Residency;
use crate::error::{Error, Result};
use crate::id::{OrgId, Timestamp};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS organisations (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    jurisdiction TEXT,
    location_hint TEXT,
    state TEXT NOT NULL CHECK (state IN ('registered', 'erasing')),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID";

const COLUMNS: &str = "id, display_name, created, jurisdiction, location_hint, state";

/// Makes the table if there is none yet.
///
/// # Errors
/// Internal only, here and below.
pub fn create_table(sql: &dyn Sql) -> Result<()> {
    sql.query(TABLE, &[]).map(drop)
}

/// Registers an organisation; one that is registered stays as it is. Without a name it is called by its id.
pub fn insert_organisation(
    sql: &dyn Sql,
    org: &OrgId,
    display_name: Option<&str>,
    residency: &Residency,
    now: Timestamp,
) -> Result<()> {
    // A repeated registration must not move the organisation: the object's identity follows from the jurisdiction.
    let text = format!(
        "INSERT INTO organisations ({COLUMNS}) VALUES (?1, coalesce(?2, ?1), ?3, ?4, ?5, 'registered') \
         ON CONFLICT (id) DO NOTHING"
    );
    let params = [
        Param::Text(org.as_str()),
        display_name.into(),
        now.0.into(),
        residency.jurisdiction.as_deref().into(),
        residency.location_hint.as_deref().into(),
    ];
    sql.query(&text, &params).map(drop)
}

/// Gives a registered organisation another name.
pub fn rename_organisation(sql: &dyn Sql, org: &OrgId, display_name: &str) -> Result<()> {
    let text = "UPDATE organisations SET display_name = ?2 WHERE id = ?1 AND display_name <> ?2";
    sql.query(text, &[org.as_str().into(), display_name.into()]).map(drop)
}

/// Marks a registered organisation as one that is being erased.
pub fn mark_erasing(sql: &dyn Sql, org: &OrgId) -> Result<()> {
    let text = "UPDATE organisations SET state = 'erasing' WHERE id = ? AND state = 'registered'";
    sql.query(text, &[org.as_str().into()]).map(drop)
}

/// Deletes an organisation that is being erased.
pub fn delete_erasing(sql: &dyn Sql, org: &OrgId) -> Result<()> {
    let text = "DELETE FROM organisations WHERE id = ? AND state = 'erasing'";
    sql.query(text, &[org.as_str().into()]).map(drop)
}

/// Reads the first organisations in the order of their ids: one more than [`PAGE`], which says that there are more.
pub fn first_page(sql: &dyn Sql) -> Result<Vec<RegistryEntry>> {
    read_rows(
        sql.query(&format!("SELECT {COLUMNS} FROM organisations ORDER BY id LIMIT ?"), &[(PAGE + 1).into()])?,
        to_entry,
    )
}

/// Reads so many organisations after that id.
pub fn page_after(sql: &dyn Sql, after: &OrgId, limit: i64) -> Result<Vec<RegistryEntry>> {
    let text = format!("SELECT {COLUMNS} FROM organisations WHERE id > ? ORDER BY id LIMIT ?");
    read_rows(sql.query(&text, &[after.as_str().into(), limit.into()])?, to_entry)
}

/// Reads one organisation.
pub fn by_id(sql: &dyn Sql, org: &OrgId) -> Result<Option<RegistryEntry>> {
    first_row(sql, &format!("SELECT {COLUMNS} FROM organisations WHERE id = ?"), &[org.as_str().into()])?
        .map(to_entry)
        .transpose()
}

fn to_entry(mut row: Row) -> Result<RegistryEntry> {
    let id = OrgId::parse(&row.text()?).ok_or_else(|| Error::internal("a stored organisation's name is invalid"))?;
    let (display_name, created) = (row.text()?, Timestamp(row.integer()?).rfc3339());
    let (jurisdiction, location_hint) = (row.optional_text()?, row.optional_text()?);
    Ok(RegistryEntry { id, display_name, created, jurisdiction, location_hint, erasing: row.text()? == "erasing" })
}
