//! Deleted ids: the newest are remembered, and one that is forgotten counts as an id that never was.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use scim_edge::store::{Sql, settings, tombstones};
use serde_json::json;

/// Makes users and deletes them in another order than they were made in; answers their ids in that order.
fn deleted(server: &mut Native, count: usize) -> Vec<String> {
    let ids: Vec<String> = (0..count)
        .map(|n| server.send("POST", "/Users", json!({"userName": format!("u{n}")})).text("id").to_owned())
        .collect();
    let order: Vec<String> = (0..count).map(|n| ids[n * 5 % count].clone()).collect();
    for id in &order {
        assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{id}"))).status, 204);
    }
    order
}

fn buried(server: &Native) -> Vec<String> {
    let rows = server.sql.query("SELECT id FROM tombstones ORDER BY seq, id", &[]).unwrap();
    rows.into_iter().map(|mut row| row.text().unwrap()).collect()
}

fn count(server: &Native) -> i64 {
    let text = settings::get_setting(&server.sql, "tombstones").unwrap().unwrap_or_else(|| "{\"count\":-1}".to_owned());
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["count"].as_i64().unwrap()
}

#[test]
fn the_oldest_are_forgotten_in_steps() {
    let mut server = Native::new(Dialect::Auto);
    let ids = deleted(&mut server, 12);
    // One from before its change was noted.
    server.sql.query("INSERT INTO tombstones (id, kind) VALUES ('zzz', 'User')", &[]).unwrap();
    let mut steps = 0;
    while tombstones::prune_tombstones(&server.sql, 5, 3).unwrap() {
        steps += 1;
    }
    // One, then twelve in four steps; then eight go in three.
    assert_eq!((steps, count(&server)), (7, 5));
    assert_eq!(buried(&server), ids[7..]);
    // Nothing more to do writes nothing.
    let written = server.sql.written();
    assert!(!tombstones::prune_tombstones(&server.sql, 5, 3).unwrap());
    assert_eq!(server.sql.written(), written);
    let group = server.send("POST", "/Groups", json!({"displayName": "g"})).text("id").to_owned();
    let add = |id: &str| json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": id}]}]});
    let group = format!("/Groups/{group}");
    assert_eq!(server.send("PATCH", &group, add(&ids[11])).status, 204);
    let refused = server.send("PATCH", &group, add(&ids[0]));
    assert!((refused.status, refused.text("detail").ends_with("[unknown-member]")) == (400, true), "{}", refused.body);
}

#[test]
fn the_count_stays_true() {
    let mut server = Native::new(Dialect::Auto);
    let ids = deleted(&mut server, 6);
    let all = |server: &Native| {
        while tombstones::prune_tombstones(&server.sql, 1_000, 4).unwrap() {}
        (count(server), buried(server).len() as i64)
    };
    assert_eq!(all(&server), (6, 6));
    // A tombstone whose user leaves its groups afterwards is counted once.
    let seq = server.console("")["lastSeq"].as_i64().unwrap();
    tombstones::move_to(&server.sql, &ids[0], seq - 5, seq + 1).unwrap();
    assert_eq!(all(&server), (6, 6));
    // An import brings one id back, buries one, and has a tombstone of its own.
    let user = |id: &str| json!({"user": {"id": id, "attributes": {"userName": id}}}).to_string();
    let counts = json!({"users": 1, "activeUsers": 1, "groups": 0, "memberships": 0, "tombstones": 1});
    server.send("POST", "/Users", json!({"userName": "there"}));
    let tombstone = json!({"tombstone": {"id": "t-1", "resourceType": "User"}}).to_string();
    let lines = [
        json!({"from": 0}).to_string(),
        user(&ids[3]),
        tombstone,
        json!({"at": 0, "counts": counts, "lines": 3}).to_string(),
    ];
    server.import(&lines);
    assert_eq!(all(&server), (7, 7));
}

/// The job that forgets what is too old does it every hour, for the newest 1,000,000.
#[test]
fn the_alarm_forgets_them() {
    let mut server = Native::new(Dialect::Auto);
    let ids = deleted(&mut server, 4);
    let hour = |server: &mut Native| {
        server.now = server.now.plus(3_700_000);
        (0..8).for_each(|_| server.alarm());
    };
    hour(&mut server);
    assert_eq!(count(&server), 4);
    // As if there were many more.
    let text = settings::get_setting(&server.sql, "tombstones").unwrap().unwrap();
    settings::put_setting(&server.sql, "tombstones", &text.replace("\"count\":4", "\"count\":1000003")).unwrap();
    hour(&mut server);
    assert_eq!((count(&server), buried(&server)), (1_000_000, ids[3..].to_vec()));
}
