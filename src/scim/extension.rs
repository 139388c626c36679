//! The values of registered extensions that were stored before their schema was registered, or under another spelling.

use super::resource::canonical;
use super::schema::{ResourceType, Schema};
use serde_json::{Map, Value};

type Attributes = Map<String, Value>;

/// Returns the attributes with the values of every registered extension in its schema's spelling: before the schema was
/// registered they were stored as sent. A value that does not fit the schema stays as it is.
#[must_use]
pub fn adopted(kind: &ResourceType, mut attributes: Attributes) -> Attributes {
    for schema in &kind.extensions {
        let key = attributes.keys().find(|key| key.eq_ignore_ascii_case(&schema.id)).cloned();
        let Some(value) = key.and_then(|key| attributes.remove(&key)) else { continue };
        let value = match value {
            Value::Object(inner) => inner.into_iter().map(|(key, value)| fit(schema, key, value)).collect(),
            other => other,
        };
        attributes.insert(schema.id.to_string(), value);
    }
    attributes
}

fn fit(schema: &Schema, key: String, value: Value) -> (String, Value) {
    match schema.attribute(&key) {
        None => (key, value),
        Some(attribute) => {
            let read = canonical(attribute, value.clone(), "", &mut Vec::new());
            (attribute.name.to_string(), read.ok().flatten().unwrap_or(value))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scim::schema::Types;
    use crate::scim::schema::document::Document;
    use serde_json::json;

    #[test]
    fn values_from_before_the_schema() {
        const URN: &str = "urn:acme:Badge";
        let body = json!({"attributes": [{"name": "number"}, {"name": "tags", "multiValued": true}]});
        let kind = Types::with(1, vec![Document::parse(URN, body.to_string().as_bytes()).unwrap()]).user;
        for (stored, expected) in [
            (
                json!({"URN:ACME:badge": {"NUMBER": "1", "Tags": "a", "other": 1}}),
                json!({URN: {"number": "1", "tags": "a", "other": 1}}),
            ),
            (json!({"urn:else": {"NUMBER": "1"}}), json!({"urn:else": {"NUMBER": "1"}})),
            (json!({"urn:ACME:badge": 5}), json!({URN: 5})),
        ] {
            assert_eq!(Value::Object(adopted(&kind, stored.as_object().unwrap().clone())), expected);
        }
    }
}
