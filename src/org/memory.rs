//! The memory of an object between calls. Nothing here is the truth: an eviction loses it, and a fault has it read anew.

use crate::auth::TokenKind;
use crate::budget::Budget;
use crate::directory::call::{Ask, Call};
use crate::directory::reply::Answer;
use crate::error::Result;
use crate::id::{Ids, Timestamp};
use crate::org::access::Caller;
use crate::org::connection::facts::Facts;
use crate::org::import::state::Writing;
use crate::org::journal::evidence::Evidence;
use crate::org::journal::unsaved::Unsaved;
use crate::org::provision::guard::Lately;
use crate::org::provision::history::Added;
use crate::org::read::pages::Pages;
use crate::org::{bucket, cost, streams};
use crate::scim::schema::Types;
use std::rc::Rc;

/// The memory of an object between calls; an eviction may lose it.
#[derive(Debug, Default)]
pub struct Memory {
    /// Set once the migrations were found applied.
    pub(crate) migrated: bool,
    /// The resource types with the registered extensions.
    pub(crate) types: Rc<Types>,
    /// The places where readers stopped.
    pub(crate) pages: Pages,
    /// The generator of ids, which continues after the last change.
    pub(crate) ids: Option<Ids>,
    /// The reason why the directory cannot be read, if it is between two.
    pub(crate) importing: Option<Writing>,
    /// The losses that the guard counts.
    pub(crate) guard: Option<Lately>,
    /// The facts about the connection to the identity provider; `None` before the first call.
    pub(crate) connection: Option<Facts>,
    /// Counters on their way to the storage.
    pub unsaved: Unsaved,
    /// The number of stored refusals, the progress of pruning them, and the place of a reader among them.
    pub(crate) evidence: Evidence,
    /// True if an admin's call was executed, which may have ended a token. The platform resets it, wakes the waiting
    /// requests, and
    /// writes the [`records`](crate::org::admin::records) that are due.
    pub administered: bool,
    /// The object time that the callers have left; unlimited without.
    pub buckets: Option<bucket::Buckets>,
    /// The bytes that the callers may still add to the history.
    pub added: Added,
    /// The bucket that the last call was charged to, if it was charged.
    charged: Option<Charged>,
    /// The transfers that take many calls.
    streams: streams::Streams,
}

impl Memory {
    /// Makes the memory of an object that starts. `object_seconds` is the variable of that name:
    /// [`bucket::Rate::parse`].
    pub fn new(object_seconds: &str) -> Self {
        Self { buckets: bucket::Rate::parse(object_seconds).map(bucket::Buckets::new), ..Self::default() }
    }

    /// Returns a memory for a preview, which is thrown away: it knows the schemas and the last id, and nothing else.
    pub(crate) fn scratch(&self) -> Self {
        Self { types: Rc::clone(&self.types), ids: self.ids.clone(), ..Self::default() }
    }

    /// Forgets what was read from the storage, so that it is read anew; counters that only memory has stay.
    pub(crate) fn forget_stored(&mut self) {
        let Self { connection, unsaved, buckets, added, streams, administered, .. } = std::mem::take(self);
        *self = Self { connection, unsaved, buckets, added, streams, administered, ..Self::default() };
    }

    /// Admits a call, or refuses it because its callers have used up their time, or because enough streams are running.
    pub(crate) fn admit(&mut self, call: &Call, caller: &Caller, now: Timestamp) -> Result<()> {
        // The root key has no bucket: it is what an operator repairs things with.
        if let (Some(buckets), Some(token)) = (&self.buckets, &caller.token)
            && bucket::may_refuse(call)
        {
            buckets.check(charged_kind(call), token, now)?;
        }
        self.streams.enter(call, now)
    }

    /// Charges the cost of a call, whatever its answer is.
    pub(crate) fn charge(
        &mut self,
        call: &Call,
        caller: &Caller,
        budget: &Budget,
        outcome: &Result<Answer>,
        now: Timestamp,
    ) {
        // A stream that failed has ended too, or its place would be taken for 30 seconds.
        self.streams.leave(call, outcome);
        self.charged = None;
        if let (Some(buckets), Some(token), false) = (&mut self.buckets, &caller.token, call.ask.is_stream()) {
            // The way to the object and the answer are part of the cost, whatever the call did.
            budget.charge(cost::CALL_UNITS_LEAST + outcome.as_ref().map_or(0, cost::answering_units));
            buckets.charge(charged_kind(call), token, budget.spent(), now);
            self.charged = Some(Charged(charged_kind(call), token.clone()));
        }
    }

    /// Charges the cost of a call that continues, so that no number of simultaneous calls is free until they end.
    pub(crate) fn charge_step(&mut self, call: &Call, caller: &Caller, budget: &Budget, now: Timestamp) {
        if let (Some(buckets), Some(token)) = (&mut self.buckets, &caller.token) {
            buckets.charge(charged_kind(call), token, budget.take_spent(), now);
        }
    }

    /// Charges the call that was answered last with the groups and members that were read to write its answer. No other
    /// call may have come in between. If its answer continues in pieces, each is charged to the returned caller.
    pub fn charge_written(&mut self, read: usize, now: Timestamp) -> Option<Charged> {
        let charged = self.charged.take()?;
        self.charge_piece(&charged, read, now);
        Some(charged)
    }

    /// Notes the status of the answer that is written to the last SCIM request: 304 is decided there.
    pub fn answered_with(&mut self, status: u16) {
        if let Some(last) = self.connection.as_mut().and_then(|facts| facts.last.as_mut()) {
            last.status = status;
        }
    }

    /// Charges one more piece of an answer with the groups and members that were read for it.
    pub fn charge_piece(&mut self, Charged(kind, token): &Charged, read: usize, now: Timestamp) {
        if let Some(buckets) = &mut self.buckets {
            buckets.charge(*kind, token, cost::naming_units(read) as u64, now);
        }
    }
}

/// The caller whose bucket is charged: the kind of its token, and its id.
#[derive(Debug)]
pub struct Charged(TokenKind, String);

/// Returns the kind of token whose bucket a call is charged to. The token's kind fits the request, or the call was
/// refused.
fn charged_kind(call: &Call) -> TokenKind {
    if matches!(call.ask, Ask::Scim(_)) { TokenKind::Scim } else { TokenKind::Console }
}

impl Memory {
    /// Returns the resource types, as the object knows them.
    pub fn types(&self) -> Rc<Types> {
        Rc::clone(&self.types)
    }
}
