//! Memberships: what operations on them come to, and what large ones cost.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::limits::{refused, stored_users};
use crate::support::native::Native;
use crate::support::patch::{GROUP, MESSAGE};
use crate::support::random::Random;
use crate::support::{Response, Server};
use scim_edge::auth::Dialect;
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::query::Query;
use scim_edge::directory::reply::Answer;
use scim_edge::error::Result;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn values(ids: &[String]) -> Value {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

fn group(server: &mut Native, name: &str, ids: &[String]) -> String {
    let made = server.send("POST", "/Groups", json!({"schemas": [GROUP], "displayName": name, "members": values(ids)}));
    assert_eq!(made.status, 201, "{}", made.text("detail"));
    format!("/Groups/{}", made.text("id"))
}

fn patch(server: &mut Native, path: &str, operations: &Value) -> Response {
    let path = format!("{path}?excludedAttributes=members");
    server.send("PATCH", &path, json!({"schemas": [MESSAGE], "Operations": operations}))
}

fn members(server: &mut Native, path: &str) -> BTreeSet<String> {
    let group = server.get(path).body;
    group["members"].as_array().into_iter().flatten().map(|m| m["value"].as_str().unwrap().to_owned()).collect()
}

/// A filter, and the ids that it finds.
fn filter(random: &mut Random, pool: &[String]) -> (String, Vec<String>) {
    let some = |random: &mut Random| pool[random.below(pool.len())].clone();
    let (one, two, digit) = (some(random), some(random), random.below(10).to_string());
    let found = |fits: &dyn Fn(&str) -> bool| pool.iter().filter(|id| fits(id)).cloned().collect();
    match random.below(9) {
        0 => (format!("value eq \"{one}\""), vec![one]),
        1 => (format!("value ne \"{one}\""), found(&|id| id != one)),
        2 => (format!("value eq \"{one}\" or value eq \"{two}\""), vec![one, two]),
        3 => (format!("value eq \"{one}\" or value ew \"{digit}\""), found(&|id| id == one || id.ends_with(&digit))),
        4 => (format!("not (value ew \"{digit}\")"), found(&|id| !id.ends_with(&digit))),
        5 => (format!("value gt \"{one}\" and type eq \"user\""), found(&|id| id > one.as_str())),
        6 => ("type eq \"Group\"".to_owned(), Vec::new()),
        7 => (format!("value eq \"{one}\" and not (value ew \"{digit}\")"), {
            vec![one].into_iter().filter(|id| !id.ends_with(&digit)).collect()
        }),
        _ => (format!("value ew \"{digit}\""), found(&|id| id.ends_with(&digit))),
    }
}

/// Any sequence of operations comes to what it comes to one after another, on a plain set, and the feed tells of it.
#[test]
fn operations_in_their_order() {
    let (mut server, mut random) = (Native::new(Dialect::Rfc), Random(7));
    let pool = stored_users(&server, 24);
    let (deleted, users) = pool.split_at(2);
    for id in deleted {
        assert_eq!(server.send("DELETE", &format!("/Users/{id}"), Value::Null).status, 204);
    }
    let path = group(&mut server, "g", &users[..9]);
    let (mut stored, mut outcomes) = (members(&mut server, &path), [0, 0]);
    for _ in 0..600 {
        let mut set = stored.clone();
        let mut found_nothing = false;
        let operations: Value = (0..1 + random.below(6))
            .map(|_| {
                let ids: Vec<String> = (0..random.below(4)).map(|_| pool[random.below(24)].clone()).collect();
                let (text, fits) = filter(&mut random, &pool);
                match random.below(12) {
                    0..4 => {
                        set.extend(ids.iter().cloned());
                        json!({"op": "add", "path": "members", "value": values(&ids)})
                    }
                    4 | 5 => {
                        set.retain(|id| !ids.contains(id));
                        json!({"op": "remove", "path": "members", "value": values(&ids)})
                    }
                    6 => {
                        set = ids.iter().cloned().collect();
                        json!({"op": "replace", "path": "members", "value": values(&ids)})
                    }
                    7..9 => {
                        found_nothing |= !fits.iter().any(|id| set.contains(id));
                        set.retain(|id| !fits.contains(id));
                        set.extend(ids.iter().cloned());
                        json!({"op": "replace", "path": format!("members[{text}]"), "value": values(&ids)})
                    }
                    _ => {
                        set.retain(|id| !fits.contains(id));
                        json!({"op": "remove", "path": format!("members[{text}]")})
                    }
                }
            })
            .collect();
        let after = server.console("")["lastSeq"].as_i64().unwrap();
        let answer = patch(&mut server, &path, &operations);
        outcomes[usize::from(found_nothing)] += 1;
        if found_nothing {
            refused(&answer, 400, "noTarget", "matches the filter");
            set = stored.clone();
        } else {
            assert_eq!(answer.status, 200, "{operations}: {}", answer.body);
        }
        set.retain(|id| !deleted.contains(id));
        assert_eq!(members(&mut server, &path), set, "{operations} on {stored:?}");
        for change in server.console(&format!("/changes?after={after}"))["changes"].as_array().unwrap() {
            assert_eq!(change["kind"], "members");
            let ids = |side: &str| change[side].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
            assert!(
                ids("removed").all(|id| stored.remove(&id)) && ids("added").all(|id| stored.insert(id)),
                "{change}"
            );
        }
        assert_eq!(stored, set, "the feed after {operations}");
    }
    assert!(outcomes.iter().all(|count| *count > 100), "{outcomes:?}");
}

/// Twice the members cost at most 2.5 times the steps in SQLite, and many filters one pass.
#[test]
fn costs_are_linear() {
    let mut server = Native::new(Dialect::Rfc);
    let ids = stored_users(&server, 12_000);
    let terms: Vec<String> = (0..10).map(|digit| format!("value sw \"{digit}-\"")).collect();
    let by_terms = json!([{"op": "remove", "path": format!("members[{}]", terms.join(" or "))}]);
    let passes: Value = terms.iter().map(|term| json!({"op": "remove", "path": format!("members[{term}]")})).collect();
    let mut costs: Vec<Vec<(&str, i64)>> = Vec::new();
    for size in [6_000, 12_000] {
        let ids = &ids[..size];
        let mut cost = Vec::new();
        let mut measured = |server: &mut Native, name, act: &mut dyn FnMut(&mut Native) -> u16| {
            let before = server.sql.steps.get();
            let status = act(server);
            assert!(status < 300, "{name}: {status}");
            cost.push((name, server.sql.steps.get() - before));
        };
        let mut path = String::new();
        let name = format!("group {size}");
        measured(&mut server, "POST", &mut |server| {
            path = group(server, &name, ids);
            201
        });
        measured(&mut server, "ten terms", &mut |server| patch(server, &path, &by_terms).status);
        measured(&mut server, "ten filters", &mut |server| patch(server, &path, &passes).status);
        let listed = json!([{"op": "remove", "path": "members", "value": values(&ids[1..])}]);
        measured(&mut server, "a list to remove", &mut |server| patch(server, &path, &listed).status);
        let singles: Value = ids[..size / 12]
            .iter()
            .map(|id| json!({"op": "add", "path": "members", "value": [{"value": id}]}))
            .collect();
        measured(&mut server, "single adds", &mut |server| patch(server, &path, &singles).status);
        let whole = json!({"schemas": [GROUP], "displayName": name, "members": values(&ids[2..])});
        let slim = format!("{path}?excludedAttributes=members");
        measured(&mut server, "PUT", &mut |server| server.send("PUT", &slim, whole.clone()).status);
        let none = json!([{"op": "replace", "path": "members", "value": []}]);
        measured(&mut server, "members: []", &mut |server| patch(server, &path, &none).status);
        measured(&mut server, "PUT of all", &mut |server| server.send("PUT", &slim, whole.clone()).status);
        measured(&mut server, "DELETE", &mut |server| server.send("DELETE", &path, Value::Null).status);
        costs.push(cost);
    }
    for ((name, one), (_, twice)) in costs[0].iter().zip(&costs[1]) {
        assert!(twice * 10 <= one * 25, "{name}: {one} steps, twice as much {twice}");
    }
    let of = |wanted: &str| costs[1].iter().find(|(name, _)| *name == wanted).unwrap().1;
    assert!(of("ten filters") * 10 <= of("ten terms") * 11, "{costs:?}");
}

#[test]
fn a_hundred_thousand_at_a_time() {
    let mut server = Native::new(Dialect::Rfc);
    let ids = stored_users(&server, 100_002);
    let body = json!({"schemas": [GROUP], "displayName": "g", "members": values(&ids[..100_001])});
    refused(&server.send("POST", "/Groups", body), 400, "tooMany", "at most 100000 at a time, or delete the group");
    let path = group(&mut server, "g", &ids[..100_000]);
    let add = |id: &String| json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    assert_eq!(patch(&mut server, &path, &add(&ids[100_000])).status, 200);
    // Now it is above: only filters that name ids are tried, and it does not go at once.
    let remove = |filter: String| json!([{"op": "remove", "path": format!("members[{filter}]")}]);
    refused(&patch(&mut server, &path, &remove("value ew \"7\"".into())), 400, "tooMany", "must name the ids");
    let none = json!([{"op": "replace", "path": "members", "value": []}]);
    refused(&patch(&mut server, &path, &none), 400, "tooMany", "at most 100000 at a time");
    let named = format!("value eq \"{}\" or value eq \"{}\"", ids[1], ids[100_001]);
    assert_eq!(patch(&mut server, &path, &remove(named)).status, 200);
    assert_eq!(patch(&mut server, &path, &remove("value ew \"00007\"".into())).status, 200);
    assert_eq!(server.console("")["counts"]["memberships"], 99_999);
}

/// The feed tells of a large change in pieces, and the totals are right at each of them.
#[test]
fn a_large_change_is_told_in_pieces() {
    let mut server = Native::new(Dialect::Rfc);
    let ids = stored_users(&server, 9_000);
    let after = server.console("")["lastSeq"].as_i64().unwrap();
    let path = group(&mut server, "g", &ids[..5_000]);
    let body = json!({"schemas": [GROUP], "displayName": "g", "members": values(&ids[3_000..])});
    assert_eq!(server.send("PUT", &path, body).status, 200);
    let changes = server.console(&format!("/changes?after={after}"))["changes"].clone();
    let told: Vec<(usize, usize)> = changes
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["kind"] == "members")
        .map(|change| (change["added"].as_array().unwrap().len(), change["removed"].as_array().unwrap().len()))
        .collect();
    assert_eq!(told, [(4_000, 0), (1_000, 0), (1_000, 3_000), (3_000, 0)]);
    let rows = "SELECT group_concat(memberships), count(DISTINCT request_seq), min(length(request_id)), min(status) \
                FROM changes WHERE kind = 'members'";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let found: (String, i64, i64, i64) = server.sql.connection.query_row(rows, [], read).unwrap();
    assert_eq!(found, ("4000,5000,3000,6000".to_owned(), 2, 3, 200));
}

fn number(server: &Native, query: &str) -> i64 {
    server.sql.connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Lets the alarm run until the job is done: how many steps it took, and the most rows that one wrote.
fn cleared(server: &mut Native) -> (usize, u64) {
    let (mut steps, mut most) = (0, 0);
    while number(server, "SELECT count(*) FROM due WHERE what = 'clear-members'") > 0 {
        let before = server.sql.written();
        server.now = server.now.plus(10);
        server.alarm();
        (steps, most) = (steps + 1, most.max(server.sql.written() - before));
    }
    (steps, most)
}

/// A piece of a snapshot, and where the next one begins.
fn piece(server: &mut Native, position: Option<String>) -> Result<(Vec<Value>, Option<String>)> {
    match server.call(Actor::Root, Ask::Read(Query::Snapshot { position })).outcome? {
        Answer::Piece { lines, next } => {
            Ok((lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), next))
        }
        other => panic!("{other:?}"),
    }
}

/// The lines of a snapshot from a position on, or why it ended early.
fn snapshot(server: &mut Native, mut position: Option<String>) -> Result<Vec<Value>> {
    let mut lines = Vec::new();
    loop {
        let (more, next) = piece(server, position)?;
        lines.extend(more);
        if next.is_none() {
            return Ok(lines);
        }
        position = next;
    }
}

/// Returns the members of each group, as the lines of a snapshot tell them, and the memberships that its last line counts.
fn told(lines: &[Value]) -> (Vec<(String, usize)>, i64) {
    let of = |line: &Value| {
        let members = line.get("members")?;
        Some((members["id"].as_str().unwrap().to_owned(), members["users"].as_array().unwrap().len()))
    };
    (lines.iter().filter_map(of).collect(), lines.last().unwrap()["counts"]["memberships"].as_i64().unwrap())
}

#[test]
fn a_larger_group_is_gone_at_once() {
    let mut server = Native::new(Dialect::Rfc);
    let ids = stored_users(&server, 100_001);
    let (other, path) = (group(&mut server, "other", &ids[..1]), group(&mut server, "large", &ids[1..]));
    assert_eq!(
        patch(&mut server, &path, &json!([{"op": "add", "path": "members", "value": values(&ids[..1])}])).status,
        200
    );
    let after = server.console("")["lastSeq"].as_i64().unwrap();
    let (_, begun) = piece(&mut server, None).unwrap();
    let gone = server.send("DELETE", &path, Value::Null);
    let detail = snapshot(&mut server, begun).unwrap_err().detail;
    assert!(detail.contains("Take another snapshot"), "{detail}");
    assert_eq!((gone.status, gone.rows_written), (204, 4), "group, tombstone, job, change");
    let id = path.strip_prefix("/Groups/").unwrap();
    for cleared_away in [false, true] {
        if cleared_away {
            assert_eq!(
                cleared(&mut server),
                (13, 10_005),
                "members in eleven steps, the group, the end; the first one saves the counters too"
            );
            assert_eq!(number(&server, "SELECT count(*) FROM groups WHERE gone = 1"), 0);
            assert_eq!(number(&server, "SELECT count(*) FROM members"), 1);
        }
        let user = server.get(&format!("/Users/{}", ids[0])).body;
        assert_eq!(user["groups"].as_array().unwrap().len(), 1);
        assert_eq!(server.get(&path).status, 404);
        assert_eq!(server.send("DELETE", &path, Value::Null).status, 404);
        assert_eq!(server.get("/Groups").body["totalResults"], 1);
        assert_eq!(server.get(&format!("/Users?count=0&filter=groups.value+eq+%22{id}%22")).body["totalResults"], 0);
        let counts = server.console("")["counts"].clone();
        assert_eq!((&counts["groups"], &counts["memberships"]), (&json!(1), &json!(1)));
        assert_eq!(server.console("/groups")["groups"].as_array().unwrap().len(), 1);
        let other = other.strip_prefix("/Groups/").unwrap().to_owned();
        assert_eq!(told(&snapshot(&mut server, None).unwrap()), (vec![(other, 1)], 1));
        let changes = server.console(&format!("/changes?after={after}"))["changes"].clone();
        assert_eq!(changes.as_array().unwrap().len(), 1);
        assert_eq!(
            (&changes[0]["kind"], &changes[0]["id"], &changes[0]["resource"]),
            (&json!("deleted"), &json!(id), &Value::Null)
        );
    }
    // A member of both goes as ever, and the name is free.
    let again = group(&mut server, "large", &ids[..100_000]);
    assert_eq!(
        patch(&mut server, &again, &json!([{"op": "add", "path": "members", "value": values(&ids[100_000..])}])).status,
        200
    );
    assert_eq!(server.send("DELETE", &again, Value::Null).status, 204);
    group(&mut server, "Large", &[]);
    assert_eq!(server.send("DELETE", &format!("/Users/{}", ids[0]), Value::Null).status, 204);
    assert_eq!(number(&server, "SELECT count(*) FROM members"), 100_000);
    assert_eq!(server.console("")["counts"]["memberships"], 0);
    cleared(&mut server);
    assert_eq!(number(&server, "SELECT count(*) FROM members"), 0);
}

/// The guard counts them, also when it reads the changes again.
#[test]
fn the_guard_counts_a_larger_group() {
    let mut server = Native::new(Dialect::Rfc);
    let ids = stored_users(&server, 100_001);
    let path = group(&mut server, "large", &ids[1..]);
    assert_eq!(
        patch(&mut server, &path, &json!([{"op": "add", "path": "members", "value": values(&ids[..1])}])).status,
        200
    );
    let small = group(&mut server, "small", &ids[..2]);
    server.admin("PUT", "", &json!({"guard": {"limit": 100_000, "windowSeconds": 3600}}));
    assert_eq!(server.send("DELETE", &path, Value::Null).status, 429);
    server.admin("PUT", "", &json!({"guard": {"limit": 100_002, "windowSeconds": 3600}}));
    assert_eq!(server.send("DELETE", &path, Value::Null).status, 204);
    server.memory = Default::default();
    assert_eq!(server.send("DELETE", &small, Value::Null).status, 429);
}

#[test]
fn a_user_in_more_groups_is_gone_at_once() {
    const GROUPS: i64 = 100_001;
    let mut server = Native::new(Dialect::Rfc);
    let ids = stored_users(&server, 2);
    let rows = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {GROUPS}) \
         INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
         SELECT -n, printf('g-%06d', n), 'g' || n, 'g' || n, json_object('displayName', 'g' || n, 'schemas', json_array('{GROUP}')), 0, 1, 0, 0, 0 FROM n; \
         INSERT INTO members (group_key, user_key) SELECT g.key, 1 FROM groups g; \
         INSERT INTO members (group_key, user_key) VALUES (-1, 2); UPDATE users SET active = 0, external_id = 'x' WHERE key = 1; \
         INSERT INTO changes (seq, request_seq, at, request_id, idp, repairs, kind, resource, id, users, active_users, groups, \
         memberships) VALUES (1, 1, 0, 'r', '', '[]', 'updated', 'Group', 'g-000001', 2, 1, {GROUPS}, {GROUPS} + 1)"
    );
    server.sql.connection.execute_batch(&rows).unwrap();
    let back = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "u0", "externalId": "x"});
    refused(&server.send("POST", "/Users", back), 400, "tooMany", "at most 100000 at a time");
    let (path, id) = (format!("/Users/{}", ids[0]), &ids[0]);
    let gone = server.send("DELETE", &path, Value::Null);
    assert_eq!((gone.status, gone.rows_written), (204, 4), "user, tombstone, job, change");
    for cleared_away in [false, true] {
        if cleared_away {
            // One of its groups is emptied and one deleted meanwhile; the others are left.
            for (path, method) in [("/Groups/g-000001", "PUT"), ("/Groups/g-000002", "DELETE")] {
                let body = json!({"schemas": [GROUP], "displayName": "g1", "members": []});
                assert!(server.send(method, path, body).status < 300, "{path}");
            }
            let (steps, most) = cleared(&mut server);
            assert_eq!(
                (steps, most),
                (22, 10_008),
                "20 pieces of 5,000 groups, each with the positions of its change; the user, the end"
            );
            assert_eq!(number(&server, "SELECT count(*) FROM members"), 0);
            assert_eq!(number(&server, "SELECT count(*) FROM users WHERE gone = 1"), 0);
        }
        assert_eq!(server.get(&path).status, 404);
        assert_eq!(server.send("DELETE", &path, Value::Null).status, 404);
        assert_eq!(server.get("/Users").body["totalResults"], 1);
        assert_eq!(server.console("/users")["users"].as_array().unwrap().len(), 1);
        for (filter, found) in [
            ("externalId eq \"x\"".to_owned(), 0),
            ("userName eq \"u0\"".to_owned(), 0),
            ("active eq false".to_owned(), 0),
        ] {
            let path = format!("/Users?count=0&filter={}", filter.replace(' ', "+"));
            assert_eq!(server.get(&path).body["totalResults"], found, "{filter}");
        }
        let of_it = format!("/Groups?count=0&filter=members.value+eq+%22{id}%22");
        assert_eq!(server.get(&of_it).body["totalResults"], 0);
        assert_eq!(server.get("/Groups/g-000003").body["members"], Value::Null);
        assert_eq!(server.console("/groups/g-000003/members")["members"], json!([]));
        let counts = server.console("")["counts"].clone();
        let left = i64::from(!cleared_away);
        assert_eq!((&counts["users"], &counts["memberships"]), (&json!(1), &json!(left)));
        let (members, counted) = told(&snapshot(&mut server, None).unwrap());
        assert_eq!((members.iter().map(|(_, count)| *count as i64).sum::<i64>(), counted), (left, left));
        let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
        let version = server.get("/Groups/g-000003").body["meta"]["version"].clone();
        assert_eq!(patch(&mut server, "/Groups/g-000003", &add).status, 200);
        assert_eq!(server.get("/Groups/g-000003").body["meta"]["version"], version, "it cannot come back");
    }
    // The feed: one deletion, then the groups that it left, each once, with their versions.
    let (mut after, mut left, mut deleted) = (1, BTreeSet::new(), 0);
    loop {
        let page = server.console(&format!("/changes?after={after}"));
        let changes = page["changes"].as_array().unwrap();
        if changes.is_empty() {
            break;
        }
        for change in changes.iter().filter(|change| change["id"] == json!(id)) {
            deleted += usize::from(change["kind"] == "deleted");
            assert_eq!(change["resource"], Value::Null);
            assert_eq!(change["groups"].as_array().unwrap().is_empty(), change["kind"] == "deleted");
            assert_eq!(change.get("memberships"), (change["kind"] == "deleted").then_some(&json!(GROUPS)));
            assert!(
                change["groupVersions"].as_array().unwrap().iter().all(|group| group["version"].as_i64() >= Some(2))
            );
            let groups = change["groups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap().to_owned());
            assert!(groups.into_iter().all(|group| left.insert(group)), "twice");
        }
        after = page["next"].as_i64().unwrap();
    }
    assert_eq!((deleted, left.len() as i64), (1, GROUPS - 1), "the deleted group is in no other change");
    // The steps belong to the request that deleted the user.
    let journal = server.console("/journal?outcome=applied");
    let deletions = journal["entries"].as_array().unwrap().iter().filter(|entry| entry["method"] == "DELETE");
    assert_eq!(deletions.count(), 2, "{journal}");
    let taken = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "u0", "externalId": "x"});
    assert_eq!(server.send("POST", "/Users", taken).status, 201);
}
