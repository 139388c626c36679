//! Notes facts about SCIM requests in memory. Nothing here writes to the storage.

use super::facts::{Push, Request};
use crate::directory::call::{Ask, Call};
use crate::directory::reply::Answer;
use crate::directory::scim::Command;
use crate::error::{Code, Error, Kind, Result};
use crate::id::Timestamp;
use crate::org::access::Caller;
use crate::org::journal::{sentence, target};
use crate::org::memory::Memory;
use crate::scim::json;
use crate::store::token_use::TokenUse;
use crate::store::tokens::StoredToken;
use serde_json::value::RawValue;

/// The longest method and path that are kept, in characters.
const METHOD_MAX: usize = 16;
const PATH_MAX: usize = 300;

/// Notes that the token of a call was let in.
pub(crate) fn let_in(memory: &mut Memory, call: &Call, caller: &Caller, now: Timestamp) {
    let Some(token) = &caller.token else { return };
    if is_address_unknown(&call.ask) {
        return missed(memory, call, token, now);
    }
    let usage = TokenUse {
        first_used: Some(now),
        last_used: Some(now),
        address: call.address.clone(),
        idp: Some(call.idp.clone()).filter(|idp| !idp.is_empty()),
        since_rotation: i64::from(caller.is_rotated),
        ..TokenUse::default()
    };
    memory.unsaved.note_token_use(token, &usage);
}

/// Notes the outcome of a SCIM request whose token was let in.
pub(crate) fn answered(memory: &mut Memory, call: &Call, caller: &Caller, outcome: &Result<Answer>, now: Timestamp) {
    let (Ask::Scim(command), Some(token)) = (&call.ask, &caller.token) else { return };
    if is_address_unknown(&call.ask) {
        return;
    }
    let error = outcome.as_ref().err();
    let request = request_of(call, token, status(outcome), now);
    // A fault refuses nothing: the provider sends the request again.
    let refusal = error.map(|error| error.code).filter(|code| !code.is_fault());
    note(memory, request, &call.idp, refusal);
    let facts = memory.connection.get_or_insert_default();
    if !is_push(command, &call.method) {
        return;
    }
    facts.last_push = Some(now);
    match outcome {
        Ok(Answer::Bulk(done)) => {
            let push = |error: &Option<Error>| error.as_ref().map_or(Push::Accepted, |error| refused(error.code));
            facts.add_pushes(&done.iter().map(|one| push(&one.error)).collect::<Vec<_>>(), now);
        }
        Ok(_) => facts.add_pushes(&[Push::Accepted], now),
        Err(error) if error.code == Code::ScimOff => facts.add_push_while_off(now),
        // A fault, or a caller that must wait, says nothing of the request.
        Err(error) if error.code.is_fault() || error.kind() == Kind::Unavailable => {}
        Err(error) if error.code == Code::ObjectTimeSpent => {}
        Err(error) => facts.add_pushes(&[refused(error.code)], now),
    }
}

/// Notes a SCIM request whose token was not let in, and the true reason. Its request need not have been read.
pub(crate) fn not_let_in<A>(memory: &mut Memory, call: &Call<A>, token: &StoredToken, error: &Error, now: Timestamp) {
    let request = request_of(call, token.id.as_str(), error.kind().status(), now);
    note(memory, request, &call.idp, Some(error.code));
    if is_mutating(&call.method) && !call.path.ends_with("/.search") {
        let facts = memory.connection.get_or_insert_default();
        facts.last_push = Some(now);
        facts.add_pushes(&[Push::NotLetIn], now);
    }
}

/// The longest text of a call that tells of a wrong address, in bytes: it holds nothing of the client's.
const WRONG_ADDRESS_MAX: usize = 512;

/// Returns true for the request of a call that only tells of a request at an address of another organisation, or of
/// none.
pub(crate) fn is_wrong_address(ask: &RawValue) -> bool {
    let text = ask.get();
    text.len() <= WRONG_ADDRESS_MAX
        && text.contains(Code::WrongAddress.as_str())
        && json::read_own(text).is_ok_and(|ask: Ask| refusal_at_once(&ask) == Some(Code::WrongAddress))
}

/// Returns true for a request below the organisation's own address, at a path that nothing is served at.
fn is_address_unknown(ask: &Ask) -> bool {
    refusal_at_once(ask) == Some(Code::AddressUnknown)
}

/// Returns the code of a request that the edge has refused.
fn refusal_at_once(ask: &Ask) -> Option<Code> {
    match ask {
        Ask::Scim(Command::Refused { error, .. }) => Some(error.code),
        _ => None,
    }
}

/// Notes a request with this token at an address that is not its organisation's. It counts for nothing else.
pub(crate) fn missed<A>(memory: &mut Memory, call: &Call<A>, token: &str, now: Timestamp) {
    let path = cut(&call.path, PATH_MAX);
    let request = Request { path, ..request_of(call, token, 0, now) };
    memory.connection.get_or_insert_default().add_miss(request);
    memory.unsaved.facts_changed = true;
}

fn note(memory: &mut Memory, request: Request, idp: &str, refusal: Option<Code>) {
    let usage = TokenUse {
        last_request: Some(request.at),
        last_status: Some(i64::from(request.status)),
        ..TokenUse::default()
    };
    memory.unsaved.note_token_use(&request.token, &usage);
    memory.unsaved.facts_changed = true;
    let facts = memory.connection.get_or_insert_default();
    if let Some(code) = refusal {
        facts.refusal = Some((request.clone(), code.as_str().to_owned()));
    }
    facts.add_request(request, idp);
}

fn request_of<A>(call: &Call<A>, token: &str, status: u16, now: Timestamp) -> Request {
    Request {
        at: now,
        id: call.request.to_string(),
        method: cut(&call.method, METHOD_MAX),
        path: cut(&target::below_base(&call.path, &call.org), PATH_MAX),
        status,
        token: token.to_owned(),
        address: call.address.clone(),
    }
}

/// Returns the beginning of a text without anything in it that looks like a token.
fn cut(text: &str, most: usize) -> String {
    sentence::without_tokens(&text.chars().take(most).collect::<String>())
}

fn refused(code: Code) -> Push {
    if code == Code::Guard { Push::Blocked } else { Push::Refused }
}

/// Returns true for a request that would change something. A query by POST (RFC 7644 section 3.4.3) would not.
fn is_push(command: &Command, method: &str) -> bool {
    match command {
        Command::Search { .. } | Command::ListUsers { .. } | Command::ListGroups { .. } => false,
        Command::Refused { resource, .. } => is_mutating(method) && !resource.ends_with("/.search"),
        _ => is_mutating(method),
    }
}

fn is_mutating(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH" | "DELETE")
}

/// Returns the status of an answer, as far as it is known before it is written.
fn status(outcome: &Result<Answer>) -> u16 {
    match outcome {
        Err(error) => error.kind().status(),
        Ok(Answer::Created(_) | Answer::New(_)) => 201,
        Ok(Answer::Nothing) => 204,
        Ok(_) => 200,
    }
}
