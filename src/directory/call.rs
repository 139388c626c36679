//! A call from the edge to the object: the caller, the organisation, the request, and how the answer is written.
//!
//! A call says the lowest version that understands it. Each topic's file has a match over all its variants for that: a
//! new variant names its version there, and [`VERSION`] rises with it.
//!
//! 1. Users and groups, read and changed one at a time; organisations and their tokens.
//! 2. Conditions, sorting and cursors, Bulk, previews, registered schemas, the journal, snapshots and imports, and
//!    everything else that an object of version 1 would misread or not see.
//! 3. A token revoked together with the tokens that it minted.
//! 4. A quota, which an object of version 3 would leave out unseen.
//! 5. Operations on unregistered extensions; filters on the elements of plain lists.
//! 6. Values that are refused unless they are stored as they were sent, which an object of version 5 would clear.
//! 7. Requests at a wrong address, which an object of version 6 would journal as refused.
//! 8. Filters of the journal that an object of version 7 would not see.

use super::admin::Admin;
use super::is_zero;
use super::precondition::Precondition;
use super::query::Query;
use super::residency::Residency;
use super::scim::Command;
use crate::error::Result;
use crate::id::{OrgId, RequestId, TokenHash};
use crate::scim::json;
use crate::scim::projection::Projection;
use crate::scim::schema::Kinds;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The newest version of [`Call`] and of the reply. An object understands this one and all before it. A call says the lowest
/// that understands it, [`Call::lowest_version`], so while a deploy rolls only what is new is 503 at an object of before.
pub const VERSION: u8 = 8;

/// One call of an organisation's object. `A` is the request: an [`Ask`], or its text in an [`CallEnvelope`].
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Call<A = Ask> {
    /// The lowest version that understands it.
    pub v: u8,
    /// The name that the edge believes the object to have; the object compares it with its own.
    pub org: OrgId,
    /// The id of the request.
    pub request: RequestId,
    /// The SCIM base URL with which addresses begin.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// The caller.
    pub actor: Actor,
    /// The caller's name for the journal, such as `Okta`; no answer depends on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub idp: String,
    /// The client's address, if the edge knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The repairs that the request needed; the journal shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// The skipped parts of the request, in sentences for the journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The header `Idempotency-Key`, kept with the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The generation of the organisation's registered schemas under which a SCIM request was read; 0 before the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// The condition on the resource; nothing is done if it does not hold.
    #[serde(default, skip_serializing_if = "Precondition::is_empty")]
    pub precondition: Precondition,
    /// How the object writes the answer of a SCIM request, which the edge then passes on unread. Without it the object
    /// returns a [`super::reply::Reply`], as does an object that does not know this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render: Option<Rendering>,
    /// The place of the object: a part of its address, which does not travel.
    #[serde(skip)]
    pub home: Residency,
    /// The method of the SCIM request, for the journal; empty for the Console's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The path of the SCIM request, for the journal; empty for the Console's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The request.
    pub ask: A,
}

/// A call of which only the outside was read: enough to judge its token.
pub type CallEnvelope<'a> = Call<&'a RawValue>;

impl<'a> CallEnvelope<'a> {
    /// Reads the outside of a call.
    ///
    /// # Errors
    /// 503 for a call of a later build, or internal.
    pub fn read_envelope(text: &'a [u8]) -> Result<Self> {
        json::of_any_build(text)
    }

    /// Reads the request in a call.
    ///
    /// # Errors
    /// 503 for a call of a later build, or internal.
    pub fn open_request(self) -> Result<Call> {
        // Read only after the token was judged: an unknown caller's request costs no parsing.
        let ask = json::of_any_build(self.ask.get().as_bytes())?;
        Ok(Call {
            v: self.v,
            org: self.org,
            request: self.request,
            base: self.base,
            actor: self.actor,
            idp: self.idp,
            address: self.address,
            repairs: self.repairs,
            notes: self.notes,
            idempotency_key: self.idempotency_key,
            generation: self.generation,
            precondition: self.precondition,
            render: self.render,
            home: self.home,
            method: self.method,
            path: self.path,
            ask,
        })
    }
}

/// How the answer of a SCIM request is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendering {
    /// The kinds of resource of the endpoint.
    pub kinds: Kinds,
    /// The attributes that are shown.
    #[serde(default)]
    pub projection: Projection,
}

/// The caller. Only the edge can call an object, so the object trusts it about the root key; a token is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// The holder of `CONSOLE_KEY`.
    Root,
    /// The holder of a token, and the dialect in which its request was read.
    Token {
        /// Its SHA-256.
        hash: TokenHash,
        /// The dialect in KV's record; compared with the object's own row.
        dialect: crate::auth::Dialect,
    },
}

/// The kinds of call. A query has no variant that changes anything.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ask {
    /// A command from an identity provider.
    Scim(Command),
    /// A query of the Console.
    Read(Query),
    /// A change by the Console.
    Admin(Admin),
    /// A SCIM request that the Console previews. Its effects are not kept.
    Preview(Command),
}

impl Ask {
    /// Returns true if users or groups are read or changed, so that the call waits while an import replaces them.
    pub fn needs_directory(&self) -> bool {
        match self {
            Self::Scim(command) => command.needs_directory(),
            Self::Read(query) => query.needs_directory(),
            Self::Admin(admin) => admin.needs_directory(),
            Self::Preview(_) => true,
        }
    }

    /// Returns true for a call that continues in pieces of bounded size, which are not charged.
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Scim(_) | Self::Preview(_) => false,
            Self::Read(query) => query.is_stream(),
            Self::Admin(admin) => admin.is_stream(),
        }
    }
}

impl Call {
    /// Returns the lowest version that understands this call.
    pub fn lowest_version(&self) -> u8 {
        // An object of version 1 would drop the precondition unseen and overwrite what it was to protect.
        let outside = if self.generation == 0 && self.precondition.is_empty() { 1 } else { 2 };
        outside.max(match &self.ask {
            Ask::Scim(command) => command.lowest_version(),
            Ask::Preview(command) => command.lowest_version().max(2),
            Ask::Read(query) => query.lowest_version(),
            Ask::Admin(admin) => admin.lowest_version(),
        })
    }
}
