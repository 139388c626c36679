//! The effect on one list, against comparing each value with each.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::scim::schema::document::SchemaDocument;
use crate::scim::schema::{ResourceType, Types};
use proptest::prelude::*;
use serde_json::json;

const URN: &str = "urn:acme:Badge";

fn kind() -> ResourceType {
    let body = json!({"attributes": [
        {"name": "tags", "multiValued": true},
        {"name": "codes", "multiValued": true, "caseExact": true},
        {"name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "type"}, {"name": "code", "caseExact": true},
            {"name": "primary", "type": "boolean"}, {"name": "levels", "type": "integer", "multiValued": true},
        ]},
    ]});
    Types::with_documents(1, vec![SchemaDocument::parse(URN, body.to_string().as_bytes()).unwrap()]).user
}

fn text() -> impl Strategy<Value = Value> {
    "[aAb]{1,2}".prop_map(Value::from)
}

fn element() -> impl Strategy<Value = Value> {
    let primary = any::<bool>().prop_map(Value::from);
    let levels = proptest::collection::vec(0..2u8, 1..3).prop_map(Value::from);
    use proptest::option::of;
    (of(text()), of(text()), of(text()), of(primary), of(levels), of(text())).prop_map(|said| {
        let (value, kind, code, primary, levels, unknown) = said;
        let named = [
            ("value", value),
            ("type", kind),
            ("code", code),
            ("primary", primary),
            ("levels", levels),
            ("unknown", unknown),
        ];
        let said = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(said.collect())
    })
}

/// Values of all shapes, more than [`FEW`] of them at times.
fn list() -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::vec(prop_oneof![4 => element(), 1 => text()], 0..24)
}

/// Returns true if an element is the value that is added, as RFC 7644 section 3.5.2.1 has it: each is compared with
/// each.
fn plainly_same(a: &Value, b: &Value) -> bool {
    let without = |value: &Value| {
        let mut value = value.clone();
        if let Some(map) = value.as_object_mut() {
            map.remove("primary");
        }
        value
    };
    without(a) == without(b)
}

fn plain_add(attribute: &Attribute, items: &mut Vec<Value>, values: &[Value]) {
    let mut touched = Vec::new();
    for value in values {
        match items.iter_mut().enumerate().find(|(_, item)| plainly_same(item, value)) {
            None => {
                touched.push(items.len());
                items.push(value.clone());
            }
            Some((index, item)) if is_primary(value) => {
                touched.push(index);
                *item = value.clone();
            }
            Some(_) => {}
        }
    }
    if attribute.has_primary() {
        yield_primary(items, &touched);
    }
}

fn plainly_equal(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) if !attribute.case_exact => fold(a) == fold(b),
        (a, b) => a == b,
    }
}

fn stands_for(attribute: &Attribute, listed: &Value, item: &Value) -> bool {
    let (Value::Object(listed), Value::Object(item)) = (listed, item) else {
        return plainly_equal(attribute, listed, item);
    };
    let has = |(name, value): (&String, &Value)| match (attribute.sub(name), item.get(name)) {
        (Some(sub), Some(stored)) => plainly_equal(sub, value, stored),
        (Some(_), None) => name == "primary" && *value == Value::Bool(false),
        _ => false,
    };
    match listed.get_key_value("value") {
        Some(pair) => has(pair),
        None => !listed.is_empty() && listed.iter().all(has),
    }
}

proptest! {
    #[test]
    fn sorted_lists_are_changed_as_if_each_were_compared_with_each(
        stored in list(),
        values in list(),
        name in prop_oneof![Just("tags"), Just("codes"), Just("keys")],
    ) {
        let kind = kind();
        let attribute = kind.extension(URN).and_then(|schema| schema.attribute(name)).unwrap();
        let budget = Budget::new();
        let (mut new, mut plain) = (Value::Array(stored.clone()), stored.clone());
        add_values(attribute, &mut new, &values, &budget).unwrap();
        plain_add(attribute, &mut plain, &values);
        prop_assert_eq!(new, Value::Array(plain));
        let mut new = Value::Array(stored.clone());
        remove_listed(attribute, &mut new, &values, &budget).unwrap();
        let stays = |item: &&Value| !values.iter().any(|one| stands_for(attribute, one, item));
        prop_assert_eq!(new, stored.iter().filter(stays).cloned().collect::<Value>());
    }
}
