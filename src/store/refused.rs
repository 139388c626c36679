//! Refused and skipped requests, and warnings. Equal ones share a row, so that a provider that repeats itself writes
//! nothing.
//!
//! The key begins with the code and the token: the refusals of one token for one reason lie together. So they are
//! counted and bounded without an index of their own, and take no room from other evidence. A row without a fingerprint
//! counts the requests beyond that bound.

mod read;
mod seen;

pub use read::{RefusalPosition, RefusalRow, forget_old, has_old, load_entries, old_entries, positions_after};
pub use seen::{Seen, jobs_set_aside, nested_groups, with_ended_tokens};

use super::columns::{assigned, parameters};
use super::{Param, Row, Sql, first_row, read_rows};
use crate::error::Result;
use crate::id::Timestamp;

/// The key of an entry: equal ones share a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The code of the refusal or warning; `ignored` for a request that was accepted and changed nothing.
    pub code: String,
    /// The token's public id; empty without one.
    pub token: String,
    /// A text that is equal for requests that are refused alike; empty for the row that only counts.
    pub fingerprint: String,
}

/// The condition that names one entry by [`Key::params`].
const IS_KEY: &str = "code = ? AND token = ? AND fingerprint = ?";
/// The columns that repeated requests overwrite, in the order of [`RefusalEntry::params`].
const REQUEST: &str = "request_id, idp, method, resource, error, names";

impl Key {
    fn params(&self) -> [Param<'_>; 3] {
        [Param::Text(&self.code), Param::Text(&self.token), Param::Text(&self.fingerprint)]
    }
}

/// One refused or skipped request, or a warning, which has neither request nor method nor resource.
#[derive(Debug)]
pub struct RefusalEntry<'a> {
    /// Its key.
    pub key: &'a Key,
    /// `refused`, `ignored` for a request that was accepted and changed nothing because of what it said, or `warning`.
    pub outcome: &'a str,
    /// The first such request.
    pub request: &'a str,
    /// The caller's name.
    pub idp: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// `/Users/{id}`, or another address that was asked for.
    pub resource: &'a str,
    /// The error, or the notes, as JSON.
    pub error: &'a str,
    /// The ids that it is about, as a JSON array.
    pub names: &'a str,
}

impl RefusalEntry<'_> {
    /// Returns the values of [`REQUEST`].
    fn params(&self) -> [Param<'_>; 6] {
        [self.request, self.idp, self.method, self.resource, self.error, self.names].map(Param::Text)
    }
}

/// Returns the names of an equal request that was written before, and whether some were left out for want of room;
/// `None` if there was none.
pub fn known_names(sql: &dyn Sql, key: &Key) -> Result<Option<(String, bool)>> {
    let text = format!("SELECT names, coalesce(json_extract(error, '$.cut'), 0) FROM refused WHERE {IS_KEY}");
    let row = first_row(sql, &text, &key.params())?;
    row.map(|mut row| Ok((row.text()?, row.integer()? != 0))).transpose()
}

/// Returns when such an entry was last seen.
pub fn last_seen(sql: &dyn Sql, key: &Key) -> Result<Option<Timestamp>> {
    let text = format!("SELECT last_at FROM refused WHERE {IS_KEY}");
    let row = first_row(sql, &text, &key.params())?;
    Ok(row.map(|mut row| row.integer()).transpose()?.map(Timestamp))
}

/// Writes an entry that was seen once.
pub fn insert_entry(sql: &dyn Sql, entry: &RefusalEntry<'_>, at: Timestamp) -> Result<()> {
    put_entry(sql, entry, at, at, 1)
}

/// Writes an entry that was seen `count` times between `since` and `last`; an equal one counts them too.
pub fn put_entry(sql: &dyn Sql, entry: &RefusalEntry<'_>, since: Timestamp, last: Timestamp, count: i64) -> Result<()> {
    let text = format!(
        "INSERT INTO refused (code, token, fingerprint, outcome, first_at, last_at, count, {REQUEST}) \
         VALUES (?, ?, ?, ?, ?, ?, ?, {}) ON CONFLICT (code, token, fingerprint) DO UPDATE SET \
         count = count + excluded.count, first_at = min(first_at, excluded.first_at), \
         last_at = max(last_at, excluded.last_at)",
        parameters(REQUEST)
    );
    let mut params = entry.key.params().to_vec();
    params.extend([Param::Text(entry.outcome), since.0.into(), last.0.into(), count.into()]);
    params.extend(entry.params());
    sql.query(&text, &params).map(|_| ())
}

/// Overwrites an equal entry with more names.
pub fn renew_names(sql: &dyn Sql, entry: &RefusalEntry<'_>, at: Timestamp) -> Result<()> {
    let text = format!(
        "UPDATE refused SET last_at = max(last_at, ?), count = count + 1, {} WHERE {IS_KEY}",
        assigned(REQUEST)
    );
    let mut params = vec![Param::from(at.0)];
    params.extend(entry.params());
    params.extend(entry.key.params());
    sql.query(&text, &params).map(|_| ())
}

/// Counts repeats that were kept in memory.
pub fn count_repeats(sql: &dyn Sql, key: &Key, repeats: i64, at: Timestamp) -> Result<()> {
    let text = format!("UPDATE refused SET count = count + ?, last_at = max(last_at, ?) WHERE {IS_KEY}");
    let [code, token, fingerprint] = key.params();
    sql.query(&text, &[repeats.into(), at.0.into(), code, token, fingerprint]).map(|_| ())
}

/// Counts the rows of the token for each code, at most `limit` of one. It jumps from code to code, so of other tokens
/// it reads only the first row of each code.
pub fn rows_by_code(sql: &dyn Sql, token: &str, limit: i64) -> Result<Vec<(String, i64)>> {
    // A `GROUP BY` would read every refusal of the organisation to count those of one token.
    let text = "WITH RECURSIVE codes (code) AS (SELECT min(code) FROM refused UNION ALL \
                SELECT (SELECT min(r.code) FROM refused r WHERE r.code > codes.code) FROM codes WHERE codes.code IS NOT NULL) \
                SELECT code, (SELECT count(*) FROM (SELECT 1 FROM refused r WHERE r.code = codes.code AND r.token = ?1 \
                AND r.fingerprint > '' LIMIT ?2)) FROM codes WHERE code IS NOT NULL";
    read_rows(sql.query(text, &[token.into(), limit.into()])?, |mut row| Ok((row.text()?, row.integer()?)))
}

fn read_key(row: &mut Row) -> Result<Key> {
    Ok(Key { code: row.text()?, token: row.text()?, fingerprint: row.text()? })
}

/// Returns the key that is `count` rows further; `None` if fewer are left.
pub fn key_further(sql: &dyn Sql, after: &Key, count: i64) -> Result<Option<Key>> {
    // A step's end is a key and not a number of rows: other requests write between two steps.
    let text = "SELECT code, token, fingerprint FROM refused WHERE (code, token, fingerprint) > (?1, ?2, ?3) \
                ORDER BY code, token, fingerprint LIMIT 1 OFFSET ?4";
    let [code, token, fingerprint] = after.params();
    let row = first_row(sql, text, &[code, token, fingerprint, (count - 1).into()])?;
    row.map(|mut row| read_key(&mut row)).transpose()
}

/// Forgets the rows of a range, its end included, that were last seen before `oldest`; returns the token of each.
pub fn forget_range(sql: &dyn Sql, after: &Key, end: &Key, oldest: Timestamp) -> Result<Vec<String>> {
    let text = "DELETE FROM refused WHERE (code, token, fingerprint) > (?1, ?2, ?3) \
                AND (code, token, fingerprint) <= (?4, ?5, ?6) AND last_at < ?7 RETURNING token";
    let ([a, b, c], [d, e, f]) = (after.params(), end.params());
    read_rows(sql.query(text, &[a, b, c, d, e, f, oldest.0.into()])?, |mut row| row.text())
}

/// Returns the bytes of the rows of a range, its end included, by code and token.
pub fn bytes_of_range(sql: &dyn Sql, after: &Key, end: &Key) -> Result<Vec<((String, String), i64)>> {
    let text = "SELECT code, token, sum(bytes) FROM refused WHERE (code, token, fingerprint) > (?1, ?2, ?3) \
                AND (code, token, fingerprint) <= (?4, ?5, ?6) GROUP BY code, token";
    let ([a, b, c], [d, e, f]) = (after.params(), end.params());
    read_rows(sql.query(text, &[a, b, c, d, e, f])?, |mut row| Ok(((row.text()?, row.text()?), row.integer()?)))
}

/// Forgets the rows of a code and token that were seen the longest ago, at most `count`, and never the row that only
/// counts; returns the bytes of each.
pub fn forget_oldest(sql: &dyn Sql, code: &str, token: &str, count: i64) -> Result<Vec<i64>> {
    // The row without a fingerprint stays: it counts what was never written.
    let text = "DELETE FROM refused WHERE code = ?1 AND token = ?2 AND fingerprint IN (SELECT fingerprint FROM refused \
                WHERE code = ?1 AND token = ?2 AND fingerprint > '' ORDER BY last_at, fingerprint LIMIT ?3) RETURNING bytes";
    read_rows(sql.query(text, &[code.into(), token.into(), count.into()])?, |mut row| row.integer())
}

/// Counts the rows.
pub fn count_rows(sql: &dyn Sql) -> Result<i64> {
    first_row(sql, "SELECT count(*) FROM refused", &[])?.map_or(Ok(0), |mut row| row.integer())
}
