//! Resources that are not held whole: a group with more than 1,000 members, a user in more than 1,000 groups.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::{BASE, Native};
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use scim_edge::directory::call::{Actor, Ask, Call};
use scim_edge::directory::scim::{Command, Members};
use scim_edge::id::GroupId;
use scim_edge::render;
use scim_edge::scim::projection::Projection;
use scim_edge::scim::schema::{Kinds, Types};
use scim_edge::store::Sql;
use serde_json::{Value, json};

/// Users `u1` to `u{count}`, all of them in the group `large`, and `u1` and `u2` in `count` more groups `g1` and so on.
fn world(count: usize) -> Native {
    let server = Native::new(Dialect::Rfc);
    let schemas = |name: &str| format!(r#""schemas":["urn:ietf:params:scim:schemas:core:2.0:{name}"]"#);
    for text in [
        &format!(
            r#"INSERT INTO users (key, id, user_name, user_name_key, more_mail, active, doc, version, seq, created, modified)
               WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
               SELECT i, 'u' || i, 'n' || i, 'n' || i, 0, 1, '{{{},"userName":"n' || i || '"}}', 1, 1, 0, 0 FROM n"#,
            schemas("User")
        ),
        &format!(
            r#"INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified)
               WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= {count})
               SELECT -i, iif(i > {count}, 'large', 'g' || i), 'name ' || i, 'name ' || i,
                   '{{"displayName":"name ' || i || '",{}}}', 0, 1, 1, 0, 0 FROM n"#,
            schemas("Group")
        ),
        &format!("INSERT INTO members SELECT -{count} - 1, key FROM users"),
        "INSERT INTO members SELECT g.key, u.key FROM groups g JOIN users u ON u.key IN (1, 2) WHERE g.id <> 'large'",
    ] {
        server.sql.query(text, &[]).unwrap();
    }
    server
}

fn body(server: &mut Native, path: &str) -> (Vec<(&'static str, String)>, String) {
    let response = server.answer(Request::new("GET", path));
    assert_eq!(response.status, 200, "{path}");
    (response.headers, String::from_utf8(response.body).unwrap())
}

fn member(n: usize) -> Value {
    json!({ "value": format!("u{n}"), "$ref": format!("{BASE}/Users/u{n}"), "type": "User" })
}

#[test]
fn a_group() {
    let mut server = world(2500);
    let members: Vec<Value> = (1..=2500).map(member).collect();
    let (headers, text) = body(&mut server, "/Groups/large");
    assert_eq!(headers[1], ("ETag", "W/\"1\"".to_owned()));
    let expected = json!({
        "displayName": "name 2501", "id": "large", "members": members,
        "meta": { "created": "1970-01-01T00:00:00.000Z", "lastModified": "1970-01-01T00:00:00.000Z",
            "location": format!("{BASE}/Groups/large"), "resourceType": "Group", "version": "W/\"1\"" },
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);

    // An edge that writes the answer itself gets all of it, and writes the same text.
    let command = Command::GetGroup { id: GroupId::parse("large").unwrap(), members: Members::Shown };
    let actor = Actor::Token { hash: server.token.hash(), dialect: server.dialect };
    let call = server.made(actor, Ask::Scim(command));
    let answer = server.send_call(Call { render: None, ..call }).outcome.unwrap();
    let shown = render::scim_answer(answer, Kinds::Groups, BASE, &Projection::default(), &Types::default()).unwrap();
    assert_eq!(String::from_utf8(shown.into_response().unwrap().body).unwrap(), text);

    for (query, names) in [
        ("attributes=members.value", &["value"][..]),
        ("attributes=members", &["$ref", "type", "value"]),
        ("attributes=members.$ref,members.type", &["$ref", "type"]),
        ("excludedAttributes=members.type,displayName", &["$ref", "value"]),
        ("excludedAttributes=members", &[]),
    ] {
        let shown: Vec<Value> = (1..=2500)
            .map(|n| Value::from_iter(names.iter().map(|name| ((*name).to_owned(), member(n)[*name].clone()))))
            .collect();
        let expected = if names.is_empty() { Value::Null } else { Value::from(shown) };
        let found: Value = serde_json::from_str(&body(&mut server, &format!("/Groups/large?{query}")).1).unwrap();
        assert_eq!(found["members"], expected, "{query}");
        // One of many is as it is alone.
        let list = body(&mut server, &format!("/Groups?filter=id+eq+%22large%22&{query}")).1;
        assert_eq!(serde_json::from_str::<Value>(&list).unwrap()["Resources"][0], found, "{query}");
    }

    let preview = server.preview(&json!({ "method": "GET", "path": "/Groups/large" })).body;
    assert_eq!(preview["answer"]["body"]["members"].as_array().unwrap().len(), 1000);
    assert!(preview["notes"][0].as_str().unwrap().contains("first 1000 members"), "{}", preview["notes"]);
}

#[test]
fn a_user() {
    let mut server = world(1500);
    let (headers, text) = body(&mut server, "/Users/u1");
    let user: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(headers[1], ("ETag", user["meta"]["version"].as_str().unwrap().to_owned()));
    let mut groups: Vec<&str> =
        user["groups"].as_array().unwrap().iter().map(|g| g["value"].as_str().unwrap()).collect();
    groups.sort_unstable();
    let mut expected: Vec<String> = (1..=1500).map(|n| format!("g{n}")).chain(["large".to_owned()]).collect();
    expected.sort_unstable();
    assert_eq!(groups, expected);
    let known = Request {
        headers: vec![("If-None-Match".to_owned(), headers[1].1.clone())],
        ..Request::new("GET", "/Users/u1")
    };
    assert_eq!(server.answer(known.clone()).status, 304);
    server.sql.query("UPDATE groups SET display_name = 'other' WHERE id = 'g1400'", &[]).unwrap();
    assert_eq!(server.answer(known).status, 200, "another name is another answer");

    // In a list they are left out, and it says so unless the request did not ask for them.
    for (query, note) in [("count=3", true), ("count=3&excludedAttributes=groups", false), ("startIndex=3", false)] {
        let (headers, text) = body(&mut server, &format!("/Users?{query}"));
        assert_eq!(headers.contains(&("X-Scim-Edge-Note", "groups-left-out".to_owned())), note, "{query}");
        let list: Value = serde_json::from_str(&text).unwrap();
        for user in list["Resources"].as_array().unwrap() {
            let many = user["id"] == "u1" || user["id"] == "u2";
            let shown = user["groups"].as_array().map_or(0, Vec::len);
            assert_eq!(shown, usize::from(!many && !query.contains("excluded")), "{query} {}", user["id"]);
        }
    }
    let preview = server.preview(&json!({ "method": "GET", "path": "/Users/u1" })).body;
    assert_eq!(preview["answer"]["body"]["groups"].as_array().unwrap().len(), 1000);
    let shown = server.console("/users/u1");
    assert_eq!((shown["groups"].as_array().unwrap().len(), &shown["moreGroups"]), (1000, &json!(true)));
}

/// `meta.version` is what SQL leaves open, so all is judged one by one.
#[test]
fn filters() {
    let mut server = world(1500);
    for (path, filter, found) in [
        ("/Groups", r#"members.value eq "u1400""#, 1),
        ("/Groups", r#"members[value eq "u1400" and type eq "User"]"#, 1),
        ("/Groups", r#"members[value eq "u1400" and type eq "Group"]"#, 0),
        ("/Groups", r#"not (members.value eq "u1400") and id eq "large""#, 0),
        ("/Groups", r#"members.value ne "u1400" and id eq "large""#, 1),
        ("/Groups", r#"members.value eq "u1400" and displayName eq "name 1501""#, 1),
        ("/Groups", r#"members.value eq "u1400" and displayName ne "name 1501""#, 0),
        ("/Groups", r#"members.value eq "u1400" and members.value eq "u3" and not (members.value eq "u1501")"#, 1),
        ("/Users", r#"groups.value eq "g1400""#, 2),
        ("/Users", r#"groups.value eq "g1" and groups.display eq "NAME 1400" and groups.value eq "g1500""#, 2),
        ("/Users", r#"not (groups.value eq "g1400") and (id eq "u2" or id eq "u3")"#, 1),
        ("/Users", r#"not (groups pr)"#, 0),
    ] {
        for open in ["", "meta.version pr and "] {
            let filter: String = form_urlencoded::byte_serialize(format!("{open}{filter}").as_bytes()).collect();
            let (_, text) = body(&mut server, &format!("{path}?filter={filter}&count=0"));
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["totalResults"], found, "{open}{filter}");
        }
    }
}
