//! Values that a schema does not take, because it was registered after they were stored: a client sends them back as it read
//! them, by a PUT or by a PATCH, and for that no rule is asked. The same value where it is not stored is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::support::native::Native;
use crate::support::{Response, Server};
use scim_edge::auth::Dialect;
use serde_json::{Map, Value, json};

const URN: &str = "urn:acme:params:scim:desk:1.0:User";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn register(server: &mut Native) {
    let subs = json!([{"name": "floor", "type": "integer"}, {"name": "room"}, {"name": "keys", "multiValued": true}]);
    let schema = json!({"attributes": [
        {"name": "number", "type": "integer"},
        {"name": "flag", "type": "boolean"},
        {"name": "when", "type": "dateTime"},
        {"name": "seal", "type": "binary"},
        {"name": "tags", "multiValued": true},
        {"name": "codes", "type": "integer", "multiValued": true},
        {"name": "desk", "type": "complex", "subAttributes": subs},
        {"name": "desks", "type": "complex", "multiValued": true, "subAttributes": subs},
    ]});
    let answer = server.admin("PUT", &format!("/schemas/{URN}"), &schema);
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// Returns the value that was stored under the URN before the schema.
fn states() -> Vec<Value> {
    vec![
        json!({"number": "five"}),
        json!({"number": "5"}),
        json!({"number": {"value": 1, "more": 2}}),
        json!({"number": [1, 2, 3]}),
        json!({"flag": "maybe", "number": 7}),
        json!({"flag": "True"}),
        json!({"when": "yesterday"}),
        json!({"seal": "?", "when": 5}),
        json!({"seal": 5}),
        json!({"tags": "a"}),
        json!({"tags": ["a", 5, {"b": 1}, ["c"], "d"]}),
        json!({"tags": [{"value": "a", "more": 1}]}),
        json!({"codes": ["1", "x", 2, "x"]}),
        json!({"desk": "third floor"}),
        json!({"desk": ["a", "b"]}),
        json!({"desk": {"floor": "x", "room": "r", "keys": ["k", 1]}}),
        json!({"desk": {"floor": 1, "keys": "k"}}),
        json!({"desk": {"room": "r", "extra": {"a": [1]}}}),
        json!({"desks": {"floor": "x", "room": "r"}}),
        json!({"desks": [{"floor": "x", "room": "r"}, {"room": "s", "more": 1}, "odd", 7, {"room": "t"}]}),
        json!({"other": 1, "more": {"a": [{}]}, "number": 7}),
        json!(5),
        json!(["a"]),
        json!("text"),
    ]
}

/// A user with that under the URN, from before the schema.
fn odd(state: &Value, dialect: Dialect) -> (Native, String) {
    let mut server = Native::new(dialect);
    let user = json!({"schemas": [USER, URN], "userName": "a", "externalId": "x", "active": true, URN: {"number": 1}});
    let made = server.send("POST", "/Users", user);
    assert_eq!(made.status, 201, "{}", made.body);
    let set = "UPDATE users SET doc = json_set(doc, '$.\"' || ?1 || '\"', json(?2))";
    server.sql.connection.execute(set, (URN, state.to_string())).unwrap();
    register(&mut server);
    (server, format!("/Users/{}", made.text("id")))
}

fn stored(server: &Native) -> Map<String, Value> {
    let doc: String = server.sql.connection.query_row("SELECT doc FROM users", [], |row| row.get(0)).unwrap();
    serde_json::from_str(&doc).unwrap()
}

fn patch(op: &str, path: &str, value: Value) -> Value {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    let mut operation = json!({"op": op, "value": value});
    if !path.is_empty() {
        operation["path"] = json!(path);
    }
    json!({"schemas": schemas, "Operations": [operation]})
}

fn changed(read: &Value, name: &str, value: Value) -> Value {
    let mut body = read.clone();
    body[name] = value;
    body
}

fn expect(answer: &Response, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
}

#[test]
fn what_is_sent_back_stays_and_nothing_stands_in_the_way() {
    for dialect in [Dialect::Auto, Dialect::Wso2, Dialect::Rfc] {
        for state in states() {
            let what = format!("{dialect:?} {state}");
            let (mut server, path) = odd(&state, dialect);
            let read = server.get(&path).body;
            let before = stored(&server);
            assert_eq!(read[URN], before[URN], "{what}");
            let same = server.send("PUT", &path, read.clone());
            expect(&same, 200, &what);
            assert_eq!((same.rows_written, stored(&server)), (0, before.clone()), "{what}");
            // The same change by either verb.
            let put = server.send("PUT", &path, changed(&read, "title", json!("t")));
            expect(&put, 200, &what);
            let noted = server.console("/journal")["entries"][0]["notes"].to_string();
            let fits = ["{\"number\":\"5\"}", "{\"flag\":\"True\"}"].contains(&state.to_string().as_str());
            assert!(noted.contains("Stored before and kept") || fits && dialect != Dialect::Rfc, "{what}: {noted}");
            let by_put = stored(&server);
            let (mut other, path_of_other) = odd(&state, dialect);
            expect(&other.send("PATCH", &path_of_other, patch("replace", "title", json!("t"))), 200, &what);
            assert_eq!((&by_put, &by_put[URN]), (&stored(&other), &before[URN]), "{what}");
            // And all of the extension by a PATCH, in which an unknown path is a fault of its own under `rfc`.
            if read[URN].is_object() && (state.get("other").is_none() || dialect != Dialect::Rfc) {
                expect(&server.send("PATCH", &path, patch("replace", URN, read[URN].clone())), 200, &what);
                assert_eq!(stored(&server), by_put, "{what}");
            }
            for (method, body) in [
                ("PUT", changed(&read, "active", json!(false))),
                ("PATCH", patch("replace", "active", json!(true))),
                ("PATCH", patch("replace", "active", json!(false))),
            ] {
                let answer = server.send(method, &path, body);
                expect(&answer, 200, &what);
            }
            assert_eq!((&stored(&server)["active"], &stored(&server)[URN]), (&json!(false), &before[URN]), "{what}");
            expect(&server.send("DELETE", &path, Value::Null), 204, &what);
        }
    }
}

/// The same change by a PUT and by a PATCH, of what was stored before the schema: (stored, the operation, the extension as the
/// PUT sends it, and what is stored afterwards or the refusal).
#[test]
fn what_is_not_stored_is_judged() {
    let inside = |rest: &str| format!("{URN}:{rest}");
    let element = json!({"room": "s", "more": 1});
    for (state, (op, rest, value), sent, comes_to) in [
        (
            json!({"number": "five"}),
            ("replace", "number", json!("six")),
            json!({"number": "six"}),
            Err("number must be a whole number"),
        ),
        (
            json!({"number": "five"}),
            ("replace", "number", json!("6")),
            json!({"number": "6"}),
            Ok(json!({"number": 6})),
        ),
        (json!({"number": "five"}), ("replace", "number", json!(6)), json!({"number": 6}), Ok(json!({"number": 6}))),
        (json!({"number": "five"}), ("remove", "number", Value::Null), json!({}), Ok(Value::Null)),
        (
            json!({"tags": ["a", 5.5, {"b": 1}]}),
            ("add", "tags", json!(["c"])),
            json!({"tags": ["a", 5.5, {"b": 1}, "c"]}),
            Ok(json!({"tags": ["a", 5.5, {"b": 1}, "c"]})),
        ),
        (
            json!({"codes": [1, "x"]}),
            ("add", "codes", json!(["y"])),
            json!({"codes": [1, "x", "y"]}),
            Err("codes must be a whole number"),
        ),
        (
            json!({"codes": [1, "x"]}),
            ("replace", "codes", json!(["x", "x"])),
            json!({"codes": ["x", "x"]}),
            Err("codes must be a whole number"),
        ),
        (
            json!({"codes": [1, "x"]}),
            ("replace", "codes", json!(["x", 2])),
            json!({"codes": ["x", 2]}),
            Ok(json!({"codes": ["x", 2]})),
        ),
        (
            json!({"codes": [1, "x"]}),
            ("remove", "codes", json!([1])),
            json!({"codes": ["x"]}),
            Ok(json!({"codes": ["x"]})),
        ),
        (
            json!({"desk": {"floor": "x", "room": "r"}}),
            ("replace", "desk", json!({"floor": "x", "room": "s"})),
            json!({"desk": {"floor": "x", "room": "s"}}),
            Ok(json!({"desk": {"floor": "x", "room": "s"}})),
        ),
        (
            json!({"desk": {"floor": "x", "room": "r"}}),
            ("replace", "desk.floor", json!("y")),
            json!({"desk": {"floor": "y", "room": "r"}}),
            Err("desk.floor must be a whole number"),
        ),
        (
            json!({"desks": [element, {"room": "r"}]}),
            ("replace", "desks", json!([element, {"room": "t"}])),
            json!({"desks": [element, {"room": "t"}]}),
            Ok(json!({"desks": [element, {"room": "t"}]})),
        ),
        (
            json!({"other": 1, "number": 7}),
            ("replace", "other", json!(2)),
            json!({"other": 2, "number": 7}),
            Ok(json!({"other": 1, "number": 7})),
        ),
        (
            json!({"other": 1, "number": 7}),
            ("remove", "OTHER", Value::Null),
            json!({"number": 7}),
            Ok(json!({"number": 7})),
        ),
        (json!({"number": 7}), ("add", "other", json!(2)), json!({"other": 2, "number": 7}), Ok(json!({"number": 7}))),
        (json!("text"), ("replace", "", json!("more")), json!("more"), Err("must be an object")),
        (json!("text"), ("replace", "number", json!(1)), json!({"number": 1}), Ok(json!({"number": 1}))),
    ] {
        for is_put in [true, false] {
            let what = format!("{state} {op} {rest} {value}, by PUT: {is_put}");
            let (mut server, path) = odd(&state, Dialect::Auto);
            let before = stored(&server);
            let answer = match is_put {
                true => {
                    let body = changed(&server.get(&path).body, URN, sent.clone());
                    server.send("PUT", &path, body)
                }
                false => {
                    let place = if rest.is_empty() { URN.to_owned() } else { inside(rest) };
                    server.send("PATCH", &path, patch(op, &place, value.clone()))
                }
            };
            match &comes_to {
                Ok(value) => {
                    expect(&answer, 200, &what);
                    assert_eq!(stored(&server).get(URN).unwrap_or(&Value::Null), value, "{what}");
                }
                Err(says) => {
                    expect(&answer, 400, &what);
                    assert!(answer.text("detail").contains(says), "{what}: {}", answer.body);
                    assert_eq!(stored(&server), before, "{what}");
                }
            }
        }
    }
}

/// An attribute that no schema knows and that was never stored is dropped with a note, and a POST has nothing that is
/// stored.
#[test]
fn what_nobody_stored_is_noted() {
    let mut server = Native::new(Dialect::Auto);
    register(&mut server);
    let user = |extension: Value| json!({"userName": "a", "active": true, URN: extension});
    let refused = server.send("POST", "/Users", user(json!({"number": "five"})));
    assert!((refused.status, refused.text("detail").contains("number must be a whole number")) == (400, true));
    let made = server.send("POST", "/Users", user(json!({"number": 1, "other": 1})));
    let path = format!("/Users/{}", made.text("id"));
    for (method, body) in [
        ("PUT", user(json!({"number": 2, "other": 1}))),
        ("PATCH", patch("replace", &format!("{URN}:other"), json!(1))),
        ("PATCH", patch("remove", &format!("{URN}:other"), Value::Null)),
        ("PATCH", patch("replace", "", json!({"nickName": "n", URN: {"other": 3}}))),
    ] {
        let answer = server.send(method, &path, body.clone());
        expect(&answer, 200, method);
        assert_eq!(answer.body[URN], json!({"number": 2}), "{body}");
        let noted = server.console("/journal")["entries"][0]["notes"].to_string();
        assert!(noted.contains(&format!("{URN}:other is unknown and was")), "{body}: {noted}");
    }
    let data = user(json!({"number": "five"}));
    let bulk = json!({"Operations": [{"method": "PUT", "path": path, "data": data}]});
    let answer = server.send("POST", "/Bulk", bulk);
    assert_eq!(answer.body["Operations"][0]["status"], "400", "{}", answer.body);
}

#[test]
fn yesterdays_users_and_groups_are_sent_back_deactivated_and_deleted() {
    for dialect in [Dialect::Auto, Dialect::Rfc] {
        for by_put in [true, false] {
            let mut server = Native::new(dialect);
            server.sql.connection.execute_batch(include_str!("yesterday.sql")).unwrap();
            let read = server.get("/Users/u-1").body;
            let off = match by_put {
                true => server.send("PUT", "/Users/u-1", changed(&read, "active", json!(false))),
                false => server.send("PATCH", "/Users/u-1", patch("replace", "active", json!(false))),
            };
            expect(&off, 200, "deactivated");
            assert_eq!(off.body["active"], false, "{}", off.body);
            let group = server.get("/Groups/g-1").body;
            expect(&server.send("PUT", "/Groups/g-1", group), 200, "a group is sent back");
            for path in ["/Users/u-1", "/Groups/g-1"] {
                expect(&server.send("DELETE", path, Value::Null), 204, path);
            }
        }
    }
}
