//! Requests as large as they may be, and one above each limit.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Response, Server, stored};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

pub(crate) fn refused(response: &Response, status: u16, scim_type: &str, says: &str) {
    let said: String = response.body.to_string().chars().take(2_000).collect();
    assert_eq!((response.status, response.text("scimType")), (status, scim_type), "{said}");
    assert!(response.text("detail").contains(says), "{said}");
}

fn user(server: &mut Native, body: Value) -> Response {
    server.send("POST", "/Users", body)
}

#[test]
fn a_user_of_256_kib() {
    let mut server = Native::new(Dialect::Auto);
    let empty = r#"{"active":true,"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"title":"","userName":"u"}"#;
    let fits = "t".repeat(256 * 1024 - empty.len());
    let made = user(&mut server, json!({"userName": "u", "title": fits}));
    assert_eq!((made.status, &made.body["title"]), (201, &json!(fits)));
    let path = format!("/Users/{}", made.text("id"));
    assert_eq!(server.get(&path).body["title"], json!(fits));
    refused(&user(&mut server, json!({"userName": "v", "title": format!("{fits}t")})), 413, "", "262144");
    let patch = json!({"Operations": [{"op": "add", "path": "nickName", "value": "n"}]});
    refused(&server.send("PATCH", &path, patch), 413, "", "262144");
    assert_eq!(server.get(&path).body["nickName"], Value::Null);
}

#[test]
fn filters() {
    let mut server = Native::new(Dialect::Rfc);
    let mut ids = Vec::new();
    for n in 0..120 {
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
        ids.push(
            user(&mut server, json!({"schemas": schemas, "userName": format!("u{n}"), "title": format!("t{n}")}))
                .text("id")
                .to_owned(),
        );
    }
    let or = |terms: Vec<String>| terms.join(" or ");
    let nested = |levels: usize| format!("{}title eq \"t7\"{}", "not (".repeat(levels), ")".repeat(levels));
    let long = |bytes: usize| {
        let filter = "title eq \"t7\" or nickName eq \"\"";
        format!("{}{}\"", &filter[..filter.len() - 1], "n".repeat(bytes - filter.len()))
    };
    let names = or((0..120).map(|n| format!("userName eq \"U{n}\"")).collect());
    let titles = or((0..120).map(|n| format!("title eq \"T{n}\"")).collect());
    let first_eighty = or(ids[..80].iter().map(|id| format!("id eq \"{id}\"")).collect());
    for (filter, found) in
        [(names, 120), (titles, 120), (first_eighty, 80), (nested(32), 1), (nested(31), 119), (long(4096), 1)]
    {
        let response = server.get(&format!("/Users?count=0&filter={}", filter.replace(' ', "+")));
        assert_eq!(response.body["totalResults"], found, "{}: {}", filter.get(..60).unwrap(), response.body);
    }
    for (filter, says) in [(nested(33), "32 levels"), (long(4097), "4096 bytes")] {
        refused(&server.get(&format!("/Users?filter={}", filter.replace(' ', "+"))), 400, "invalidFilter", says);
    }
}

#[test]
fn a_patch_of_1000_operations() {
    let mut server = Native::new(Dialect::Auto);
    let id = user(&mut server, json!({"userName": "u"})).text("id").to_owned();
    let path = format!("/Users/{id}");
    let operations = |count: usize| -> Value {
        (0..count).map(|n| json!({"op": "add", "path": "roles", "value": [{"value": format!("r{n}")}]})).collect()
    };
    let done = server.send("PATCH", &path, json!({"Operations": operations(1000)}));
    assert_eq!((done.status, done.body["roles"].as_array().unwrap().len()), (200, 1000));
    refused(&server.send("PATCH", &path, json!({"Operations": operations(1001)})), 413, "", "1000");
    // One operation for each member is one in the end.
    let group = server.send("POST", "/Groups", json!({"displayName": "g"})).text("id").to_owned();
    let member = json!({"op": "add", "path": "members", "value": [{"value": id}]});
    let many = json!({"Operations": vec![member; 3000]});
    assert_eq!(server.send("PATCH", &format!("/Groups/{group}"), many).status, 204);
}

/// Puts so many users into the storage, past the service; returns their ids.
pub(crate) fn stored_users(server: &Native, count: usize) -> Vec<String> {
    server.sql.connection.execute_batch(&stored::users(0..count)).unwrap();
    (0..count).map(stored::user).collect()
}

#[test]
fn a_group_of_100_000_members() {
    const MEMBERS: usize = 100_000;
    let mut server = Native::new(Dialect::Auto);
    let ids = stored_users(&server, MEMBERS);
    let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    let made = server.send("POST", "/Groups", json!({"displayName": "all", "members": members}));
    assert_eq!(made.status, 201, "{}", made.text("detail"));
    let path = format!("/Groups/{}", made.text("id"));
    let read = server.get(&path);
    let found: Vec<&str> =
        read.body["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    assert!(found == ids.iter().map(String::as_str).collect::<Vec<_>>());
    let one = json!({"Operations": [{"op": "remove", "path": format!("members[value eq \"{}\"]", ids[7])}]});
    assert_eq!(server.send("PATCH", &path, one).rows_written, 3, "membership, group, change");
    assert_eq!(server.get(&path).body["members"].as_array().unwrap().len(), MEMBERS - 1);
    let slim = server.get(&format!("{path}?excludedAttributes=members"));
    assert_eq!((slim.status, &slim.body["members"]), (200, &Value::Null));
}

#[test]
fn a_user_in_30_000_groups() {
    const GROUPS: usize = 30_000;
    let mut server = Native::new(Dialect::Auto);
    for coming_back in [true, false] {
        let body = json!({"userName": "u", "externalId": "x", "active": false});
        let id = user(&mut server, body.clone()).text("id").to_owned();
        server
            .sql
            .connection
            .execute_batch(&format!(
                "DELETE FROM groups; WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {GROUPS}) \
                 INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
                 SELECT -n, printf('00000000-0000-7000-9000-%012d', n), 'g' || n, 'g' || n, '{{\"displayName\":\"g' || n || '\"}}', \
                 0, 1, 0, 0, 0 FROM n; \
                 INSERT INTO members (group_key, user_key) SELECT g.key, u.key FROM groups g, users u"
            ))
            .unwrap();
        let after = server.console("")["lastSeq"].as_i64().unwrap();
        let (left, last) = if coming_back {
            (server.send("POST", "/Users", body).status, "updated")
        } else {
            (server.send("DELETE", &format!("/Users/{id}"), Value::Null).status, "deleted")
        };
        assert_eq!(left, if coming_back { 201 } else { 204 });
        let changes = server.console(&format!("/changes?after={after}"))["changes"].clone();
        let changes = changes.as_array().unwrap();
        let kinds: Vec<&str> = changes.iter().map(|change| change["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["updated", "updated", "updated", "updated", "updated", last]);
        let groups: usize = changes.iter().map(|change| change["groups"].as_array().unwrap().len()).sum();
        let versions: Vec<&Value> = changes.iter().flat_map(|c| c["groupVersions"].as_array().unwrap()).collect();
        assert_eq!((groups, versions.len()), (GROUPS, GROUPS));
        assert!(versions.iter().all(|group| group["version"] == 2));
    }
}

/// Adding, repeating and removing one member costs the same in a group of any size.
#[test]
fn one_member_of_a_large_group() {
    let mut server = Native::new(Dialect::Auto);
    let ids = stored_users(&server, 100_001);
    let (one, members) = ids.split_last().unwrap();
    let mut costs = Vec::new();
    for size in [10, 10_000, 100_000] {
        let values: Vec<Value> = members[..size].iter().map(|id| json!({"value": id})).collect();
        let group = json!({"displayName": format!("group {size}"), "members": values});
        let group = server.send("POST", "/Groups", group).text("id").to_owned();
        let steps = ["add", "add", "remove", "remove"].map(|op| {
            let operation = json!({"op": op, "path": "members", "value": [{"value": one}]});
            let before = server.sql.steps.get();
            let body = json!({"Operations": [operation]});
            assert_eq!(server.send("PATCH", &format!("/Groups/{group}"), body).status, 204);
            server.sql.steps.get() - before
        });
        costs.push(steps);
    }
    let widest = |at: usize| {
        let of = || costs.iter().map(|steps| steps[at]);
        (of().min().unwrap(), of().max().unwrap())
    };
    for at in 0..4 {
        let (least, most) = widest(at);
        assert!(most - least <= 20, "{costs:?}");
    }
}

#[test]
fn names_of_attributes_paths_and_keys_that_nobody_knows() {
    let mut server = Native::new(Dialect::Auto);
    let id = user(&mut server, json!({"userName": "u"})).text("id").to_owned();
    let search = |names: usize| {
        let names: Vec<String> = (0..names).map(|n| format!("name{n}")).collect();
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "attributes": names})
    };
    assert_eq!(server.send("POST", "/Users/.search", search(500)).status, 200);
    refused(&server.send("POST", "/Users/.search", search(501)), 400, "tooMany", "501 names");
    let operations = |count: usize| -> Value {
        (0..count).map(|n| json!({"op": "add", "path": format!("nobody{n}"), "value": "v"})).collect()
    };
    let path = format!("/Users/{id}");
    assert_eq!(server.send("PATCH", &path, json!({"Operations": operations(10_000)})).status, 200);
    refused(&server.send("PATCH", &path, json!({"Operations": operations(10_001)})), 413, "", "1000");
    // Each key is looked up once among the others, not compared with all of them.
    let mut body = json!({"userName": "v", "name.givenName": "Ada"});
    for n in 0..100_000 {
        body[format!("zz{n}")] = json!(0);
    }
    let made = user(&mut server, body);
    assert_eq!((made.status, &made.body["name"]["givenName"]), (201, &json!("Ada")));
}

#[test]
fn a_piece_of_a_scan_is_bounded_by_documents_and_terms() {
    let mut server = Native::new(Dialect::Auto);
    for n in 0..50 {
        let made = user(&mut server, json!({"userName": format!("u{n}"), "title": "t".repeat(200_000)}));
        assert_eq!(made.status, 201);
    }
    server.step_takes = 1;
    let mut steps = |terms: usize, sort: &str| {
        let filter = vec!["title+co+%22nowhere%22"; terms].join("+or+");
        let before = server.now.0;
        let found = server.get(&format!("/Users?count=10{sort}&filter={filter}"));
        assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(0)), "{}", found.body);
        // Every request takes 7 ms, every further step 1.
        server.now.0 - before - 7
    };
    // 10 MB: a first piece of 42 users and one more; with eight terms, of 6 and eight more; with a hundred, of 2.
    assert_eq!((steps(1, ""), steps(8, ""), steps(100, "")), (1, 8, 25));
    assert_eq!(steps(1, "&sortBy=title"), 1);
}
