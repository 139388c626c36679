//! The history of one resource is a chain: its row, or its tombstone, names its last change, and each change the one before.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::follower::request;
use crate::support::imports::{end, import, lines, scim, snapshot, user};
use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use serde_json::json;
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
