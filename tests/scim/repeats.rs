//! A POST that comes again: refused as a conflict, or its first answer once more (README, "What it does").

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Response, Server};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::directory::admin::TokenSettings;
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;

fn post(server: &mut Native, path: &str, body: &Value, key: Option<&str>) -> Response {
    let mut request = Request::json("POST", path, body);
    request.headers.extend(key.map(|key| ("Idempotency-Key".to_owned(), key.to_owned())));
    server.scim(request)
}

/// The event between the two requests.
type Between = fn(&mut Native, &str);

#[test]
fn again() {
    let nothing: Between = |_, _| {};
    // A request takes 7 ms here, and one is made in between.
    let later: Between = |server, _| server.now = server.now.plus(10 * MINUTE - 14);
    let in_time: Between = |server, _| server.now = server.now.plus(10 * MINUTE - 15);
    let other_token: Between = |server, _| {
        server.token = Token::mint(TokenKind::Scim, [8; 32]);
        let (kind, dialect) = (TokenKind::Scim, server.dialect);
        let settings = TokenSettings {
            name: "t2".into(),
            kind,
            dialect,
            scope: None,
            expires_at: None,
            address_ranges: Vec::new(),
        };
        server.mint("t-2", &settings);
    };
    let changed: Between = |server, path| {
        let operations = json!([{"op": "add", "path": "externalId", "value": "y"}]);
        assert!(server.send("PATCH", path, json!({"Operations": operations})).status < 300);
    };
    let there_and_back: Between = |server, path| {
        for value in ["y", "x"] {
            let operations = json!([{"op": "replace", "path": "externalId", "value": value}]);
            assert!(server.send("PATCH", path, json!({"Operations": operations})).status < 300);
        }
    };
    use Dialect::{Auto, Okta, Rfc, Rippling};
    for (dialect, first, second, between, status, why) in [
        (Auto, None, None, nothing, 409, "nobody says that it is the same request"),
        (Auto, Some("k"), None, nothing, 409, "no key"),
        (Auto, None, Some("k"), nothing, 409, "a key that the first had not"),
        (Auto, Some("k"), Some("K"), nothing, 409, "another key"),
        (Auto, Some("k"), Some("k"), nothing, 201, "the same key"),
        (Okta, Some("k"), Some("k"), in_time, 201, "within ten minutes"),
        (Okta, Some("k"), Some("k"), later, 409, "too late"),
        (Auto, Some("k"), Some("k"), other_token, 409, "another token"),
        (Auto, Some("k"), Some("k"), changed, 409, "changed since"),
        (Auto, Some("k"), Some("k"), there_and_back, 409, "no longer at version 1"),
        (Rfc, Some("k"), Some("k"), nothing, 201, "in the dialect rfc too"),
        (Rippling, None, None, nothing, 201, "Rippling repeats without a key"),
        (Rippling, Some("k"), None, in_time, 201, "Rippling, in time"),
        (Rippling, None, None, later, 409, "Rippling, too late"),
        (Rippling, None, None, other_token, 409, "Rippling, another token"),
        (Rippling, None, None, changed, 409, "Rippling, changed since"),
    ] {
        for kind in ["User", "Group"] {
            let at = format!("{kind}, {dialect:?}: {why}");
            let mut server = Native::new(dialect);
            let member = server.send("POST", "/Users", with_schemas("User", json!({"userName": "m"})));
            let body = match kind {
                "User" => json!({"userName": "a", "externalId": "x", "active": true, "nickName": "n"}),
                _ => json!({"displayName": "g", "externalId": "x", "members": [{"value": member.text("id")}]}),
            };
            let (path, body) = (format!("/{kind}s"), with_schemas(kind, body));
            let made = post(&mut server, &path, &body, first);
            assert_eq!(made.status, 201, "{at}: {}", made.body);
            if dialect != Rfc {
                between(&mut server, &format!("{path}/{}", made.text("id")));
            }
            let before = (server.get(&path).body, server.console("")["lastSeq"].clone());
            let again = post(&mut server, &path, &body, second);
            assert_eq!(again.status, status, "{at}: {}", again.body);
            if status == 201 {
                assert_eq!((&again.body, again.rows_written), (&made.body, 0), "{at}");
            } else {
                assert_eq!((again.text("scimType"), again.rows_written), ("uniqueness", 1), "{at}");
                assert_eq!(post(&mut server, &path, &body, second).rows_written, 0, "{at}: a refusal repeated");
            }
            assert_eq!((server.get(&path).body, server.console("")["lastSeq"].clone()), before, "{at}");
        }
    }
}

fn with_schemas(kind: &str, mut body: Value) -> Value {
    body["schemas"] = json!([format!("urn:ietf:params:scim:schemas:core:2.0:{kind}")]);
    body
}

/// The same key does not make another request the same.
#[test]
fn another_body_under_the_same_key() {
    let mut server = Native::new(Dialect::Auto);
    let member = server.send("POST", "/Users", json!({"userName": "m"})).text("id").to_owned();
    let other = server.send("POST", "/Users", json!({"userName": "n"})).text("id").to_owned();
    for (path, first, second) in [
        ("/Users", json!({"userName": "a"}), json!({"userName": "A"})),
        ("/Users", json!({"userName": "b"}), json!({"userName": "b", "title": "t"})),
        ("/Groups", json!({"displayName": "g"}), json!({"displayName": "g", "externalId": "x"})),
        ("/Groups", json!({"displayName": "h"}), json!({"displayName": "h", "members": [{"value": member}]})),
        (
            "/Groups",
            json!({"displayName": "i", "members": [{"value": member}, {"value": other}]}),
            json!({"displayName": "i", "members": [{"value": member}]}),
        ),
    ] {
        assert_eq!(post(&mut server, path, &first, Some("k")).status, 201, "{first}");
        let answer = post(&mut server, path, &second, Some("k"));
        assert_eq!((answer.status, answer.text("scimType")), (409, "uniqueness"), "{first}, {second}");
    }
}

/// A user who was made inactive and got groups since keeps them: the first answer changes nothing.
#[test]
fn an_inactive_user_is_not_revived_by_a_repeat() {
    let mut server = Native::new(Dialect::Rippling);
    let body = json!({"userName": "a", "externalId": "x", "active": false});
    let made = post(&mut server, "/Users", &body, None);
    let group = json!({"displayName": "g", "members": [{"value": made.text("id")}]});
    assert_eq!(server.send("POST", "/Groups", group).status, 201);
    let again = post(&mut server, "/Users", &body, None);
    assert_eq!((again.status, &again.body, again.rows_written), (201, &made.body, 0));
    assert_eq!(server.console("")["counts"]["memberships"], 1);
}

/// The second request writes nothing that the first one's change says already.
#[test]
fn what_was_passed_over_is_written_down_once() {
    let mut server = Native::new(Dialect::Rippling);
    let body = json!({"userName": "a", "shoeSize": 44});
    let made = post(&mut server, "/Users", &body, None);
    assert_eq!(post(&mut server, "/Users", &body, None).rows_written, 0);
    let path = format!("/Users/{}", made.text("id"));
    let put = json!({"userName": "a", "title": "t", "shoeSize": 44});
    let patch = json!({"Operations": [{"op": "replace", "path": "title", "value": "u"},
                                      {"op": "replace", "path": "hatSize", "value": 58}]});
    for (method, body) in [("PUT", put), ("PATCH", patch)] {
        assert!(server.send(method, &path, body.clone()).rows_written > 0, "{method}");
        assert_eq!(server.send(method, &path, body).rows_written, 0, "{method}");
    }
    let only = json!({"Operations": [{"op": "replace", "path": "shoeWidth", "value": 9}]});
    assert_eq!(server.send("PATCH", &path, only.clone()).rows_written, 1, "no change says this");
    assert_eq!(server.send("PATCH", &path, only).rows_written, 0);
}
