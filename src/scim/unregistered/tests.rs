//! Paths into unregistered extensions: where the URN ends, and what each operation does.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::scim::schema::tables::user_type;
use serde_json::json;

#[test]
fn where_the_urn_ends() {
    let known = ["urn:ab:old".to_owned(), "urn:ab:old:2.0:User".to_owned(), "urn:Odd:x.y".to_owned()];
    for (path, is_object, expected) in [
        // Stored URNs: the longest one that an attribute or nothing follows.
        ("urn:ab:old", false, Some(("urn:ab:old", ""))),
        ("URN:AB:OLD:thing.x", false, Some(("urn:ab:old", "thing.x"))),
        (
            "urn:ab:old:2.0:User:thing[value eq \"a:b\"].x",
            false,
            Some(("urn:ab:old:2.0:User", "thing[value eq \"a:b\"].x")),
        ),
        ("urn:ab:old:2.0:User.thing", false, Some(("urn:ab:old:2.0:User", "thing"))),
        ("urn:ab:old:2.0:User:Thing", true, Some(("urn:ab:old:2.0:User", "Thing"))),
        ("urn:odd:x.y:$thing_1-a", false, Some(("urn:Odd:x.y", "$thing_1-a"))),
        ("urn:ab:older:thing", false, None),
        // The last capital before the final segment.
        ("urn:ab:x:1.0:User:thing", false, Some(("urn:ab:x:1.0:User", "thing"))),
        ("urn:ab:x:1.0:rus:Channel:User:thing.y", false, Some(("urn:ab:x:1.0:rus:Channel:User", "thing.y"))),
        ("urn:ab:x:1.0:User:Thing", true, Some(("urn:ab:x:1.0:User", "Thing"))),
        ("urn:ab:x:1.0:User:thing:y", false, None),
        // A final capital.
        ("urn:ab:x:1.0:User.thing", false, Some(("urn:ab:x:1.0:User", "thing"))),
        ("urn:ab:x:1.0:User", true, Some(("urn:ab:x:1.0:User", ""))),
        ("urn:ab:x:1.0:User", false, Some(("urn:ab:x:1.0", "User"))),
        // The version.
        ("urn:a:b:c:1.0:thing.x", false, Some(("urn:a:b:c:1.0", "thing.x"))),
        (
            "urn:vendor:custom:group:1.0:x[type eq \"1\"]",
            false,
            Some(("urn:vendor:custom:group:1.0", "x[type eq \"1\"]")),
        ),
        ("urn:vendor:custom:group:1.0", true, Some(("urn:vendor:custom:group:1.0", ""))),
        ("urn:ab:x:1.0:Keys[type eq \"a\"]", true, Some(("urn:ab:x:1.0", "Keys[type eq \"a\"]"))),
        ("urn:ab:x:1.0[type eq \"a\"]", true, Some(("urn:ab:x:1.0", "[type eq \"a\"]"))),
        ("urn:ab:old[type eq \"a:b\"].x", false, Some(("urn:ab:old", "[type eq \"a:b\"].x"))),
        ("urn:ab:x:2:a:b", false, None),
        ("urn:ab:x:thing", false, None),
    ] {
        assert_eq!(split_path(path, is_object, &known), expected, "{path} {is_object}");
    }
}

#[test]
fn operations() {
    const URN: &str = "urn:ab:x:1.0:User";
    let stored = json!({"userName": "u", URN: {
        "Code": "A", "tags": ["a", "B", 7], "flag": true, "none": {}, "nil": [], "desk": {"Floor": 1, "room": {"n": 1}},
        "keys": [{"value": "k", "Type": "work", "n": 5}, {"value": "l", "primary": true}],
    }});
    let at = |rest: &str| format!("{URN}{rest}");
    for (op, path, value, expected) in [
        (PatchOp::Replace, at(":CODE"), json!("B"), Ok(json!({"Code": "B"}))),
        (PatchOp::Replace, at(":code"), json!(null), Ok(json!({"Code": null}))),
        (PatchOp::Remove, at(":code"), json!("x"), Ok(json!({"Code": null}))),
        (PatchOp::Add, at(".new"), json!({"a": [1]}), Ok(json!({"new": {"a": [1]}}))),
        (PatchOp::Add, at(":new"), json!(null), Ok(json!({}))),
        (PatchOp::Add, at(":none"), json!({}), Ok(json!({}))),
        (PatchOp::Add, at(":nil"), json!([]), Ok(json!({}))),
        (PatchOp::Add, at(":tags"), json!("c"), Ok(json!({"tags": ["a", "B", 7, "c"]}))),
        (PatchOp::Add, at(":tags"), json!(["a", "c"]), Ok(json!({"tags": ["a", "B", 7, "c"]}))),
        (PatchOp::Add, at(":Code"), json!(["c"]), Ok(json!({"Code": ["A", "c"]}))),
        (PatchOp::Add, at(":Code"), json!("c"), Ok(json!({"Code": "c"}))),
        (PatchOp::Replace, at(":tags"), json!(["c"]), Ok(json!({"tags": ["c"]}))),
        (PatchOp::Remove, at(":tags"), json!(["b", 7]), Ok(json!({"tags": ["a"]}))),
        (PatchOp::Remove, at(":tags[value eq \"b\"]"), json!(null), Ok(json!({"tags": ["a", 7]}))),
        (PatchOp::Remove, at(":tags[value eq 7]"), json!(null), Ok(json!({"tags": ["a", "B"]}))),
        (PatchOp::Remove, at(":tags[type eq \"b\"]"), json!(null), Err(Code::PathUnknownAttribute)),
        (PatchOp::Replace, at(":tags[value eq \"b\"]"), json!("c"), Ok(json!({"tags": ["a", "c", 7]}))),
        (PatchOp::Replace, at(":flag"), json!("False"), Ok(json!({"flag": "False"}))),
        (
            PatchOp::Add,
            at(":desk"),
            json!({"floor": 2, "new": 1}),
            Ok(json!({"desk": {"Floor": 2, "new": 1, "room": {"n": 1}}})),
        ),
        (PatchOp::Replace, at(":desk.FLOOR"), json!(3), Ok(json!({"desk": {"Floor": 3, "room": {"n": 1}}}))),
        (PatchOp::Remove, at(":desk.floor"), json!(null), Ok(json!({"desk": {"room": {"n": 1}}}))),
        (PatchOp::Remove, at(":desk.other"), json!(null), Ok(json!({}))),
        (PatchOp::Remove, at(":tags.other"), json!(null), Ok(json!({}))),
        (PatchOp::Replace, at(":code.other"), json!("x"), Err(Code::PathUnknownAttribute)),
        (PatchOp::Remove, at(":tags[value eq \"b\"].value"), json!(null), Ok(json!({"tags": ["a", 7]}))),
        (PatchOp::Add, at(":seat.row"), json!(3), Ok(json!({"seat": {"row": 3}}))),
        (
            PatchOp::Replace,
            at(":keys[type eq \"WORK\"].N"),
            json!(6),
            Ok(json!({"keys": [{"value": "k", "Type": "work", "n": 6}, {"value": "l", "primary": true}]})),
        ),
        (PatchOp::Remove, at(":keys[n eq 5]"), json!(null), Ok(json!({"keys": [{"value": "l", "primary": true}]}))),
        (
            PatchOp::Remove,
            at(":keys"),
            json!([{"TYPE": "work"}]),
            Ok(json!({"keys": [{"value": "l", "primary": true}]})),
        ),
        (PatchOp::Remove, at(":keys[shoe eq 5]"), json!(null), Err(Code::PathUnknownAttribute)),
        (PatchOp::Remove, at(":tags"), json!([{"Value": "B"}, {"value": 7}]), Ok(json!({"tags": ["a"]}))),
        (PatchOp::Remove, at(":tags"), json!({"value": "a"}), Ok(json!({"tags": ["B", 7]}))),
        (PatchOp::Remove, at(":tags"), json!(["gone"]), Ok(json!({}))),
        (PatchOp::Remove, at(":tags"), json!(["a", {"shoe": 1}]), Err(Code::RemovalUnclear)),
        (PatchOp::Remove, at(":tags"), json!([{"value": null}]), Err(Code::RemovalUnclear)),
        (PatchOp::Remove, at(":tags"), json!(["a", null]), Err(Code::RemovalUnclear)),
        (PatchOp::Remove, at(":keys"), json!(["k"]), Ok(json!({"keys": [{"value": "l", "primary": true}]}))),
        (
            PatchOp::Remove,
            at(":keys"),
            json!([{"value": "K", "shoe": 1}]),
            Ok(json!({"keys": [{"value": "l", "primary": true}]})),
        ),
        (PatchOp::Remove, at(":keys"), json!([{"type": "work", "shoe": 1}]), Err(Code::RemovalUnclear)),
        (PatchOp::Remove, at(":keys"), json!({"shoe": 1}), Err(Code::RemovalUnclear)),
        (PatchOp::Remove, at(":keys"), json!([{}]), Err(Code::RemovalUnclear)),
        (
            PatchOp::Remove,
            at(":keys[primary eq false]"),
            json!(null),
            Ok(json!({"keys": [{"value": "l", "primary": true}]})),
        ),
        (
            PatchOp::Add,
            at(":mails[type eq \"home\"].value"),
            json!("m"),
            Ok(json!({"mails": [{"type": "home", "value": "m"}]})),
        ),
        (PatchOp::Remove, at("[value eq \"k\"]"), json!(null), Err(Code::FilterImpossible)),
        (PatchOp::Add, "urn:ab:y:1.0[value eq 1]".to_owned(), json!({"a": 1}), Err(Code::FilterImpossible)),
        (PatchOp::Remove, at(":keys[value eq"), json!(null), Err(Code::PathSyntax)),
        (PatchOp::Remove, at(":keys.a.b"), json!(null), Err(Code::PathSyntax)),
        (
            PatchOp::Replace,
            at(""),
            json!({"CODE": "B", "tags": null, "schemas": []}),
            Ok(json!({"Code": "B", "tags": null})),
        ),
        (PatchOp::Add, at(""), json!({"tags": "c"}), Ok(json!({"tags": ["a", "B", 7, "c"]}))),
        (PatchOp::Replace, at(""), json!("x"), Err(Code::WrongType)),
        (PatchOp::Remove, "urn:ab:other:1.0:User:x".to_owned(), json!(null), Ok(json!({}))),
    ] {
        let stored = stored.as_object().unwrap();
        let mut found = stored.clone();
        let operation = Unresolved { op, path: path.clone(), value: value.clone(), number: None };
        let result = apply_unresolved(&user_type(), stored, &mut found, &[operation], &Budget::new());
        let wanted = expected.map(|changes| {
            let mut wanted = stored.clone();
            let inner = wanted.get_mut(URN).and_then(Value::as_object_mut).unwrap();
            inner.extend(changes.as_object().unwrap().clone());
            inner.retain(|_, value| !value.is_null());
            wanted
        });
        let found = result.map(|_| found).map_err(|error| error.code);
        assert_eq!(found, wanted, "{op:?} {path} {value}");
    }
    for (op, value) in
        [(PatchOp::Remove, json!(null)), (PatchOp::Replace, json!(null)), (PatchOp::Remove, json!({"Code": 1}))]
    {
        let mut found = stored.as_object().unwrap().clone();
        let operation = Unresolved { op, path: URN.to_ascii_uppercase(), value, number: None };
        apply_unresolved(&user_type(), &Attributes::new(), &mut found, &[operation], &Budget::new()).unwrap();
        assert_eq!(Value::Object(found), json!({"userName": "u"}));
    }
    // A value that is not an object was stored before such values were refused: it may be sent again, and nothing else.
    for (op, value, expected) in [
        (PatchOp::Replace, json!("x"), Ok(json!({URN: "x"}))),
        (PatchOp::Add, json!("x"), Ok(json!({URN: "x"}))),
        (PatchOp::Replace, json!("y"), Err(Code::WrongType)),
        (PatchOp::Remove, json!("x"), Ok(json!({}))),
    ] {
        let stored = Attributes::from_iter([(URN.to_owned(), json!("x"))]);
        let mut found = stored.clone();
        let operation = Unresolved { op, path: URN.to_owned(), value: value.clone(), number: None };
        let result = apply_unresolved(&user_type(), &stored, &mut found, &[operation], &Budget::new());
        assert_eq!(result.map(|_| Value::Object(found)).map_err(|error| error.code), expected, "{op:?} {value}");
    }
}
