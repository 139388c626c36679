//! The organisation's one sequence of changes. The last row carries the running totals and is never pruned.

mod history;

pub use history::{Loss, each_loss, prune_changes};

use super::columns::{excluded, parameters};
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
const ROW_BYTES: i64 = 100;

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
    let insert = format!(
        "INSERT INTO changes ({RESOURCE}, {REQUEST}, spelled) VALUES ({}, {}, 1)",
        parameters(RESOURCE),
        parameters(REQUEST)
    );
    // For very many members SQL wrote `before` first, so that the ids never leave SQLite (`write_before`): a row that is
    // there keeps what it says of the resource.
    let fill = format!("{insert} ON CONFLICT (seq) DO UPDATE SET {}, spelled = excluded.spelled", excluded(REQUEST));
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
            Before::Nothing => (&insert, None),
            Before::Attributes(before) | Before::Whole(before) | Before::Members(before) => {
                (&insert, Some(before.as_str()))
            }
            Before::Written(_) => (&fill, None),
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
            Param::Text(change.kind.as_str()),
            Param::Text(change.resource),
            Param::Text(&change.id),
            before.into(),
            last.into(),
            at.0.into(),
            Param::Text(facts.request.as_str()),
            facts.idempotency_key.into(),
            facts.token.into(),
            Param::Text(facts.idp),
            Param::Text(repairs),
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

/// The columns about the resource, and those about the request with the totals after it.
const RESOURCE: &str = "seq, kind, resource, id, before";
const REQUEST: &str = "request_seq, at, request_id, idempotency_key, token, idp, repairs, users, active_users, groups, \
                       memberships, method, status, previous_seq, lost, clock, bytes";

/// Writes the part of a change that SQL makes by itself, so that very many ids do not leave it. `?1` is the change's
/// position, `?2` the resource's id, and `before` an expression over the parameters from `?3` on. [`append_changes`]
/// writes the rest. Returns the size of `before` in bytes.
pub(super) fn write_before(
    sql: &dyn Sql,
    (kind, resource): (Kind, &str),
    before: &str,
    params: &[Param<'_>],
) -> Result<i64> {
    let kind = kind.as_str();
    let text = format!(
        "INSERT INTO changes (seq, request_seq, at, request_id, idp, repairs, kind, resource, id, before, users, \
         active_users, groups, memberships) VALUES (?1, ?1, 0, '', '', '[]', '{kind}', '{resource}', ?2, {before}, 0, 0, \
         0, 0) RETURNING length(before)"
    );
    first_row(sql, &text, params)?.map_or(Ok(0), |mut row| row.integer())
}

/// Writes a change after `head` that tells which groups a gone user has left, `?3`, as a part of the request that deleted
/// it, `?5`: the journal does not show it apart.
pub(super) fn append_groups_left(sql: &dyn Sql, head: &Head, params: (&str, &str, Timestamp, Seq)) -> Result<()> {
    let (user, groups, at, deleted) = params;
    let text = format!(
        "INSERT INTO changes ({RESOURCE}, {REQUEST}, spelled) SELECT ?1, 'updated', 'User', ?2, b.before, \
         coalesce(d.request_seq, 0), ?4, coalesce(d.request_id, ''), d.idempotency_key, d.token, coalesce(d.idp, ''), \
         '[]', ?6, ?7, ?8, ?9, d.method, d.status, ?5, NULL, NULL, ?10 + length(?2) + length(b.before), 1 \
         FROM (SELECT json_object('groups', json_group_array(g.id)) AS before \
         FROM json_each(?3) j CROSS JOIN groups g ON g.key = j.value) b LEFT JOIN changes d ON d.seq = ?5"
    );
    let totals = head.totals;
    let params = [
        (head.seq + 1).into(),
        Param::Text(user),
        Param::Text(groups),
        at.0.into(),
        deleted.into(),
        totals.users.into(),
        totals.active_users.into(),
        totals.groups.into(),
        totals.memberships.into(),
        (head.bytes + ROW_BYTES).into(),
    ];
    sql.query(&text, &params).map(|_| ())
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
    text.map_or(Ok(Vec::new()), |text| json::read_own(&text))
}

/// The position of the last change of a resource, from its own row: no index of the changes is needed.
const LAST_OF: &str =
    "coalesce((SELECT seq FROM users WHERE id = ?1 AND gone = 0), (SELECT seq FROM groups WHERE id = ?1 AND gone = 0))";

/// Returns the oldest kept change; `None` if there is none.
pub fn oldest_seq(sql: &dyn Sql) -> Result<Option<Seq>> {
    first_row(sql, "SELECT seq FROM changes ORDER BY seq LIMIT 1", &[])?.map(|mut row| row.integer()).transpose()
}
