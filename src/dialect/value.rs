//! Repairs of values, guided by the attribute's definition.

use super::path::{allowed_forms, read_in_forms, urn_alias};
use super::{Repair, Repairs};
use crate::auth::Dialect;
use crate::scim::json;
use crate::scim::path::{self, Resolved};
use crate::scim::resource::is_label;
use crate::scim::schema::{Attribute, ResourceType, Type};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The most keys unknown to every schema that are tried as paths: providers send only a few.
const PATHS_MAX: usize = 1000;

/// Repairs the body of a POST or PUT.
pub fn mend_body(kind: &ResourceType, body: Map<String, Value>, repairs: &mut Repairs) -> Map<String, Value> {
    let mut mended = Map::new();
    let mut names = SearchedNames::default();
    let mut others = Vec::new();
    for (key, value) in body {
        // Step 1: what stands in its proper place, with its values repaired.
        let key = urn_alias(key, repairs);
        match (kind.attribute(&key), kind.extension(&key), value) {
            (Some(attribute), _, value) => {
                merge_value(&mut mended, &mut names, key, mend_value(attribute, value, repairs))
            }
            (None, Some(schema), Value::Object(inner)) => {
                let inner = inner.into_iter().map(|(key, value)| match schema.attribute(&key) {
                    Some(attribute) => (key, mend_value(attribute, value, repairs)),
                    None => (key, value),
                });
                let inner = Value::Object(inner.collect());
                merge_value(&mut mended, &mut names, key, inner);
            }
            (_, _, value) => others.push((key, value)),
        }
    }
    // Step 2: keys that are paths, such as `name.givenName`.
    // They come last, because the value in the proper place wins.
    for (number, (key, value)) in others.into_iter().enumerate() {
        let path = if number < PATHS_MAX { place_of_key(kind, &key, repairs) } else { None };
        let (key, value) = match path {
            Some(path) => folded_path(kind, path, value, repairs),
            None => (key, value),
        };
        merge_value(&mut mended, &mut names, key, value);
    }
    mended
}

/// The names in an object in lower case, each with its spelling there, and those in the objects that it holds, as far
/// as they were searched: a body may have very many.
#[derive(Default)]
struct SearchedNames {
    known: Option<BTreeMap<String, String>>,
    inner: BTreeMap<String, SearchedNames>,
}

/// Inserts a value if the name has no value yet. If both are objects, the names that the first lacks are inserted.
fn merge_value(map: &mut Map<String, Value>, names: &mut SearchedNames, key: String, value: Value) {
    let lower = |name: &String| (name.to_ascii_lowercase(), name.clone());
    // Names are compared without case (RFC 7643 section 2.1). Reversed, so that the first of two spellings wins.
    let known = names.known.get_or_insert_with(|| map.keys().rev().map(lower).collect());
    let spelled = known.entry(key.to_ascii_lowercase()).or_insert_with(|| key.clone());
    match (map.get_mut(spelled.as_str()), value) {
        (None, value) => {
            map.insert(key, value);
        }
        (Some(Value::Object(there)), Value::Object(more)) => {
            // `{"name": {...}, "name.familyName": "x"}`: the object gets the part that it lacks.
            let inner = names.inner.entry(spelled.clone()).or_default();
            more.into_iter().for_each(|(key, value)| merge_value(there, inner, key, value));
        }
        _ => {}
    }
}

/// Returns the place of an attribute whose name is a path: `name.givenName`, `urn:...:User:department`, `manager`.
pub fn place_of_key(kind: &ResourceType, key: &str, repairs: &mut Repairs) -> Option<Resolved> {
    let path = read_in_forms(allowed_forms(Dialect::Auto), repairs, |forms| {
        let path = path::parse(key, forms).ok().and_then(|path| path.resolve(kind, forms).ok()).ok_or(())?;
        match path.definitions_in(kind) {
            Some((attribute, sub)) if path.filter.is_none() && !(attribute.multi && sub.is_some()) => Ok(path),
            _ => Err(()),
        }
    })
    .ok()?;
    // Each of the two is a repair of its own, which can be switched off alone.
    let dotted = path.target.sub.is_none() || repairs.note_need(Repair::DottedKeys);
    let prefixed = !key.contains(':') || repairs.note_need(Repair::UrnPrefixedKeys);
    (dotted && prefixed).then_some(path)
}

/// Returns the top-level key, and the value with its path folded around it.
fn folded_path(kind: &ResourceType, path: Resolved, value: Value, repairs: &mut Repairs) -> (String, Value) {
    let value = match path.definitions_in(kind) {
        Some((attribute, sub)) => mend_value(sub.unwrap_or(attribute), value, repairs),
        None => value,
    };
    let (urn, name, sub) = (path.target.urn, path.target.name, path.target.sub);
    let value = sub.map_or(value.clone(), |sub| json!({ sub: value }));
    match urn {
        None => (name, value),
        Some(urn) => (urn, json!({ name: value })),
    }
}

/// Repairs one value of an attribute.
pub fn mend_value(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    if attribute.multi {
        // The list first, then its elements: `"emails": "a@b.test"` needs both.
        let items = match repair_list(attribute, value, repairs) {
            Value::Array(items) => items,
            other => return other,
        };
        return items.into_iter().filter_map(|item| drop_empty_element(attribute, item, repairs)).collect();
    }
    repaired_one(attribute, value, repairs)
}

/// Repairs the values that a removal lists. An element with nothing but a label is not dropped: it names the elements
/// to remove.
pub fn repaired_removal(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    match repair_list(attribute, value, repairs) {
        Value::Array(items) => items.into_iter().map(|item| repair_element(attribute, item, repairs)).collect(),
        other => other,
    }
}

/// Repairs a single value, or one element of a multi-valued attribute at which a PATCH path points.
pub fn repaired_one(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    repair_element(attribute, single_for_array(value, repairs), repairs)
}

/// Makes [`Repair::TextForArray`], [`Repair::NestedList`], [`Repair::ObjectForArray`].
fn repair_list(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    match value {
        // `null` is a state of its own (RFC 7643 section 2.5) and no list.
        Value::Null | Value::Array(_) => value,
        Value::String(text) if text.is_empty() || text == "[]" => match repairs.note_need(Repair::TextForArray) {
            true => json!([]),
            false => Value::String(text),
        },
        Value::Object(mut map)
            if map.len() == 1
                && map.get(attribute.name.as_ref()).is_some_and(Value::is_array)
                && repairs.note_need(Repair::NestedList) =>
        {
            map.remove(attribute.name.as_ref()).unwrap_or_default()
        }
        one if repairs.note_need(Repair::ObjectForArray) => match one {
            // `{}` holds no value, and an element without one would be refused.
            Value::Object(map) if map.is_empty() => json!([]),
            one => json!([one]),
        },
        one => one,
    }
}

/// Makes [`Repair::ArrayForObject`].
fn single_for_array(value: Value, repairs: &mut Repairs) -> Value {
    match value {
        Value::Array(mut items)
            // With two values there is no telling which one is meant: that stays an error.
            if items.len() <= 1 && !items.iter().any(Value::is_array) && repairs.note_need(Repair::ArrayForObject) =>
        {
            items.pop().unwrap_or_default()
        }
        other => other,
    }
}

fn repair_element(attribute: &Attribute, value: Value, repairs: &mut Repairs) -> Value {
    match (attribute.kind, value) {
        (Type::Complex, Value::Object(map)) => {
            let inner = manager_id(attribute, map, repairs).into_iter().map(|(key, value)| match attribute.sub(&key) {
                Some(sub) => (key, mend_value(sub, value, repairs)),
                None => (key, value),
            });
            Value::Object(inner.collect())
        }
        (Type::Complex, Value::String(text)) => string_for_object(attribute, text, repairs),
        (Type::Boolean, Value::String(text)) => string_boolean(text, repairs),
        (Type::Integer | Type::Decimal, Value::String(text)) => string_number(text, repairs),
        (Type::String | Type::Reference, value @ (Value::Number(_) | Value::Bool(_))) => {
            if repairs.note_need(Repair::NumberForString) { Value::String(value.to_string()) } else { value }
        }
        (Type::Reference, Value::String(text)) if !text.is_empty() && text.trim().is_empty() => {
            if repairs.note_need(Repair::BlankReference) { Value::Null } else { Value::String(text) }
        }
        (_, Value::Object(map)) => object_for_string(attribute, map, repairs),
        (_, value) => value,
    }
}

/// Makes [`Repair::ManagerId`].
fn manager_id(attribute: &Attribute, mut map: Map<String, Value>, repairs: &mut Repairs) -> Map<String, Value> {
    if attribute.name == "manager"
        // The SCIM 2.0 name wins if both are there.
        && !map.contains_key("value")
        && map.contains_key("managerId")
        && repairs.note_need(Repair::ManagerId)
        && let Some(id) = map.remove("managerId")
    {
        map.insert("value".to_owned(), id);
    }
    map
}

/// Makes [`Repair::StringForObject`]. An empty text means no value.
fn string_for_object(attribute: &Attribute, text: String, repairs: &mut Repairs) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    if attribute.sub("value").is_none() || !repairs.note_need(Repair::StringForObject) {
        return Value::String(text);
    }
    repair_element(attribute, json!({ "value": text }), repairs)
}

/// Makes [`Repair::ObjectForString`].
fn object_for_string(attribute: &Attribute, mut map: Map<String, Value>, repairs: &mut Repairs) -> Value {
    match map.get("value") {
        Some(value) if !value.is_array() && repairs.note_need(Repair::ObjectForString) => {
            repair_element(attribute, map.remove("value").unwrap_or_default(), repairs)
        }
        _ => Value::Object(map),
    }
}

/// Makes [`Repair::EmptyElement`].
fn drop_empty_element(attribute: &Attribute, item: Value, repairs: &mut Repairs) -> Option<Value> {
    // Repaired first: `{"type": "work", "value": {"value": ""}}` is empty only then.
    let item = repair_element(attribute, item, repairs);
    (!(is_label(attribute, &item) && repairs.note_need(Repair::EmptyElement))).then_some(item)
}

/// Makes [`Repair::StringBooleans`].
fn string_boolean(text: String, repairs: &mut Repairs) -> Value {
    // Entra ID sends "True" and "False", other clients add a blank.
    let value = match text.trim() {
        yes if yes.eq_ignore_ascii_case("true") => true,
        no if no.eq_ignore_ascii_case("false") => false,
        _ => return Value::String(text),
    };
    if repairs.note_need(Repair::StringBooleans) { Value::Bool(value) } else { Value::String(text) }
}

/// Makes [`Repair::StringNumbers`].
fn string_number(text: String, repairs: &mut Repairs) -> Value {
    match json::parse_number(text.trim()) {
        Some(number) if repairs.note_need(Repair::StringNumbers) => Value::Number(number),
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::ENTERPRISE;
    use crate::scim::schema::tables::{group_type, user_type};
    use proptest::prelude::*;

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
        ] {
            let mut repairs = Repairs::default();
            let map = |value: Value| if let Value::Object(map) = value { map } else { Map::new() };
            let mended = mend_body(&user_type(), map(sent), &mut repairs);
            assert_eq!((Value::Object(mended.clone()), repairs.into_names().join(" ")), (meant, needed.to_owned()));
            let mut again = Repairs::default();
            assert_eq!(mend_body(&user_type(), mended.clone(), &mut again), mended, "mending twice");
            assert_eq!(again.into_names(), Vec::<String>::new(), "a canonical body needs nothing");
        }
    }

    /// Merges as [`merge_value`] would without knowing the names.
    fn plainly_merged(map: &mut Map<String, Value>, key: String, value: Value) {
        match (map.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&key)), value) {
            (None, value) => {
                map.insert(key, value);
            }
            (Some((_, Value::Object(there))), Value::Object(more)) => {
                more.into_iter().for_each(|(key, value)| plainly_merged(there, key, value));
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn names_are_found_as_if_each_were_asked(
            sent in proptest::collection::vec(("[aAbB]", proptest::collection::vec(("[aAbB]", 0..3u8), 0..3)), 0..6),
        ) {
            let (mut merged, mut plain, mut names) = (Map::new(), Map::new(), SearchedNames::default());
            for (n, (key, inner)) in sent.into_iter().enumerate() {
                let inner = inner.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
                let value = if n % 3 == 2 { Value::Null } else { Value::Object(inner) };
                merge_value(&mut merged, &mut names, key.clone(), value.clone());
                plainly_merged(&mut plain, key, value);
            }
            prop_assert_eq!(merged, plain);
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
            let mended = attribute.map(|a| mend_value(a, sent.clone(), &mut Repairs::default()));
            assert_eq!(mended, Some(meant), "{sent}");
        }
    }
}
