//! The user or group that an entry is about: the names of a refused request, and what the directory knows of the resource beside them.

use super::sentence::without_tokens;
use crate::directory::scim::{Command, GroupOperation};
use crate::error::{Result, Subject, shortened};
use crate::fold::fold;
use crate::id::MemberId;
use crate::scim::patch::Operation;
use crate::store::{Sql, subject as store};
use serde_json::{Map, Value, json};

/// Returns the names that a command gives its resource.
pub(crate) fn subject_of(command: &Command) -> Subject {
    let mut found = Subject::default();
    match command {
        Command::CreateUser { user: resource }
        | Command::ReplaceUser { user: resource, .. }
        | Command::CreateGroup { group: resource, .. }
        | Command::ReplaceGroup { group: resource, .. } => note_attributes(&resource.attributes, &mut found),
        Command::PatchUser { operations, .. } => operations.iter().for_each(|one| note_operation(one, &mut found)),
        Command::PatchGroup { operations, .. } => operations.iter().for_each(|one| match one {
            GroupOperation::Attribute(one) => note_operation(one, &mut found),
            GroupOperation::AddMembers(_)
            | GroupOperation::RemoveMembers(_)
            | GroupOperation::ReplaceMembers(_)
            | GroupOperation::RemoveMatching(_)
            | GroupOperation::ReplaceMatching { .. } => {}
        }),
        Command::Refused { error, .. } => found = error.about.as_deref().cloned().unwrap_or_default(),
        Command::Discover
        | Command::GetUser { .. }
        | Command::DeleteUser { .. }
        | Command::ListUsers { .. }
        | Command::GetGroup { .. }
        | Command::DeleteGroup { .. }
        | Command::ListGroups { .. }
        | Command::Search { .. }
        | Command::Bulk(_) => {}
    }
    found
}

fn note_attributes(attributes: &Map<String, Value>, found: &mut Subject) {
    for name in ["userName", "displayName", "externalId"] {
        if let Some(text) = attributes.get(name).and_then(Value::as_str) {
            found.note(name, text);
        }
    }
}

fn note_operation(operation: &Operation, found: &mut Subject) {
    let target = &operation.path.target;
    if let (None, None, Some(text)) = (&target.urn, &target.sub, operation.value.as_str()) {
        found.note(&target.name, text);
    }
}

/// Returns a subject as the journal keeps it: with the id in the address, and without tokens.
pub(super) fn kept_subject(about: Option<&Subject>, resource: &str) -> Subject {
    let mut segments = resource.split('/').skip(1);
    let is_kind = |kind: &str| ["users", "groups"].iter().any(|known| known.eq_ignore_ascii_case(kind));
    let id = segments.next().filter(|kind| is_kind(kind)).and(segments.next()).and_then(MemberId::parse);
    let about = about.cloned().unwrap_or_default();
    Subject { id: id.map(|id| id.as_str().to_owned()), ..about }.map(without_tokens)
}

/// Adds what the directory knows of the resource with the subject's id, where the request itself does not say it.
pub(super) fn with_stored_names(sql: &dyn Sql, about: Subject) -> Result<Subject> {
    let stored = match &about.id {
        Some(id) => store::names_of(sql, id)?,
        None => None,
    };
    Ok(about.or(stored.unwrap_or_default()))
}

/// Returns the form in which a row holds a subject. A search compares in lower case, so a name whose folded form is
/// another one is stored folded too.
pub(super) fn stored_form(about: &Subject) -> Value {
    let mut form = json!(about);
    let folded = [("userNameKey", &about.user_name), ("displayNameKey", &about.display_name)];
    for (name, text) in folded {
        let key =
            text.as_deref().map(fold).filter(|key| text.as_ref().is_some_and(|text| *key != text.to_ascii_lowercase()));
        if let (Some(key), Some(form)) = (key.as_deref().and_then(shortened), form.as_object_mut()) {
            form.insert(name.to_owned(), key.into());
        }
    }
    form
}
