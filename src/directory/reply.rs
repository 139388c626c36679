//! The reply of the object to the edge.

use super::bulk::OperationResult;
use crate::error::Error;
use crate::id::{GroupId, Timestamp, Version};
use crate::scim::json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The reply of an object.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    /// [`super::call::VERSION`] of the object that made it.
    pub v: u8,
    /// The answer, or the refusal.
    pub outcome: Result<Answer, Error>,
}

/// The answers. Stored resources travel as their stored text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Answer {
    Created(Box<Stored>),
    Resource(Box<Stored>),
    List {
        total: i64,
        start_index: i64,
        resources: Vec<Stored>,
        /// The next cursor (RFC 9865), if the pages are chained by cursors; `None` on the last one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
        /// True if a user has more groups than a list shows.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        groups_left_out: bool,
    },
    /// The results of the operations that ran, in the order of the request.
    Bulk(Vec<OperationResult>),
    /// An empty answer: 204.
    Nothing,
    /// A discovery request is allowed.
    Allowed,
    /// A Console answer, as it is sent.
    Json(Box<RawValue>),
    /// The same for a created resource: 201.
    New(Box<RawValue>),
    /// The same with its entity tag; without a body if the client has it already: 304.
    Tagged {
        etag: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Box<RawValue>>,
    },
    /// Lines of a snapshot. `next` is the position of the next piece, `None` after the last one.
    Piece {
        lines: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// The answer that a SCIM request would get, its repairs, its notes, and the changes that it would add: an array of
    /// the first ones, and their number.
    Preview {
        outcome: Box<Result<Answer, Error>>,
        repairs: Vec<String>,
        notes: Vec<String>,
        changes: Box<RawValue>,
        count: i64,
        /// True if the edge must spell the stored resources as their schemas do.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        spelled_on_reading: bool,
    },
    /// The request was read under another generation of the registered schemas than this one: nothing was done, and the
    /// edge reads it once more under these documents, an array.
    Stale {
        generation: i64,
        schemas: Box<RawValue>,
    },
}

impl Answer {
    /// Returns a Console answer.
    ///
    /// # Errors
    /// Internal only.
    pub fn console_answer(answer: &impl Serialize) -> Result<Self, Error> {
        json::to_raw(answer).map(Self::Json)
    }
}

/// A resource as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stored {
    /// Its `id`.
    pub id: String,
    /// Canonical attributes with `schemas`, without `id`, `meta`, `members` and `groups`.
    pub doc: Box<RawValue>,
    /// The version, from 1.
    pub version: Version,
    /// The time of its creation.
    pub created: Timestamp,
    /// The time of its last change.
    pub modified: Timestamp,
    /// True for a group in an answer that mixes it with users.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group: bool,
    /// A user's groups, up to `rest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupRef>,
    /// A group's members' ids, up to `rest`; `None` if they are not wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// The groups or members that follow. They are read from the storage when they are written, so this never travels.
    #[serde(skip)]
    pub rest: Option<UnreadEntries>,
}

/// Groups of a user, or members of a group, that are too many to be held: those with a higher key than `after`. The
/// `id` is that of the user or group: once it is gone, another one may have its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum UnreadEntries {
    Members {
        group: i64,
        id: String,
        after: i64,
    },
    Groups {
        user: i64,
        id: String,
        after: i64,
        /// The part of the entity tag for all the groups ([`super::view::GroupsTag`]).
        tag: String,
    },
}

/// One of a user's groups (RFC 7643 section 4.1.2, `groups`).
#[derive(Debug, Serialize, Deserialize)]
pub struct GroupRef {
    /// Its `id`.
    pub id: GroupId,
    /// Its `displayName`.
    pub display: String,
}
