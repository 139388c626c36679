//! The organisation's one sequence of changes. The last row carries the running totals and is never pruned.

use super::{Param, Sql, each, first};
pub use crate::directory::console::{ChangeKind as Kind, Counts as Totals};
use crate::error::{Error, Result};
use crate::id::{RequestId, Seq, Timestamp};
use crate::scim::json;

/// How long a change is kept, in milliseconds.
pub const KEPT_MILLISECONDS: i64 = 30 * 24 * 3_600_000;
/// How long it is kept however much there is, in milliseconds: a follower that is down for a weekend goes on where it was.
pub const KEPT_LEAST_MILLISECONDS: i64 = 72 * 3_600_000;
/// How many bytes of changes are kept that are older than that, 2 GB.
pub const KEPT_BYTES: i64 = 2_000_000_000;
/// From how many kept bytes on only what takes something away is executed, 2.25 GB.
pub const BYTES_MAX: i64 = 2_250_000_000;
/// How many changes are read at once to be forgotten, and after how many bytes of them a step ends: one may have 1 MiB.
const PRUNED_PIECE: i64 = 16;
const PRUNED_BYTES: i64 = 16 << 20;

/// Where the sequence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// 0 before the first change.
    pub seq: Seq,
    /// When that was; the next change is not before it.
    pub at: Timestamp,
    /// After that change.
    pub totals: Totals,
    /// The bytes of that change and of all before it, also of those that are no longer kept.
    pub bytes: i64,
}

/// One change, not yet written.
#[derive(Debug)]
pub struct Change {
    /// What it did.
    pub kind: Kind,
    /// `User` or `Group`.
    pub resource: &'static str,
    /// Of that resource.
    pub id: String,
    /// How it was before.
    pub before: Before,
    /// The position of the resource's change before this one; `None` if it has none: it was made, or imported.
    pub previous: Option<Seq>,
    /// How much it takes out of what the guard counts.
    pub lost: i64,
    /// After it.
    pub totals: Totals,
}

/// What a change keeps of how its resource was.
#[derive(Debug)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// The attributes that changed, as JSON text: their [difference](crate::scim::difference).
    Attributes(String),
    /// The same as they were, each whole: a stored change from before there were differences.
    Whole(String),
    /// Of [`Kind::Members`], the ids `added` and `removed`, as JSON text.
    Members(String),
    /// The same of very many, in the change's row already, and how many bytes that is
    /// ([`super::members::write_change`]).
    Written(i64),
}

/// What a request writes beside each of its changes.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The request.
    pub request: &'a RequestId,
    /// What the clock says.
    pub clock: Timestamp,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<&'a str>,
    /// The token's public id; `None` for the root key.
    pub token: Option<&'a str>,
    /// The caller's name.
    pub idp: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The status that it is answered with.
    pub status: i64,
    /// What the request needed to be understood, then what was passed over: its last change has it.
    pub repairs: Vec<String>,
}

/// The last change.
///
/// # Errors
/// Internal only, as of every function here.
pub fn head(sql: &dyn Sql) -> Result<Head> {
    let text = format!(
        "SELECT seq, at, users, active_users, groups, memberships, coalesce(bytes, {OLDEST_BYTES}, 0) FROM changes \
         ORDER BY seq DESC LIMIT 1"
    );
    let Some(mut row) = first(sql, &text, &[])? else {
        return Ok(Head { seq: 0, at: Timestamp(0), totals: Totals::default(), bytes: 0 });
    };
    let (seq, at) = (row.integer()?, Timestamp(row.integer()?));
    let totals = Totals {
        users: row.integer()?,
        active_users: row.integer()?,
        groups: row.integer()?,
        memberships: row.integer()?,
    };
    Ok(Head { seq, at, totals, bytes: row.integer()? })
}

/// The running column of the oldest change. A build from before the column writes changes without it, which count 0: the sum
/// then goes on from here, and what is kept is never below 0.
const OLDEST_BYTES: &str = "(SELECT bytes FROM changes ORDER BY seq LIMIT 1)";
/// What a row counts besides its texts: its numbers, and its place in the table.
pub(super) const ROW_BYTES: i64 = 100;

/// Returns how many bytes the changes have that are kept. Those from before they were counted have none.
///
/// # Errors
/// Internal only.
pub fn kept(sql: &dyn Sql, head: &Head) -> Result<i64> {
    let oldest = first(sql, "SELECT coalesce(bytes, 0) FROM changes ORDER BY seq LIMIT 1", &[])?;
    Ok(head.bytes - oldest.map_or(Ok(0), |mut row| row.integer())?)
}

/// Returns true if so much is kept that only what takes something away is executed.
///
/// # Errors
/// Internal only.
pub fn is_full(sql: &dyn Sql, head: &Head) -> Result<bool> {
    // There was never so much: the oldest change need not be read.
    Ok(head.bytes >= BYTES_MAX && kept(sql, head)? >= BYTES_MAX)
}

/// Writes a request's changes after `head`. Returns how many bytes they are.
///
/// # Errors
/// Internal only.
pub fn append(sql: &dyn Sql, head: &Head, at: Timestamp, facts: &Facts<'_>, changes: &[Change]) -> Result<i64> {
    let insert = "INSERT INTO changes (seq, request_seq, at, request_id, idempotency_key, token, idp, repairs, kind, resource, \
                  id, before, users, active_users, groups, memberships, method, status, previous_seq, lost, clock, bytes) \
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    // A row that is there keeps its `before`.
    let fill = format!(
        "{insert} ON CONFLICT (seq) DO UPDATE SET request_seq = excluded.request_seq, at = excluded.at, \
         request_id = excluded.request_id, idempotency_key = excluded.idempotency_key, token = excluded.token, \
         idp = excluded.idp, repairs = excluded.repairs, users = excluded.users, active_users = excluded.active_users, \
         groups = excluded.groups, memberships = excluded.memberships, method = excluded.method, status = excluded.status, \
         previous_seq = excluded.previous_seq, lost = excluded.lost, clock = excluded.clock, bytes = excluded.bytes"
    );
    let repairs = serde_json::to_string(&facts.repairs).map_err(Error::internal)?;
    let last = head.seq + changes.len() as i64;
    let texts = [facts.request.as_str(), facts.idp, facts.method];
    let texts = texts.into_iter().chain(facts.idempotency_key).chain(facts.token);
    let each = ROW_BYTES + texts.map(str::len).sum::<usize>() as i64;
    let mut bytes = head.bytes;
    for (seq, change) in (head.seq + 1..).zip(changes) {
        let (text, before) = match &change.before {
            Before::Nothing => (insert, None),
            Before::Attributes(before) | Before::Whole(before) | Before::Members(before) => {
                (insert, Some(before.as_str()))
            }
            Before::Written(_) => (fill.as_str(), None),
        };
        let before_bytes = match &change.before {
            Before::Written(bytes) => *bytes,
            _ => before.map_or(0, str::len) as i64,
        };
        // Of the whole request, and may be long: it stands once.
        let repairs = if seq == last { repairs.as_str() } else { "[]" };
        bytes += each
            + (repairs.len() + change.kind.as_str().len() + change.resource.len() + change.id.len()) as i64
            + before_bytes;
        let params = [
            seq.into(),
            last.into(),
            at.0.into(),
            Param::Text(facts.request.as_str()),
            facts.idempotency_key.into(),
            facts.token.into(),
            Param::Text(facts.idp),
            Param::Text(repairs),
            Param::Text(change.kind.as_str()),
            Param::Text(change.resource),
            Param::Text(&change.id),
            before.into(),
            change.totals.users.into(),
            change.totals.active_users.into(),
            change.totals.groups.into(),
            change.totals.memberships.into(),
            Param::Text(facts.method),
            facts.status.into(),
            change.previous.map_or(Param::Null, Param::from),
            change.lost.into(),
            if facts.clock == at { Param::Null } else { facts.clock.0.into() },
            bytes.into(),
        ];
        sql.query(text, &params)?;
    }
    Ok(bytes - head.bytes)
}

/// Returns what a change kept of how it was before: [`Before::Attributes`] or [`Before::Whole`] of attributes. Nothing, if the
/// change is gone, kept nothing, or was one of members.
///
/// # Errors
/// Internal only.
pub fn before(sql: &dyn Sql, seq: Seq) -> Result<Before> {
    let text = "SELECT before, bytes FROM changes WHERE seq = ? AND kind <> 'members' AND before IS NOT NULL";
    let Some(mut row) = first(sql, text, &[seq.into()])? else { return Ok(Before::Nothing) };
    let text = row.text()?;
    // The running column and the differences came together.
    Ok(if row.optional_integer()?.is_some() { Before::Attributes(text) } else { Before::Whole(text) })
}

/// How much a change took out of what the guard counts.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// The change's time, which never goes back.
    pub at: Timestamp,
    /// What the clock said then.
    pub clock: Timestamp,
    /// How much.
    pub lost: i64,
}

/// Reads what each change took out, the newest first, until `each` answers false. Only members, deactivations and deletions
/// are known of changes from before that was noted.
///
/// # Errors
/// Internal only.
pub fn losses(sql: &dyn Sql, each: &mut dyn FnMut(Loss) -> bool) -> Result<()> {
    let text = "SELECT seq, at, coalesce(clock, at), CASE WHEN lost IS NOT NULL THEN lost \
                WHEN kind = 'members' THEN json_array_length(before, '$.removed') \
                WHEN resource = 'User' AND kind IN ('deactivated', 'deleted') THEN 1 \
                WHEN resource = 'Group' AND kind = 'deleted' THEN coalesce(json_extract(before, '$.memberships'), 0) \
                ELSE 0 END \
                FROM changes WHERE seq < ? ORDER BY seq DESC LIMIT 1000";
    let mut before = Seq::MAX >> 11;
    loop {
        let rows = sql.query(text, &[before.into()])?;
        let last = rows.len() < 1000;
        for mut row in rows {
            before = row.integer()?;
            let (at, clock, lost) = (Timestamp(row.integer()?), Timestamp(row.integer()?), row.integer()?);
            if !each(Loss { at, clock, lost }) {
                return Ok(());
            }
        }
        if last {
            return Ok(());
        }
    }
}

/// How a resource came to be.
#[derive(Debug)]
pub struct Creation {
    /// When, as the clock said.
    pub at: Timestamp,
    /// The public id of the token that was used.
    pub token: Option<String>,
    /// The header `Idempotency-Key` of that request.
    pub idempotency_key: Option<String>,
}

/// Returns the creation of a resource; `None` if a later request changed it, or if that is no longer kept.
///
/// # Errors
/// Internal only.
pub fn creation(sql: &dyn Sql, id: &str) -> Result<Option<Creation>> {
    // A group that was made with members has changes of these after its creation, in the same request.
    let text = format!(
        "WITH RECURSIVE chain (seq) AS (SELECT {LAST_OF} UNION ALL SELECT p.seq FROM chain \
         CROSS JOIN changes c ON c.seq = chain.seq AND c.kind = 'members' \
         CROSS JOIN changes p ON p.seq = c.previous_seq AND p.request_seq = c.request_seq) \
         SELECT c.at, c.token, c.idempotency_key FROM chain CROSS JOIN changes c ON c.seq = chain.seq \
         WHERE c.kind = 'created'"
    );
    let row = first(sql, &text, &[id.into()])?;
    row.map(|mut row| {
        let (at, token) = (Timestamp(row.integer()?), row.optional_text()?);
        Ok(Creation { at, token, idempotency_key: row.optional_text()? })
    })
    .transpose()
}

/// Returns what the request of a resource's last change needed, and what of it was passed over.
///
/// # Errors
/// Internal only.
pub fn last_repairs(sql: &dyn Sql, id: &str) -> Result<Vec<String>> {
    let text =
        format!("SELECT repairs FROM changes WHERE seq = (SELECT request_seq FROM changes WHERE seq = {LAST_OF})");
    let row = first(sql, &text, &[id.into()])?;
    let text = row.map(|mut row| row.text()).transpose()?;
    text.map_or(Ok(Vec::new()), |text| json::own(&text))
}

/// The position of the last change of a resource, by its own row: no index of the changes is needed.
const LAST_OF: &str =
    "coalesce((SELECT seq FROM users WHERE id = ?1 AND gone = 0), (SELECT seq FROM groups WHERE id = ?1 AND gone = 0))";

/// The oldest change that is kept; `None` if there is none.
///
/// # Errors
/// Internal only.
pub fn oldest(sql: &dyn Sql) -> Result<Option<Seq>> {
    first(sql, "SELECT seq FROM changes ORDER BY seq LIMIT 1", &[])?.map(|mut row| row.integer()).transpose()
}

/// Forgets changes from the oldest on, at most `rows`, never the last one: those that are older than 30 days, and those older
/// than 72 hours after which 2 GB are kept all the same. True if there may be more.
///
/// # Errors
/// Internal only.
pub fn prune(sql: &dyn Sql, now: Timestamp, rows: i64) -> Result<bool> {
    let head = head(sql)?;
    let text = "SELECT seq, at, coalesce(clock, at), bytes, coalesce(length(before), 0) FROM changes \
                WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ?";
    let (mut last, mut forgotten, mut long, mut sum) = (0, 0, 0, 0);
    let mut corrected = None;
    let more = 'pieces: loop {
        let piece = each(sql.query(text, &[last.into(), head.seq.into(), PRUNED_PIECE.into()])?, |mut row| {
            let (seq, at, clock) = (row.integer()?, Timestamp(row.integer()?), Timestamp(row.integer()?));
            Ok(Oldest { seq, made: at, clock, bytes: row.optional_integer()?, long: row.integer()? })
        })?;
        let Some(end) = piece.last().map(|change: &Oldest| (change.seq, change.made)) else { break false };
        if end.1 > now && corrected.is_none_or(|(seq, _)| seq <= end.0) {
            corrected = corrected_after(sql, end.0)?;
        }
        let later = corrected.map_or(now, |(_, clock)| now.min(clock));
        for change in made(piece, later, now) {
            // One from before bytes were counted is as far from the end as that before it.
            sum = change.bytes.unwrap_or(sum);
            let age = if head.bytes - sum >= KEPT_BYTES { KEPT_LEAST_MILLISECONDS } else { KEPT_MILLISECONDS };
            if change.made >= now.plus(-age) {
                break 'pieces false;
            }
            if forgotten == rows || long >= PRUNED_BYTES {
                break 'pieces true;
            }
            (last, forgotten, long) = (change.seq, forgotten + 1, long + change.long);
        }
    };
    if forgotten > 0 {
        sql.query("DELETE FROM changes WHERE seq <= ?", &[last.into()])?;
    }
    Ok(more)
}

/// A change that may be forgotten.
struct Oldest {
    seq: Seq,
    /// When it was made.
    made: Timestamp,
    /// What the clock said then.
    clock: Timestamp,
    bytes: Option<i64>,
    /// How long its `before` is.
    long: i64,
}

/// Returns the next change at which the clock said something else than the change's time, and what it said. After a clock that
/// was ahead that is the first one made since; nothing else asks.
fn corrected_after(sql: &dyn Sql, seq: Seq) -> Result<Option<(Seq, Timestamp)>> {
    let text = "SELECT seq, clock FROM changes WHERE seq > ? AND clock IS NOT NULL ORDER BY seq LIMIT 1";
    let row = first(sql, text, &[seq.into()])?;
    row.map(|mut row| Ok((row.integer()?, Timestamp(row.integer()?)))).transpose()
}

/// Corrects when changes were made, if the clock was ahead then: a change with a time that is yet to come was made when the
/// clock said so in one of those after it, at the latest; `later` is what it said after the last of them. Times never go back, so
/// all changes since would wait for that time.
fn made(mut piece: Vec<Oldest>, mut later: Timestamp, now: Timestamp) -> Vec<Oldest> {
    for change in piece.iter_mut().rev().filter(|change| change.made > now) {
        later = later.min(change.clock);
        change.made = later;
    }
    piece
}
