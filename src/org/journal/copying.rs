//! The job that copies the refusals of earlier builds into today's table, once.

use super::row;
use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::org::memory::Memory;
use crate::scim::json;
use crate::store::Sql;
use crate::store::refused as store;
use serde_json::Value;

/// The job's row in `due`; it has one while rows are left.
pub(crate) const COPY: &str = "copy-refusals";
/// The rows that one step copies: two rows written each.
const ROWS_A_STEP: i64 = 100;

/// Returns true if there are rows to copy.
pub(crate) fn is_needed(sql: &dyn Sql) -> Result<bool> {
    store::has_old(sql)
}

/// Takes one step. Returns when the next one is due, `None` if nothing is left.
///
/// # Errors
/// Internal only.
pub(crate) fn step(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<Option<Timestamp>> {
    let rows = store::old_entries(sql, ROWS_A_STEP)?;
    let Some(last) = rows.last() else { return Ok(None) };
    for one in &rows {
        let why: Value = json::read_own(&one.why)?;
        let names: Vec<String> = json::read_own(&one.names)?;
        // Earlier builds had no bound on a row, so each is cut as a new one would be.
        let facts = [&one.key.code, &one.key.token, &one.key.fingerprint, &one.outcome, &one.facts.request];
        let rest = facts.into_iter().chain([&one.facts.idp, &one.method, &one.resource]).map(String::len).sum();
        let (error, names) = row::fit_row(why, names.iter().map(|name| row::cut_name(name)).collect(), rest);
        let names = serde_json::to_string(&names).map_err(Error::internal)?;
        let entry = store::RefusalEntry {
            key: &one.key,
            outcome: &one.outcome,
            request: &one.facts.request,
            idp: &one.facts.idp,
            method: &one.method,
            resource: &one.resource,
            error: &error,
            names: &names,
        };
        store::put_entry(sql, &entry, one.first, one.last, one.count)?;
        memory.evidence.forget_token(&one.key.token);
    }
    store::forget_old(sql, &last.key.fingerprint)?;
    Ok(Some(now))
}
