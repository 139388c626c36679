//! The common part of a Console request's steps: the caller, the place of the organisation's object, the calls.

use super::{Exchange, Platform};
use crate::auth::TokenRecord;
use crate::directory::admin::Admin;
use crate::directory::call::{Actor, Ask, Call};
use crate::directory::registry::{RegistryCall, RegistryEntry};
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::error::{Error, Result};
use crate::id::OrgId;
use serde_json::value::RawValue;

/// A caller with the root key, or with a Console token and its record in KV.
#[derive(Clone, Debug)]
pub struct ConsoleCaller {
    /// The caller as the object knows it.
    pub actor: Actor,
    /// The token's record; `None` for the root key.
    pub record: Option<TokenRecord>,
}

/// Returns the place of the object that a token's record says.
pub(super) fn home_of(record: &TokenRecord) -> Residency {
    Residency { jurisdiction: record.jurisdiction.clone(), location_hint: None }
}

/// The steps of a request about one organisation.
pub(super) struct Steps<'a, P> {
    pub(super) platform: &'a mut P,
    pub(super) exchange: &'a Exchange,
    pub(super) caller: &'a ConsoleCaller,
    pub(super) org: OrgId,
}

impl<P: Platform> Steps<'_, P> {
    /// Returns where the organisation's object is. The root key may name any organisation, so the registry is asked
    /// before an object is called into being; a Console token's record says it.
    pub(super) async fn home(&mut self) -> Result<Residency> {
        match &self.caller.record {
            Some(record) => Ok(home_of(record)),
            None => self.registered_home(&RegistryCall::Get { org: self.org.clone() }).await,
        }
    }

    /// Returns the place in the one entry with which the registry answers this call.
    pub(super) async fn registered_home(&mut self, call: &RegistryCall) -> Result<Residency> {
        let missing = || Error::internal("the registry answered no entry");
        self.platform.ask_registry(call).await?.pop().map(RegistryEntry::residency).ok_or_else(missing)
    }

    /// Makes a call by the caller.
    pub(super) fn call_of(&self, home: Residency, ask: Ask) -> Call {
        self.exchange.call_of(self.org.clone(), home, self.caller.actor.clone(), ask)
    }

    /// Makes a change whose answer is a document, as `actor`.
    pub(super) async fn administer(&mut self, home: &Residency, actor: &Actor, admin: Admin) -> Result<Box<RawValue>> {
        let mut call = self.exchange.call_of(self.org.clone(), home.clone(), actor.clone(), Ask::Admin(admin));
        match self.platform.ask_for_answer(&mut call).await? {
            Answer::Json(text) => Ok(text),
            _ => Err(Error::internal("not a Console answer")),
        }
    }
}
