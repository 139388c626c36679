//! What one organisation does, platform-free: [`execute`] is all that its Durable Object runs.
//!
//! One call is one transaction: rolled back whole on any refusal. Refusals are written down afterwards, in a
//! transaction of their own. Memory holds only what may be lost.

mod access;
mod admin;
mod groups;
pub mod journal;
mod membership;
mod read;
pub mod registry;
mod schemas;
mod search;
mod users;
mod work;

use crate::directory::command::{Actor, Admin, Ask, Call, Command, VERSION};
use crate::directory::reply::{Answer, Reply};
use crate::error::{Error, Kind, Result};
use crate::id::{Ids, OrgId, Timestamp};
use crate::scim::schema::Types;
use crate::store::{Sql, schema};
use std::rc::Rc;

/// What a call needs from the platform.
pub struct Context<'a> {
    /// The object's own name; `None` if the platform does not know it.
    pub org: Option<&'a OrgId>,
    /// The clock.
    pub now: Timestamp,
    /// Random bits for an id.
    pub random: &'a dyn Fn() -> [u8; 6],
}

/// What an object remembers between calls; an eviction may lose it.
#[derive(Debug, Default)]
pub struct Memory {
    /// Set once the migrations were found applied.
    migrated: bool,
    /// The resource types with what is registered.
    types: Rc<Types>,
    /// Continues after the last change.
    ids: Option<Ids>,
    /// Counters on their way to the storage.
    pub unsaved: journal::Unsaved,
}

/// Executes one call.
///
/// 1. The formats fit: this object understands [`VERSION`] and the one before.
/// 2. The edge and the object mean the same organisation, and it is registered; otherwise nothing is written.
/// 3. The schema is up to date.
/// 4. The token is alive and fits; the organisation allows it.
/// 5. The edge read the request under the schemas that hold now; otherwise it gets them and nothing else happens.
/// 6. The request runs in one transaction.
/// 7. A refusal, or a request that was passed over in part and changed nothing, is written down.
pub fn execute(sql: &dyn Sql, memory: &mut Memory, call: Call, context: &Context<'_>) -> Reply {
    Reply { v: VERSION, outcome: outcome(sql, memory, call, context) }
}

fn outcome(sql: &dyn Sql, memory: &mut Memory, call: Call, context: &Context<'_>) -> Result<Answer> {
    if call.v > VERSION {
        return Err(Error::new(Kind::Unavailable, "A new version is being deployed. Try again in a minute."));
    }
    let named = context.org.is_none_or(|name| *name == call.org);
    let registering = call.actor == Actor::Root && matches!(call.ask, Ask::Admin(Admin::Configure { .. }));
    if !named || !(memory.migrated || registering || schema::exists(sql)?) {
        return Err(Error::unauthorized());
    }
    if !memory.migrated {
        schema::migrate(sql, context.now)?;
        memory.types = Rc::new(schemas::types(sql)?);
        memory.migrated = true;
    }
    let caller = access::check(sql, &call, context.now)?;
    if matches!(call.ask, Ask::Scim(_)) && call.generation != memory.types.generation {
        return schemas::stale(sql, &memory.types);
    }
    if let Some(token) = &caller.token {
        memory.unsaved.token_used(token, context.now);
    }
    let result = match &call.ask {
        Ask::Read(query) => read::read(sql, &call.org, query, context.now),
        Ask::Admin(Admin::PutSchema { document }) => schemas::put(sql, memory, document),
        Ask::Admin(Admin::DeleteSchema { urn }) => schemas::delete(sql, memory, urn),
        Ask::Admin(admin) => admin::run(sql, &call.org, admin, context.now),
        Ask::Scim(Command::Refused { error, .. }) => Err(error.clone()),
        Ask::Scim(_) if !caller.scim_enabled => Err(access::switched_off()),
        Ask::Scim(command) => work::run(sql, memory, command, &call, &caller, context),
    };
    match (result, &call.ask) {
        (Err(error), Ask::Scim(command)) if error.kind != Kind::Internal => {
            journal::refused(sql, memory, command, &call, &caller, &error, context.now)?;
            Err(error)
        }
        (result, _) => result,
    }
}
