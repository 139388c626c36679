//! `If-Match` and `If-None-Match` (RFC 9110 section 13.1, RFC 7644 section 3.14), checked in the transaction of the
//! change that relies on them: no other change comes between, so no update is lost.

use crate::directory::precondition::Precondition;
use crate::directory::scim::Command;
use crate::error::{Code, Error, Result};
use crate::fold::fold;
use crate::scim::resource::Resource;
use crate::store::{Sql, groups, users};
use serde_json::Value;

/// Returns 412 unless the condition holds. For a resource that does not exist the command decides: its 404 comes first
/// (RFC 9110 section 13.2.1).
pub(crate) fn check_precondition(sql: &dyn Sql, command: &Command, wanted: &Precondition) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let (kind, id, version) = match command {
        Command::CreateUser { user } => return only_create("user", existing_user(sql, user)?),
        Command::CreateGroup { group, .. } => return only_create("group", existing_group(sql, group)?),
        Command::GetUser { id }
        | Command::ReplaceUser { id, .. }
        | Command::PatchUser { id, .. }
        | Command::DeleteUser { id } => ("user", id.as_str(), users::by_id(sql, id)?.map(|user| user.version)),
        Command::GetGroup { id, .. }
        | Command::ReplaceGroup { id, .. }
        | Command::PatchGroup { id, .. }
        | Command::DeleteGroup { id } => ("group", id.as_str(), groups::by_id(sql, id)?.map(|group| group.version)),
        _ => return Ok(()),
    };
    let Some(version) = version else { return Ok(()) };
    let failed = |what: &str| {
        let detail = format!(
            "The {kind} {id} is at version {version}, {what}. Nothing was changed. Read it again and decide anew."
        );
        Err(Error::new(Code::VersionMismatch, detail).with_names([id]))
    };
    // RFC 9110 section 13.2.2: If-Match is evaluated before If-None-Match.
    if wanted.if_match.as_ref().is_some_and(|tags| !tags.fits_version(version)) {
        return failed("which the request's If-Match (in Bulk: version) does not list");
    }
    if wanted.if_none_match.as_ref().is_some_and(|tags| tags.fits_version(version)) {
        return failed("which the request's If-None-Match excludes");
    }
    Ok(())
}

/// Refuses `If-None-Match: *` on a POST of an existing resource: no user is revived, and the refusal tells an existing
/// resource from a conflict.
fn only_create(kind: &str, existing: Option<(&str, String)>) -> Result<()> {
    let Some((attribute, id)) = existing else { return Ok(()) };
    let detail = format!(
        "A {kind} with this {attribute} exists already, {id}, and If-None-Match: * asks to create only. Nothing was \
         changed."
    );
    Err(Error::new(Code::AlreadyExists, detail).with_names([id]))
}

fn existing_user(sql: &dyn Sql, user: &Resource) -> Result<Option<(&'static str, String)>> {
    if let Some(found) = users::by_user_name(sql, &fold(text_attribute(user, "userName")))? {
        return Ok(Some(("userName", found.id.to_string())));
    }
    Ok(users::by_external_id(sql, text_attribute(user, "externalId"))?
        .map(|found| ("externalId", found.id.to_string())))
}

fn existing_group(sql: &dyn Sql, group: &Resource) -> Result<Option<(&'static str, String)>> {
    if let Some(found) = groups::by_display_name(sql, &fold(text_attribute(group, "displayName")))? {
        return Ok(Some(("displayName", found.id.to_string())));
    }
    Ok(groups::by_external_id(sql, text_attribute(group, "externalId"))?
        .map(|found| ("externalId", found.id.to_string())))
}

/// Returns an attribute; empty where it is absent, which no stored resource has.
fn text_attribute<'a>(resource: &'a Resource, name: &str) -> &'a str {
    resource.attributes.get(name).and_then(Value::as_str).unwrap_or_default()
}
