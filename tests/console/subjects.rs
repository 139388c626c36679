//! The names in the journal's entries: those of the user or group that an entry is about.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use scim_edge::console;
use scim_edge::directory::admin::Admin;
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::id::TokenId;
use serde_json::{Value, json};

fn configure(server: &mut Native, body: Value) {
    let admin = console::configure(body.to_string().as_bytes()).unwrap();
    server.call(Actor::Root, Ask::Admin(admin)).outcome.unwrap();
}

fn create(server: &mut Native, path: &str, body: Value) -> String {
    let response = server.send("POST", path, body);
    assert_eq!(response.status, 201, "{}", response.body);
    response.text("id").to_owned()
}

/// The names of an entry's subject, in the order of the documentation; empty where one is not known.
fn about(entry: &Value) -> [String; 4] {
    let text = |name: &str| entry["about"][name].as_str().unwrap_or_default().to_owned();
    ["userName", "displayName", "externalId", "id"].map(text)
}

fn entries(server: &mut Native, query: &str) -> Vec<Value> {
    server.console(&format!("/journal?limit=200{query}"))["entries"].as_array().unwrap().clone()
}

/// Each refusal is one row, its repeat none, and it names whom it is about.
#[test]
fn refusals_name_whom_they_are_about() {
    let mut server = Native::new(Dialect::Auto);
    let ada = create(&mut server, "/Users", json!({"userName": "ada", "displayName": "Ada", "externalId": "e-ada"}));
    let team = create(&mut server, "/Groups", json!({"displayName": "team"}));
    let guard = json!({"guard": {"limit": 1, "windowSeconds": 3600}, "reservedGroupNames": ["owners"]});
    configure(&mut server, guard);
    let bo = create(&mut server, "/Users", json!({"userName": "bo"}));
    assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{bo}"))).status, 204, "all that the guard allows");
    let (user, group) = (format!("/Users/{ada}"), format!("/Groups/{team}"));
    let patch = |op: Value| json!({"Operations": [op]});
    let large = "x".repeat(300 * 1024);
    let nested = json!([{"value": "g", "type": "Group"}]);
    for (method, path, body, code, expected) in [
        (
            "POST",
            "/Users",
            json!({"displayName": "Jo", "externalId": "e-jo"}),
            "attribute-missing",
            ["", "Jo", "e-jo", ""],
        ),
        ("POST", "/Users", json!({"userName": "jo", "active": "maybe"}), "", ["jo", "", "", ""]),
        ("POST", "/Users", json!({"userName": "JO", "active": "maybe"}), "", ["JO", "", "", ""]),
        ("POST", "/Users", json!({"userName": "ADA", "displayName": "Jo"}), "user-name-taken", ["ADA", "Jo", "", ""]),
        ("POST", "/Users", json!({"userName": "jo", "nickName": large}), "", ["jo", "", "", ""]),
        ("POST", "/Groups", json!({"displayName": "jo's", "members": nested}), "nested-group", ["", "jo's", "", ""]),
        ("POST", "/Groups", json!({"displayName": "Owners"}), "group-name-reserved", ["", "Owners", "", ""]),
        // The directory adds the names that the request leaves out.
        (
            "PATCH",
            &user,
            patch(json!({"op": "replace", "path": "active", "value": false})),
            "guard",
            ["ada", "Ada", "e-ada", &ada],
        ),
        (
            "PATCH",
            &user,
            patch(json!({"op": "replace", "path": "userName", "value": 7})),
            "",
            ["7", "Ada", "e-ada", &ada],
        ),
        (
            "PATCH",
            &group,
            patch(json!({"op": "replace", "value": {"displayName": "owners"}})),
            "group-name-reserved",
            ["", "owners", "", &team],
        ),
        ("DELETE", "/Users/never-was", Value::Null, "user-not-found", ["", "", "", "never-was"]),
    ] {
        let shown: String = body.to_string().chars().take(200).collect();
        let seen = entries(&mut server, "").len();
        for (turn, written) in [1, 0].into_iter().enumerate() {
            let response = server.send(method, path, body.clone());
            assert!((400..500).contains(&response.status), "{shown}: {}", response.body);
            assert!(turn == 1 || response.rows_written <= 1, "{shown}");
            assert!(turn == 0 || response.rows_written == written, "{shown}: a repeat");
        }
        let all = entries(&mut server, "");
        let entry = all.iter().find(|entry| about(entry) == expected).unwrap_or_else(|| panic!("{shown}: {all:#?}"));
        assert!(code.is_empty() || entry["code"] == code, "{shown}: {}", entry["code"]);
        assert_eq!((entry["outcome"].as_str(), all.len()), (Some("refused"), seen + 1), "{shown}");
    }
}

/// Bodies that are no JSON to their end name whom they are about too, and each operation of a Bulk request does.
#[test]
fn bodies_in_part_and_operations() {
    let mut server = Native::new(Dialect::Auto);
    let body = Some(br#"{"userName": "jo", "externalId": "e-1", "name": {"#.to_vec());
    assert_eq!(server.scim(Request { body, ..Request::new("POST", "/Users") }).status, 400);
    assert_eq!(about(&entries(&mut server, "")[0]), ["jo", "", "e-1", ""]);
    server.now = server.now.plus(1_000);
    create(&mut server, "/Users", json!({"userName": "ada"}));
    let long = "ü".repeat(1_000);
    let operations = json!([
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "Ada", "displayName": long}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bo", "active": "maybe"}},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": {"userName": "cy"}},
    ]);
    server.now = server.now.plus(1_000);
    assert_eq!(server.send("POST", "/Bulk", json!({"Operations": operations})).status, 200);
    let refused = entries(&mut server, "&outcome=refused");
    let mut names: Vec<[String; 4]> = refused.iter().map(about).collect();
    names.sort();
    let cut: String = "ü".repeat(127) + "…";
    assert_eq!(names, [["Ada", &cut, "", ""], ["bo", "", "", ""], ["jo", "", "e-1", ""]]);
    let applied = entries(&mut server, "&outcome=applied");
    assert!(applied[0]["about"].is_null(), "a Bulk request is about many: {}", applied[0]);
    assert_eq!(about(&applied[1])[0], "ada");
}

/// An applied request names the resource: as it is, and as it was when it was deleted.
#[test]
fn applied_requests_name_the_resource() {
    let mut server = Native::new(Dialect::Auto);
    let ada = create(&mut server, "/Users", json!({"userName": "ada", "displayName": "Ada", "externalId": "e-1"}));
    let team = create(&mut server, "/Groups", json!({"displayName": "team", "externalId": "g-1"}));
    let found = entries(&mut server, "");
    assert_eq!(about(&found[0]), ["", "team", "g-1", &team]);
    assert_eq!(about(&found[1]), ["ada", "Ada", "e-1", &ada]);
    assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{ada}"))).status, 204);
    let found = entries(&mut server, &format!("&resource={ada}"));
    assert_eq!(about(&found[0]), ["ada", "Ada", "e-1", &ada], "from the change that deleted it");
    assert_eq!(about(&found[1]), ["", "", "", &ada]);
}

/// A refusal that meets all requests has no names.
#[test]
fn what_is_refused_to_all_names_nobody() {
    let mut server = Native::new(Dialect::Auto);
    configure(&mut server, json!({"scim": {"enabled": false}}));
    for (name, written) in [("jo", 1), ("bo", 0)] {
        let response = server.send("POST", "/Users", json!({"userName": name}));
        assert_eq!((response.status, response.rows_written), (403, written));
    }
    let revoke = Admin::RevokeToken { id: TokenId::parse("t-1").unwrap(), children: false };
    server.call(Actor::Root, Ask::Admin(revoke)).outcome.unwrap();
    assert_eq!(server.send("POST", "/Users", json!({"userName": "jo"})).status, 401);
    let found = entries(&mut server, "");
    let mut codes: Vec<&str> = found.iter().map(|entry| entry["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["scim-off", "token-revoked"]);
    assert!(found.iter().all(|entry| entry["about"].is_null()), "{found:#?}");
}
