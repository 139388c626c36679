//! Requests that ask for more work than one request may cause, and the largest that are taken.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Response, Server};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

/// A user with so many roles, and its path.
pub(crate) fn with_roles(server: &mut Native, count: usize) -> String {
    let roles: Vec<Value> =
        (0..count).map(|n| json!({"value": format!("r{n}"), "type": "a", "display": "d"})).collect();
    let made = server.send("POST", "/Users", json!({"userName": "u", "roles": roles}));
    assert_eq!(made.status, 201, "{}", made.body);
    format!("/Users/{}", made.text("id"))
}

pub(crate) fn patch(operations: &[Value]) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// A removal whose filter has so many terms, none of which is true of any role.
pub(crate) fn removal(terms: usize) -> Value {
    let terms: Vec<String> = (0..terms).map(|n| format!("value eq \"{n}\"")).collect();
    json!({"op": "remove", "path": format!("roles[{}]", terms.join(" or "))})
}

fn roles(server: &mut Native, path: &str) -> usize {
    server.get(path).body["roles"].as_array().map_or(0, Vec::len)
}

fn too_much(response: &Response) {
    assert_eq!((response.status, response.text("scimType")), (400, "tooMany"), "{}", response.body);
    assert!(response.text("detail").contains("more work than one request may cause"), "{}", response.body);
}

#[test]
fn every_single_operation_on_a_user_at_all_limits_is_taken() {
    let mut server = Native::new(Dialect::Auto);
    let path = with_roles(&mut server, 1000);
    let listed = |from: usize| -> Value { (from..from + 1000).map(|n| json!({"value": format!("r{n}")})).collect() };
    for (operation, left) in [
        (removal(220), 1000),
        (json!({"op": "remove", "path": "roles", "value": listed(1000)}), 1000),
        (
            json!({"op": "add", "path": "roles", "value": (0..1000).map(|n| json!({"value": format!("r{n}"), "type": "a", "display": "d"})).collect::<Value>()}),
            1000,
        ),
        (json!({"op": "replace", "path": "roles[type eq \"a\"].display", "value": "e".repeat(100)}), 1000),
        (json!({"op": "replace", "path": "title", "value": "t"}), 1000),
        (json!({"op": "remove", "path": "roles", "value": listed(500)}), 500),
    ] {
        let done = server.send("PATCH", &path, patch(std::slice::from_ref(&operation)));
        assert_eq!(done.status, 200, "{}: {}", operation.to_string().get(..60).unwrap(), done.body);
        assert_eq!(roles(&mut server, &path), left);
    }
}

#[test]
fn terms_times_values_times_operations_are_bounded() {
    let mut server = Native::new(Dialect::Auto);
    let path = with_roles(&mut server, 1000);
    let many: Vec<Value> =
        [json!({"op": "replace", "path": "title", "value": "t"})].into_iter().chain(vec![removal(220); 100]).collect();
    let before = server.get(&path).body;
    too_much(&server.send("PATCH", &path, patch(&many)));
    assert_eq!(server.get(&path).body, before, "nothing was changed");
    // The price of a value that is copied into all elements bounds the memory that it takes.
    let copied = json!({"op": "replace", "path": "roles[type eq \"a\"].display", "value": "e".repeat(200_000)});
    too_much(&server.send("PATCH", &path, patch(&[copied])));
    // Listed by as many sets of names as there are values, each of which is a look-up of its own.
    let ordinary = patch(&[json!({"op": "replace", "path": "title", "value": "t"})]);
    assert_eq!(server.send("PATCH", &path, ordinary).status, 200);
}

/// Paths into unregistered extensions are compared with all that came before: very long ones cost more.
#[test]
fn paths_into_unregistered_extensions_are_bounded() {
    let mut server = Native::new(Dialect::Auto);
    let path = with_roles(&mut server, 1);
    let operations = |length: usize| -> Vec<Value> {
        let urn = |n: usize| format!("urn:{}{n}:1.0:x", "a:".repeat(length / 2));
        (0..1000).map(|n| json!({"op": "add", "path": urn(n), "value": 1})).collect()
    };
    let before = server.get(&path).body;
    too_much(&server.send("PATCH", &path, patch(&operations(3000))));
    // Short ones are read to their end: only then it shows how many extensions are left.
    let refused = server.send("PATCH", &path, patch(&operations(100)));
    assert!(refused.text("detail").ends_with("[too-many-extensions]"), "{}", refused.body);
    assert_eq!(server.get(&path).body, before, "nothing was changed");
}

/// However many values a user has, it is deactivated, comes back and is deleted.
#[test]
fn a_user_of_as_many_values_as_fit_is_deactivated() {
    let mut server = Native::new(Dialect::Auto);
    let lists: serde_json::Map<String, Value> =
        (0..127).map(|n| (format!("l{n}"), Value::from(vec![0; 1000]))).collect();
    let user = json!({"userName": "values", "externalId": "x", "title": "é", "urn:a:many:1.0:User": lists});
    let made = server.send("POST", "/Users", user.clone());
    assert_eq!(made.status, 201, "{}", made.text("detail"));
    let path = format!("/Users/{}", made.text("id"));
    let off = patch(&[json!({"op": "replace", "path": "active", "value": false})]);
    let mut inactive = user.clone();
    inactive["active"] = json!(false);
    for (method, path, body, status) in
        [("PATCH", path.as_str(), off, 200), ("POST", "/Users", user, 201), ("PUT", path.as_str(), inactive, 200)]
    {
        let done = server.send(method, path, body);
        assert_eq!(done.status, status, "{method}: {}", done.text("detail"));
    }
    assert_eq!(server.send("DELETE", &path, Value::Null).status, 204);
}

/// A document of many values is more work than one of as many bytes in one text.
#[test]
fn a_bulk_of_changes_of_one_large_user_ends_within_its_second() {
    let mut server = Native::new(Dialect::Auto);
    let changed = |server: &mut Native, user: Value, operation: &dyn Fn(usize) -> Value| {
        let made = server.send("POST", "/Users", user);
        let path = format!("/Users/{}", made.text("id"));
        let operations = (0..1000).map(|n| json!({"method": "PATCH", "path": path, "data": patch(&[operation(n)])}));
        let bulk = json!({"Operations": operations.collect::<Value>()});
        let done = server.send("POST", "/Bulk", bulk).body;
        let statuses = done["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap());
        let (changed, left): (Vec<&str>, Vec<&str>) = statuses.partition(|status| *status == "200");
        assert!(left.iter().all(|status| *status == "429"), "{left:?}");
        changed.len()
    };
    let roles = |n: usize| json!({"value": format!("role{n}"), "type": format!("t{n}"), "display": "d".repeat(180)});
    let roles: Vec<Value> = (0..1000).map(roles).collect();
    let values = changed(
        &mut server,
        json!({"userName": "values", "roles": roles}),
        &|n| json!({"op": "replace", "path": format!("roles[value eq \"role{n}\"].display"), "value": "x"}),
    );
    let text = changed(
        &mut server,
        json!({"userName": "text", "title": "t".repeat(226_000)}),
        &|n| json!({"op": "replace", "path": "nickName", "value": n.to_string()}),
    );
    assert!((40..=60).contains(&values) && text >= 2 * values, "{values}, {text}");
}

#[test]
fn in_a_bulk_what_came_before_stays_and_the_rest_is_to_be_sent_again() {
    let mut server = Native::new(Dialect::Auto);
    let path = with_roles(&mut server, 1000);
    let create = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name}});
    let worst = |at: usize| {
        let operations = patch(&vec![removal(220); if at == 2 { 100 } else { 1 }]);
        json!({"method": "PATCH", "path": path, "data": operations})
    };
    let bulk = |operations: Vec<Value>| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let sent = bulk(vec![create("a"), worst(1), worst(2), create("b")]);
    let done = server.send("POST", "/Bulk", sent);
    let statuses: Vec<&str> =
        done.body["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!((done.status, statuses), (200, vec!["201", "200", "429", "429"]), "{}", done.body);
    let says = done.body["Operations"][3]["response"]["detail"].as_str().unwrap();
    assert!(says.contains("Send it again in another Bulk request"), "{says}");
    let found = |server: &mut Native, name: &str| {
        server.get(&format!("/Users?filter=userName+eq+%22{name}%22")).body["totalResults"].clone()
    };
    assert_eq!((found(&mut server, "a"), found(&mut server, "b")), (json!(1), json!(0)));
    // One that is too much for any request says so when it comes first.
    let done = server.send("POST", "/Bulk", bulk(vec![worst(2), create("b")]));
    let statuses: Vec<&str> =
        done.body["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["400", "429"], "{}", done.body);
    let done = server.send("POST", "/Bulk", bulk(vec![create("b")]));
    assert_eq!(done.body["Operations"][0]["status"], "201");
}

#[test]
fn a_thousand_creates_and_a_thousand_deactivations_fit_one_bulk() {
    let mut server = Native::new(Dialect::Auto);
    let user = |n: usize| json!({"userName": format!("u{n}"), "title": "t".repeat(1900)});
    let creates: Vec<Value> = (0..1000)
        .map(|n| json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": user(n)}))
        .collect();
    let bulk = |operations: Vec<Value>| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let done = server.send("POST", "/Bulk", bulk(creates));
    let operations = done.body["Operations"].as_array().unwrap();
    assert!(operations.iter().all(|one| one["status"] == "201"), "{}", operations[999]);
    let off = patch(&[json!({"op": "replace", "path": "active", "value": false})]);
    let all = operations
        .iter()
        .map(|one| {
            let id = one["location"].as_str().unwrap().rsplit('/').next().unwrap();
            json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": off})
        })
        .collect();
    let done = server.send("POST", "/Bulk", bulk(all));
    let operations = done.body["Operations"].as_array().unwrap();
    assert!(operations.iter().all(|one| one["status"] == "200"), "{}", operations[999]);
}
