//! The judgements of a change, against plain definitions of them.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::scim::schema::Types;
use crate::scim::schema::document::SchemaDocument;
use proptest::prelude::*;
use serde_json::json;

const URN: &str = "urn:acme:Badge";

fn kind() -> ResourceType {
    let body = json!({"attributes": [
        {"name": "number", "required": true, "mutability": "immutable"},
        {"name": "tags", "multiValued": true, "mutability": "immutable"},
        {"name": "color"},
        {"name": "desk", "type": "complex", "subAttributes": [
            {"name": "floor", "type": "integer", "required": true, "mutability": "immutable"}, {"name": "room"},
        ]},
        {"name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value", "required": true}, {"name": "issued", "mutability": "immutable"},
        ]},
    ]});
    let document = SchemaDocument::parse(URN, body.to_string().as_bytes()).unwrap();
    Types::with_documents(1, vec![document]).user
}

fn resource(extension: &Value) -> Attributes {
    let all = [("title", json!("t")), (URN, extension.clone())];
    all.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect()
}

#[test]
fn required() {
    let whole = json!({"number": "1", "desk": {"floor": 1}, "keys": [{"value": "k"}]});
    for (old, new, paths) in [
        (None, Value::Null, ""),
        (None, whole.clone(), ""),
        (None, json!({"color": "red"}), "number"),
        (None, json!({"number": " "}), "number"),
        (None, json!({"number": "1", "desk": {"room": "r"}}), "desk.floor"),
        (None, json!({"number": "1", "keys": [{"value": "k"}, {"issued": "i"}]}), "keys.value"),
        (None, json!({"desk": {"room": "r"}, "keys": [{"issued": "i"}]}), "number desk.floor keys.value"),
        // An extension that the request adds is judged as a whole; one that it removes is not judged.
        (Some(Value::Null), json!({"color": "red"}), "number"),
        (Some(whole.clone()), Value::Null, ""),
        (Some(whole.clone()), json!({"desk": {"floor": 1}}), "number"),
        // An attribute that was missing before is not required.
        (Some(json!({"color": "red"})), json!({"color": "blue"}), ""),
        (Some(json!({"desk": {"room": "r"}})), json!({"desk": {"room": "s"}}), ""),
        (Some(json!({"color": "red"})), json!({"color": "red", "desk": {"room": "s"}}), "desk.floor"),
        (Some(json!({"keys": [{"issued": "i"}]})), json!({"keys": [{"issued": "j"}]}), ""),
        (Some(json!({"keys": [{"issued": "i"}]})), json!({"keys": [{"issued": "i"}, {"issued": "j"}]}), "keys.value"),
        (Some(json!({"keys": [{"value": "k"}]})), json!({"keys": [{"issued": "j"}]}), "keys.value"),
    ] {
        let old = old.map(|old| resource(&old));
        let found = missing_required(&kind(), old.as_ref(), &resource(&new), 10);
        let found: Vec<String> =
            found.iter().filter(|path| *path != "userName").map(|p| p.replace("urn:acme:Badge:", "")).collect();
        assert_eq!(found.join(" "), paths, "{old:?} {new}");
    }
}

#[test]
fn immutable() {
    let old = json!({"number": "1", "tags": ["a", "b"], "desk": {"floor": 1, "room": "r"},
                     "keys": [{"value": "k", "issued": "i"}, {"value": "l"}]});
    let with = |name: &str, value: Value| {
        let mut new = old.clone();
        match value {
            Value::Null => drop(new.as_object_mut().unwrap().remove(name)),
            value => new[name] = value,
        }
        new
    };
    for (new, changed, kept) in [
        (old.clone(), "", old.clone()),
        (with("color", json!("red")), "", with("color", json!("red"))),
        (with("number", json!("2")), "number", with("number", json!("2"))),
        (with("tags", json!(["b", "a"])), "", with("tags", json!(["b", "a"]))),
        (with("tags", json!(["a"])), "tags", with("tags", json!(["a"]))),
        (with("desk", json!({"floor": 2})), "desk.floor", with("desk", json!({"floor": 2}))),
        (with("desk", json!({"room": "s"})), "desk.floor", with("desk", json!({"floor": 1, "room": "s"}))),
        (with("desk", Value::Null), "desk.floor", with("desk", json!({"floor": 1}))),
        (
            with("keys", json!([{"value": "l", "issued": "j"}])),
            "",
            with("keys", json!([{"value": "l", "issued": "j"}])),
        ),
        (
            with("keys", json!([{"value": "k", "issued": "j"}])),
            "keys.issued",
            with("keys", json!([{"value": "k", "issued": "j"}])),
        ),
        (Value::Null, "number", json!({"number": "1", "tags": ["a", "b"], "desk": {"floor": 1}})),
    ] {
        let found = check_immutable(&kind(), &resource(&old), &resource(&new));
        let wanted = if changed.is_empty() { String::new() } else { format!("{URN}:{changed} is immutable") };
        let detail = found.err().map(|error| error.detail).unwrap_or_default();
        assert!(detail.starts_with(&wanted) && detail.is_empty() == changed.is_empty(), "{new}: {detail}");
        let mut put = resource(&new);
        keep_immutable(&kind(), &resource(&old), &mut put);
        assert_eq!(put, resource(&kept), "{new}");
    }
    assert_eq!(check_immutable(&kind(), &resource(&Value::Null), &resource(&old)), Ok(()), "set once");
}

fn plainly_changed(attributes: &[Attribute], old: &Attributes, new: &Attributes, prefix: &str) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let name = attribute.name.as_ref();
        let (was, is) = (old.get(name)?, new.get(name));
        let path = format!("{prefix}{name}");
        if attribute.mutability == Mutability::Immutable {
            let same = match (was, is) {
                (Value::Array(was), Some(Value::Array(is))) => {
                    was.len() == is.len() && was.iter().all(|item| is.contains(item))
                }
                (was, is) => Some(was) == is,
            };
            return (!same).then_some(path);
        }
        objects_in(was).find_map(|was| {
            let is = objects_in(is?).find(|is| {
                !attribute.multi || element_identity(was).is_some_and(|v| element_identity(is) == Some(v))
            })?;
            plainly_changed(&attribute.sub, was, is, &format!("{path}."))
        })
    })
}

fn extended() -> impl Strategy<Value = Value> {
    let text = || proptest::option::of("[ab]".prop_map(Value::from));
    let key = (text(), text(), text()).prop_map(|(value, issued, color)| {
        let said = [("value", value), ("issued", issued), ("color", color)];
        Value::Object(said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    });
    let lists = (proptest::collection::vec("[ab]", 0..4), proptest::collection::vec(key, 0..5));
    (lists, text()).prop_map(|((tags, keys), number)| json!({"tags": tags, "keys": keys, "number": number}))
}

proptest! {
    #[test]
    fn elements_are_found_as_if_each_were_compared_with_each(old in extended(), new in extended()) {
        let kind = kind();
        let schema = kind.extension(URN).unwrap();
        let (old, new) = (old.as_object().unwrap(), new.as_object().unwrap());
        let found = first_changed_immutable(&schema.attributes, old, new, "x:");
        prop_assert_eq!(found, plainly_changed(&schema.attributes, old, new, "x:"));
    }
}
