//! The limits of history: how long and how much of it is kept, and that a full history and a token that fills it too fast stop all
//! but what takes something away.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use crate::support::session::{SESSIONS, Session};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::directory::admin::TokenSettings;
use scim_edge::store::changes::{BYTES_MAX, KEPT_BYTES};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const GB: i64 = 1_000_000_000;

/// The reason why a history is too full for more.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    /// All of the organisation's changes.
    Kept,
    /// Those of its token, lately.
    Added,
}

impl Limit {
    const ALL: [Self; 2] = [Self::Kept, Self::Added];

    fn reach(self, server: &mut Native) {
        match self {
            Limit::Kept => {
                let last = format!(
                    "UPDATE changes SET bytes = {BYTES_MAX} + bytes WHERE seq = (SELECT max(seq) FROM changes)"
                );
                server.sql.connection.execute(&last, []).unwrap();
            }
            // The burst, and an hour's worth more.
            Limit::Added => server.memory.added.charge("t-1", (256 << 20) + 3600 * 75_000, server.now),
        }
    }

    fn refusal(self) -> (u16, &'static str) {
        match self {
            Limit::Kept => (400, "quota-changes"),
            Limit::Added => (429, "history-rate"),
        }
    }
}

/// The user `ada`, the inactive `bob`, `cyd`; the group `staff` of ada and bob. Their ids.
fn organisation() -> (Native, [String; 4]) {
    let mut server = Native::new(Dialect::Auto);
    let ada = json!({"userName": "ada", "externalId": "x-ada", "title": "ab", "roles": [{"value": "admin"}, {"value": "user"}],
        "emails": [{"value": "ada@a.test", "type": "work"}], "name": {"givenName": "Ada", "familyName": "King"}});
    let bob = json!({"userName": "bob", "externalId": "x-bob", "active": false});
    let mut made = |path: &str, body: Value| server.send("POST", path, body).text("id").to_owned();
    let (ada, bob, cyd) = (made("/Users", ada), made("/Users", bob), made("/Users", json!({"userName": "cyd"})));
    let staff = made("/Groups", json!({"displayName": "staff", "members": [{"value": ada}, {"value": bob}]}));
    (server, [ada, bob, cyd, staff])
}

/// The fate of a request: it is refused, or its additions are, and this is left of some attribute.
enum Then {
    Refused,
    Done(&'static str, Value),
    Gone,
}

#[test]
fn what_takes_something_away_goes_on_and_nothing_else() {
    use Then::{Done, Gone, Refused};
    let patch = |operations: Value| json!({ "Operations": operations });
    let replace = |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    let [ada, bob, cyd, staff] = organisation().1;
    let (a, b, g) = (format!("/Users/{ada}"), format!("/Users/{bob}"), format!("/Groups/{staff}"));
    let member = |id: &String| json!({ "value": id });
    let rows: Vec<(&str, &str, &str, Value, Then)> = vec![
        ("a user", "POST", "/Users", json!({"userName": "new"}), Refused),
        ("a group", "POST", "/Groups", json!({"displayName": "new"}), Refused),
        ("a user who comes back", "POST", "/Users", json!({"userName": "bob", "externalId": "x-bob"}), Refused),
        ("a longer title", "PATCH", &a, patch(replace("title", json!("abc"))), Refused),
        ("a title as long", "PATCH", &a, patch(replace("title", json!("cd"))), Refused),
        ("a shorter title", "PATCH", &a, patch(replace("title", json!("a"))), Refused),
        (
            "roles in another order",
            "PATCH",
            &a,
            patch(replace("roles", json!([{"value": "user"}, {"value": "admin"}]))),
            Refused,
        ),
        (
            "an address of the same type",
            "PATCH",
            &a,
            patch(replace("emails", json!([{"value": "b@b.test", "type": "work"}]))),
            Refused,
        ),
        ("active again", "PATCH", &b, patch(replace("active", json!(true))), Refused),
        ("active again by PUT", "PUT", &b, json!({"userName": "bob", "active": true}), Refused),
        (
            "a PUT that says active and changes",
            "PUT",
            &a,
            json!({"userName": "ada", "active": true, "title": "cd",
            "roles": [{"value": "admin"}, {"value": "user"}], "emails": [{"value": "ada@a.test", "type": "work"}],
            "name": {"givenName": "Ada", "familyName": "King"}}),
            Refused,
        ),
        ("a member", "PATCH", &g, patch(json!([{"op": "add", "path": "members", "value": [member(&cyd)]}])), Refused),
        ("another name of a group", "PATCH", &g, patch(replace("displayName", json!("stuff"))), Refused),
        ("active off", "PATCH", &a, patch(replace("active", json!(false))), Done("active", json!(false))),
        (
            "active off with a title",
            "PATCH",
            &a,
            patch(json!([{"op": "replace", "value": {"active": false, "title": "xyz"}}])),
            Done("title", json!("ab")),
        ),
        (
            "active off by PUT",
            "PUT",
            &a,
            json!({"userName": "ada", "active": false, "title": "new"}),
            Done("active", json!(false)),
        ),
        ("active off, again", "PATCH", &b, patch(replace("active", json!(false))), Done("active", json!(false))),
        (
            "a role removed",
            "PATCH",
            &a,
            patch(json!([{"op": "remove", "path": "roles[value eq \"admin\"]"}])),
            Done("roles", json!([{"value": "user"}])),
        ),
        (
            "a role in the place of another",
            "PATCH",
            &a,
            patch(replace("roles", json!([{"value": "user"}, {"value": "root"}]))),
            Done("roles", json!([{"value": "user"}])),
        ),
        (
            "an attribute removed",
            "PATCH",
            &a,
            patch(json!([{"op": "remove", "path": "title"}])),
            Done("title", Value::Null),
        ),
        (
            "a sub-attribute removed",
            "PATCH",
            &a,
            patch(json!([{"op": "remove", "path": "name.familyName"}])),
            Done("name", json!({"givenName": "Ada"})),
        ),
        (
            "a PUT that leaves out and changes",
            "PUT",
            &a,
            json!({"userName": "ada", "title": "xy", "roles": [{"value": "user"}]}),
            Done("title", json!("ab")),
        ),
        (
            "a member removed",
            "PATCH",
            &g,
            patch(json!([{"op": "remove", "path": "members", "value": [member(&ada)]}])),
            Done("members", json!(1)),
        ),
        (
            "a member in the place of another",
            "PUT",
            &g,
            json!({"displayName": "stuff", "members": [member(&ada), member(&cyd)]}),
            Done("members", json!(1)),
        ),
        ("all members", "PUT", &g, json!({"displayName": "staff", "members": []}), Done("members", json!(0))),
        ("DELETE of a user", "DELETE", &a, Value::Null, Gone),
        ("DELETE of an inactive user", "DELETE", &b, Value::Null, Gone),
        ("DELETE of a group", "DELETE", &g, Value::Null, Gone),
    ];
    for limit in Limit::ALL {
        for (name, method, path, body, then) in &rows {
            for bulk in [false, true] {
                let at = format!("{name}, {limit:?}, in a Bulk: {bulk}");
                let (mut server, ids) = organisation();
                assert_eq!(
                    ids,
                    [&ada, &bob, &cyd, &staff].map(String::clone),
                    "the ids of a new organisation are the same"
                );
                limit.reach(&mut server);
                let seq = server.console("")["lastSeq"].clone();
                let (status, detail) = if bulk {
                    let mut operation = json!({"method": method, "path": path, "bulkId": "b", "data": body});
                    operation.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                    let done = server.send("POST", "/Bulk", json!({ "Operations": [operation] })).body["Operations"][0]
                        .clone();
                    let detail = done["response"]["detail"].as_str().unwrap_or_default().to_owned();
                    (done["status"].as_str().unwrap().parse().unwrap(), detail)
                } else {
                    let done = server.send(method, path, body.clone());
                    (done.status, done.body["detail"].as_str().unwrap_or_default().to_owned())
                };
                let moved = server.console("")["lastSeq"] != seq;
                match then {
                    Refused => {
                        let (expected, code) = limit.refusal();
                        assert_eq!(status, expected, "{at}: {detail}");
                        assert!(detail.ends_with(&format!("[{code}]")) && !moved, "{at}: {detail}");
                    }
                    Gone => assert_eq!((status, server.get(path).status), (204, 404), "{at}: {detail}"),
                    Done(attribute, value) => {
                        assert!(status < 300, "{at}: {status} {detail}");
                        let read = server.get(path).body;
                        let found = match &read[*attribute] {
                            members if *attribute == "members" => json!(members.as_array().map_or(0, Vec::len)),
                            other => other.clone(),
                        };
                        assert_eq!(found, *value, "{at}: {read}");
                    }
                }
            }
        }
    }
}

#[test]
fn one_token_waits_and_others_do_not() {
    let (mut server, [ada, ..]) = organisation();
    let path = format!("/Users/{ada}");
    let title = |title: &str| json!({"Operations": [{"op": "replace", "path": "title", "value": title}]});
    Limit::Added.reach(&mut server);
    let refused = server.answer(crate::support::Request::json("PATCH", &path, &title("x")));
    let after = refused.headers.iter().find(|(name, _)| *name == "Retry-After").map(|(_, value)| value.as_str());
    assert_eq!(refused.status, 429);
    assert!(["3600", "3601"].contains(&after.unwrap()), "{after:?}");
    // Reading is no change, nor is a request that repeats what is stored.
    assert_eq!((server.get(&path).status, server.send("PATCH", &path, title("ab")).status), (200, 200));
    let now = server.now;
    let first = std::mem::replace(&mut server.token, Token::mint(TokenKind::Scim, [9; 32]));
    let settings = TokenSettings {
        name: "t2".into(),
        kind: TokenKind::Scim,
        dialect: Dialect::Auto,
        scope: None,
        expires_at: None,
        address_ranges: Vec::new(),
    };
    server.mint("t-2", &settings);
    assert_eq!(server.send("PATCH", &path, title("other")).status, 200);
    (server.token, server.now) = (first, now.plus(HOUR + 1000));
    assert_eq!(server.send("PATCH", &path, title("x")).status, 200);
    // A Bulk is charged as a whole, afterwards.
    let long = |letter: &str| letter.repeat(200_000);
    let operations: Vec<Value> =
        (0..4).map(|n| json!({"method": "PATCH", "path": path, "data": title(&long(&n.to_string()))})).collect();
    let bulk = server.send("POST", "/Bulk", json!({ "Operations": operations }));
    assert!(bulk.body["Operations"].as_array().unwrap().iter().all(|done| done["status"] == "200"), "{}", bulk.body);
    let refused = server.send("PATCH", &path, title("y"));
    assert_eq!(refused.status, 429, "600 KB are 8 seconds");
    server.now = server.now.plus(8_000);
    assert_eq!(server.send("PATCH", &path, title("y")).status, 200);
}

/// A hundred creates a second stay below the rate of one token.
#[test]
fn creates_are_never_too_fast() {
    let mut server = Native::new(Dialect::Auto);
    let bytes = |server: &Native| -> i64 {
        server.sql.connection.query_row("SELECT coalesce(max(bytes), 0) FROM changes", [], |row| row.get(0)).unwrap()
    };
    server.send("POST", "/Users", json!({"userName": "a"}));
    let one = bytes(&server);
    server.send("POST", "/Users", json!({"userName": "b", "externalId": "x", "title": "t".repeat(2000)}));
    assert_eq!(bytes(&server), 2 * one, "nothing was before it");
    assert!((100..500).contains(&one), "{one}");
}

/// Each identity provider's own requests: where a step deactivates, deletes or removes, it does so with a full history too.
#[test]
fn every_provider_can_take_away() {
    let mut taken = 0;
    for (name, text) in SESSIONS {
        let session = Session::read(name, text);
        for limit in Limit::ALL {
            taken += session.takes_away(name, &|server| limit.reach(server));
        }
    }
    assert!(taken > 60, "{taken}");
}

/// Makes so many changes by one user, then moves them in time and size. Each is `(age in hours, kept bytes so far)`.
fn aged(changes: &[(i64, Option<i64>)]) -> Native {
    let mut server = Native::new(Dialect::Auto);
    let path = format!("/Users/{}", server.send("POST", "/Users", json!({"userName": "ada"})).text("id"));
    for n in 1..changes.len() {
        let body = json!({"Operations": [{"op": "replace", "path": "title", "value": n.to_string()}]});
        assert_eq!(server.send("PATCH", &path, body).status, 200);
    }
    for (seq, (age, bytes)) in (1..).zip(changes) {
        let text = "UPDATE changes SET at = ?, bytes = ?, clock = NULL WHERE seq = ?";
        let params = rusqlite::params![server.now.0 - age * HOUR, bytes, seq];
        server.sql.connection.execute(text, params).unwrap();
    }
    server
}

fn oldest(server: &mut Native) -> i64 {
    // As often as the job asks for.
    for _ in 0..20 {
        server.sql.connection.execute("UPDATE due SET at = 0 WHERE what = 'prune'", []).unwrap();
        server.alarm();
    }
    server.console("")["oldestSeq"].as_i64().unwrap()
}

#[test]
fn what_is_kept() {
    let old = 31 * 24;
    for (name, changes, left) in [
        ("young and few", vec![(100, Some(1)), (50, Some(2)), (1, Some(3))], 1),
        ("older than 30 days", vec![(old, Some(1)), (old, Some(2)), (29 * 24, Some(3)), (1, Some(4))], 3),
        ("all of them: the last one stays", vec![(old, Some(1)), (old, Some(2))], 2),
        ("more than 2 GB", vec![(200, Some(GB)), (190, Some(2 * GB)), (180, Some(3 * GB)), (170, Some(4 * GB))], 3),
        ("less than 2 GB", vec![(200, Some(GB)), (190, Some(2 * GB)), (180, Some(2 * GB + KEPT_BYTES - 1 - GB))], 1),
        (
            "more than 2 GB, and younger than 72 hours",
            vec![(73, Some(1)), (71, Some(GB)), (60, Some(9 * GB)), (1, Some(20 * GB))],
            2,
        ),
        ("from before bytes were counted", vec![(100, None), (90, None), (80, Some(GB)), (1, Some(3 * GB))], 4),
        (
            "from before bytes were counted, and few",
            vec![(100, None), (90, None), (80, Some(GB)), (1, Some(2 * GB - 1))],
            1,
        ),
        (
            "from a build that did not count them, in between",
            vec![(100, Some(GB)), (90, None), (80, Some(GB + 2)), (1, Some(GB + 3))],
            1,
        ),
    ] {
        let mut server = aged(&changes);
        assert_eq!(oldest(&mut server), left, "{name}");
    }
}

/// While the clock was a year ahead, changes were made with that time, and all after them have it too: they are forgotten when they
/// really are old.
#[test]
fn a_clock_that_was_ahead_keeps_nothing() {
    let mut server = Native::new(Dialect::Auto);
    let path = format!("/Users/{}", server.send("POST", "/Users", json!({"userName": "ada"})).text("id"));
    let change = |server: &mut Native, count: usize| {
        for n in 0..count {
            let body =
                json!({"Operations": [{"op": "replace", "path": "title", "value": format!("{}{n}", server.now.0)}]});
            assert_eq!(server.send("PATCH", &path, body).status, 200);
        }
    };
    let right = server.now;
    server.now = right.plus(365 * DAY);
    change(&mut server, 40);
    server.now = right.plus(HOUR);
    change(&mut server, 5);
    server.now = right.plus(29 * DAY);
    change(&mut server, 3);
    assert_eq!(oldest(&mut server), 1);
    server.now = right.plus(31 * DAY);
    assert_eq!(oldest(&mut server), 47, "all but those of two days ago");
    server.now = right.plus(60 * DAY);
    assert_eq!(oldest(&mut server), 49, "all but the last one");
}

/// A step forgets at most so many bytes, whatever the changes hold.
#[test]
fn a_step_is_bounded() {
    let mut server = aged(&vec![(31 * 24, Some(1)); 60]);
    server.sql.connection.execute("UPDATE changes SET before = printf('%.*c', 1000000, 'x')", []).unwrap();
    server.sql.connection.execute("UPDATE due SET at = 0 WHERE what = 'prune'", []).unwrap();
    server.alarm();
    let left = server.console("")["oldestSeq"].as_i64().unwrap();
    assert!((16..=18).contains(&left), "{left}");
    assert_eq!(oldest(&mut server), 60);
}

#[test]
fn the_organisation_tells_of_a_full_history() {
    let (mut server, _) = organisation();
    assert_eq!(server.console("")["warnings"], json!([]));
    Limit::Kept.reach(&mut server);
    let warned = server.console("")["warnings"].to_string();
    assert!(warned.contains("2.25 GB") && warned.contains("(GET /v1/orgs/acme/journal names"), "{warned}");
}
