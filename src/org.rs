//! The work of one organisation, platform-free: its Durable Object runs [`execute`] and nothing else.
//!
//! One call is one transaction: rolled back whole on any refusal. Refusals are written down afterwards, in a
//! transaction of their own. Memory holds only data that may be lost.

mod access;
mod address;
pub mod admin;
pub mod alarm;
pub mod bucket;
mod import;
pub mod journal;
pub mod provision;
pub mod read;

pub use admin::saml_first;
pub use read::related::gather;

use admin::{erase, schemas};
use provision::{guard, history, mutation, preview};
use read::{feed, organisation, search, state};

use crate::auth::TokenKind;
use crate::budget::Budget;
use crate::directory::admin::Admin;
use crate::directory::call::{Actor, Ask, Call, Envelope, VERSION};
use crate::directory::query::Query;
use crate::directory::reply::{Answer, Reply};
use crate::directory::scim::{Command, Members};
use crate::error::{Error, Result};
use crate::id::{Ids, OrgId, Timestamp, TokenHash};
use crate::scim::json;
use crate::scim::schema::{Kinds, Types};
use crate::store::{Sql, schema};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The parts of the platform that a call needs.
pub struct Context<'a> {
    /// The object's own name; `None` if the platform does not know it.
    pub org: Option<&'a OrgId>,
    /// The clock.
    pub now: Timestamp,
    /// Random bits for an id.
    pub random: &'a dyn Fn() -> [u8; 6],
    /// The length of the call, in bytes.
    pub bytes: usize,
}

/// The memory of an object between calls; an eviction may lose it.
#[derive(Debug, Default)]
pub struct Memory {
    /// Set once the migrations were found applied.
    migrated: bool,
    /// The resource types with the registered extensions.
    types: Rc<Types>,
    /// The places where readers stopped.
    pages: Pages,
    /// The generator of ids, which continues after the last change.
    ids: Option<Ids>,
    /// The reason why the directory cannot be read, if it is between two.
    importing: Option<import::Writing>,
    /// The losses that the guard counts.
    guard: Option<guard::Lately>,
    /// Counters on their way to the storage.
    pub unsaved: journal::Unsaved,
    /// The number of stored refusals, the progress of pruning them, and the place of a reader among them.
    evidence: journal::Evidence,
    /// True if an admin's call was executed, which may have ended a token. The runner of the calls resets it, wakes the
    /// waiting requests, and writes the [`records`] that are due.
    pub administered: bool,
    /// The object time that the callers have left; unlimited without.
    pub buckets: Option<bucket::Buckets>,
    /// The bytes that the callers may still add to the history.
    pub added: history::Added,
    /// The bucket that the last call was charged to, if it was charged.
    charged: Option<Charged>,
    /// The transfers that take many calls.
    streams: bucket::Streams,
}

impl Memory {
    /// Makes the memory of an object that starts. `object_seconds` is the variable of that name:
    /// [`bucket::Rate::parse`].
    pub fn new(object_seconds: &str) -> Self {
        Self { buckets: bucket::Rate::parse(object_seconds).map(bucket::Buckets::new), ..Self::default() }
    }

    /// Forgets what was read from the storage, so that it is read anew; counters that only memory has stay.
    fn forget_stored(&mut self) {
        let Self { unsaved, buckets, added, streams, administered, .. } = std::mem::take(self);
        *self = Self { unsaved, buckets, added, streams, administered, ..Self::default() };
    }

    /// Admits a call, or refuses it because its callers have used up their time, or because enough streams are running.
    fn admit(&mut self, call: &Call, caller: &access::Caller, now: Timestamp) -> Result<()> {
        if let (Some(buckets), Some(token)) = (&self.buckets, &caller.token)
            && bucket::may_refuse(call)
        {
            buckets.check(kind(call), token, now)?;
        }
        self.streams.enter(call, now)
    }

    /// Charges the cost of a call, whatever its answer is.
    fn charge(
        &mut self,
        call: &Call,
        caller: &access::Caller,
        budget: &Budget,
        outcome: &Result<Answer>,
        now: Timestamp,
    ) {
        self.streams.leave(call, outcome);
        self.charged = None;
        if let (Some(buckets), Some(token), false) = (&mut self.buckets, &caller.token, call.ask.is_stream()) {
            budget.charge(bucket::CALL_UNITS_LEAST + outcome.as_ref().map_or(0, bucket::answering));
            buckets.charge(kind(call), token, budget.spent(), now);
            self.charged = Some(Charged(kind(call), token.clone()));
        }
    }

    /// Charges the cost of a call that continues, so that no number of simultaneous calls is free until they end.
    fn charge_step(&mut self, call: &Call, caller: &access::Caller, budget: &Budget, now: Timestamp) {
        if let (Some(buckets), Some(token)) = (&mut self.buckets, &caller.token) {
            buckets.charge(kind(call), token, budget.take(), now);
        }
    }

    /// Charges the call that was answered last with the groups and members that were read to write its answer. No other
    /// call may have come in between. If its answer continues in pieces, each is charged to the returned caller.
    pub fn written(&mut self, read: usize, now: Timestamp) -> Option<Charged> {
        let charged = self.charged.take()?;
        self.piece_written(&charged, read, now);
        Some(charged)
    }

    /// Charges one more piece of an answer with the groups and members that were read for it.
    pub fn piece_written(&mut self, Charged(kind, token): &Charged, read: usize, now: Timestamp) {
        if let Some(buckets) = &mut self.buckets {
            buckets.charge(*kind, token, bucket::naming(read) as u64, now);
        }
    }
}

/// The caller whose bucket is charged: the kind of its token, and its id.
#[derive(Debug)]
pub struct Charged(TokenKind, String);

/// Returns the kind of token whose bucket a call is charged to. The token's kind fits the request, or the call was
/// refused.
fn kind(call: &Call) -> TokenKind {
    if matches!(call.ask, Ask::Scim(_)) { TokenKind::Scim } else { TokenKind::Console }
}

/// The places where readers that page through everything stopped, so that the next page starts there: one place for
/// each token and query.
#[derive(Debug, Default)]
pub(crate) struct Pages(BTreeMap<(String, String), (i64, String)>);

/// The most readers that are remembered: some 200 KB.
const READERS: usize = 1000;

impl Memory {
    /// Returns the resource types, as the object knows them.
    pub fn types(&self) -> Rc<Types> {
        Rc::clone(&self.types)
    }
}

impl Pages {
    /// Returns the place after which the resource of that index comes, if the last page ended there.
    fn end(&self, token: &str, query: &str, index: i64) -> Option<String> {
        let key = (token.to_owned(), query.to_owned());
        self.0.get(&key).filter(|(next, _)| *next == index).map(|(_, place)| place.clone())
    }

    fn remember(&mut self, token: &str, query: &str, next: i64, place: String) {
        if self.0.len() >= READERS {
            self.0.clear();
        }
        self.0.insert((token.to_owned(), query.to_owned()), (next, place));
    }
}

/// The progress of a call.
pub enum Progress {
    /// The call has ended.
    Done(Reply),
    /// Other requests may run before [`resume`].
    Scan(Box<Pending>),
    /// There is nothing to answer yet: [`again`] once there is a change after its position, or at its end.
    Wait(Box<feed::Waiting>),
    /// The organisation is being erased: KV's records of these tokens are to be deleted, then [`erase::forget`] is to
    /// be called. If there is none, the whole storage and this memory are to be deleted.
    Erase(Vec<TokenHash>),
}

/// A call that goes through the directory in steps.
pub struct Pending {
    scan: Box<search::Scan>,
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
/// 6. The object time of its token is not used up, and few streams are running ([`bucket`]); otherwise it is refused.
/// 7. The request runs in one transaction; a search that no index answers runs in steps, without one.
/// 8. A refusal, or a request that was skipped in part and changed nothing, is written down.
/// 9. After a fault of the service or of the platform, memory is read anew: it may have noted data that the storage did
///    not keep.
pub fn execute(sql: &dyn Sql, memory: &mut Memory, envelope: Envelope<'_>, context: &Context<'_>) -> Progress {
    let progress = begun(sql, memory, envelope, context);
    settled(sql, memory, progress, context.now)
}

fn begun(sql: &dyn Sql, memory: &mut Memory, envelope: Envelope<'_>, context: &Context<'_>) -> Progress {
    // Only the edge can call an object, so the holder of the root key needs no row here.
    let known = match &envelope.actor {
        Actor::Root => None,
        Actor::Token { .. } => match admitted(sql, memory, &envelope, false, context) {
            Ok(known) => Some(known),
            Err(error) => return done(Err(not_admitted(sql, memory, &envelope, context, error))),
        },
    };
    match fits(&envelope).and_then(|()| envelope.open()) {
        Ok(call) => {
            let until = feed::until(&call, context.now);
            attempt(sql, memory, known, call, until, context)
        }
        Err(error) => done(Err(error)),
    }
}

/// Runs a waiting query once more. The access of its caller is checked anew too.
pub fn again(sql: &dyn Sql, memory: &mut Memory, waiting: feed::Waiting, context: &Context<'_>) -> Progress {
    // The wait is not longer than asked for, if the clock has gone back.
    let until = waiting.until.min(feed::until(&waiting.call, context.now));
    let progress = attempt(sql, memory, None, waiting.call, until, context);
    settled(sql, memory, progress, context.now)
}

/// Brings memory back in line with the storage, after a call that ended with a fault.
fn settled(sql: &dyn Sql, memory: &mut Memory, progress: Progress, now: Timestamp) -> Progress {
    if let Progress::Done(Reply { outcome: Err(error), .. }) = &progress
        && error.code.is_fault()
        && memory.migrated
    {
        memory.forget_stored();
        // If the storage does not answer yet, the next call reads it.
        let _read = load(sql, memory, now);
    }
    progress
}

fn attempt(
    sql: &dyn Sql,
    memory: &mut Memory,
    known: Option<access::Known>,
    call: Call,
    until: Timestamp,
    context: &Context<'_>,
) -> Progress {
    let erases = call.actor == Actor::Root && matches!(call.ask, Ask::Admin(Admin::Erase));
    if erases && !memory.migrated && schema::exists(sql).is_ok_and(|exists| !exists) {
        return Progress::Erase(Vec::new());
    }
    let registers = call.actor == Actor::Root && matches!(call.ask, Ask::Admin(Admin::Configure { .. }));
    let known = known.map_or_else(|| admitted(sql, memory, &call, registers, context), Ok);
    let caller = match known.and_then(|known| access::check(known, &call.ask)) {
        Ok(caller) => caller,
        Err(error) => return done(Err(not_admitted(sql, memory, &call, context, error))),
    };
    if matches!(&call.ask, Ask::Admin(admin) if !admin.is_stream()) {
        memory.administered = true;
    }
    // A request that is read again is not written down.
    if matches!(call.ask, Ask::Scim(_) | Ask::Preview(_)) && call.generation != memory.types.generation {
        return done(schemas::stale(sql, &memory.types));
    }
    if let Some(token) = &caller.token {
        memory.unsaved.token_used(token, context.now);
    }
    if let Some(writing) = memory.importing.filter(|_| call.ask.needs_directory()) {
        return done(Err(import::busy(writing, &call.org)));
    }
    // A request that comes too soon is not written down: there may be very many.
    if let Err(error) = memory.admit(&call, &caller, context.now) {
        return done(Err(error));
    }
    let budget = Budget::new();
    budget.charge(bucket::reading(context.bytes));
    let outcome = match &call.ask {
        Ask::Read(Query::Changes { after, limit, .. }) => match feed::page(sql, *after, *limit) {
            Ok((_, true)) if context.now < until => {
                return Progress::Wait(Box::new(feed::Waiting { after: *after, until, call }));
            }
            page => page.map(|(answer, _)| answer),
        },
        Ask::Read(Query::Journal(query)) => journal::page(sql, memory, &call.org, query, &budget),
        Ask::Read(query) => {
            match state::begin(sql, memory, query, call.precondition.if_none_match.as_ref(), &call.base, &budget) {
                None => organisation::read(sql, &call.org, query, context.now),
                Some(Ok(Searched::At(answer))) => Ok(answer),
                Some(Ok(Searched::Scan(scan))) => {
                    return stepped(sql, memory, Pending { scan, call, caller, budget }, context.now);
                }
                Some(Err(error)) => Err(error),
            }
        }
        Ask::Preview(command) => match preview::begin(sql, memory, command, &call, &caller, context, &budget) {
            Ok(Searched::At(answer)) => Ok(answer),
            Ok(Searched::Scan(scan)) => {
                return stepped(sql, memory, Pending { scan, call, caller, budget }, context.now);
            }
            Err(error) => Err(error),
        },
        Ask::Admin(Admin::PutSchema { document }) => schemas::put(sql, memory, document, context.now),
        Ask::Admin(Admin::DeleteSchema { urn }) => schemas::delete(sql, memory, urn, context.now),
        Ask::Admin(Admin::Erase) => match erase::begin(sql, context.now) {
            Ok(hashes) => return Progress::Erase(hashes),
            Err(error) => Err(error),
        },
        Ask::Admin(
            admin @ (Admin::BeginImport | Admin::ImportLines { .. } | Admin::FinishImport | Admin::EndImport),
        ) => import::run(sql, memory, admin, &call, &caller, context.now)
            .map_err(|error| address::naming(error, &call.org)),
        Ask::Admin(admin) => admin::run(sql, &call.org, admin, &caller, context.now),
        // This check is first: a caller that may not send requests needs no other error.
        Ask::Scim(_) if !caller.settings.scim_enabled => Err(access::switched_off(&call.org)),
        Ask::Scim(Command::Refused { error, .. }) => Err(error.clone()),
        Ask::Scim(command) => match searched(sql, memory, command, &call, &caller, &budget) {
            None => mutation::run(sql, memory, command, &call, &caller, context, &budget),
            Some(Ok(Searched::At(answer))) => Ok(answer),
            Some(Ok(Searched::Scan(scan))) => {
                return stepped(sql, memory, Pending { scan, call, caller, budget }, context.now);
            }
            Some(Err(error)) => Err(error),
        },
    };
    memory.charge(&call, &caller, &budget, &outcome, context.now);
    done(noted(sql, memory, outcome, &call, &caller, context.now))
}

/// Takes one more step.
pub fn resume(sql: &dyn Sql, memory: &mut Memory, pending: Pending, now: Timestamp) -> Progress {
    let progress = stepped(sql, memory, pending, now);
    settled(sql, memory, progress, now)
}

fn stepped(sql: &dyn Sql, memory: &mut Memory, mut pending: Pending, now: Timestamp) -> Progress {
    if let Some(writing) = memory.importing {
        return done(Err(import::busy(writing, &pending.call.org)));
    }
    let types = Rc::clone(&memory.types);
    let outcome = match pending.scan.step(sql, &types, now, &pending.budget) {
        Ok(None) => {
            memory.charge_step(&pending.call, &pending.caller, &pending.budget, now);
            return Progress::Scan(Box::new(pending));
        }
        Ok(Some(answer)) => Ok(answer),
        Err(error) => Err(error),
    };
    memory.charge(&pending.call, &pending.caller, &pending.budget, &outcome, now);
    if let Ask::Preview(_) = pending.call.ask {
        return done(preview::nothing_changed(outcome, &pending.call));
    }
    done(noted(sql, memory, outcome, &pending.call, &pending.caller, now))
}

fn done(outcome: Result<Answer>) -> Progress {
    Progress::Done(Reply { v: VERSION, outcome })
}

/// Checks that this object understands the call, as far as its version says.
fn fits<A>(call: &Call<A>) -> Result<()> {
    if call.v > VERSION { Err(json::being_deployed()) } else { Ok(()) }
}

/// Checks the caller. With `registers` the organisation need not be registered yet.
fn admitted<A>(
    sql: &dyn Sql,
    memory: &mut Memory,
    call: &Call<A>,
    registers: bool,
    context: &Context<'_>,
) -> Result<access::Known> {
    fits(call)?;
    let named = context.org.is_none_or(|name| *name == call.org);
    if !named || !(memory.migrated || registers || schema::exists(sql)?) {
        return Err(Error::unauthorized());
    }
    load(sql, memory, context.now)?;
    access::known(sql, call, context.now)
}

/// Loads the data that every call needs, once for each start of a registered object.
fn load(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<()> {
    if !memory.migrated {
        schema::migrate(sql, now)?;
        memory.types = Rc::new(schemas::types(sql)?);
        memory.importing = import::writing(sql)?;
        alarm::begin_periodic(sql, now)?;
        memory.migrated = true;
    }
    Ok(())
}

/// Writes down that a token of this organisation was refused, and returns why.
fn not_admitted<A>(sql: &dyn Sql, memory: &mut Memory, call: &Call<A>, context: &Context<'_>, error: Error) -> Error {
    if !memory.migrated || context.org.is_some_and(|name| *name != call.org) {
        return error;
    }
    journal::token_refused(sql, memory, call, &error, context.now).err().unwrap_or(error)
}

/// The outcome of a search: its answer, or its rest.
pub(crate) enum Searched {
    At(Answer),
    Scan(Box<search::Scan>),
}

/// Begins the search of a command; `None` for a command that searches nothing.
fn searched(
    sql: &dyn Sql,
    memory: &mut Memory,
    command: &Command,
    call: &Call,
    caller: &access::Caller,
    budget: &Budget,
) -> Option<Result<Searched>> {
    let (lists, members) = match command {
        Command::ListUsers { list } => (vec![(Kinds::Users, list)], Members::Hidden),
        Command::ListGroups { list, members } => (vec![(Kinds::Groups, list)], *members),
        Command::Search { users, groups, members } => {
            (vec![(Kinds::Users, users.as_ref()), (Kinds::Groups, groups.as_ref())], *members)
        }
        _ => return None,
    };
    let token = caller.token.as_deref().unwrap_or_default();
    let mut begin = || {
        let scan = search::Scan::new(sql, &lists, members, &call.base, &memory.types)?;
        Ok(match scan.at_once(sql, &mut memory.pages, token, budget)? {
            Some(answer) => Searched::At(answer),
            None => Searched::Scan(Box::new(scan)),
        })
    };
    Some(begin())
}

/// Writes a refusal down.
fn noted(
    sql: &dyn Sql,
    memory: &mut Memory,
    outcome: Result<Answer>,
    call: &Call,
    caller: &access::Caller,
    now: Timestamp,
) -> Result<Answer> {
    if let (Err(error), Ask::Scim(command)) = (&outcome, &call.ask)
        && !error.code.is_fault()
    {
        journal::refused(sql, memory, command, call, caller, error, now)?;
    }
    outcome
}
