//! The protocol between the edge and the registry, the object that knows which organisations exist.

use super::residency::Residency;
use crate::error::Result;
use crate::id::OrgId;
use crate::scim::json;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A call of the registry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum RegistryCall {
    /// Registers an organisation; a registered one stays as it is.
    Put {
        org: OrgId,
        display_name: Option<String>,
        #[serde(default, skip_serializing_if = "Residency::is_empty")]
        residency: Residency,
    },
    /// Gives a registered organisation another display name; does nothing for any other.
    Rename {
        org: OrgId,
        display_name: String,
    },
    Get {
        org: OrgId,
    },
    /// Marks a registered organisation as one that is being erased.
    Erase {
        org: OrgId,
    },
    /// Forgets an organisation that is being erased.
    Forget {
        org: OrgId,
    },
    /// Lists the first organisations, up to one more than [`PAGE`].
    List,
    /// Lists the organisations after a name, at most so many.
    Page {
        after: OrgId,
        limit: i64,
    },
}

/// The newest version of the registry's messages. A call says the lowest that understands it, and is answered in the same.
///
/// 1. A call or reply by itself, as every build wrote it that knew no versions.
/// 2. In a [`RegistryMessage`]: the page after a name.
pub const REGISTRY_VERSION: u8 = 2;

/// A message of the registry with its version, from version 2 on.
#[derive(Debug, Serialize, Deserialize)]
pub struct RegistryMessage<T> {
    /// The lowest version that understands it.
    pub v: u8,
    /// The call or the reply.
    pub message: T,
}

/// The message as it is sent: version 1 is the message by itself.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum RegistryForm<'a, T> {
    /// Version 1.
    Plain(&'a T),
    /// Any later one.
    Versioned(RegistryMessage<&'a T>),
}

impl<'a, T> RegistryForm<'a, T> {
    /// Returns the form of a message of version `v`.
    pub fn with_version(v: u8, message: &'a T) -> Self {
        if v == 1 { Self::Plain(message) } else { Self::Versioned(RegistryMessage { v, message }) }
    }
}

/// Reads a message of any build, and its version.
///
/// # Errors
/// 503 for one of a build to come, or internal.
pub fn read_message<T: DeserializeOwned>(bytes: &[u8]) -> Result<(u8, T)> {
    // The version is read before the message, whose form a later build may have changed.
    match json::read::<RegistryMessage<&RawValue>>(bytes) {
        Ok(RegistryMessage { v, .. }) if v > REGISTRY_VERSION => Err(json::being_deployed()),
        Ok(RegistryMessage { v, message }) => Ok((v, json::of_any_build(message.get().as_bytes())?)),
        // No version around it: a build from before versions sent it.
        Err(_) => Ok((1, json::of_any_build(bytes)?)),
    }
}

impl RegistryCall {
    /// Returns the lowest version that understands this call.
    pub fn lowest_version(&self) -> u8 {
        match self {
            Self::Put { .. }
            | Self::Rename { .. }
            | Self::Get { .. }
            | Self::Erase { .. }
            | Self::Forget { .. }
            | Self::List => 1,
            Self::Page { .. } => 2,
        }
    }
}

/// An organisation in the list of all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "OrganisationEntry"))]
#[serde(rename_all = "camelCase")]
pub struct RegistryEntry {
    /// The name in every address.
    pub id: OrgId,
    /// The name for people.
    pub display_name: String,
    /// When it was registered.
    #[cfg_attr(native, schemars(with = "super::console::Time"))]
    pub created: String,
    /// The jurisdiction that it was registered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "String"))]
    pub jurisdiction: Option<String>,
    /// The location hint that it was registered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "String"))]
    pub location_hint: Option<String>,
    /// Its erasure has begun and must be repeated until it answers 204.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(native, schemars(with = "super::console::True"))]
    pub erasing: bool,
}

impl RegistryEntry {
    /// Returns the place of its object.
    pub fn residency(self) -> Residency {
        Residency { jurisdiction: self.jurisdiction, location_hint: self.location_hint }
    }
}

/// The answer of the registry.
pub type RegistryReply = Result<Vec<RegistryEntry>>;

/// The most organisations of a page: 5,000 with the longest names are shown in less than 8 MiB.
pub const PAGE: i64 = 5_000;

/// Returns the call for a page of organisations: one more than `limit`, which tells whether there are more.
pub fn page_call(after: Option<OrgId>, limit: i64) -> RegistryCall {
    match after {
        // The first page has a call that every build understands.
        None => RegistryCall::List,
        Some(after) => RegistryCall::Page { after, limit: limit + 1 },
    }
}
