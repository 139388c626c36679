//! When, and how often, requests were refused for one reason: what the warnings say of it.

use crate::error::Result;
use crate::id::Timestamp;
use crate::store::{Row, Sql, first_row, read_rows};

/// The most rows of nested groups that are looked at.
const NESTED_MAX: i64 = 1_000;

/// Equal entries: when they were seen, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The token, or a sentence.
    pub about: String,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How often.
    pub count: i64,
}

fn read_seen(mut row: Row) -> Result<Seen> {
    let (about, first, last) = (row.text()?, Timestamp(row.integer()?), Timestamp(row.integer()?));
    Ok(Seen { about, first, last, count: row.integer()? })
}

/// Returns the requests with tokens that have ended, by token. All of one token for one reason are one row.
pub fn with_ended_tokens(sql: &dyn Sql) -> Result<Vec<Seen>> {
    let text = "SELECT token, min(first_at), max(last_at), sum(count) FROM refused \
                WHERE code IN ('token-revoked', 'token-expired') GROUP BY token";
    read_rows(sql.query(text, &[])?, read_seen)
}

/// Returns the jobs that were set aside after `since`, each with its sentence.
pub fn jobs_set_aside(sql: &dyn Sql, since: Timestamp) -> Result<Vec<Seen>> {
    let text = "SELECT json_extract(error, '$.detail'), first_at, last_at, count FROM refused \
                WHERE code = 'job-set-aside' AND token = '' AND last_at > ?";
    read_rows(sql.query(text, &[since.0.into()])?, read_seen)
}

/// Returns the groups that were refused after `since` because of a nested group: their number, and when.
pub fn nested_groups(sql: &dyn Sql, since: Timestamp) -> Result<Option<Seen>> {
    let text = "SELECT '', min(first_at), max(last_at), count(*) FROM (SELECT first_at, last_at FROM refused \
                WHERE code = 'nested-group' LIMIT ?) WHERE last_at > ? HAVING count(*) > 0";
    first_row(sql, text, &[NESTED_MAX.into(), since.0.into()])?.map(read_seen).transpose()
}
