//! Users and groups with their canonical attributes.

use super::{Time, True};
use crate::id::{GroupId, Version};
use serde::Serialize;
use serde_json::value::RawValue;

/// A page of users in the order of their ids.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Users<'a> {
    /// The users, without their groups.
    #[cfg_attr(native, schemars(with = "Vec<UserAnswer<'a>>"))]
    pub users: Vec<Box<RawValue>>,
    /// `after` of the next page; null on the last one.
    pub next: Option<&'a str>,
}

/// A page of groups in the order of their ids.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Groups<'a> {
    /// The groups, without their members.
    #[cfg_attr(native, schemars(with = "Vec<GroupAnswer<'a>>"))]
    pub groups: Vec<Box<RawValue>>,
    /// `after` of the next page; null on the last one.
    pub next: Option<&'a str>,
}

/// A user.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "User"))]
#[serde(rename_all = "camelCase")]
pub struct UserAnswer<'a> {
    /// The `id` that SCIM shows.
    #[cfg_attr(native, schemars(with = "crate::id::UserId"))]
    pub id: &'a str,
    /// How often it has changed, from 1.
    pub version: Version,
    /// It may sign in.
    pub active: bool,
    /// When it was made.
    pub created: Time,
    /// When it last changed.
    pub modified: Time,
    /// The attributes.
    #[cfg_attr(native, schemars(with = "super::super::described::UserAttributes"))]
    pub attributes: &'a RawValue,
    /// Its groups, the first 1,000; only where one user is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Vec<UserGroup<'a>>"))]
    pub groups: Option<Vec<UserGroup<'a>>>,
    /// It has more groups than are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "True"))]
    pub more_groups: Option<True>,
}

/// One of a user's groups.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserGroup<'a> {
    /// The group's `id`.
    pub id: &'a GroupId,
    /// The group's name.
    pub display_name: &'a str,
}

/// A group.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "Group"))]
pub struct GroupAnswer<'a> {
    /// The `id` that SCIM shows.
    #[cfg_attr(native, schemars(with = "GroupId"))]
    pub id: &'a str,
    /// How often it has changed, from 1.
    pub version: Version,
    /// When it was made.
    pub created: Time,
    /// When it last changed.
    pub modified: Time,
    /// The attributes, without `members`.
    #[cfg_attr(native, schemars(with = "super::super::described::GroupAttributes"))]
    pub attributes: &'a RawValue,
}

/// A page of a group's members.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct GroupMembers {
    /// The members.
    pub members: Vec<GroupMember>,
    /// `after` of the next page; null on the last one.
    pub next: Option<String>,
}

/// A member of a group.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GroupMember {
    /// The user's `id`.
    #[cfg_attr(native, schemars(with = "crate::id::UserId"))]
    pub id: String,
    /// The user's `userName`.
    pub user_name: String,
    /// The user may sign in.
    pub active: bool,
}
