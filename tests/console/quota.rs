//! The quota: what it stops, what it never stops, and what is said about it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::native::Native;
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::console;
use scim_edge::directory::admin::{Admin, Scope, TokenSettings};
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::store::Sql;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// Returns the removals that the last change tells.
fn notes(server: &Native) -> String {
    let text = "SELECT coalesce(max(repairs), '') FROM changes WHERE seq = (SELECT max(seq) FROM changes)";
    server.sql.query(text, &[]).unwrap().into_iter().next().unwrap().text().unwrap()
}

/// The user `ada` of a title and a role and the inactive `bob`; the group `staff`, which has both. Their addresses.
fn organisation() -> (Native, [String; 3]) {
    let mut server = Native::new(Dialect::Auto);
    let ada = json!({"userName": "ada", "externalId": "x-ada", "title": "ab", "roles": [{"value": "admin"}]});
    let bob = json!({"userName": "bob", "externalId": "x-bob", "active": false});
    let mut made = |path: &str, body: Value| server.send("POST", path, body).text("id").to_owned();
    let (ada, bob) = (made("/Users", ada), made("/Users", bob));
    let staff = made("/Groups", json!({"displayName": "staff", "members": [{"value": ada}, {"value": bob}]}));
    (server, [format!("/Users/{ada}"), format!("/Users/{bob}"), format!("/Groups/{staff}")])
}

#[test]
fn what_is_set_is_shown() {
    let mut server = Native::new(Dialect::Auto);
    let default = json!({"users": 1_000_000, "groups": 100_000, "bytes": 8_589_934_592_i64});
    assert_eq!(server.console("")["quota"], default);
    assert_eq!(server.console("")["storedBytes"], server.sql.size().unwrap());
    for (body, shown) in [
        (json!({"quota": {"users": 5}}), json!({"users": 5, "groups": 100_000, "bytes": 8_589_934_592_i64})),
        // A member that a quota leaves out has its default, and a request without a quota changes none.
        (json!({"quota": {"groups": null}}), json!({"users": 1_000_000, "groups": null, "bytes": 8_589_934_592_i64})),
        (json!({"displayName": "B"}), json!({"users": 1_000_000, "groups": null, "bytes": 8_589_934_592_i64})),
        (json!({"quota": {"users": 0, "groups": 1, "bytes": 2}}), json!({"users": 0, "groups": 1, "bytes": 2})),
        (json!({"quota": null}), default.clone()),
    ] {
        let answer = server.admin("PUT", "", &body);
        assert_eq!((answer.status, &answer.body["quota"]), (200, &shown), "{body}");
        assert_eq!(server.console("")["quota"], shown, "{body}");
    }
    for (quota, says) in [
        (json!({"users": -1}), "quota.users"),
        (json!({"groups": "9"}), "quota.groups"),
        (json!({"bytes": 1.5}), "quota.bytes"),
        (json!({"seats": 1}), "seats"),
        (json!(7), "quota"),
    ] {
        let answer = server.admin("PUT", "", &json!({ "quota": quota }));
        assert_eq!((answer.status, answer.text("code")), (400, "invalid-field"), "{quota}");
        assert!(answer.text("detail").contains(says), "{}", answer.body);
        assert_eq!(server.console("")["quota"], default, "{quota}");
    }
}

#[test]
fn root_alone_sets_it() {
    let mut server = Native::new(Dialect::Auto);
    for scope in [Scope::Admin, Scope::Read] {
        server.token = Token::mint(TokenKind::Console, [8 + scope as u8; 32]);
        let settings = TokenSettings {
            name: "c".into(),
            kind: TokenKind::Console,
            dialect: Dialect::Auto,
            scope: Some(scope),
            expires_at: None,
            address_ranges: Vec::new(),
        };
        server.mint(if scope == Scope::Admin { "t-a" } else { "t-r" }, &settings);
        for body in [r#"{"quota":null}"#, r#"{"quota":{}}"#, r#"{"displayName":"B","quota":{"users":5}}"#] {
            let ask = Ask::Admin(console::configure(body.as_bytes()).unwrap());
            let actor = Actor::Token { hash: server.token.hash(), dialect: Dialect::Auto };
            let refused = server.call(actor, ask).outcome.unwrap_err();
            assert_eq!(refused.code.as_str(), "scope-too-narrow", "{body}");
        }
    }
    assert_eq!(server.console("")["displayName"], "Acme");
}

/// One request to [`organisation`] with a quota. `{0}` to `{4}` are the addresses of `ada`, `bob`, `staff` and of two users
/// that are in no group; in a body their ids.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Members that are not named have no limit.
    quota: Map<String, Value>,
    method: String,
    path: String,
    #[serde(default)]
    body: Value,
    status: u16,
    #[serde(default)]
    code: String,
    /// The attributes of the resource when it is read then, with the number of its `members`; after a POST it is `bob`.
    #[serde(default)]
    after: Map<String, Value>,
    #[serde(default)]
    gone: bool,
    /// The removals that the journal tells.
    #[serde(default)]
    taken: String,
}

/// How a request is sent.
#[derive(Debug, PartialEq)]
enum Way {
    Alone,
    Bulk,
    Preview,
}

impl Case {
    /// Sends the request; answers its status and the sentence of a refusal.
    fn send(&self, server: &mut Native, way: &Way, path: &str, body: &Value) -> (u16, String) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match way {
            Way::Alone => {
                let answer = server.send(&self.method, path, body.clone());
                (answer.status, text(&answer.body["detail"]))
            }
            Way::Bulk => {
                let mut operation = json!({"method": self.method, "path": path});
                if self.method == "POST" {
                    operation["bulkId"] = "b".into();
                }
                if !body.is_null() {
                    operation["data"] = body.clone();
                }
                let bulk = server.send("POST", "/Bulk", json!({"schemas": [BULK], "Operations": [operation]}));
                let done = &bulk.body["Operations"][0];
                (text(&done["status"]).parse().unwrap(), text(&done["response"]["detail"]))
            }
            Way::Preview => {
                let mut preview = json!({"method": self.method, "path": path});
                if !body.is_null() {
                    preview["body"] = body.clone();
                }
                let preview = server.preview(&preview).body;
                assert!(preview["notes"].to_string().contains(&self.taken), "{}: {preview}", self.name);
                let answer = &preview["answer"];
                (answer["status"].as_u64().unwrap() as u16, text(&answer["body"]["detail"]))
            }
        }
    }

    fn run(&self, way: &Way) {
        let at = format!("{}, {way:?}", self.name);
        let (mut server, [ada, bob, staff]) = organisation();
        let mut user =
            |name: &str| format!("/Users/{}", server.send("POST", "/Users", json!({"userName": name})).text("id"));
        let mut all = vec![ada, bob, staff];
        if self.body.to_string().contains("{3}") {
            all.extend([user("cyd"), user("dan")]);
        }
        let mut quota = json!({"users": null, "groups": null, "bytes": null});
        self.quota.iter().for_each(|(name, most)| quota[name] = most.clone());
        assert_eq!(server.admin("PUT", "", &json!({ "quota": quota })).status, 200, "{at}");
        let (mut path, mut body) = (self.path.clone(), self.body.to_string());
        for (number, address) in all.iter().enumerate() {
            path = path.replace(&format!("{{{number}}}"), address);
            body = body.replace(&format!("{{{number}}}"), address.rsplit('/').next().unwrap());
        }
        let body = serde_json::from_str(&body).unwrap();
        let shown = if self.method == "POST" { all[1].clone() } else { path.clone() };
        let (seq, before) = (server.console("")["lastSeq"].clone(), server.get(&shown).body);
        let (status, detail) = self.send(&mut server, way, &path, &body);
        // A Bulk operation on a group has a version to answer.
        let patched = *way == Way::Bulk && self.method == "PATCH" && self.status == 204;
        assert_eq!(status, if patched { 200 } else { self.status }, "{at}: {detail}");
        assert!(self.code.is_empty() || detail.ends_with(&format!("[{}]", self.code)), "{at}: {detail}");
        if self.code.starts_with("quota") {
            let limit =
                format!("quota.{} is {}", self.code.trim_start_matches("quota-"), self.quota.values().next().unwrap());
            assert!(detail.contains(&limit) && detail.contains("PATCH /v1/orgs/acme"), "{at}: {detail}");
        }
        let read = server.get(&shown);
        if *way == Way::Preview || status >= 400 {
            assert_eq!((&server.console("")["lastSeq"], read.body), (&seq, before), "{at}");
            return;
        }
        assert_eq!(read.status == 404, self.gone, "{at}");
        for (name, value) in &self.after {
            let found = match &read.body[name] {
                members if name == "members" => json!(members.as_array().map_or(0, Vec::len)),
                other => other.clone(),
            };
            assert_eq!(found, *value, "{at}: {name}");
        }
        assert!(
            self.taken.is_empty() || notes(&server).contains(&format!(": {}.", self.taken)),
            "{at}: {}",
            notes(&server)
        );
    }
}

#[test]
fn what_grows_is_refused_and_all_else_goes_on() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("quota.json")).unwrap();
    for case in &cases {
        [Way::Alone, Way::Bulk, Way::Preview].iter().for_each(|way| case.run(way));
    }
}

#[test]
fn an_import_is_held_to_it_at_finish() {
    let users = |count: usize| {
        (0..count).map(|n| json!({"user": {"id": format!("u{n}"), "attributes": {"userName": format!("u{n}")}}}))
    };
    let groups = |count: usize| {
        (0..count).map(|n| json!({"group": {"id": format!("g{n}"), "attributes": {"displayName": format!("g{n}")}}}))
    };
    for (quota, code) in [
        (json!({"users": 2, "groups": null, "bytes": null}), "quota-users"),
        (json!({"users": 3, "groups": 1, "bytes": null}), "quota-groups"),
        (json!({"users": null, "groups": null, "bytes": 1}), "quota-bytes"),
        (json!({"users": 3, "groups": 2}), ""),
    ] {
        let mut server = Native::new(Dialect::Auto);
        let off = server.admin("PUT", "", &json!({"quota": quota, "scim": {"enabled": false}}));
        assert_eq!(off.status, 200);
        assert_eq!(server.admin("POST", "/import", &json!({})).status, 200, "{quota}");
        let mut lines: Vec<Value> = users(3).chain(groups(2)).collect();
        lines.insert(0, json!({"from": 0}));
        let counts = json!({"users": 3, "activeUsers": 3, "groups": 2, "memberships": 0, "tombstones": 0});
        lines.push(json!({"at": 0, "counts": counts, "lines": lines.len()}));
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        let sent = Admin::ImportLines { part: 1, line: 1, lines: lines.join("\n"), last: true };
        server.call(Actor::Root, Ask::Admin(sent)).outcome.unwrap();
        let finish = server.admin("POST", "/import/finish", &json!({}));
        assert_eq!(
            (finish.status, finish.text("code")),
            if code.is_empty() { (202, "") } else { (400, code) },
            "{}",
            finish.body
        );
        // It may be finished once there is room.
        let state = if code.is_empty() { "checking" } else { "receiving" };
        assert_eq!(server.console("/import")["state"], state, "{quota}");
        if !code.is_empty() {
            assert_eq!(server.admin("PUT", "", &json!({"quota": null})).status, 200);
            assert_eq!(server.admin("POST", "/import/finish", &json!({})).status, 202, "{quota}");
        }
    }
    // A part is refused from 512 MiB beyond the quota on: until then what it brings may stand beside what it replaces.
    const QUOTA: i64 = 1 << 20;
    const ROOM: i64 = 512 << 20;
    for (left, code) in [(1, ""), (0, "quota-bytes")] {
        let mut server = Native::new(Dialect::Auto);
        server.admin("PUT", "", &json!({"quota": {"bytes": QUOTA}, "scim": {"enabled": false}}));
        server.admin("POST", "/import", &json!({}));
        server.sql.more_bytes.set(QUOTA + ROOM - left - server.sql.size().unwrap());
        let sent = Admin::ImportLines { part: 1, line: 1, lines: json!({"from": 0}).to_string(), last: true };
        let refused = server.call(Actor::Root, Ask::Admin(sent)).outcome.err();
        assert_eq!(refused.map_or("", |error| error.code.as_str()), code, "{left} bytes left");
    }
}

#[test]
fn a_quota_is_warned_of_from_four_fifths_on() {
    let mut server = Native::new(Dialect::Auto);
    for n in 0..8 {
        server.send("POST", "/Users", json!({"userName": format!("u{n}"), "active": n > 3}));
    }
    let size = server.sql.size().unwrap();
    for (quota, says) in [
        (json!({"users": 11, "groups": null, "bytes": null}), vec![]),
        (json!({"users": 10, "groups": 1, "bytes": null}), vec!["quota.users is used to 80 %: 8 of 10."]),
        (
            json!({"users": 8, "groups": 0}),
            vec!["quota.users is used to 100 %", "quota.groups is used to 100 %: 0 of 0"],
        ),
        (json!({"bytes": size * 9 / 8}), vec!["quota.bytes is used to 8"]),
        (json!(null), vec![]),
    ] {
        let shown = server.admin("PUT", "", &json!({ "quota": quota })).body;
        let warnings = shown["warnings"].as_array().unwrap();
        assert_eq!(
            (warnings.len(), &shown["connection"]["state"]),
            (says.len(), &json!(if says.is_empty() { "connected" } else { "warning" })),
            "{shown}"
        );
        for (warning, says) in warnings.iter().zip(says) {
            assert!(warning["detail"].as_str().unwrap().starts_with(says), "{warning}");
            assert_eq!(warning["code"], "quota-nearly-used", "{warning}");
        }
    }
}
