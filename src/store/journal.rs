//! The parts of the journal besides [`refused`](super::refused): the requests that were applied, from their changes,
//! and counts by day.

pub use super::facts::CallerFacts;
use super::facts::read_facts;
use super::refused::{Key, RefusalPosition};
use super::subject::read_names;
use super::{Param, Row, Sql, first_row, read_rows};
use crate::directory::query::Journal;
use crate::error::{Result, Subject, shortened};
use crate::id::{NUMBER_MAX, Seq, Timestamp};

/// The time that a refusal is kept after it was last seen, in milliseconds.
pub const KEPT_MILLISECONDS: i64 = 30 * 24 * 3_600_000;
/// A day, in milliseconds.
pub const DAY: i64 = 24 * 3_600_000;
/// The most providers that are told apart on one day.
const PROVIDERS: i64 = 30;
/// The most changes that are read for one page: some 20 ms of work.
const WINDOW: i64 = 20_000;

/// Forgets counts that are too old.
pub fn prune_traffic(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    let oldest = now.plus(-KEPT_MILLISECONDS).0;
    sql.query("DELETE FROM traffic WHERE day < ?", &[oldest.div_euclid(DAY).into()]).map(|_| ())
}

/// The outcomes of one provider's requests on one day.
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

/// The columns of [`Traffic`].
const TRAFFIC: &str = "day, idp, applied, unchanged, refused";

/// Adds the counts from memory.
pub fn add_traffic(sql: &dyn Sql, counted: &Traffic) -> Result<()> {
    // A name comes from the client's User-Agent: without a bound a client could write a row for each name it makes up.
    let text = format!(
        "INSERT INTO traffic ({TRAFFIC}) VALUES (?1, \
         CASE WHEN (SELECT count(*) FROM traffic WHERE day = ?1 AND idp <> ?2) < ?6 THEN ?2 ELSE 'other' END, \
         ?3, ?4, ?5) ON CONFLICT (day, idp) DO UPDATE SET applied = applied + excluded.applied, \
         unchanged = unchanged + excluded.unchanged, refused = refused + excluded.refused"
    );
    let params = [
        counted.day.into(),
        Param::Text(&counted.idp),
        counted.applied.into(),
        counted.unchanged.into(),
        counted.refused.into(),
        PROVIDERS.into(),
    ];
    sql.query(&text, &params).map(|_| ())
}

/// Returns all kept counts, the last day first.
pub fn all_traffic(sql: &dyn Sql) -> Result<Vec<Traffic>> {
    let text = format!("SELECT {TRAFFIC} FROM traffic ORDER BY day DESC, idp");
    let read = |mut row: Row| {
        let (day, idp) = (row.integer()?, row.text()?);
        Ok(Traffic { day, idp, applied: row.integer()?, unchanged: row.integer()?, refused: row.integer()? })
    };
    read_rows(sql.query(&text, &[])?, read)
}

/// The place where a page ended.
#[derive(Clone, Debug)]
pub struct JournalPlace {
    /// Requests whose last change is before it.
    pub seq: Seq,
    /// The refusals after it.
    pub refusal: RefusalPosition,
}

impl JournalPlace {
    /// Returns the place before the newest entry.
    pub fn before_newest() -> Self {
        let key = Key { code: String::new(), token: String::new(), fingerprint: String::new() };
        Self { seq: NUMBER_MAX, refusal: RefusalPosition { last: Timestamp(NUMBER_MAX), key } }
    }
}

/// A request that was applied, by the last of its changes.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the change")]
pub struct AppliedRequest {
    pub seq: Seq,
    pub at: Timestamp,
    pub facts: CallerFacts,
    /// `None` for a change that no request made.
    pub method: Option<String>,
    pub status: Option<i64>,
    pub resource: String,
    pub id: String,
    pub repairs: String,
    /// The user or group that it was about.
    pub about: Subject,
}

/// A change and its time.
type At = (Seq, Timestamp);

/// Returns the newest applied requests before `below` that fit, at most `limit`. If changes are left unread, also the
/// last of them and its time.
pub fn applied_below(
    sql: &dyn Sql,
    wanted: &Journal,
    below: Seq,
    limit: i64,
) -> Result<(Vec<AppliedRequest>, Option<At>)> {
    // Times are turned into positions first: changes have an index of positions and none of times.
    let first_at = |time: Option<Timestamp>| time.map(|time| seq_before(sql, time)).transpose();
    let mut end = first_at(wanted.until)?.map_or(below, |seq| below.min(seq + 1));
    let mut start = first_at(wanted.since)?.unwrap_or(0);
    if let Some(seq) = wanted.seq {
        // The position of any of its changes leads to the request.
        let Some(of_request) = request_of(sql, seq)? else { return Ok((Vec::new(), None)) };
        (start, end) = (start.max(of_request - 1), end.min(of_request + 1));
    }
    let Some((newest, _)) = last_below(sql, end)? else { return Ok((Vec::new(), None)) };
    // A filter may match nothing in a million changes: the page then ends early and says where to go on.
    // A window holds whole requests.
    let cut = match newest - WINDOW > start {
        true => {
            let text = "SELECT seq, at FROM changes WHERE seq <= ? AND seq > ? AND seq = request_seq \
                        ORDER BY seq DESC LIMIT 1";
            first_row(sql, text, &[(newest - WINDOW).into(), start.into()])?.map(change_position).transpose()?
        }
        false => None,
    };
    // Only the last change of a request has its repairs, and stands for all of them.
    let text = format!(
        "SELECT {APPLIED} FROM changes c {NAMED} \
         WHERE c.seq > ?1 AND c.seq < ?2 AND c.seq = c.request_seq AND (?3 IS NULL OR c.token = ?3) \
         AND (?4 IS NULL OR c.seq IN (SELECT request_seq FROM changes WHERE seq > ?1 AND seq < ?2 \
         AND (id = ?4 OR resource = ?4))) AND (?5 IS NULL OR c.request_id = ?5) AND (?6 IS NULL OR c.idp = ?6) \
         AND (?7 IS NULL OR c.status = ?7) ORDER BY c.seq DESC LIMIT ?8"
    );
    let params = [
        cut.map_or(start, |(seq, _)| seq).into(),
        end.into(),
        wanted.token.as_deref().into(),
        wanted.resource.as_deref().into(),
        wanted.request_id.as_deref().into(),
        wanted.idp.as_deref().into(),
        wanted.status.map_or(Param::Null, Param::from),
        limit.into(),
    ];
    Ok((read_rows(sql.query(&text, &params)?, read_applied)?, cut))
}

/// The columns of [`AppliedRequest`]. The names of a deleted resource are read from the change that deleted it. A very
/// long document is not read for its `displayName`: a page may have 200 of them.
const APPLIED: &str = "c.seq, c.at, c.request_id, c.token, t.name, c.idp, c.method, c.status, c.resource, c.id, c.repairs, \
     coalesce(u.user_name, json_extract(CASE WHEN c.kind = 'deleted' AND length(c.before) <= 65536 THEN c.before END, '$.userName')), \
     coalesce(json_extract(CASE WHEN length(u.doc) <= 65536 THEN u.doc END, '$.displayName'), g.display_name, \
     json_extract(CASE WHEN c.kind = 'deleted' AND length(c.before) <= 65536 THEN c.before END, '$.displayName')), \
     coalesce(u.external_id, g.external_id, \
     json_extract(CASE WHEN c.kind = 'deleted' AND length(c.before) <= 65536 THEN c.before END, '$.externalId'))";
/// The tables beside `changes c` that [`APPLIED`] reads.
const NAMED: &str = "LEFT JOIN tokens t ON t.id = c.token LEFT JOIN users u ON u.id = c.id AND u.gone = 0 \
                     LEFT JOIN groups g ON g.id = c.id AND g.gone = 0";

fn read_applied(mut row: Row) -> Result<AppliedRequest> {
    let (seq, at) = (row.integer()?, Timestamp(row.integer()?));
    let facts = read_facts(&mut row)?;
    let (method, status) = (row.optional_text()?, row.optional_integer()?);
    let (resource, id, repairs) = (row.text()?, row.text()?, row.text()?);
    let about = Subject { id: shortened(&id), ..read_names(&mut row)? };
    Ok(AppliedRequest { seq, at, facts, method, status, resource, id, repairs, about })
}

fn change_position(mut row: Row) -> Result<At> {
    Ok((row.integer()?, Timestamp(row.integer()?)))
}

/// Returns the position of the last change of the request that made the change at `seq`.
fn request_of(sql: &dyn Sql, seq: Seq) -> Result<Option<Seq>> {
    let row = first_row(sql, "SELECT request_seq FROM changes WHERE seq = ?", &[seq.into()])?;
    row.map(|mut row| row.integer()).transpose()
}

/// Returns the last change below a position.
fn last_below(sql: &dyn Sql, seq: Seq) -> Result<Option<At>> {
    first_row(sql, "SELECT seq, at FROM changes WHERE seq < ? ORDER BY seq DESC LIMIT 1", &[seq.into()])?
        .map(change_position)
        .transpose()
}

/// Returns the last change before that time, found by halves: the times of changes never go back.
fn seq_before(sql: &dyn Sql, time: Timestamp) -> Result<Seq> {
    // At most 53 look-ups by the primary key, instead of an index of times that every change would write.
    let (mut low, mut high) = (0, last_below(sql, JournalPlace::before_newest().seq)?.map_or(0, |(seq, _)| seq));
    while low < high {
        let middle = low + (high - low + 1) / 2;
        match last_below(sql, middle + 1)? {
            Some((seq, at)) if at >= time => high = seq - 1,
            _ => low = middle,
        }
    }
    Ok(low)
}
