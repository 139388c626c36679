//! The commands of identity providers: one for each request of RFC 7644.

use super::bulk::{Bulk, CommandText};
use crate::error::{Code, Error, Result};
use crate::id::{GroupId, MemberId, UserId};
use crate::scim::echo::Echo;
use crate::scim::filter::Filter;
use crate::scim::json;
use crate::scim::patch::Operation;
use crate::scim::resource::Resource;
use crate::scim::sort::Sort;
use crate::scim::unregistered::Unresolved;
use serde::{Deserialize, Serialize};

/// A SCIM request, canonical.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "RFC 7644 section 3 describes them")]
pub enum Command {
    /// Discovery with a token: only checks whether the token is valid.
    Discover,
    CreateUser {
        user: Resource,
    },
    ReplaceUser {
        id: UserId,
        user: Resource,
        /// True to drop a `name.formatted` that repeats the old parts beside new ones.
        #[serde(default)]
        mend_formatted: bool,
        /// True if `null` for a multi-valued attribute keeps it.
        #[serde(default)]
        null_keeps: bool,
    },
    PatchUser {
        id: UserId,
        operations: Vec<Operation>,
        /// Operations on unregistered extensions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unresolved: Vec<Unresolved>,
    },
    GetUser {
        id: UserId,
    },
    DeleteUser {
        id: UserId,
    },
    ListUsers {
        list: ListQuery,
    },
    CreateGroup {
        group: Resource,
        members: Vec<MemberId>,
    },
    ReplaceGroup {
        id: GroupId,
        group: Resource,
        /// The members; `None` if the request does not mention them, so they are kept.
        members: Option<Vec<MemberId>>,
    },
    PatchGroup {
        id: GroupId,
        operations: Vec<GroupOperation>,
        /// How the group is answered; `None` without a body.
        answer: Option<Members>,
        /// Operations on unregistered extensions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unresolved: Vec<Unresolved>,
    },
    GetGroup {
        id: GroupId,
        members: Members,
    },
    DeleteGroup {
        id: GroupId,
    },
    ListGroups {
        list: ListQuery,
        members: Members,
    },
    /// `POST /.search` at the root: users, then groups.
    Search {
        users: Box<ListQuery>,
        groups: Box<ListQuery>,
        members: Members,
    },
    Bulk(Bulk),
    /// A refusal of the edge; the object checks the token, writes the refusal down and returns it.
    Refused {
        error: Error,
        method: String,
        resource: String,
    },
}

impl Command {
    /// Returns the lowest version that understands this command.
    pub fn lowest_version(&self) -> u8 {
        match self {
            Command::Discover
            | Command::GetUser { .. }
            | Command::DeleteUser { .. }
            | Command::GetGroup { .. }
            | Command::DeleteGroup { .. } => 1,
            Command::Refused { error, .. } => {
                if error.code == Code::WrongAddress {
                    7
                } else {
                    1
                }
            }
            Command::CreateUser { user: resource }
            | Command::ReplaceUser { user: resource, .. }
            | Command::CreateGroup { group: resource, .. }
            | Command::ReplaceGroup { group: resource, .. } => {
                version_of_unresolved(&resource.unresolved).max(version_of_echoes(&resource.echoes))
            }
            // One operation that an older object cannot read decides for the whole command.
            Command::PatchUser { operations, unresolved: rest, id: _ } => {
                operations.iter().map(version_of_operation).max().unwrap_or(1).max(version_of_unresolved(rest))
            }
            Command::ListUsers { list } | Command::ListGroups { list, members: _ } => version_of_page(list),
            Command::PatchGroup { operations, unresolved: rest, .. } => {
                operations.iter().map(version_of_step).max().unwrap_or(1).max(version_of_unresolved(rest))
            }
            Command::Search { users, groups, members: _ } => version_of_page(users).max(version_of_page(groups)).max(2),
            // Its commands are text already; in a value the quotes would be escaped.
            Command::Bulk(bulk) => {
                let version = |text: &str| match text {
                    text if text.contains("{\"refusal\":{") => 6,
                    text if text.contains("\"unresolved\":[") || text.contains(":{\"name\":\"\"}") => 5,
                    _ => 2,
                };
                bulk.operations.iter().map(|one| version(one.command.as_str())).max().unwrap_or(2)
            }
        }
    }

    /// Returns this command as the text that an operation of a Bulk request carries.
    ///
    /// # Errors
    /// Internal only.
    pub fn to_text(&self) -> Result<CommandText> {
        json::to_raw(self).map(CommandText::new)
    }

    /// Returns true if the command reads or changes users or groups, so that it waits while an import replaces them.
    pub fn needs_directory(&self) -> bool {
        match self {
            Self::Discover | Self::Refused { .. } => false,
            Self::CreateUser { .. }
            | Self::ReplaceUser { .. }
            | Self::PatchUser { .. }
            | Self::GetUser { .. }
            | Self::DeleteUser { .. }
            | Self::ListUsers { .. }
            | Self::CreateGroup { .. }
            | Self::ReplaceGroup { .. }
            | Self::PatchGroup { .. }
            | Self::GetGroup { .. }
            | Self::DeleteGroup { .. }
            | Self::ListGroups { .. }
            | Self::Search { .. }
            | Self::Bulk(_) => true,
        }
    }
}

/// Whether a group is read with its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Members {
    Shown,
    Hidden,
}

/// A page of a list (RFC 7644 section 3.4.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    /// The filter; `None` for all resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// The index of the first resource, from 1.
    pub start_index: i64,
    /// The largest size of the page.
    pub count: i64,
    /// The order; by `id` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// The cursor that was sent (RFC 9865), empty for the first page. Without one the page is found by its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One step of a group's PATCH: members are rows, never a part of the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum GroupOperation {
    Attribute(Box<Operation>),
    AddMembers(Vec<MemberId>),
    RemoveMembers(Vec<MemberId>),
    ReplaceMembers(Vec<MemberId>),
    /// Removes the members that a filter finds which does not name them.
    RemoveMatching(Filter),
    /// Replaces the members that a filter finds; refused if it finds none.
    ReplaceMatching {
        filter: Filter,
        members: Vec<MemberId>,
    },
}

fn version_of_page(list: &ListQuery) -> u8 {
    let filter = list.filter.as_ref().map_or(1, version_of_filter);
    filter.max(if list.sort.is_none() && list.cursor.is_none() { 1 } else { 2 })
}

fn version_of_unresolved(operations: &[Unresolved]) -> u8 {
    if operations.is_empty() { 1 } else { 5 }
}

fn version_of_operation(operation: &Operation) -> u8 {
    operation.path.filter.as_ref().map_or(1, version_of_filter).max(version_of_echoes(&operation.echoes))
}

/// Returns 6 for a value that is refused unless it is stored. An earlier object reads every other value as it did.
fn version_of_echoes(echoes: &[Echo]) -> u8 {
    if echoes.iter().any(Echo::is_refusal) { 6 } else { 1 }
}

/// Returns the version that a filter needs. An older object finds no element by itself, and would answer as if there
/// were none.
fn version_of_filter(of: &Filter) -> u8 {
    match of {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().map(version_of_filter).max().unwrap_or(1),
        Filter::Not(inner) => version_of_filter(inner),
        Filter::Has { filter: inner, .. } => version_of_filter(inner),
        Filter::Present(target) | Filter::Compare { target, .. } => {
            if target.is_element() {
                5
            } else {
                1
            }
        }
    }
}

fn version_of_step(step: &GroupOperation) -> u8 {
    match step {
        GroupOperation::Attribute(one) => version_of_operation(one),
        GroupOperation::AddMembers(_) | GroupOperation::RemoveMembers(_) | GroupOperation::ReplaceMembers(_) => 1,
        GroupOperation::RemoveMatching(_) | GroupOperation::ReplaceMatching { .. } => 2,
    }
}
