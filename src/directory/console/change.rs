//! Changes of the feed and lines of a snapshot. Documents in them are spliced in as they are stored.

use super::{GroupAnswer, Time, UserAnswer};
use crate::error::{Error, Result};
use crate::id::{Seq, Version};
use serde::Serialize;
use serde_json::value::RawValue;

/// A page of changes.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Changes<'a> {
    /// The changes in their order.
    #[cfg_attr(native, schemars(with = "Vec<FeedChange<'a>>"))]
    pub changes: &'a RawValue,
    /// `after` of the next page: the position of the last change shown.
    pub next: Seq,
}

/// The effect of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum ChangeKind {
    Created,
    Updated,
    Deactivated,
    Reactivated,
    Deleted,
    Members,
    Imported,
}

impl ChangeKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Updated,
        Self::Deactivated,
        Self::Reactivated,
        Self::Deleted,
        Self::Members,
        Self::Imported,
    ];

    /// Returns its name, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deactivated => "deactivated",
            Self::Reactivated => "reactivated",
            Self::Deleted => "deleted",
            Self::Members => "members",
            Self::Imported => "imported",
        }
    }
}

/// The type of the changed resource.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub enum ChangedType {
    /// A user.
    User,
    /// A group.
    Group,
    /// All of the directory.
    Organisation,
}

/// The type of a deleted resource.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub enum ResourceKind {
    /// A user.
    User,
    /// A group.
    Group,
}

/// A change. `kind` says which members it has.
#[derive(Debug, Serialize)]
#[cfg_attr(
    native,
    derive(schemars::JsonSchema),
    schemars(rename = "Change", transform = super::super::described::by_kind)
)]
#[serde(rename_all = "camelCase")]
pub struct FeedChange<'a> {
    /// The position in the organisation's one sequence, from 1.
    pub seq: Seq,
    /// The time of the change.
    pub at: Time,
    /// The effect of the change.
    pub kind: &'a str,
    /// The type of the changed resource.
    #[cfg_attr(native, schemars(with = "ChangedType"))]
    pub resource_type: &'a str,
    /// The `id` of the user or group; of an import the organisation's name.
    #[cfg_attr(native, schemars(with = "crate::id::UserId"))]
    pub id: &'a str,
    /// The user or group as it is now, SCIM's attributes with `schemas`; null if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Option<super::super::described::ChangedResource>"))]
    pub resource: Option<Option<&'a RawValue>>,
    /// True if the user may sign in now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "bool"))]
    pub active: Option<bool>,
    /// The version of now; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Version"))]
    pub version: Option<Version>,
    /// The time of its creation; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Time"))]
    pub created: Option<Time>,
    /// The time of its last change; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Time"))]
    pub modified: Option<Time>,
    /// The groups that the user left with this change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Vec<crate::id::GroupId>"))]
    pub groups: Option<&'a RawValue>,
    /// The versions of now of those groups that are still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Vec<GroupVersion>"))]
    pub group_versions: Option<Vec<GroupVersion>>,
    /// The number of memberships that went with it, of which later changes tell or none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "i64"))]
    pub memberships: Option<i64>,
    /// The users who became members.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Vec<crate::id::UserId>"))]
    pub added: Option<&'a RawValue>,
    /// The users who are no longer members.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Vec<crate::id::UserId>"))]
    pub removed: Option<&'a RawValue>,
}

/// The version of a group.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct GroupVersion {
    /// The group's `id`.
    #[cfg_attr(native, schemars(with = "crate::id::GroupId"))]
    pub id: String,
    /// The number of its changes.
    pub version: Version,
    /// The time of its last change.
    pub modified: Time,
}

/// A line of a snapshot, and of an import.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SnapshotLine<'a> {
    /// The first line: the position of the last change before.
    From(Seq),
    /// A user.
    User(UserAnswer<'a>),
    /// A group.
    Group(GroupAnswer<'a>),
    /// Members of a group.
    Members(Membership<'a>),
    /// An id that was deleted.
    Tombstone(Tombstone<'a>),
    /// A change made since the first line.
    #[cfg_attr(native, schemars(with = "FeedChange<'a>"))]
    Change(&'a RawValue),
    /// The last line.
    #[serde(untagged)]
    End {
        /// The position of the directory that the lines describe.
        at: Seq,
        /// The totals of the directory there.
        counts: SnapshotCounts,
        /// The number of lines before this one.
        lines: i64,
    },
}

impl SnapshotLine<'_> {
    /// Returns its text, without the line's end.
    ///
    /// # Errors
    /// Internal only.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// Some members of a group.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Membership<'a> {
    /// The group's `id`.
    #[cfg_attr(native, schemars(with = "crate::id::GroupId"))]
    pub id: &'a str,
    /// The users' ids.
    #[cfg_attr(native, schemars(with = "Vec<crate::id::UserId>"))]
    pub users: &'a RawValue,
}

/// An id that no new user or group gets.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Tombstone<'a> {
    /// The `id`.
    #[cfg_attr(native, schemars(with = "crate::id::UserId"))]
    pub id: &'a str,
    /// The type of the resource that had it.
    #[cfg_attr(native, schemars(with = "ResourceKind"))]
    pub resource_type: &'a str,
}

/// The totals of a snapshot.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SnapshotCounts {
    /// Users, inactive ones included.
    pub users: i64,
    /// Active users.
    pub active_users: i64,
    /// Groups.
    pub groups: i64,
    /// Memberships of users in groups.
    pub memberships: i64,
    /// Deleted ids.
    pub tombstones: i64,
}
