//! The places in the data of a Bulk operation where a reference to another one may stand (RFC 7644 section 3.7.2): the
//! attributes that refer to resources. A `userName` that reads `bulkId:x` is a name like any other.

use crate::dialect::{self, Repairs};
use crate::scim::json::{Checked, JsonShape, PathStep};
use crate::scim::schema::{Attribute, ResourceType, Schema, Type};
use crate::scim::{unregistered, urn};
use std::borrow::Cow;

/// The meaning of a text, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReferencePlace {
    /// Not a reference.
    None,
    /// A reference, if it has the form of one.
    Value,
    /// A path; a reference may stand in its filter.
    Path,
}

/// The places in the data of one operation.
pub(super) struct Places<'a> {
    kind: &'a ResourceType,
    /// For a PATCH: the place that each operation names, which is the resource without a path.
    patches: Option<Vec<Spot<'a>>>,
}

/// The part of a resource in which a text stands.
#[derive(Clone, Copy)]
enum Spot<'a> {
    Resource,
    Schema(&'a Schema),
    /// An attribute, and its sub-attribute if that is named.
    Attribute(&'a Attribute, Option<&'a Attribute>),
    /// No schema knows it.
    Unknown,
}

impl<'a> Places<'a> {
    pub(super) fn new(kind: &'a ResourceType, data: Checked<'a>, patches: bool) -> Self {
        let spot = |path: Option<Cow<'_, str>>| path.map_or(Spot::Resource, |path| Spot::named(kind, &path));
        Self { kind, patches: patches.then(|| operation_paths(data).into_iter().map(spot).collect()) }
    }

    /// Returns the meaning of the text at that place.
    pub(super) fn place_of(&self, steps: &[PathStep]) -> ReferencePlace {
        let Some(patches) = &self.patches else { return self.place_inside(Spot::Resource, steps) };
        // The text stands in the list of operations, which may be the whole body, in one in place of a list, or in one
        // that is the body.
        let (number, steps) = match steps {
            [PathStep::Element(number), rest @ ..] => (*number, rest),
            [PathStep::Name(name), PathStep::Element(number), rest @ ..] if name.eq_ignore_ascii_case("Operations") => {
                (*number, rest)
            }
            [PathStep::Name(name), rest @ ..] if name.eq_ignore_ascii_case("Operations") => (0, rest),
            rest => (0, rest),
        };
        let spot = patches.get(number).copied().unwrap_or(Spot::Unknown);
        match (steps, spot) {
            ([PathStep::Name(name)], Spot::Attribute(attribute, _))
                if name.eq_ignore_ascii_case("path") && is_reference(attribute) =>
            {
                ReferencePlace::Path
            }
            ([PathStep::Name(name), rest @ ..], _) if name.eq_ignore_ascii_case("value") => {
                self.place_inside(spot, rest)
            }
            _ => ReferencePlace::None,
        }
    }

    fn place_inside(&self, spot: Spot<'a>, steps: &[PathStep]) -> ReferencePlace {
        // The `id` in a body may be a reference to the operation that makes the resource.
        if matches!((spot, steps), (Spot::Resource, [PathStep::Name(name)]) if name.eq_ignore_ascii_case("id")) {
            return ReferencePlace::Value;
        }
        let names = steps.iter().filter_map(|step| match step {
            PathStep::Name(name) => Some(name.as_str()),
            PathStep::Element(_) => None,
        });
        let refers = match names.fold(spot, |spot, name| spot.below(self.kind, name)) {
            Spot::Attribute(attribute, None) => is_reference(attribute),
            Spot::Attribute(attribute, Some(sub)) => {
                is_reference(sub) || is_reference(attribute) && ["value", "$ref"].contains(&sub.name.as_ref())
            }
            Spot::Resource | Spot::Schema(_) | Spot::Unknown => false,
        };
        if refers { ReferencePlace::Value } else { ReferencePlace::None }
    }
}

impl<'a> Spot<'a> {
    /// Returns the part of a resource that a path, or a key of a body, names. Nothing is parsed: a body may name very many.
    fn named(kind: &'a ResourceType, path: &str) -> Self {
        let path = path.trim();
        let path: Cow<'_, str> = match path.contains(':') {
            true => dialect::urn_alias(path.to_owned(), &mut Repairs::default()).into(),
            false => path.into(),
        };
        if let Some((urn, inside)) = unregistered::in_registered(kind, &path) {
            let Some(schema) = kind.extension(urn) else { return Self::Unknown };
            return if inside.is_empty() { Self::Schema(schema) } else { Self::Schema(schema).below(kind, inside) };
        }
        let inside = match urn::rest_after(&path, &kind.schema.id) {
            Some("") => return Self::Resource,
            Some(inside) => inside.get(1..).unwrap_or_default(),
            None => &path,
        };
        let of_extension = |name: &str| kind.extensions.iter().find_map(|schema| schema.attribute(name));
        Self::attribute(inside, |name| kind.attribute(name).or_else(|| of_extension(name)))
    }

    /// Returns the attribute that a path without a URN names, and its sub-attribute, which may stand behind a filter.
    fn attribute(path: &str, find: impl Fn(&str) -> Option<&'a Attribute>) -> Self {
        let (head, behind) = match path.split_once('[') {
            Some((head, filtered)) => (head, filtered.rsplit_once(']').map_or("", |(_, behind)| behind)),
            None => (path, ""),
        };
        let mut names = head.split('.').chain(behind.split('.').skip(1));
        let found = names.next().and_then(|name| find(name.trim()));
        match (found, names.next()) {
            (None, _) => Self::Unknown,
            (Some(attribute), None) => Self::Attribute(attribute, None),
            (Some(attribute), Some(name)) => {
                attribute.sub(name.trim()).map_or(Self::Unknown, |sub| Self::Attribute(attribute, Some(sub)))
            }
        }
    }

    /// Returns the part that a key names in the object here.
    fn below(self, kind: &'a ResourceType, name: &str) -> Self {
        match self {
            Self::Resource => Self::named(kind, name),
            Self::Schema(schema) => Self::attribute(name, |name| schema.attribute(name)),
            // A repair reads a list under its own name.
            Self::Attribute(attribute, None) if attribute.name.eq_ignore_ascii_case(name) => self,
            Self::Attribute(attribute, None) => {
                attribute.sub(name).map_or(Self::Unknown, |sub| Self::Attribute(attribute, Some(sub)))
            }
            Self::Attribute(..) | Self::Unknown => self,
        }
    }
}

/// Returns true for an attribute whose values are resources: it has a `$ref`, or is the address of one.
fn is_reference(attribute: &Attribute) -> bool {
    let to_resources = attribute.references.iter().any(|to| !["external", "uri"].contains(&to.as_ref()));
    attribute.sub("$ref").is_some() || attribute.kind == Type::Reference && to_resources
}

fn operation_paths(data: Checked<'_>) -> Vec<Option<Cow<'_, str>>> {
    let path = |operation: Checked<'_>| {
        operation.object().and_then(|operation| operation.get("path")?.text().map(|path| Cow::Owned(path.into_owned())))
    };
    if let Some(operations) = data.elements() {
        return operations.into_iter().map(path).collect();
    }
    let operations = data.object().and_then(|body| body.get("Operations"));
    match operations {
        Some(list) if list.shape() == JsonShape::Array => {
            list.elements().unwrap_or_default().into_iter().map(path).collect()
        }
        Some(one) => vec![path(one)],
        None => vec![path(data)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::tables::{group_type, user_type};
    use serde_json::{Value, json};

    /// Returns the texts of the places that are not [`ReferencePlace::None`].
    fn found(kind: &ResourceType, data: &Value, patches: bool) -> Vec<String> {
        let text = data.to_string();
        let places = Places::new(kind, Checked::new(&text), patches);
        let mut found = Vec::new();
        let mut look = |steps: &[PathStep], text: &str| {
            if places.place_of(steps) != ReferencePlace::None {
                found.push(text.to_owned());
            }
            None
        };
        crate::scim::json::rewrite_texts(Checked::new(&text), &mut look).unwrap_or_default();
        found.sort();
        found
    }

    #[test]
    fn places() {
        const ENTERPRISE: &str = crate::scim::schema::ENTERPRISE;
        for (kind, data, patches, expected) in [
            (
                user_type(),
                json!({"userName": "no", "emails": [{"value": "no"}], ENTERPRISE: {"manager": {"value": "1", "$REF": "2", "displayName": "no"}, "department": "no"},
                       format!("{ENTERPRISE}:manager.value"): "3", "manager": "4",
                       "urn:ab:x:1.0:User": {"a": "no", "manager": {"value": "no", "$ref": "no"}}, "urn:ab:x:1.0:User:manager": "no",
                       "name": {"manager": "no"}, "title": {"$ref": "no"}}),
                false,
                vec!["1", "2", "3", "4"],
            ),
            (
                group_type(),
                json!({"displayName": "no", "id": "0", "members": ["1", {"value": "2", "display": "no", "type": "no"}, {"members": ["3"]}]}),
                false,
                vec!["0", "1", "2", "3"],
            ),
            (
                group_type(),
                json!({"Operations": [
                    {"op": "add", "path": "members", "value": [{"value": "1"}, "2"]},
                    {"op": "replace", "path": "displayName", "value": "no"},
                    {"value": {"displayName": "no", "members": [{"$ref": "3"}]}, "op": "add"},
                    {"op": "remove", "path": "members[value eq \"x\"]"},
                ]}),
                true,
                vec!["1", "2", "3", "members", "members[value eq \"x\"]"],
            ),
            (
                user_type(),
                json!({"operations": {"value": {"value": "1"}, "path": format!("{ENTERPRISE}.manager"), "op": "add"}}),
                true,
                vec!["1", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager"],
            ),
            (user_type(), json!({"op": "add", "path": "userName", "value": "no"}), true, vec![]),
            (
                user_type(),
                json!({"Operations": [
                    {"op": "add", "path": "urn:ab:x:1.0:User:manager", "value": {"value": "no"}},
                    {"op": "add", "path": "manager.value", "value": "1"},
                    {"op": "add", "path": ENTERPRISE, "value": {"manager.value": "2", "manager": "3", "department": "no"}},
                    {"op": "add", "path": format!("{ENTERPRISE}:manager.displayName"), "value": "no"},
                    {"op": "add", "path": "urn:scim:schemas:extension:enterprise:1.0:manager", "value": {"value": "4"}},
                    {"op": "add", "value": {"urn:ietf:params:scim:schemas:core:2.0:User": {"userName": "no", "manager": "5"}}},
                ]}),
                true,
                vec![
                    "1",
                    "2",
                    "3",
                    "4",
                    "5",
                    "manager.value",
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
                    "urn:scim:schemas:extension:enterprise:1.0:manager",
                ],
            ),
            (
                group_type(),
                json!([{"path": "displayName", "value": "no"}, {"value": ["1"], "path": "members"}]),
                true,
                vec!["1", "members"],
            ),
        ] {
            assert_eq!(found(&kind, &data, patches), expected, "{data}");
        }
    }
}
