//! Data from before there were limits never stands in the way: of a deactivation, a change elsewhere, a removal.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Response, Server, stored};
use rusqlite::params;
use scim_edge::auth::Dialect;
use scim_edge::fold::fold;
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// The file's resources, put into the storage past the service.
fn server(dialect: Dialect) -> (Native, Vec<Value>) {
    let server = Native::new(dialect);
    let odd: Vec<Value> = serde_json::from_str(include_str!("odd.json")).unwrap();
    for (at, one) in odd.iter().enumerate() {
        let text = |name: &str| one["attributes"][name].as_str();
        let is_user = one["kind"] == "User";
        let core = if is_user { USER } else { GROUP };
        let urns = one["attributes"].as_object().unwrap().keys().filter(|name| name.contains(':'));
        let mut doc = one["attributes"].clone();
        doc["schemas"] = [core].into_iter().chain(urns.map(String::as_str)).collect();
        let (doc, id) = (doc.to_string(), one["id"].as_str().unwrap());
        let sql = &server.sql.connection;
        if is_user {
            let name = text("userName").unwrap();
            let columns =
                "id, user_name, user_name_key, external_id, more_mail, active, doc, version, seq, created, modified";
            sql.execute(
                &format!("INSERT INTO users ({columns}) VALUES (?1, ?2, ?3, ?4, 0, 1, ?5, 1, 0, 0, 0)"),
                params![id, name, fold(name), text("externalId"), doc],
            )
            .unwrap();
        } else {
            let name = text("displayName").unwrap();
            let columns =
                "key, id, display_name, display_name_key, external_id, doc, gone, version, seq, created, modified";
            sql.execute(
                &format!("INSERT INTO groups ({columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 1, 0, 0, 0)"),
                params![-(at as i64) - 1, id, name, fold(name), text("externalId"), doc],
            )
            .unwrap();
        }
    }
    server.sql.connection.execute_batch(stored::totals()).unwrap();
    (server, odd)
}

fn patched(server: &mut Native, path: &str, operations: Value) -> Response {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    server.send("PATCH", path, json!({"schemas": schemas, "Operations": operations}))
}

#[test]
fn every_odd_user_is_read_changed_deactivated_and_deleted() {
    for dialect in [Dialect::Auto, Dialect::Rfc] {
        let (mut server, odd) = server(dialect);
        for one in odd.iter().filter(|one| one["kind"] == "User") {
            let what = one["what"].as_str().unwrap();
            let path = format!("/Users/{}", one["id"].as_str().unwrap());
            let expect = |response: &Response, status: u16, step: &str| {
                let detail = response.text("detail");
                assert_eq!(response.status, status, "{dialect:?} {what} {step}: {detail}");
            };
            let read = server.get(&path);
            expect(&read, 200, "is read");
            let listed = server.get("/Users?count=100");
            expect(&listed, 200, "is listed");
            let elsewhere = json!([{"op": "add", "path": "profileUrl", "value": "https://odd.test"}]);
            expect(&patched(&mut server, &path, elsewhere), 200, "is patched elsewhere");
            // All that was read comes back, as a forced push sends it.
            let mut echoed = read.body.clone();
            echoed["locale"] = json!("de");
            let put = server.send("PUT", &path, echoed.clone());
            expect(&put, 200, "is replaced by itself");
            let off = json!([{"op": "replace", "path": "active", "value": false}]);
            expect(&patched(&mut server, &path, off), 200, "is deactivated");
            assert_eq!(server.get(&path).body["active"], false, "{what}");
            echoed["active"] = json!(true);
            expect(&server.send("PUT", &path, echoed.clone()), 200, "is activated by a PUT");
            echoed["active"] = json!(false);
            expect(&server.send("PUT", &path, echoed), 200, "is deactivated by a PUT");
            for list in ["roles", "emails"].iter().filter(|list| one["attributes"].get(**list).is_some()) {
                let first = json!([{"op": "remove", "path": list, "value": [one["attributes"][*list][0]]}]);
                expect(&patched(&mut server, &path, first), 200, "loses a value");
            }
            expect(&server.send("DELETE", &path, Value::Null), 204, "is deleted");
        }
    }
}

#[test]
fn every_odd_group_is_read_changed_emptied_and_deleted() {
    let (mut server, odd) = server(Dialect::Auto);
    let member = server.send("POST", "/Users", json!({"userName": "m"})).text("id").to_owned();
    for one in odd.iter().filter(|one| one["kind"] == "Group") {
        let what = one["what"].as_str().unwrap();
        let path = format!("/Groups/{}", one["id"].as_str().unwrap());
        let read = server.get(&path);
        assert_eq!(read.status, 200, "{what}");
        let add = json!([{"op": "add", "path": "members", "value": [{"value": member}]}]);
        assert_eq!(patched(&mut server, &path, add).status, 204, "{what}");
        let mut echoed = read.body;
        echoed["members"] = json!([]);
        let put = server.send("PUT", &path, echoed);
        assert_eq!((put.status, &put.body["members"]), (200, &Value::Null), "{what}: {}", put.text("detail"));
        assert_eq!(server.send("DELETE", &path, Value::Null).status, 204, "{what}");
    }
}

#[test]
fn what_is_new_is_held_to_the_limits() {
    let (mut server, _) = server(Dialect::Auto);
    let roles = |count: usize| -> Value { (0..count).map(|n| json!({"value": format!("r{n}")})).collect() };
    let user = |name: &str, more: Value| {
        let mut user = json!({"userName": name});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    let made = server.send("POST", "/Users", user("new", json!({"roles": roles(1000)})));
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("/Users/{}", made.text("id"));
    let group = server.send("POST", "/Groups", json!({"displayName": "g".repeat(1024)})).text("id").to_owned();
    let group = format!("/Groups/{group}");
    let add = |path: &str, value: Value| json!({"Operations": [{"op": "add", "path": path, "value": value}]});
    let long = || json!("l".repeat(1025));
    let data = user("bulk", json!({"roles": roles(1001)}));
    let bulk = json!({"Operations": [{"method": "POST", "path": "/Users", "bulkId": "b", "data": data}]});
    let before = server.get(&path).body;
    for (method, path, body, says) in [
        ("POST", "/Users", user("more", json!({"roles": roles(1001)})), "roles would have 1001 values"),
        ("POST", "/Users", user(&"u".repeat(1025), json!({})), "userName has 1025 characters"),
        ("POST", "/Users", user("e", json!({"externalId": long()})), "externalId has 1025 characters"),
        ("POST", "/Groups", json!({"displayName": long()}), "displayName has 1025 characters"),
        ("PUT", &path, user("new", json!({"roles": roles(1001)})), "roles would have 1001 values"),
        ("PATCH", &path, add("roles", json!([{"value": "one more"}])), "roles would have 1001 values"),
        ("PATCH", &path, add("displayName", long()), "displayName has 1025 characters"),
        ("PUT", &group, json!({"displayName": "h", "externalId": long()}), "externalId has 1025 characters"),
        ("PATCH", &group, add("displayName", long()), "displayName has 1025 characters"),
        ("PATCH", "/Users/00000000-0000-7000-8000-000000000001", add("roles", json!([{"value": "n"}])), "2001 values"),
    ] {
        let refused = server.send(method, path, body);
        assert_eq!((refused.status, refused.text("scimType")), (400, "invalidValue"), "{method} {path}");
        assert!(refused.text("detail").contains(says), "{says}: {}", refused.text("detail"));
    }
    let done = server.send("POST", "/Bulk", bulk);
    assert_eq!(done.body["Operations"][0]["status"], "400", "{}", done.body);
    assert_eq!(server.get(&path).body, before);
    let long_id = "i".repeat(129);
    assert_eq!(server.get(&format!("/Users/{long_id}")).status, 404);
    let refused = server.send("PATCH", &group, add("members", json!([{"value": long_id}])));
    assert_eq!((refused.status, refused.text("scimType")), (400, "invalidValue"));
}

#[test]
fn numbers_that_no_floating_point_number_has_are_no_fault_of_ours() {
    let (mut server, _) = server(Dialect::Auto);
    let group = server.send("POST", "/Groups", json!({"displayName": "g"})).text("id").to_owned();
    for number in [i64::MAX, i64::MAX - 1, 1 << 53, (1 << 53) - 1] {
        for sort in ["", "&sortBy=title", "&sortBy=userName", "&filter=title+pr"] {
            let found = server.get(&format!("/Users?startIndex={number}&count={number}{sort}"));
            assert_eq!((found.status, &found.body["startIndex"]), (200, &json!((1_i64 << 53) - 1)), "{number}{sort}");
            assert_eq!(found.body["Resources"], json!([]));
        }
        let body = json!({"startIndex": number, "count": -number, "sortBy": "meta.created"});
        assert_eq!(server.send("POST", "/.search", body).status, 200);
        let filter = format!("/Users?filter=urn:odd:list+eq+{number}+or+meta.version+eq+%22{number}%22");
        assert_ne!(server.get(&filter).status, 500, "{filter}");
        let allowed = number < 1 << 53;
        for path in [
            format!("/changes?after={number}"),
            format!("/groups/{group}/members?after={number}"),
            format!("/journal?after={number}.{number}."),
            format!("/users?limit={number}"),
            format!("/changes?after=0&wait={number}"),
        ] {
            let status = server.tagged(&path, None).0;
            // The feed has not come that far.
            let expected = if allowed && !path.starts_with("/changes?after=9") { 200 } else { 400 };
            assert_eq!(status, expected, "{path}");
        }
        for (method, path, body) in [
            ("POST", "/guard/release", json!({"seconds": number})),
            ("PUT", "", json!({"guard": {"limit": number, "windowSeconds": 60}})),
            ("PUT", "", json!({"guard": {"limit": 1, "windowSeconds": number}})),
        ] {
            assert_eq!(server.admin(method, path, &body).status, 400, "{path} {body}");
        }
    }
}

/// Long texts are compared by their beginning alone, and pages still show every user once.
#[test]
fn long_sort_keys_are_ordered_by_their_beginning_then_by_id() {
    let mut server = Native::new(Dialect::Auto);
    let title = |end: &str| format!("{}{end}", "t".repeat(256));
    for (name, title) in [("c", title("a")), ("a", title("c")), ("b", title("b")), ("d", "s".to_owned())] {
        assert_eq!(server.send("POST", "/Users", json!({"userName": name, "title": title})).status, 201);
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = server.get(&format!("/Users?sortBy=title&count=1&cursor={cursor}")).body;
        assert!(cursor.len() < 1500, "a cursor holds no more of a key than is compared");
        names.push(page["Resources"][0]["userName"].as_str().unwrap().to_owned());
        cursor = page["nextCursor"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!((names.join(""), cursor), ("dcab".to_owned(), String::new()));
}
