//! The deprovisioning guard: what counts, what is refused, and what lets it through.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Response, Server};
use scim_edge::auth::Dialect;
use scim_edge::org::Memory;
use serde_json::{Value, json};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const HOUR: i64 = 3_600_000;

fn patch(operations: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

fn off() -> Value {
    patch(json!([{"op": "replace", "value": {"active": false}}]))
}

/// Ten users, all in one group, and a guard of three in an hour.
struct World {
    server: Native,
    users: Vec<String>,
    group: String,
}

fn world() -> World {
    let mut server = Native::new(Dialect::Auto);
    let users: Vec<String> = (0..10)
        .map(|n| server.send("POST", "/Users", json!({"userName": format!("u{n}")})).text("id").to_owned())
        .collect();
    let members: Vec<Value> = users.iter().map(|id| json!({ "value": id })).collect();
    let group = server.send("POST", "/Groups", json!({"displayName": "g", "members": members}));
    let group = format!("/Groups/{}", group.text("id"));
    let set = server.admin("PUT", "", &json!({"guard": {"limit": 3, "windowSeconds": 3600}}));
    assert_eq!(set.body["guard"], json!({"limit": 3, "windowSeconds": 3600}), "{}", set.body);
    World { server, users, group }
}

impl World {
    fn user(&self, at: usize) -> String {
        format!("/Users/{}", self.users[at])
    }

    fn deactivate(&mut self, at: usize) -> Response {
        let path = self.user(at);
        self.server.send("PATCH", &path, off())
    }

    fn without(&mut self, from: usize) -> Response {
        let left: Vec<Value> = self.users.iter().take(from).map(|id| json!({ "value": id })).collect();
        let path = self.group.clone();
        self.server.send("PATCH", &path, patch(json!([{"op": "replace", "path": "members", "value": left}])))
    }

    /// A fresh start of the object over the same storage.
    fn restart(&mut self) {
        self.server.memory = Memory::default();
    }
}

#[track_caller]
fn refused(answer: &Response) {
    assert_eq!((answer.status, answer.text("scimType")), (429, ""), "{}", answer.body);
    let detail = answer.text("detail");
    for part in ["at most 3", "3600 seconds", "guard/release", "Nothing was changed"] {
        assert!(detail.contains(part), "{detail}");
    }
    assert!(answer.rows_written <= 1, "{} rows", answer.rows_written);
}

#[test]
fn each_one_counts() {
    let mut world = world();
    let path = world.user(0);
    assert_eq!(world.server.send("DELETE", &path, Value::Null).status, 204);
    assert_eq!(world.deactivate(1).status, 200);
    // Once more: nothing happens, so nothing counts.
    assert_eq!(world.deactivate(1).status, 200);
    refused(&world.without(8));
    assert_eq!(world.without(9).status, 204, "one member");
    for (name, answer) in [("deactivated", world.deactivate(2)), ("a member", world.without(8))] {
        refused(&answer);
        assert!(!name.is_empty());
    }
    let (path, group) = (world.user(3), world.group.clone());
    refused(&world.server.send("DELETE", &path, Value::Null));
    refused(&world.server.send("PUT", &path, json!({"userName": "u3", "active": false})));
    refused(&world.server.send("DELETE", &group, Value::Null));
    refused(&world.server.send("PUT", &group, json!({"displayName": "g", "members": []})));
    let remove = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", world.users[4])}]);
    refused(&world.server.send("PATCH", &group, patch(remove)));
    // A refusal that is repeated is counted, not written; what takes nobody out goes on.
    assert_eq!(world.deactivate(2).rows_written, 0);
    assert_eq!(world.server.send("POST", "/Users", json!({"userName": "new"})).status, 201);
    let title = patch(json!([{"op": "replace", "value": {"title": "t"}}]));
    assert_eq!(world.server.send("PATCH", &path, title).status, 200);
    assert_eq!(world.server.get(&group).body["members"].as_array().unwrap().len(), 8);
}

#[test]
fn the_window_passes_and_survives_a_restart() {
    let mut world = world();
    for at in 0..3 {
        assert_eq!(world.deactivate(at).status, 200);
        world.server.now = world.server.now.plus(HOUR / 4);
    }
    refused(&world.deactivate(3));
    world.restart();
    refused(&world.deactivate(3));
    // The first one leaves the window; the others stay in it.
    world.server.now = world.server.now.plus(HOUR / 4 + 60_000);
    assert_eq!(world.deactivate(3).status, 200);
    refused(&world.deactivate(4));
    world.restart();
    refused(&world.deactivate(4));
    world.server.now = world.server.now.plus(2 * HOUR);
    assert_eq!(world.deactivate(4).status, 200);
    // One request that alone is too much never fits.
    refused(&world.without(0));
}

#[test]
fn when_to_try_again() {
    let mut world = world();
    let seconds = |world: &mut World, path: &str, body: Value| {
        let body = Some(body.to_string().into_bytes());
        let request = crate::support::Request { method: "PATCH".into(), path: path.into(), headers: Vec::new(), body };
        let answer = world.server.answer(request);
        assert_eq!(answer.status, 429);
        let (_, value) = answer.headers.iter().find(|(name, _)| *name == "Retry-After").unwrap();
        value.parse::<i64>().unwrap()
    };
    let (path, group) = (world.user(5), world.group.clone());
    let everybody = patch(json!([{"op": "remove", "path": "members"}]));
    assert_eq!(seconds(&mut world, &group, everybody), 3600, "it never fits");
    for at in 0..3 {
        world.deactivate(at);
    }
    world.server.now = world.server.now.plus(HOUR / 2);
    let wait = seconds(&mut world, &path, off());
    assert!((1795..=1860).contains(&wait), "{wait}");
    world.server.now = world.server.now.plus(wait * 1000);
    assert_eq!(world.deactivate(5).status, 200);
}

#[test]
fn released_and_switched_off() {
    let mut world = world();
    refused(&world.without(0));
    let released = world.server.admin("POST", "/guard/release", &json!({"seconds": 60}));
    assert!(released.body["guardReleasedUntil"].is_string(), "{}", released.body);
    assert_eq!(world.without(5).status, 204);
    world.server.now = world.server.now.plus(61_000);
    assert_eq!(world.server.console("")["guardReleasedUntil"], Value::Null);
    // What went while it was released is in the window all the same.
    refused(&world.deactivate(0));
    assert_eq!(world.server.admin("PUT", "", &json!({"guard": null})).body["guard"], Value::Null);
    assert_eq!(world.without(0).status, 204);
    // On again, it counts what happened meanwhile; another window counts anew.
    world.server.admin("PUT", "", &json!({"guard": {"limit": 3, "windowSeconds": 3600}}));
    refused(&world.deactivate(0));
    world.server.now = world.server.now.plus(120_000);
    world.server.admin("PUT", "", &json!({"guard": {"limit": 3, "windowSeconds": 60}}));
    assert_eq!(world.deactivate(0).status, 200);
}

#[test]
fn in_bulk_each_operation_counts() {
    let mut world = world();
    let operations: Vec<Value> =
        (0..5).map(|at| json!({"method": "PATCH", "path": world.user(at), "data": off()})).collect();
    let body = json!({"schemas": [BULK], "Operations": operations});
    let answer = world.server.send("POST", "/Bulk", body);
    let statuses: Vec<&str> =
        answer.body["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["200", "200", "200", "429", "429"]);
    refused(&world.deactivate(5));
}
