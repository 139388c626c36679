//! A preview says what a request would do and does nothing of it: everything that is stored or counted stays as it was,
//! and the request itself is then answered as was said.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::dump::everything;
use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use scim_edge::directory::admin::Admin;
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::options::{Guard, Options};
use scim_edge::directory::residency::Residency;
use serde_json::{Value, json};

struct World {
    server: Native,
    user: String,
    other: String,
    group: String,
    gone: String,
}

fn world() -> World {
    let mut server = Native::new(Dialect::Auto);
    let mut made = |path: &str, body: Value| server.send("POST", path, body).text("id").to_owned();
    let user = made("/Users", json!({"userName": "ann", "externalId": "1"}));
    let other = made("/Users", json!({"userName": "bob"}));
    let gone = made("/Users", json!({"userName": "zoe"}));
    let group = made("/Groups", json!({"displayName": "red", "members": [{"value": user}]}));
    assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{gone}"))).status, 204);
    World { server, user, other, group, gone }
}

#[test]
fn what_is_said_and_what_is_then_done() {
    let World { user, other, group, gone, .. } = world();
    let (users, groups) = (format!("/Users/{user}"), format!("/Groups/{group}"));
    let patch = |operation: Value| json!({ "Operations": [operation] });
    let add = |id: &str| patch(json!({ "op": "add", "path": "members", "value": [{ "value": id }] }));
    let bulk = json!({ "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "n", "data": { "userName": "new" } },
        { "method": "POST", "path": "/Users", "bulkId": "m", "data": { "userName": "ann" } },
        { "method": "PATCH", "path": groups, "data": add("bulkId:n") },
    ]});
    let large = json!({ "Operations": (0..1000).map(|n| {
        json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": { "userName": format!("b{n}") } })
    }).collect::<Vec<_>>() });
    for (method, path, body, command, status, kinds, says) in [
        (
            "POST",
            "/Users",
            json!({"userName": "new", "active": "True"}),
            "createUser",
            201,
            &["created"][..],
            "string_booleans",
        ),
        ("POST", "/Users", json!({"userName": "ANN"}), "createUser", 409, &[], "is taken by the active user"),
        ("PUT", users.as_str(), json!({"userName": "ann"}), "replaceUser", 200, &[], ""),
        (
            "PATCH",
            &users,
            patch(json!({"op": "replace", "value": {"active": "False"}})),
            "patchUser",
            200,
            &["deactivated"],
            "\"active\":false",
        ),
        ("PATCH", &users, patch(json!({"op": "replace", "value": {"active": true}})), "patchUser", 200, &[], ""),
        (
            "PATCH",
            &users,
            patch(json!({"op": "add", "path": "shoeSize", "value": 7})),
            "patchUser",
            200,
            &[],
            "shoeSize",
        ),
        ("DELETE", &users, Value::Null, "deleteUser", 204, &["deleted"], &group),
        ("DELETE", "/Users/nobody", Value::Null, "deleteUser", 404, &[], "There is no user nobody"),
        ("PATCH", &groups, add(&other), "patchGroup", 204, &["members"], &other),
        ("PATCH", &groups, add(&user), "patchGroup", 204, &[], ""),
        ("PATCH", &groups, add(&gone), "patchGroup", 204, &[], "was deleted here and is skipped"),
        ("PATCH", &groups, add(&group), "patchGroup", 400, &[], "nested"),
        (
            "POST",
            "/Groups",
            json!({"displayName": "out", "members": [{"value": "x", "type": "Group"}]}),
            "",
            400,
            &[],
            "nested",
        ),
        (
            "POST",
            "/Groups",
            json!({"displayName": "new", "members": [{"value": user}]}),
            "createGroup",
            201,
            &["created", "members"],
            "",
        ),
        ("DELETE", &groups, Value::Null, "deleteGroup", 204, &["members", "deleted"], ""),
        ("POST", "/Bulk", bulk, "bulk", 200, &["created", "members"], "is taken by the active user"),
        ("POST", "/Bulk", large, "bulk", 200, &["created"; 1000], ""),
        ("POST", "/Users", json!("{\"userName\":"), "", 400, &[], "invalidSyntax"),
        ("GET", &users, Value::Null, "getUser", 200, &[], "\"red\""),
        ("GET", "/Users?filter=userName+sw+%22b%22&attributes=userName", Value::Null, "listUsers", 200, &[], "\"bob\""),
        ("GET", "/Groups?count=1", Value::Null, "listGroups", 200, &[], "\"red\""),
        ("GET", "/Users?filter=shoeSize+pr", Value::Null, "", 400, &[], "invalidFilter"),
        ("GET", "/Schemas", Value::Null, "", 200, &[], "ListResponse"),
        ("GET", "/Nowhere", Value::Null, "", 404, &[], "There is nothing at"),
        ("PUT", "/Users", Value::Null, "", 405, &[], "Allow"),
    ] {
        let case = format!("{method} {path} {}", body.to_string().chars().take(200).collect::<String>());
        let mut server = world().server;
        let before = (everything(&server), server.memory.unsaved.save_due_at(server.now), server.console(""));
        let asked = json!({"method": method, "path": path, "body": body});
        let preview = server.preview(&asked);
        assert_eq!(
            (preview.status, &preview.body["answer"]["status"]),
            (200, &json!(status)),
            "{case}: {}",
            preview.body
        );
        assert_eq!(
            (everything(&server), server.memory.unsaved.save_due_at(server.now), server.console("")),
            before,
            "{case}"
        );
        assert!(preview.body.to_string().contains(says), "{case}: {}", preview.body);
        let canonical = &preview.body["command"];
        if command.is_empty() {
            assert!(canonical.is_null() || *canonical == json!("discover"), "{case}: {canonical}");
        } else {
            assert!(canonical.get(command).is_some(), "{case}: {canonical}");
        }
        let of = |changes: &Value| {
            changes.as_array().unwrap().iter().map(|c| c["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of(&preview.body["changes"]), kinds, "{case}");
        assert_eq!(preview.body["changeCount"], json!(kinds.len()), "{case}");

        // Once more, and then it is done.
        assert_eq!(server.preview(&asked).body["answer"]["status"], json!(status), "{case}");
        let seq = server.console("")["lastSeq"].clone();
        let request = match &body {
            Value::Null => Request::new(method, path),
            Value::String(text) => Request { body: Some(text.clone().into_bytes()), ..Request::new(method, path) },
            body => Request::json(method, path, body),
        };
        assert_eq!(server.scim(request).status, status, "{case}");
        let done = server.console(&format!("/changes?after={seq}&limit=1000"));
        assert_eq!(of(&done["changes"]), kinds, "{case}");
    }
}

fn configure(server: &mut Native, scim: Option<bool>, options: Options) {
    let admin = Admin::Configure { display_name: None, saml: None, scim, options, residency: Residency::default() };
    server.call(Actor::Root, Ask::Admin(admin)).outcome.unwrap();
}

/// The guard judges a preview and does not count it.
#[test]
fn a_guarded_organisation() {
    let World { mut server, user, other, .. } = world();
    configure(
        &mut server,
        None,
        Options { guard: Some(Some(Guard { limit: 2, window_seconds: 60 })), ..Options::default() },
    );
    let off = |id: &str| {
        let body = json!({"Operations": [{"op": "replace", "value": {"active": false}}]});
        json!({"method": "PATCH", "path": format!("/Users/{id}"), "body": body})
    };
    let status = |server: &mut Native, asked: &Value| server.preview(asked).body["answer"]["status"].clone();
    // `zoe` was deleted within the window, so one more may go.
    for _ in 0..3 {
        assert_eq!(status(&mut server, &off(&user)), json!(200));
    }
    assert_eq!(server.send("PATCH", &format!("/Users/{user}"), off(&user)["body"].clone()).status, 200);
    assert_eq!(status(&mut server, &off(&other)), json!(429));
}

#[test]
fn conditions_dialects_and_a_service_that_is_off() {
    let World { mut server, user, .. } = world();
    let path = format!("/Users/{user}");
    let put = json!({"userName": "ann", "title": "t"});
    for (more, status, says) in [
        (json!({"headers": {"if-match": "W/\"1\""}}), 200, "\"t\""),
        (json!({"headers": {"If-Match": "W/\"7\""}}), 412, "at version 1"),
        (json!({"dialect": "rfc"}), 400, "schemas must name"),
        (json!({"query": "attributes=title"}), 200, "\"title\":\"t\""),
    ] {
        let mut asked = json!({"method": "put", "path": path, "body": put});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let preview = server.preview(&asked);
        assert_eq!(preview.body["answer"]["status"], json!(status), "{asked}: {}", preview.body);
        assert!(preview.body["answer"].to_string().contains(says), "{asked}: {}", preview.body);
    }
    for (asked, says) in [
        (json!({"method": "GET"}), "path"),
        (json!({"method": "GET", "path": "/Users", "boody": 1}), "boody"),
        (json!({"method": "GET", "path": "/Users", "headers": {"If-Match": 1}}), "If-Match"),
        (json!({"method": "GET", "path": "/Users", "dialect": "ldap"}), "ldap"),
        (json!([]), "a JSON object"),
    ] {
        let refused = server.preview(&asked);
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert!(refused.text("detail").contains(says), "{}", refused.body);
    }
    configure(&mut server, Some(false), Options::default());
    let preview = server.preview(&json!({"method": "PUT", "path": path, "body": put}));
    assert_eq!(preview.body["answer"]["status"], json!(403));
    assert!(preview.body["command"].get("replaceUser").is_some());
}
