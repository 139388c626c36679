//! One resource as text. Its document goes out as it is stored; it is parsed only if a part of it must be hidden, or
//! may be stored in another spelling. Its
//! groups or members are written one after the other.

use super::body::{BodyWriter, EntryShape, escape_json};
use crate::directory::reply::Stored;
use crate::directory::view;
use crate::error::Result;
use crate::scim::projection::Projection;
use crate::scim::schema::{Kinds, ResourceType};
use crate::scim::{extension, json};
use serde_json::{Map, Value, json};

/// The sub-attributes of a member and of a user's group, in the order of their names.
const OF_MEMBERS: [&str; 3] = ["$ref", "type", "value"];
const OF_GROUPS: [&str; 4] = ["$ref", "display", "type", "value"];

/// Writes a resource of that kind.
///
/// # Errors
/// Internal, if a stored document is invalid.
pub(super) fn write_resource(
    body: &mut BodyWriter,
    stored: Stored,
    (kinds, kind): (Kinds, &ResourceType),
    base: &str,
    projection: &Projection,
) -> Result<()> {
    if kind.spelled_on_reading || !projection.is_whole(kind) {
        return write_part(body, stored, (kinds, kind), base, projection);
    }
    body.push_text(&format!("{{\"id\":\"{}\",", escape_json(&stored.id)));
    // The stored document is canonical JSON already: it is neither parsed nor written again.
    body.push_text(between_braces(stored.doc.get()));
    body.push_text(",");
    let meta = meta_text(&stored, kinds, base);
    if let Some(list) = HeldList::list_of(&stored) {
        body.push_text(&format!("\"{}\":", list.name()));
        let names = list.sub_attributes().iter().map(|name| (*name).to_owned()).collect();
        list.write_entries(body, stored, names, base);
        body.push_text(",");
    }
    body.push_text(&format!("\"meta\":{meta}}}"));
    Ok(())
}

/// Writes the parts of a resource that the request names. All groups or members have the same sub-attributes, so one
/// example tells which are written.
fn write_part(
    body: &mut BodyWriter,
    stored: Stored,
    (kinds, kind): (Kinds, &ResourceType),
    base: &str,
    projection: &Projection,
) -> Result<()> {
    let mut map = extension::read(kind, json::read_own(stored.doc.get())?);
    map.insert("id".to_owned(), Value::from(stored.id.as_str()));
    map.insert("meta".to_owned(), json::read_own(&meta_text(&stored, kinds, base))?);
    let list = HeldList::list_of(&stored);
    if let Some(list) = &list {
        // The projection is decided once on an example, not for each of 100,000 members.
        let one: Map<String, Value> =
            list.sub_attributes().iter().map(|name| ((*name).to_owned(), Value::from("a"))).collect();
        map.insert(list.name().to_owned(), json!([one]));
    }
    // `schemas` and `id` are always returned (RFC 7643 section 7), which the projection knows.
    projection.remove_hidden(kind, &mut map);
    let (mut list, mut stored) = (list, Some(stored));
    body.push_text("{");
    for (at, (name, value)) in map.iter().enumerate() {
        body.push_text(&format!("{}{}:", if at > 0 { "," } else { "" }, Value::from(name.as_str())));
        // The members of the object are in the order of their names, so the list is written in its turn.
        match (list.take_if(|list| list.name() == name), value.pointer("/0").and_then(Value::as_object)) {
            (Some(list), one) => {
                let names = one.into_iter().flat_map(Map::keys).cloned().collect();
                if let Some(stored) = stored.take() {
                    list.write_entries(body, stored, names, base);
                }
            }
            (None, _) => body.push_text(&value.to_string()),
        }
    }
    body.push_text("}");
    Ok(())
}

/// The attribute whose values are not in the document.
enum HeldList {
    Members,
    Groups,
}

impl HeldList {
    /// Returns the list of the resource; `None` if it shows none.
    fn list_of(stored: &Stored) -> Option<Self> {
        if stored.members.as_ref().is_some_and(|members| !members.is_empty()) {
            return Some(Self::Members);
        }
        (!stored.groups.is_empty()).then_some(Self::Groups)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Groups => "groups",
        }
    }

    fn sub_attributes(&self) -> &'static [&'static str] {
        match self {
            Self::Members => &OF_MEMBERS,
            Self::Groups => &OF_GROUPS,
        }
    }

    fn write_entries(self, body: &mut BodyWriter, stored: Stored, names: Vec<String>, base: &str) {
        let shape = EntryShape { names, base: escape_json(base) };
        match self {
            Self::Members => body.push_members(&stored.members.unwrap_or_default(), stored.rest, shape),
            Self::Groups => body.push_groups(&stored.groups, stored.rest, shape),
        }
    }
}

/// Writes `meta` (RFC 7643 section 3.1).
fn meta_text(stored: &Stored, kinds: Kinds, base: &str) -> String {
    format!(
        r#"{{"created":"{}","lastModified":"{}","location":"{}","resourceType":"{}","version":"{}"}}"#,
        stored.created.rfc3339(),
        stored.modified.rfc3339(),
        escape_json(&view::location_of(&stored.id, kinds, base)),
        kinds.name(),
        escape_json(&view::etag(stored))
    )
}

/// Returns the text between the braces of an object that is not empty.
fn between_braces(object: &str) -> &str {
    object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default()
}
