//! One customer sends two dialects that say the same, and a forced sync leaves some attributes alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use crate::support::patch::{ENTERPRISE, GROUP, MESSAGE, USER};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

/// Okta's "Force Sync": a PUT of every user with the `active` that is stored. It overwrites attributes and neither
/// writes nor reports an activation.
#[test]
fn a_forced_sync_of_100_users() {
    let mut server = Native::new(Dialect::Okta);
    let body = |n: usize, family: &str, id: Option<&str>| {
        let name = json!({"givenName": format!("User {n}"), "familyName": family});
        let emails = json!([{"value": format!("u{n}@example.com"), "type": "work", "primary": true}]);
        let mut body = json!({"schemas": [USER], "userName": format!("u{n}@example.com"), "name": name, "emails": emails,
                              "active": !n.is_multiple_of(3), "groups": [], "meta": {"resourceType": "User"}});
        if let Some(id) = id {
            body["id"] = id.into();
        }
        body
    };
    let create = |n| server.send("POST", "/Users", body(n, "Before", None)).text("id").to_owned();
    let ids: Vec<String> = (0..100).map(create).collect();
    let before = server.console("");
    for (n, id) in ids.iter().enumerate() {
        let answer = server.send("PUT", &format!("/Users/{id}"), body(n, "After", Some(id)));
        assert_eq!((answer.status, &answer.body["active"]), (200, &json!(!n.is_multiple_of(3))));
        assert_eq!((answer.body["name"]["familyName"].as_str(), answer.rows_written), (Some("After"), 2));
    }
    let feed = server.console(&format!("/changes?after={}&limit=1000", before["lastSeq"]));
    let changes: Vec<(&Value, &Value)> =
        feed["changes"].as_array().unwrap().iter().map(|change| (&change["kind"], &change["id"])).collect();
    let (updated, wanted): (Value, Vec<Value>) = (json!("updated"), ids.iter().map(|id| json!(id)).collect());
    assert_eq!(changes, wanted.iter().map(|id| (&updated, id)).collect::<Vec<_>>());
    let after = server.console("");
    assert_eq!(after["counts"], before["counts"]);
    for (n, id) in ids.iter().enumerate() {
        let again = server.send("PUT", &format!("/Users/{id}"), body(n, "After", Some(id)));
        assert_eq!((again.status, again.rows_written), (200, 0));
    }
    assert_eq!(server.console("")["lastSeq"], after["lastSeq"]);
}

/// Entra ID's on-demand provisioning ignores the flag `aadOptscim062020`, so a customer who set it sends both: each request
/// as Entra says it without the flag and with it. The first two make users, the next two groups.
fn entra(ids: &[String]) -> Vec<(&'static str, String, [Value; 2])> {
    let id = |n: usize| ids.get(n).cloned().unwrap_or_default();
    let user = |name: &str| {
        json!({"schemas": [USER, ENTERPRISE], "externalId": format!("x-{name}"), "userName": format!("{name}@contoso.com"),
               "active": true, "emails": [{"primary": true, "type": "work", "value": format!("{name}@contoso.com")}],
               "meta": {"resourceType": "User"}, "name": {"givenName": name, "familyName": "Doe"}, "roles": []})
    };
    let group =
        |name: &str| json!({"schemas": [GROUP], "externalId": format!("x-{name}"), "displayName": name, "members": []});
    let both = |body: Value| [body.clone(), body];
    let patch = |without: Value, with: Value| {
        [without, with].map(|operations| json!({"schemas": [MESSAGE], "Operations": operations}))
    };
    let (first, team) = (format!("/Users/{}", id(0)), format!("/Groups/{}", id(2)));
    let manager = format!("{ENTERPRISE}:manager");
    let number = format!("{ENTERPRISE}:employeeNumber");
    vec![
        ("POST", "/Users".into(), both(user("babs"))),
        ("POST", "/Users".into(), both(user("jo"))),
        ("POST", "/Groups".into(), both(group("team"))),
        ("POST", "/Groups".into(), both(group("rest"))),
        (
            "PATCH",
            first.clone(),
            patch(
                json!([{"op": "Replace", "path": "displayName", "value": "Bjfe"},
                       {"op": "Replace", "path": "name.givenName", "value": "Kkom"},
                       {"op": "Replace", "path": "name.familyName", "value": "Unua"},
                       {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "k@contoso.com"},
                       {"op": "Add", "path": number, "value": "7"}]),
                json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "k@contoso.com"},
                       {"op": "replace", "value": {"displayName": "Bjfe", "name.givenName": "Kkom",
                                                   "name.familyName": "Unua", number: "7"}}]),
            ),
        ),
        (
            "PATCH",
            first.clone(),
            patch(
                json!([{"op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Columbus"},
                       {"op": "Add", "path": "addresses[type eq \"work\"].postalCode", "value": "12345"}]),
                json!([{"op": "add", "path": "addresses[type eq \"work\"].locality", "value": "Columbus"},
                       {"op": "add", "path": "addresses[type eq \"work\"].postalCode", "value": "12345"}]),
            ),
        ),
        (
            "PATCH",
            first.clone(),
            patch(
                json!([{"op": "Add", "path": manager, "value": id(1)}]),
                json!([{"op": "add", "path": manager, "value": {"value": id(1)}}]),
            ),
        ),
        (
            "PATCH",
            first.clone(),
            patch(
                json!([{"op": "Replace", "path": "active", "value": "False"}]),
                json!([{"op": "replace", "path": "active", "value": false}]),
            ),
        ),
        (
            "PATCH",
            first.clone(),
            patch(
                json!([{"op": "Replace", "path": "active", "value": "True"}]),
                json!([{"op": "replace", "path": "active", "value": true}]),
            ),
        ),
        (
            "PATCH",
            first,
            patch(
                json!([{"op": "Remove", "path": format!("manager[value eq \"{}\"]", id(1))}]),
                json!([{"op": "replace", "path": manager, "value": {"value": ""}}]),
            ),
        ),
        (
            "PATCH",
            team.clone(),
            patch(
                json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": id(0)}]},
                       {"op": "Add", "path": "members", "value": [{"$ref": null, "value": id(1)}]}]),
                json!([{"op": "add", "path": "members", "value": [{"value": id(0)}, {"value": id(1)}]}]),
            ),
        ),
        (
            "PATCH",
            team.clone(),
            patch(
                json!([{"op": "Remove", "path": "members", "value": [{"value": id(0)}]}]),
                json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", id(0))}]),
            ),
        ),
        (
            "PATCH",
            team,
            patch(
                json!([{"op": "Replace", "path": "displayName", "value": "crew"},
                       {"op": "Replace", "path": "externalId", "value": "x-crew"}]),
                json!([{"op": "replace", "value": {"displayName": "crew", "externalId": "x-crew"}}]),
            ),
        ),
    ]
}

#[test]
fn entra_with_and_without_its_flag() {
    // Which requests come as with the flag, from the lowest bit: none, all, every other one, and some.
    let runs = [0, usize::MAX, 0xaaaa, 0x5555, 0b1001_1100_0110_0101].map(|flags: usize| {
        let mut server = Native::new(Dialect::Entra);
        let mut ids = Vec::new();
        for n in 0..entra(&[]).len() {
            let (method, path, bodies) = entra(&ids).swap_remove(n);
            let body = bodies[flags >> n & 1].clone();
            let answer = server.send(method, &path, body.clone());
            assert!([200, 201, 204].contains(&answer.status), "{body}: {}", answer.body);
            assert!(answer.rows_written > 0, "{body} changes something");
            if method == "POST" {
                ids.push(answer.text("id").to_owned());
            } else {
                assert_eq!(server.send(method, &path, body.clone()).rows_written, 0, "{body}, repeated");
            }
        }
        [server.get("/Users").body, server.get("/Groups").body, server.console("/changes?after=0&limit=1000")]
    });
    for run in &runs {
        assert_eq!(run, &runs[0]);
    }
    let [users, groups, _] = &runs[0];
    assert_eq!(
        users["Resources"][0]["addresses"],
        json!([{"type": "work", "locality": "Columbus", "postalCode": "12345"}])
    );
    assert_eq!(users["Resources"][0][ENTERPRISE], json!({"employeeNumber": "7"}));
    assert_eq!(groups["Resources"][0]["members"][0]["value"], users["Resources"][1]["id"]);
}
