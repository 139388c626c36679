//! One call of an organisation's object, from the caller's token to the answer.

use crate::budget::Budget;
use crate::directory::admin::Admin;
use crate::directory::call::{Actor, Ask, Call, CallEnvelope, VERSION};
use crate::directory::query::Query;
use crate::directory::reply::{Answer, Reply};
use crate::directory::scim::Command;
use crate::error::{Error, Result};
use crate::id::{Timestamp, TokenHash};
use crate::org::admin::{self, erase, schemas, tokens};
use crate::org::connection::note;
use crate::org::context::{AdmittedRequest, Context};
use crate::org::memory::Memory;
use crate::org::provision::{preview, run};
use crate::org::read::search::Searched;
use crate::org::read::search::scan::Scan;
use crate::org::read::{feed, organisation, search, snapshot, state};
use crate::org::{access, address, cost, import, journal, start};
use crate::scim::json;
use crate::store::{Sql, schema, tokens as token_store};
use std::rc::Rc;

/// The progress of a call.
pub enum Progress {
    /// The call has ended.
    Done(Reply),
    /// Other requests may run before [`resume`].
    Scan(Box<Pending>),
    /// There is nothing to answer yet: [`run_again`] once there is a change after its position, or at its end.
    Wait(Box<feed::Waiting>),
    /// The organisation is being erased: the caller deletes KV's records of these tokens, then calls [`erase::forget_tokens`].
    /// If the list is empty, the caller deletes the whole storage and this memory.
    Erase(Vec<TokenHash>),
}

/// A call that goes through the directory in steps.
pub struct Pending {
    scan: Box<Scan>,
    call: Call,
    caller: access::Caller,
    /// The cost since it was charged last.
    budget: Budget,
}

/// Executes one call, or its first step.
///
/// 1. The formats fit: this object understands [`VERSION`] and those before.
/// 2. The edge and the object mean the same organisation, and it is registered; otherwise nothing is written.
/// 3. The schema is up to date.
/// 4. The token is alive. Only then the request is read; the token fits, and the organisation allows it.
/// 5. The edge read the request under the schemas that hold now; otherwise it gets them and nothing else happens.
/// 6. The object time of its token is not used up, and few streams are running ([`bucket`](super::bucket)); otherwise it is refused.
/// 7. The request runs in one transaction; a search that no index answers runs in steps, without one.
/// 8. A refusal, or a request that was skipped in part and changed nothing, is written down.
/// 9. After a fault of the service or of the platform, memory is read anew: it may have noted data that the storage did
///    not keep.
pub fn execute(sql: &dyn Sql, memory: &mut Memory, envelope: CallEnvelope<'_>, context: &Context<'_>) -> Progress {
    let progress = begin_call(sql, memory, envelope, context);
    reread_after_fault(sql, memory, progress, context.now)
}

fn begin_call(sql: &dyn Sql, memory: &mut Memory, envelope: CallEnvelope<'_>, context: &Context<'_>) -> Progress {
    // Only the edge can call an object, so the holder of the root key needs no row here.
    let known = match &envelope.actor {
        Actor::Root => None,
        Actor::Token { hash, .. } if note::is_wrong_address(envelope.ask) => {
            return answer_with(note_wrong_address(sql, memory, &envelope, hash, context));
        }
        Actor::Token { .. } => match admit_caller(sql, memory, &envelope, false, context) {
            Ok(known) => Some(known),
            Err(error) => return answer_with(Err(note_token_refusal(sql, memory, &envelope, context, error))),
        },
    };
    // Step 4, second half: the request of an unknown caller is never read, whatever it contains.
    match check_version(&envelope).and_then(|()| envelope.open_request()) {
        Ok(call) => {
            let until = feed::until(&call, context.now);
            run_call(sql, memory, known, call, until, context)
        }
        Err(error) => answer_with(Err(error)),
    }
}

/// Runs a waiting query once more. The access of its caller is checked anew too.
pub fn run_again(sql: &dyn Sql, memory: &mut Memory, waiting: feed::Waiting, context: &Context<'_>) -> Progress {
    // The wait is not longer than asked for, if the clock has gone back.
    let until = waiting.until.min(feed::until(&waiting.call, context.now));
    let progress = run_call(sql, memory, None, waiting.call, until, context);
    reread_after_fault(sql, memory, progress, context.now)
}

/// Brings memory back in line with the storage, after a call that ended with a fault.
fn reread_after_fault(sql: &dyn Sql, memory: &mut Memory, progress: Progress, now: Timestamp) -> Progress {
    if let Progress::Done(Reply { outcome: Err(error), .. }) = &progress
        && error.code.is_fault()
        && memory.migrated
    {
        memory.forget_stored();
        // If the storage does not answer yet, the next call reads it.
        let _read = start::load_memory(sql, memory, now);
    }
    progress
}

fn run_call(
    sql: &dyn Sql,
    memory: &mut Memory,
    known: Option<access::KnownCaller>,
    call: Call,
    until: Timestamp,
    context: &Context<'_>,
) -> Progress {
    // Steps 2 and 3: an erasure that is sent again after the storage is gone has nothing left to do, and only a
    // registration may create the tables.
    let erases = call.actor == Actor::Root && matches!(call.ask, Ask::Admin(Admin::Erase));
    if erases && !memory.migrated && schema::exists(sql).is_ok_and(|exists| !exists) {
        return Progress::Erase(Vec::new());
    }
    let registers = call.actor == Actor::Root && matches!(call.ask, Ask::Admin(Admin::Configure { .. }));
    let known = known.map_or_else(|| admit_caller(sql, memory, &call, registers, context), Ok);
    // Step 4: the token fits the kind of request, and its scope allows it.
    let caller = match known.and_then(|known| access::check_request(known, &call.ask)) {
        Ok(caller) => caller,
        Err(error) => return answer_with(Err(note_token_refusal(sql, memory, &call, context, error))),
    };
    // The platform looks for token records to write after such a call. The calls of a stream end no token.
    if matches!(&call.ask, Ask::Admin(admin) if !admin.is_stream()) {
        memory.administered = true;
    }
    // A request that is read again is not written down.
    if matches!(call.ask, Ask::Scim(_) | Ask::Preview(_)) && call.generation != memory.types.generation {
        return answer_with(schemas::stale_answer(sql, &memory.types));
    }
    // The alarm saves it later: the last use of a token is not worth a write in each request.
    note::let_in(memory, &call, &caller, context.now);
    // Between two directories no answer would be right, so reads are refused as well as changes.
    // A request that comes too soon is not written down: there may be very many.
    let refusal = match memory.importing.filter(|_| call.ask.needs_directory()) {
        Some(writing) => Err(import::state::directory_busy(writing, &call.org)),
        None => memory.admit(&call, &caller, context.now),
    };
    if let Err(error) = refusal {
        let outcome = Err(error);
        note::answered(memory, &call, &caller, &outcome, context.now);
        return answer_with(outcome);
    }
    // Step 7. The bytes of the call count even if it is refused: reading them was work.
    let budget = Budget::new();
    budget.charge(cost::reading_units(context.bytes));
    let outcome = match &call.ask {
        Ask::Read(Query::Changes { after, limit, .. }) => match feed::page(sql, &memory.types, *after, *limit) {
            // The page is empty and there is time left. Nothing is charged, and the platform wakes the reader.
            Ok((_, true)) if context.now < until => {
                return Progress::Wait(Box::new(feed::Waiting { after: *after, until, call }));
            }
            page => page.map(|(answer, _)| answer),
        },
        Ask::Read(Query::Journal(query)) => journal::read::journal_page(sql, memory, &call.org, query, &budget),
        Ask::Read(query) => {
            match state::begin(sql, &memory.types, query, call.precondition.if_none_match.as_ref(), &call.base, &budget)
            {
                None => read_query(sql, memory, &call, query, context.now),
                Some(Ok(Searched::At(answer))) => Ok(answer),
                Some(Ok(Searched::Scan(scan))) => {
                    return take_step(sql, memory, Pending { scan, call, caller, budget }, context.now);
                }
                Some(Err(error)) => Err(error),
            }
        }
        Ask::Preview(command) => match preview::begin_preview(
            sql,
            memory,
            AdmittedRequest { command, call: &call, caller: &caller, context, budget: &budget },
        ) {
            Ok(Searched::At(answer)) => Ok(answer),
            Ok(Searched::Scan(scan)) => {
                return take_step(sql, memory, Pending { scan, call, caller, budget }, context.now);
            }
            Err(error) => Err(error),
        },
        // Schemas and imports change what memory holds, so they get it. All other admin calls change the storage
        // alone.
        Ask::Admin(Admin::PutSchema { document }) => schemas::put_schema(sql, memory, document, context.now),
        Ask::Admin(Admin::DeleteSchema { urn }) => schemas::delete_schema(sql, memory, urn, context.now),
        Ask::Admin(Admin::Erase) => match erase::begin_erasing(sql, context.now) {
            Ok(hashes) => return Progress::Erase(hashes),
            Err(error) => Err(error),
        },
        Ask::Admin(
            admin @ (Admin::BeginImport | Admin::ImportLines { .. } | Admin::FinishImport | Admin::EndImport),
        ) => import::run_import_call(sql, memory, admin, &call, &caller, context.now)
            .map_err(|error| address::error_with_org(error, &call.org)),
        Ask::Admin(admin) => admin::run_admin_call(sql, memory, &call, admin, &caller, context.now),
        // This check is first: a caller that may not send requests needs no other error.
        Ask::Scim(_) if !caller.settings.scim_enabled => Err(access::switched_off(&call.org)),
        // The edge refused it while it read the request. It comes here to be journalled and charged.
        Ask::Scim(Command::Refused { error, .. }) => Err(error.clone()),
        Ask::Scim(command) => match search::begin(
            sql,
            &mut memory.pages,
            &memory.types,
            command,
            &call.base,
            caller.token.as_deref(),
            &budget,
        ) {
            None => run::run_command(
                sql,
                memory,
                AdmittedRequest { command, call: &call, caller: &caller, context, budget: &budget },
            ),
            Some(Ok(Searched::At(answer))) => Ok(answer),
            Some(Ok(Searched::Scan(scan))) => {
                return take_step(sql, memory, Pending { scan, call, caller, budget }, context.now);
            }
            Some(Err(error)) => Err(error),
        },
    };
    // A refused call is charged like any other: otherwise endless refusals would cost their sender nothing.
    memory.charge(&call, &caller, &budget, &outcome, context.now);
    answer_with(note_refusal(sql, memory, outcome, &call, &caller, context.now))
}

/// Answers a query that needs no search and no wait.
fn read_query(sql: &dyn Sql, memory: &mut Memory, call: &Call, query: &Query, now: Timestamp) -> Result<Answer> {
    match query {
        Query::Organisation => organisation::organisation(sql, memory, call, now),
        Query::Tokens => tokens::list_tokens(sql, memory, now),
        Query::Snapshot { position } => snapshot::piece(sql, &memory.types, position.as_deref(), snapshot::WORK),
        Query::Import => import::state::import_status(sql, &call.org),
        Query::Schemas => schemas::list_schemas(sql),
        Query::Schema { urn } => schemas::get_schema(sql, urn),
        Query::Users(_) | Query::User { .. } | Query::Groups(_) | Query::Group { .. } | Query::Members { .. } => {
            Err(Error::internal("the directory is read by `state`"))
        }
        Query::Changes { .. } => Err(Error::internal("changes are read by `feed`")),
        Query::Journal(_) => Err(Error::internal("the journal is read by `journal`")),
    }
}

/// Takes one more step.
pub fn resume(sql: &dyn Sql, memory: &mut Memory, pending: Pending, now: Timestamp) -> Progress {
    let progress = take_step(sql, memory, pending, now);
    reread_after_fault(sql, memory, progress, now)
}

fn take_step(sql: &dyn Sql, memory: &mut Memory, mut pending: Pending, now: Timestamp) -> Progress {
    // An import may have begun to write between two steps of the search.
    if let Some(writing) = memory.importing {
        return answer_with(Err(import::state::directory_busy(writing, &pending.call.org)));
    }
    let types = Rc::clone(&memory.types);
    let outcome = match pending.scan.step(sql, &types, now, &pending.budget) {
        Ok(None) => {
            // Each step is charged at once, or many searches at the same time would be free until they end.
            memory.charge_step(&pending.call, &pending.caller, &pending.budget, now);
            return Progress::Scan(Box::new(pending));
        }
        Ok(Some(answer)) => Ok(answer),
        Err(error) => Err(error),
    };
    memory.charge(&pending.call, &pending.caller, &pending.budget, &outcome, now);
    if let Ask::Preview(_) = pending.call.ask {
        return answer_with(preview::nothing_changed(&memory.types, outcome, &pending.call));
    }
    answer_with(note_refusal(sql, memory, outcome, &pending.call, &pending.caller, now))
}

fn answer_with(outcome: Result<Answer>) -> Progress {
    Progress::Done(Reply { v: VERSION, outcome })
}

/// Checks that this object understands the call, as far as its version says.
fn check_version<A>(call: &Call<A>) -> Result<()> {
    if call.v > VERSION { Err(json::being_deployed()) } else { Ok(()) }
}

/// Checks the caller. With `registers` the organisation need not be registered yet.
fn admit_caller<A>(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &Call<A>,
    registers: bool,
    context: &Context<'_>,
) -> Result<access::KnownCaller> {
    start_object(sql, memory, call, registers, context)?;
    access::check_caller(sql, call, context.now)
}

/// Checks that the call means this organisation, which is registered, and starts the object.
fn start_object<A>(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &Call<A>,
    registers: bool,
    context: &Context<'_>,
) -> Result<()> {
    check_version(call)?;
    // Step 2: a call that reached another organisation's object gets the sentence of an unknown token, and no row.
    let named = context.org.is_none_or(|name| *name == call.org);
    if !named || !(memory.migrated || registers || schema::exists(sql)?) {
        return Err(Error::unauthorized());
    }
    start::load_memory(sql, memory, context.now)
}

/// Notes that a token of this organisation, alive or not, was sent to an address that is not the organisation's. The
/// client has another answer, which does not depend on this one.
fn note_wrong_address(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &CallEnvelope<'_>,
    hash: &TokenHash,
    context: &Context<'_>,
) -> Result<Answer> {
    start_object(sql, memory, call, false, context)?;
    if let Some(token) = token_store::by_hash(sql, hash)?.filter(access::is_for_scim) {
        note::missed(memory, call, token.id.as_str(), context.now);
    }
    Ok(Answer::Nothing)
}

/// Writes down that a token of this organisation was refused, and returns why.
fn note_token_refusal<A>(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &Call<A>,
    context: &Context<'_>,
    error: Error,
) -> Error {
    // Without tables, or in another organisation's object, there is no journal to write to.
    if !memory.migrated || context.org.is_some_and(|name| *name != call.org) {
        return error;
    }
    journal::write::write_token_refusal(sql, memory, call, &error, context.now).err().unwrap_or(error)
}

/// Writes a refusal down.
fn note_refusal(
    sql: &dyn Sql,
    memory: &mut Memory,
    outcome: Result<Answer>,
    call: &Call,
    caller: &access::Caller,
    now: Timestamp,
) -> Result<Answer> {
    note::answered(memory, call, caller, &outcome, now);
    // Step 8. A fault is not journalled: the client sends the request again, and its outcome is written then.
    if let (Err(error), Ask::Scim(command)) = (&outcome, &call.ask)
        && !error.code.is_fault()
    {
        journal::write::write_refusal(sql, memory, command, call, caller, error, now)?;
    }
    outcome
}
