//! The refusals and answers of a Bulk request, and their traces in the directory, the feed and the journal.

use super::*;
use crate::support::without_connection;
use scim_edge::auth::Dialect;

#[test]
fn every_method_and_the_form_of_the_answer() {
    let mut server = Native::new(Dialect::Rfc);
    let user = |name: &str| json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name});
    let made = bulk(&mut server, json!([post("a", "/Users", user("a")), post("b", "/Users", user("b"))]));
    let (a, b) = (id(&made, 0), id(&made, 1));
    let location = format!("{BASE}/Users/{a}");
    let expected =
        json!({"method": "POST", "bulkId": "a", "location": location, "version": "W/\"1\"", "status": "201"});
    assert_eq!(made.body["Operations"][0], expected);
    assert_eq!(made.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    let put = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "a", "title": "t"});
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                       "Operations": [{"op": "replace", "path": "title", "value": "u"}]});
    let response = bulk(
        &mut server,
        json!([
            {"method": "PUT", "path": format!("/Users/{a}"), "version": "W/\"1\"", "data": put},
            {"method": "patch", "path": format!("{location}/?attributes=id"), "version": "W/\"2\"", "data": patch},
            {"method": "PUT", "path": format!("/acme/scim/v2//users/{a}"), "version": "W/\"2\"", "data": put},
            {"method": "DELETE", "path": format!("/Users/{b}")},
            {"method": "DELETE", "path": format!("/Users/{b}")},
        ]),
    );
    assert_eq!(results(&response), ["200", "200", "412", "204", "404"]);
    let shown = response.body["Operations"].as_array().unwrap();
    let versions: Vec<&Value> = shown.iter().map(|one| &one["version"]).collect();
    assert_eq!(versions, [&json!("W/\"2\""), &json!("W/\"3\""), &Value::Null, &Value::Null, &Value::Null]);
    let gone = format!("{BASE}/Users/{b}");
    let locations: Vec<&Value> = shown.iter().map(|one| &one["location"]).collect();
    assert_eq!(locations, [&json!(location), &json!(location), &json!(location), &json!(gone), &json!(gone)]);
    assert_eq!(shown[4]["response"]["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(server.get(&format!("/Users/{a}")).text("title"), "u");
}

/// An error in the envelope refuses the request; an error in one operation is its result.
#[test]
fn refusals() {
    let mut server = Native::new(Dialect::Rfc);
    let ok = json!({"method": "DELETE", "path": "/Users/x"});
    let schemas = json!([REQUEST]);
    for (body, status, says) in [
        (json!({"Operations": [ok]}), 400, REQUEST),
        (json!({"schemas": schemas}), 400, "Operations"),
        (json!({"schemas": schemas, "Operations": []}), 400, "at least one"),
        (json!({"schemas": schemas, "Operations": [7]}), 400, "Operation 1"),
        (json!({"schemas": schemas, "failOnErrors": 0, "Operations": [ok]}), 400, "failOnErrors"),
        (json!({"schemas": schemas, "Operations": [user("a"), user("a")]}), 400, "\"a\""),
        (json!({"schemas": schemas, "Operations": [user(&"a".repeat(257))]}), 400, "bulkId of operation 1"),
        (json!({"schemas": schemas, "Operations": vec![ok.clone(); 1001]}), 413, "1000"),
        (json!({"schemas": schemas, "Operations": [], "pad": "a".repeat(8 << 20)}), 413, "8388608"),
    ] {
        let response = server.send("POST", "/Bulk", body);
        assert_eq!(response.status, status, "{}", response.body);
        assert_eq!(response.text("scimType"), if status == 400 { "invalidSyntax" } else { "" });
        assert!(response.text("detail").contains(says), "{}", response.body);
    }
    assert_eq!(server.get("/Bulk").status, 405);
    let mut server = Native::new(Dialect::Auto);
    let data = json!({"userName": "z"});
    for (operation, result, says) in [
        (json!({"method": "GET", "path": "/Users/x"}), "400 invalidSyntax", "\"GET\""),
        (json!({"path": "/Users/x"}), "400 invalidSyntax", "PUT, PATCH or DELETE"),
        (json!({"method": "POST", "path": "/Users", "data": data}), "400 invalidSyntax", "bulkId"),
        (json!({"method": "POST", "path": "/Me", "data": data}), "400 invalidSyntax", "/Me"),
        (json!({"method": "POST", "path": "/Bulk", "data": data}), "400 invalidSyntax", "/Bulk"),
        (json!({"method": "DELETE", "path": "/Users"}), "400 invalidSyntax", "/Users"),
        (json!({"method": "PUT", "path": "https://else.test/acme/scim/v2/Users/x"}), "400 invalidSyntax", "else.test"),
        (json!({"method": "PUT", "path": "/Users/x"}), "400 invalidSyntax", "data"),
        (json!({"method": "PUT", "path": "/Users/x", "data": []}), "400 invalidSyntax", "an array"),
        (json!({"method": "PUT", "path": "/Users/x", "data": {}}), "400 invalidValue", "userName"),
        (json!({"method": "PUT", "path": "/Users/x", "data": data, "version": "1"}), "400 invalidValue", "version"),
        (json!({"method": "PUT", "path": "/Users/x", "data": data, "version": 1}), "400 invalidValue", "version"),
        (json!({"method": "PUT", "path": "/Users/x", "data": data}), "404", "x"),
        (json!({"method": "DELETE", "path": format!("/Users/{}", "x".repeat(1 << 21))}), "404", "no user"),
        (json!({"method": "x".repeat(1 << 21), "path": "/Users"}), "400 invalidSyntax", "XXXX"),
        (json!({"method": "DELETE", "path": "/Users/bulkId:no"}), "400 invalidValue", "\"no\""),
        (managed("m", "no"), "400 invalidValue m", "\"no\""),
    ] {
        let response = bulk(&mut server, json!([operation, user("u")]));
        let others = results(&response).pop().unwrap();
        assert!(others == "201 u" || others == "409 uniqueness u", "{operation}: {}", response.body);
        assert_eq!(results(&response)[0], result, "{operation}: {}", response.body);
        assert!(detail(&response, 0).contains(says), "{operation}: {}", response.body);
        let again = bulk(&mut server, json!([operation, user("u")]));
        assert_eq!(bulk(&mut server, json!([operation, user("u")])).rows_written, 0, "{}", again.body);
    }
    assert_eq!(counts(&mut server)["users"], 1);
}

#[test]
fn fail_on_errors() {
    let wrong = |name: &str| post(name, "/Users", json!({"title": "no name"}));
    for (limit, expected) in [
        (Value::Null, vec!["201 a", "400 invalidValue b", "400 invalidValue g", "400 invalidValue d", "201 e"]),
        (json!(4), vec!["201 a", "400 invalidValue b", "400 invalidValue g", "400 invalidValue d", "201 e"]),
        (json!(3), vec!["201 a", "400 invalidValue b", "400 invalidValue g", "400 invalidValue d"]),
        (json!(2), vec!["201 a", "400 invalidValue b", "400 invalidValue g"]),
        (json!(1), vec!["201 a", "400 invalidValue b"]),
    ] {
        let mut server = Native::new(Dialect::Auto);
        let operations = json!([user("a"), wrong("b"), group("g", &["b"]), wrong("d"), user("e")]);
        let body = json!({"failOnErrors": limit, "Operations": operations});
        let response = server.send("POST", "/Bulk", body);
        assert_eq!(results(&response), expected, "{limit}");
        let users = expected.iter().filter(|one| one.starts_with("201")).count();
        assert_eq!(counts(&mut server), json!({"users": users, "activeUsers": users, "groups": 0, "memberships": 0}));
        if expected.len() > 2 {
            assert!(detail(&response, 2).contains("bulkId:b, which failed"), "{}", response.body);
        }
    }
}

/// An operation that fails halfway takes its own rows back and no others; the feed has one change for each that had an
/// effect, in the order in which they ran, and the totals are what is there.
#[test]
fn the_feed_and_the_rows_agree() {
    let mut server = Native::new(Dialect::Auto);
    let made = bulk(&mut server, json!([user("a"), user("b"), group("g", &["a"])]));
    let [a, b, g] = [0, 1, 2].map(|at| id(&made, at));
    let before = server.console("")["lastSeq"].as_u64().unwrap();
    let patch =
        |path: String, operation: Value| json!({"method": "PATCH", "path": path, "data": {"Operations": [operation]}});
    let off = json!({"op": "replace", "value": {"active": false}});
    let response = bulk(
        &mut server,
        json!([
            group("h", &["b2"]),
            patch(format!("/Users/{b}"), off.clone()),
            patch(format!("/Users/{b}"), off),
            // Leaves every group and deletes, then a new one takes the name.
            {"method": "DELETE", "path": format!("/Users/{a}")},
            user("a"),
            user("B"),
            post("b2", "/Users", json!({"userName": "b2"})),
            {"method": "PUT", "path": format!("/Groups/{g}"), "data": {"displayName": "new", "members": [{"value": b}, {"value": g}]}},
            {"method": "PUT", "path": format!("/Groups/{g}"), "data": {"displayName": "new", "members": [{"value": b}]}},
            post("i", "/Groups", json!({"displayName": "H"})),
        ]),
    );
    let expected = [
        "201 h",
        "200",
        "200",
        "204",
        "201 a",
        "409 uniqueness B",
        "201 b2",
        "400 invalidValue",
        "200",
        "409 uniqueness i",
    ];
    assert_eq!(results(&response), expected, "{}", response.body);
    let feed = server.console(&format!("/changes?after={before}"));
    let changes = feed["changes"].as_array().unwrap();
    let kinds: Vec<String> = changes
        .iter()
        .map(|c| format!("{} {}", c["kind"].as_str().unwrap(), c["resourceType"].as_str().unwrap()))
        .collect();
    let run = [
        "deactivated User",
        "deleted User",
        "created User",
        "created User",
        "created Group",
        "members Group",
        "updated Group",
        "members Group",
    ];
    assert_eq!(kinds, run);
    assert_eq!(counts(&mut server), json!({"users": 3, "activeUsers": 2, "groups": 2, "memberships": 2}));
    let count = |text: &str| server.sql.connection.query_row(text, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM users"), 3);
    assert_eq!(count("SELECT count(*) FROM members"), 2);
    assert_eq!(count("SELECT count(DISTINCT request_seq) FROM changes"), 2, "one request, one end");
    assert_eq!(count("SELECT count(*) FROM refused"), 3);
    let refusals =
        "SELECT group_concat(method || ' ' || resource, ', ') FROM (SELECT * FROM refused ORDER BY resource)";
    let listed: String = server.sql.connection.query_row(refusals, [], |row| row.get(0)).unwrap();
    assert_eq!(listed, format!("POST /Groups, PUT /Groups/{g}, POST /Users"));
}

/// A fault of ours, at every statement in turn, leaves nothing of the whole request.
#[test]
fn a_failing_storage_leaves_nothing_behind() {
    let mut server = Native::new(Dialect::Auto);
    let operations = json!([
        managed("a", "b"),
        managed("b", "a"),
        post("c", "/Users", json!({"userName": "A"})),
        group("g", &["a"])
    ]);
    let expected = ["201 a", "201 b", "409 uniqueness c", "201 g"];
    let mut failures = 0;
    loop {
        let before = without_connection(server.console(""));
        server.sql.fail_after.set(Some(failures));
        let response = bulk(&mut server, operations.clone());
        server.sql.fail_after.set(None);
        if response.status == 200 {
            assert_eq!(results(&response), expected);
            break;
        }
        failures += 1;
        assert_eq!(response.status, 500, "{}", response.body);
        assert_eq!(without_connection(server.console("")), before, "at statement {failures}");
    }
    assert!(failures > 15, "{failures} statements");
    assert_eq!(bulk(&mut server, operations).status, 200);
}

#[test]
fn a_thousand_operations() {
    let mut server = Native::new(Dialect::Auto);
    let names: Vec<String> = (0..990).map(|n| format!("u{n}")).collect();
    let mut operations: Vec<Value> =
        (0..10).map(|n| group(&format!("g{n}"), &names.iter().map(String::as_str).collect::<Vec<_>>())).collect();
    // A chain of managers, each before its own: the last one runs first.
    operations.extend(names.iter().enumerate().map(|(n, name)| match names.get(n + 1) {
        Some(next) => managed(name, next),
        None => user(name),
    }));
    let response = bulk(&mut server, json!(operations));
    assert!(results(&response).iter().all(|one| one.starts_with("201")), "{:?}", results(&response).first());
    let expected = json!({"users": 990, "activeUsers": 990, "groups": 10, "memberships": 9900});
    assert_eq!(counts(&mut server), expected);
    assert_eq!(server.console("")["lastSeq"], 1010);
}

/// Repairs and skipped parts stand in the journal once each; a note of an operation that failed is not kept.
#[test]
fn repairs_and_notes() {
    let mut server = Native::new(Dialect::Auto);
    let odd =
        |name: &str, more: Value| post(name, "/Users", json!({"userName": name, "active": "True", "shoeSize": more}));
    bulk(&mut server, json!([odd("a", json!(43)), odd("b", json!(44)), post("c", "/Users", json!({"hat": 1}))]));
    let text = "SELECT repairs FROM changes ORDER BY seq DESC LIMIT 1";
    let repairs: String = server.sql.connection.query_row(text, [], |row| row.get(0)).unwrap();
    assert_eq!(
        repairs,
        r#"["foreign_schemas","string_booleans","The attribute shoeSize is unknown and was dropped."]"#
    );
}
