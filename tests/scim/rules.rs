//! The effects of a mutation, on real SQLite under the platform's limits.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Response, Server, without_connection};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn server() -> Native {
    Native::new(Dialect::Auto)
}

fn create(server: &mut Native, body: Value) -> String {
    let response = server.send("POST", "/Users", body);
    assert_eq!(response.status, 201, "{}", response.body);
    response.text("id").to_owned()
}

fn refused(response: &Response, status: u16, scim_type: &str, says: &str) {
    assert_eq!((response.status, response.text("scimType")), (status, scim_type), "{}", response.body);
    assert!(response.text("detail").contains(says), "{}", response.body);
}

#[test]
fn what_a_put_leaves_out() {
    let mut server = server();
    let id = create(
        &mut server,
        json!({"userName": "a", "externalId": "x", "active": false, "title": "t", "nickName": "n",
               "emails": [{"value": "a@b", "type": "work"}], ENTERPRISE: {"department": "d"}}),
    );
    let path = format!("/Users/{id}");
    for (body, name, expected) in [
        (json!({"userName": "a", "emails": null}), "externalId", json!("x")),
        (json!({"userName": "a", "emails": null}), "active", json!(false)),
        (json!({"userName": "a", "emails": null}), "title", Value::Null),
        (json!({"userName": "a", "emails": null}), ENTERPRISE, Value::Null),
        (json!({"userName": "a", "emails": null}), "emails", json!([{"value": "a@b", "type": "work"}])),
        (json!({"userName": "a", "emails": []}), "emails", Value::Null),
        (json!({"userName": "a", "nickName": ""}), "nickName", Value::Null),
        (json!({"userName": "a", "password": "p", "groups": [{"value": "g"}], "meta": {}}), "password", Value::Null),
    ] {
        let response = server.send("PUT", &path, body.clone());
        assert_eq!((response.status, &response.body[name]), (200, &expected), "{name} after {body}: {}", response.body);
    }
    refused(&server.send("PUT", &path, json!({"userName": "a", "id": "other"})), 400, "mutability", "other");
}

/// In the dialect `rfc` `null` is the state of having no value (RFC 7643 section 2.5), in any list; and who comes back without
/// `active` is active, as in every dialect.
#[test]
fn what_the_dialect_rfc_reads_otherwise_and_what_not() {
    for (dialect, kept) in [(Dialect::Rfc, false), (Dialect::Auto, true)] {
        let mut server = Native::new(dialect);
        let body = |more: Value| {
            let mut body = json!({"schemas": [USER], "userName": "a", "externalId": "x"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let values = json!([{"value": "1", "type": "work"}]);
        let id = create(&mut server, body(json!({"emails": values, "phoneNumbers": values, "active": true})));
        let path = format!("/Users/{id}");
        let put = server.send("PUT", &path, body(json!({"emails": null, "active": false})));
        assert_eq!((put.status, &put.body["phoneNumbers"]), (200, &Value::Null), "{}", put.body);
        assert_eq!(put.body["emails"].is_array(), kept, "{dialect:?}: {}", put.body);
        assert_eq!(server.get(&path).body["active"], false);
        let back = server.send("POST", "/Users", body(json!({"title": "t"})));
        assert_eq!(
            (back.status, back.text("id"), &back.body["active"]),
            (201, id.as_str(), &json!(true)),
            "{dialect:?}"
        );
        assert_eq!(server.console("")["counts"]["activeUsers"], 1, "{dialect:?}");
    }
}

#[test]
fn who_comes_back_and_who_does_not() {
    let mut server = server();
    let person = json!({"userName": "A@b", "externalId": "x"});
    let id = create(&mut server, person.clone());
    let group = server.send("POST", "/Groups", json!({"displayName": "g", "members": [{"value": id}]}));
    refused(&server.send("POST", "/Users", person.clone()), 409, "uniqueness", "userName");
    let off = json!({"Operations": [{"op": "replace", "value": {"active": false}}]});
    assert_eq!(server.send("PATCH", &format!("/Users/{id}"), off).body["groups"][0]["display"], "g");
    for (body, says) in [
        (json!({"userName": "a@B"}), "userName"),
        (json!({"userName": "a@B", "externalId": "y"}), "PATCH its active to true"),
        (json!({"userName": "c", "externalId": "x"}), "externalId"),
    ] {
        refused(&server.send("POST", "/Users", body), 409, "uniqueness", says);
    }
    let back = server.send("POST", "/Users", json!({"userName": "a@B", "externalId": "x", "title": "t"}));
    assert_eq!((back.status, back.text("id"), &back.body["active"]), (201, id.as_str(), &json!(true)));
    assert_eq!(back.body["groups"], Value::Null, "memberships start anew");
    let feed = server.console("/changes");
    let last = feed["changes"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["kind"], &last["groups"]), (&json!("reactivated"), &json!([group.body["id"]])));
    assert_eq!(server.console("")["counts"], json!({"users": 1, "activeUsers": 1, "groups": 1, "memberships": 0}));
}

#[test]
fn a_deleted_user_leaves_its_groups_and_its_id() {
    let mut server = server();
    let id = create(&mut server, json!({"userName": "a"}));
    let group = server.send("POST", "/Groups", json!({"displayName": "g", "members": [{"value": id}]}));
    let path = format!("/Groups/{}", group.text("id"));
    assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{id}"))).status, 204);
    let read = server.get(&path);
    assert_eq!((&read.body["members"], &read.body["meta"]["version"]), (&Value::Null, &json!("W/\"2\"")));
    assert_eq!(server.get(&format!("/Users/{id}")).status, 404);
    let stale = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": id}]}]});
    let first = server.send("PATCH", &path, stale.clone());
    assert_eq!((first.status, first.rows_written), (204, 1), "skipped, and written down");
    assert_eq!(server.send("PATCH", &path, stale).rows_written, 0);
}

#[test]
fn nested_groups() {
    let mut server = server();
    let person = create(&mut server, json!({"userName": "a"}));
    let inner = server.send("POST", "/Groups", json!({"displayName": "inner"})).text("id").to_owned();
    let outer = server.send("POST", "/Groups", json!({"displayName": "outer"})).text("id").to_owned();
    let path = format!("/Groups/{outer}");
    let before = (server.get("/Groups").body, server.console("")["lastSeq"].clone());
    for member in [
        json!({"value": "x-1", "type": "Group"}),
        json!({"value": "x-1", "type": " gROUP "}),
        json!({"value": "x-1", "$ref": "../Groups/x-1"}),
        json!({"value": "x-1", "$ref": "Groups/x-1"}),
        json!({"value": inner}),
        json!({"value": outer}),
    ] {
        let members = json!([{"value": person}, member]);
        let add = json!({"Operations": [{"op": "add", "path": "members", "value": members}]});
        let put = json!({"displayName": "outer", "members": members});
        for (method, path, body, name) in [
            ("PATCH", path.as_str(), add, outer.as_str()),
            ("PUT", path.as_str(), put.clone(), outer.as_str()),
            ("POST", "/Groups", json!({"displayName": "third", "members": members}), "third"),
        ] {
            let response = server.send(method, path, body);
            refused(&response, 400, "invalidValue", name);
            assert!(response.text("detail").contains(member["value"].as_str().unwrap()), "{}", response.body);
        }
    }
    assert_eq!((server.get("/Groups").body, server.console("")["lastSeq"].clone()), before);
}

/// A call of an object that was never registered leaves no row in it.
#[test]
fn an_unregistered_object_writes_nothing() {
    let sql = crate::support::sqlite::Sqlite::new();
    let actor =
        r#"{"token":{"hash":"b4c8b2ef8a0f1827425a1c5c211a75a69eab227c5280016ec58e25fff8434b02","dialect":"auto"}}"#;
    for ask in [r#"{"scim":"discover"}"#, r#"{"admin":{"configure":{"displayName":"A","saml":true,"scim":true}}}"#] {
        let call = format!(r#"{{"v":1,"org":"acme","request":"r","actor":{actor},"ask":{ask}}}"#);
        let org = scim_edge::id::OrgId::parse("acme");
        let now = scim_edge::id::Timestamp(0);
        let context = scim_edge::org::Context { org: org.as_ref(), now, random: &|| [0; 6], bytes: 0 };
        let call = serde_json::from_str(&call).unwrap();
        let progress = scim_edge::org::execute(&sql, &mut Default::default(), call, &context);
        let scim_edge::org::Progress::Done(reply) = progress else { panic!("{ask}") };
        assert_eq!(reply.outcome.unwrap_err().kind(), scim_edge::error::Kind::Unauthorized, "{ask}");
    }
    let tables: i64 = sql.connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 0);
}

#[test]
fn patches_that_take_what_is_taken() {
    let mut server = server();
    let id = create(&mut server, json!({"userName": "a", "title": "t"}));
    create(&mut server, json!({"userName": "b", "externalId": "b"}));
    let path = format!("/Users/{id}");
    let before = server.get(&path).body;
    for (name, value) in [("userName", "B"), ("externalId", "b")] {
        let operations = json!([{"op": "replace", "path": "title", "value": "new"},
                                {"op": "replace", "path": name, "value": value}]);
        refused(&server.send("PATCH", &path, json!({"Operations": operations})), 409, "uniqueness", name);
        assert_eq!(server.get(&path).body, before, "{name}");
    }
}

#[test]
fn of_several_primaries_the_first_is_kept() {
    let mut server = server();
    let emails = json!([{"value": "1", "primary": "True"}, {"value": "2", "primary": true}]);
    let kept = json!([{"value": "1", "primary": true}, {"value": "2", "primary": false}]);
    let body = json!({"userName": "a", "emails": emails});
    let id = create(&mut server, body.clone());
    let path = format!("/Users/{id}");
    assert_eq!(server.get(&path).body["emails"], kept);
    assert_eq!(server.send("PUT", &path, body).body["emails"], kept);
}

/// A text that is too long for a row of the journal is cut, and is no fault of the service.
#[test]
fn refusals_and_notes_are_cut() {
    let mut server = server();
    let long = "x".repeat(2 << 20);
    let many: serde_json::Map<_, _> = (0..100_000).map(|i| (format!("unknown{i}"), json!(1))).collect();
    let groups: Vec<Value> = (0..30_000).map(|i| json!({"value": format!("{i:040}"), "type": "Group"})).collect();
    let id = create(&mut server, json!({"userName": "a"}));
    let path = format!("/Users/{id}");
    for (method, path, body, status) in [
        ("PUT", path.as_str(), json!({"userName": "a", "id": long}), 400),
        ("PATCH", path.as_str(), json!({"Operations": [{"op": "add", "value": many}]}), 200),
        ("PATCH", path.as_str(), json!({"Operations": [{"op": "add", "value": {long: 1}}]}), 200),
        ("POST", "/Groups", json!({"displayName": "g", "members": groups}), 400),
    ] {
        let response = server.send(method, path, body);
        assert_eq!(response.status, status, "{method} {path}: {}", response.body);
        assert!(response.text("detail").len() < 2000);
    }
    // Twenty notes are kept; of more the journal says how many are missing.
    for (count, last) in [(20, "unknown19"), (23, "3 more notes")] {
        let operation = |i: usize| json!({"op": "add", "path": format!("unknown{i}"), "value": "x"});
        let operations: Value = (0..count).map(operation).collect();
        assert_eq!(server.send("PATCH", &path, json!({"Operations": operations})).status, 200);
        let entry = server.console("/journal")["entries"][0].clone();
        let said = entry["notes"].as_array().unwrap().last().unwrap().to_string();
        assert!(said.contains(last), "{count}: {entry}");
    }
}

/// The storage fails at every statement in turn: the request is refused as ours and nothing of it stays.
#[test]
fn a_failing_storage_leaves_nothing_behind() {
    let mut server = server();
    let id = create(&mut server, json!({"userName": "a"}));
    let group = server.send("POST", "/Groups", json!({"displayName": "g", "members": [{"value": id}]}));
    let requests = [
        Request::json("POST", "/Users", &json!({"userName": "b"})),
        Request::json("PUT", &format!("/Groups/{}", group.text("id")), &json!({"displayName": "h", "members": []})),
        Request::new("DELETE", &format!("/Users/{id}")),
    ];
    for request in requests {
        let mut failures = 0;
        loop {
            let before =
                (without_connection(server.console("")), server.console("/changes"), server.get("/Groups").body);
            server.sql.fail_after.set(Some(failures));
            let response = server.scim(request.clone());
            server.sql.fail_after.set(None);
            if response.status < 300 {
                break;
            }
            failures += 1;
            assert_eq!(response.status, 500, "{}", response.body);
            assert!(!response.text("detail").contains("storage"), "{}", response.body);
            let after =
                (without_connection(server.console("")), server.console("/changes"), server.get("/Groups").body);
            assert_eq!(after, before, "{} {} at statement {failures}", request.method, request.path);
        }
        assert!(failures >= 6, "{failures} statements");
    }
}

#[test]
fn a_group_cannot_be_a_member_even_in_sql() {
    let mut server = server();
    let group = server.send("POST", "/Groups", json!({"displayName": "g"}));
    assert_eq!(group.status, 201);
    let insert = "INSERT INTO members (group_key, user_key) VALUES (-1, -1)";
    let error = server.sql.connection.execute(insert, []).unwrap_err().to_string();
    assert!(error.contains("FOREIGN KEY"), "{error}");
}
