//! KV's records of tokens that have ended, which repeat the token's row. The transaction that ends the token changes
//! the row and notes there that the record is due. The platform writes the record, and may fail as often as it likes:
//! KV takes one write a second for a key. Until it is written the object alone refuses the token.

use crate::auth::TokenRecord;
use crate::directory::admin::TokenSettings;
use crate::error::Result;
use crate::id::{OrgId, Timestamp, TokenHash};
use crate::store::{Sql, schema, tokens, transact};

/// A record that must be written.
#[derive(Debug)]
pub struct DueRecord {
    /// Its token.
    pub hash: TokenHash,
    /// The content of the record.
    pub record: TokenRecord,
    since: Timestamp,
}

/// Returns the record of a token with these settings.
pub fn record_of(
    org: &OrgId,
    jurisdiction: Option<&str>,
    settings: &TokenSettings,
    revoked_at: Option<Timestamp>,
) -> TokenRecord {
    TokenRecord {
        v: 1,
        org: org.clone(),
        jurisdiction: jurisdiction.map(str::to_owned),
        kind: settings.kind,
        dialect: settings.dialect,
        expires_at: settings.expires_at,
        end: [settings.expires_at, revoked_at].into_iter().flatten().min(),
        revoked_at,
        ranges: settings.address_ranges.clone(),
    }
}

/// Returns the records that are due at `now`, at most `count`. Each stays due until [`note_written`], but not before
/// `again`, so that two writers do not disturb each other, and one that fails is tried again.
///
/// # Errors
/// Internal only.
pub fn take_due_records(
    sql: &dyn Sql,
    org: &OrgId,
    now: Timestamp,
    count: i64,
    again: Timestamp,
) -> Result<Vec<DueRecord>> {
    if !schema::exists(sql)? {
        return Ok(Vec::new());
    }
    transact(sql, || {
        let due = tokens::records_due(sql, now, again, count)?;
        // Most calls find nothing due, and need not read the settings.
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let jurisdiction = crate::org::settings::read_settings(sql)?.residency.jurisdiction;
        due.into_iter()
            .map(|(token, since)| {
                // Due again later: if the writer dies, another call writes the record.
                tokens::set_record_due(sql, &token.hash, since, Some(again))?;
                let record = record_of(org, jurisdiction.as_deref(), &token.settings, token.revoked);
                Ok(DueRecord { hash: token.hash, record, since: again })
            })
            .collect()
    })
}

/// Notes that a record was written, unless its token has changed since.
///
/// # Errors
/// Internal only.
pub fn note_written(sql: &dyn Sql, due: &DueRecord) -> Result<()> {
    tokens::set_record_due(sql, &due.hash, due.since, None)
}

/// Returns when the next record is due.
///
/// # Errors
/// Internal only.
pub fn next_due_at(sql: &dyn Sql) -> Result<Option<Timestamp>> {
    if schema::exists(sql)? { tokens::next_record_due(sql) } else { Ok(None) }
}
