//! The history of one resource is a chain: its row, or its tombstone, names its last change, and each change the one before.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::follower::request;
use crate::support::imports::{end, import, lines, scim, snapshot, user};
use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use scim_edge::scim::difference::restore;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn column(server: &Native, text: &str) -> Vec<String> {
    let mut rows = server.sql.connection.prepare(text).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The positions of each resource's changes by the chain, from the last one back, and those of the feed. A change of
/// another resource, such as an import, ends the chain.
fn histories(server: &mut Native, since: i64) -> (BTreeMap<String, Vec<i64>>, BTreeMap<String, Vec<i64>>) {
    let ends = "SELECT id, seq FROM users UNION ALL SELECT id, seq FROM groups UNION ALL \
                SELECT id, coalesce(seq, 0) FROM tombstones";
    let mut rows = server.sql.connection.prepare(ends).unwrap();
    let ends: Vec<(String, i64)> =
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    drop(rows);
    let mut chains = BTreeMap::new();
    for (id, end) in ends {
        let (mut chain, mut next) = (Vec::new(), Some(end));
        while let Some(seq) = next.filter(|seq| *seq > since) {
            let row = "SELECT id, previous_seq FROM changes WHERE seq = ?";
            let (of, previous): (String, Option<i64>) =
                server.sql.connection.query_row(row, [seq], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            assert_eq!(of, id, "{seq}");
            assert!(previous.is_none_or(|previous| previous < seq), "{seq} {previous:?}");
            chain.push(seq);
            next = previous;
        }
        chain.reverse();
        if !chain.is_empty() {
            chains.insert(id, chain);
        }
    }
    let mut feed: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut after = since;
    loop {
        let page = server.console(&format!("/changes?after={after}&limit=1000"));
        for change in page["changes"].as_array().unwrap() {
            feed.entry(change["id"].as_str().unwrap().to_owned()).or_default().push(change["seq"].as_i64().unwrap());
        }
        if page["next"] == json!(after) {
            return (chains, feed);
        }
        after = page["next"].as_i64().unwrap();
    }
}

fn some(server: &mut Native, random: &mut Random, requests: usize) {
    for _ in 0..requests {
        let (users, groups) = (column(server, "SELECT id FROM users"), column(server, "SELECT id FROM groups"));
        let request = request(random, &users, &groups);
        assert_ne!(server.scim(request.clone()).status, 500, "{request:?}");
    }
}

#[test]
fn the_chain_of_a_resource_is_its_part_of_the_feed() {
    let mut random = Random(20_261_128);
    let (mut longest, mut deleted) = (0, 0);
    for round in 0..25 {
        let mut server = Native::new(Dialect::Auto);
        some(&mut server, &mut random, 120);
        let (chains, feed) = histories(&mut server, 0);
        assert_eq!(chains, feed, "{round}");
        longest = longest.max(chains.values().map(Vec::len).max().unwrap());
        deleted += column(&server, "SELECT id FROM tombstones").len();
        // An import begins every history anew, at its own change.
        let taken = snapshot(&mut server);
        scim(&mut server, false);
        assert_eq!(import(&mut server, &taken, 50)["state"], "done");
        let imported = server.console("")["lastSeq"].as_i64().unwrap();
        scim(&mut server, true);
        some(&mut server, &mut random, 60);
        let (chains, feed) = histories(&mut server, imported);
        assert_eq!(chains, feed, "{round}");
        let beyond = "SELECT count(*) FROM changes WHERE previous_seq < ?1 AND seq > ?1";
        let beyond: i64 = server.sql.connection.query_row(beyond, [imported], |row| row.get(0)).unwrap();
        assert_eq!(beyond, 0);
    }
    assert!(longest > 10 && deleted > 50, "{longest} {deleted}");
}

/// One request that makes several changes of one resource: each names the one before.
#[test]
fn several_changes_of_one_resource() {
    let mut server = Native::new(Dialect::Auto);
    let ids: Vec<String> = (0..9_000).map(|n| format!("{n:0>120}")).collect();
    let mut all = vec![json!({"from": 0})];
    all.extend(ids.iter().map(|id| user(id, id)));
    all.push(end(all.len(), 9_000, 0, 0));
    assert_eq!(import(&mut server, &lines(&all), 10_000)["state"], "done");
    let before = server.console("")["lastSeq"].as_i64().unwrap();
    let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
    let made = server.send("POST", "/Groups", json!({"displayName": "G", "members": members}));
    assert_eq!(made.status, 201);
    let group = made.text("id").to_owned();
    let last = |server: &mut Native| server.console("")["lastSeq"].as_i64().unwrap();
    assert!(last(&mut server) > before + 1, "in several pieces");
    // The first answer comes again although the creation is not the group's last change.
    let mut posted = Request::json("POST", "/Groups", &json!({"displayName": "G", "members": members}));
    posted.headers.push(("Idempotency-Key".to_owned(), "k".to_owned()));
    let again = |server: &mut Native| server.scim(posted.clone());
    assert_eq!(again(&mut server).status, 409, "made without the key");
    assert_eq!(server.send("DELETE", &format!("/Groups/{group}"), json!(null)).status, 204);
    let first = again(&mut server);
    let seq = last(&mut server);
    assert_eq!((first.status, again(&mut server).status, last(&mut server)), (201, 201, seq));
    assert_eq!(again(&mut server).text("id"), first.text("id"));
    let group = first.text("id").to_owned();
    let put = json!({"displayName": "H", "members": members[..7]});
    assert_eq!(server.send("PUT", &format!("/Groups/{group}"), put).status, 200);
    let (chains, feed) = histories(&mut server, 1);
    assert_eq!(chains, feed);
    assert!(chains[&group].len() > 4, "{:?}", chains[&group]);
}

/// The attributes of each user and group that there is, and the position of its last change.
fn documents(server: &Native) -> Vec<(String, i64, Map<String, Value>)> {
    let text = "SELECT id, seq, doc FROM users WHERE gone = 0 UNION ALL SELECT id, seq, doc FROM groups WHERE gone = 0";
    let mut rows = server.sql.connection.prepare(text).unwrap();
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?));
    let rows: Vec<(String, i64, String)> = rows.query_map([], read).unwrap().map(Result::unwrap).collect();
    rows.into_iter()
        .map(|(id, seq, doc)| {
            let mut attributes: Map<String, Value> = serde_json::from_str(&doc).unwrap();
            attributes.remove("schemas");
            (id, seq, attributes)
        })
        .collect()
}

/// A change of a user's lists, complex attributes and extensions.
fn rich(random: &mut Random, user: &str) -> Request {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let (own, letter) = ("urn:acme:User", random.of(&["a", "b", "c"]).to_owned());
    let role = |letter: &str| json!({"value": letter, "display": letter.repeat(40), "type": "t"});
    let operation = match random.below(12) {
        0 => json!({"op": "add", "path": "roles", "value": [role(&letter)]}),
        1 => json!({"op": "remove", "path": format!("roles[value eq \"{letter}\"]")}),
        2 => json!({"op": "replace", "path": format!("roles[type eq \"t\"].display"), "value": letter.repeat(30)}),
        3 => json!({"op": "replace", "path": "roles", "value": [role("c"), role("b"), role(&letter)]}),
        4 => json!({"op": "replace", "path": "name", "value": {"givenName": letter, "familyName": "F".repeat(20)}}),
        5 => json!({"op": "replace", "path": "name.familyName", "value": letter}),
        6 => json!({"op": "replace", "path": format!("{enterprise}:manager.value"), "value": letter}),
        7 => json!({"op": "replace", "path": format!("{enterprise}:department"), "value": letter}),
        8 => json!({"op": "add", "path": format!("{own}:was"), "value": [letter.repeat(20)]}),
        9 => json!({"op": "remove", "path": format!("{own}:was[value eq \"{}\"]", letter.repeat(20))}),
        10 => json!({"op": "replace", "path": format!("{own}:kept.was"), "value": letter}),
        _ => json!({"op": "remove", "path": random.of(&["roles", "name", enterprise, own])}),
    };
    Request::json("PATCH", &format!("/Users/{user}"), &json!({"Operations": [operation]}))
}

/// A change keeps its own inverse: from the resource as it is, or from nothing if it is gone, each earlier document
/// comes back.
#[test]
fn every_document_comes_back() {
    let mut random = Random(20_261_129);
    let (mut undone, mut short) = (0, 0);
    for round in 0..10 {
        let mut server = Native::new(Dialect::Auto);
        let string = |name: &str, many: bool| json!({"name": name, "type": "string", "multiValued": many});
        let kept =
            json!({"name": "kept", "type": "complex", "subAttributes": [string("was", false), string("is", false)]});
        let schema = json!({"id": "urn:acme:User", "name": "Acme", "attributes": [string("was", true), kept]});
        assert_eq!(server.admin("PUT", "/schemas/urn:acme:User", &schema).status, 201);
        let mut seen: BTreeMap<(String, i64), Map<String, Value>> = BTreeMap::new();
        for _ in 0..250 {
            let (users, groups) = (column(&server, "SELECT id FROM users"), column(&server, "SELECT id FROM groups"));
            let request = match users.get(random.below(users.len().max(1))) {
                Some(user) if !random.one_in(4) => rich(&mut random, user),
                _ => request(&mut random, &users, &groups),
            };
            assert_ne!(server.scim(request.clone()).status, 500, "{request:?}");
            seen.extend(documents(&server).into_iter().map(|(id, seq, document)| ((id, seq), document)));
        }
        let mut ends = documents(&server);
        let gone = column(&server, "SELECT id FROM tombstones");
        ends.extend(gone.into_iter().map(|id| {
            let seq = format!("SELECT seq FROM tombstones WHERE id = '{id}'");
            let seq = server.sql.connection.query_row(&seq, [], |row| row.get(0)).unwrap();
            (id, seq, Map::new())
        }));
        for (id, end, mut document) in ends {
            let mut next = Some(end);
            while let Some(seq) = next {
                let text = "SELECT kind, before, previous_seq FROM changes WHERE seq = ? AND bytes > 0";
                let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                let (kind, before, previous): (String, Option<String>, Option<i64>) =
                    server.sql.connection.query_row(text, [seq], read).unwrap();
                if let Some(before) = before.filter(|_| kind != "members") {
                    let mut told: Map<String, Value> = serde_json::from_str(&before).unwrap();
                    told.remove("groups");
                    short += usize::from(before.contains(r#"{"was":["#));
                    document = restore(&document, &told);
                    undone += 1;
                }
                if let Some(then) = previous.and_then(|previous| seen.get(&(id.clone(), previous))) {
                    assert_eq!(&document, then, "{round}: {id} before {seq}");
                }
                next = previous;
            }
        }
    }
    assert!(undone > 500 && short > 100, "{undone} {short}");
}

/// Rows as the build before the differences wrote them: each attribute whole, without the running column.
const YESTERDAY: &str = include_str!("yesterday.sql");

#[test]
fn changes_from_before_the_differences_are_read() {
    let mut server = Native::new(Dialect::Auto);
    server.sql.connection.execute_batch(YESTERDAY).unwrap();
    let feed = server.console("/changes?after=0");
    let shown = |n: usize, name: &str| feed["changes"][n][name].clone();
    assert_eq!(feed["next"], json!(6), "{feed}");
    assert_eq!((shown(2, "added"), shown(2, "removed")), (json!(["u-2"]), json!([])));
    assert_eq!((shown(4, "kind"), shown(4, "groups")), (json!("deleted"), json!(["g-1"])));
    assert_eq!((shown(5, "kind"), shown(5, "memberships")), (json!("deleted"), json!(100_001)));
    // The name before the last change, read whole although sub-attributes of it are there that the name of now has not.
    let stale = |formatted: &str| json!({"userName": "ada", "name": {"givenName": "Ada", "familyName": "Byron", "formatted": formatted}});
    let put = server.send("PUT", "/Users/u-1", stale("Augusta King"));
    assert_eq!((put.status, &put.body["name"]), (200, &json!({"givenName": "Ada", "familyName": "Byron"})));
    // From here on there are differences, and the name before is read from one.
    assert_eq!(column(&server, "SELECT before FROM changes WHERE seq = 7")[0], r#"{"name":{"familyName":"Lovelace"}}"#);
    let put = server.send("PUT", "/Users/u-1", stale("Ada Lovelace"));
    assert_eq!((put.status, &put.body["name"]), (200, &json!({"givenName": "Ada", "familyName": "Byron"})));
    assert_eq!(server.console("")["lastSeq"], json!(7), "nothing is left of that request");
    // An older change counts nothing.
    let bytes: Vec<Option<i64>> = {
        let mut rows = server.sql.connection.prepare("SELECT bytes FROM changes WHERE seq > 5 ORDER BY seq").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert!(matches!(bytes[..], [None, Some(100..400)]), "{bytes:?}");
}

/// The running column is the sum of what each row holds, whichever statement wrote it, and goes on after a build that did not
/// know it.
#[test]
fn the_bytes_of_changes_are_a_running_sum() {
    let mut random = Random(7);
    let mut server = Native::new(Dialect::Auto);
    let ids: Vec<String> = (0..300).map(|n| format!("{n:0>120}")).collect();
    let mut all = vec![json!({"from": 0})];
    all.extend(ids.iter().map(|id| user(id, id)));
    all.push(end(all.len(), 300, 0, 0));
    assert_eq!(import(&mut server, &lines(&all), 1000)["state"], "done");
    let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
    assert_eq!(server.send("POST", "/Groups", json!({"displayName": "G", "members": members})).status, 201);
    some(&mut server, &mut random, 200);
    let texts =
        ["request_id", "idempotency_key", "token", "idp", "repairs", "kind", "resource", "id", "before", "method"];
    let lengths: Vec<String> = texts.iter().map(|text| format!("coalesce(length(CAST({text} AS BLOB)), 0)")).collect();
    let wrong = format!(
        "SELECT count(*) FROM (SELECT bytes - coalesce(lag(bytes) OVER (ORDER BY seq), 0) AS own, 100 + {} AS held FROM changes) \
         WHERE own <> held",
        lengths.join(" + ")
    );
    assert_eq!(column(&server, &format!("SELECT CAST(({wrong}) AS TEXT)"))[0], "0");
    server.sql.connection.execute("UPDATE changes SET bytes = NULL WHERE seq > 50", []).unwrap();
    let seq = server.console("")["lastSeq"].as_i64().unwrap();
    some(&mut server, &mut random, 50);
    let fell =
        format!("SELECT count(*) FROM changes WHERE seq > {seq} AND bytes < (SELECT bytes FROM changes WHERE seq = 1)");
    assert_eq!(column(&server, &format!("SELECT CAST(({fell}) AS TEXT)"))[0], "0");
}
