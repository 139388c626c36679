//! The organisation's one sequence of changes. The last row carries the running totals and is never pruned.

mod history;

pub use history::{Loss, each_loss, prune_changes};

use super::{Param, Sql, first_row};
pub use crate::directory::console::{ChangeKind as Kind, Counts as Totals};
use crate::error::{Error, Result};
use crate::id::{RequestId, Seq, Timestamp};
use crate::scim::json;

/// The time that a change is kept, in milliseconds.
pub const KEPT_MILLISECONDS: i64 = 30 * 24 * 3_600_000;
/// The time that it is kept even if there are very many, in milliseconds: a follower that is down for a weekend
/// continues where it was.
pub const KEPT_LEAST_MILLISECONDS: i64 = 72 * 3_600_000;
/// The bytes of older changes that are kept, 2 GB.
pub const KEPT_BYTES: i64 = 2_000_000_000;
/// The kept bytes from which on only removals are executed, 2.25 GB.
pub const BYTES_MAX: i64 = 2_250_000_000;

/// The end of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The position of the last change; 0 before the first.
    pub seq: Seq,
    /// The time of the last change; the next one is not before it.
    pub at: Timestamp,
    /// The totals after that change.
    pub totals: Totals,
    /// The bytes of that change and of all before it, also of those that are no longer kept.
    pub bytes: i64,
}

/// One change, not yet written.
#[derive(Debug)]
pub struct PendingChange {
    /// The effect.
    pub kind: Kind,
    /// `User` or `Group`.
    pub resource: &'static str,
    /// The id of the resource.
    pub id: String,
    /// The state of the resource before it.
    pub before: Before,
    /// The position of the resource's previous change; `None` if the change created or imported it.
    pub previous: Option<Seq>,
    /// How much the guard counts for it.
    pub lost: i64,
    /// The totals after it.
    pub totals: Totals,
}

/// The earlier state of the resource that a change keeps.
#[derive(Debug)]
pub enum Before {
    /// No earlier state.
    Nothing,
    /// The attributes that changed, as JSON text: their [difference](crate::scim::difference).
    Attributes(String),
    /// The same attributes whole, in a change from before differences were stored.
    Whole(String),
    /// For [`Kind::Members`], the ids `added` and `removed`, as JSON text.
    Members(String),
    /// The same for very many members, already in the change's row, and its size in bytes
    /// ([`super::members::write_change`]).
    Written(i64),
}

/// The data of a request that each of its changes stores.
#[derive(Debug)]
pub struct RequestFacts<'a> {
    /// The id of the request.
    pub request: &'a RequestId,
    /// The time of the clock.
    pub clock: Timestamp,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<&'a str>,
    /// The token's public id; `None` for the root key.
    pub token: Option<&'a str>,
    /// The caller's name.
    pub idp: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The status of its answer.
    pub status: i64,
    /// The repairs that the request needed, then the notes of skipped parts: its last change has them.
    pub repairs: Vec<String>,
}

/// Returns the last change.
pub fn read_head(sql: &dyn Sql) -> Result<Head> {
    let text = format!(
        "SELECT seq, at, users, active_users, groups, memberships, coalesce(bytes, {OLDEST_BYTES}, 0) FROM changes \
         ORDER BY seq DESC LIMIT 1"
    );
    // A new organisation has no change yet; its first one gets the position 1.
    let Some(mut row) = first_row(sql, &text, &[])? else {
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

/// Returns the last change if a build wrote it that did not yet spell what it stores as its schema does.
///
/// # Errors
/// Internal only.
pub fn unspelled_head(sql: &dyn Sql) -> Result<Option<Seq>> {
    let last = "SELECT CASE WHEN spelled IS NULL THEN seq END FROM changes ORDER BY seq DESC LIMIT 1";
    first_row(sql, last, &[])?.map_or(Ok(None), |mut row| row.optional_integer())
}

/// The running column of the oldest change. A build from before the column writes changes without it, which count 0: the sum
/// then goes on from here, and what is kept is never below 0.
const OLDEST_BYTES: &str = "(SELECT bytes FROM changes ORDER BY seq LIMIT 1)";
/// The bytes that a row counts besides its texts: its numbers, and its place in the table.
pub(super) const ROW_BYTES: i64 = 100;

/// Returns the bytes of the kept changes. Changes from before they were counted have none.
pub fn kept_bytes(sql: &dyn Sql, head: &Head) -> Result<i64> {
    let oldest = first_row(sql, "SELECT coalesce(bytes, 0) FROM changes ORDER BY seq LIMIT 1", &[])?;
    Ok(head.bytes - oldest.map_or(Ok(0), |mut row| row.integer())?)
}

/// Returns true if so much is kept that only removals are executed.
pub fn is_full(sql: &dyn Sql, head: &Head) -> Result<bool> {
    // There was never so much: the oldest change need not be read.
    Ok(head.bytes >= BYTES_MAX && kept_bytes(sql, head)? >= BYTES_MAX)
}

/// Writes a request's changes after `head`. Returns their size in bytes.
pub fn append_changes(
    sql: &dyn Sql,
    head: &Head,
    at: Timestamp,
    facts: &RequestFacts<'_>,
    changes: &[PendingChange],
) -> Result<i64> {
    let insert = "INSERT INTO changes (seq, request_seq, at, request_id, idempotency_key, token, idp, repairs, kind, resource, \
                  id, before, users, active_users, groups, memberships, method, status, previous_seq, lost, clock, bytes, \
                  spelled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)";
    // For very many members SQL wrote `before` first, so that the ids never leave SQLite (`members::write_change`).
    // A row that is there keeps its `before`.
    let fill = format!(
        "{insert} ON CONFLICT (seq) DO UPDATE SET request_seq = excluded.request_seq, at = excluded.at, \
         request_id = excluded.request_id, idempotency_key = excluded.idempotency_key, token = excluded.token, \
         idp = excluded.idp, repairs = excluded.repairs, users = excluded.users, active_users = excluded.active_users, \
         groups = excluded.groups, memberships = excluded.memberships, method = excluded.method, status = excluded.status, \
         previous_seq = excluded.previous_seq, lost = excluded.lost, clock = excluded.clock, bytes = excluded.bytes, \
         spelled = excluded.spelled"
    );
    let repairs = serde_json::to_string(&facts.repairs).map_err(Error::internal)?;
    // All changes of a request name its last one: the journal shows them as one request, and a creation is found by it.
    let last = head.seq + changes.len() as i64;
    // Each change of the request weighs this beside its own texts. It bounds how much history is kept ([`KEPT_BYTES`]).
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
        // Repairs belong to the whole request, and may be long: they are stored once.
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
            // The time never goes back, so it differs from the clock only after the clock did.
            if facts.clock == at { Param::Null } else { facts.clock.0.into() },
            bytes.into(),
        ];
        sql.query(text, &params)?;
    }
    Ok(bytes - head.bytes)
}

/// Returns the earlier state that a change kept: [`Before::Attributes`] or [`Before::Whole`]. Nothing, if the change is
/// gone, kept nothing, or was one of members.
pub fn load_before(sql: &dyn Sql, seq: Seq) -> Result<Before> {
    let text = "SELECT before, bytes FROM changes WHERE seq = ? AND kind <> 'members' AND before IS NOT NULL";
    let Some(mut row) = first_row(sql, text, &[seq.into()])? else { return Ok(Before::Nothing) };
    let text = row.text()?;
    // The running column and the differences came together.
    Ok(if row.optional_integer()?.is_some() { Before::Attributes(text) } else { Before::Whole(text) })
}

/// The creation of a resource.
#[derive(Debug)]
pub struct Creation {
    /// The time of the clock.
    pub at: Timestamp,
    /// The public id of the token.
    pub token: Option<String>,
    /// The header `Idempotency-Key` of that request.
    pub idempotency_key: Option<String>,
}

/// Returns the creation of a resource; `None` if a later request changed it, or if it is no longer kept.
pub fn find_creation(sql: &dyn Sql, id: &str) -> Result<Option<Creation>> {
    // A group that was created with members has changes of these after its creation, in the same request.
    let text = format!(
        "WITH RECURSIVE chain (seq) AS (SELECT {LAST_OF} UNION ALL SELECT p.seq FROM chain \
         CROSS JOIN changes c ON c.seq = chain.seq AND c.kind = 'members' \
         CROSS JOIN changes p ON p.seq = c.previous_seq AND p.request_seq = c.request_seq) \
         SELECT c.at, c.token, c.idempotency_key FROM chain CROSS JOIN changes c ON c.seq = chain.seq \
         WHERE c.kind = 'created'"
    );
    let row = first_row(sql, &text, &[id.into()])?;
    row.map(|mut row| {
        let (at, token) = (Timestamp(row.integer()?), row.optional_text()?);
        Ok(Creation { at, token, idempotency_key: row.optional_text()? })
    })
    .transpose()
}

/// Returns the repairs and notes of the request of a resource's last change.
pub fn last_repairs(sql: &dyn Sql, id: &str) -> Result<Vec<String>> {
    let text =
        format!("SELECT repairs FROM changes WHERE seq = (SELECT request_seq FROM changes WHERE seq = {LAST_OF})");
    let row = first_row(sql, &text, &[id.into()])?;
    let text = row.map(|mut row| row.text()).transpose()?;
    text.map_or(Ok(Vec::new()), |text| json::own(&text))
}

/// The position of the last change of a resource, from its own row: no index of the changes is needed.
const LAST_OF: &str =
    "coalesce((SELECT seq FROM users WHERE id = ?1 AND gone = 0), (SELECT seq FROM groups WHERE id = ?1 AND gone = 0))";

/// Returns the oldest kept change; `None` if there is none.
pub fn oldest_seq(sql: &dyn Sql) -> Result<Option<Seq>> {
    first_row(sql, "SELECT seq FROM changes ORDER BY seq LIMIT 1", &[])?.map(|mut row| row.integer()).transpose()
}
