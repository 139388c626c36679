//! The values of registered extensions that were stored before their schema was registered, or under another spelling.

use super::Attributes;
use super::resource::{canonical_single, canonical_value, schemas_of, wrong_type};
use super::schema::{Attribute, ResourceType, Schema, Type};
use crate::error::{Code, Error};
use serde_json::Value;

/// Returns the attributes with the values of every registered extension in its schema's spelling: before the schema was
/// registered they were stored as sent. A value that does not fit the schema stays as it is.
#[must_use]
pub fn adopt_spelling(kind: &ResourceType, mut attributes: Attributes) -> Attributes {
    for schema in &kind.extensions {
        // The URN too may be stored in another case.
        let key = attributes.keys().find(|key| key.eq_ignore_ascii_case(&schema.id)).cloned();
        let Some(value) = key.and_then(|key| attributes.remove(&key)) else { continue };
        let value = match value {
            Value::Object(inner) => {
                inner.into_iter().map(|(key, value)| canonical_if_fitting(schema, key, value)).collect()
            }
            other => other,
        };
        attributes.insert(schema.id.to_string(), value);
    }
    attributes
}

/// Returns a stored document, or the attributes of one, as it is to be read: in the schemas' spelling where it may not be
/// stored so yet.
#[must_use]
pub fn read(kind: &ResourceType, mut document: Attributes) -> Attributes {
    if !kind.spelled_on_reading {
        return document;
    }
    // `schemas` may name the extension in its old spelling.
    let is_whole = document.remove("schemas").is_some();
    let mut document = adopt_spelling(kind, document);
    if is_whole {
        let schemas = schemas_of(kind, &document);
        document.insert("schemas".to_owned(), schemas);
    }
    document
}

fn canonical_if_fitting(schema: &Schema, key: String, value: Value) -> (String, Value) {
    match schema.attribute(&key) {
        None => (key, value),
        Some(attribute) => (attribute.name.to_string(), spell_value(attribute, value, attribute.multi)),
    }
}

/// Spells one value, or with `list` all values of an attribute. Where a part does not fit, the others are still spelled.
fn spell_value(attribute: &Attribute, value: Value, list: bool) -> Value {
    let mut unknown = Vec::new();
    let read = match list {
        true => canonical_value(attribute, value.clone(), "", &mut unknown),
        false => canonical_single(attribute, value.clone(), "", &mut unknown),
    };
    match (read, value) {
        // The whole value fits; where it does not, its parts are tried.
        (Ok(read), value) if unknown.is_empty() => read.unwrap_or(value),
        (_, Value::Array(items)) if list => items.into_iter().map(|item| spell_value(attribute, item, false)).collect(),
        (_, Value::Object(map)) if !list && attribute.kind == Type::Complex => {
            let part = |(key, value): (String, Value)| match attribute.sub(&key) {
                Some(sub) => (sub.name.to_string(), spell_value(sub, value, sub.multi)),
                None => (key, value),
            };
            Value::Object(map.into_iter().map(part).collect())
        }
        (_, value) => value,
    }
}

/// Returns what a request would be told of the first value of a registered extension that does not fit its schema.
#[must_use]
pub fn first_misfit(kind: &ResourceType, attributes: &Attributes) -> Option<Error> {
    kind.extensions.iter().find_map(|schema| match attributes.get(schema.id.as_ref())? {
        Value::Object(object) => object.iter().find_map(|(name, value)| misfit_in(schema, name, value)),
        other => Some(wrong_type(&schema.id, "an object", other)),
    })
}

fn misfit_in(schema: &Schema, name: &str, value: &Value) -> Option<Error> {
    let prefix = format!("{}:", schema.id);
    let mut unknown = Vec::new();
    match schema.attribute(name) {
        None => unknown.push(format!("{prefix}{name}")),
        Some(attribute) => {
            if let Err(error) = canonical_value(attribute, value.clone(), &prefix, &mut unknown) {
                return Some(error);
            }
        }
    }
    let name = unknown.first()?;
    Some(Error::new(Code::WrongType, format!("{name} is not in the registered schema")).with_names([name.as_str()]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scim::schema::Types;
    use crate::scim::schema::document::SchemaDocument;
    use serde_json::json;

    #[test]
    fn values_from_before_the_schema() {
        const URN: &str = "urn:acme:Badge";
        let subs = json!([{"name": "room"}]);
        let body = json!({"attributes": [
            {"name": "number"}, {"name": "tags", "multiValued": true},
            {"name": "desk", "type": "complex", "subAttributes": subs},
            {"name": "desks", "type": "complex", "multiValued": true, "subAttributes": subs},
        ]});
        let kind =
            Types::with_documents(1, vec![SchemaDocument::parse(URN, body.to_string().as_bytes()).unwrap()]).user;
        for (stored, expected) in [
            (
                json!({"URN:ACME:badge": {"NUMBER": "1", "Tags": "a", "other": 1}}),
                json!({URN: {"number": "1", "tags": "a", "other": 1}}),
            ),
            (
                json!({URN: {"DESK": {"ROOM": "r", "extra": 1}, "Desks": [{"ROOM": "r"}, {"ROOM": 5, "more": 2}, 7]}}),
                json!({URN: {"desk": {"room": "r", "extra": 1}, "desks": [{"room": "r"}, {"room": 5, "more": 2}, 7]}}),
            ),
            (json!({"urn:else": {"NUMBER": "1"}}), json!({"urn:else": {"NUMBER": "1"}})),
            (json!({"urn:ACME:badge": 5}), json!({URN: 5})),
        ] {
            assert_eq!(Value::Object(adopt_spelling(&kind, stored.as_object().unwrap().clone())), expected);
        }
    }
}
