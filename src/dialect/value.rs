//! Repairs of values, led by the attribute's definition.

use super::Repairs;
use crate::scim::resource::is_label;
use crate::scim::schema::{Attribute, ENTERPRISE, ResourceType, Type};
use serde_json::{Map, Value, json};

/// URNs that stand for the Enterprise User extension in older templates and samples.
const ENTERPRISE_ALIASES: [&str; 4] = [
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
    "urn:scim:schemas:extension:enterprise:2.0",
    "urn:scim:schemas:extension:enterprise:1.0",
];

/// Mends the body of a POST or PUT.
pub fn body(kind: &ResourceType, body: Map<String, Value>, repairs: &mut Repairs) -> Map<String, Value> {
    let mut mended = Map::new();
    for (key, value) in body {
        let key = urn_alias(key, repairs);
        let value = match (kind.attribute(&key), kind.extension(&key), value) {
            (Some(attribute), _, value) => repaired(attribute, value, repairs),
            (None, Some(schema), Value::Object(inner)) => Value::Object(
                inner
                    .into_iter()
                    .map(|(key, value)| match schema.attribute(&key) {
                        Some(attribute) => (key, repaired(attribute, value, repairs)),
                        None => (key, value),
                    })
                    .collect(),
            ),
            (None, _, value) => value,
        };
        mended.insert(key, value);
    }
    mended
}

/// Mends one value of an attribute.
pub fn repaired(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    if attribute.multi {
        let items = match array(attribute, value, repairs) {
            Value::Array(items) => items,
            other => return other,
        };
        return items.into_iter().filter_map(|item| listed(attribute, item, repairs)).collect();
    }
    repaired_one(attribute, value, repairs)
}

/// Mends a single value, or one element of a multi-valued attribute that a PATCH path points at.
pub fn repaired_one(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    element(attribute, single_for_array(value, repairs), repairs)
}

/// `emails: {...}` (OneLogin) and `emails: "a@b"` are lists of one.
fn array(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    match value {
        Value::Null | Value::Array(_) => value,
        Value::String(text) if text.is_empty() => Value::Null,
        // `"[]"` as text, and `{}`, are old Azure AD's way of saying nothing.
        Value::String(text) if text == "[]" => json!([]),
        Value::Object(map) if map.is_empty() => json!([]),
        Value::Object(mut map) if map.len() == 1 && map.contains_key(attribute.name.as_ref()) => {
            repairs.note("nested_list");
            map.remove(attribute.name.as_ref()).unwrap_or(Value::Null)
        }
        one => {
            repairs.note("object_for_array");
            json!([one])
        }
    }
}

/// `[{"$ref": null, "value": "x"}]` for a single value (Entra's older library; manager in its documentation).
fn single_for_array(value: Value, repairs: &mut Repairs) -> Value {
    match value {
        Value::Array(mut items) if items.len() <= 1 => {
            repairs.note("array_for_object");
            items.pop().unwrap_or(Value::Null)
        }
        other => other,
    }
}

fn element(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    match (attribute.kind, value) {
        (Type::Complex, Value::Object(map)) => {
            let inner = map.into_iter().map(|(key, value)| match attribute.sub(&key) {
                Some(sub) => (key, repaired(sub, value, repairs)),
                None => (key, value),
            });
            Value::Object(inner.collect())
        }
        (Type::Complex, Value::String(text)) if attribute.sub("value").is_some() => string_for_object(text, repairs),
        (Type::Boolean, Value::String(text)) => string_boolean(text, repairs),
        // `"profileUrl": " "` (Saviynt) is no address. Blank text elsewhere is text: authentik's users have such names.
        (Type::Reference, Value::String(text)) if !text.is_empty() && text.trim().is_empty() => {
            repairs.note("blank_reference");
            Value::Null
        }
        (Type::String | Type::Reference, value @ (Value::Number(_) | Value::Bool(_))) => {
            repairs.note("number_for_string");
            Value::String(value.to_string())
        }
        // `[{"value": "x"}]` unwrapped above leaves the object around a plain text.
        (Type::String | Type::Reference | Type::Boolean, Value::Object(mut map)) if map.contains_key("value") => {
            repairs.note("object_for_string");
            element(attribute, map.remove("value").unwrap_or(Value::Null), repairs)
        }
        (_, value) => value,
    }
}

/// `{"type": "work", "value": ""}` stands for "no such address" (Okta, Entra).
fn listed(attribute: &Attribute, item: Value, repairs: &mut Repairs) -> Option<Value> {
    let item = element(attribute, item, repairs);
    let empty = is_label(attribute, &item);
    if empty {
        repairs.note("empty_element");
    }
    (!empty).then_some(item)
}

/// `"manager": "271"` (Entra), `emails: ["a@b"]` (WSO2).
fn string_for_object(text: String, repairs: &mut Repairs) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    repairs.note("string_for_object");
    json!({ "value": text })
}

/// `"active": "False"` (Entra's default mode), `"primary": "True"`.
fn string_boolean(text: String, repairs: &mut Repairs) -> Value {
    let value = match text.trim() {
        yes if yes.eq_ignore_ascii_case("true") => Value::Bool(true),
        no if no.eq_ignore_ascii_case("false") => Value::Bool(false),
        _ => return Value::String(text),
    };
    repairs.note("string_booleans");
    value
}

/// A path, or a key that is one, behind such a URN: `urn:...:enterprise:2.0:department` (HelloID).
pub fn path(text: &str, repairs: &mut Repairs) -> Option<String> {
    let after =
        |urn: &str| text.get(..urn.len()).filter(|head| head.eq_ignore_ascii_case(urn)).and(text.get(urn.len()..));
    // The URN itself begins with one of its aliases.
    if after(ENTERPRISE).is_some() {
        return None;
    }
    let rest = ENTERPRISE_ALIASES.iter().filter_map(|alias| after(alias));
    let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with([':', '.'])).min_by_key(|rest| rest.len())?;
    repairs.note("urn_aliases");
    Some(format!("{ENTERPRISE}{rest}"))
}

fn urn_alias(key: String, repairs: &mut Repairs) -> String {
    if ENTERPRISE_ALIASES.iter().any(|alias| alias.eq_ignore_ascii_case(&key)) {
        repairs.note("urn_aliases");
        return ENTERPRISE.to_owned();
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::tables::{group_type, user_type};

    #[test]
    fn bodies() {
        for (sent, meant, needed) in [
            (json!({"active": "False"}), json!({"active": false}), "string_booleans"),
            (
                json!({"emails": {"value": "a@b", "primary": "True"}}),
                json!({"emails": [{"value": "a@b", "primary": true}]}),
                "object_for_array string_booleans",
            ),
            (json!({"phoneNumbers": [{"type": "", "value": ""}]}), json!({"phoneNumbers": []}), "empty_element"),
            (
                json!({"emails": ["a@b", {"value": "c@d"}]}),
                json!({"emails": [{"value": "a@b"}, {"value": "c@d"}]}),
                "string_for_object",
            ),
            (
                json!({ENTERPRISE: {"manager": "271"}}),
                json!({ENTERPRISE: {"manager": {"value": "271"}}}),
                "string_for_object",
            ),
            (
                json!({"urn:scim:schemas:extension:enterprise:2.0": {"department": 7}}),
                json!({ENTERPRISE: {"department": "7"}}),
                "number_for_string urn_aliases",
            ),
            (
                json!({"displayName": [{"$ref": null, "value": "x"}]}),
                json!({"displayName": "x"}),
                "array_for_object object_for_string",
            ),
            (json!({"profileUrl": " ", "title": " "}), json!({"profileUrl": null, "title": " "}), "blank_reference"),
        ] {
            let mut repairs = Repairs::default();
            let map = |value: Value| if let Value::Object(map) = value { map } else { Map::new() };
            let mended = body(&user_type(), map(sent), &mut repairs);
            assert_eq!((Value::Object(mended.clone()), repairs.names().join(" ")), (meant, needed.to_owned()));
            let mut again = Repairs::default();
            assert_eq!(body(&user_type(), mended.clone(), &mut again), mended, "mending twice");
            assert_eq!(again.names(), Vec::<String>::new(), "a canonical body needs nothing");
        }
    }

    #[test]
    fn paths() {
        for (sent, meant) in [
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:department", "department"),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0User:manager.value", "manager.value"),
            ("URN:scim:schemas:extension:enterprise:1.0:manager[value eq \"x\"]", "manager[value eq \"x\"]"),
        ] {
            let mended = path(sent, &mut Repairs::default());
            assert_eq!(mended, Some(format!("{ENTERPRISE}:{meant}")), "{sent}");
            assert_eq!(path(&mended.unwrap_or_default(), &mut Repairs::default()), None, "mending twice");
        }
        for canonical in [ENTERPRISE, "urn:scim:schemas:extension:enterprise:2.0x:a", "title", "é", ""] {
            assert_eq!(path(canonical, &mut Repairs::default()), None, "{canonical}");
        }
    }

    #[test]
    fn members() {
        let kind = group_type();
        for (sent, meant) in [
            (json!("[]"), json!([])),
            (json!({}), json!([])),
            (json!({"value": "x"}), json!([{"value": "x"}])),
            (json!({"members": [{"value": "x"}]}), json!([{"value": "x"}])),
            (json!(["x"]), json!([{"value": "x"}])),
        ] {
            let attribute = kind.attribute("members");
            let mended = attribute.map(|a| repaired(a, sent.clone(), &mut Repairs::default()));
            assert_eq!(mended, Some(meant), "{sent}");
        }
    }
}
