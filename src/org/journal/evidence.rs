//! The refusals that have a row of their own. A token has [`ROWS_A_CODE`] for one code and [`ROWS_A_TOKEN`] in all.
//! Refusals beyond them are counted in one row for each code, so no token can push other evidence out. The number of a
//! token's rows is read at its first refusal since the object started, and then counted in memory.

use super::order::Order;
use super::prune::Round;
use super::traffic::Outcome;
use super::{Entry, row};
use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::org::Memory;
use crate::scim::json;
use crate::store::refused::{self as store, Key};
use crate::store::{Sql, transact};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The most rows of one token for one code.
const ROWS_A_CODE: i64 = 500;
/// The most rows of one token in all.
const ROWS_A_TOKEN: i64 = 4_000;
/// The most tokens whose rows are counted in memory: some 1 MB, if each was refused for every reason.
const TOKENS_MAX: usize = 200;

/// Facts about the rows that the object remembers; a start forgets them.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The number of a token's rows, by code.
    numbers: BTreeMap<String, BTreeMap<String, i64>>,
    /// The number of all rows; `None` if they must be counted anew.
    rows: Option<i64>,
    /// The current round of pruning.
    pub(crate) round: Option<Round>,
    /// The next entries for the last reader.
    pub(crate) order: Option<Order>,
}

impl Evidence {
    /// Returns the number of the token's rows, by code.
    fn numbers(&mut self, sql: &dyn Sql, token: &str) -> Result<&mut BTreeMap<String, i64>> {
        if !self.numbers.contains_key(token) {
            if self.numbers.len() >= TOKENS_MAX {
                self.numbers.clear();
            }
            let read = store::numbers(sql, token, ROWS_A_CODE)?.into_iter().collect();
            self.numbers.insert(token.to_owned(), read);
        }
        Ok(self.numbers.entry(token.to_owned()).or_default())
    }

    /// Forgets the numbers of a token, because rows of it were removed or added elsewhere.
    pub(crate) fn forget(&mut self, token: &str) {
        self.numbers.remove(token);
        self.rows = None;
    }

    /// Returns the number of rows, without those of an earlier build.
    pub(crate) fn rows(&mut self, sql: &dyn Sql) -> Result<usize> {
        let rows = match self.rows {
            Some(rows) => rows,
            None => store::number(sql)?,
        };
        self.rows = Some(rows);
        Ok(usize::try_from(rows).unwrap_or_default())
    }

    /// Notes a row that was added.
    fn added(&mut self) {
        self.rows = self.rows.map(|rows| rows + 1);
    }
}

/// Writes an entry: a new one has a row, a repeat or one beyond the bounds is counted in memory.
pub(crate) fn write(sql: &dyn Sql, memory: &mut Memory, entry: &Entry<'_>, now: Timestamp) -> Result<()> {
    if entry.outcome == "refused" {
        memory.unsaved.counted(entry.call.idp, Outcome::Refused, now);
    }
    let key = entry.key();
    let known = store::names(sql, &key)?;
    let is_known = known.is_some();
    let mut names = entry.names.clone();
    if let Some((known, cut)) = known {
        let known: Vec<String> = json::own(&known)?;
        let stored: BTreeSet<&String> = known.iter().collect();
        names.retain(|name| !stored.contains(name));
        if names.is_empty() || cut || known.len() >= entry.gathered {
            memory.unsaved.repeated(key, now);
            return Ok(());
        }
        names = known.into_iter().chain(names).take(entry.gathered).collect();
    } else {
        let numbers = memory.evidence.numbers(sql, &key.token)?;
        let of_code = numbers.get(&key.code).copied().unwrap_or_default();
        if of_code >= ROWS_A_CODE || numbers.values().sum::<i64>() >= ROWS_A_TOKEN {
            return count(sql, memory, entry, key, now);
        }
    }
    let texts = [&key.code, &key.token, &key.fingerprint, entry.outcome, entry.call.request.as_str(), entry.call.idp];
    let rest = texts.into_iter().chain([entry.method, &entry.resource]).map(str::len).sum();
    let (error, names) = row::fit(entry.why.clone(), names, rest);
    let names = serde_json::to_string(&names).map_err(Error::internal)?;
    let row = stored(entry, &key, &error, &names);
    transact(sql, || if is_known { store::renew(sql, &row, now) } else { store::insert(sql, &row, now) })?;
    if !is_known {
        *memory.evidence.numbers(sql, &key.token)?.entry(key.code).or_default() += 1;
        memory.evidence.added();
    }
    Ok(())
}

/// Counts an entry beyond the bounds, in the row of its code and token that only counts.
fn count(sql: &dyn Sql, memory: &mut Memory, entry: &Entry<'_>, key: Key, now: Timestamp) -> Result<()> {
    let key = Key { fingerprint: String::new(), ..key };
    if store::last_seen(sql, &key)?.is_some() {
        memory.unsaved.repeated(key, now);
        return Ok(());
    }
    let sentence = format!(
        "More requests with this token had this outcome than are listed one by one. Those beyond {ROWS_A_CODE} for \
         one reason, or {ROWS_A_TOKEN} in all, are only counted here."
    );
    let mut error = json!({ "repairs": [], "notes": [], "detail": sentence });
    for name in ["code", "kind", "status", "scimType"] {
        if let Some(value) = entry.why.get(name) {
            row::set(&mut error, name, value.clone());
        }
    }
    let error = error.to_string();
    let row = store::Entry { method: "", resource: "", ..stored(entry, &key, &error, "[]") };
    transact(sql, || store::insert(sql, &row, now))?;
    memory.evidence.added();
    Ok(())
}

fn stored<'a>(entry: &'a Entry<'_>, key: &'a Key, error: &'a str, names: &'a str) -> store::Entry<'a> {
    store::Entry {
        key,
        outcome: entry.outcome,
        request: entry.call.request.as_str(),
        idp: entry.call.idp,
        method: entry.method,
        resource: &entry.resource,
        error,
        names,
    }
}
