//! Writes down what was refused or skipped. A new entry has a row; a repeat, or one beyond the bounds, is counted in memory.

use super::entry::{NAMES_MAX, NewEntry, fingerprint_of};
use super::evidence::ROWS_A_CODE;
use super::target::{below_base, call_target};
use super::traffic::Outcome;
use super::{row, subject};
use crate::directory::call::{Actor, Call};
use crate::directory::reply::Answer;
use crate::directory::scim::Command;
use crate::error::{Error, Kind, Result};
use crate::id::Timestamp;
use crate::org::access::{self, Caller};
use crate::org::connection::note;
use crate::org::memory::Memory;
use crate::scim::json;
use crate::store::refused::{self as store, Key};
use crate::store::{Sql, changes, tokens, transact};
use serde_json::json;
use std::collections::BTreeSet;

/// The most rows of one token in all.
const ROWS_A_TOKEN: i64 = 4_000;

/// The refusal of one operation of a Bulk request.
#[derive(Debug)]
pub(crate) struct OperationRefusal {
    pub(crate) method: String,
    pub(crate) resource: String,
    pub(crate) error: Error,
}

/// Writes a refusal down.
pub(crate) fn write_refusal(
    sql: &dyn Sql,
    memory: &mut Memory,
    command: &Command,
    call: &Call,
    caller: &Caller,
    error: &Error,
    now: Timestamp,
) -> Result<()> {
    let (method, resource) = call_target(command, call);
    let error =
        error.clone().with_about(subject::subject_of(command).or(error.about.as_deref().cloned().unwrap_or_default()));
    let entry = NewEntry::of_refusal(call.into(), caller.token.as_deref(), (method, &resource), &error, &memory.types);
    let entry = if error.kind() == Kind::Forbidden && !caller.settings.scim_enabled {
        entry.into_one_row("off")
    } else {
        entry
    };
    write_entry(sql, memory, &entry, now)
}

/// Writes the refusals of a Bulk request down, each as if it were a request of its own.
pub(crate) fn write_operation_refusals(
    sql: &dyn Sql,
    memory: &mut Memory,
    refusals: &[OperationRefusal],
    call: &Call,
    caller: &Caller,
    now: Timestamp,
) -> Result<()> {
    refusals.iter().try_for_each(|OperationRefusal { method, resource, error }| {
        let entry =
            NewEntry::of_refusal(call.into(), caller.token.as_deref(), (method, resource), error, &memory.types);
        write_entry(sql, memory, &entry, now)
    })
}

/// Writes down that a token of this organisation was refused, if it is one for SCIM; its request need not have been
/// read. All refusals of one token for one reason are one row: the holder of an ended token cannot push other refusals
/// out.
pub(crate) fn write_token_refusal<A>(
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
    // The addresses are gathered in the row, so that the admin can add the right one to the ranges.
    let error = if outside { error.with_names(&call.address) } else { error };
    note::not_let_in(memory, call, &token, &error, now);
    let target = (call.method.as_str(), below_base(&call.path, &call.org));
    let entry =
        NewEntry::of_refusal(call.into(), Some(token.id.as_str()), (target.0, &target.1), &error, &memory.types);
    let mut entry = entry.into_one_row(if outside { "outside" } else { "access" });
    if outside {
        entry.gathered = NAMES_MAX;
    }
    write_entry(sql, memory, &entry, now)
}

/// Returns true if the last change of the answered resource already notes what was skipped: its request was repeated.
pub(crate) fn is_already_journalled(
    sql: &dyn Sql,
    command: &Command,
    answer: &Answer,
    notes: &[String],
) -> Result<bool> {
    let id = match (answer, command) {
        (Answer::Created(stored) | Answer::Resource(stored), _) => stored.id.as_str(),
        (_, Command::PatchGroup { id, .. }) => id.as_str(),
        _ => return Ok(false),
    };
    // A provider that repeats a request with skipped parts would otherwise add an entry each time.
    let said = changes::last_repairs(sql, id)?;
    Ok(notes.iter().all(|note| said.contains(note)))
}

/// Writes down the skipped parts of a request that changed nothing, and the status that was answered.
pub(crate) fn write_skipped(
    sql: &dyn Sql,
    memory: &mut Memory,
    command: &Command,
    call: &Call,
    caller: &Caller,
    (status, notes): (i64, &[String]),
    now: Timestamp,
) -> Result<()> {
    let (method, resource) = call_target(command, call);
    let about = subject::subject_of(command);
    let mut entry = NewEntry::new(call.into(), caller.token.as_deref(), (method, &resource), Some(&about));
    let head = ["ignored", entry.token.unwrap_or_default(), method, &entry.resource];
    entry.fingerprint = fingerprint_of(head, notes.iter().chain(entry.about.names()));
    entry.why = json!({ "status": status, "notes": notes, "repairs": call.repairs });
    write_entry(sql, memory, &entry, now)
}

/// Writes an entry: a new one has a row, a repeat or one beyond the bounds is counted in memory.
fn write_entry(sql: &dyn Sql, memory: &mut Memory, entry: &NewEntry<'_>, now: Timestamp) -> Result<()> {
    if entry.outcome == "refused" {
        memory.unsaved.count_request(entry.call.idp, Outcome::Refused, now);
    }
    let key = entry.row_key();
    // Step 1: an equal refusal has a row already if the key has one.
    let known = store::known_names(sql, &key)?;
    let is_known = known.is_some();
    let mut names = entry.names.clone();
    if let Some((known, cut)) = known {
        let known: Vec<String> = json::read_own(&known)?;
        let stored: BTreeSet<&String> = known.iter().collect();
        // A repeat is worth a write only if it brings names that the row lacks and may still take.
        names.retain(|name| !stored.contains(name));
        if names.is_empty() || cut || known.len() >= entry.gathered {
            memory.unsaved.count_repeat(key, now);
            return Ok(());
        }
        names = known.into_iter().chain(names).take(entry.gathered).collect();
    } else {
        // Step 2: a new row needs room among those of its token, so that no token pushes out another's evidence.
        let numbers = memory.evidence.numbers_by_code(sql, &key.token)?;
        let of_code = numbers.get(&key.code).copied().unwrap_or_default();
        if of_code >= ROWS_A_CODE || numbers.values().sum::<i64>() >= ROWS_A_TOKEN {
            return count_entry(sql, memory, entry, key, now);
        }
    }
    // Step 3: cut to the size of a row. The texts that are never cut count first.
    let texts = [&key.code, &key.token, &key.fingerprint, entry.outcome, entry.call.request.as_str(), entry.call.idp];
    let rest = texts.into_iter().chain([entry.method, &entry.resource]).map(str::len).sum();
    let mut why = entry.why.clone();
    let about = subject::with_stored_names(sql, entry.about.clone())?;
    if !about.is_empty() {
        row::set_member(&mut why, row::ABOUT, subject::stored_form(&about));
    }
    let (error, names) = row::fit_row(why, names, rest);
    let names = serde_json::to_string(&names).map_err(Error::internal)?;
    let row = entry_row(entry, &key, &error, &names);
    transact(sql, || if is_known { store::renew_names(sql, &row, now) } else { store::insert_entry(sql, &row, now) })?;
    // Step 4: memory counts the row once it is committed.
    if !is_known {
        *memory.evidence.numbers_by_code(sql, &key.token)?.entry(key.code).or_default() += 1;
        memory.evidence.note_added();
    }
    Ok(())
}

/// Counts an entry beyond the bounds, in the row of its code and token that only counts.
fn count_entry(sql: &dyn Sql, memory: &mut Memory, entry: &NewEntry<'_>, key: Key, now: Timestamp) -> Result<()> {
    // The row that only counts has no fingerprint, so there is one for each code and token.
    let key = Key { fingerprint: String::new(), ..key };
    if store::last_seen(sql, &key)?.is_some() {
        memory.unsaved.count_repeat(key, now);
        return Ok(());
    }
    let sentence = format!(
        "More requests with this token had this outcome than are listed one by one. Those beyond {ROWS_A_CODE} for \
         one reason, or {ROWS_A_TOKEN} in all, are only counted here."
    );
    let mut error = json!({ "repairs": [], "notes": [], "detail": sentence });
    for name in ["code", "kind", "status", "scimType"] {
        if let Some(value) = entry.why.get(name) {
            row::set_member(&mut error, name, value.clone());
        }
    }
    let error = error.to_string();
    let row = store::RefusalEntry { method: "", resource: "", ..entry_row(entry, &key, &error, "[]") };
    transact(sql, || store::insert_entry(sql, &row, now))?;
    memory.evidence.note_added();
    Ok(())
}

fn entry_row<'a>(entry: &'a NewEntry<'_>, key: &'a Key, error: &'a str, names: &'a str) -> store::RefusalEntry<'a> {
    store::RefusalEntry {
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
