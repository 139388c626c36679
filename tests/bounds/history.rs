//! A request adds to the kept changes a small multiple of its own size, whatever is stored already.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

/// How many times what is sent may be kept.
const TIMES: i64 = 5;

/// The bytes of all changes so far.
fn kept(server: &Native) -> i64 {
    let text = "SELECT coalesce(max(bytes), 0) FROM changes";
    server.sql.connection.query_row(text, [], |row| row.get(0)).unwrap()
}

fn role(value: &str, long: usize, display: &str) -> Value {
    json!({"value": value.repeat(long), "display": display, "type": "t", "primary": false})
}

type Operations = fn(usize) -> Value;

/// Bulks of small changes of a user near the limit of its size. A change above the work of one request is refused and
/// keeps nothing, so the client sends it again.
#[test]
fn small_changes_of_a_large_user_keep_little() {
    let two = || vec![role("a", 120_000, "x"), role("b", 120_000, "y")];
    let many = || (0..1000).map(|n| role(&format!("r{n}"), 20, "x")).collect::<Vec<_>>();
    let shared = || (0..12).map(|n| role("s", 20_000, &format!("{n}"))).collect::<Vec<_>>();
    let own = "urn:acme:User";
    let rows: [(&str, Value, Operations); 12] = [
        (
            "a value is added",
            json!({"roles": two()}),
            |n| json!([{"op": "add", "path": "roles", "value": [{"value": n.to_string()}]}]),
        ),
        ("a value is added and removed", json!({"roles": two()}), |n| match n % 2 {
            0 => json!([{"op": "add", "path": "roles", "value": [{"value": "n"}]}]),
            _ => json!([{"op": "remove", "path": "roles[value eq \"n\"]"}]),
        }),
        (
            "a sub-attribute of a long value",
            json!({"roles": two()}),
            |n| json!([{"op": "replace", "path": "roles[display sw \"x\"].display", "value": format!("x{n}")}]),
        ),
        ("the primary value changes", json!({"roles": two()}), |n| {
            let display = if n % 2 == 0 { "x" } else { "y" };
            json!([{"op": "replace", "path": format!("roles[display eq \"{display}\"].primary"), "value": true}])
        }),
        (
            "a sub-attribute of each of very many",
            json!({"roles": many()}),
            |n| json!([{"op": "replace", "path": "roles[type eq \"t\"].display", "value": n.to_string()}]),
        ),
        ("one is moved to the end, and one changes behind it", json!({"roles": many()}), |n| {
            let value = format!("r{}", 2 * n).repeat(20);
            json!([
                {"op": "remove", "path": format!("roles[value eq \"{value}\"]")},
                {"op": "add", "path": "roles", "value": [{"value": value}]},
                {"op": "replace", "path": format!("roles[value eq \"{}\"].display", format!("r{}", 2 * n + 1).repeat(20)), "value": n.to_string()},
            ])
        }),
        (
            "one of very many that share a long value",
            json!({"roles": shared()}),
            |n| json!([{"op": "replace", "path": format!("roles[display eq \"{}\"].type", n % 12), "value": n.to_string()}]),
        ),
        (
            "a short sub-attribute of a complex attribute",
            json!({"name": {"givenName": "g".repeat(120_000), "familyName": "f".repeat(120_000)}}),
            |n| json!([{"op": "replace", "path": "name.middleName", "value": n.to_string()}]),
        ),
        (
            "a short attribute beside long ones",
            json!({"title": "t".repeat(120_000), "roles": two()[..1]}),
            |n| json!([{"op": "replace", "path": "nickName", "value": n.to_string()}]),
        ),
        (
            "a short attribute of an extension",
            json!({own: {"was": "w".repeat(120_000), "list": ["l".repeat(120_000)]}}),
            |n| json!([{"op": "replace", "path": "urn:acme:User:short", "value": n.to_string()}]),
        ),
        (
            "a value of a list in an extension",
            json!({own: {"list": ["a".repeat(120_000), "b".repeat(120_000)]}}),
            |n| json!([{"op": "add", "path": "urn:acme:User:list", "value": [n.to_string()]}]),
        ),
        (
            "active goes off and on",
            json!({"roles": two()}),
            |n| json!([{"op": "replace", "path": "active", "value": n % 2 == 1}]),
        ),
    ];
    for (name, attributes, operations) in rows {
        let mut server = Native::new(Dialect::Auto);
        let string = |name: &str, many: bool| json!({"name": name, "type": "string", "multiValued": many});
        let attribute = [string("was", false), string("short", false), string("list", true)];
        let schema = json!({"id": own, "name": "Acme", "attributes": attribute});
        assert_eq!(server.admin("PUT", "/schemas/urn:acme:User", &schema).status, 201);
        let mut user = attributes.clone();
        user["userName"] = json!("u");
        let made = server.send("POST", "/Users", user);
        assert_eq!(made.status, 201, "{name}: {}", made.body);
        let path = format!("/Users/{}", made.text("id"));
        let bulk: Vec<Value> =
            (0..200).map(|n| json!({"method": "PATCH", "path": path, "data": {"Operations": operations(n)}})).collect();
        let request = Request::json("POST", "/Bulk", &json!({ "Operations": bulk }));
        let (sent, before) = (request.body.as_ref().unwrap().len() as i64, kept(&server));
        let done = server.scim(request);
        let statuses: Vec<&str> =
            done.body["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
        let applied = statuses.iter().filter(|status| **status == "200").count();
        assert!(applied >= 20, "{name}: {applied}");
        let added = kept(&server) - before;
        assert!(added <= TIMES * sent, "{name}: sent {sent}, kept {added} in {applied} changes");
    }
}
