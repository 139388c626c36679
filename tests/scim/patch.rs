//! PATCH of users (RFC 7644 section 3.5.2) as tables: the operations, and what becomes of the resource.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use crate::support::patch::Expected::{Changes, Refused};
use crate::support::patch::In::{self, Auto, Both, Rfc};
use crate::support::patch::{DIALECTS, ENTERPRISE, Expected, MESSAGE, USER, check};
use serde_json::{Value, json};

pub(crate) fn ada() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "ada",
        "externalId": "x1",
        "active": true,
        "title": "Engineer",
        "name": {"givenName": "Ada", "familyName": "King"},
        "emails": [
            {"value": "ada@work.test", "type": "work", "primary": true},
            {"value": "ada@home.test", "type": "home"},
        ],
        "addresses": [{"type": "work", "locality": "London", "country": "GB"}],
        ENTERPRISE: {"department": "Engines", "manager": {"value": "m1"}},
    })
}

pub(crate) fn emails(list: Value) -> Expected {
    Changes(json!({ "emails": list }))
}

/// Runs the cases, each on a new resource.
pub(crate) fn users(cases: Vec<(In, Value, Expected)>) {
    for (dialect, wanted) in DIALECTS {
        let mut server = Native::new(dialect);
        for (_, operations, expected) in cases.iter().filter(|(on, ..)| *on == Both || *on == wanted) {
            let made = server.send("POST", "/Users", ada());
            assert_eq!(made.status, 201, "{}", made.body);
            let path = format!("/Users/{}", made.text("id"));
            let patch = json!({"schemas": [MESSAGE], "Operations": operations});
            let answer = server.send("PATCH", &path, patch);
            let after = server.get(&path).body;
            let at = format!("{dialect:?}: {operations} answered {}", answer.body);
            check(&at, &made.body, &answer, &after, expected);
            assert_eq!(server.send("DELETE", &path, Value::Null).status, 204);
        }
    }
}

#[test]
fn single_values() {
    users(vec![
        (Both, json!([{"op": "add", "path": "nickName", "value": "A"}]), Changes(json!({"nickName": "A"}))),
        (Both, json!([{"op": "ADD", "path": "NICKNAME", "value": "A"}]), Changes(json!({"nickName": "A"}))),
        (Both, json!([{"op": "add", "path": "title", "value": "Engineer"}]), Changes(json!({}))),
        (Both, json!([{"op": "replace", "path": "title", "value": "Countess"}]), Changes(json!({"title": "Countess"}))),
        (Both, json!([{"op": "replace", "path": "title", "value": null}]), Changes(json!({"title": null}))),
        (Both, json!([{"op": "replace", "path": "title", "value": ""}]), Changes(json!({"title": null}))),
        (Rfc, json!([{"op": "add", "path": "title", "value": null}]), Changes(json!({"title": null}))),
        (Auto, json!([{"op": "add", "path": "title", "value": null}]), Changes(json!({}))),
        (Both, json!([{"op": "remove", "path": "title"}]), Changes(json!({"title": null}))),
        (Both, json!([{"op": "remove", "path": "title", "value": "x"}]), Changes(json!({"title": null}))),
        (Both, json!([{"op": "remove", "path": "nickName"}]), Changes(json!({}))),
        (Both, json!([{"op": "remove", "path": "externalId"}]), Changes(json!({"externalId": null}))),
        (Both, json!([{"op": "remove", "path": format!("{USER}:title")}]), Changes(json!({"title": null}))),
        (Both, json!([{"op": "replace", "value": {"active": false}}]), Changes(json!({"active": false}))),
        (Rfc, json!([{"op": "remove", "path": "active"}]), Changes(json!({"active": null}))),
        (Auto, json!([{"op": "remove", "path": "active"}]), Changes(json!({}))),
        (Both, json!([{"op": "add", "path": "password", "value": "p"}]), Changes(json!({}))),
        (
            Both,
            json!([{"op": "replace", "path": "title", "value": "a"}, {"op": "replace", "path": "title", "value": "b"}]),
            Changes(json!({"title": "b"})),
        ),
        (Rfc, json!([{"op": "replace", "path": "active", "value": "False"}]), Refused("invalidValue", "active")),
        (Auto, json!([{"op": "replace", "path": "active", "value": "False"}]), Changes(json!({"active": false}))),
        (Both, json!([{"op": "replace", "path": "active", "value": "perhaps"}]), Refused("invalidValue", "active")),
        (Both, json!([{"op": "replace", "path": "title", "value": {"a": 1}}]), Refused("invalidValue", "title")),
        (Rfc, json!([{"op": "replace", "path": "title", "value": ["a"]}]), Refused("invalidValue", "title")),
        (Rfc, json!([{"op": "replace", "path": "title", "value": 7}]), Refused("invalidValue", "title")),
        (Auto, json!([{"op": "replace", "path": "title", "value": 7}]), Changes(json!({"title": "7"}))),
        (Both, json!([{"op": "add", "path": "title", "value": "a\u{0}"}]), Refused("invalidSyntax", "\"value\"")),
    ]);
}

#[test]
fn complex_values() {
    let name = |name: Value| Changes(json!({ "name": name }));
    users(vec![
        (
            Both,
            json!([{"op": "add", "path": "name.middleName", "value": "M"}]),
            name(json!({"givenName": "Ada", "middleName": "M", "familyName": "King"})),
        ),
        (
            Both,
            json!([{"op": "replace", "path": "name", "value": {"familyName": "Lovelace"}}]),
            name(json!({"givenName": "Ada", "familyName": "Lovelace"})),
        ),
        (
            Both,
            json!([{"op": "replace", "path": "name", "value": {"familyName": null, "middleName": "M"}}]),
            name(json!({"givenName": "Ada", "middleName": "M"})),
        ),
        (
            Both,
            json!([{"op": "replace", "path": "name", "value": {"givenName": ""}}]),
            name(json!({"familyName": "King"})),
        ),
        (Auto, json!([{"op": "add", "path": "name", "value": {"givenName": ""}}]), Changes(json!({}))),
        (Both, json!([{"op": "replace", "path": "name", "value": {}}]), Changes(json!({}))),
        (Both, json!([{"op": "replace", "path": "name", "value": null}]), name(Value::Null)),
        (Both, json!([{"op": "remove", "path": "name.givenName"}]), name(json!({"familyName": "King"}))),
        (
            Both,
            json!([{"op": "remove", "path": "name.givenName"}, {"op": "remove", "path": "name.familyName"}]),
            name(Value::Null),
        ),
        (
            Auto,
            json!([{"op": "add", "value": {"name.givenName": "A"}}]),
            name(json!({"givenName": "A", "familyName": "King"})),
        ),
        (Rfc, json!([{"op": "add", "value": {"name.givenName": "A"}}]), Refused("invalidPath", "name.givenName")),
        (Both, json!([{"op": "replace", "path": "name", "value": "Ada"}]), Refused("invalidValue", "name")),
    ]);
}

#[test]
fn several_values() {
    let work = json!({"value": "ada@work.test", "type": "work", "primary": true});
    let old = json!({"value": "ada@work.test", "type": "work", "primary": false});
    let home = json!({"value": "ada@home.test", "type": "home"});
    let third = json!({"value": "3@x.test"});
    users(vec![
        (Both, json!([{"op": "add", "path": "emails", "value": third}]), emails(json!([work, home, third]))),
        (Both, json!([{"op": "add", "path": "emails", "value": [third, third]}]), emails(json!([work, home, third]))),
        (Both, json!([{"op": "add", "value": {"emails": [home, third]}}]), emails(json!([work, home, third]))),
        (Both, json!([{"op": "add", "path": "emails", "value": [home]}]), Changes(json!({}))),
        (
            Both,
            json!([{"op": "add", "path": "emails", "value": [{"value": "ada@work.test", "type": "work"}]}]),
            Changes(json!({})),
        ),
        (
            Both,
            json!([{"op": "add", "path": "emails", "value": [{"value": "ada@home.test", "type": "home", "primary": false}]}]),
            Changes(json!({})),
        ),
        (
            Both,
            json!([{"op": "add", "path": "emails", "value": [{"value": "ada@home.test", "type": "home", "primary": true}]}]),
            emails(json!([old, {"value": "ada@home.test", "type": "home", "primary": true}])),
        ),
        (Both, json!([{"op": "add", "path": "emails", "value": []}]), Changes(json!({}))),
        (Both, json!([{"op": "replace", "path": "emails", "value": [third]}]), emails(json!([third]))),
        (Both, json!([{"op": "replace", "path": "emails", "value": third}]), emails(json!([third]))),
        (Both, json!([{"op": "replace", "path": "emails", "value": []}]), emails(Value::Null)),
        (Both, json!([{"op": "replace", "path": "emails", "value": null}]), emails(Value::Null)),
        (Both, json!([{"op": "remove", "path": "emails"}]), emails(Value::Null)),
        (
            Both,
            json!([{"op": "remove", "path": "emails", "value": [{"value": "ADA@HOME.TEST"}]}]),
            emails(json!([work])),
        ),
        (Both, json!([{"op": "remove", "path": "emails", "value": {"value": "ada@home.test"}}]), emails(json!([work]))),
        (Both, json!([{"op": "remove", "path": "emails", "value": []}]), Changes(json!({}))),
        (Both, json!([{"op": "remove", "path": "emails", "value": [{"value": "other"}]}]), Changes(json!({}))),
        (Both, json!([{"op": "remove", "path": "addresses", "value": [{"type": "home"}]}]), Changes(json!({}))),
        (
            Both,
            json!([{"op": "remove", "path": "addresses", "value": [{"type": "WORK", "country": "gb"}]}]),
            Changes(json!({"addresses": null})),
        ),
        (
            Both,
            json!([{"op": "replace", "path": "addresses.country", "value": "FR"}]),
            Changes(json!({"addresses": [{"type": "work", "locality": "London", "country": "FR"}]})),
        ),
        (
            Both,
            json!([{"op": "add", "path": "emails", "value": [
                {"value": "3@x.test", "primary": true}, {"value": "4@x.test", "primary": true}]}]),
            emails(json!([old, home, {"value": "3@x.test", "primary": true}, {"value": "4@x.test", "primary": false}])),
        ),
        (Rfc, json!([{"op": "add", "path": "emails", "value": "3@x.test"}]), Refused("invalidValue", "emails")),
        (Auto, json!([{"op": "add", "path": "emails", "value": "3@x.test"}]), emails(json!([work, home, third]))),
        (Both, json!([{"op": "add", "path": "emails", "value": [1, 2]}]), Refused("invalidValue", "emails")),
        (
            Rfc,
            json!([{"op": "replace", "path": "emails", "value": [{"type": "work"}]}]),
            emails(json!([{"type": "work"}])),
        ),
        (Auto, json!([{"op": "replace", "path": "emails", "value": [{"type": "work"}]}]), emails(Value::Null)),
    ]);
}

#[test]
fn extensions() {
    let extension = |value: Value| Changes(json!({ ENTERPRISE: value }));
    let path = |name: &str| format!("{ENTERPRISE}:{name}");
    let manager = json!({"value": "m1"});
    users(vec![
        (
            Both,
            json!([{"op": "add", "path": path("division"), "value": "D"}]),
            extension(json!({"department": "Engines", "division": "D", "manager": manager})),
        ),
        (Both, json!([{"op": "remove", "path": path("department")}]), extension(json!({"manager": manager}))),
        (Both, json!([{"op": "remove", "path": ENTERPRISE}]), extension(Value::Null)),
        (Both, json!([{"op": "replace", "path": ENTERPRISE.to_uppercase(), "value": null}]), extension(Value::Null)),
        (
            Both,
            json!([{"op": "replace", "path": ENTERPRISE, "value": {"department": "D", "manager": {"value": "m2"}}}]),
            extension(json!({"department": "D", "manager": {"value": "m2"}})),
        ),
        (
            Both,
            json!([{"op": "remove", "path": ENTERPRISE}, {"op": "add", "value": {ENTERPRISE: {"division": "D"}}}]),
            extension(json!({"division": "D"})),
        ),
        (
            Auto,
            json!([{"op": "replace", "value": {path("manager.value"): "m2", path("department"): null}}]),
            extension(json!({"manager": {"value": "m2"}})),
        ),
        (
            Rfc,
            json!([{"op": "replace", "value": {path("manager.value"): "m2"}}]),
            Refused("invalidPath", "manager.value"),
        ),
        (Both, json!([{"op": "replace", "value": {path("department"): null}}]), extension(json!({"manager": manager}))),
        (
            Both,
            json!([{"op": "replace", "path": path("manager"), "value": {"value": ""}}]),
            extension(json!({"department": "Engines"})),
        ),
        (
            Auto,
            json!([{"op": "add", "path": path("manager"), "value": "m2"}]),
            extension(json!({"department": "Engines", "manager": {"value": "m2"}})),
        ),
        (
            Auto,
            json!([{"op": "remove", "path": "manager[value eq \"m1\"]"}]),
            extension(json!({"department": "Engines"})),
        ),
        (Auto, json!([{"op": "remove", "path": "manager[value eq \"m2\"]"}]), Changes(json!({}))),
        (
            Both,
            json!([{"op": "add", "path": USER, "value": {"nickName": "A", "name": {"middleName": "M"}}}]),
            Changes(json!({"nickName": "A", "name": {"givenName": "Ada", "middleName": "M", "familyName": "King"}})),
        ),
        (
            Both,
            json!([{"op": "replace", "value": {"schemas": [USER], USER: {"title": "T"}}}]),
            Changes(json!({"title": "T"})),
        ),
        (Both, json!([{"op": "remove", "path": USER}]), Refused("noTarget", "DELETE")),
        (Both, json!([{"op": "add", "path": ENTERPRISE, "value": "x"}]), Refused("invalidValue", ENTERPRISE)),
        (Both, json!([{"op": "add", "path": USER, "value": []}]), Refused("invalidValue", USER)),
        (Rfc, json!([{"op": "add", "path": path("shoe"), "value": "x"}]), Refused("invalidPath", "shoe")),
        (Rfc, json!([{"op": "add", "path": ENTERPRISE, "value": {"shoe": "x"}}]), Refused("invalidPath", "shoe")),
        (Auto, json!([{"op": "add", "path": path("shoe"), "value": "x"}]), Changes(json!({}))),
    ]);
}
