//! Imports at their bounds: steps of bounded size, a group of more than 100,000, lines that would leave half a directory, and
//! who reads meanwhile.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::dump;
use crate::support::imports::{admin, end, group, import, lines, scim, send, user, work};
use crate::support::native::Native;
use scim_edge::auth::Dialect;
use scim_edge::console;
use scim_edge::directory::admin::Admin;
use scim_edge::directory::call::{Actor, Ask, CallEnvelope, VERSION};
use scim_edge::org::{self, Progress};
use scim_edge::route::Console;
use scim_edge::scim::schema::Kinds;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many steps each of the job's phases took.
fn steps(server: &mut Native) -> BTreeMap<String, u32> {
    let mut steps = BTreeMap::new();
    loop {
        let status = server.console("/import");
        match status["position"].as_str() {
            None => break,
            Some(position) => *steps.entry(position.split(':').next().unwrap().to_owned()).or_default() += 1,
        }
        server.alarm();
    }
    assert_eq!(server.console("/import")["error"], Value::Null);
    steps
}

/// Waits until an import can begin, and says how many steps that took beside those of each attempt.
fn cleared(server: &mut Native) -> u32 {
    let mut steps = 0;
    while admin(server, Admin::BeginImport).is_err() {
        server.alarm();
        steps += 1;
    }
    steps
}

fn sent(server: &mut Native, all: &[Value]) {
    admin(server, Admin::BeginImport).unwrap();
    let texts = lines(all);
    let (mut line, mut piece, mut bytes) = (1, Vec::new(), 0);
    for (at, text) in texts.iter().enumerate() {
        piece.push(text.clone());
        bytes += text.len();
        let last = at + 1 == texts.len();
        if bytes > 256 * 1024 || last {
            let ask = Admin::ImportLines { part: 1, line, lines: piece.join("\n"), last };
            admin(server, ask).unwrap();
            line += piece.len() as i64;
            (piece, bytes) = (Vec::new(), 0);
        }
    }
    admin(server, Admin::FinishImport).unwrap();
}

/// A step moves at most 500 documents, 4 MB of them, 5,000 memberships, or 200 lines that refer to others.
#[test]
fn steps_have_bounds() {
    let mut server = Native::new(Dialect::Auto);
    let wide = |n: usize, width: usize| {
        let attributes = json!({"userName": format!("u{n}"), "title": "t".repeat(width)});
        json!({"user": {"id": format!("u{n}"), "attributes": attributes}})
    };
    let small = (0..2_500).map(|n| wide(n, 1));
    let large = (2_500..2_600).map(|n| wide(n, 200_000));
    let crew: Vec<String> = (0..2_500).map(|n| format!("u{n}")).collect();
    let groups = (0..10).flat_map(|n| {
        let id = format!("g{n}");
        [group(&id, &id), json!({"members": {"id": id, "users": crew}})]
    });
    let graves = (0..300).map(|n| json!({"tombstone": {"id": format!("t{n}"), "resourceType": "User"}}));
    let mut all = vec![json!({"from": 0})];
    all.extend(small.chain(large).chain(groups).chain(graves));
    let mut last = end(all.len(), 2_600, 10, 25_000);
    last["counts"]["tombstones"] = json!(300);
    all.push(last);
    // One step more says that there is no more. 20 MB of documents take four, 25 of them at a time.
    let expected = [
        ("deleted ids are written", 2),
        ("groups are checked", 2),
        ("groups are written", 2),
        ("members, tombstones and changes are checked", 8),
        ("memberships are counted", 6),
        ("memberships are written", 6),
        ("users are checked", 7),
        ("users are written", 10),
    ];
    let expected: BTreeMap<String, u32> = expected.iter().map(|(name, steps)| ((*name).to_owned(), *steps)).collect();
    sent(&mut server, &all);
    let mut first = steps(&mut server);
    assert_eq!(first.remove("the old directory is taken out"), Some(3));
    assert_eq!(first, expected);
    // The lines that were sent are cleared away in steps, too; a client that begins before the end is told to wait.
    scim(&mut server, false);
    let refused = admin(&mut server, Admin::BeginImport).unwrap_err();
    assert_eq!((refused.kind().status(), refused.retry_after), (503, Some(5)));
    assert_eq!(admin(&mut server, Admin::EndImport).unwrap_err().kind().status(), 404);
    assert_eq!(cleared(&mut server), 6);
    // The same again: it takes the first one out.
    scim(&mut server, false);
    sent(&mut server, &all);
    let mut second = steps(&mut server);
    assert_eq!(second.remove("the old directory is taken out"), Some(5 + 1 + 10));
    assert_eq!(second, expected);
    assert_eq!(server.console("")["counts"]["memberships"], 25_000);
}

/// A group larger than any request could make it.
#[test]
fn a_large_group() {
    let mut server = Native::new(Dialect::Auto);
    let users = 100_500;
    let id = |n: usize| format!("u{n}");
    let mut all = vec![json!({"from": 0})];
    all.extend((0..users).map(|n| user(&id(n), &id(n))));
    all.push(group("g", "everybody"));
    for from in (0..users).step_by(10_000) {
        let some: Vec<String> = (from..users.min(from + 10_000)).map(id).collect();
        all.push(json!({"members": {"id": "g", "users": some}}));
    }
    all.push(end(all.len(), users as i64, 1, users as i64));
    admin(&mut server, Admin::BeginImport).unwrap();
    for (part, some) in (1..).zip(lines(&all).chunks(20_000)) {
        send(&mut server, part, some).unwrap();
    }
    admin(&mut server, Admin::FinishImport).unwrap();
    assert_eq!(work(&mut server).1["state"], "done");
    assert_eq!(server.console("")["counts"]["memberships"], users);
    assert_eq!(server.console("/groups/g/members?limit=2")["members"][0]["id"], "u0");
    // One leaves and comes back, as in any group.
    for op in ["remove", "add"] {
        let operation = json!({"op": op, "path": "members", "value": [{"value": "u7"}]});
        let patched = server.send("PATCH", "/Groups/g", json!({"Operations": [operation]}));
        assert_eq!((patched.status, patched.rows_written), (204, 3), "{op}: {}", patched.body);
    }
}

/// A row that could not be written is found before the directory is touched.
#[test]
fn changes_that_leave_something_behind() {
    let change = |kind: &str, what: &str, id: &str, resource: Value| json!({"change": {"seq": 1, "at": "2026-01-01T00:00:00Z", "kind": kind, "resourceType": what, "id": id, "resource": resource}});
    let known = [user("a", "ann"), group("g", "G"), json!({"members": {"id": "g", "users": ["a"]}})];
    let ghost = json!({"schemas": [], "displayName": "ghost"});
    for (changed, (users, groups, memberships), says) in [
        (
            change("deleted", "Group", "g", Value::Null),
            (1, 0, 1),
            "Part 1, line 3: the user of part 1, line 2 is a member still, and a change deleted one of the two.",
        ),
        (
            change("deleted", "User", "a", Value::Null),
            (0, 1, 1),
            "Part 1, line 3: the user of part 1, line 2 is a member still, and a change deleted one of the two.",
        ),
        (change("created", "Group", "a", ghost), (1, 2, 1), "Part 1, line 5: id \"a\" is in part 1, line 2 already."),
    ] {
        let mut server = Native::new(Dialect::Auto);
        server.send("POST", "/Users", json!({"userName": "here before"}));
        scim(&mut server, false);
        let before = dump::content(&server);
        let mut all = vec![json!({"from": 0})];
        all.extend(known.clone());
        all.push(changed);
        let mut last = end(all.len(), users, groups, memberships);
        last["counts"]["tombstones"] = json!(i64::from(groups < 2));
        all.push(last);
        let status = import(&mut server, &lines(&all), 9);
        assert_eq!((status["state"].as_str(), status["error"].as_str()), (Some("failed"), Some(says)));
        assert_eq!(dump::content(&server), before);
    }
}

/// A search that began before is not answered from half a directory.
#[test]
fn who_searches_meanwhile() {
    let mut server = Native::new(Dialect::Auto);
    let mut all = vec![json!({"from": 0})];
    all.extend((0..2_500).map(|n| user(&format!("u{n}"), &format!("u{n}"))));
    all.push(end(all.len(), 2_500, 0, 0));
    server.import(&lines(&all));
    scim(&mut server, false);
    cleared(&mut server);
    admin(&mut server, Admin::BeginImport).unwrap();
    send(&mut server, 1, &lines(&[json!({"from": 0}), end(1, 0, 0, 0)])).unwrap();
    admin(&mut server, Admin::FinishImport).unwrap();
    let parameters = [("filter".to_owned(), "title co \"nobody\"".to_owned())];
    let query = console::query(&Console::List(server.org.clone(), Kinds::Users), &parameters).unwrap();
    let ask = Ask::Read(query.unwrap());
    let call = json!({"v": VERSION, "org": server.org, "request": "r-1", "actor": Actor::Root, "ask": ask});
    let (text, now) = (call.to_string(), server.now);
    let call = CallEnvelope::read_envelope(text.as_bytes()).unwrap();
    let random = || [1; 6];
    let context = org::Context { org: None, now, random: &random, bytes: 0 };
    let Progress::Scan(pending) = org::execute(&server.sql, &mut server.memory, call, &context) else {
        panic!("answered at once");
    };
    while server.console("/import")["state"] != "writing" {
        server.alarm();
    }
    let Progress::Done(reply) = org::resume(&server.sql, &mut server.memory, *pending, now) else {
        panic!("goes on");
    };
    let error = reply.outcome.unwrap_err();
    assert_eq!((error.kind().status(), error.retry_after), (503, Some(30)));
    assert_eq!(server.call(Actor::Root, Ask::Admin(Admin::FinishImport)).outcome.unwrap_err().kind().status(), 409);
}

/// Members have lines of their own, and nothing of a group is dropped silently.
#[test]
fn members_in_a_group() {
    let mut server = Native::new(Dialect::Auto);
    admin(&mut server, Admin::BeginImport).unwrap();
    let wrong = json!({"group": {"id": "g", "attributes": {"displayName": "G", "members": [{"value": "a"}]}}});
    let error = send(&mut server, 1, &lines(&[json!({"from": 0}), wrong])).unwrap_err();
    assert_eq!(
        error.detail,
        "Part 1, line 2: attributes.members: members have lines of their own, {\"members\": ...}."
    );
    let error = send(&mut server, 2, &lines(&[json!({"from": 0})])).unwrap_err();
    assert_eq!(error.detail, "Part 2, line 1: Only the first line of part 1 may be from.");
}
