//! Method and address of a request, as the journal shows them.

use crate::directory::call::Call;
use crate::directory::scim::Command;
use crate::id::OrgId;

/// The method of the changes of a Bulk request.
pub(crate) const BULK: &str = "BULK";

/// Returns an address without the organisation's base URL in front of it.
pub(crate) fn below_base(path: &str, org: &OrgId) -> String {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let base: [&[&str]; 3] = [&[org.as_str(), "scim", "v2"], &["scim", org.as_str()], &["scim", "v2"]];
    if let Some(base) = base.iter().find(|base| segments.starts_with(base)) {
        segments.drain(..base.len());
    }
    format!("/{}", segments.join("/"))
}

/// Returns method and resource of the command of a call.
pub(super) fn call_target<'a>(command: &'a Command, call: &Call) -> (&'a str, String) {
    match command {
        // A query of the base URL is the same command.
        Command::Search { .. } if call.method == "GET" => ("GET", "/".to_owned()),
        _ => command_target(command, &call.org),
    }
}

/// Returns method and resource of a command, as the journal shows them.
pub(crate) fn command_target<'a>(command: &'a Command, org: &OrgId) -> (&'a str, String) {
    let user = |id: &dyn std::fmt::Display| format!("/Users/{id}");
    let group = |id: &dyn std::fmt::Display| format!("/Groups/{id}");
    match command {
        Command::Refused { method, resource, .. } => (method, below_base(resource, org)),
        Command::Bulk(_) => ("POST", "/Bulk".to_owned()),
        Command::Discover => ("GET", "/".to_owned()),
        Command::CreateUser { .. } => ("POST", "/Users".to_owned()),
        Command::ReplaceUser { id, .. } => ("PUT", user(id)),
        Command::PatchUser { id, .. } => ("PATCH", user(id)),
        Command::GetUser { id } => ("GET", user(id)),
        Command::DeleteUser { id } => ("DELETE", user(id)),
        Command::ListUsers { .. } => ("GET", "/Users".to_owned()),
        Command::CreateGroup { .. } => ("POST", "/Groups".to_owned()),
        Command::ReplaceGroup { id, .. } => ("PUT", group(id)),
        Command::PatchGroup { id, .. } => ("PATCH", group(id)),
        Command::GetGroup { id, .. } => ("GET", group(id)),
        Command::DeleteGroup { id } => ("DELETE", group(id)),
        Command::ListGroups { .. } => ("GET", "/Groups".to_owned()),
        Command::Search { .. } => ("POST", "/.search".to_owned()),
    }
}
