//! Imports: a snapshot imported is the directory that it was taken of, and what is wrong with one is told by its place and
//! changes nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::follower::{Directory, request};
use crate::support::imports::{admin, end, group, import, lines, resources, scim, send, snapshot, user, work};
use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::{Server, dump};
use scim_edge::auth::Dialect;
use scim_edge::directory::admin::Admin;
use scim_edge::directory::reply::Answer;
use serde_json::{Value, json};

fn filled(random: &mut Random, requests: usize) -> Native {
    let mut server = Native::new(Dialect::Auto);
    for _ in 0..requests {
        let ids = |server: &Native, table: &str| -> Vec<String> {
            let mut rows = server.sql.connection.prepare(&format!("SELECT id FROM {table}")).unwrap();
            rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let request = request(random, &ids(&server, "users"), &ids(&server, "groups"));
        assert_ne!(server.scim(request.clone()).status, 500, "{request:?}");
    }
    server
}

#[test]
fn snapshot_import_snapshot() {
    let mut random = Random(20_261_127);
    for round in 0..60 {
        let mut from = filled(&mut random, 5 + round);
        let taken = snapshot(&mut from);
        let mut into = filled(&mut random, round % 30);
        let before = into.console("")["lastSeq"].as_i64().unwrap();
        let old = Directory::read(&mut into, 100);
        scim(&mut into, false);
        let status = import(&mut into, &taken, 1 + random.below(40));
        assert_eq!(
            status,
            json!({"state": "done", "parts": [], "position": null, "error": null, "notes": [], "seq": before + 1}),
            "{round}"
        );
        let (directory, expected) = (Directory::read(&mut into, 100), Directory::read(&mut from, 100));
        assert_eq!((&directory.users, &directory.groups), (&expected.users, &expected.groups));
        assert_eq!(directory.members, expected.members);
        // Ids are never used again: those that were there before are remembered.
        let lost = old.users.keys().chain(old.groups.keys()).chain(&old.tombstones);
        let lost = lost.filter(|id| !expected.users.contains_key(*id) && !expected.groups.contains_key(*id));
        assert_eq!(directory.tombstones, expected.tombstones.iter().chain(lost).cloned().collect());
        let (about, original) = (into.console(""), from.console(""));
        assert_eq!((&about["counts"], &about["lastSeq"]), (&original["counts"], &json!(before + 1)));
        let change = into.console(&format!("/changes?after={before}"))["changes"][0].clone();
        assert_eq!((&change["kind"], &change["id"]), (&json!("imported"), &json!("acme")));
        if old == Directory::default() {
            assert_eq!(resources(&snapshot(&mut into)), resources(&taken));
        }
        // Both make their ids of the clock and the same bits, which are random elsewhere.
        into.now = into.now.max(from.now).plus(1000);
        // And life goes on: what is there can be changed, and the same again changes nothing.
        scim(&mut into, true);
        if let Some(id) = directory.users.keys().next() {
            let patch = json!({"Operations": [{"op": "replace", "path": "nickName", "value": "n"}]});
            assert_eq!(into.send("PATCH", &format!("/Users/{id}"), patch.clone()).status, 200);
            assert_eq!(into.send("PATCH", &format!("/Users/{id}"), patch).rows_written, 0);
        }
        assert_eq!(into.send("POST", "/Users", json!({"userName": "somebody new"})).status, 201);
        assert_eq!(into.send("POST", "/Groups", json!({"displayName": "something new"})).status, 201);
    }
}

/// Changes between the pieces of a snapshot are a part of it.
#[test]
fn a_snapshot_with_changes() {
    let mut random = Random(3);
    for _ in 0..40 {
        let mut from = filled(&mut random, 40);
        let (mut lines, mut position) = (Vec::new(), None);
        loop {
            let Answer::Piece { lines: more, next } =
                scim_edge::org::read::snapshot::piece(&from.sql, &from.memory.types(), position.as_deref(), 20)
                    .unwrap()
            else {
                panic!("not a piece")
            };
            lines.extend(more.lines().map(str::to_owned));
            position = next;
            if position.is_none() {
                break;
            }
            for _ in 0..random.below(3) {
                let directory = Directory::read(&mut from, 100);
                let ids = |of: Vec<&String>| of.into_iter().cloned().collect::<Vec<_>>();
                let (users, groups) = (ids(directory.users.keys().collect()), ids(directory.groups.keys().collect()));
                from.scim(request(&mut random, &users, &groups));
            }
        }
        let mut into = Native::new(Dialect::Auto);
        let status = import(&mut into, &lines, 7);
        assert_eq!(status["state"], "done", "{status} {lines:#?}");
        assert_eq!(Directory::read(&mut into, 100), Directory::read(&mut from, 100));
    }
}

/// Values that a registered schema does not allow are kept, as a PUT keeps stored ones, and each is named once.
#[test]
fn what_is_kept_as_it_was_sent_is_noted() {
    let mut server = Native::new(Dialect::Auto);
    scim(&mut server, false);
    let schema = json!({"resourceTypes": ["User", "Group"], "attributes": [{"name": "number", "type": "integer"}]});
    assert_eq!(server.admin("PUT", "/schemas/urn:acme:badge", &schema).status, 201);
    let badge = |badge: Value| json!({"userName": "u", "urn:ACME:badge": badge, "urn:acme:other": {"a": 1}});
    let user = |id: &str, value: Value| {
        let mut attributes = badge(value);
        attributes["userName"] = json!(id);
        json!({"user": {"id": id, "attributes": attributes}}).to_string()
    };
    let group = json!({"group": {"id": "g", "attributes": {"displayName": "g", "urn:acme:badge": {"colour": "red"}}}});
    let changed = json!({"change": {"seq": 1, "at": "2026-01-01T00:00:00Z", "kind": "updated", "resourceType": "User", "id": "b",
        "resource": {"userName": "b", "urn:acme:badge": {"shape": "round", "number": 3}}, "active": true}});
    let counts = json!({"users": 3, "activeUsers": 3, "groups": 1, "memberships": 0, "tombstones": 0});
    let lines = [
        json!({"from": 0}).to_string(),
        user("a", json!({"number": 1, "colour": "red", "shape": 2})),
        user("b", json!({"number": 2, "Colour": "blue"})),
        user("c", json!({"number": "1"})),
        group.to_string(),
        changed.to_string(),
        json!({"at": 1, "counts": counts, "lines": 6}).to_string(),
    ];
    let status = import(&mut server, &lines, 2);
    let notes = json!([
        "\"urn:acme:badge:colour\" is unknown: kept as it was sent. First in part 1, line 2.",
        "\"urn:acme:badge:shape\" is unknown: kept as it was sent. First in part 1, line 2.",
        "\"urn:acme:badge:Colour\" is unknown: kept as it was sent. First in part 2, line 1.",
        "urn:acme:badge:number must be a whole number, not the text \"1\": kept as it was sent. First in part 2, line 2.",
    ]);
    assert_eq!((&status["state"], &status["notes"]), (&json!("done"), &notes), "{status}");
    assert_eq!(server.console("/import")["notes"], notes);
    assert_eq!(
        server.console("/users/a")["attributes"]["urn:acme:badge"],
        json!({"number": 1, "colour": "red", "shape": 2})
    );
    assert_eq!(server.console("/users/b")["attributes"]["urn:acme:badge"], json!({"number": 3, "shape": "round"}));
    let other: Vec<String> = (0..30).map(|n| user(&format!("u{n}"), json!({format!("x{n}"): 1}))).collect();
    admin(&mut server, Admin::BeginImport).unwrap();
    send(&mut server, 1, &other).unwrap();
    assert_eq!(server.console("/import")["notes"].as_array().unwrap().len(), 20, "the first ones");
}

/// An error in one line is told when it is sent.
#[test]
fn lines_that_are_refused() {
    let with = |fields: Value| json!({ "user": fields });
    let ann = json!({"userName": "ann"});
    for (line, says) in [
        ("{\"user\":{\"id\":\"a\"".to_owned(), "Part 1, line 2: "),
        ("[]".to_owned(), "line 2: The body must be a JSON object, not an array."),
        (String::new(), "line 2: "),
        ("{}".to_owned(), "line 2: This line is an empty object."),
        (json!({"person": {}}).to_string(), "line 2: \"person\" is not a line of an import"),
        (json!({"user": 1}).to_string(), "line 2: user must be an object, not a number."),
        (with(json!({"attributes": ann})).to_string(), "line 2: id is missing; it must be a text."),
        (with(json!({"id": "a/b", "attributes": ann})).to_string(), "line 2: id must be 1 to 128 of A-Z a-z 0-9"),
        (with(json!({"id": "a"})).to_string(), "line 2: attributes is missing; it must be an object."),
        (with(json!({"id": "a", "attributes": {}})).to_string(), "line 2: userName is required for a User"),
        (with(json!({"id": "a", "attributes": {"userName": 1}})).to_string(), "line 2: userName must be a string"),
        (
            with(json!({"id": "a", "attributes": {"userName": "ann", "nick": 1}})).to_string(),
            "line 2: attributes.nick is not an attribute of a User.",
        ),
        (with(json!({"id": "a", "attributes": ann, "nick": 1})).to_string(), "line 2: Unknown field \"nick\"."),
        (
            with(json!({"id": "a", "attributes": ann, "version": 0})).to_string(),
            "line 2: version must be 1 or more, and less than 2^52.",
        ),
        (
            with(json!({"id": "a", "attributes": ann, "created": "yesterday"})).to_string(),
            "line 2: created must be a time such as 2027-01-31T09:30:00Z, not \"yesterday\".",
        ),
        (
            with(json!({"id": "a", "attributes": ann, "active": 1})).to_string(),
            "line 2: active must be true or false, not a number.",
        ),
        (json!({"group": {"id": "g", "attributes": {}}}).to_string(), "line 2: displayName is required for a Group"),
        (
            json!({"members": {"id": "g", "users": "a"}}).to_string(),
            "line 2: users must be an array of ids, not a string.",
        ),
        (
            json!({"members": {"id": "g", "users": [1]}}).to_string(),
            "line 2: users must be an array of ids, not a number.",
        ),
        (
            json!({"tombstone": {"id": "a", "resourceType": "Dog"}}).to_string(),
            "line 2: resourceType must be User or Group, not \"Dog\".",
        ),
        (
            json!({"change": {"kind": "imported", "id": "a"}}).to_string(),
            "line 2: A change of the kind \"imported\" cannot be imported",
        ),
        (json!({"at": 1, "counts": {"users": 1}, "lines": 1}).to_string(), "line 2: activeUsers is missing"),
        (user("b", "bob").to_string(), "Part 1, line 2: The id b is in part 1, line 1 already."),
    ] {
        let mut server = Native::new(Dialect::Auto);
        admin(&mut server, Admin::BeginImport).unwrap();
        let before = dump::content(&server);
        let error = send(&mut server, 1, &[user("b", "bob").to_string(), line.clone(), String::new()]).unwrap_err();
        assert!(error.detail.contains(says), "{line}\n{}", error.detail);
        assert_eq!(error.kind().status(), 400);
        assert_eq!(dump::content(&server), before);
        assert_eq!(server.console("/import")["parts"], json!([]), "nothing of the piece is kept");
    }
}

/// A contradiction between lines is told at the end, and the directory stays as it was.
#[test]
fn imports_that_do_not_add_up() {
    let from = json!({"from": 0});
    let (ann, bob) = (user("a", "ann"), user("b", "bob"));
    let crew = |users: Value| json!({"members": {"id": "g", "users": users}});
    let cases: &[(&str, Vec<Vec<Value>>, &str)] = &[
        ("no part", vec![], "The first line of part 1"),
        ("a part is missing", vec![vec![from.clone()], vec![], vec![end(1, 0, 0, 0)]], "Part 2 is missing"),
        ("no first line", vec![vec![ann.clone(), end(1, 1, 0, 0)]], "The first line of part 1"),
        ("no last line", vec![vec![from.clone(), ann.clone()]], "may be cut off"),
        ("lines after the last", vec![vec![from.clone(), end(1, 0, 0, 0), ann.clone()]], "may be cut off"),
        (
            "a line is missing",
            vec![vec![from.clone(), ann.clone(), end(3, 1, 0, 0)]],
            "says that 3 lines come before it, but 2 were sent",
        ),
        (
            "users",
            vec![vec![from.clone(), ann.clone(), end(2, 2, 0, 0)]],
            "Part 1, line 3: counts.users is 2, but the import contains 1.",
        ),
        (
            "a member that is not there",
            vec![vec![from.clone(), ann.clone(), group("g", "G"), crew(json!(["a", "x"])), end(4, 1, 1, 2)]],
            "counts.memberships is 2, but the import contains 1. The first member that is not in the import is x, or \
             its group is not, \
             in part 1, line 4.",
        ),
        (
            "the same name",
            vec![vec![from.clone(), ann.clone()], vec![bob.clone(), user("c", "ANN"), end(4, 3, 0, 0)]],
            "Part 2, line 2: userName \"ann\" is in part 1, line 2 already.",
        ),
        (
            "the same externalId",
            vec![vec![
                from.clone(),
                json!({"user": {"id": "a", "attributes": {"userName": "ann", "externalId": "x"}}}),
                json!({"user": {"id": "b", "attributes": {"userName": "bob", "externalId": "x"}}}),
                end(3, 2, 0, 0),
            ]],
            "Part 1, line 3: externalId \"x\" is in part 1, line 2 already.",
        ),
        (
            "groups of the same name",
            vec![vec![from.clone(), group("g", "G"), group("h", "g"), end(3, 0, 2, 0)]],
            "Part 1, line 3: displayName \"G\" is in part 1, line 2 already.",
        ),
        (
            "a group as a member",
            vec![vec![from.clone(), group("g", "G"), group("h", "H"), crew(json!(["h"])), end(4, 0, 2, 1)]],
            "Part 1, line 4: Group g cannot hold h, which is a group.",
        ),
        (
            "alive and deleted",
            vec![vec![from, ann, json!({"tombstone": {"id": "a", "resourceType": "User"}}), end(3, 1, 0, 0)]],
            "Part 1, line 2: id \"a\" is among the tombstones.",
        ),
    ];
    for (name, parts, says) in cases {
        let mut server = filled(&mut Random(9), 30);
        scim(&mut server, false);
        let before = dump::content(&server);
        let seq = server.console("")["lastSeq"].clone();
        admin(&mut server, Admin::BeginImport).unwrap();
        for (part, of) in (1..).zip(parts).filter(|(_, part)| !part.is_empty()) {
            send(&mut server, part, &lines(of)).unwrap();
        }
        let detail = match admin(&mut server, Admin::FinishImport) {
            Err(error) => error.detail,
            Ok(_) => {
                let (_, status) = work(&mut server);
                assert_eq!(status["state"], "failed", "{name}");
                status["error"].as_str().unwrap().to_owned()
            }
        };
        assert!(detail.contains(says), "{name}: {detail}");
        assert_eq!((dump::content(&server), server.console("")["lastSeq"].clone()), (before, seq), "{name}");
        // It can be begun anew.
        assert_eq!(
            import(&mut server, &lines(&[json!({"from": 0}), user("z", "zoe"), end(2, 1, 0, 0)]), 9)["state"],
            "done"
        );
    }
}

#[test]
fn when_an_import_may_be() {
    let mut server = Native::new(Dialect::Auto);
    let status =
        |server: &mut Native, admin_: Admin| admin(server, admin_).map_err(|error| error.kind().status()).err();
    assert_eq!(status(&mut server, Admin::FinishImport), Some(404));
    assert_eq!(status(&mut server, Admin::EndImport), Some(404));
    assert_eq!(send(&mut server, 1, &[]).unwrap_err().kind().status(), 404);
    // Empty, so it may be although SCIM is on; in use, it may not.
    admin(&mut server, Admin::BeginImport).unwrap();
    send(&mut server, 1, &lines(&[json!({"from": 0}), end(1, 0, 0, 0)])).unwrap();
    server.send("POST", "/Users", json!({"userName": "u"}));
    assert_eq!(status(&mut server, Admin::FinishImport), Some(409));
    assert_eq!(status(&mut server, Admin::BeginImport), Some(409));
    scim(&mut server, false);
    admin(&mut server, Admin::FinishImport).unwrap();
    assert_eq!(status(&mut server, Admin::FinishImport), Some(409));
    assert_eq!(status(&mut server, Admin::BeginImport), Some(409));
    assert_eq!(send(&mut server, 1, &[]).unwrap_err().kind().status(), 409);
    // While it is checked it can be given up, and while it is written no client sees half of it.
    let mut seen = Vec::new();
    scim(&mut server, true);
    loop {
        let state = server.console("/import")["state"].as_str().unwrap().to_owned();
        if seen.last() != Some(&state) {
            seen.push(state.clone());
        }
        match state.as_str() {
            "checking" => scim(&mut server, false),
            "writing" => {
                scim(&mut server, true);
                let response = server.get("/Users?count=0");
                assert_eq!((response.status, response.text("detail").contains("imported")), (503, true));
                assert_eq!(status(&mut server, Admin::EndImport), Some(409));
                assert_eq!(server.tagged("/users", None).0, 503);
            }
            _ => break,
        }
        server.alarm();
    }
    assert_eq!(seen, ["checking", "writing", "done"]);
    assert_eq!(server.get("/Users?count=0").body["totalResults"], 0);
    assert_eq!(admin(&mut server, Admin::EndImport).map(|_| ()), Ok(()));
    assert_eq!(status(&mut server, Admin::EndImport), Some(404));
    let entry = server.console("/journal?outcome=applied")["entries"][0].clone();
    assert_eq!(
        (&entry["method"], &entry["resource"], &entry["status"]),
        (&json!("POST"), &json!("/import"), &json!(202))
    );
}

#[test]
fn whoever_begins_to_push_meanwhile_stops_it() {
    let mut server = Native::new(Dialect::Auto);
    admin(&mut server, Admin::BeginImport).unwrap();
    send(&mut server, 1, &lines(&[json!({"from": 0}), end(1, 0, 0, 0)])).unwrap();
    admin(&mut server, Admin::FinishImport).unwrap();
    server.send("POST", "/Users", json!({"userName": "u"}));
    let (_, status) = work(&mut server);
    assert!(status["error"].as_str().unwrap().contains("in use"), "{status}");
    assert_eq!(server.get("/Users?count=0").body["totalResults"], 1);
}

/// The storage fails at every statement of every step in turn; the step is done again, and the end is the same.
#[test]
fn steps_that_fail_are_done_again() {
    let mut from = filled(&mut Random(5), 60);
    let taken = snapshot(&mut from);
    let expected = Directory::read(&mut from, 100);
    let mut failures = 0;
    let mut into = filled(&mut Random(6), 40);
    scim(&mut into, false);
    admin(&mut into, Admin::BeginImport).unwrap();
    send(&mut into, 1, &taken).unwrap();
    admin(&mut into, Admin::FinishImport).unwrap();
    while ["checking", "writing"].contains(&into.console("/import")["state"].as_str().unwrap()) {
        for statement in 0.. {
            into.sql.fail_after.set(Some(statement));
            let failed = into.alarm_fails();
            into.sql.fail_after.set(None);
            // An eviction too: nothing but the storage remembers.
            into.memory = Default::default();
            if failed.is_empty() {
                break;
            }
            failures += 1;
            // The pause is over, and no request is counted.
            into.sql.connection.execute("UPDATE due SET at = ?, attempts = 0", [into.now.0]).unwrap();
        }
    }
    assert!(failures > 100, "{failures}");
    let directory = Directory::read(&mut into, 100);
    assert_eq!(
        (directory.users, directory.groups, directory.members),
        (expected.users, expected.groups, expected.members)
    );
}

/// Parts in any order, one of them twice, one in two pieces.
#[test]
fn parts() {
    let mut from = filled(&mut Random(8), 60);
    let taken = snapshot(&mut from);
    let mut into = Native::new(Dialect::Auto);
    admin(&mut into, Admin::BeginImport).unwrap();
    let parts: Vec<&[String]> = taken.chunks(taken.len().div_ceil(4)).collect();
    send(&mut into, 4, parts[3]).unwrap();
    send(&mut into, 2, parts[2]).unwrap();
    send(&mut into, 2, parts[1]).unwrap();
    send(&mut into, 1, parts[0]).unwrap();
    let (head, tail) = parts[2].split_at(3);
    let piece = |line: i64, of: &[String], last: bool| Admin::ImportLines { part: 3, line, lines: of.join("\n"), last };
    admin(&mut into, piece(1, head, false)).unwrap();
    assert_eq!(
        admin(&mut into, Admin::FinishImport).unwrap_err().detail,
        "Part 3 broke off after line 3. Send it again, then finish again."
    );
    assert_eq!(admin(&mut into, piece(3, tail, true)).unwrap_err().kind().status(), 409);
    admin(&mut into, piece(4, tail, true)).unwrap();
    admin(&mut into, Admin::FinishImport).unwrap();
    assert_eq!(work(&mut into).1["state"], "done");
    assert_eq!(resources(&snapshot(&mut into)), resources(&taken));
}
