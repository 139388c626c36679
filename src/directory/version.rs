//! The lowest version of an object that understands a call. Every match names all variants: a new one has to say since which
//! version it is there, and [`VERSION`](super::command::VERSION) rises with it.
//!
//! 1. Users and groups, read and changed one at a time; organisations and their tokens.
//! 2. Conditions, sorting and cursors, Bulk, previews, registered schemas, the journal, snapshots and imports, and what else
//!    an object of version 1 would take for something else, or not see.
//! 3. A token revoked together with what it minted.
//! 4. A quota, which an object of version 3 would leave out unseen.
//! 5. Operations on extensions that nobody registered; filters on the elements of plain lists.

use super::command::{Admin, Ask, Call, Command, GroupOperation, List, Query};
use crate::scim::filter::Filter;
use crate::scim::patch::Operation;
use crate::scim::unregistered::Unresolved;

impl Call {
    /// Returns the lowest version that understands this call.
    pub fn lowest_version(&self) -> u8 {
        let outside = if self.generation == 0 && self.precondition.is_empty() { 1 } else { 2 };
        outside.max(match &self.ask {
            Ask::Scim(command) => scim(command),
            Ask::Preview(command) => scim(command).max(2),
            Ask::Read(query) => read(query),
            Ask::Admin(admin) => administer(admin),
        })
    }
}

fn scim(command: &Command) -> u8 {
    match command {
        Command::Discover
        | Command::GetUser { .. }
        | Command::DeleteUser { .. }
        | Command::GetGroup { .. }
        | Command::DeleteGroup { .. }
        | Command::Refused { .. } => 1,
        Command::CreateUser { user: resource }
        | Command::ReplaceUser { user: resource, .. }
        | Command::CreateGroup { group: resource, .. }
        | Command::ReplaceGroup { group: resource, .. } => unresolved(&resource.unresolved),
        Command::PatchUser { operations, unresolved: rest, id: _ } => {
            operations.iter().map(operation).max().unwrap_or(1).max(unresolved(rest))
        }
        Command::ListUsers { list } | Command::ListGroups { list, members: _ } => page(list),
        Command::PatchGroup { operations, unresolved: rest, .. } => {
            operations.iter().map(step).max().unwrap_or(1).max(unresolved(rest))
        }
        Command::Search { users, groups, members: _ } => page(users).max(page(groups)).max(2),
        // Its commands are text already; in a value the quotes would be escaped.
        Command::Bulk(bulk) => {
            let is_new = |text: &str| text.contains("\"unresolved\":[") || text.contains(":{\"name\":\"\"}");
            if bulk.operations.iter().any(|one| is_new(one.command.as_str())) { 5 } else { 2 }
        }
    }
}

fn page(list: &List) -> u8 {
    let filter = list.filter.as_ref().map_or(1, filter);
    filter.max(if list.sort.is_none() && list.cursor.is_none() { 1 } else { 2 })
}

fn unresolved(operations: &[Unresolved]) -> u8 {
    if operations.is_empty() { 1 } else { 5 }
}

fn operation(operation: &Operation) -> u8 {
    operation.path.filter.as_ref().map_or(1, filter)
}

/// An object of before finds no element by itself, and would answer as if there were none.
fn filter(of: &Filter) -> u8 {
    match of {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().map(filter).max().unwrap_or(1),
        Filter::Not(inner) => filter(inner),
        Filter::Has { filter: inner, .. } => filter(inner),
        Filter::Present(target) | Filter::Compare { target, .. } => {
            if target.is_element() {
                5
            } else {
                1
            }
        }
    }
}

fn step(step: &GroupOperation) -> u8 {
    match step {
        GroupOperation::Attribute(one) => operation(one),
        GroupOperation::AddMembers(_) | GroupOperation::RemoveMembers(_) | GroupOperation::ReplaceMembers(_) => 1,
        GroupOperation::RemoveMatching(_) | GroupOperation::ReplaceMatching { .. } => 2,
    }
}

fn read(query: &Query) -> u8 {
    match query {
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

fn administer(admin: &Admin) -> u8 {
    match admin {
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
        // What takes access away is never held up by a deploy; but the children would be left out unseen.
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
