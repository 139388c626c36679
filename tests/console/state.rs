//! The Console's reading: pages, filters, entity tags, the feed's ends, and their cost.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

/// Five users, two of them linked; in the order of their ids.
fn server() -> (Native, Vec<String>) {
    let mut server = Native::new(Dialect::Auto);
    let users = [
        json!({"userName": "ann", "externalId": "1", "title": "boss"}),
        json!({"userName": "bob", "title": "clerk"}),
        json!({"userName": "cyd", "externalId": "3", "title": "clerk", "active": false}),
        json!({"userName": "dan", "title": "boss"}),
        json!({"userName": "eve"}),
    ];
    let ids = users.map(|user| server.send("POST", "/Users", user).text("id").to_owned());
    for (name, members) in [("red", &ids[..3]), ("blue", &[])] {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        assert_eq!(server.send("POST", "/Groups", json!({"displayName": name, "members": members})).status, 201);
    }
    (server, ids.into())
}

fn names(page: &Value, list: &str, name: &str) -> Vec<String> {
    let text = |one: &Value| one[name].as_str().or(one["attributes"][name].as_str()).unwrap().to_owned();
    page[list].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn pages_of_users_and_groups() {
    let (mut server, ids) = server();
    for (list, query, name, expected) in [
        ("users", "", "userName", &["ann", "bob", "cyd", "dan", "eve"][..]),
        ("users", "linked=false", "userName", &["bob", "dan", "eve"]),
        ("users", "linked=true", "userName", &["ann", "cyd"]),
        ("users", "filter=title+eq+%22CLERK%22", "userName", &["bob", "cyd"]),
        ("users", "linked=false&filter=title+pr", "userName", &["bob", "dan"]),
        ("users", "filter=active+eq+false+or+userName+eq+%22Eve%22", "userName", &["cyd", "eve"]),
        ("users", "filter=groups.display+eq+%22Red%22", "userName", &["ann", "bob", "cyd"]),
        ("users", "filter=userName+eq+%22nobody%22", "userName", &[]),
        ("groups", "", "displayName", &["red", "blue"]),
        ("groups", "filter=members+pr", "displayName", &["red"]),
        ("groups", "linked=false", "displayName", &["red", "blue"]),
    ] {
        assert_eq!(names(&server.console(&format!("/{list}?{query}")), list, name), expected, "{list} {query}");
        for limit in 1..=expected.len() + 1 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let page = server.console(&format!("/{list}?{query}&limit={limit}{after}"));
                seen.extend(names(&page, list, name));
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
                assert_eq!(page[list].as_array().unwrap().len(), limit, "a page before the last is full");
            }
            assert_eq!(seen, expected, "{list} {query} by {limit}");
        }
    }
    let red = server.console("/groups")["groups"][0]["id"].as_str().unwrap().to_owned();
    let first = server.console(&format!("/groups/{red}/members?limit=2"));
    let rest = server.console(&format!("/groups/{red}/members?limit=2&after={}", first["next"].as_str().unwrap()));
    let member = |at: usize, name: &str, active: bool| json!({"id": ids[at], "userName": name, "active": active});
    assert_eq!(first["members"], json!([member(0, "ann", true), member(1, "bob", true)]));
    assert_eq!(rest, json!({"members": [member(2, "cyd", false)], "next": null}));
    assert_eq!(server.console(&format!("/users/{}", ids[0]))["groups"], json!([{"id": red, "displayName": "red"}]));
}

#[test]
fn what_is_asked_wrongly_is_named() {
    let (mut server, ids) = server();
    for (path, status, says) in [
        ("/users?linkd=false".to_owned(), 400, "\"linkd\". Allowed: after, limit, filter, linked."),
        ("/users?linked=no".to_owned(), 400, "linked must be true or false"),
        ("/users?limit=-1".to_owned(), 400, "limit must be a whole number"),
        ("/users?filter=title".to_owned(), 400, ""),
        ("/users?filter=shoeSize+eq+7".to_owned(), 400, "shoeSize"),
        ("/groups/none/members".to_owned(), 404, "no group none"),
        (format!("/groups/{}/members", ids[0]), 404, "There is no group"),
        ("/users/none".to_owned(), 404, "no user none"),
        ("/changes?wait=long".to_owned(), 400, "wait must be a whole number"),
        ("/changes?after=99".to_owned(), 400, "beyond the last change"),
        ("/changes?since=1".to_owned(), 400, "\"since\""),
    ] {
        let (found, _, body) = server.tagged(&path, None);
        assert_eq!(found, status, "{path}: {body}");
        assert!(body["detail"].as_str().unwrap().contains(says), "{path}: {body}");
    }
    let group = server.console("/groups")["groups"][0]["id"].as_str().unwrap().to_owned();
    let (status, _, body) = server.tagged(&format!("/groups/{group}/members?after=x"), None);
    assert_eq!((status, body["detail"].as_str().unwrap().contains("\"x\"")), (400, true), "{body}");
}

#[test]
fn entity_tags() {
    let (mut server, ids) = server();
    let group = server.console("/groups")["groups"][0]["id"].as_str().unwrap().to_owned();
    let paths = [
        "/users?linked=true".to_owned(),
        "/users".to_owned(),
        "/groups".to_owned(),
        format!("/groups/{group}/members"),
        format!("/users/{}", ids[0]),
        format!("/groups/{group}"),
    ];
    let before = paths.clone().map(|path| server.tagged(&path, None));
    for (path, (status, tag, _)) in paths.iter().zip(&before) {
        assert_eq!((*status, tag.is_empty()), (200, false), "{path}");
        assert_eq!(server.tagged(path, Some(tag)), (304, tag.clone(), Value::Null), "{path}");
        assert_eq!(server.tagged(path, Some("W/\"0\"")).0, 200, "{path}");
    }
    let shown = server.get(&format!("/Users/{}", ids[0])).body["meta"]["version"].clone();
    assert_eq!(before[4].1, shown, "as SCIM shows it");
    // A renamed group is shown with its user.
    let rename = json!({"Operations": [{"op": "replace", "path": "displayName", "value": "pink"}]});
    assert_eq!(server.send("PATCH", &format!("/Groups/{group}"), rename).status, 204);
    for (path, (_, tag, _)) in paths.iter().zip(&before) {
        assert_eq!(server.tagged(path, Some(tag)).0, 200, "{path}");
    }
}

/// Rows as an import would make them, without a change.
fn fill(server: &Native, users: usize, id: &str, members: bool) {
    server.sql.connection.execute_batch(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {users}) \
         INSERT INTO users (id, user_name, user_name_key, external_id, more_mail, active, doc, version, seq, created, modified) \
         SELECT printf('{id}', n), 'u' || n, 'u' || n, 'x' || n, 0, 1, json_object('userName', 'u' || n), 1, 0, 0, 0 FROM n;"
    )).unwrap();
    if members {
        server.sql.connection.execute_batch(
            "INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
             VALUES (-1, 'all', 'all', 'all', '{\"displayName\":\"all\"}', 0, 1, 0, 0, 0); \
             INSERT INTO members SELECT -1, key FROM users;",
        ).unwrap();
    }
}

/// A group of a million is paged: each page costs the same, and what one row more in it costs is a few steps.
#[test]
fn a_group_of_a_million() {
    const MEMBERS: i64 = 1_000_000;
    let mut server = Native::new(Dialect::Auto);
    fill(&server, MEMBERS as usize, "u%07d", true);
    let mut cost = |path: &str| {
        let before = server.sql.steps.get();
        let page = server.console(path);
        (server.sql.steps.get() - before, page)
    };
    let (first, page) = cost("/groups/all/members?limit=100");
    assert_eq!((page["members"].as_array().unwrap().len(), &page["next"]), (100, &json!("100.u0000100")));
    let (middle, page) = cost(&format!("/groups/all/members?limit=100&after={}", MEMBERS / 2));
    assert_eq!(page["members"][0]["userName"], json!("u500001"));
    let (last, page) = cost(&format!("/groups/all/members?limit=100&after={}", MEMBERS - 101));
    assert_eq!((page["members"][99]["id"].clone(), &page["next"]), (json!("u0999999"), &json!("999999.u0999999")));
    let (double, _) = cost("/groups/all/members?limit=200");
    assert_eq!((first, first), (middle, last));
    assert!(double - first <= 100 * 12, "{first} steps for 100, {double} for 200");
    let (alone, group) = cost("/groups/all");
    assert_eq!((group["id"].as_str(), group["members"].clone()), (Some("all"), Value::Null));
    let (list, _) = cost("/users?limit=100");
    let (end, page) = cost("/users?limit=100&after=u0999899");
    assert_eq!((page["users"].as_array().unwrap().len(), &page["next"]), (100, &json!("u0999999")));
    assert!(alone < 200 && end <= list + 100, "{alone} steps for the group, {list} and {end} for pages of users");
}

/// A page that would take too long ends where it is, and goes on from there.
#[test]
fn a_long_scan_is_told_in_parts() {
    let mut server = Native::new(Dialect::Auto);
    fill(&server, 30_000, "u%05d", false);
    server.step_takes = 4_000;
    let (mut pages, mut after) = (0, String::new());
    loop {
        let page = server.console(&format!("/users?linked=false{after}"));
        assert_eq!(page["users"], json!([]));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert!((2..=15).contains(&pages), "{pages}");
}

/// However large what changed is, a page is some MiB.
#[test]
fn pages_end_early() {
    let mut server = Native::new(Dialect::Auto);
    for n in 0..20 {
        let user = json!({"userName": format!("u{n}"), "title": "t".repeat(250_000)});
        assert_eq!(server.send("POST", "/Users", user).status, 201);
    }
    for (path, list, next) in [("/users?", "users", true), ("/changes?", "changes", false)] {
        let page = server.console(&format!("{path}limit=1000"));
        assert_eq!(page[list].as_array().unwrap().len(), 16, "{path}");
        let rest = server.console(&format!("{path}limit=1000&after={}", page["next"].to_string().trim_matches('"')));
        assert_eq!(rest[list].as_array().unwrap().len(), 4, "{path}");
        assert_eq!(rest["next"].is_null(), next, "{path}");
    }
}

/// A change of members is told in pieces: the longest ids, all of them replaced by others.
#[test]
fn large_membership_changes_come_in_pieces() {
    let mut server = Native::new(Dialect::Auto);
    let long = format!("{}%08d", "x".repeat(120));
    fill(&server, 12_000, &long, false);
    let members = |range: std::ops::Range<usize>| -> Vec<Value> {
        range.map(|n| json!({ "value": format!("{}{n:08}", "x".repeat(120)) })).collect()
    };
    let group = json!({"displayName": "g", "members": members(1..6001)});
    let id = server.send("POST", "/Groups", group).text("id").to_owned();
    let before = server.console("")["lastSeq"].as_i64().unwrap();
    let all = json!({"displayName": "g", "members": members(5_001..11_001)});
    let replaced = server.send("PUT", &format!("/Groups/{id}"), all.clone());
    assert_eq!(replaced.status, 200, "{}", replaced.text("detail"));
    assert_eq!(server.send("PUT", &format!("/Groups/{id}"), all).rows_written, 0);
    let page = server.console(&format!("/changes?after={before}"));
    let changes = page["changes"].as_array().unwrap();
    let count = |name: &str| changes.iter().map(|change| change[name].as_array().unwrap().len()).sum::<usize>();
    assert_eq!((count("removed"), count("added"), changes.len()), (5_000, 5_000, 3));
    assert!(changes.iter().all(|change| change.to_string().len() < 600_000 && change["version"] == json!(2)));
    assert_eq!(server.console("")["counts"]["memberships"], json!(6_000));
}

#[test]
fn the_feed_waits_and_forgets() {
    let (mut server, _) = server();
    let last = server.console("")["lastSeq"].as_i64().unwrap();
    let before = server.now;
    let empty = json!({"changes": [], "next": last});
    for (wait, waits) in [("", 0), ("&wait=0", 0), ("&wait=7", 7), ("&wait=3600", 25)] {
        let from = server.now;
        assert_eq!(server.console(&format!("/changes?after={last}{wait}")), empty);
        assert_eq!((server.now.0 - from.0) / 1000, waits, "{wait}");
    }
    // No request waits for data that is there.
    let from = server.now;
    assert_eq!(server.console("/changes?after=0&wait=25&limit=1")["next"], json!(1));
    assert_eq!(server.now, from);
    // 40 days later all but the last change is forgotten.
    server.now = before.plus(40 * 24 * 3_600_000);
    server.alarm();
    let oldest = server.console("")["oldestSeq"].as_i64().unwrap();
    assert_eq!(oldest, last);
    for (after, status) in [(0, 410), (last - 2, 410), (last - 1, 200), (last, 200), (last + 1, 400)] {
        let (found, _, body) = server.tagged(&format!("/changes?after={after}"), None);
        assert_eq!(found, status, "{after}: {body}");
        assert_eq!(body["detail"].as_str().is_some_and(|text| text.contains("Take a snapshot")), status == 410);
    }
}
