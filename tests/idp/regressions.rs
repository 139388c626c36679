//! Bugs that other servers shipped, each a case in `tests/idp/cases/`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use crate::support::session::Case;
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

#[test]
fn what_others_got_wrong() {
    for case in Case::read(include_str!("cases/regressions.json")) {
        case.run(&mut Native::new(Dialect::Auto));
    }
}

/// The reports about other servers that are held here too.
#[test]
fn what_was_reported() {
    for case in Case::read(include_str!("cases/reports.json")) {
        case.run(&mut Native::new(Dialect::Auto));
    }
}

/// More than 100 members were cut off (FusionAuth #2784), and of several removed at once the wrong ones went, because the
/// positions had shifted (FusionAuth #2834).
#[test]
fn many_members_in_one_patch() {
    let mut server = Native::new(Dialect::Auto);
    let create = |n| server.send("POST", "/Users", json!({"userName": format!("u{n}")})).text("id").to_owned();
    let ids: Vec<String> = (0..250).map(create).collect();
    let path = format!("/Groups/{}", server.send("POST", "/Groups", json!({"displayName": "g"})).text("id"));
    let value = |ids: &[String]| ids.iter().map(|id| json!({"value": id})).collect::<Vec<Value>>();
    let odd = |n: usize| n % 2 == 1;
    let remove: Vec<Value> = (0..250)
        .filter(|n| odd(*n))
        .map(|n| json!({"op": "remove", "path": format!("members[value eq \"{}\"]", ids[n])}))
        .collect();
    let add: Vec<Value> =
        ids.iter().map(|id| json!({"op": "add", "path": "members", "value": [{"value": id}]})).collect();
    let all: Vec<&String> = ids.iter().collect();
    let even: Vec<&String> = (0..250).filter(|n| !odd(*n)).map(|n| &ids[n]).collect();
    for (operations, wanted) in [
        (json!([{"op": "add", "path": "members", "value": value(&ids)}]), &all),
        (json!(remove), &even),
        (json!(add), &all),
        (json!([{"op": "remove", "path": "members", "value": value(&ids[..249])}]), &vec![&ids[249]]),
        (json!([{"op": "replace", "path": "members", "value": value(&ids)}]), &all),
    ] {
        let body = json!({"Operations": operations});
        assert_eq!(server.send("PATCH", &path, body.clone()).status, 204);
        let read = server.get(&path).body;
        let found: Vec<&str> =
            read["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
        assert_eq!(found, wanted.iter().map(|id| id.as_str()).collect::<Vec<_>>());
        assert_eq!(server.send("PATCH", &path, body).rows_written, 0);
    }
}
