//! PATCH of users: value paths, envelopes, and what no operation can change.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::patch::{ada, emails, users};
use crate::support::Server;
use crate::support::native::Native;
use crate::support::patch::Expected::{Changes, Refused};
use crate::support::patch::In::{Auto, Both, Rfc};
use crate::support::patch::{ENTERPRISE, MESSAGE, USER, check};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

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
