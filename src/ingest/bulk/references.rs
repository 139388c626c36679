//! The places in the data of a Bulk operation where a reference to another one may stand (RFC 7644 section 3.7.2): the
//! attributes that refer to resources. A `userName` that reads `bulkId:x` is a name like any other.

use crate::scim::json::{Checked, JsonShape, PathStep};
use crate::scim::schema::{Attribute, ResourceType, Type};
use crate::scim::unregistered;
use std::borrow::Cow;
use std::collections::BTreeSet;

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
    /// The names of the attributes that refer to resources, in lower case.
    names: BTreeSet<String>,
    /// For a PATCH: the path of each operation, if it has one.
    paths: Option<Vec<Option<Cow<'a, str>>>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(kind: &'a ResourceType, data: Checked<'a>, patches: bool) -> Self {
        let extensions = kind.extensions.iter().flat_map(|schema| schema.attributes.iter());
        let all = kind.schema.attributes.iter().chain(extensions);
        let names =
            all.filter(|attribute| is_reference(attribute)).map(|attribute| attribute.name.to_ascii_lowercase());
        Self { kind, names: names.collect(), paths: patches.then(|| operation_paths(data)) }
    }

    /// Returns the meaning of the text at that place.
    pub(super) fn place_of(&self, steps: &[PathStep]) -> ReferencePlace {
        let Some(paths) = &self.paths else { return self.place_inside(steps) };
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
        let path = paths.get(number).and_then(Option::as_deref);
        let path_refers = path.is_some_and(|path| self.refers_by_path(path));
        match steps {
            [PathStep::Name(name)] if name.eq_ignore_ascii_case("path") && path_refers => ReferencePlace::Path,
            [PathStep::Name(name), ..] if name.eq_ignore_ascii_case("value") && path_refers => ReferencePlace::Value,
            [PathStep::Name(name), rest @ ..] if name.eq_ignore_ascii_case("value") => self.place_inside(rest),
            _ => ReferencePlace::None,
        }
    }

    fn place_inside(&self, steps: &[PathStep]) -> ReferencePlace {
        // The `id` in a body may be a reference to the operation that makes the resource.
        if matches!(steps, [PathStep::Name(name)] if name.eq_ignore_ascii_case("id")) {
            return ReferencePlace::Value;
        }
        // A reference may stand at any depth below such an attribute: `members[0].value` as well as `manager.value`.
        let refers = steps.iter().any(|step| match step {
            PathStep::Name(name) => name.eq_ignore_ascii_case("$ref") || self.refers_by_path(name),
            PathStep::Element(_) => false,
        });
        if refers { ReferencePlace::Value } else { ReferencePlace::None }
    }

    /// Returns true for the name or the path of an attribute that refers to resources; an unregistered one may.
    fn refers_by_path(&self, path: &str) -> bool {
        // `members[value eq "bulkId:x"]`: the filter is no part of the name.
        let head = path.split('[').next().unwrap_or_default();
        let attribute = head.rsplit(':').next().unwrap_or_default();
        let named =
            |part: &str| self.names.contains(&part.trim().to_ascii_lowercase()) || part.eq_ignore_ascii_case("$ref");
        attribute.split('.').any(named) || unregistered::is_unregistered(self.kind, path)
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
                json!({"userName": "no", "emails": [{"value": "no"}], ENTERPRISE: {"manager": {"value": "1", "$ref": "2"}, "department": "no"},
                       format!("{ENTERPRISE}:manager.value"): "3", "manager": "4", "urn:ab:x:1.0:User": {"a": "5"}}),
                false,
                vec!["1", "2", "3", "4", "5"],
            ),
            (
                group_type(),
                json!({"displayName": "no", "id": "0", "members": ["1", {"value": "2"}]}),
                false,
                vec!["0", "1", "2"],
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
