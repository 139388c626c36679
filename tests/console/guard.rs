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
    // To JSON 3600.0 is the integer that 3600 is.
    let set = server.admin("PUT", "", &json!({"guard": {"limit": 3, "windowSeconds": 3600.0}}));
    assert_eq!(set.body["guard"], json!({"limit": 3, "windowSeconds": 3600, "used": 0, "blocked": 0}), "{}", set.body);
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
    // A repeated refusal is counted, not written; a request that removes no user goes on.
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
    // A removal while the guard was released is in the window all the same.
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

/// The other losses of a user: a change of `userName` if it has an `externalId`, and the memberships that a return
/// drops.
#[test]
fn renames_and_returns_count() {
    let mut world = world();
    let named = |name: &str, external: Option<&str>| json!({"userName": name, "externalId": external});
    let rename = |name: &str| patch(json!([{"op": "replace", "value": {"userName": name}}]));
    // In turn: the user, its new name, and how much is in the window then. Only users 0 and 1 have an externalId.
    for at in [0, 1] {
        let path = world.user(at);
        let linked = named(&format!("u{at}"), Some(&format!("x{at}")));
        assert_eq!(world.server.send("PUT", &path, linked).status, 200);
    }
    for (at, name) in [(0, "U0"), (0, "new"), (0, "new"), (5, "other"), (1, "newer")] {
        let path = world.user(at);
        assert_eq!(world.server.send("PATCH", &path, rename(name)).status, 200, "{name}");
    }
    // Two count. One that is renamed and deactivated at once counts twice.
    let path = world.user(1);
    refused(&world.server.send("PUT", &path, json!({"userName": "u1", "externalId": "x1", "active": false})));
    world.restart();
    refused(&world.server.send("PUT", &path, json!({"userName": "u1", "externalId": "x1", "active": false})));
    assert_eq!(world.server.send("PATCH", &path, rename("u1")).status, 200, "the third");
    // Each operation of a Bulk.
    let operations: Vec<Value> =
        ["a", "b"].iter().map(|name| json!({"method": "PATCH", "path": world.user(0), "data": rename(name)})).collect();
    let answer = world.server.send("POST", "/Bulk", json!({"schemas": [BULK], "Operations": operations}));
    assert_eq!(answer.body["Operations"][0]["status"], "429", "{}", answer.body);
    // A user comes back after the window: its one membership counts.
    world.server.now = world.server.now.plus(2 * HOUR);
    assert_eq!(world.deactivate(1).status, 200);
    let back = |world: &mut World| world.server.send("POST", "/Users", named("u1", Some("x1")));
    assert_eq!(back(&mut world).status, 201);
    assert_eq!(world.deactivate(2).status, 200);
    for restarts in [false, true] {
        if restarts {
            world.restart();
        }
        refused(&world.deactivate(3));
    }
    world.server.now = world.server.now.plus(2 * HOUR);
    assert_eq!(world.deactivate(0).status, 200);
    for at in [4, 5] {
        assert_eq!(world.deactivate(at).status, 200);
    }
    let found = world.server.send("POST", "/Users", json!({"userName": "new", "externalId": "x0"}));
    refused(&found);
}

/// Two objects, one that remembers and one that starts anew before each request, say the same of each, also while the clock is
/// an hour behind, a year ahead once, and right again.
#[test]
fn a_restart_changes_nothing_whatever_the_clock_does() {
    let mut worlds = [world(), world()];
    let start = worlds[0].server.now;
    let minutes = |minutes: i64| minutes * 60_000;
    let (back, ahead) = (-HOUR, 365 * 24 * HOUR);
    let mut seen = Vec::new();
    for (step, clock) in [(0, 0), (1, 5), (2, 10), (3, 11), (4, 30), (5, 64), (5, 66), (5, 75), (6, 80)]
        .iter()
        .map(|&(user, at)| (user, minutes(at)))
        .chain([
            (6, minutes(81) + back),
            (7, minutes(82)),
            (7, minutes(83) + ahead),
            (8, minutes(84)),
            (8, minutes(140)),
        ])
        .chain([(8, minutes(145)), (9, minutes(150)), (9, minutes(210)), (9, minutes(275))])
    {
        let mut answers = Vec::new();
        for (at, world) in worlds.iter_mut().enumerate() {
            world.server.now = start.plus(clock);
            if at == 1 {
                world.restart();
            }
            let request = crate::support::Request {
                method: "PATCH".into(),
                path: world.user(step),
                headers: Vec::new(),
                body: Some(off().to_string().into_bytes()),
            };
            let answer = world.server.answer(request);
            let pause = answer.headers.iter().find(|(name, _)| *name == "Retry-After").map(|(_, value)| value.clone());
            let pause = pause.map(|text| text.parse::<i64>().unwrap());
            assert!(pause.is_none_or(|pause| (1..=3600).contains(&pause)), "{pause:?} at {clock}");
            answers.push((answer.status, pause));
        }
        assert_eq!(answers[0], answers[1], "user {step} at {clock}");
        seen.push(answers[0].0);
    }
    assert!(seen.contains(&429) && seen.last() == Some(&200), "{seen:?}");
}

#[test]
fn a_release_made_while_the_clock_was_ahead_is_over() {
    let mut world = world();
    let now = world.server.now;
    world.server.now = now.plus(365 * 24 * HOUR);
    world.server.admin("POST", "/guard/release", &json!({"seconds": 600}));
    world.server.now = now;
    assert_eq!(world.server.console("")["guardReleasedUntil"], Value::Null);
    refused(&world.without(0));
}

/// The losses of a Bulk operation do not count if the operation is refused.
#[test]
fn a_refused_operation_of_a_bulk_request_does_not_count() {
    let mut world = world();
    let (group, users) = (world.group.clone(), [0, 1, 2, 3].map(|at| world.user(at)));
    let operation = |path: &str, data: Value| json!({"method": "PATCH", "path": path, "data": data});
    // All ten are too many; then three are as many as may go, and a fourth is not.
    let all = operation(&group, patch(json!([{"op": "replace", "path": "members", "value": []}])));
    let operations: Vec<Value> = [all].into_iter().chain(users.iter().map(|path| operation(path, off()))).collect();
    let answer = world.server.send("POST", "/Bulk", json!({"schemas": [BULK], "Operations": operations}));
    let statuses: Vec<&str> =
        answer.body["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["429", "200", "200", "200", "429"], "{}", answer.body);
    let counts = &world.server.console("")["counts"];
    assert_eq!((&counts["activeUsers"], &counts["memberships"]), (&json!(7), &json!(10)));
}
