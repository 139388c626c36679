//! Warnings: what will go wrong if nobody does anything. The alarm writes them, no request does.

use super::fingerprint;
use crate::error::Result;
use crate::id::Timestamp;
use crate::org::tokens;
use crate::store::Sql;
use crate::store::journal::{self as store, DAY};
use serde_json::json;

/// Warns of the token with which pushing will end: one row a token, renewed once a day. Within the alarm's transaction.
pub(super) fn write(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    let Some((token, sentence)) = tokens::ending(sql, now)? else { return Ok(()) };
    let fingerprint = fingerprint(["warning", token.as_str(), "", ""], &[]);
    let seen = store::last_seen(sql, &fingerprint)?;
    if seen.is_some_and(|at| now < at.plus(DAY)) {
        return Ok(());
    }
    let row = store::Entry {
        fingerprint: &fingerprint,
        outcome: "warning",
        request: "",
        token: Some(token.as_str()),
        idp: "",
        method: "",
        resource: "",
        error: &json!({ "detail": sentence }).to_string(),
        names: "[]",
    };
    if seen.is_some() { store::renew(sql, &row, now) } else { store::insert(sql, &row, now) }
}
