//! Warnings of problems that come if the admin does nothing. The alarm writes them, no request does.

use super::entry::fingerprint_of;
use super::row;
use crate::error::{Result, Warning};
use crate::id::{Timestamp, TokenId, is_within};
use crate::org::connection::{judge, usage};
use crate::org::memory::Memory;
use crate::store::Sql;
use crate::store::journal::DAY;
use crate::store::refused::{self as store, Key};
use serde_json::json;

const OUTCOME: &str = "warning";

/// Warns of the tokens in use that end soon, in the alarm's transaction: one row a token, renewed once a day.
pub(crate) fn warn_of_tokens(sql: &dyn Sql, memory: &Memory, now: Timestamp) -> Result<()> {
    let tokens = usage::tokens(sql, memory)?;
    let used = usage::in_use(&tokens, now).into_iter();
    let ending = used.filter_map(|token| Some((token, judge::ending(token, &tokens, now)?)));
    ending
        .filter(|(_, end)| end.holds(now))
        .try_for_each(|(token, end)| warn_of_token(sql, &token.id, &end.detail, now))
}

fn warn_of_token(sql: &dyn Sql, token: &TokenId, sentence: &str, now: Timestamp) -> Result<()> {
    let code = Warning::TokenEnding;
    let key = warning_key(code, token.as_str(), fingerprint_of(["warning", token.as_str(), "", ""], &[]));
    // The job runs each hour; the row is renewed once a day, so that warning costs one write a day.
    if store::last_seen(sql, &key)?.is_some_and(|at| is_within(now, at, DAY)) {
        return Ok(());
    }
    put_warning(sql, &key, sentence, now)
}

/// Warns that a job was set aside: one row a job, renewed each time.
pub(crate) fn warn_of_job(sql: &dyn Sql, job: &str, sentence: &str, now: Timestamp) -> Result<()> {
    let code = Warning::JobSetAside;
    let fingerprint = fingerprint_of(["warning", "", code.as_str(), job], &[]);
    put_warning(sql, &warning_key(code, "", fingerprint), sentence, now)
}

fn warning_key(code: Warning, token: &str, fingerprint: String) -> Key {
    Key { code: code.as_str().to_owned(), token: token.to_owned(), fingerprint }
}

fn put_warning(sql: &dyn Sql, key: &Key, sentence: &str, now: Timestamp) -> Result<()> {
    let why = json!({ "code": key.code, "detail": sentence });
    let rest = key.code.len() + key.token.len() + key.fingerprint.len() + OUTCOME.len();
    let (error, _) = row::fit_row(why, Vec::new(), rest);
    let row = store::RefusalEntry {
        key,
        outcome: OUTCOME,
        request: "",
        idp: "",
        method: "",
        resource: "",
        error: &error,
        names: "[]",
    };
    match store::last_seen(sql, key)? {
        Some(_) => store::renew_names(sql, &row, now),
        None => store::insert_entry(sql, &row, now),
    }
}
