//! The Console's queries. A query changes nothing, so any Console token may ask it.

use super::is_zero;
use crate::id::{GroupId, Seq, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// A query of the Console.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Query {
    Organisation,
    Tokens,
    Users(Page),
    User {
        id: UserId,
    },
    Groups(Page),
    Group {
        id: GroupId,
    },
    Members {
        id: GroupId,
        after: Option<String>,
        limit: i64,
    },
    Changes {
        after: Seq,
        limit: i64,
        /// The seconds to wait, if there is no change yet.
        #[serde(default, skip_serializing_if = "is_zero")]
        wait: i64,
    },
    Journal(Box<Journal>),
    /// The next piece of a snapshot.
    Snapshot {
        /// `next` of the piece before; `None` for the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<String>,
    },
    Schemas,
    Schema {
        urn: String,
    },
    /// The state of the import.
    Import,
}

impl Query {
    /// Returns the lowest version that understands this query.
    pub fn lowest_version(&self) -> u8 {
        match self {
            Query::Organisation
            | Query::Tokens
            | Query::User { .. }
            | Query::Group { .. }
            | Query::Members { .. }
            // An object that does not know the wait answers at once.
            | Query::Changes { .. } => 1,
            Query::Users(page) | Query::Groups(page) => {
                if page.filter.is_none() && page.linked.is_none() { 1 } else { 2 }
            }
            Query::Journal(journal) => {
                if journal.needs_version_8() { 8 } else { 2 }
            }
            Query::Snapshot { .. } | Query::Schemas | Query::Schema { .. } | Query::Import => 2,
        }
    }

    /// Returns true for a query that is one piece of many, which come one after the other and are not charged.
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Snapshot { .. } | Self::Changes { .. } => true,
            Self::Organisation
            | Self::Tokens
            | Self::Users(_)
            | Self::User { .. }
            | Self::Groups(_)
            | Self::Group { .. }
            | Self::Members { .. }
            | Self::Journal(_)
            | Self::Schemas
            | Self::Schema { .. }
            | Self::Import => false,
        }
    }

    /// Returns true if the query reads users or groups, so that it waits while an import replaces them.
    pub fn needs_directory(&self) -> bool {
        match self {
            Self::Organisation
            | Self::Tokens
            | Self::Journal(_)
            | Self::Schemas
            | Self::Schema { .. }
            | Self::Import => false,
            Self::Users(_)
            | Self::User { .. }
            | Self::Groups(_)
            | Self::Group { .. }
            | Self::Members { .. }
            | Self::Changes { .. }
            | Self::Snapshot { .. } => true,
        }
    }
}

/// One of the Console's pages of users or groups, in the order of their ids.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The id after which the page begins.
    pub after: Option<String>,
    /// The largest size of the page.
    pub limit: i64,
    /// The filter, in SCIM's grammar; the object looks the attributes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// True for those with an `externalId` only, false for those without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<bool>,
}

/// The parameters of a page of the journal; `None` for no restriction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Journal {
    /// `applied`, `refused` or `ignored`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Only refusals of nested groups.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nested: bool,
    /// `User`, `Group`, or an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The earliest time at which an entry was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The time before which an entry was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// A token's public id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The position of a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// The id of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// A provider's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idp: Option<String>,
    /// The status that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i64>,
    /// The code of a refusal or warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The place where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The largest size of the page.
    pub limit: i64,
}

impl Journal {
    /// Returns true if an entry must fit something that an object of version 7 does not look at.
    pub fn needs_version_8(&self) -> bool {
        self.seq.is_some()
            || self.request_id.is_some()
            || self.idp.is_some()
            || self.status.is_some()
            || self.code.is_some()
    }
}
