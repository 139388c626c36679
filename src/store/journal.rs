//! Refused and ignored requests. Equal ones share a row, so that a provider that repeats itself writes nothing.

use super::{Param, Sql, first};
use crate::error::Result;
use crate::id::Timestamp;

/// How long a refusal is kept after it was last seen, in milliseconds.
pub const KEPT_MILLISECONDS: i64 = 30 * 24 * 3_600_000;
/// How many refusals are kept.
pub const KEPT_ROWS: i64 = 10_000;

/// One refused or ignored request.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Equal for requests that are refused alike.
    pub fingerprint: &'a str,
    /// `refused`, or `ignored` for a request that was accepted and changed nothing because of what it said.
    pub outcome: &'a str,
    /// The first such request.
    pub request: &'a str,
    /// The token's public id.
    pub token: Option<&'a str>,
    /// The caller's name.
    pub idp: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// `/Users/{id}` or what else was asked for.
    pub resource: &'a str,
    /// The error, or the notes, as JSON.
    pub error: &'a str,
    /// The ids it is about, as a JSON array.
    pub names: &'a str,
}

/// True if an equal request was written down before.
///
/// # Errors
/// Internal only, as of every function here.
pub fn knows(sql: &dyn Sql, fingerprint: &str) -> Result<bool> {
    Ok(first(sql, "SELECT 1 FROM refusals WHERE fingerprint = ?", &[fingerprint.into()])?.is_some())
}

/// Writes one down.
///
/// # Errors
/// Internal only.
pub fn insert(sql: &dyn Sql, entry: &Entry<'_>, at: Timestamp) -> Result<()> {
    let text = "INSERT INTO refusals (fingerprint, outcome, first_at, last_at, request_id, token, idp, method, resource, \
                error, names, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)";
    let params = [
        Param::Text(entry.fingerprint),
        Param::Text(entry.outcome),
        at.0.into(),
        at.0.into(),
        Param::Text(entry.request),
        entry.token.into(),
        Param::Text(entry.idp),
        Param::Text(entry.method),
        Param::Text(entry.resource),
        Param::Text(entry.error),
        Param::Text(entry.names),
    ];
    sql.query(text, &params).map(|_| ())
}

/// Counts repeats that were kept in memory.
///
/// # Errors
/// Internal only.
pub fn count(sql: &dyn Sql, fingerprint: &str, repeats: i64, at: Timestamp) -> Result<()> {
    let text = "UPDATE refusals SET count = count + ?, last_at = max(last_at, ?) WHERE fingerprint = ?";
    sql.query(text, &[repeats.into(), at.0.into(), fingerprint.into()]).map(|_| ())
}

/// Forgets refusals that are too old or too many.
///
/// # Errors
/// Internal only.
pub fn prune(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    sql.query("DELETE FROM refusals WHERE last_at < ?", &[now.plus(-KEPT_MILLISECONDS).0.into()])?;
    let text = "DELETE FROM refusals WHERE fingerprint IN \
                (SELECT fingerprint FROM refusals ORDER BY last_at DESC LIMIT -1 OFFSET ?)";
    sql.query(text, &[KEPT_ROWS.into()]).map(|_| ())
}
