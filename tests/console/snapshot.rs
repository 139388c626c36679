//! A client that applies the lines of a snapshot in order has the directory as it is at the last one, whatever happens
//! between its pieces. `SNAPSHOTS` in the environment sets how many are taken.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::follower::{Directory, follow, request};
use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::query::Query;
use scim_edge::directory::reply::Answer;
use scim_edge::org::read::snapshot;
use serde_json::{Value, json};

/// The lines of a piece, and where the next one begins.
fn piece(server: &Native, position: Option<&str>, work: i64) -> (Vec<Value>, Option<String>) {
    match snapshot::piece(&server.sql, &server.memory.types(), position, work).unwrap() {
        Answer::Piece { lines, next } => {
            (lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), next)
        }
        other => panic!("{other:?}"),
    }
}

/// The same as the service takes it, whole.
fn whole(server: &mut Native) -> (Vec<String>, usize) {
    let (mut lines, mut position, mut pieces) = (String::new(), None, 0);
    loop {
        match server.call(Actor::Root, Ask::Read(Query::Snapshot { position })).outcome.unwrap() {
            Answer::Piece { lines: more, next } => {
                lines.push_str(&more);
                (position, pieces) = (next, pieces + 1);
                if position.is_none() {
                    return (lines.lines().map(str::to_owned).collect(), pieces);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn mutate(server: &mut Native, random: &mut Random) {
    let ids = |server: &Native, table: &str| -> Vec<String> {
        let mut rows = server.sql.connection.prepare(&format!("SELECT id FROM {table}")).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let request = request(random, &ids(server, "users"), &ids(server, "groups"));
    assert_ne!(server.scim(request.clone()).status, 500, "{request:?}");
}

#[test]
fn a_snapshot_is_the_directory_at_its_last_line() {
    let snapshots: usize = std::env::var("SNAPSHOTS").ok().map_or(150, |text| text.parse().unwrap());
    let (mut server, mut random) = (Native::new(Dialect::Auto), Random(20_261_126));
    let (mut between, mut changes) = (0, 0);
    for round in 0..snapshots {
        let (mut copy, mut position, mut all) = (Directory::default(), None, 0);
        let (mut end, work) = (Value::Null, 1 + random.below(40) as i64);
        loop {
            let (lines, next) = piece(&server, position.as_deref(), work);
            for line in lines {
                assert!(end.is_null(), "nothing follows the last line");
                if line.get("at").is_some() {
                    assert_eq!(line["lines"], all);
                    end = line;
                } else if all == 0 {
                    assert!(line["from"].is_i64());
                } else {
                    changes += usize::from(line.get("change").is_some());
                    copy.line(&line);
                }
                all += 1;
            }
            position = next;
            if position.is_none() {
                break;
            }
            // The less a piece reads, the longer others have; they must come to an end at last.
            for _ in 0..random.below(4).min(work as usize / 7) {
                mutate(&mut server, &mut random);
                between += 1;
            }
        }
        let directory = Directory::read(&mut server, 100);
        assert_eq!(copy, directory, "round {round}");
        let about = server.console("");
        let mut counts = about["counts"].clone();
        counts["tombstones"] = json!(directory.tombstones.len());
        assert_eq!((&end["at"], &end["counts"]), (&about["lastSeq"], &counts));
        // From there the feed leads on.
        let mut after = end["at"].as_i64().unwrap();
        for _ in 0..random.below(20) {
            mutate(&mut server, &mut random);
        }
        while !follow(&mut server, &mut copy, &mut after, 50) {}
        assert_eq!(copy, Directory::read(&mut server, 100), "round {round}");
    }
    println!("{between} requests between the pieces of {snapshots} snapshots, which show {changes} changes");
    assert!(between > snapshots && changes > snapshots);
}

#[test]
fn an_empty_directory() {
    let mut server = Native::new(Dialect::Auto);
    let (lines, pieces) = whole(&mut server);
    let end = r#"{"at":0,"counts":{"users":0,"activeUsers":0,"groups":0,"memberships":0,"tombstones":0},"lines":1}"#;
    assert_eq!((lines, pieces), (vec![r#"{"from":0}"#.to_owned(), end.to_owned()], 1));
}

#[test]
fn pieces_are_bounded() {
    let mut server = Native::new(Dialect::Auto);
    // Small users, large ones, and the largest that there can be; groups of all, one of which is being deleted.
    let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000) \
               INSERT INTO users (id, user_name, user_name_key, more_mail, active, doc, version, seq, created, modified) \
               SELECT printf('00000000-0000-7000-8000-%012d', n), 'u' || n, 'u' || n, 0, 1, \
               '{\"title\":\"' || printf('%.*c', CASE WHEN n < 2000 THEN 9 WHEN n < 2990 THEN 9000 ELSE 262000 END, 't') || \
               '\",\"userName\":\"u' || n || '\"}', 1, 0, 0, 0 FROM n; \
               INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
               SELECT -key, printf('00000000-0000-7000-9000-%012d', key), 'g' || key, 'g' || key, '{\"displayName\":\"g\"}', \
               key = 5, 1, 0, 0, 0 FROM users WHERE key <= 10; \
               INSERT INTO members (group_key, user_key) SELECT g.key, u.key FROM groups g, users u";
    server.sql.connection.execute_batch(sql).unwrap();
    let (mut position, mut sizes, mut steps) = (None, Vec::new(), Vec::new());
    loop {
        let before = server.sql.steps.get();
        let Answer::Piece { lines, next } =
            server.call(Actor::Root, Ask::Read(Query::Snapshot { position })).outcome.unwrap()
        else {
            panic!("not a piece")
        };
        sizes.push(lines.len());
        steps.push(server.sql.steps.get() - before);
        position = next;
        if position.is_none() {
            break;
        }
    }
    assert!(sizes.iter().all(|bytes| *bytes <= 768 * 1024), "{sizes:?}");
    // Users by 1,000, then by bytes; 27,000 memberships by 7,000.
    assert_eq!(sizes.len(), 23, "{sizes:?}");
    let most = steps.iter().max().unwrap();
    assert!(*most < 400_000, "{steps:?}");
    let (lines, _) = whole(&mut server);
    let crews = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).unwrap().get("members").cloned());
    let crews: Vec<usize> = crews.map(|crew| crew["users"].as_array().unwrap().len()).collect();
    assert!(crews.iter().all(|users| *users <= 1000) && crews.iter().sum::<usize>() == 27_000, "{crews:?}");
    assert_eq!(lines.len(), 1 + 3000 + 9 + crews.len() + 1);
}

#[test]
fn a_key_that_is_given_again() {
    let mut server = Native::new(Dialect::Auto);
    let mut post = |name: &str| server.send("POST", "/Users", json!({"userName": name})).body["id"].clone();
    let ids = ["a", "b", "c"].map(|name| post(name).as_str().unwrap().to_owned());
    let group = json!({"displayName": "g", "members": [{"value": ids[2]}]});
    server.send("POST", "/Groups", group);
    let mut copy = Directory::default();
    let (mut position, mut left) = (None, Some(&ids[2]));
    loop {
        let (lines, next) = piece(&server, position.as_deref(), 1);
        for line in &lines {
            if line.get("from").or(line.get("at")).is_none() {
                copy.line(line);
            }
        }
        position = next;
        if position.is_none() {
            break;
        }
        // All users were read; the one with the highest key goes, and another gets its key and its place in the group.
        if copy.users.len() == 3
            && let Some(id) = left.take()
        {
            server.scim(Request::new("DELETE", &format!("/Users/{id}")));
            let other = server.send("POST", "/Users", json!({"userName": "d"})).body["id"].clone();
            let group = server.console("/groups")["groups"][0]["id"].as_str().unwrap().to_owned();
            let add = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": other}]}]});
            server.send("PATCH", &format!("/Groups/{group}"), add);
            let highest = server.sql.connection.query_row("SELECT max(key) FROM users", [], |row| row.get::<_, i64>(0));
            assert_eq!(highest.unwrap(), 3);
        }
    }
    assert!(left.is_none() && copy.users.len() == 3 && copy.tombstones.len() == 1);
    assert_eq!(copy, Directory::read(&mut server, 100));
}

#[test]
fn a_busy_writer_is_overtaken() {
    let mut server = Native::new(Dialect::Auto);
    for n in 0..20 {
        server.send("POST", "/Users", json!({"userName": format!("u{n}")}));
    }
    let id = server.console("/users")["users"][0]["id"].as_str().unwrap().to_owned();
    let (mut position, mut pieces, mut written) = (None, 0, 0);
    // A piece reads 10 changes, and 40 are written after each.
    loop {
        let (_, next) = piece(&server, position.as_deref(), 70);
        (position, pieces) = (next, pieces + 1);
        if position.is_none() {
            break;
        }
        for _ in 0..40 {
            written += 1;
            let title = json!({"op": "replace", "path": "title", "value": format!("t{written}")});
            server.send("PATCH", &format!("/Users/{id}"), json!({"Operations": [title]}));
        }
        assert!(pieces < 100, "no end");
    }
    println!("{pieces} pieces, {written} changes");
    assert!(pieces > 8);
}

#[test]
fn without_its_changes_a_snapshot_has_no_end() {
    let mut server = Native::new(Dialect::Auto);
    server.send("POST", "/Users", json!({"userName": "a"}));
    let (_, position) = piece(&server, None, 1);
    for name in ["b", "c"] {
        server.send("POST", "/Users", json!({"userName": name}));
    }
    server.sql.connection.execute_batch("DELETE FROM changes WHERE seq < 3").unwrap();
    let mut position = position;
    let error = loop {
        match snapshot::piece(&server.sql, &server.memory.types(), position.as_deref(), 1) {
            Ok(Answer::Piece { next, .. }) => position = next,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
        assert!(position.is_some());
    };
    assert!(error.detail.contains("Take another one"), "{error}");
    // Nothing was written by any of it.
    assert_eq!(server.scim(Request::new("GET", "/Users?count=0")).body["totalResults"], 3);
}
