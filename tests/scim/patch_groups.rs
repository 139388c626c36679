//! PATCH of groups (RFC 7644 section 3.5.2) as tables: the operations, and who is a member afterwards.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use crate::support::patch::Expected::{Changes, Refused};
use crate::support::patch::In::{self, Auto, Both, Rfc};
use crate::support::patch::{DIALECTS, GROUP, MESSAGE, USER, check};
use serde_json::{Value, json};

/// The members afterwards, or the `scimType` and a part of the detail.
type Case = (In, &'static str, Result<&'static str, (&'static str, &'static str)>);

/// A group with the members a and b; the cases name them, and c who is none, by `$a`, `$b` and `$c`.
fn groups(cases: &[Case]) {
    for (dialect, wanted) in DIALECTS {
        let mut server = Native::new(dialect);
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            let made = server.send("POST", "/Users", json!({"schemas": [USER], "userName": name}));
            ids.push((format!("${name}"), made.text("id").to_owned()));
        }
        let fill = |text: &str| ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id));
        let inner = json!({"schemas": [GROUP], "displayName": "inner"});
        let inner = server.send("POST", "/Groups", inner).text("id").to_owned();
        for (_, operations, expected) in cases.iter().filter(|(on, ..)| *on == Both || *on == wanted) {
            let group = json!({"schemas": [GROUP], "displayName": "g", "externalId": "x",
                               "members": [{"value": ids[0].1}, {"value": ids[1].1}]});
            let made = server.send("POST", "/Groups", group);
            let path = format!("/Groups/{}", made.text("id"));
            let operations: Value = serde_json::from_str(&fill(operations).replace("$inner", &inner)).unwrap();
            let answer = server.send("PATCH", &path, json!({"schemas": [MESSAGE], "Operations": operations}));
            let expected = match expected {
                Ok(members) => {
                    let mut members: Vec<String> = members.split(' ').filter(|m| !m.is_empty()).map(&fill).collect();
                    members.sort();
                    Changes(json!({"members": if members.is_empty() { Value::Null } else { json!(members) }}))
                }
                Err((scim_type, says)) => Refused(scim_type, says),
            };
            let at = format!("{dialect:?}: {operations} answered {}", answer.body);
            check(&at, &made.body, &answer, &server.get(&path).body, &expected);
            let repeats = server.send("PATCH", &path, json!({"schemas": [MESSAGE], "Operations": operations}));
            if answer.status < 300 && repeats.status < 300 {
                assert_eq!(repeats.rows_written, 0, "{at}: repeated");
            }
            assert_eq!(server.send("DELETE", &path, Value::Null).status, 204);
        }
    }
}

#[test]
fn members() {
    groups(&[
        (Both, r#"[{"op": "add", "path": "members", "value": [{"value": "$c"}, {"value": "$c"}]}]"#, Ok("$a $b $c")),
        (Both, r#"[{"op": "Add", "path": "members", "value": {"value": "$c", "$ref": null}}]"#, Ok("$a $b $c")),
        (Both, r#"[{"op": "add", "value": {"members": [{"value": "$a"}]}}]"#, Ok("$a $b")),
        (Auto, r#"[{"op": "add", "path": "members", "value": null}]"#, Ok("$a $b")),
        (Both, r#"[{"op": "replace", "path": "members", "value": [{"value": "$c"}, {"value": "$a"}]}]"#, Ok("$a $c")),
        (Both, r#"[{"op": "replace", "path": "members", "value": []}]"#, Ok("")),
        (Both, r#"[{"op": "remove", "path": "members"}]"#, Ok("")),
        (Both, r#"[{"op": "remove", "path": "members", "value": null}]"#, Ok("")),
        (Both, r#"[{"op": "remove", "path": "members", "value": []}]"#, Ok("$a $b")),
        (Both, r#"[{"op": "remove", "path": "members", "value": [{"value": "$a"}]}]"#, Ok("$b")),
        (Both, r#"[{"op": "remove", "path": "members", "value": {"value": "$a"}}]"#, Ok("$b")),
        (Auto, r#"[{"op": "remove", "path": "members", "value": {"members": [{"value": "$a"}]}}]"#, Ok("$b")),
        (
            Both,
            r#"[{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": [{"value": "$c"}]}]"#,
            Ok("$c"),
        ),
        (
            Both,
            r#"[{"op": "add", "path": "members", "value": [{"value": "$inner"}]}]"#,
            Err(("invalidValue", "nested")),
        ),
        (
            Both,
            r#"[{"op": "add", "path": "members", "value": [{"value": "nobody"}]}]"#,
            Err(("invalidValue", "nobody")),
        ),
        (Rfc, r#"[{"op": "add", "path": "members", "value": [{"value": 5.5}]}]"#, Err(("invalidValue", "members"))),
        (Both, r#"[{"op": "remove", "path": "displayName"}]"#, Err(("mutability", "displayName"))),
        (Both, r#"[{"op": "replace", "value": {"displayName": ""}}]"#, Err(("invalidValue", "displayName"))),
        (Both, r#"[{"op": "replace", "value": {"externalId": "x", "displayName": "g"}}]"#, Ok("$a $b")),
    ]);
}

#[test]
fn member_filters() {
    groups(&[
        (Both, r#"[{"op": "remove", "path": "members[value eq \"$a\"]"}]"#, Ok("$b")),
        (Both, r#"[{"op": "remove", "path": "MEMBERS[VALUE EQ \"$c\"]"}]"#, Ok("$a $b")),
        (Both, r#"[{"op": "remove", "path": "members[value eq \"$a\" or value eq \"$b\"]"}]"#, Ok("")),
        (Both, r#"[{"op": "remove", "path": "members[value eq \"$a\" and type eq \"user\"]"}]"#, Ok("$b")),
        (Both, r#"[{"op": "remove", "path": "members[value eq \"$a\" and type ne \"User\"]"}]"#, Ok("$a $b")),
        (Both, r#"[{"op": "remove", "path": "members[not (value eq \"$a\")]"}]"#, Ok("$a")),
        (Both, r#"[{"op": "remove", "path": "members[value ne \"$a\"]"}]"#, Ok("$a")),
        (Both, r#"[{"op": "remove", "path": "members[type eq \"User\"]"}]"#, Ok("")),
        (Both, r#"[{"op": "remove", "path": "members[type eq \"Group\"]"}]"#, Ok("$a $b")),
        (Both, r#"[{"op": "remove", "path": "members[value ew \"$b\" or value eq \"$c\"]"}]"#, Ok("$a")),
        (
            Both,
            r#"[{"op": "remove", "path": "members[$ref eq \"https://edge.test/acme/scim/v2/Users/$a\"]"}]"#,
            Ok("$b"),
        ),
        (Both, r#"[{"op": "remove", "path": "members[$ref co \"x\"]"}]"#, Err(("invalidFilter", "members.$ref"))),
        (Rfc, r#"[{"op": "remove", "path": "members[value gt 7]"}]"#, Err(("invalidFilter", "value"))),
        // The steps come in their order, and so does what a filter finds.
        (
            Both,
            r#"[{"op": "add", "path": "members", "value": [{"value": "$c"}]}, {"op": "remove", "path": "members[value ne \"$a\"]"}]"#,
            Ok("$a"),
        ),
        (
            Both,
            r#"[{"op": "remove", "path": "members[value pr]"}, {"op": "add", "path": "members", "value": [{"value": "$b"}]}]"#,
            Ok("$b"),
        ),
        (
            Both,
            r#"[{"op": "replace", "path": "members", "value": [{"value": "$b"}, {"value": "$c"}]},
                {"op": "remove", "path": "members[value ne \"$c\"]"}]"#,
            Ok("$c"),
        ),
        (Both, r#"[{"op": "replace", "path": "members[value eq \"$a\"]", "value": {"value": "$c"}}]"#, Ok("$b $c")),
        (Both, r#"[{"op": "replace", "path": "members[type eq \"User\"]", "value": [{"value": "$c"}]}]"#, Ok("$c")),
        (
            Rfc,
            r#"[{"op": "replace", "path": "members[value eq \"$c\"]", "value": {"value": "$c"}}]"#,
            Err(("noTarget", "value eq")),
        ),
        (
            Rfc,
            r#"[{"op": "replace", "path": "members[type eq \"x\"]", "value": {"value": "$c"}}]"#,
            Err(("noTarget", "type eq")),
        ),
        (Auto, r#"[{"op": "replace", "path": "members[value eq \"$c\"]", "value": {"value": "$c"}}]"#, Ok("$a $b $c")),
        (Auto, r#"[{"op": "Add", "path": "members[value eq \"$c\"]", "value": "[]"}]"#, Ok("$a $b $c")),
        // No user has such an id; a 200 would say that one was added.
        (
            Auto,
            r#"[{"op": "Add", "path": "members[value eq \"a b\"]", "value": "[]"}]"#,
            Err(("mutability", "members")),
        ),
        (
            Rfc,
            r#"[{"op": "add", "path": "members[value eq \"$c\"]", "value": {"type": "User"}}]"#,
            Err(("mutability", "members")),
        ),
        (Auto, r#"[{"op": "add", "path": "members[type eq \"User\"]", "value": {}}]"#, Err(("mutability", "members"))),
        (
            Both,
            r#"[{"op": "replace", "path": "members[value eq \"$a\"].value", "value": "$c"}]"#,
            Err(("mutability", "value")),
        ),
        (Both, r#"[{"op": "replace", "path": "members.type", "value": "User"}]"#, Err(("mutability", "members.type"))),
        (Both, r#"[{"op": "remove", "path": "members.$ref"}]"#, Err(("mutability", "members.$ref"))),
        (Both, r#"[{"op": "remove", "path": "members[shoe eq \"x\"]"}]"#, Err(("invalidPath", "members.shoe"))),
        (
            Both,
            r#"[{"op": "replace", "path": "members[shoe eq \"x\"]", "value": []}]"#,
            Err(("invalidPath", "members.shoe")),
        ),
    ]);
}

/// A filter that names no member is tried on the rows, a piece at a time.
#[test]
fn a_filter_on_a_large_group() {
    let mut server = Native::new(scim_edge::auth::Dialect::Rfc);
    let made = server.send("POST", "/Groups", json!({"schemas": [GROUP], "displayName": "g"}));
    let path = format!("/Groups/{}", made.text("id"));
    let rows = "INSERT INTO users (key, id, user_name, user_name_key, more_mail, active, doc, version, seq, created, modified) \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) \
                SELECT i, printf('u-%05d', i), i, i, 0, 1, '{}', 1, 1, 0, 0 FROM n; \
                INSERT INTO members SELECT (SELECT key FROM groups), key FROM users";
    server.sql.connection.execute_batch(rows).unwrap();
    for (operation, left) in [
        (json!({"op": "remove", "path": "members[value sw \"u-1\"]"}), 15_000),
        (json!({"op": "remove", "path": "members[value eq \"u-25000\"]"}), 14_999),
        (json!({"op": "replace", "path": "members[value ge \"u-24000\"]", "value": {"value": "u-10000"}}), 14_000),
        (json!({"op": "remove", "path": "members[not (value ew \"99\")]"}), 140),
        (json!({"op": "remove", "path": "members[type eq \"User\"]"}), 0),
    ] {
        let answer = server.send("PATCH", &path, json!({"schemas": [MESSAGE], "Operations": [operation]}));
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        assert_eq!(answer.body["members"].as_array().map_or(0, Vec::len), left, "{operation}");
    }
}
