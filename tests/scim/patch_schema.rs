//! PATCH of what the built-in schemas do not have: immutable attributes, required sub-attributes, lists of simple
//! values. An extension that an organisation registers can have them all.

#![allow(clippy::unwrap_used, clippy::panic)]

use scim_edge::auth::Dialect;
use scim_edge::budget::Budget;
use scim_edge::directory::scim::Command;
use scim_edge::error::{Code, Error, Kind, Result};
use scim_edge::id::RequestId;
use scim_edge::ingest::{Request, ingest};
use scim_edge::route::Scim;
use scim_edge::scim::schema::{Attribute, Kinds, Mutability, Schema, Type, Types};
use scim_edge::scim::{constraints, patch};
use serde_json::{Map, Value, json};

const URN: &str = "urn:example:badge";

fn string(name: &'static str) -> Attribute {
    Attribute::new(name, Type::String)
}

fn types() -> Types {
    let once = |name| Attribute { mutability: Mutability::Immutable, ..string(name) };
    let needed = Attribute { required: true, ..string("value") };
    let tags = Attribute { multi: true, ..string("tags") };
    let doors = vec![needed, once("lock"), Attribute { case_exact: true, ..tags.clone() }];
    let attributes = vec![
        once("number"),
        Attribute { required: true, ..string("colour") },
        tags,
        Attribute { kind: Type::Integer, ..string("floor") },
        Attribute { kind: Type::Complex, multi: true, sub: doors.into(), ..string("doors") },
    ];
    let schema = Schema { id: URN.into(), name: "".into(), description: "".into(), attributes: attributes.into() };
    let mut types = Types::default();
    types.user.extensions.push(std::borrow::Cow::Owned(schema));
    types
}

fn patched(before: &Value, operations: &Value) -> Result<Value> {
    let types = types();
    let body = json!({"schemas": [patch::MESSAGE], "Operations": operations}).to_string();
    let request = Request {
        id: &RequestId::parse("r-1").unwrap(),
        base: "",
        types: &types,
        query: &[],
        content_type: None,
        content_encoding: None,
        user_agent: "",
        if_match: None,
        if_none_match: None,
        body: body.as_bytes(),
        dialect: Dialect::Rfc,
    };
    let ingested = ingest(&Scim::Patch(Kinds::Users, "id".into()), &request)?;
    let Command::PatchUser { operations, .. } = ingested.command else { panic!("{:?}", ingested.command) };
    let stored: Map<String, Value> = serde_json::from_value(json!({"userName": "a", URN: before})).unwrap();
    let mut after = stored.clone();
    patch::apply_operations(&types.user, &mut after, &operations.iter().collect::<Vec<_>>(), &Budget::new())?;
    constraints::check_immutable(&types.user, &stored, &after)?;
    if let Some(path) = constraints::missing_required(&types.user, Some(&stored), &after, 1).into_iter().next() {
        return Err(Error::new(Code::AttributeMissing, path));
    }
    Ok(after.remove(URN).unwrap_or_default())
}

#[test]
fn registered_attributes() {
    let badge = json!({"number": "7", "colour": "red", "tags": ["a", "B"],
                       "doors": [{"value": "north", "lock": "l1", "tags": ["x"]}]});
    let path = |rest: &str| format!("{URN}:{rest}");
    let one = |op: &str, rest: &str, value: Value| json!([{"op": op, "path": path(rest), "value": value}]);
    for (operations, expected) in [
        (one("replace", "number", json!("7")), Ok(json!({}))),
        (one("replace", "number", json!("8")), Err((Kind::Mutability, "number"))),
        (one("remove", "number", json!(null)), Err((Kind::Mutability, "number"))),
        (one("replace", "colour", json!(null)), Err((Kind::InvalidValue, "urn:example:badge:colour"))),
        (one("remove", "colour", json!(null)), Err((Kind::InvalidValue, "colour"))),
        (one("add", "tags", json!("c")), Ok(json!({"tags": ["a", "B", "c"]}))),
        (one("add", "tags", json!(["a"])), Ok(json!({}))),
        (one("add", "tags", json!(7)), Err((Kind::InvalidValue, "tags"))),
        (one("replace", "tags", json!(["c"])), Ok(json!({"tags": ["c"]}))),
        (one("remove", "tags", json!(["b"])), Ok(json!({"tags": ["a"]}))),
        (one("remove", "tags", json!([])), Ok(json!({}))),
        (one("remove", "tags[value eq \"b\"]", json!(null)), Ok(json!({"tags": ["a"]}))),
        (one("remove", "tags[VALUE sw \"B\" and value ew \"b\"].value", json!(null)), Ok(json!({"tags": ["a"]}))),
        (one("replace", "tags[not (value eq \"a\")]", json!("z")), Ok(json!({"tags": ["a", "z"]}))),
        (one("replace", "tags[value eq \"q\"]", json!("z")), Err((Kind::NoTarget, "tags"))),
        (one("add", "tags[value eq \"q\"]", json!("z")), Err((Kind::NoTarget, "tags"))),
        (one("remove", "tags[type eq \"q\"]", json!(null)), Err((Kind::InvalidPath, "tags.type"))),
        (one("remove", "number[value eq \"7\"]", json!(null)), Err((Kind::InvalidFilter, "number"))),
        (one("remove", "doors[value eq \"north\"].tags", json!(["y"])), Ok(json!({}))),
        (one("remove", "tags", json!(["a", {"x": 1}])), Err((Kind::InvalidValue, "tags"))),
        (one("add", "floor", json!(1.5)), Err((Kind::InvalidValue, "floor must be a whole number, not 1.5."))),
        (one("replace", "doors.lock", json!("l1")), Ok(json!({}))),
        (one("replace", "doors.lock", json!("l2")), Err((Kind::Mutability, "lock"))),
        (one("remove", "doors[value eq \"NORTH\"].lock", json!(null)), Err((Kind::Mutability, "lock"))),
        (one("remove", "doors[value eq \"north\"].value", json!(null)), Err((Kind::InvalidValue, "doors.value"))),
        (one("add", "doors", json!({"lock": "l2"})), Err((Kind::InvalidValue, "urn:example:badge:doors.value"))),
        (
            one("replace", "doors[value eq \"north\"]", json!({"value": "south", "lock": "l2"})),
            Ok(json!({"doors": [{"value": "south", "lock": "l2"}]})),
        ),
        (
            one("add", "doors[value eq \"north\"].tags", json!(["y"])),
            Ok(json!({"doors": [{"value": "north", "lock": "l1", "tags": ["x", "y"]}]})),
        ),
        (
            one("remove", "doors[value eq \"north\"].tags", json!(["x"])),
            Ok(json!({"doors": [{"value": "north", "lock": "l1"}]})),
        ),
    ] {
        let found = patched(&badge, &operations);
        let wanted = expected.map(|changes| {
            let mut wanted = badge.clone();
            wanted.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            wanted
        });
        match (&found, &wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{operations}"),
            (Err(Error { code, detail, .. }), Err((wanted, says))) => {
                assert_eq!(code.kind(), *wanted, "{operations}: {detail}");
                assert!(detail.contains(says), "{operations}: {detail}");
            }
            _ => panic!("{operations}: {found:?}, not {wanted:?}"),
        }
    }
    // An extension is optional as a whole, but what is immutable stays; what has no value yet can be set once.
    let away = json!([{"op": "remove", "path": URN}]);
    assert_eq!(patched(&json!({"colour": "red"}), &away), Ok(Value::Null));
    assert_eq!(patched(&badge, &away).map_err(|error| error.kind()), Err(Kind::Mutability));
    let set = json!([{"op": "add", "value": {URN: {"number": "9", "colour": "blue"}}}]);
    assert_eq!(patched(&json!({}), &set), Ok(json!({"number": "9", "colour": "blue"})));
}
