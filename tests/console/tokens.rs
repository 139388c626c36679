//! Tokens through their lives: rotation and its grace, address ranges, and the warnings before the last one ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::console;
use scim_edge::directory::admin::{Admin, Rotation, TokenSettings};
use scim_edge::directory::call::{Actor, Ask, Call, CallEnvelope, VERSION};
use scim_edge::directory::query::Query;
use scim_edge::directory::reply::Answer;
use scim_edge::directory::scim::Command;
use scim_edge::error::{Code, Result};
use scim_edge::id::{OrgId, Timestamp, TokenId, UserId};
use scim_edge::org::admin::records;
use scim_edge::org::{self, Context, Progress};
use scim_edge::store::Sql;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The token of that number, which is in its id too.
fn token(kind: TokenKind, number: u8) -> Token {
    Token::mint(kind, [number; 32])
}

fn id(number: u8) -> TokenId {
    TokenId::parse(&format!("n-{number}")).unwrap()
}

fn actor(kind: TokenKind, number: u8) -> Actor {
    Actor::Token { hash: token(kind, number).hash(), dialect: Dialect::Auto }
}

fn admin(server: &mut Native, actor: Actor, admin: Admin) -> Result<Value> {
    match server.call(actor, Ask::Admin(admin)).outcome? {
        Answer::Json(text) => Ok(serde_json::from_str(text.get()).unwrap()),
        other => panic!("{other:?}"),
    }
}

/// Mints the token of that number, as its body says; `days` is its lifetime.
fn mint(server: &mut Native, number: u8, days: Option<i64>, more: Value) -> Result<Value> {
    let mut body = json!({"name": format!("token {number}"), "kind": "scim"});
    let expires = days.map(|days| server.now.plus(days * DAY).rfc3339());
    for (name, value) in more.as_object().unwrap().clone().into_iter().chain([("expiresAt".to_owned(), json!(expires))])
    {
        body[name] = value;
    }
    let settings = console::mint(body.to_string().as_bytes())?;
    let hash = token(settings.kind, number).hash();
    admin(server, Actor::Root, Admin::MintToken { id: id(number), hash, token: settings, replaces: None })
}

/// Rotates a token to the one of the next number, as the edge does it; when the old one ends.
fn rotate(server: &mut Native, by: Actor, number: u8, body: &Value) -> Result<Timestamp> {
    let rotation = console::rotate(id(number), body.to_string().as_bytes())?;
    let rotation = |by| Admin::RotateToken(Rotation { by, ..rotation.clone() });
    let settings = admin(server, by.clone(), rotation(None))?;
    let settings: TokenSettings = serde_json::from_str(&settings.to_string()).unwrap();
    let (next, hash) = (id(number + 1), token(settings.kind, number + 1).hash());
    let old = token(settings.kind, number).hash();
    admin(
        server,
        by.clone(),
        Admin::MintToken { id: next.clone(), hash, token: settings, replaces: Some(id(number)) },
    )?;
    let ended = admin(server, by, rotation(Some(next)))?;
    assert_eq!(ended["hash"], old.hex());
    Ok(Timestamp::parse(ended["endsAt"].as_str().unwrap()).unwrap())
}

fn listed(server: &mut Native, number: u8) -> Value {
    let all = server.query(Query::Tokens).unwrap();
    all["tokens"].as_array().unwrap().iter().find(|one| one["id"] == id(number).as_str()).unwrap().clone()
}

/// The status of a SCIM request with that token.
fn status(server: &mut Native, number: u8) -> u16 {
    server.token = token(TokenKind::Scim, number);
    server.get("/Users").status
}

/// An organisation whose first token is gone.
fn without_tokens() -> Native {
    let mut server = Native::new(Dialect::Auto);
    admin(&mut server, Actor::Root, Admin::RevokeToken { id: TokenId::parse("t-1").unwrap(), children: false })
        .unwrap();
    server
}

#[test]
fn both_work_until_the_grace_ends() {
    let mut server = Native::new(Dialect::Auto);
    let ranges = json!({"addressRanges": ["203.0.113.0/24", "2001:DB8::1"]});
    let minted = mint(&mut server, 1, None, ranges).unwrap();
    assert_eq!(minted["addressRanges"], json!(["203.0.113.0/24", "2001:db8::1/128"]));
    let end = rotate(&mut server, Actor::Root, 1, &json!({"graceSeconds": 600})).unwrap();
    assert_eq!(end, server.now.plus(600_000));
    let (old, new) = (listed(&mut server, 1), listed(&mut server, 2));
    for name in ["name", "kind", "dialect", "scope", "addressRanges"] {
        assert_eq!(old[name], new[name], "{name}");
    }
    let facts = |one: &Value| json!([one["expiresAt"], one["replacedBy"], one["daysLeft"], one["alive"]]);
    assert_eq!(facts(&old), json!([end.rfc3339(), "n-2", 0, true]));
    assert_eq!(facts(&new), json!([null, null, null, true]));
    server.now = Timestamp(end.0 - 100);
    assert_eq!([status(&mut server, 1), status(&mut server, 2)], [200, 200]);
    server.now = end;
    assert_eq!([status(&mut server, 1), status(&mut server, 2)], [401, 200]);
    let told = server.console("/journal?token=n-1")["entries"][0]["detail"].clone();
    assert!(told.as_str().unwrap().starts_with(&format!("This token expired at {}", end.rfc3339())), "{told}");
}

#[test]
fn a_record_is_due_until_it_is_written() {
    let mut server = Native::new(Dialect::Auto);
    let due = |server: &Native, seconds: i64| {
        let at = server.now.plus(seconds * 1000);
        records::take_due_records(&server.sql, &server.org, at, 50, at.plus(60_000)).unwrap()
    };
    mint(&mut server, 1, Some(9), json!({"addressRanges": ["203.0.113.0/24"]})).unwrap();
    assert!(due(&server, 0).is_empty() && records::next_due_at(&server.sql).unwrap().is_none());
    let end = rotate(&mut server, Actor::Root, 1, &json!({"graceSeconds": 60})).unwrap();
    let rotated = due(&server, 0).pop().unwrap();
    assert_eq!(rotated.hash, token(TokenKind::Scim, 1).hash());
    let text = json!({
        "v": 1, "org": "acme", "kind": "scim", "dialect": "auto", "expiresAt": end.0, "end": end.0, "ranges": ["203.0.113.0/24"],
    });
    assert_eq!(serde_json::to_value(&rotated.record).unwrap(), text);
    // Taken, and not before a minute is over again.
    assert!(due(&server, 59).is_empty());
    assert_eq!(records::next_due_at(&server.sql).unwrap(), Some(server.now.plus(60_000)));
    // It is revoked meanwhile, so that what was written counts for nothing.
    admin(&mut server, Actor::Root, Admin::RevokeToken { id: id(1), children: false }).unwrap();
    records::note_written(&server.sql, &rotated).unwrap();
    let revoked = due(&server, 60).pop().unwrap();
    assert_eq!((revoked.record.end, revoked.record.revoked_at), (Some(server.now), Some(server.now)));
    assert_eq!(revoked.record.expires_at, Some(end));
    records::note_written(&server.sql, &revoked).unwrap();
    assert!(due(&server, 9_999).is_empty() && records::next_due_at(&server.sql).unwrap().is_none());
    // It is put off by a clock that is a year ahead, and due at once when that is right again.
    server
        .sql
        .query("UPDATE tokens SET record_due = ? WHERE id = 'n-1'", &[server.now.plus(365 * DAY).0.into()])
        .unwrap();
    let put_off = due(&server, 0).pop().unwrap();
    records::note_written(&server.sql, &put_off).unwrap();
    // A second time changes nothing.
    admin(&mut server, Actor::Root, Admin::RevokeToken { id: id(1), children: false }).unwrap();
    assert!(due(&server, 9_999).is_empty());
}

#[test]
fn a_token_is_judged_before_what_it_asks_is_read() {
    let mut server = Native::new(Dialect::Auto);
    mint(&mut server, 1, None, json!({})).unwrap();
    admin(&mut server, Actor::Root, Admin::RevokeToken { id: id(1), children: false }).unwrap();
    let alive = Actor::Token { hash: server.token.hash(), dialect: server.dialect };
    let dead = actor(TokenKind::Scim, 1);
    let mut ask = |actor: &Actor, v: u8, ask: &str| {
        let text = format!(
            r#"{{"v":{v},"org":"acme","request":"r","actor":{},"method":"PATCH","path":"/acme/scim/v2/Users/u","ask":{ask}}}"#,
            serde_json::to_string(actor).unwrap()
        );
        let context = Context { org: Some(&server.org), now: server.now, random: &|| [0; 6], bytes: text.len() };
        match org::execute(
            &server.sql,
            &mut server.memory,
            CallEnvelope::read_envelope(text.as_bytes()).unwrap(),
            &context,
        ) {
            Progress::Done(reply) => reply.outcome.unwrap_err().kind().status(),
            _ => panic!("{ask} is not done"),
        }
    };
    let read =
        r#"{"scim":{"refused":{"error":{"kind":"invalidSyntax","detail":"d"},"method":"PATCH","resource":"/"}}}"#;
    // No build reads these: neither is a command.
    let unread = [r#"{"scim":{"later":{"x":[0,0]}}}"#, r#"{"later":1}"#, "0"];
    for text in unread.into_iter().chain([read]) {
        assert_eq!(ask(&dead, 1, text), 401, "{text}");
    }
    assert_eq!((ask(&alive, 1, unread[0]), ask(&alive, 1, unread[1])), (503, 503));
    assert_eq!((ask(&alive, 1, read), ask(&alive, VERSION, read), ask(&alive, VERSION + 1, read)), (400, 400, 503));
    // Told from the outside of the call.
    let entry = server.console(&format!("/journal?token={}", id(1)))["entries"][0].clone();
    assert_eq!(
        (&entry["method"], &entry["resource"], &entry["status"]),
        (&json!("PATCH"), &json!("/Users/u"), &json!(401))
    );
}

#[test]
fn when_the_two_end() {
    // In days from the minting of the old one, which is rotated on day 90: its end, the end that is asked for, the grace,
    // and when old and new end.
    for (lifetime, asked, grace, old, new) in [
        (None, None, None, 91, None),
        (None, Some(120), None, 91, Some(120)),
        (Some(100), None, None, 91, Some(190)),
        (Some(100), Some(400), Some(0), 90, Some(400)),
        (Some(100), None, Some(30), 100, Some(190)),
        (Some(100), Some(95), Some(10), 100, Some(95)),
    ] {
        let mut server = Native::new(Dialect::Auto);
        let start = server.now;
        let day = |day: i64| start.plus(day * DAY);
        mint(&mut server, 1, lifetime, json!({})).unwrap();
        server.now = day(90);
        let mut body = json!({"expiresAt": asked.map(|at| day(at).rfc3339())});
        if let Some(grace) = grace {
            body["graceSeconds"] = json!(grace * DAY / 1000);
        }
        let end = rotate(&mut server, Actor::Root, 1, &body).unwrap();
        let (expired, successor) = (listed(&mut server, 1), listed(&mut server, 2));
        assert_eq!((end, &expired["expiresAt"]), (day(old), &json!(day(old).rfc3339())), "{lifetime:?} {body}");
        assert_eq!(successor["expiresAt"], json!(new.map(|at| day(at).rfc3339())), "{lifetime:?} {body}");
        assert_eq!(expired["daysLeft"], json!(old - 90), "{lifetime:?} {body}");
        assert_eq!(successor["daysLeft"], json!(new.map(|at| at - 90)), "{lifetime:?} {body}");
    }
}

/// Its successor would end in the year 10011, which no time can be written for.
#[test]
fn time_ends_with_the_year_9999() {
    let mut server = Native::new(Dialect::Auto);
    let last = "9999-12-31T23:59:59.999Z";
    mint(&mut server, 1, None, json!({})).unwrap();
    rotate(&mut server, Actor::Root, 1, &json!({"expiresAt": last})).unwrap();
    server.now = server.now.plus(11 * 365 * DAY);
    rotate(&mut server, Actor::Root, 2, &json!({})).unwrap();
    assert_eq!(listed(&mut server, 3)["expiresAt"], last);
}

#[test]
fn what_cannot_be_rotated() {
    let mut server = Native::new(Dialect::Auto);
    mint(&mut server, 1, None, json!({})).unwrap();
    mint(&mut server, 11, Some(1), json!({})).unwrap();
    mint(&mut server, 21, None, json!({})).unwrap();
    mint(&mut server, 31, None, json!({})).unwrap();
    admin(&mut server, Actor::Root, Admin::RevokeToken { id: id(21), children: false }).unwrap();
    rotate(&mut server, Actor::Root, 31, &json!({})).unwrap();
    server.now = server.now.plus(DAY);
    let before = server.query(Query::Tokens).unwrap();
    let written = server.sql.written();
    for (number, body, status, says) in [
        (11, json!({}), 409, "Token n-11 has expired, so nothing can be kept working: mint a new token."),
        (21, json!({}), 409, "Token n-21 was revoked"),
        (31, json!({}), 409, "rotated already: rotate its successor n-32, or mint a new token"),
        (99, json!({}), 404, "no token n-99"),
        (1, json!({"expiresAt": server.now.rfc3339()}), 400, "expiresAt must be in the future"),
        (1, json!({"expiresAt": "tomorrow"}), 400, "not \"tomorrow\""),
        (1, json!({"expiresAt": 7}), 400, "not \"7\""),
        (1, json!({"graceSeconds": -1}), 400, "from 0 to 2592000, not -1"),
        (1, json!({"graceSeconds": 2_592_001}), 400, "not 2592001"),
        (1, json!({"graceSeconds": "60"}), 400, "not \"60\""),
        (1, json!({"graceSeconds": null}), 400, "not null"),
        (1, json!({"grace": 60}), 400, "unknown field `grace`, expected `graceSeconds` or `expiresAt`"),
        (1, json!([]), 400, "JSON object"),
    ] {
        let error = rotate(&mut server, Actor::Root, number, &body).unwrap_err();
        assert_eq!(error.kind().status(), status, "{number} {body}: {error}");
        assert!(error.detail.contains(says), "{number} {body}: {error}");
    }
    assert_eq!(server.sql.written(), written, "a refusal writes nothing");
    assert_eq!(server.query(Query::Tokens).unwrap(), before);
    assert!(console::rotate(id(1), b"").is_ok(), "the body may be left out");
}

#[test]
fn who_may_rotate() {
    let mut server = Native::new(Dialect::Auto);
    mint(&mut server, 1, None, json!({"kind": "console", "scope": "admin"})).unwrap();
    mint(&mut server, 11, None, json!({"kind": "console", "scope": "read"})).unwrap();
    for (actor_number, number, more, status) in [
        (Some(1), 21, json!({}), 200),
        (Some(1), 31, json!({"kind": "console", "scope": "read"}), 200),
        (Some(1), 41, json!({"kind": "console", "scope": "admin"}), 403),
        (None, 51, json!({"kind": "console", "scope": "admin"}), 200),
        (Some(11), 61, json!({}), 403),
        (Some(11), 71, json!({"kind": "console", "scope": "read"}), 403),
    ] {
        mint(&mut server, number, None, more.clone()).unwrap();
        let by = actor_number.map_or(Actor::Root, |by| actor(TokenKind::Console, by));
        let found = rotate(&mut server, by, number, &json!({})).map_or_else(|error| error.kind().status(), |_| 200);
        assert_eq!(found, status, "{actor_number:?} {more}");
        assert_eq!(listed(&mut server, number)["replacedBy"].is_null(), status != 200, "{actor_number:?} {more}");
    }
    // A provider's own token administers nothing.
    mint(&mut server, 81, None, json!({})).unwrap();
    let refused = rotate(&mut server, actor(TokenKind::Scim, 81), 81, &json!({})).unwrap_err();
    assert_eq!(refused.kind().status(), 401);
}

#[test]
fn addresses() {
    let mut server = Native::new(Dialect::Auto);
    let ranges = json!({"addressRanges": ["203.0.113.0/24", "2001:db8::/32"]});
    mint(&mut server, 1, None, ranges.clone()).unwrap();
    let refused = mint(&mut server, 2, None, json!({"addressRanges": ["10.0.0.0/8", "10.0.0.1/8"]})).unwrap_err();
    assert!(refused.detail.contains("\"10.0.0.1/8\""), "{refused}");
    for (address, status, written) in [
        (Some("203.0.113.9"), 200, 0),
        (Some("::ffff:203.0.113.9"), 200, 0),
        (Some("2001:db8::9"), 200, 0),
        (Some("198.51.100.1"), 401, 1),
        (Some("198.51.100.1"), 401, 0),
        (Some("198.51.100.2"), 401, 1),
        (Some("198.51.100.1"), 401, 0),
        (None, 401, 0),
    ] {
        server.address = address.map(str::to_owned);
        server.token = token(TokenKind::Scim, 1);
        let response = server.get("/Users/x");
        assert_eq!((response.status == 401, response.status == 404), (status == 401, status == 200), "{address:?}");
        let new = if status == 200 && address == Some("203.0.113.9") { 1 } else { written };
        assert_eq!(response.rows_written, new, "{address:?}");
        if status == 401 {
            assert!(response.text("detail").contains("unknown, revoked, expired"), "the same for all");
        }
    }
    server.now = server.now.plus(60_000);
    server.alarm();
    let entries = server.console("/journal?token=n-1")["entries"].clone();
    let outside: Vec<&Value> = entries.as_array().unwrap().iter().filter(|entry| entry["status"] == 401).collect();
    assert_eq!(outside.len(), 1, "{entries}");
    assert_eq!((&outside[0]["count"], &outside[0]["names"]), (&json!(5), &json!(["198.51.100.1", "198.51.100.2"])));
    let detail = "The address 198.51.100.2 is outside the address ranges of this token. If the identity provider calls \
                  from there, mint a token that has it in addressRanges.";
    assert_eq!(outside[0]["detail"], detail);
    // A Console's token is held to its ranges too.
    let mut console = ranges;
    console["kind"] = json!("console");
    console["scope"] = json!("read");
    mint(&mut server, 3, None, console).unwrap();
    for (address, inside) in [("203.0.113.9", true), ("203.0.114.9", false)] {
        server.address = Some(address.to_owned());
        let outcome = server.call(actor(TokenKind::Console, 3), Ask::Read(Query::Organisation)).outcome;
        assert_eq!(outcome.is_ok(), inside, "{address}");
    }
    // Once it has ended that is the reason.
    admin(&mut server, Actor::Root, Admin::RevokeToken { id: id(1), children: false }).unwrap();
    server.scim(Request::new("GET", "/Users"));
    let why = server.console("/journal?token=n-1&limit=1")["entries"][0]["detail"].clone();
    assert!(why.as_str().unwrap().starts_with("This token was revoked"), "{why}");
}

/// The codes of the warnings.
fn codes(server: &mut Native) -> Vec<String> {
    let warnings = server.query(Query::Organisation).unwrap()["warnings"].clone();
    warnings.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_organisation_tells_of_the_token_in_use_that_ends() {
    let minute = DAY / 1440;
    // Lifetimes of the tokens in days, how many of them the provider has sent, the time since; days left, what is said.
    type Row<'a> = (&'a [Option<i64>], usize, i64, Value, Option<&'a str>);
    let table: [Row<'_>; 11] = [
        (&[None], 1, 0, json!(null), None),
        (&[Some(20)], 1, 0, json!(20), None),
        (&[Some(20)], 1, 6 * DAY - minute, json!(14), None),
        (&[Some(20)], 1, 6 * DAY, json!(14), Some("the token token 1 (n-1), which ends in 14 days, at ")),
        (&[Some(20)], 1, 19 * DAY + 1, json!(0), Some("ends in less than a day, at ")),
        (&[Some(20), None], 1, 8 * DAY, json!(12), Some("the token token 1 (n-1), which ends in 12 days, at ")),
        (&[Some(20), Some(40)], 2, 8 * DAY, json!(12), Some("the token token 1 (n-1), which ends in 12 days, at ")),
        // Before the first request the one that lives longest.
        (&[Some(20), Some(21)], 0, 8 * DAY, json!(13), None),
        (&[Some(20), None], 0, 8 * DAY, json!(null), None),
        (&[Some(20), Some(21)], 1, 30 * DAY, json!(null), Some("no token that the identity provider uses is alive")),
        (&[], 0, 0, json!(null), Some("no token of kind scim is alive")),
    ];
    for (lifetimes, sent, passed, days, says) in table {
        let mut server = without_tokens();
        // Those of the Console do not count.
        mint(&mut server, 9, None, json!({"kind": "console", "scope": "read"})).unwrap();
        for (number, lifetime) in (1..).zip(lifetimes) {
            mint(&mut server, number, *lifetime, json!({})).unwrap();
            if usize::from(number) <= sent {
                let now = server.now;
                assert_eq!(status(&mut server, number), 200);
                server.now = now;
            }
        }
        server.now = server.now.plus(passed);
        let found = server.query(Query::Organisation).unwrap();
        let at = format!("{lifetimes:?} after {passed}: {}", found["warnings"]);
        assert_eq!(found["tokenDaysLeft"], days, "{at}");
        let details: Vec<&str> =
            found["warnings"].as_array().unwrap().iter().map(|one| one["detail"].as_str().unwrap()).collect();
        let silent = details.iter().any(|detail| detail.contains("has sent nothing"));
        assert_eq!(details.len() - usize::from(silent), usize::from(says.is_some()), "{at}");
        assert!(says.is_none_or(|says| details.iter().any(|detail| detail.contains(says))), "{at}");
    }
}

#[test]
fn what_a_token_was_used_for_is_told_at_once() {
    let mut server = Native::new(Dialect::Okta);
    let shown = |server: &mut Native| server.query(Query::Tokens).unwrap()["tokens"][0].clone();
    let facts = |one: &Value| json!([one["lastUsedAt"], one["lastAddress"], one["idp"], one["usedSinceRotation"]]);
    assert_eq!(facts(&shown(&mut server)), json!([null, null, null, null]));
    server.get("/Users");
    let last = server.now;
    let expected = json!([last.rfc3339(), "203.0.113.7", "Okta", null]);
    assert_eq!(facts(&shown(&mut server)), expected);
    server.now = server.now.plus(60_000);
    mint(&mut server, 1, None, json!({"kind": "console", "scope": "read"})).unwrap();
    server.call(actor(TokenKind::Console, 1), Ask::Read(Query::Organisation)).outcome.unwrap();
    server.alarm();
    assert_eq!(facts(&shown(&mut server)), expected, "once it is saved");
    let own = server.query(Query::Tokens).unwrap()["tokens"][1].clone();
    assert_eq!((&own["lastUsedAt"], &own["lastAddress"]), (&json!(server.now.rfc3339()), &json!("203.0.113.7")));
    let connection = server.query(Query::Organisation).unwrap()["connection"].clone();
    assert_eq!(connection["lastRequest"]["at"], last.rfc3339(), "a Console token's request does not count");
}

/// Lets the alarm's hours go by without a request.
fn hours(server: &mut Native, count: i64) -> Vec<u64> {
    let mut written = Vec::new();
    for _ in 0..count {
        server.now = server.now.plus(HOUR);
        let before = server.sql.written();
        server.alarm();
        written.push(server.sql.written() - before);
    }
    written
}

#[test]
fn the_journal_warns_once_a_day() {
    let mut server = without_tokens();
    mint(&mut server, 1, Some(20), json!({})).unwrap();
    mint(&mut server, 5, Some(18), json!({})).unwrap();
    let begin = server.now;
    assert_eq!(status(&mut server, 1), 200);
    server.now = begin;
    server.alarm();
    let warnings = |server: &mut Native| server.console("/journal?outcome=warning")["entries"].clone();
    // The attempt and the next due time are a row each.
    assert_eq!(hours(&mut server, 6 * 24 - 1).iter().max(), Some(&2));
    assert_eq!(warnings(&mut server), json!([]), "nothing until 14 days before");
    assert_eq!(hours(&mut server, 1), [3]);
    let first = server.now;
    let found = warnings(&mut server);
    assert_eq!(found.as_array().unwrap().len(), 1, "one that is not in use is not warned of: {found}");
    let entry = &found[0];
    let told = json!({"outcome": "warning", "firstAt": first.rfc3339(), "lastAt": first.rfc3339(), "count": 1,
        "requestId": null, "token": {"id": "n-1", "name": "token 1"}, "idp": null, "method": null, "resource": null,
        "status": null, "code": "token-ending", "scimType": null, "detail": server.query(Query::Organisation).unwrap()["warnings"][0]["detail"], "repairs": [], "notes": [],
        "names": [], "about": null, "nestedIn": null, "seq": null});
    assert_eq!(*entry, told);
    assert!(entry["detail"].as_str().unwrap().contains("POST /v1/orgs/acme/tokens/n-1/rotate"), "{entry}");
    assert_eq!(server.console("/journal?token=n-1")["entries"], found);
    assert_eq!(server.console("/journal?outcome=ignored")["entries"], json!([]));
    // Three more days: one row a day, the same one.
    let written = hours(&mut server, 3 * 24);
    assert_eq!(written.iter().sum::<u64>(), 3 * 24 * 2 + 3);
    let found = warnings(&mut server);
    let again = &found[0];
    assert_eq!((&again["count"], &again["firstAt"]), (&json!(4), &json!(first.rfc3339())));
    assert_eq!((&again["lastAt"], found.as_array().unwrap().len()), (&json!(server.now.rfc3339()), 1));
    assert!(again["detail"].as_str().unwrap().contains("in 11 days"), "{again}");
    // A request never writes one.
    assert_eq!(status(&mut server, 1), 200);
    // Once its successor is sent nothing ends any more; what was said stays in the journal.
    rotate(&mut server, Actor::Root, 1, &json!({})).unwrap();
    assert_eq!(codes(&mut server), ["token-ending"]);
    assert_eq!((status(&mut server, 2), codes(&mut server)), (200, Vec::new()));
    server.alarm();
    hours(&mut server, 48);
    assert_eq!(warnings(&mut server)[0]["count"], 4);
}

/// KV's record only leads to the object. The object lets a token in under the dialect that it was minted for, and in no
/// organisation but its own, whatever the call says.
#[test]
fn the_object_compares_dialect_and_organisation() {
    let mut server = Native::new(Dialect::Auto);
    let hash = server.token.hash();
    let list = || Ask::Scim(Command::GetUser { id: UserId::parse("u").unwrap() });
    let answered = |server: &mut Native, call: Call| server.send_call(call).outcome.map(|_| ()).unwrap_err().code;
    for dialect in [Dialect::Auto, Dialect::Rfc, Dialect::Entra] {
        let call = server.made(Actor::Token { hash, dialect }, list());
        let expected = if dialect == Dialect::Auto { Code::UserNotFound } else { Code::Unauthorized };
        assert_eq!(answered(&mut server, call), expected, "{dialect:?}");
    }
    let told = server.console("/journal?token=t-1&outcome=refused")["entries"].clone();
    let codes: Vec<&Value> = told.as_array().unwrap().iter().map(|entry| &entry["code"]).collect();
    assert_eq!(codes, [&json!("token-record-changed"), &json!("user-not-found")]);
    let rows = |server: &Native| server.sql.written();
    let (written, other) = (rows(&server), OrgId::parse("other").unwrap());
    for actor in [Actor::Token { hash, dialect: Dialect::Auto }, Actor::Root] {
        let asks: Vec<Ask> = match actor {
            Actor::Root => vec![Ask::Read(Query::Organisation), Ask::Admin(Admin::ReleaseGuard { seconds: 1 })],
            _ => vec![list()],
        };
        for ask in asks {
            let call = Call { org: other.clone(), ..server.made(actor.clone(), ask) };
            assert_eq!(answered(&mut server, call), Code::Unauthorized, "{actor:?}");
        }
    }
    assert_eq!(rows(&server), written, "nothing is written, not even in the journal");
    assert_eq!(server.console("")["guardReleasedUntil"], Value::Null);
}

/// As many tokens as are kept, of the largest that there may be, are listed whole; those that ended long ago make room.
#[test]
fn tokens_are_kept_up_to_a_thousand() {
    let mut server = Native::new(Dialect::Auto);
    let ranges: Vec<String> = (0..50).map(|n| format!("2001:db8:{n:x}:ffff:ffff:ffff:ffff:ff00/120")).collect();
    let (name, ranges) = ("\u{1F600}".repeat(200), json!(ranges).to_string());
    let text = format!(
        "INSERT INTO tokens (hash, id, name, kind, dialect, created, expires, address_ranges, minted_by) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) \
         SELECT printf('%064x', i), 'x-' || i, '{name}', 'scim', 'auto', {now}, {now} + {DAY}, '{ranges}', 'root' FROM n",
        now = server.now.0
    );
    server.sql.query(&text, &[]).unwrap();
    let listed = server.call(Actor::Root, Ask::Read(Query::Tokens)).outcome.unwrap();
    let Answer::Json(listed) = listed else { panic!("{listed:?}") };
    assert!(listed.get().len() < 8 * 1024 * 1024, "{}", listed.get().len());
    let refused = mint(&mut server, 1, None, json!({})).unwrap_err();
    assert_eq!(refused.code.as_str(), "too-many-tokens", "{refused:?}");
    server.now = server.now.plus(DAY + 31 * DAY + 1);
    mint(&mut server, 1, None, json!({})).unwrap();
    let rows = server.sql.query("SELECT count(*) FROM tokens", &[]).unwrap().remove(0).integer().unwrap();
    assert_eq!(rows, 2, "the one that is alive, and the new one");
}
