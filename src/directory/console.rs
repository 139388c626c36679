//! The answers of the Console's API, a type for each. Its description (`console/openapi.json`) is generated from these types,
//! so their comments are written for the readers of that API.

mod change;
mod connection;
mod import;
mod journal;
mod organisation;
mod preview;
mod problem;
mod resource;
mod schema;
mod token;

pub use change::{
    ChangeKind, ChangedType, Changes, FeedChange, GroupVersion, Membership, ResourceKind, SnapshotCounts, SnapshotLine,
    Tombstone,
};
pub use connection::{Connection, ConnectionState, ConnectionWarning, LastRefusal, LastRequest, NearMiss};
pub use import::{ImportPart, ImportState, ImportStatus};
pub use journal::{About, Day, EntryToken, JournalEntry, JournalOutcome, JournalPage, NestedIn};
pub use organisation::{Configured, Counts, Enabled, GuardStatus, Organisation, Organisations, SyncOptions};
pub use preview::{PreviewAnswer, PreviewedResponse};
pub use problem::{Always, Problem, Running};
pub use resource::{GroupAnswer, GroupMember, GroupMembers, Groups, UserAnswer, UserGroup, Users};
pub use schema::ExtensionSchemas;
pub use token::{ChildToken, EndedToken, MintedToken, RemainingTokens, ReplacedToken, TokenAnswer, Tokens};

use crate::id::Timestamp;
use serde::{Serialize, Serializer};

/// A time as RFC 3339 writes it, in UTC with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339())
    }
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

/// Always `true`: a member that is left out instead of being `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct True;

impl Serialize for True {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}
