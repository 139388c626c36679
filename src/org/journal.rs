//! What became of requests that changed nothing: refusals and what was passed over. Equal ones are one row; repeats
//! are counted in memory and saved by the alarm, 5 s after the first unsaved one and at most once a minute.

use super::Memory;
use super::access::Caller;
use crate::directory::command::{Call, Command};
use crate::directory::reply::Answer;
use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::store::{Sql, changes, journal as store, settings, tokens, transact};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The alarm's work of forgetting what is too old.
pub(super) const PRUNE: &str = "prune";
/// How often that is, in milliseconds.
pub(super) const PRUNE_EVERY: i64 = 3_600_000;
/// How many changes one step forgets: some 50 ms of work.
const PRUNE_STEP: i64 = 2000;
const FIRST_SAVE: i64 = 5_000;
const NEXT_SAVE: i64 = 60_000;

/// Counters that are not stored yet.
#[derive(Debug, Default)]
pub struct Unsaved {
    repeats: BTreeMap<String, (i64, Timestamp)>,
    used: BTreeMap<String, Timestamp>,
    saved_at: Option<Timestamp>,
}

impl Unsaved {
    /// Notes that a token was used.
    pub(super) fn token_used(&mut self, id: &str, now: Timestamp) {
        self.used.insert(id.to_owned(), now);
    }

    /// When to save, seen from `now`; `None` if there is nothing.
    pub fn due(&self, now: Timestamp) -> Option<Timestamp> {
        if self.repeats.is_empty() && self.used.is_empty() {
            return None;
        }
        let next = self.saved_at.map_or(now, |saved| saved.plus(NEXT_SAVE));
        Some(next.max(now.plus(FIRST_SAVE)))
    }
}

/// The refusal of one operation of a Bulk request.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) method: String,
    pub(super) resource: String,
    pub(super) error: Error,
}

/// Writes a refusal down.
pub(super) fn refused(
    sql: &dyn Sql,
    memory: &mut Memory,
    command: &Command,
    call: &Call,
    caller: &Caller,
    error: &Error,
    now: Timestamp,
) -> Result<()> {
    let (method, resource) = target(command);
    refused_at(sql, memory, call, caller, (method, &resource), error, now)
}

/// Writes the refusals of a Bulk request down, each as that of a request of its own.
pub(super) fn refused_operations(
    sql: &dyn Sql,
    memory: &mut Memory,
    refusals: &[Refusal],
    call: &Call,
    caller: &Caller,
    now: Timestamp,
) -> Result<()> {
    refusals.iter().try_for_each(|Refusal { method, resource, error }| {
        refused_at(sql, memory, call, caller, (method, resource), error, now)
    })
}

fn refused_at(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &Call,
    caller: &Caller,
    (method, resource): (&str, &str),
    error: &Error,
    now: Timestamp,
) -> Result<()> {
    let text = json!({ "kind": error.kind, "status": error.kind.status(), "detail": error.detail }).to_string();
    write(sql, memory, call, caller, ("refused", method, resource), (&text, &error.names), now)
}

/// True if the last change of what was answered says already what was passed over: the request that made it came again.
pub(super) fn stands(sql: &dyn Sql, command: &Command, answer: &Answer, notes: &[String]) -> Result<bool> {
    let id = match (answer, command) {
        (Answer::Created(stored) | Answer::Resource(stored), _) => stored.id.as_str(),
        (_, Command::PatchGroup { id, .. }) => id.as_str(),
        _ => return Ok(false),
    };
    let said = changes::last_repairs(sql, id)?;
    Ok(notes.iter().all(|note| said.contains(note)))
}

/// Writes down what was passed over in a request that changed nothing.
pub(super) fn ignored(
    sql: &dyn Sql,
    memory: &mut Memory,
    command: &Command,
    call: &Call,
    caller: &Caller,
    notes: &[String],
    now: Timestamp,
) -> Result<()> {
    let (method, resource) = target(command);
    write(sql, memory, call, caller, ("ignored", method, &resource), (&json!({ "notes": notes }).to_string(), &[]), now)
}

fn write(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &Call,
    caller: &Caller,
    (outcome, method, resource): (&str, &str, &str),
    (error, names): (&str, &[String]),
    now: Timestamp,
) -> Result<()> {
    let token = caller.token.as_deref();
    let names = serde_json::to_string(names).map_err(Error::internal)?;
    let mut hasher = Sha256::new();
    for part in [outcome, token.unwrap_or_default(), method, resource, error, &names] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let fingerprint = crate::id::TokenHash(digest).hex();
    if store::knows(sql, &fingerprint)? {
        let repeat = memory.unsaved.repeats.entry(fingerprint).or_insert((0, now));
        *repeat = (repeat.0 + 1, now);
        return Ok(());
    }
    let entry = store::Entry {
        fingerprint: &fingerprint,
        outcome,
        request: call.request.as_str(),
        token,
        idp: &call.idp,
        method,
        resource,
        error,
        names: &names,
    };
    transact(sql, || store::insert(sql, &entry, now))
}

/// Method and resource of a command, as the journal shows them.
fn target(command: &Command) -> (&str, String) {
    let user = |id: &dyn std::fmt::Display| format!("/Users/{id}");
    let group = |id: &dyn std::fmt::Display| format!("/Groups/{id}");
    match command {
        Command::Refused { method, resource, .. } => (method, resource.clone()),
        Command::Bulk(_) => ("POST", "/Bulk".to_owned()),
        Command::Discover => ("GET", "/".to_owned()),
        Command::CreateUser { .. } => ("POST", "/Users".to_owned()),
        Command::ReplaceUser { id, .. } => ("PUT", user(id)),
        Command::PatchUser { id, .. } => ("PATCH", user(id)),
        Command::GetUser { id } => ("GET", user(id)),
        Command::DeleteUser { id } => ("DELETE", user(id)),
        Command::ListUsers { .. } => ("GET", "/Users".to_owned()),
        Command::CreateGroup { .. } => ("POST", "/Groups".to_owned()),
        Command::ReplaceGroup { id, .. } => ("PUT", group(id)),
        Command::PatchGroup { id, .. } => ("PATCH", group(id)),
        Command::GetGroup { id, .. } => ("GET", group(id)),
        Command::DeleteGroup { id } => ("DELETE", group(id)),
        Command::ListGroups { .. } => ("GET", "/Groups".to_owned()),
        Command::Search { .. } => ("POST", "/.search".to_owned()),
    }
}

/// When the alarm is wanted; with `starting`, for what is due in the storage too. An object that is not registered
/// wants none.
///
/// # Errors
/// Internal only.
pub fn wanted(sql: &dyn Sql, memory: &Memory, now: Timestamp, starting: bool) -> Result<Option<Timestamp>> {
    let unsaved = memory.unsaved.due(now);
    let stored = if starting && memory.migrated { settings::next_due(sql)? } else { None };
    Ok(unsaved.into_iter().chain(stored).min())
}

/// The alarm: saves the counters, then does what is due, one bounded step. Answers when it wants to run again.
///
/// # Errors
/// Internal only; the platform then runs the alarm again.
pub fn alarm(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<Option<Timestamp>> {
    if !crate::store::schema::exists(sql)? {
        return Ok(None);
    }
    transact(sql, || {
        for (fingerprint, (repeats, at)) in &memory.unsaved.repeats {
            store::count(sql, fingerprint, *repeats, *at)?;
        }
        for (token, at) in &memory.unsaved.used {
            tokens::used(sql, token, *at)?;
        }
        Ok(())
    })?;
    if !memory.unsaved.repeats.is_empty() || !memory.unsaved.used.is_empty() {
        memory.unsaved = Unsaved { saved_at: Some(now), ..Unsaved::default() };
    }
    if settings::next_due(sql)?.is_some_and(|at| at <= now) {
        transact(sql, || {
            store::prune(sql, now)?;
            let more = changes::prune(sql, now, PRUNE_STEP)?;
            settings::set_due(sql, PRUNE, now.plus(if more { 1000 } else { PRUNE_EVERY }))
        })?;
    }
    settings::next_due(sql)
}
