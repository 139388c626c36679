//! What the Console reads. A query changes nothing, so any Console token may ask it.

use super::call::is_zero;
use crate::id::{GroupId, Seq, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What the Console reads.
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
        /// For so many seconds, if there is no change yet.
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
    /// Where the import stands.
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
            // A wait that is not seen is an answer at once.
            | Query::Changes { .. } => 1,
            Query::Users(page) | Query::Groups(page) => {
                if page.filter.is_none() && page.linked.is_none() { 1 } else { 2 }
            }
            Query::Journal(_) | Query::Snapshot { .. } | Query::Schemas | Query::Schema { .. } | Query::Import => 2,
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
    /// Only what comes after this id.
    pub after: Option<String>,
    /// How many at most.
    pub limit: i64,
    /// Which, in SCIM's grammar; the object looks the attributes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Only those with an `externalId`, or only those without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<bool>,
}

/// Which entries of the journal are read; what is `None` is not asked for.
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
    /// Last seen at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Last seen before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// A token's public id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at most.
    pub limit: i64,
}
