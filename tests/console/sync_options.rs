//! The sync options and the reserved names of groups: what is taken out of a request, and what is left of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use scim_edge::auth::Dialect;
use scim_edge::store::Sql;
use serde_json::{Value, json};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn patch(operations: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// The journal's last words on requests that changed nothing, and those of the last change.
fn notes(server: &Native) -> String {
    let text = "SELECT group_concat(coalesce(error, '')) FROM refused";
    let changed = "SELECT coalesce(max(repairs), '') FROM changes WHERE seq = (SELECT max(seq) FROM changes)";
    let read = |text: &str| server.sql.query(text, &[]).unwrap().into_iter().next().unwrap().optional_text().unwrap();
    [text, changed].map(|text| read(text).unwrap_or_default()).join(" ")
}

#[test]
fn what_is_switched_off_is_taken_out() {
    let stored = json!({"userName": "a", "title": "t", "active": true});
    let off = |name: &str| json!({ name: false });
    let replace = |path: &str, value: Value| patch(json!([{"op": "replace", "path": path, "value": value}]));
    let both = patch(json!([{"op": "replace", "value": {"title": "u", "active": false}}]));
    // Options, method, body, status, `title` and `active` afterwards, what the journal says.
    for (sync, method, body, status, title, active, says) in [
        (off("updateProfiles"), "PATCH", replace("title", json!("u")), 403, "t", true, "sync.updateProfiles"),
        (off("updateProfiles"), "PATCH", replace("title", json!("t")), 200, "t", true, ""),
        (off("updateProfiles"), "PATCH", replace("active", json!(false)), 200, "t", false, ""),
        (off("updateProfiles"), "PATCH", both.clone(), 200, "t", false, "title skipped"),
        (off("updateProfiles"), "PATCH", replace("externalId", json!("x")), 200, "t", true, ""),
        (off("updateProfiles"), "PUT", json!({"userName": "a", "title": "u"}), 403, "t", true, "sync.updateProfiles"),
        (
            off("updateProfiles"),
            "PUT",
            json!({"userName": "a", "title": "u", "active": true}),
            200,
            "t",
            true,
            "title skipped",
        ),
        (
            off("updateProfiles"),
            "PUT",
            json!({"userName": "b", "title": "u", "active": false}),
            200,
            "t",
            false,
            "title, userName skipped",
        ),
        (off("deactivateUsers"), "PATCH", replace("active", json!(false)), 403, "t", true, "sync.deactivateUsers"),
        (off("deactivateUsers"), "PATCH", both.clone(), 200, "u", true, "active was skipped"),
        (off("deactivateUsers"), "PUT", json!({"userName": "a", "active": false}), 200, "", true, "active was skipped"),
        (off("deactivateUsers"), "DELETE", Value::Null, 403, "t", true, "sync.deactivateUsers"),
        (
            json!({"deactivateUsers": false, "updateProfiles": false}),
            "PATCH",
            both.clone(),
            403,
            "t",
            true,
            "sync.updateProfiles",
        ),
        (off("createUsers"), "PATCH", both.clone(), 200, "u", false, ""),
        (off("pushGroups"), "PATCH", both.clone(), 200, "u", false, ""),
        (json!({}), "PATCH", both.clone(), 200, "u", false, ""),
    ] {
        let at = format!("{sync} {method} {body}");
        let mut server = Native::new(Dialect::Auto);
        let made = server.send("POST", "/Users", stored.clone());
        assert_eq!(server.admin("PUT", "", &json!({ "sync": sync })).status, 200, "{at}");
        let path = format!("/Users/{}", made.text("id"));
        let answer = server.send(method, &path, body.clone());
        assert_eq!(answer.status, status, "{at}: {}", answer.body);
        let after = server.get(&path).body;
        assert_eq!(
            (after.get("title").map_or("", |t| t.as_str().unwrap()), &after["active"]),
            (title, &json!(active)),
            "{at}"
        );
        let notes = notes(&server);
        assert!(notes.contains(says), "{at}: {notes}");
        assert!(!says.is_empty() || !notes.contains("switched off"), "{at}: {notes}");
        // Again it changes nothing, which with a note is one row of the journal; from then on none.
        assert!(server.send(method, &path, body.clone()).rows_written <= 1, "{at}, repeated");
        assert_eq!(server.send(method, &path, body).rows_written, 0, "{at}, repeated again");
        assert_eq!(after["userName"], "a", "{at}");
    }
}

#[test]
fn users_that_are_not_created_and_groups_that_are_not_pushed() {
    let mut server = Native::new(Dialect::Auto);
    let group = server.send("POST", "/Groups", json!({"displayName": "g"}));
    let group = format!("/Groups/{}", group.text("id"));
    let off = server.admin("PUT", "", &json!({"sync": {"createUsers": false}}));
    assert_eq!(off.body["sync"]["createUsers"], false);
    // Options that are not named stay as they are.
    let off = server.admin("PUT", "", &json!({"sync": {"pushGroups": false}}));
    let all = json!({"createUsers": false, "updateProfiles": true, "deactivateUsers": true, "pushGroups": false});
    assert_eq!(off.body["sync"], all);
    let seq = off.body["lastSeq"].clone();
    let rename = patch(json!([{"op": "replace", "path": "displayName", "value": "h"}]));
    for (method, path, body, says) in [
        ("POST", "/Users", json!({"userName": "a"}), "sync.createUsers"),
        ("POST", "/Groups", json!({"displayName": "h"}), "sync.pushGroups"),
        ("PUT", group.as_str(), json!({"displayName": "h"}), "sync.pushGroups"),
        ("PATCH", group.as_str(), rename, "sync.pushGroups"),
        ("DELETE", group.as_str(), Value::Null, "sync.pushGroups"),
    ] {
        let answer = server.send(method, path, body.clone());
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(answer.text("detail").contains(says), "{}", answer.body);
        assert!(answer.rows_written <= 1);
        let operation = json!([{"method": method, "path": path, "bulkId": "b", "data": body}]);
        let bulk = server.send("POST", "/Bulk", json!({"schemas": [BULK], "Operations": operation}));
        assert_eq!(bulk.body["Operations"][0]["status"], "403", "{}", bulk.body);
    }
    assert_eq!(server.get(&group).status, 200);
    assert_eq!(server.console("")["lastSeq"], seq);
}

#[test]
fn reserved_names_of_groups() {
    let mut server = Native::new(Dialect::Auto);
    let early = server.send("POST", "/Groups", json!({"displayName": "Owners"}));
    let set = server.admin("PUT", "", &json!({"reservedGroupNames": ["owners", "Straße"]}));
    assert_eq!(set.body["reservedGroupNames"], json!(["owners", "Straße"]));
    let early = format!("/Groups/{}", early.text("id"));
    let rename = |name: &str| patch(json!([{"op": "replace", "path": "displayName", "value": name}]));
    for (method, path, body, status) in [
        ("POST", "/Groups", json!({"displayName": "OWNERS"}), 409),
        ("POST", "/Groups", json!({"displayName": "STRASSE"}), 201),
        ("POST", "/Groups", json!({"displayName": "STRAßE"}), 409),
        // A group that has the name already keeps it, and can be given another.
        ("PATCH", early.as_str(), rename("owners"), 204),
        ("PATCH", early.as_str(), rename("others"), 204),
        ("PATCH", early.as_str(), rename("Owners"), 409),
        ("PUT", early.as_str(), json!({"displayName": "Owners"}), 409),
    ] {
        let answer = server.send(method, path, body.clone());
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        if status == 409 {
            assert_eq!(answer.text("scimType"), "uniqueness");
            assert!(answer.text("detail").contains("reserved"), "{}", answer.body);
        }
    }
    assert_eq!(server.admin("PUT", "", &json!({"reservedGroupNames": []})).body["reservedGroupNames"], json!([]));
    assert_eq!(server.send("PATCH", &early, rename("Owners")).status, 204);
}

#[test]
fn names_that_look_like_reserved_ones() {
    let mut server = Native::new(Dialect::Auto);
    server.admin("PUT", "", &json!({"reservedGroupNames": ["Site Admins", "Straße"]}));
    for name in [
        "site admins",
        " Site Admins",
        "Site  Admins",
        "Site\u{2003}Admins",
        "Site Admins\u{a0}",
        "Site Ad\u{200b}mins",
        "Site Ad\u{ad}mins",
        "Site Admins\u{202e}",
        "Site \u{2066}Admins",
        "\u{feff}Site Admins",
        "Site \u{430}dmins",
        "Site Adm\u{131}ns",
        "\u{17f}ite Admins",
        "\u{405}ITE ADMIN\u{405}",
        "SITE ADMI\u{39d}S",
        "\u{ff33}ite Admins",
        "\u{1d412}ite Admins",
        "Site\tAdmins",
        "Stra\u{df}e",
        "s\u{ad}traße",
    ] {
        let answer = server.send("POST", "/Groups", json!({"displayName": name}));
        // An invisible character is refused whatever the name.
        assert!(matches!(answer.status, 400 | 409), "{name:?}: {}", answer.body);
        let hidden = name.chars().any(|c| c.is_control() || "\u{200b}\u{ad}\u{202e}\u{2066}\u{feff}".contains(c));
        let says = if hidden { "invisible character" } else { "reservedGroupNames" };
        assert!(answer.text("detail").contains(says), "{name:?}: {}", answer.body);
    }
    assert_eq!(server.send("POST", "/Groups", json!({"displayName": "Site Admin"})).status, 201);
}

#[test]
fn members_of_a_group_whose_name_is_reserved_by_now() {
    let mut server = Native::new(Dialect::Auto);
    let user = |server: &mut Native, name: &str| {
        server.send("POST", "/Users", json!({"userName": name})).text("id").to_owned()
    };
    let [a, b, c] = ["a", "b", "c"].map(|name| user(&mut server, name));
    let members = |ids: &[&String]| -> Value { ids.iter().map(|id| json!({"value": id})).collect() };
    let made = server.send("POST", "/Groups", json!({"displayName": "Owners", "members": members(&[&a, &b])}));
    let path = format!("/Groups/{}", made.text("id"));
    server.admin("PUT", "", &json!({"reservedGroupNames": ["owners"]}));
    let add = |ids: &[&String]| json!({"op": "add", "path": "members", "value": members(ids)});
    let remove = |ids: &[&String]| json!({"op": "remove", "path": "members", "value": members(ids)});
    let put = |ids: &[&String]| json!({"displayName": "Owners", "members": members(ids)});
    let count = |server: &mut Native| server.get(&path).body["members"].as_array().map_or(0, Vec::len);
    // Request, status, members afterwards, what the journal says.
    for (method, body, status, left, says) in [
        ("PATCH", patch(json!([add(&[&c])])), 409, 2, "No members are added"),
        ("PUT", put(&[&a, &b, &c]), 409, 2, "No members are added"),
        ("PUT", put(&[&a, &b]), 200, 2, ""),
        ("PATCH", patch(json!([add(&[&a])])), 204, 2, ""),
        ("PATCH", patch(json!([add(&[&c]), remove(&[&b])])), 204, 1, "1 member was not added"),
        (
            "PATCH",
            patch(json!([add(&[&c]), {"op": "replace", "path": "externalId", "value": "x"}])),
            204,
            1,
            "1 member was",
        ),
        ("PUT", put(&[&b, &c]), 200, 0, "2 members were not added"),
        // A group that is given another name in the same request takes them.
        ("PUT", json!({"displayName": "Others", "members": members(&[&c])}), 200, 1, ""),
    ] {
        let answer = server.send(method, &path, body.clone());
        assert_eq!((answer.status, count(&mut server)), (status, left), "{body}: {}", answer.body);
        if status == 409 {
            assert!(answer.text("detail").contains(says), "{}", answer.body);
        } else {
            let notes = notes(&server);
            let last = notes.rsplit('[').next().unwrap_or_default();
            assert!(last.contains(says) && (!says.is_empty() || !last.contains("not added")), "{body}: {notes}");
        }
    }
    // Without the storage: a POST of the name is refused as a whole.
    assert_eq!(server.send("POST", "/Groups", put(&[&c])).status, 409);
}

#[test]
fn settings_that_are_none() {
    let mut server = Native::new(Dialect::Auto);
    let before = server.console("");
    for (path, body, says) in [
        ("", json!({"sync": {"createUser": false}}), "createUser"),
        ("", json!({"sync": {"createUsers": "no"}}), "boolean"),
        ("", json!({"guard": {"limit": 0, "windowSeconds": 60}}), "guard.limit"),
        ("", json!({"guard": {"limit": 5, "windowSeconds": 59}}), "guard.windowSeconds"),
        ("", json!({"guard": {"limit": 5}}), "windowSeconds"),
        ("", json!({"guard": {"limit": 5, "windowSeconds": 60, "more": 1}}), "more"),
        ("", json!({"reservedGroupNames": [""]}), "reservedGroupNames"),
        ("", json!({"reservedGroupNames": vec!["n"; 101]}), "101"),
        ("", json!({"reservedGroupNames": ["n".repeat(257)]}), "257"),
        ("/guard/release", json!({"seconds": 0}), "seconds"),
        ("/guard/release", json!({"seconds": 86_401}), "86400"),
        ("/guard/release", json!({}), "seconds"),
    ] {
        let method = if path.is_empty() { "PUT" } else { "POST" };
        let answer = server.admin(method, path, &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert!(answer.text("detail").contains(says), "{body}: {}", answer.body);
    }
    assert_eq!(server.console(""), before);
}
