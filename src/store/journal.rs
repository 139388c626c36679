//! Refused and ignored requests: equal ones share a row, so that a provider that repeats itself writes nothing. And
//! what the journal reads: these, the requests that were applied, from their changes, and counts by day.

use super::{Param, Row, Sql, each, first};
use crate::directory::command::Journal;
use crate::error::Result;
use crate::id::{NUMBER_MAX, Seq, Timestamp};

/// How long a refusal is kept after it was last seen, in milliseconds.
pub const KEPT_MILLISECONDS: i64 = 30 * 24 * 3_600_000;
/// How many refusals are kept.
pub const KEPT_ROWS: i64 = 10_000;
/// A day, in milliseconds.
pub const DAY: i64 = 24 * 3_600_000;
/// How many providers are told apart on one day.
const PROVIDERS: i64 = 30;
/// How many changes are looked at for one page: some 20 ms of work.
const WINDOW: i64 = 20_000;

/// One refused or ignored request, or a warning, which has neither request nor method nor resource.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Equal for requests that are refused alike.
    pub fingerprint: &'a str,
    /// `refused`, `ignored` for a request that was accepted and changed nothing because of what it said, or `warning`.
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

/// What an equal request that was written down before names; `None` if there was none.
///
/// # Errors
/// Internal only, as of every function here.
pub fn names(sql: &dyn Sql, fingerprint: &str) -> Result<Option<String>> {
    let row = first(sql, "SELECT names FROM refusals WHERE fingerprint = ?", &[fingerprint.into()])?;
    row.map(|mut row| row.text()).transpose()
}

/// When such an entry was last seen.
///
/// # Errors
/// Internal only.
pub fn last_seen(sql: &dyn Sql, fingerprint: &str) -> Result<Option<Timestamp>> {
    let row = first(sql, "SELECT last_at FROM refusals WHERE fingerprint = ?", &[fingerprint.into()])?;
    Ok(row.map(|mut row| row.integer()).transpose()?.map(Timestamp))
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

/// Writes an equal request over one that is known: it names more.
///
/// # Errors
/// Internal only.
pub fn renew(sql: &dyn Sql, entry: &Entry<'_>, at: Timestamp) -> Result<()> {
    let text = "UPDATE refusals SET last_at = max(last_at, ?), request_id = ?, token = ?, idp = ?, method = ?, resource = ?, \
                error = ?, names = ?, count = count + 1 WHERE fingerprint = ?";
    let params = [
        at.0.into(),
        Param::Text(entry.request),
        entry.token.into(),
        Param::Text(entry.idp),
        Param::Text(entry.method),
        Param::Text(entry.resource),
        Param::Text(entry.error),
        Param::Text(entry.names),
        Param::Text(entry.fingerprint),
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

/// Forgets refusals that are too old or too many, and counts that are too old.
///
/// # Errors
/// Internal only.
pub fn prune(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    let oldest = now.plus(-KEPT_MILLISECONDS).0;
    sql.query("DELETE FROM traffic WHERE day < ?", &[oldest.div_euclid(DAY).into()])?;
    sql.query("DELETE FROM refusals WHERE last_at < ?", &[oldest.into()])?;
    let text = "DELETE FROM refusals WHERE fingerprint IN \
                (SELECT fingerprint FROM refusals ORDER BY last_at DESC LIMIT -1 OFFSET ?)";
    sql.query(text, &[KEPT_ROWS.into()]).map(|_| ())
}

/// What became of one provider's requests on one day.
#[derive(Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Traffic {
    /// Since 1970-01-01, in UTC.
    pub day: i64,
    /// The caller's name.
    pub idp: String,
    pub applied: i64,
    pub unchanged: i64,
    pub refused: i64,
}

/// Adds what was counted in memory.
///
/// # Errors
/// Internal only.
pub fn add_traffic(sql: &dyn Sql, counted: &Traffic) -> Result<()> {
    let text = "INSERT INTO traffic (day, idp, applied, unchanged, refused) VALUES (?1, \
                CASE WHEN (SELECT count(*) FROM traffic WHERE day = ?1 AND idp <> ?2) < ?6 THEN ?2 ELSE 'other' END, \
                ?3, ?4, ?5) ON CONFLICT (day, idp) DO UPDATE SET applied = applied + excluded.applied, \
                unchanged = unchanged + excluded.unchanged, refused = refused + excluded.refused";
    let params = [
        counted.day.into(),
        Param::Text(&counted.idp),
        counted.applied.into(),
        counted.unchanged.into(),
        counted.refused.into(),
        PROVIDERS.into(),
    ];
    sql.query(text, &params).map(|_| ())
}

/// All that is kept of it, the last day first.
///
/// # Errors
/// Internal only.
pub fn traffic(sql: &dyn Sql) -> Result<Vec<Traffic>> {
    let text = "SELECT day, idp, applied, unchanged, refused FROM traffic ORDER BY day DESC, idp";
    let read = |mut row: Row| {
        let (day, idp) = (row.integer()?, row.text()?);
        Ok(Traffic { day, idp, applied: row.integer()?, unchanged: row.integer()?, refused: row.integer()? })
    };
    each(sql.query(text, &[])?, read)
}

/// Where a page ended: what comes after it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Requests whose last change is before it.
    pub seq: Seq,
    /// Refusals that were last seen before it, and those of the same time with a later fingerprint.
    pub at: Timestamp,
    /// See `at`.
    pub fingerprint: String,
}

impl Place {
    /// Before the newest.
    pub fn start() -> Self {
        Self { seq: NUMBER_MAX, at: Timestamp(NUMBER_MAX), fingerprint: String::new() }
    }
}

/// Who made a request.
#[derive(Debug)]
pub struct Facts {
    /// The request.
    pub request: String,
    /// The token's public id.
    pub token: Option<String>,
    /// What the admin called it.
    pub token_name: Option<String>,
    /// The caller's name.
    pub idp: String,
}

fn facts(row: &mut Row) -> Result<Facts> {
    Ok(Facts { request: row.text()?, token: row.optional_text()?, token_name: row.optional_text()?, idp: row.text()? })
}

/// A request that was applied, by the last of its changes.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the change")]
pub struct Applied {
    pub seq: Seq,
    pub at: Timestamp,
    pub facts: Facts,
    /// `None` for a change that no request made.
    pub method: Option<String>,
    pub status: Option<i64>,
    pub resource: String,
    pub id: String,
    pub repairs: String,
}

/// A change and its time.
type At = (Seq, Timestamp);

/// The newest of the applied requests before `below` that fit, at most `limit`. If changes are left that were not looked
/// at, the last of them and its time.
///
/// # Errors
/// Internal only.
pub fn applied(sql: &dyn Sql, wanted: &Journal, below: Seq, limit: i64) -> Result<(Vec<Applied>, Option<At>)> {
    let first_at = |time: Option<Timestamp>| time.map(|time| seq_before(sql, time)).transpose();
    let end = first_at(wanted.until)?.map_or(below, |seq| below.min(seq + 1));
    let Some((newest, _)) = last_below(sql, end)? else { return Ok((Vec::new(), None)) };
    let start = first_at(wanted.since)?.unwrap_or(0);
    // A window holds whole requests.
    let cut = match newest - WINDOW > start {
        true => {
            let text = "SELECT seq, at FROM changes WHERE seq <= ? AND seq > ? AND seq = request_seq \
                        ORDER BY seq DESC LIMIT 1";
            first(sql, text, &[(newest - WINDOW).into(), start.into()])?.map(place).transpose()?
        }
        false => None,
    };
    let text = "SELECT c.seq, c.at, c.request_id, c.token, t.name, c.idp, c.method, c.status, c.resource, c.id, c.repairs \
                FROM changes c LEFT JOIN tokens t ON t.id = c.token \
                WHERE c.seq > ?1 AND c.seq < ?2 AND c.seq = c.request_seq AND (?3 IS NULL OR c.token = ?3) \
                AND (?4 IS NULL OR c.seq IN (SELECT request_seq FROM changes WHERE seq > ?1 AND seq < ?2 \
                AND (id = ?4 OR resource = ?4))) ORDER BY c.seq DESC LIMIT ?5";
    let params = [
        cut.map_or(start, |(seq, _)| seq).into(),
        end.into(),
        wanted.token.as_deref().into(),
        wanted.resource.as_deref().into(),
        limit.into(),
    ];
    let read = |mut row: Row| {
        let (seq, at) = (row.integer()?, Timestamp(row.integer()?));
        let facts = facts(&mut row)?;
        let (method, status) = (row.optional_text()?, row.optional_integer()?);
        Ok(Applied { seq, at, facts, method, status, resource: row.text()?, id: row.text()?, repairs: row.text()? })
    };
    let rows = each(sql.query(text, &params)?, read)?;
    Ok((rows, cut))
}

fn place(mut row: Row) -> Result<At> {
    Ok((row.integer()?, Timestamp(row.integer()?)))
}

/// The last change below a position.
fn last_below(sql: &dyn Sql, seq: Seq) -> Result<Option<At>> {
    first(sql, "SELECT seq, at FROM changes WHERE seq < ? ORDER BY seq DESC LIMIT 1", &[seq.into()])?
        .map(place)
        .transpose()
}

/// The last change before that time, found by halves: the times of changes never go back.
fn seq_before(sql: &dyn Sql, time: Timestamp) -> Result<Seq> {
    let (mut low, mut high) = (0, last_below(sql, Place::start().seq)?.map_or(0, |(seq, _)| seq));
    while low < high {
        let middle = low + (high - low + 1) / 2;
        match last_below(sql, middle + 1)? {
            Some((seq, at)) if at >= time => high = seq - 1,
            _ => low = middle,
        }
    }
    Ok(low)
}

/// A request that was refused or passed over.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the row")]
pub struct Refused {
    pub fingerprint: String,
    pub outcome: String,
    pub first: Timestamp,
    pub last: Timestamp,
    pub facts: Facts,
    pub method: String,
    pub resource: String,
    /// [`Entry::error`].
    pub why: String,
    pub names: String,
    pub count: i64,
    /// The display name of the group that was to hold groups.
    pub group: Option<String>,
}

/// The newest of the refusals after `place` that fit.
///
/// # Errors
/// Internal only.
pub fn refused(sql: &dyn Sql, wanted: &Journal, place: &Place, limit: i64) -> Result<Vec<Refused>> {
    let text = "SELECT r.fingerprint, r.outcome, r.first_at, r.last_at, r.request_id, r.token, t.name, r.idp, r.method, \
                r.resource, r.error, r.names, r.count, g.display_name FROM refusals r \
                LEFT JOIN tokens t ON t.id = r.token \
                LEFT JOIN groups g ON g.id = json_extract(r.error, '$.nestedIn') AND g.gone = 0 \
                WHERE (r.last_at < ?1 OR (r.last_at = ?1 AND r.fingerprint > ?2)) AND (?3 IS NULL OR r.outcome = ?3) \
                AND (?4 = 0 OR json_extract(r.error, '$.nestedIn') IS NOT NULL) AND (?5 IS NULL OR r.token = ?5) \
                AND (?6 IS NULL OR r.last_at >= ?6) AND (?7 IS NULL OR r.last_at < ?7) \
                AND (?8 IS NULL OR CASE ?8 WHEN 'User' THEN instr(lower(r.resource), '/users') = 1 \
                WHEN 'Group' THEN instr(lower(r.resource), '/groups') = 1 \
                ELSE substr(r.resource, -length(?8) - 1) = '/' || ?8 \
                OR EXISTS (SELECT 1 FROM json_each(r.names) WHERE value = ?8) END) \
                ORDER BY r.last_at DESC, r.fingerprint LIMIT ?9";
    let time = |time: Option<Timestamp>| time.map_or(Param::Null, |time| time.0.into());
    let params = [
        place.at.0.into(),
        Param::Text(&place.fingerprint),
        wanted.outcome.as_deref().into(),
        i64::from(wanted.nested).into(),
        wanted.token.as_deref().into(),
        time(wanted.since),
        time(wanted.until),
        wanted.resource.as_deref().into(),
        limit.into(),
    ];
    let read = |mut row: Row| {
        let (fingerprint, outcome) = (row.text()?, row.text()?);
        let (first, last) = (Timestamp(row.integer()?), Timestamp(row.integer()?));
        let facts = facts(&mut row)?;
        let (method, resource, why, names) = (row.text()?, row.text()?, row.text()?, row.text()?);
        let (count, group) = (row.integer()?, row.optional_text()?);
        Ok(Refused { fingerprint, outcome, first, last, facts, method, resource, why, names, count, group })
    };
    each(sql.query(text, &params)?, read)
}
