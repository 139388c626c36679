//! `If-Match` and `If-None-Match` (RFC 7644 section 3.14, RFC 9110 section 13).

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::support::native::Native;
use crate::support::{Request, Response, Server};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

fn with(name: &str, value: &str, mut request: Request) -> Request {
    request.headers.push((name.to_owned(), value.to_owned()));
    request
}

fn titled(title: &str) -> Value {
    json!({"Operations": [{"op": "replace", "path": "title", "value": title}]})
}

/// A user at version 2 who is in a group at version 1: the paths and the tags that they are shown with.
fn directory(server: &mut Native) -> [(String, String); 2] {
    let user = server.send("POST", "/Users", json!({"userName": "a", "externalId": "x"}));
    let user = format!("/Users/{}", user.text("id"));
    server.send("PATCH", &user, titled("first"));
    let members = json!([{"value": user.trim_start_matches("/Users/")}]);
    let group = server.send("POST", "/Groups", json!({"displayName": "g", "externalId": "y", "members": members}));
    let group = format!("/Groups/{}", group.text("id"));
    [user, group].map(|path| {
        let tag = server.get(&path).body["meta"]["version"].as_str().unwrap().to_owned();
        (path, tag)
    })
}

fn seq(server: &mut Native) -> Value {
    server.console("")["lastSeq"].clone()
}

#[test]
fn conditions() {
    let mut server = Native::new(Dialect::Auto);
    let [(user, user_tag), (group, group_tag)] = directory(&mut server);
    assert!(user_tag.starts_with("W/\"2-"), "{user_tag}");
    assert_eq!(group_tag, "W/\"1\"");
    let (id, put) = (user.trim_start_matches("/Users/").to_owned(), json!({"userName": "a", "title": "first"}));
    let same = json!({"Operations": [{"op": "replace", "path": "displayName", "value": "g"}]});
    for (method, path, header, value, status) in [
        ("GET", &user, "If-Match", "W/\"2\"", 200),
        ("GET", &user, "If-Match", "\"1\"", 412),
        ("GET", &user, "If-None-Match", user_tag.as_str(), 304),
        ("GET", &user, "If-None-Match", "W/\"2\"", 200),
        ("GET", &user, "If-None-Match", "\"1\", *", 400),
        ("GET", &user, "if-none-match", "*", 304),
        ("GET", &group, "If-None-Match", "W/\"0\", W/\"1\"", 304),
        ("PATCH", &user, "If-Match", user_tag.as_str(), 200),
        ("PATCH", &user, "If-Match", "\"1\", \"2-other\"", 200),
        ("PATCH", &user, "If-Match", "*", 200),
        ("PATCH", &user, "If-Match", "\"3\"", 412),
        ("PATCH", &user, "If-Match", "2", 400),
        ("PUT", &user, "If-Match", "\"1\"", 412),
        ("PUT", &user, "If-None-Match", "\"2\"", 412),
        ("PUT", &user, "If-None-Match", "\"1\"", 200),
        ("PATCH", &group, "If-Match", "\"1\"", 204),
        ("PATCH", &group, "If-None-Match", "*", 412),
        ("DELETE", &group, "If-Match", "\"2\"", 412),
        ("DELETE", &user, "If-None-Match", "*", 412),
        ("DELETE", &"/Users/nobody".to_owned(), "If-Match", "\"1\"", 404),
        ("GET", &"/Users".to_owned(), "If-None-Match", "*", 200),
        ("DELETE", &group, "If-Match", "\"1\"", 204),
    ] {
        let request = match (method, path.starts_with("/Users")) {
            ("PUT", _) => Request::json(method, path, &put),
            ("PATCH", true) => Request::json(method, path, &titled("first")),
            ("PATCH", false) => Request::json(method, path, &same),
            _ => Request::new(method, path),
        };
        let before = seq(&mut server);
        let response = server.scim(with(header, value, request));
        assert_eq!(response.status, status, "{method} {path} {header}: {value}: {}", response.body);
        if status == 412 {
            assert!(response.text("detail").contains("is at version"), "{}", response.body);
        }
        if status == 400 {
            assert_eq!(response.text("scimType"), "invalidValue");
            assert!(response.text("detail").starts_with(header), "{}", response.body);
        }
        if status != 204 || method != "DELETE" {
            assert_eq!(seq(&mut server), before, "{method} {path} {header}: {value}");
        }
    }
    let answer = server.answer(with("If-None-Match", "*", Request::new("GET", &user)));
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    let tag = server.get(&format!("/Users/{id}")).body["meta"]["version"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers, [("ETag", tag)]);
}

/// Two clients read, both write: the second one's condition no longer holds.
#[test]
fn no_update_is_lost() {
    let mut server = Native::new(Dialect::Auto);
    let [(user, tag), _] = directory(&mut server);
    let change = |title: &str| with("If-Match", &tag, Request::json("PATCH", &user, &titled(title)));
    let (first, second) = (server.scim(change("one")), server.scim(change("two")));
    assert_eq!((first.status, second.status), (200, 412), "{}", second.body);
    assert_eq!(server.get(&user).text("title"), "one");
    assert_eq!(server.scim(change("two")).rows_written, 0, "the refusal is written down once");
    let now = first.body["meta"]["version"].as_str().unwrap();
    let again = with("If-Match", now, Request::json("PATCH", &user, &titled("two")));
    assert_eq!(server.scim(again).status, 200);
}

#[test]
fn create_only() {
    let mut server = Native::new(Dialect::Auto);
    let [(user, _), (group, _)] = directory(&mut server);
    server.send("PATCH", &user, json!({"Operations": [{"op": "replace", "path": "active", "value": false}]}));
    let post = |server: &mut Native, path: &str, value: &str, body: Value| -> Response {
        server.scim(with("If-None-Match", value, Request::json("POST", path, &body)))
    };
    for (path, body, names) in [
        ("/Users", json!({"userName": "A", "externalId": "x"}), "userName"),
        ("/Users", json!({"userName": "A"}), "userName"),
        ("/Users", json!({"userName": "b", "externalId": "x"}), "externalId"),
        ("/Groups", json!({"displayName": "G"}), "displayName"),
        ("/Groups", json!({"displayName": "h", "externalId": "y"}), "externalId"),
    ] {
        let before = seq(&mut server);
        let response = post(&mut server, path, "*", body.clone());
        assert_eq!((response.status, response.text("scimType")), (412, ""), "{body}");
        let (detail, id) = (response.text("detail"), if path == "/Users" { &user } else { &group });
        assert!(detail.contains(names) && detail.contains(id.trim_start_matches(&format!("{path}/"))), "{detail}");
        assert_eq!(seq(&mut server), before);
    }
    assert_eq!(post(&mut server, "/Users", "*", json!({"userName": "new"})).status, 201);
    let revived = post(&mut server, "/Users", "\"1\"", json!({"userName": "a", "externalId": "x"}));
    assert_eq!(revived.status, 201, "a tag says nothing of what is not there yet: {}", revived.body);
    assert_eq!(format!("/Users/{}", revived.text("id")), user);
}
