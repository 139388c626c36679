//! The state of the connection as the Console reads it, right after each request. The states and warnings that need days
//! stand in a table beside the rule (`org/connection/judge`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::console;
use scim_edge::directory::admin::{Admin, Rotation, TokenSettings};
use scim_edge::directory::call::{Actor, Ask, Call};
use scim_edge::directory::reply::Answer;
use scim_edge::directory::scim::Command;
use scim_edge::error::{Code, Error};
use scim_edge::id::TokenId;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

/// The state, and the codes of the warnings.
fn state(server: &mut Native) -> String {
    let shown = server.console("");
    let codes = shown["warnings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap());
    let state = shown["connection"]["state"].as_str().unwrap().to_owned();
    codes.fold(state, |told, code| format!("{told} {code}"))
}

fn admin(server: &mut Native, admin: Admin) -> Value {
    match server.call(Actor::Root, Ask::Admin(admin)).outcome.unwrap() {
        Answer::Json(text) => serde_json::from_str(text.get()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn push(server: &mut Native, name: &str) -> u16 {
    server.send("POST", "/Users", json!({ "userName": name })).status
}

/// Rotates the first token to `t-2`, whose secret is returned.
fn rotate(server: &mut Native, grace_seconds: i64) -> Token {
    let (token, id, by) =
        (Token::mint(TokenKind::Scim, [8; 32]), TokenId::parse("t-1").unwrap(), TokenId::parse("t-2").unwrap());
    let rotation = Rotation { id: id.clone(), grace_seconds, expires_at: None, by: None };
    let settings: TokenSettings = serde_json::from_value(admin(server, Admin::RotateToken(rotation.clone()))).unwrap();
    admin(server, Admin::MintToken { id: by.clone(), hash: token.hash(), token: settings, replaces: Some(id) });
    admin(server, Admin::RotateToken(Rotation { by: Some(by), ..rotation }));
    token
}

#[test]
fn the_state_follows_within_one_request() {
    let mut server = Native::new(Dialect::Auto);
    assert_eq!(state(&mut server), "waiting");
    assert_eq!(server.get("/Users?filter=userName+eq+%22x%22").status, 200);
    assert_eq!(state(&mut server), "connected", "a test call counts");
    let before = server.sql.written();
    assert_eq!(server.get("/Users").status, 200);
    assert_eq!(server.sql.written(), before, "no row for a request");
    // Off, with pushes, and on again.
    server.admin("PUT", "", &json!({"scim": {"enabled": false}}));
    assert_eq!(state(&mut server), "off");
    assert_eq!((push(&mut server, "a"), state(&mut server)), (403, "off pushes-while-off".to_owned()));
    server.now = server.now.plus(1);
    server.admin("PUT", "", &json!({"scim": {"enabled": true}}));
    assert_eq!(state(&mut server), "waiting");
    assert_eq!((push(&mut server, "a"), state(&mut server)), (201, "connected".to_owned()));
    // Refused five times of five, then pushed again.
    let mut server = Native::new(Dialect::Auto);
    for _ in 0..5 {
        assert_eq!(server.send("POST", "/Users", json!({"displayName": "x"})).status, 400);
    }
    assert_eq!(state(&mut server), "failing pushes-refused");
    for n in 0..6 {
        push(&mut server, &format!("u{n}"));
    }
    assert_eq!(state(&mut server), "connected");
    // Each operation of a Bulk request counts.
    let operation = |n: usize| json!({"method": "DELETE", "path": format!("/Users/{n}")});
    let bulk = json!({"Operations": (0..12).map(operation).collect::<Vec<_>>()});
    assert_eq!(server.send("POST", "/Bulk", bulk).status, 200);
    assert_eq!(state(&mut server), "failing pushes-refused");
}

#[test]
fn rotated_ended_and_recovered() {
    let mut server = Native::new(Dialect::Auto);
    push(&mut server, "a");
    let new = rotate(&mut server, 600);
    assert_eq!(state(&mut server), "warning token-ending");
    push(&mut server, "b");
    push(&mut server, "c");
    assert_eq!(state(&mut server), "warning token-ending rotated-token-used");
    let shown = server.console("");
    assert_eq!(shown["warnings"][1]["count"], 2, "{shown}");
    assert_eq!(server.console("/tokens")["tokens"][0]["usedSinceRotation"], true);
    server.alarm();
    server.now = server.now.plus(HOUR);
    assert_eq!(state(&mut server), "failing no-live-token");
    for _ in 0..4 {
        assert_eq!(push(&mut server, "d"), 401);
    }
    assert_eq!(state(&mut server), "failing no-live-token ended-token-used");
    let shown = server.console("");
    assert_eq!(
        (&shown["warnings"][1]["count"], &shown["connection"]["lastRefusal"]["code"]),
        (&json!(4), &json!("token-expired"))
    );
    let old = std::mem::replace(&mut server.token, new);
    assert_eq!((server.get("/Users").status, state(&mut server)), (200, "warning ended-token-used".to_owned()));
    assert_eq!(server.console("")["connection"]["lastRequest"]["token"], json!({"id": "t-2", "name": "t"}));
    // A day after the old one was sent last, nothing is left to say; its facts outlive the object.
    server.alarm();
    server.memory = scim_edge::org::Memory::default();
    server.now = server.now.plus(24 * HOUR);
    assert_eq!(state(&mut server), "connected");
    server.token = old;
    assert_eq!((push(&mut server, "e"), state(&mut server)), (401, "failing ended-token-used".to_owned()));
}

#[test]
fn the_guard_tells_what_is_used_and_blocked() {
    let mut server = Native::new(Dialect::Auto);
    let ids: Vec<String> = (0..3)
        .map(|n| server.send("POST", "/Users", json!({"userName": format!("u{n}")})).text("id").to_owned())
        .collect();
    server.admin("PUT", "", &json!({"guard": {"limit": 1, "windowSeconds": 3600}}));
    let guard = |server: &mut Native| server.console("")["guard"].clone();
    assert_eq!(guard(&mut server), json!({"limit": 1, "windowSeconds": 3600, "used": 0, "blocked": 0}));
    for (id, status, used, blocked, told) in [
        (&ids[0], 204, 1, 0, "connected"),
        (&ids[1], 429, 1, 1, "failing guard-blocks"),
        (&ids[2], 429, 1, 2, "failing guard-blocks"),
    ] {
        assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{id}"))).status, status);
        let shown = guard(&mut server);
        assert_eq!((&shown["used"], &shown["blocked"]), (&json!(used), &json!(blocked)));
        assert_eq!(state(&mut server), told);
    }
    server.now = server.now.plus(HOUR);
    assert_eq!(state(&mut server), "warning guard-blocks");
    server.now = server.now.plus(23 * HOUR);
    assert_eq!(state(&mut server), "connected");
}

#[test]
fn groups_to_flatten_and_the_last_request() {
    let mut server = Native::new(Dialect::Auto);
    let inner = server.send("POST", "/Groups", json!({"displayName": "inner"})).text("id").to_owned();
    let outer = json!({"displayName": "outer", "members": [{"value": inner}]});
    assert_eq!(server.send("POST", "/Groups", outer).status, 400);
    let shown = server.console("");
    let (last, refusal) = (&shown["connection"]["lastRequest"], &shown["connection"]["lastRefusal"]);
    let expected = json!({"at": server.now.rfc3339(), "method": "POST", "path": "/Groups", "status": 400,
        "token": {"id": "t-1", "name": "t"}, "address": "203.0.113.7"});
    assert_eq!(*last, expected);
    assert_eq!((&refusal["code"], &refusal["requestId"]), (&json!("nested-group"), &json!("r-1")));
    assert_eq!(shown["connection"]["lastPushAt"], server.now.rfc3339());
    assert_eq!(shown["scimBaseUrl"], "https://edge.test/acme/scim/v2");
    assert_eq!(state(&mut server), "warning groups-to-flatten");
    let etag = server.get(&format!("/Groups/{inner}")).body["meta"]["version"].as_str().unwrap().to_owned();
    let headers = vec![("If-None-Match".to_owned(), etag)];
    let again = Request { headers, ..Request::new("GET", &format!("/Groups/{inner}")) };
    assert_eq!(server.scim(again).status, 304);
    assert_eq!(server.console("")["connection"]["lastRequest"]["status"], 304);
    server.now = server.now.plus(7 * 24 * HOUR);
    assert!(!state(&mut server).contains("flatten"), "seen within 7 days");
}

/// The call that the edge makes of a token at another organisation's address, or at none.
fn missed(server: &mut Native, path: &str) {
    let actor = Actor::Token { hash: server.token.hash(), dialect: Dialect::Auto };
    let error = Error::new(Code::WrongAddress, "");
    let refused = Command::Refused { error, method: String::new(), resource: String::new() };
    let call = server.made(actor, Ask::Scim(refused));
    let call = Call { method: "POST".to_owned(), path: path.to_owned(), ..call };
    let before = server.sql.written();
    assert!(matches!(server.send_call(call).outcome, Ok(Answer::Nothing)));
    assert_eq!(server.sql.written(), before, "in memory alone");
}

#[test]
fn near_misses_count_for_nothing_else() {
    let mut server = Native::new(Dialect::Auto);
    missed(&mut server, "/acme/scim/Users");
    let first = server.now;
    server.now = server.now.plus(1);
    // Below the organisation's own address, at nothing: journalled as ever.
    assert_eq!(server.get("/acme/scim/v2/Users").status, 404);
    assert_eq!(server.console("/journal")["entries"][0]["code"], "address-unknown");
    let token = format!("/Users/{}{}", server.token.reveal(), "x".repeat(400));
    missed(&mut server, &token);
    assert_eq!(state(&mut server), "waiting");
    let shown = server.console("")["connection"].clone();
    assert_eq!([&shown["lastRequest"], &shown["lastPushAt"], &shown["lastRefusal"]], [&json!(null); 3]);
    let miss = shown["nearMiss"].clone();
    let facts = json!([miss["at"], miss["firstAt"], miss["count"], miss["method"], miss["token"], miss["address"]]);
    let now = server.now.rfc3339();
    assert_eq!(facts, json!([now, first.rfc3339(), 3, "POST", {"id": "t-1", "name": "t"}, "203.0.113.7"]));
    let path = miss["path"].as_str().unwrap();
    assert!(path.starts_with("/Users/scim_…") && path.chars().count() <= 300, "{path}");
    // An ended token too, and nothing is journalled of it.
    admin(&mut server, Admin::RevokeToken { id: TokenId::parse("t-1").unwrap(), children: false });
    missed(&mut server, "/acmee/scim/v2/Users");
    assert_eq!(server.console("/journal")["entries"].as_array().unwrap().len(), 1);
    server.now = server.now.plus(60_000);
    server.alarm();
    server.memory = scim_edge::org::Memory::default();
    let miss = server.console("")["connection"]["nearMiss"].clone();
    assert_eq!((&miss["path"], &miss["count"]), (&json!("/acmee/scim/v2/Users"), &json!(4)));
    // A token that no organisation minted is told to none.
    server.token = Token::mint(TokenKind::Scim, [9; 32]);
    missed(&mut server, "/x");
    assert_eq!(server.console("")["connection"]["nearMiss"]["count"], 4);
    assert!(console::configure(br#"{"guard": {"limit": 1, "windowSeconds": 60, "used": 0}}"#).is_err());
}
