//! `bulkId` references (RFC 7644 section 3.7.2), in any order and in circles (section 3.7.1).

use super::*;
use crate::support::Request;
use scim_edge::auth::Dialect;

#[test]
fn references_in_any_order() {
    let e = ENTERPRISE;
    let patch =
        |path: &str, operation: Value| json!({"method": "PATCH", "path": path, "data": {"Operations": [operation]}});
    for (operations, members, manager) in [
        (json!([user("a"), user("b"), group("g", &["a", "b"])]), vec!["a", "b"], None),
        (json!([group("g", &["a", "b"]), user("a"), user("b")]), vec!["a", "b"], None),
        (json!([managed("a", "b"), user("b"), group("g", &[])]), vec![], Some("b")),
        (
            json!([
                patch("/Groups/bulkId:g", json!({"op": "add", "path": "members", "value": [{"value": "bulkId:b"}]})),
                group("g", &["a"]),
                user("a"),
                user("b")
            ]),
            vec!["a", "b"],
            None,
        ),
        (
            json!([
                group("g", &["a", "b"]),
                user("a"),
                user("b"),
                patch("/Groups/bulkId:g", json!({"op": "remove", "path": "members[value eq \"bulkId:a\"]"})),
                patch("/Users/bulkId:a", json!({"op": "add", "path": format!("{e}:manager"), "value": "bulkId:b"}))
            ]),
            vec!["b"],
            Some("b"),
        ),
        (
            json!([
                user("a"),
                group("g", &[]),
                user("b"),
                patch(
                    "/Groups/bulkId:g",
                    json!({"op": "add", "path": "members[value eq \"bulkId:b\"]", "value": "[]"})
                )
            ]),
            vec!["b"],
            None,
        ),
        (
            json!([
                user("b"),
                user("a"),
                group("g", &["b"]),
                {"method": "PUT", "path": format!("{BASE}/Users/bulkId:a"), "data": {
                    "id": "bulkId:a", "userName": "a",
                    e: {"manager": {"value": "bulkId:b", "$ref": format!("{BASE}/Users/bulkId:b")}}}}
            ]),
            vec!["b"],
            Some("b"),
        ),
        (
            json!([
                {"method": "PUT", "path": "/Groups/bulkId:g", "data": {"displayName": "g", "members": [{"value": "bulkId:b"}]}},
                user("c"),
                {"method": "DELETE", "path": "/Users/bulkId:c"},
                user("a"),
                group("g", &["a", "c"]),
                user("b")
            ]),
            vec!["b"],
            None,
        ),
    ] {
        let mut server = Native::new(Dialect::Auto);
        let response = bulk(&mut server, operations.clone());
        assert!(results(&response).iter().all(|one| one.starts_with('2')), "{operations}: {}", response.body);
        let given = operations.as_array().unwrap();
        for (sent, result) in given.iter().zip(response.body["Operations"].as_array().unwrap()) {
            assert_eq!((&sent["method"], &sent["bulkId"]), (&result["method"], &result["bulkId"]));
        }
        let find = |name: &str| id(&response, given.iter().position(|one| one["bulkId"] == name).unwrap());
        let read = server.get(&format!("/Groups/{}", find("g"))).body;
        let found: Vec<String> =
            read["members"].as_array().into_iter().flatten().map(|m| m["value"].to_string()).collect();
        let wanted: Vec<String> = members.iter().map(|name| json!(find(name)).to_string()).collect();
        assert_eq!(found, wanted, "{operations}");
        if let Some(manager) = manager {
            let read = server.get(&format!("/Users/{}", find("a"))).body;
            assert_eq!(read[e]["manager"]["value"], find(manager), "{operations}");
            if let Some(reference) = read[e]["manager"]["$ref"].as_str() {
                assert_eq!(reference, format!("{BASE}/Users/{}", find(manager)));
            }
        }
    }
}

/// A directory whose users refer to groups: by a registered attribute.
fn with_teams() -> Native {
    let mut server = Native::new(Dialect::Auto);
    let attribute = json!({"name": "of", "type": "reference", "referenceTypes": ["Group"]});
    let schema = json!({"resourceTypes": ["User"], "attributes": [attribute]});
    assert_eq!(server.admin("PUT", "/schemas/urn:x:team", &schema).status, 201);
    server
}

/// A text that reads like a reference is kept as it was sent where no reference may stand.
#[test]
fn texts_that_only_look_like_references() {
    let mut server = with_teams();
    let kept = json!({"of": "bulkId:g", "manager": {"value": "bulkId:no", "$ref": "/Users/bulkId:no"}});
    let user = json!({"userName": "bulkId:g", "title": "bulkId:no", "name": {"givenName": "bulkId:no"},
        "urn:y:team": kept, "urn:x:team": {"of": "bulkId:g"}, ENTERPRISE: {"manager": {"value": "bulkId:g"}}});
    let patch = json!({"method": "PATCH", "path": "/Users/bulkId:a", "data": {"Operations": [
        {"op": "add", "path": "urn:y:team:more", "value": "bulkId:g"},
        {"op": "add", "path": "nickName", "value": "bulkId:g"},
        {"op": "replace", "path": "emails[value eq \"bulkId:g\"].display", "value": "bulkId:no"},
        {"op": "remove", "path": "roles[display eq \"bulkId:no\"]"}]}});
    let group = post("g", "/Groups", json!({"displayName": "bulkId:a", "urn:y:team": kept}));
    let response = bulk(&mut server, json!([post("a", "/Users", user), patch, group]));
    assert_eq!(results(&response).iter().filter(|one| one.starts_with('2')).count(), 3, "{}", response.body);
    let (read, group) = (server.get(&format!("/Users/{}", id(&response, 0))).body, id(&response, 2));
    let all =
        json!({"of": "bulkId:g", "manager": {"value": "bulkId:no", "$ref": "/Users/bulkId:no"}, "more": "bulkId:g"});
    assert_eq!(
        (&read["userName"], &read["title"], &read["urn:y:team"]),
        (&json!("bulkId:g"), &json!("bulkId:no"), &all)
    );
    assert_eq!((&read["nickName"], &read["urn:x:team"]["of"]), (&json!("bulkId:g"), &json!(group)));
    assert_eq!(read[ENTERPRISE]["manager"], json!({"value": group}));
    let read = server.get(&format!("/Groups/{group}")).body;
    assert_eq!((&read["displayName"], &read["urn:y:team"]), (&json!("bulkId:a"), &kept));
}

#[test]
fn circles() {
    let nested = post("h", "/Groups", json!({"displayName": "h", "members": [{"value": "bulkId:g"}]}));
    let team = |name: &str, group: &str| {
        post(name, "/Users", json!({"userName": name, "urn:x:team": {"of": format!("bulkId:{group}")}}))
    };
    for (operations, expected, says) in [
        (json!([managed("a", "a")]), vec!["201 a"], ""),
        (json!([managed("a", "b"), managed("b", "a"), user("c")]), vec!["201 a", "201 b", "201 c"], ""),
        // The group comes first in the request, its member first in the transaction.
        (json!([group("g", &["a"]), team("a", "g")]), vec!["201 g", "201 a"], ""),
        (json!([managed("a", "b"), managed("b", "a"), group("g", &["a", "b"])]), vec!["201 a", "201 b", "201 g"], ""),
        (
            json!([managed("a", "b"), managed("b", "a"), user("taken"), user("c"), group("g", &["a"])]),
            vec!["201 a", "201 b", "409 uniqueness taken", "201 c", "201 g"],
            "",
        ),
        (
            json!([group("g", &["h"]), nested, user("c"), group("i", &["g"])]),
            vec!["409 g", "409 h", "201 c", "400 invalidValue i"],
            "Nothing was kept of bulkId:g, bulkId:h, which refer to each other",
        ),
        (
            json!([managed("taken", "b"), managed("b", "taken"), user("c")]),
            vec!["409 taken", "409 b", "201 c"],
            "userName \"taken\" is taken",
        ),
        // An operation that the edge refuses fails for its own reason; the other one then refers to a failed one.
        (
            json!([managed("", "b"), managed("b", "a"), user("a")]),
            vec!["400 invalidSyntax", "201 b", "201 a"],
            "bulkId",
        ),
    ] {
        let mut server = with_teams();
        assert_eq!(server.send("POST", "/Users", json!({"userName": "taken"})).status, 201);
        let before = counts(&mut server);
        let response = bulk(&mut server, operations.clone());
        assert_eq!(results(&response), expected, "{operations}: {}", response.body);
        assert!(detail(&response, 0).contains(says), "{}", response.body);
        let made = |kind: &str| {
            let all = response.body["Operations"].as_array().unwrap();
            all.iter().filter(|one| one["location"].as_str().is_some_and(|at| at.contains(kind))).count() as u64
        };
        let after = counts(&mut server);
        assert_eq!(after["users"].as_u64().unwrap(), before["users"].as_u64().unwrap() + made("/Users/"));
        assert_eq!(after["groups"].as_u64().unwrap(), made("/Groups/"));
        bulk(&mut server, operations.clone());
        assert_eq!(bulk(&mut server, operations).rows_written, 0, "equal refusals are one row");
    }
    let mut server = Native::new(Dialect::Auto);
    let response = bulk(&mut server, json!([managed("a", "b"), managed("b", "a")]));
    let read = server.get(&format!("/Users/{}", id(&response, 0))).body;
    assert_eq!(read[ENTERPRISE]["manager"]["value"], id(&response, 1));
}

/// A circle that comes again under the same key gets its first answer, as each POST by itself does.
#[test]
fn a_circle_that_comes_again() {
    let circles = [
        json!([managed("a", "a")]),
        json!([managed("a", "b"), user("c"), managed("b", "a"), group("g", &["a", "c"])]),
        json!([group("g", &["a"]), post("a", "/Users", json!({"userName": "a", "urn:x:team": {"of": "bulkId:g"}}))]),
    ];
    let send = |server: &mut Native, operations: &Value, key: &str| {
        let mut request = Request::json("POST", "/Bulk", &json!({"schemas": [REQUEST], "Operations": operations}));
        request.headers.push(("Idempotency-Key".to_owned(), key.to_owned()));
        server.scim(request)
    };
    for operations in circles {
        let mut server = with_teams();
        let first = send(&mut server, &operations, "k-1");
        assert!(results(&first).iter().all(|one| one.starts_with("201")), "{operations}: {}", first.body);
        let seq = server.console("")["lastSeq"].clone();
        for _ in 0..2 {
            let again = send(&mut server, &operations, "k-1");
            assert_eq!((&again.body, again.rows_written), (&first.body, 0), "{operations}");
        }
        let other = send(&mut server, &operations, "k-2");
        assert!(results(&other)[0].starts_with("409"), "{operations}: {}", other.body);
        assert_eq!(server.console("")["lastSeq"], seq);
        // If it has changed since, nothing is a repeat.
        let changed = format!("/Users/{}", server.get("/Users").body["Resources"][0]["id"].as_str().unwrap());
        server.send("PATCH", &changed, json!({"Operations": [{"op": "add", "path": "title", "value": "t"}]}));
        let late = send(&mut server, &operations, "k-1");
        assert!(results(&late).iter().any(|one| one.starts_with("409")), "{operations}: {}", late.body);
        assert_eq!(server.get(&changed).body["title"], "t");
    }
}

/// A user who comes back keeps the id of before, so an id taken beforehand is not theirs.
#[test]
fn a_circle_with_somebody_who_comes_back() {
    let mut server = Native::new(Dialect::Auto);
    server.send("POST", "/Users", json!({"userName": "a", "externalId": "x", "active": false}));
    let back = post("a", "/Users", json!({"userName": "a", "externalId": "x", ENTERPRISE: {"manager": "bulkId:b"}}));
    let response = bulk(&mut server, json!([back, managed("b", "a")]));
    assert_eq!(results(&response), ["409 a", "409 b"]);
    assert_eq!(counts(&mut server)["activeUsers"], 0);
    let straight = post("a", "/Users", json!({"userName": "a", "externalId": "x"}));
    let response = bulk(&mut server, json!([managed("b", "a"), straight]));
    assert_eq!(results(&response), ["201 b", "201 a"]);
    let read = server.get(&format!("/Users/{}", id(&response, 0))).body;
    assert_eq!(read[ENTERPRISE]["manager"]["value"], id(&response, 1));
}

/// Every operation of a circle says why the one failed, so the sentence stands in the answer as often as there are
/// operations, whatever a client put into it.
#[test]
fn a_circle_quotes_a_bounded_part_of_what_failed() {
    let long = "a".repeat(1024);
    let mut server = Native::new(Dialect::Auto);
    assert_eq!(server.send("POST", "/Users", json!({"userName": long})).status, 201);
    let name = |at: usize| if at == 7 { long.clone() } else { format!("u{at}") };
    let ring = (0..200).map(|at| {
        let manager = json!({"manager": {"value": format!("bulkId:{}", (at + 1) % 200)}});
        post(&at.to_string(), "/Users", json!({"userName": name(at), ENTERPRISE: manager}))
    });
    let response = bulk(&mut server, ring.collect());
    assert!(results(&response).iter().all(|one| one.starts_with("409 ")), "{:?}", results(&response));
    for at in 0..200 {
        let said = detail(&response, at);
        assert!(said.starts_with("bulkId:7 failed: userName \"aaa"), "{said}");
        assert!(said.ends_with("then add the references by PATCH. [bulk-circle]") && said.len() < 1100, "{said}");
    }
    assert!(response.body.to_string().len() < 200_000, "{}", response.body.to_string().len());
}
