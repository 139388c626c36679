//! The outcomes of requests. Changes themselves tell of the requests that changed something; refusals and skipped parts
//! have rows here. Equal ones are one row. Repeats, and the number of requests each day, are counted in memory and
//! saved by the alarm, 5 s after the first unsaved one and at most once a minute.
//!
//! The journal keeps names and ids, never other values. Out of scope: callers without a token that KV knows; the edge
//! passes nothing of them on.

mod copying;
mod evidence;
mod order;
mod prune;
mod read;
mod row;
mod sentence;
mod traffic;
mod unsaved;
mod warning;

pub(crate) use copying::{COPY, is_needed as has_old, step as copy};
pub(crate) use evidence::Evidence;
pub(crate) use read::page;
pub(crate) use traffic::Outcome;
pub use unsaved::Unsaved;
pub(crate) use unsaved::save;
pub(crate) use warning::warn_of_job;

use crate::directory::call::{Actor, Call};
use crate::directory::reply::Answer;
use crate::directory::scim::Command;
use crate::error::{Error, Kind, Result};
use crate::id::{OrgId, RequestId, Timestamp};
use crate::org::Memory;
use crate::org::access::{self, Caller};
use crate::scim::schema::Types;
use crate::store::refused::Key;
use crate::store::{Sql, changes, journal as store, tokens, tombstones, transact};
use evidence::write;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The name of the job that forgets old entries.
pub(crate) const PRUNE: &str = "prune";
/// The time between two runs of it, in milliseconds.
pub(crate) const PRUNE_EVERY: i64 = 3_600_000;
/// The changes that one step forgets: some 50 ms of work.
const PRUNE_STEP: i64 = 2000;
/// The tombstones that one step counts or forgets.
const TOMBSTONES_STEP: i64 = 5000;
/// The most ids that a refusal keeps, and the most of one about nested groups.
const NAMES_MAX: usize = 100;
const NESTED_MAX: usize = 1000;
/// The longest part of an address that is kept, in characters.
const RESOURCE_MAX: usize = 300;
/// The method of the changes of a Bulk request.
pub(crate) const BULK: &str = "BULK";

/// The refusal of one operation of a Bulk request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) method: String,
    pub(crate) resource: String,
    pub(crate) error: Error,
}

/// Writes a refusal down.
pub(crate) fn refused(
    sql: &dyn Sql,
    memory: &mut Memory,
    command: &Command,
    call: &Call,
    caller: &Caller,
    error: &Error,
    now: Timestamp,
) -> Result<()> {
    let (method, resource) = target_of(command, call);
    let entry = Entry::refusal(call.into(), caller.token.as_deref(), (method, &resource), error, &memory.types);
    let entry =
        if error.kind() == Kind::Forbidden && !caller.settings.scim_enabled { entry.folded("off") } else { entry };
    write(sql, memory, &entry, now)
}

/// Writes the refusals of a Bulk request down, each as if it were a request of its own.
pub(crate) fn refused_operations(
    sql: &dyn Sql,
    memory: &mut Memory,
    refusals: &[Refusal],
    call: &Call,
    caller: &Caller,
    now: Timestamp,
) -> Result<()> {
    refusals.iter().try_for_each(|Refusal { method, resource, error }| {
        let entry = Entry::refusal(call.into(), caller.token.as_deref(), (method, resource), error, &memory.types);
        write(sql, memory, &entry, now)
    })
}

/// Writes down that a token of this organisation was refused, if it is one for SCIM; its request need not have been
/// read. All refusals of one token for one reason are one row: the holder of an ended token cannot push other refusals
/// out.
pub(crate) fn token_refused<A>(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &Call<A>,
    error: &Error,
    now: Timestamp,
) -> Result<()> {
    let (Actor::Token { hash, .. }, false) = (&call.actor, error.code.is_fault()) else { return Ok(()) };
    let Some(token) = tokens::by_hash(sql, hash)?.filter(access::is_for_scim) else { return Ok(()) };
    // The answer to 401 is the same for every caller; the admin may know more.
    let outside = token.is_alive(now) && !access::is_inside(&token, call);
    let error = match error.kind() {
        Kind::Unauthorized => access::why_not(&token, call, now),
        _ => error.clone(),
    };
    let error = if outside { error.about(&call.address) } else { error };
    let target = (call.method.as_str(), below_base(&call.path, &call.org));
    let entry = Entry::refusal(call.into(), Some(token.id.as_str()), (target.0, &target.1), &error, &memory.types);
    let mut entry = entry.folded(if outside { "outside" } else { "access" });
    if outside {
        entry.gathered = NAMES_MAX;
    }
    write(sql, memory, &entry, now)
}

/// Returns true if the last change of the answered resource already notes what was skipped: its request was repeated.
pub(crate) fn stands(sql: &dyn Sql, command: &Command, answer: &Answer, notes: &[String]) -> Result<bool> {
    let id = match (answer, command) {
        (Answer::Created(stored) | Answer::Resource(stored), _) => stored.id.as_str(),
        (_, Command::PatchGroup { id, .. }) => id.as_str(),
        _ => return Ok(false),
    };
    let said = changes::last_repairs(sql, id)?;
    Ok(notes.iter().all(|note| said.contains(note)))
}

/// Writes down the skipped parts of a request that changed nothing.
pub(crate) fn ignored(
    sql: &dyn Sql,
    memory: &mut Memory,
    command: &Command,
    call: &Call,
    caller: &Caller,
    notes: &[String],
    now: Timestamp,
) -> Result<()> {
    let (method, resource) = target_of(command, call);
    let mut entry = Entry::new(call.into(), caller.token.as_deref(), (method, &resource));
    entry.fingerprint = fingerprint(["ignored", entry.token.unwrap_or_default(), method, &entry.resource], notes);
    entry.why = json!({ "notes": notes, "repairs": call.repairs });
    write(sql, memory, &entry, now)
}

/// Returns the notes of a request as they are kept.
pub(crate) fn kept(notes: &[String], types: &Types) -> Vec<String> {
    notes.iter().map(|note| sentence::kept(note, &[], types)).collect()
}

/// The parts of a call that an entry keeps.
#[derive(Clone, Copy)]
struct Source<'a> {
    request: &'a RequestId,
    idp: &'a str,
    repairs: &'a [String],
    notes: &'a [String],
}

impl<'a, A> From<&'a Call<A>> for Source<'a> {
    fn from(call: &'a Call<A>) -> Self {
        Self { request: &call.request, idp: &call.idp, repairs: &call.repairs, notes: &call.notes }
    }
}

/// An entry that is to be written.
struct Entry<'a> {
    fingerprint: String,
    /// The code of a refusal; else the outcome.
    code: &'static str,
    outcome: &'static str,
    call: Source<'a>,
    token: Option<&'a str>,
    method: &'static str,
    resource: String,
    why: Value,
    kind: Option<Kind>,
    names: Vec<String>,
    /// The most names that its row gathers of all equal refusals; 0 if those of the first one are all.
    gathered: usize,
}

impl<'a> Entry<'a> {
    fn new(call: Source<'a>, token: Option<&'a str>, (method, resource): (&str, &str)) -> Self {
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        let address = resource.split('?').next().unwrap_or_default();
        let address: String = address.chars().take(RESOURCE_MAX).collect();
        Self {
            fingerprint: String::new(),
            code: "ignored",
            outcome: "ignored",
            call,
            token,
            method: methods.into_iter().find(|known| *known == method).unwrap_or("other"),
            resource: sentence::without_tokens(&address),
            why: Value::Null,
            kind: None,
            names: Vec::new(),
            gathered: 0,
        }
    }

    fn refusal(call: Source<'a>, token: Option<&'a str>, target: (&str, &str), error: &Error, types: &Types) -> Self {
        let nested = error.nested_in.as_ref().map(|group| group.chars().take(RESOURCE_MAX).collect::<String>());
        let detail = sentence::kept(&error.detail, &error.names, types);
        let most = if nested.is_some() { NESTED_MAX } else { NAMES_MAX };
        let mut entry = Self::new(call, token, target);
        (entry.outcome, entry.code) = ("refused", error.code.as_str());
        entry.names = error.names.iter().take(most).map(|name| row::name(&sentence::without_tokens(name))).collect();
        entry.fingerprint = match &nested {
            // There is one row a group and token, whatever members are refused.
            Some(group) => fingerprint(["nested", group, "", ""], &[]),
            None => {
                let kind = error.kind().status().to_string();
                let head = ["refused", token.unwrap_or_default(), entry.method, &entry.resource];
                fingerprint(head, [&kind, &detail].into_iter().chain(&entry.names))
            }
        };
        entry.why = json!({
            "code": error.code.as_str(), "kind": error.kind(), "status": error.kind().status(),
            "scimType": error.kind().scim_type(), "detail": detail,
            "repairs": call.repairs, "notes": kept(call.notes, types),
            "nestedIn": nested.as_deref().map(sentence::without_tokens),
        });
        // An admin needs the names of all groups that must be flattened.
        Self { kind: Some(error.kind()), gathered: if nested.is_some() { NESTED_MAX } else { 0 }, ..entry }
    }

    /// Returns the key that equal entries share.
    fn key(&self) -> Key {
        let (token, fingerprint) = (self.token.unwrap_or_default().to_owned(), self.fingerprint.clone());
        Key { code: self.code.to_owned(), token, fingerprint }
    }

    /// Folds the entry into one row for all refusals of this token with this reason.
    fn folded(mut self, reason: &str) -> Self {
        let status = self.kind.map(|kind| kind.status().to_string()).unwrap_or_default();
        self.fingerprint = fingerprint([reason, self.token.unwrap_or_default(), &status, ""], &[]);
        self
    }
}

fn fingerprint<'a>(head: [&'a str; 4], more: impl IntoIterator<Item = &'a String>) -> String {
    let mut hasher = Sha256::new();
    for part in head.into_iter().chain(more.into_iter().map(String::as_str)) {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    crate::id::TokenHash(digest).hex()
}

/// Returns an address without the organisation's base URL in front of it.
fn below_base(path: &str, org: &OrgId) -> String {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let base: [&[&str]; 3] = [&[org.as_str(), "scim", "v2"], &["scim", org.as_str()], &["scim", "v2"]];
    if let Some(base) = base.iter().find(|base| segments.starts_with(base)) {
        segments.drain(..base.len());
    }
    format!("/{}", segments.join("/"))
}

/// Returns method and resource of the command of a call.
fn target_of<'a>(command: &'a Command, call: &Call) -> (&'a str, String) {
    match command {
        // A query of the base URL is the same command.
        Command::Search { .. } if call.method == "GET" => ("GET", "/".to_owned()),
        _ => target(command, &call.org),
    }
}

/// Returns method and resource of a command, as the journal shows them.
pub(crate) fn target<'a>(command: &'a Command, org: &OrgId) -> (&'a str, String) {
    let user = |id: &dyn std::fmt::Display| format!("/Users/{id}");
    let group = |id: &dyn std::fmt::Display| format!("/Groups/{id}");
    match command {
        Command::Refused { method, resource, .. } => (method, below_base(resource, org)),
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

/// Forgets some old entries, and warns of tokens that end soon. Returns when the next step is due.
///
/// # Errors
/// Internal only.
pub(crate) fn prune(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<Option<Timestamp>> {
    transact(sql, || {
        store::prune(sql, now)?;
        warning::write(sql, now)?;
        let more = changes::prune(sql, now, PRUNE_STEP)?
            | tombstones::prune(sql, tombstones::KEPT, TOMBSTONES_STEP)?
            | prune::step(sql, &mut memory.evidence, now)?;
        if !more {
            prune::end(&mut memory.evidence);
        }
        Ok(Some(now.plus(if more { 1000 } else { PRUNE_EVERY })))
    })
}
