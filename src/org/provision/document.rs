//! The stored document of a user or a group: read as attributes, and written from them with the columns beside it.

use crate::directory::reply::Stored;
use crate::error::Result;
use crate::fold::fold;
use crate::id::Timestamp;
use crate::scim::resource::schemas_of;
use crate::scim::schema::ResourceType;
use crate::scim::{Attributes, extension, json};
use crate::store::folded::folded;
use crate::store::groups::{self, Group};
use crate::store::users::{self, User};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Returns the attributes of a stored document, without `schemas`, which follows from them.
///
/// # Errors
/// Internal only.
pub(crate) fn parse_attributes(doc: &str) -> Result<Attributes> {
    let mut map: Attributes = json::read_own(doc)?;
    map.remove("schemas");
    Ok(map)
}

/// Returns the same, those of registered extensions in their schemas' spelling.
///
/// # Errors
/// Internal only.
pub(crate) fn stored_attributes(kind: &ResourceType, doc: &str) -> Result<Attributes> {
    Ok(extension::adopt_spelling(kind, parse_attributes(doc)?))
}

/// Returns the same as text, in the spelling in which it is to be read.
///
/// # Errors
/// Internal only.
pub(crate) fn shown_attributes(kind: &ResourceType, doc: &str) -> Result<Box<RawValue>> {
    if kind.spelled_on_reading {
        return json::to_raw(&stored_attributes(kind, doc)?);
    }
    // The text of each attribute passes through as it is stored: it is neither parsed nor written anew.
    let mut attributes: BTreeMap<String, &RawValue> = json::read_own(doc)?;
    attributes.remove("schemas");
    json::to_raw(&attributes)
}

/// Returns the columns and the canonical document of a user. Without a value for `active` the user keeps its own,
/// `active`.
pub(crate) fn user_content(kind: &ResourceType, attributes: &Attributes, active: bool) -> users::UserContent {
    let user_name = text(attributes, "userName").unwrap_or_default().to_owned();
    // The first work address has an indexed column. A second one is only marked: a filter by the address then looks at
    // all users so marked.
    let mut work_mails = attributes.get("emails").and_then(Value::as_array).into_iter().flatten().filter_map(|mail| {
        let work = mail.get("type").and_then(Value::as_str).is_some_and(|kind| fold(kind) == "work");
        mail.get("value").and_then(Value::as_str).filter(|_| work).map(fold)
    });
    let (doc, folded) = canonical_document(kind, attributes);
    users::UserContent {
        user_name_key: fold(&user_name),
        user_name,
        external_id: text(attributes, "externalId").map(str::to_owned),
        mail_key: work_mails.next(),
        more_mail: work_mails.next().is_some(),
        active: attributes.get("active").and_then(Value::as_bool).unwrap_or(active),
        folded,
        doc,
    }
}

/// Returns the columns and the canonical document of a group.
pub(crate) fn group_content(kind: &ResourceType, attributes: &Attributes) -> groups::GroupContent {
    let display_name = text(attributes, "displayName").unwrap_or_default().to_owned();
    let (doc, folded) = canonical_document(kind, attributes);
    groups::GroupContent {
        display_name_key: fold(&display_name),
        display_name,
        external_id: text(attributes, "externalId").map(str::to_owned),
        folded,
        doc,
    }
}

/// Returns a user as it travels, without its groups.
///
/// # Errors
/// Internal only.
pub(crate) fn user_to_stored(user: User) -> Result<Stored> {
    bare_stored(user.id.to_string(), user.content.doc, user.version, user.created, user.modified)
}

/// Returns a group as it travels, without its members.
///
/// # Errors
/// Internal only.
pub(crate) fn group_to_stored(group: Group) -> Result<Stored> {
    bare_stored(group.id.to_string(), group.content.doc, group.version, group.created, group.modified)
}

fn bare_stored(id: String, doc: String, version: i64, created: Timestamp, modified: Timestamp) -> Result<Stored> {
    let doc = json::raw_of_text(doc)?;
    Ok(Stored { id, doc, version, created, modified, group: false, groups: Vec::new(), members: None, rest: None })
}

/// Returns the document with `schemas`, and its folded text if that differs.
fn canonical_document(kind: &ResourceType, attributes: &Attributes) -> (String, Option<String>) {
    let mut doc = attributes.clone();
    doc.insert("schemas".to_owned(), schemas_of(kind, attributes));
    let folded = folded(&doc);
    (Value::Object(doc).to_string(), folded)
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(Value::as_str)
}

/// Drops a `name.formatted` that repeats the earlier name: the new parts count. `earlier` are the name as it is stored
/// and as it was before the last change, so that the same request finds nothing to do.
pub(super) fn drop_stale_formatted(earlier: &[Option<&Value>], new: &mut Attributes) -> bool {
    let part = |name: &Value, key: &str| name.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let parts = |name: &Value| (part(name, "givenName"), part(name, "familyName"));
    let Some(name) = new.get_mut("name") else { return false };
    let formatted = part(name, "formatted");
    // Stale means: it spells the earlier name, while the parts of this request differ from that name.
    let stale = earlier.iter().flatten().any(|before| {
        let (given, family) = parts(before);
        let spelled = formatted == part(before, "formatted") || formatted == format!("{given} {family}");
        // A blank does not spell an empty name.
        spelled && !formatted.trim().is_empty() && parts(name) != (given, family)
    });
    if stale && let Some(name) = name.as_object_mut() {
        name.remove("formatted");
        return true;
    }
    false
}
