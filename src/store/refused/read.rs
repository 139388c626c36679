//! Reading of refusals: first the positions of all, then the entries of one page by their keys.
//!
//! `refusals` is the table of earlier builds, keyed by the fingerprint alone. Its rows are shown until a job has copied
//! them.

use super::{Key, read_key};
use crate::directory::query::Journal;
use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::store::facts::{CallerFacts, read_facts};
use crate::store::{Param, Row, Sql, first_row, read_rows};
use std::cmp::{Ordering, Reverse};

/// An entry as it is read.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the row")]
pub struct RefusalRow {
    pub key: Key,
    pub outcome: String,
    pub first: Timestamp,
    pub last: Timestamp,
    pub facts: CallerFacts,
    pub method: String,
    pub resource: String,
    /// [`RefusalEntry::error`](super::RefusalEntry::error).
    pub why: String,
    pub names: String,
    pub count: i64,
    /// The display name of the group that was to hold groups.
    pub group: Option<String>,
}

impl RefusalRow {
    /// Returns its position among all.
    pub fn position_of(&self) -> RefusalPosition {
        RefusalPosition { last: self.last, key: self.key.clone() }
    }
}

/// The position of an entry among all: the newest first, those of the same time by fingerprint, code and token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalPosition {
    /// The time at which it was last seen.
    pub last: Timestamp,
    /// Its key.
    pub key: Key,
}

impl RefusalPosition {
    fn sort_key(&self) -> (Reverse<Timestamp>, [&str; 3]) {
        (Reverse(self.last), [&self.key.fingerprint, &self.key.code, &self.key.token])
    }
}

impl Ord for RefusalPosition {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sort_key().cmp(&other.sort_key())
    }
}

impl PartialOrd for RefusalPosition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The rows of an earlier build, in today's form. They may be very large: the first names and the beginning of the
/// sentence are read.
const OLD: &str = "(SELECT coalesce(json_extract(error, '$.code'), outcome) AS code, coalesce(token, '') AS token, fingerprint, \
                   outcome, first_at, last_at, request_id, idp, method, resource, CASE WHEN length(error) > 4096 THEN \
                   json_set(error, '$.detail', substr(json_extract(error, '$.detail'), 1, 1000), '$.notes', json('[]'), \
                   '$.cut', json('true')) WHEN length(names) > 4096 THEN json_set(error, '$.cut', json('true')) \
                   ELSE error END AS error, CASE WHEN length(names) > 4096 THEN (SELECT json_group_array(name) FROM \
                   (SELECT substr(value, 1, 301) AS name, sum(min(length(value), 301) + 3) OVER (ORDER BY key) AS bytes \
                   FROM json_each(names) WHERE key < 1000) WHERE bytes < 4096) ELSE names END AS names, count FROM refusals)";
const COLUMNS: &str = "r.code, r.token, r.fingerprint, r.outcome, r.first_at, r.last_at, r.request_id, nullif(r.token, ''), \
                       t.name, r.idp, r.method, r.resource, r.error, r.names, r.count, g.display_name";
const NAMED: &str = "LEFT JOIN tokens t ON t.id = r.token \
                     LEFT JOIN groups g ON g.id = json_extract(r.error, '$.nestedIn') AND g.gone = 0";

fn read_refused(mut row: Row) -> Result<RefusalRow> {
    let (key, outcome) = (read_key(&mut row)?, row.text()?);
    let (first, last) = (Timestamp(row.integer()?), Timestamp(row.integer()?));
    let facts = read_facts(&mut row)?;
    let (method, resource, why, names) = (row.text()?, row.text()?, row.text()?, row.text()?);
    let (count, group) = (row.integer()?, row.optional_text()?);
    Ok(RefusalRow { key, outcome, first, last, facts, method, resource, why, names, count, group })
}

/// Returns the positions of the entries after `place`, at most `limit`. It looks at every row: no index has that order,
/// because it would be one more row for each refusal.
pub fn positions_after(
    sql: &dyn Sql,
    wanted: &Journal,
    place: &RefusalPosition,
    limit: i64,
) -> Result<Vec<RefusalPosition>> {
    // Both tables are asked for a whole page, because either may hold all of it.
    let mut all = find_places(sql, "refused", wanted, place, limit)?;
    all.extend(find_places(sql, OLD, wanted, place, limit)?);
    all.sort();
    // The same refusal came again before its earlier row was copied.
    all.dedup();
    all.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(all)
}

fn find_places(
    sql: &dyn Sql,
    from: &str,
    wanted: &Journal,
    place: &RefusalPosition,
    limit: i64,
) -> Result<Vec<RefusalPosition>> {
    let text = format!(
        "SELECT r.last_at, r.code, r.token, r.fingerprint FROM {from} r WHERE (r.last_at < ?1 OR (r.last_at = ?1 AND \
         (r.fingerprint, r.code, r.token) > (?2, ?3, ?4))) AND (?5 IS NULL OR r.outcome = ?5) \
         AND (?6 = 0 OR json_extract(r.error, '$.nestedIn') IS NOT NULL) AND (?7 IS NULL OR r.token = ?7) \
         AND (?8 IS NULL OR r.last_at >= ?8) AND (?9 IS NULL OR r.last_at < ?9) \
         AND (?10 IS NULL OR CASE ?10 WHEN 'User' THEN instr(lower(r.resource), '/users') = 1 \
         WHEN 'Group' THEN instr(lower(r.resource), '/groups') = 1 \
         ELSE substr(r.resource, -length(?10) - 1) = '/' || ?10 \
         OR EXISTS (SELECT 1 FROM json_each(r.names) WHERE value = ?10) END) \
         AND (?11 = 0 OR ((?12 IS NULL OR r.request_id = ?12) AND (?13 IS NULL OR r.idp = ?13) \
         AND (?14 IS NULL OR json_extract(r.error, '$.status') = ?14) AND (?15 IS NULL OR (r.code = ?15 \
         AND json_extract(r.error, '$.code') IS NOT NULL)))) \
         ORDER BY r.last_at DESC, r.fingerprint, r.code, r.token LIMIT ?16"
    );
    // NULL stands for no restriction, so one text serves all combinations, and its plan is the same for each.
    let time = |time: Option<Timestamp>| time.map_or(Param::Null, |time| time.0.into());
    let [code, token, fingerprint] = place.key.params();
    let params = [
        place.last.0.into(),
        fingerprint,
        code,
        token,
        wanted.outcome.as_deref().into(),
        i64::from(wanted.nested).into(),
        wanted.token.as_deref().into(),
        time(wanted.since),
        time(wanted.until),
        wanted.resource.as_deref().into(),
        // One test a row stands for all the rare filters.
        i64::from(wanted.needs_version_8()).into(),
        wanted.request_id.as_deref().into(),
        wanted.idp.as_deref().into(),
        wanted.status.map_or(Param::Null, Param::from),
        wanted.code.as_deref().into(),
        limit.into(),
    ];
    read_rows(sql.query(&text, &params)?, |mut row| {
        Ok(RefusalPosition { last: Timestamp(row.integer()?), key: read_key(&mut row)? })
    })
}

/// Reads the entries at these positions, which must be in order. An entry that was seen again since has another
/// position and is left out.
pub fn load_entries(sql: &dyn Sql, places: &[RefusalPosition]) -> Result<Vec<RefusalRow>> {
    let mut all = find_rows(sql, "refused", places)?;
    if all.len() < places.len() {
        let known: Vec<RefusalPosition> = all.iter().map(RefusalRow::position_of).collect();
        all.extend(find_rows(sql, OLD, places)?.into_iter().filter(|one| !known.contains(&one.position_of())));
        all.sort_by_key(RefusalRow::position_of);
    }
    Ok(all)
}

fn find_rows(sql: &dyn Sql, from: &str, places: &[RefusalPosition]) -> Result<Vec<RefusalRow>> {
    let keys: Vec<[&str; 3]> =
        places.iter().map(|RefusalPosition { key, .. }| [&*key.code, &*key.token, &*key.fingerprint]).collect();
    // The keys come first in the join: each is looked up by the primary key, and nothing is scanned.
    let keys = serde_json::to_string(&keys).map_err(Error::internal)?;
    let text = format!(
        "SELECT {COLUMNS} FROM json_each(?1) k CROSS JOIN {from} r ON r.code = json_extract(k.value, '$[0]') \
         AND r.token = json_extract(k.value, '$[1]') AND r.fingerprint = json_extract(k.value, '$[2]') {NAMED}"
    );
    let mut all = read_rows(sql.query(&text, &[Param::Text(&keys)])?, read_refused)?;
    // Seen again since its position was read: it now stands further ahead, on a page that was read before.
    all.retain(|one| places.binary_search(&one.position_of()).is_ok());
    Ok(all)
}

/// Returns true if an earlier build left rows.
pub fn has_old(sql: &dyn Sql) -> Result<bool> {
    Ok(first_row(sql, "SELECT 1 FROM refusals LIMIT 1", &[])?.is_some())
}

/// Returns rows of an earlier build, at most `limit`, by their fingerprints.
pub fn old_entries(sql: &dyn Sql, limit: i64) -> Result<Vec<RefusalRow>> {
    let text = format!("SELECT {COLUMNS} FROM {OLD} r {NAMED} ORDER BY r.fingerprint LIMIT ?1");
    read_rows(sql.query(&text, &[limit.into()])?, read_refused)
}

/// Forgets the rows of an earlier build up to that fingerprint.
pub fn forget_old(sql: &dyn Sql, last: &str) -> Result<()> {
    sql.query("DELETE FROM refusals WHERE fingerprint <= ?", &[last.into()]).map(|_| ())
}
