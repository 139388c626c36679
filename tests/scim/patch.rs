//! PATCH of users (RFC 7644 section 3.5.2) as tables: the operations, and what becomes of the resource.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use crate::support::patch::Expected::{Changes, Refused};
use crate::support::patch::In::{self, Auto, Both, Rfc};
use crate::support::patch::{DIALECTS, ENTERPRISE, Expected, MESSAGE, USER, check};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

fn ada() -> Value {
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

fn emails(list: Value) -> Expected {
    Changes(json!({ "emails": list }))
}

/// Runs the cases, each on a new resource.
fn users(cases: Vec<(In, Value, Expected)>) {
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
fn value_paths() {
    let work = json!({"value": "ada@work.test", "type": "work", "primary": true});
    let old = json!({"value": "ada@work.test", "type": "work", "primary": false});
    let home = json!({"value": "ada@home.test", "type": "home"});
    let new = |filter: &str, value: Value| json!([{"op": "replace", "path": format!("emails[{filter}].value"), "value": value}]);
    let changed = || emails(json!([work, {"value": "n", "type": "home"}]));
    users(vec![
        (Both, new("type eq \"HOME\"", json!("n")), changed()),
        (Both, new("not (primary eq true)", json!("n")), changed()),
        (Both, new("value sw \"ada@h\" and type ne \"work\"", json!("n")), changed()),
        (Both, new("type eq \"x\" or (value ew \"home.test\" and not (primary pr))", json!("n")), changed()),
        (Rfc, new("type eq \"home\"", Value::Null), emails(json!([work, {"type": "home"}]))),
        (Auto, new("type eq \"home\"", Value::Null), emails(json!([work]))),
        (Auto, new("type eq home", json!("n")), changed()),
        (Rfc, new("type eq home", json!("n")), Refused("invalidPath", "position")),
        (Rfc, new("type eq \"fax\"", json!("n")), Refused("noTarget", "emails[type eq \"fax\"].value")),
        (Auto, new("type eq \"fax\"", json!("n")), emails(json!([work, home, {"value": "n", "type": "fax"}]))),
        (Auto, new("type sw \"fax\"", json!("n")), Refused("noTarget", "emails[type sw \"fax\"].value")),
        (Auto, new("value eq \"old\"", json!("ada@home.test")), Changes(json!({}))),
        (Auto, new("value eq \"old\"", json!("new")), Refused("noTarget", "emails")),
        (
            Auto,
            new("primary eq \"True\"", json!("n")),
            emails(json!([{"value": "n", "type": "work", "primary": true}, home])),
        ),
        (Both, new("primary gt true", json!("n")), Refused("invalidFilter", "primary")),
        (
            Both,
            json!([{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}]),
            emails(json!([old, {"value": "ada@home.test", "type": "home", "primary": true}])),
        ),
        (
            Both,
            json!([{"op": "replace", "path": "addresses[type eq \"work\"]", "value": {"type": "work", "locality": "Paris"}}]),
            Changes(json!({"addresses": [{"type": "work", "locality": "Paris"}]})),
        ),
        (
            Rfc,
            json!([{"op": "replace", "path": "addresses[type eq \"work\"]", "value": {"locality": "Paris"}}]),
            Changes(json!({"addresses": [{"locality": "Paris"}]})),
        ),
        (
            Auto,
            json!([{"op": "replace", "path": "addresses[type eq \"work\"]", "value": {"locality": "Paris"}}]),
            Changes(json!({"addresses": [{"type": "work", "locality": "Paris"}]})),
        ),
        (
            Both,
            json!([{"op": "add", "path": "addresses[type eq \"work\"]", "value": {"locality": "Paris"}}]),
            Changes(json!({"addresses": [{"type": "work", "locality": "Paris", "country": "GB"}]})),
        ),
        (
            Both,
            json!([{"op": "add", "path": "addresses[type eq \"work\"]", "value": [{"locality": "Paris"}, {}]}]),
            Refused("invalidValue", "addresses[type eq \"work\"]"),
        ),
        (Both, json!([{"op": "remove", "path": "emails[type eq \"home\"]"}]), emails(json!([work]))),
        (Both, json!([{"op": "remove", "path": "emails[type pr]"}]), emails(Value::Null)),
        (Rfc, json!([{"op": "remove", "path": "emails[type eq \"fax\"]"}]), Refused("noTarget", "emails")),
        (Auto, json!([{"op": "remove", "path": "emails[type eq \"fax\"]"}]), Changes(json!({}))),
        (
            Both,
            json!([{"op": "remove", "path": "addresses[type eq \"work\"].country"}]),
            Changes(json!({"addresses": [{"type": "work", "locality": "London"}]})),
        ),
        (
            Rfc,
            json!([{"op": "remove", "path": "emails[type eq \"home\"].value"}]),
            emails(json!([work, {"type": "home"}])),
        ),
        (Auto, json!([{"op": "remove", "path": "emails[type eq \"home\"].value"}]), emails(json!([work]))),
        (
            Auto,
            json!([{"op": "add", "path": "emails[type eq \"fax\"].primary", "value": "True"},
                   {"op": "add", "path": "emails[type eq \"fax\"].value", "value": "n"}]),
            emails(json!([old, home, {"value": "n", "type": "fax", "primary": true}])),
        ),
        (
            Both,
            json!([{"op": "add", "path": "ims", "value": [{"value": "a", "type": "aim"}]},
                   {"op": "replace", "path": "ims[type eq \"aim\"].value", "value": "b"}]),
            Changes(json!({"ims": [{"value": "b", "type": "aim"}]})),
        ),
        (Auto, json!([{"op": "replace", "value": {"emails[type eq \"home\"].value": "n"}}]), changed()),
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

#[test]
fn what_no_patch_can_change() {
    let good = json!({"op": "replace", "path": "title", "value": "new"});
    users(vec![
        (Both, json!([good, {"op": "replace", "path": "id", "value": "other"}]), Refused("mutability", "id")),
        (Both, json!([good, {"op": "remove", "path": "meta"}]), Refused("mutability", "meta")),
        (
            Both,
            json!([good, {"op": "replace", "path": "meta.created", "value": "x"}]),
            Refused("mutability", "meta.created"),
        ),
        (
            Both,
            json!([good, {"op": "add", "path": "groups", "value": [{"value": "g"}]}]),
            Refused("mutability", "groups"),
        ),
        (
            Both,
            json!([good, {"op": "add", "path": format!("{ENTERPRISE}:manager.displayName"), "value": "M"}]),
            Refused("mutability", "manager.displayName"),
        ),
        (
            Both,
            json!([{"op": "replace", "value": {"id": "other", "meta": {}, "groups": [], "schemas": []}}]),
            Changes(json!({})),
        ),
        (Both, json!([good, {"op": "remove", "path": "userName"}]), Refused("mutability", "userName")),
        (Both, json!([good, {"op": "remove", "path": "schemas"}]), Refused("mutability", "schemas")),
        (
            Both,
            json!([good, {"op": "replace", "path": "userName", "value": null}]),
            Refused("invalidValue", "userName"),
        ),
        (Both, json!([good, {"op": "replace", "value": {"userName": " "}}]), Refused("invalidValue", "userName")),
        (
            Both,
            json!([{"op": "replace", "path": "userName", "value": ""}, {"op": "add", "path": "userName", "value": "b"}]),
            Changes(json!({"userName": "b"})),
        ),
    ]);
}

#[test]
fn envelopes_and_paths() {
    let replace = |path: Value| json!([{"op": "replace", "path": path, "value": "x"}]);
    let mut cases = vec![
        (Both, json!([]), Refused("invalidSyntax", "Operations")),
        (Both, Value::Null, Refused("invalidSyntax", "Operations")),
        (Both, json!([7]), Refused("invalidSyntax", "Operation 1 must be an object")),
        (Both, json!([{"op": "move"}]), Refused("invalidSyntax", "add, remove or replace")),
        (Both, json!([{"path": "title", "value": "x"}]), Refused("invalidSyntax", "Operation 1 must have an op")),
        (Both, json!([{"op": 42, "path": "title", "value": "x"}]), Refused("invalidSyntax", "op")),
        (Both, json!([{"op": "remove"}]), Refused("noTarget", "path")),
        (Both, json!([{"op": "remove", "value": {"title": "Engineer"}}]), Refused("noTarget", "path")),
        (Both, json!([{"op": "add", "value": 7}]), Refused("invalidValue", "object")),
        (Both, json!([{"op": "add", "path": "title"}]), Refused("invalidValue", "Operation 1 has no value")),
        (Both, json!([{"op": "replace"}]), Refused("invalidValue", "Operation 1 has no value")),
        (Both, replace(json!(7)), Refused("invalidPath", "path of operation 1")),
        (Rfc, replace(json!("")), Refused("invalidPath", "attribute name")),
        (Auto, json!([{"op": "replace", "path": " ", "value": {"title": "x"}}]), Changes(json!({"title": "x"}))),
        (Both, json!([{"op": "add", "path": null, "value": {"title": "x"}}]), Changes(json!({"title": "x"}))),
        (Both, json!([{"op": "add", "name": "n", "value": {"title": "x"}}]), Changes(json!({"title": "x"}))),
        (Rfc, replace(json!("shoeSize")), Refused("invalidPath", "shoeSize")),
        (Rfc, json!([{"op": "add", "value": {"title": "x", "shoeSize": 43}}]), Refused("invalidPath", "shoeSize")),
        (Auto, replace(json!("shoeSize")), Changes(json!({}))),
        (Auto, replace(json!("urn:example:none:x")), Changes(json!({}))),
        (
            Auto,
            json!([{"op": "add", "value": {"title": "x", "shoeSize": 43, "not a path": 1, "x".repeat(5000): 1}}]),
            Changes(json!({"title": "x"})),
        ),
    ];
    for path in [
        "emails[type eq",
        "emails[type eq \"work\"",
        "emails[type]",
        "emails[].value",
        "emails[type pr].a.b",
        "emails[type pr],",
        ".name",
        "name familyName",
        "/name/familyName",
        "name.familyName.first",
    ] {
        cases.push((Both, replace(json!(path)), Refused("invalidPath", "path, position")));
    }
    for path in ["userName[value eq \"x\"]", "emails[primary gt true]", "x509Certificates[value gt \"TUlJ\"]"] {
        cases.push((Both, replace(json!(path)), Refused("invalidFilter", "\"")));
    }
    users(cases);
    // "The body of each request MUST contain the "schemas" attribute with the URI value of PatchOp."
    let mut server = Native::new(Dialect::Rfc);
    let made = server.send("POST", "/Users", ada());
    let path = format!("/Users/{}", made.text("id"));
    for schemas in [json!(null), json!([]), json!([USER]), json!(MESSAGE)] {
        let body = json!({"schemas": schemas, "Operations": [{"op": "add", "path": "title", "value": "x"}]});
        check(
            "schemas",
            &made.body,
            &server.send("PATCH", &path, body),
            &server.get(&path).body,
            &Refused("invalidSyntax", MESSAGE),
        );
    }
}
