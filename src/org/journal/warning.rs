//! Warnings: what will go wrong if nobody does anything. The alarm writes them, no request does.

use super::fingerprint;
use crate::error::{Result, Warning};
use crate::id::{Timestamp, is_within};
use crate::org::tokens;
use crate::store::Sql;
use crate::store::journal::{self as store, DAY};
use serde_json::{Value, json};

/// Warns of the token with which pushing will end: one row a token, renewed once a day. Within the alarm's transaction.
pub(super) fn write(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    let Some((token, sentence)) = tokens::ending(sql, now)? else { return Ok(()) };
    let fingerprint = fingerprint(["warning", token.as_str(), "", ""], &[]);
    if store::last_seen(sql, &fingerprint)?.is_some_and(|at| is_within(now, at, DAY)) {
        return Ok(());
    }
    put(
        sql,
        &fingerprint,
        Some(token.as_str()),
        &json!({ "code": Warning::TokenEnding.as_str(), "detail": sentence }),
        now,
    )
}

/// Warns that a job was set aside: one row a job, renewed each time.
pub(in crate::org) fn warn_of_job(sql: &dyn Sql, job: &str, sentence: &str, now: Timestamp) -> Result<()> {
    let code = Warning::JobSetAside.as_str();
    let fingerprint = fingerprint(["warning", "", code, job], &[]);
    put(sql, &fingerprint, None, &json!({ "code": code, "detail": sentence }), now)
}

fn put(sql: &dyn Sql, fingerprint: &str, token: Option<&str>, why: &Value, now: Timestamp) -> Result<()> {
    let row = store::Entry {
        fingerprint,
        outcome: "warning",
        request: "",
        token,
        idp: "",
        method: "",
        resource: "",
        error: &why.to_string(),
        names: "[]",
    };
    match store::last_seen(sql, fingerprint)? {
        Some(_) => store::renew(sql, &row, now),
        None => store::insert(sql, &row, now),
    }
}
