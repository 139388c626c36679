//! The Console's changes.

use super::options::Options;
use super::residency::Residency;
use crate::id::{Timestamp, TokenHash, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A change by the Console.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Admin {
    /// Registers the organisation in its object, or changes its settings. A field that is `None` stays.
    Configure {
        display_name: Option<String>,
        saml: Option<bool>,
        scim: Option<bool>,
        #[serde(default, skip_serializing_if = "Options::is_empty")]
        options: Options,
        /// The place of the object, to be shown; the registry has made sure that it is always the same.
        #[serde(default, skip_serializing_if = "Residency::is_empty")]
        residency: Residency,
    },
    /// Erases everything, some tokens with each call.
    Erase,
    /// Releases the guard for so many seconds.
    ReleaseGuard {
        seconds: i64,
    },
    MintToken {
        id: TokenId,
        hash: TokenHash,
        token: TokenSettings,
        /// The token whose successor it becomes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<TokenId>,
    },
    /// Returns the token's hash and its end. The object writes KV's record itself.
    RevokeToken {
        id: TokenId,
        /// True to revoke also the tokens that it minted, and those that they minted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        children: bool,
    },
    RotateToken(Rotation),
    /// Registers an extension schema, or replaces the one of that URN; canonical.
    PutSchema {
        document: Map<String, Value>,
    },
    DeleteSchema {
        urn: String,
    },
    /// Begins an import, or begins it anew.
    BeginImport,
    /// Some whole lines of a part: `line` is the number of the first, `last` says that the part ends with them.
    ImportLines {
        part: i64,
        line: i64,
        lines: String,
        last: bool,
    },
    FinishImport,
    EndImport,
}

impl Admin {
    /// Returns a change of nothing. It needs the right of every change, so the object judges a caller by it whose request
    /// cannot be read.
    pub fn nothing() -> Self {
        let (options, residency) = (Options::default(), Residency::default());
        Self::Configure { display_name: None, saml: None, scim: None, options, residency }
    }

    /// Returns who may make this call.
    pub fn needs(&self) -> Right {
        match self {
            // SCIM opens only after SAML is set up, and the operator of the service says when that is so.
            Self::Configure { saml: Some(_), .. } => Right::RootOnly("mark SAML as configured"),
            Self::Configure { residency, .. } if !residency.is_empty() => {
                Right::RootOnly("set where an organisation's data is")
            }
            // A quota protects the operator's storage, so an organisation does not raise its own.
            Self::Configure { options, .. } if options.quota.is_some() => Right::RootOnly("set a quota"),
            Self::Erase => Right::RootOnly("erase an organisation"),
            Self::Configure { .. }
            | Self::ReleaseGuard { .. }
            | Self::MintToken { .. }
            | Self::RevokeToken { .. }
            | Self::RotateToken(_)
            | Self::PutSchema { .. }
            | Self::DeleteSchema { .. }
            | Self::BeginImport
            | Self::ImportLines { .. }
            | Self::FinishImport
            | Self::EndImport => Right::AdminScope,
        }
    }

    /// Returns true if the call reads or changes users or groups, so that it waits while an import replaces them.
    pub fn needs_directory(&self) -> bool {
        match self {
            Self::Configure { .. }
            | Self::Erase
            | Self::ReleaseGuard { .. }
            | Self::MintToken { .. }
            | Self::RevokeToken { .. }
            | Self::RotateToken(_)
            | Self::PutSchema { .. }
            | Self::DeleteSchema { .. }
            // This is the import itself; its job changes the directory.
            | Self::BeginImport
            | Self::ImportLines { .. }
            | Self::FinishImport
            | Self::EndImport => false,
        }
    }

    /// Returns true if the call takes access away or stops a fault: it is never refused for using too much time.
    pub fn is_exempt_from_budget(&self) -> bool {
        match self {
            // An organisation that is over its budget is just the one in which these are needed at once.
            Self::Configure { .. } | Self::Erase | Self::ReleaseGuard { .. } | Self::RevokeToken { .. } => true,
            // This ends the old token; its successor was minted before.
            Self::RotateToken(rotation) => rotation.by.is_some(),
            Self::MintToken { .. }
            | Self::PutSchema { .. }
            | Self::DeleteSchema { .. }
            | Self::BeginImport
            | Self::ImportLines { .. }
            | Self::FinishImport
            | Self::EndImport => false,
        }
    }

    /// Returns true for a call that is one piece of many, which come one after the other and are not charged.
    pub fn is_stream(&self) -> bool {
        match self {
            // The edge cuts a part into calls, so the number of calls is not the caller's choice.
            Self::ImportLines { .. } => true,
            Self::Configure { .. }
            | Self::Erase
            | Self::ReleaseGuard { .. }
            | Self::MintToken { .. }
            | Self::RevokeToken { .. }
            | Self::RotateToken(_)
            | Self::PutSchema { .. }
            | Self::DeleteSchema { .. }
            | Self::BeginImport
            | Self::FinishImport
            | Self::EndImport => false,
        }
    }

    /// Returns the lowest version that understands this call.
    pub fn lowest_version(&self) -> u8 {
        match self {
            Admin::Configure { options, residency, .. } => {
                if options.quota.is_some() {
                    4
                } else if options.is_empty() && residency.is_empty() {
                    1
                } else {
                    2
                }
            }
            // An object that does not see what a token replaces refuses an admin token's successor.
            Admin::MintToken { token, .. } => {
                if token.address_ranges.is_empty() {
                    1
                } else {
                    2
                }
            }
            // Taking access away never waits for a deploy; but the children would be left out unseen.
            Admin::RevokeToken { children: false, .. } => 1,
            Admin::RevokeToken { children: true, .. } => 3,
            Admin::Erase
            | Admin::ReleaseGuard { .. }
            | Admin::RotateToken(_)
            | Admin::PutSchema { .. }
            | Admin::DeleteSchema { .. }
            | Admin::BeginImport
            | Admin::ImportLines { .. }
            | Admin::FinishImport
            | Admin::EndImport => 2,
        }
    }
}

/// The right to make a call that changes something. The holder of the root key may make each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// A Console token of scope `admin` is enough.
    AdminScope,
    /// Only the root key is enough. The text says what another token may not do.
    RootOnly(&'static str),
}

/// The settings of a token that an admin decides when minting it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenSettings {
    /// The name for people.
    pub name: String,
    /// The use of the token.
    pub kind: crate::auth::TokenKind,
    /// The dialect in which its requests are read.
    pub dialect: crate::auth::Dialect,
    /// The rights of a Console token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The end of the token, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The address ranges from which it may be used, [canonical](crate::auth::range::canonical_ranges); empty for any address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address_ranges: Vec<String>,
}

/// The default time that a rotated token still works, in seconds: a day.
pub const GRACE_DEFAULT: i64 = 24 * 3600;
/// The longest time that a rotated token still works, in seconds: 30 days.
pub const GRACE_MAX: i64 = 30 * GRACE_DEFAULT;

/// A token that is to have a successor. The first call has no `by`: its answer is the successor's [`TokenSettings`], or
/// why there can be none. The second call has `by`, the minted successor: the token ends after its grace, with the
/// answer of [`Admin::RevokeToken`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// The token.
    pub id: TokenId,
    /// The longest time that it still works.
    pub grace_seconds: i64,
    /// The end of the successor, if the request names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The successor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<TokenId>,
}

/// The rights of a Console token in its organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub enum Scope {
    /// Everything that does not need the root key.
    Admin,
    /// Reading.
    Read,
}
