//! The object time of an organisation: what its callers spend is charged, and who has used it up waits.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server, stored};
use crate::work::{patch, removal, with_roles};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::directory::admin::{Admin, Scope, TokenSettings};
use scim_edge::directory::call::{Actor, Ask, CallEnvelope};
use scim_edge::directory::options::Options;
use scim_edge::directory::query::{Journal, Query};
use scim_edge::directory::reply::Answer;
use scim_edge::directory::residency::Residency;
use scim_edge::directory::scim::Command;
use scim_edge::error::Error;
use scim_edge::id::{Timestamp, TokenId};
use scim_edge::org::bucket::{Buckets, Rate};
use scim_edge::org::{self, Context, Memory, Progress};
use scim_edge::scim::filter::{Filter, Target};
use scim_edge::store::Sql;
use serde_json::{Value, json};

/// As wrangler.toml has it.
const OBJECT_SECONDS: &str = "0.5 5";

fn buckets() -> Buckets {
    Buckets::new(Rate::parse(OBJECT_SECONDS).unwrap())
}

fn limited() -> Native {
    let mut server = Native::new(Dialect::Auto);
    server.memory.buckets = Some(buckets());
    server
}

fn left(server: &Native, kind: TokenKind) -> f64 {
    server.memory.buckets.as_ref().unwrap().seconds_left(kind, server.now)
}

/// A Console token of that scope.
fn console(server: &mut Native, id: &str, seed: u8, scope: Scope) -> Actor {
    let token = Token::mint(TokenKind::Console, [seed; 32]);
    let settings = TokenSettings {
        name: id.to_owned(),
        kind: TokenKind::Console,
        dialect: Dialect::Auto,
        scope: Some(scope),
        expires_at: None,
        address_ranges: Vec::new(),
    };
    let id = TokenId::parse(id).unwrap();
    let minted = Admin::MintToken { id, hash: token.hash(), token: settings, replaces: None };
    server.call(Actor::Root, Ask::Admin(minted)).outcome.unwrap();
    Actor::Token { hash: token.hash(), dialect: Dialect::Auto }
}

#[test]
fn a_hundred_creates_a_second_for_ten_minutes_are_never_refused() {
    let mut server = limited();
    let user = json!({
        "userName": "ada", "externalId": "x", "name": {"givenName": "Ada", "familyName": "L"}, "title": "t".repeat(1800),
        "emails": [{"value": "ada@example.com", "type": "work", "primary": true}],
    });
    server.send("POST", "/Users", user);
    let units = ((5.0 - left(&server, TokenKind::Scim)) * scim_edge::budget::UNITS_PER_SECOND as f64).ceil() as u64;
    assert!(units > 1000, "a create is charged: {units}");
    let (mut buckets, mut refused) = (buckets(), 0);
    for n in 0..60_000 {
        let now = Timestamp(1_795_000_000_000 + n * 10);
        refused += i32::from(buckets.check(TokenKind::Scim, "t-1", now).is_err());
        buckets.charge(TokenKind::Scim, "t-1", units, now);
    }
    assert_eq!(refused, 0);
    assert!(buckets.seconds_left(TokenKind::Scim, Timestamp(1_795_000_600_000)) > 4.0);
}

#[test]
fn who_has_used_up_the_time_waits_and_the_console_does_not() {
    let mut server = limited();
    let reader = console(&mut server, "c-1", 8, Scope::Read);
    let path = with_roles(&mut server, 1000);
    let worst = patch(&vec![removal(220); 20]);
    let mut done = 0;
    let refused = loop {
        let answer = server.send("PATCH", &path, worst.clone());
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        done += 1;
    };
    assert!((4..=6).contains(&done), "4 seconds, of almost one each: {done}");
    let says = refused.text("detail");
    assert!(says.starts_with("The requests of this token have used up the computing time"), "{says}");
    assert_eq!(server.get("/Users?count=1").status, 429, "reads too");
    // Work that is refused for its amount was done and is charged; a refusal that comes too soon after another costs
    // nothing. The clock stands still here: it is where it was when the debt was looked at.
    let (now, in_debt) = (server.now, left(&server, TokenKind::Scim));
    for _ in 0..100 {
        assert_eq!(server.get("/Users?count=1").status, 429);
        server.now = now;
    }
    assert_eq!(left(&server, TokenKind::Scim), in_debt);
    server.call(reader, Ask::Read(Query::Organisation)).outcome.unwrap();
    server.call(Actor::Root, Ask::Read(Query::Organisation)).outcome.unwrap();
    server.now = server.now.plus(60_000);
    assert_eq!(server.get("/Users?count=1").status, 200);
}

#[test]
fn errors_and_previews_are_charged_and_what_takes_access_away_is_never_refused() {
    let mut server = limited();
    let (admin, reader) = (console(&mut server, "c-1", 8, Scope::Admin), console(&mut server, "c-2", 9, Scope::Read));
    let path = with_roles(&mut server, 1000);
    let before = left(&server, TokenKind::Scim);
    assert_eq!(server.send("PATCH", &path, patch(&vec![removal(220); 100])).status, 400);
    assert!(before - left(&server, TokenKind::Scim) > 0.9, "all of the budget was work");
    let body = json!({"method": "PATCH", "path": path, "body": patch(&vec![removal(220); 20])});
    let refused: Error = loop {
        match server.preview_as(&admin, &body) {
            Ok(_) => assert!(left(&server, TokenKind::Console) > -2.0),
            Err(error) => break error,
        }
    };
    assert!(refused.retry_after.unwrap() > 0, "{refused:?}");
    for _ in 0..5 {
        // The others' share, with the other token.
        let _ = server.preview_as(&reader, &body);
    }
    assert!(left(&server, TokenKind::Console) < 0.0);
    let off = Admin::Configure {
        display_name: None,
        saml: None,
        scim: Some(false),
        options: Options::default(),
        residency: Residency::default(),
    };
    for (ask, is_refused) in [
        (Ask::Read(Query::Organisation), true),
        (Ask::Admin(Admin::DeleteSchema { urn: "urn:x:y".to_owned() }), true),
        (Ask::Admin(Admin::ReleaseGuard { seconds: 60 }), false),
        (Ask::Admin(Admin::RevokeToken { id: TokenId::parse("t-1").unwrap(), children: false }), false),
        (Ask::Admin(off), false),
        (Ask::Read(Query::Snapshot { position: None }), false),
        (Ask::Read(Query::Changes { after: 0, limit: 10, wait: 0 }), false),
    ] {
        let shown = format!("{ask:?}");
        let reply = server.call(admin.clone(), ask);
        let too_soon = reply.outcome.as_ref().is_err_and(|error| error.retry_after.is_some());
        assert_eq!(too_soon, is_refused, "{shown}: {:?}", reply.outcome);
    }
}

/// Looking at all refusals is charged; the pages after that read their own rows.
#[test]
fn the_journal_is_charged_by_the_rows_that_are_looked_at() {
    let mut server = limited();
    let reader = console(&mut server, "c-1", 8, Scope::Read);
    let many = "INSERT INTO refused WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
                SELECT 'c', 't' || i, printf('%064x', i), 'refused', 0, i, 'r', '', 'GET', '/Users/' || i, '{}', '[]', 1 FROM n";
    server.sql.query(many, &[]).unwrap();
    let mut read = |resource: Option<&str>, after: Option<&str>| {
        let before = left(&server, TokenKind::Console);
        let (resource, after) = (resource.map(str::to_owned), after.map(str::to_owned));
        let journal = Journal { outcome: Some("refused".into()), resource, after, limit: 10, ..Journal::default() };
        let answer = server.call(reader.clone(), Ask::Read(Query::Journal(Box::new(journal)))).outcome.unwrap();
        let Answer::Json(page) = answer else { panic!("{answer:?}") };
        let page: Value = serde_json::from_str(page.get()).unwrap();
        (page["next"].as_str().unwrap_or_default().to_owned(), before - left(&server, TokenKind::Console))
    };
    let (next, first) = read(None, None);
    let (_, second) = read(None, Some(&next));
    let (_, by_name) = read(Some("nobody"), None);
    // A row that is looked at is a unit, or 25 where its names are.
    assert!(
        (0.002..0.003).contains(&first) && second < 0.0005 && (0.05..0.051).contains(&by_name),
        "{first} {second} {by_name}"
    );
}

#[test]
fn two_snapshots_at_once_and_a_third_after_one_of_them() {
    let mut server = limited();
    let reader = console(&mut server, "c-1", 8, Scope::Read);
    for n in 0..3000 {
        server.send("POST", "/Users", json!({"userName": format!("u{n}")}));
        server.memory.buckets = None;
    }
    let mut piece = |request: &str, position: Option<String>, after: i64| {
        server.now = server.now.plus(after);
        let ask = Ask::Read(Query::Snapshot { position });
        let mut call = server.made(reader.clone(), ask);
        call.request = scim_edge::id::RequestId::parse(request).unwrap();
        match server.send_call(call).outcome {
            Ok(scim_edge::directory::reply::Answer::Piece { next, .. }) => Ok(next),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.retry_after),
        }
    };
    let first = piece("r-1", None, 0).unwrap();
    let second = piece("r-2", None, 0).unwrap();
    assert!(first.is_some() && second.is_some(), "more than a piece");
    assert_eq!(piece("r-3", None, 0), Err(Some(30)));
    // One ends.
    let mut position = first;
    while let Some(next) = position {
        position = piece("r-1", Some(next), 0).unwrap();
    }
    assert!(piece("r-3", None, 0).unwrap().is_some());
    assert_eq!(piece("r-4", None, 0), Err(Some(30)));
    // One whose reader has gone is forgotten, and goes on even so.
    assert!(piece("r-4", None, 30_000).unwrap().is_some());
    assert!(piece("r-2", second, 0).is_ok());
}

/// Reading while an answer is written is charged like reading before.
#[test]
fn a_large_group_is_charged_by_its_members() {
    let mut server = limited();
    for text in [
        "INSERT INTO users (key, id, user_name, user_name_key, more_mail, active, doc, version, seq, created, modified) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
         SELECT i, 'u' || i, 'n' || i, 'n' || i, 0, 1, '{}', 1, 1, 0, 0 FROM n",
        "INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
         VALUES (-1, 'a', 'a', 'a', '{}', 0, 1, 1, 0, 0), (-2, 'b', 'b', 'b', '{}', 0, 1, 1, 0, 0)",
        "INSERT INTO members SELECT -1, key FROM users WHERE key <= 1000",
        "INSERT INTO members SELECT -2, key FROM users",
    ] {
        server.sql.query(text, &[]).unwrap();
    }
    let mut costs = |path: &str| {
        server.memory.buckets = Some(buckets());
        assert_eq!(server.get(path).status, 200);
        5.0 - left(&server, TokenKind::Scim)
    };
    let (one, ten) = (costs("/Groups/a"), costs("/Groups/b"));
    assert!(ten > 8.0 * one && ten < 10.0 * one, "{one} and {ten} seconds");
}

/// So many users, each in the group "all".
fn with_users(count: usize) -> Native {
    let mut server = limited();
    let members = "INSERT INTO members SELECT -1, key FROM users;";
    let group = "INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
                 VALUES (-1, 'all', 'all', 'all', '{\"displayName\":\"all\"}', 0, 1, 1, 0, 0);";
    let text = stored::users(0..count) + group + members + stored::totals();
    server.sql.connection.execute_batch(&text).unwrap();
    server.memory.buckets = Some(buckets());
    server
}

/// Everything that a list looks through is work, whether it is found or not.
#[test]
fn lists_are_charged_by_what_they_go_through() {
    let (mut small, mut large) = (with_users(2_000), with_users(20_000));
    let units = |server: &mut Native, path: &str| {
        server.memory.buckets = Some(buckets());
        assert_eq!(server.get(path).status, 200, "{path}");
        (5.0 - left(server, TokenKind::Scim)) * scim_edge::budget::UNITS_PER_SECOND as f64
    };
    let filter = vec!["nickName+co+%22none%22"; 20].join("+or+");
    for path in [
        "/Users?filter=nickName+eq+%22none%22",
        &format!("/Users?filter={filter}"),
        "/Users?filter=meta.version+eq+%22none%22",
        "/Users?filter=groups.display+co+%22none%22",
        "/Groups?filter=members.value+co+%22none%22",
        "/Users?sortBy=title&count=1",
        "/Users?startIndex=9007199254740991",
        "/Groups/all",
    ] {
        let (two, twenty) = (units(&mut small, path), units(&mut large, path));
        println!("{path:.60}: {two} and {twenty} units");
        assert!(two > 2_000.0 && twenty > 7.0 * two && twenty < 11.0 * two, "{path}: {two} and {twenty}");
    }
    let one = units(&mut large, "/Users?filter=nickName+co+%22none%22");
    let many = units(&mut large, &format!("/Users?filter={filter}"));
    assert!(many > 4.0 * one, "{one} and {many}");
}

/// Otherwise any number could be begun before the first of them ends.
#[test]
fn a_search_that_goes_on_is_charged_for_each_step() {
    let mut server = with_users(20_000);
    let list = scim_edge::directory::scim::ListQuery {
        filter: Some(Filter::Present(Target { urn: None, name: "nickName".into(), sub: None })),
        start_index: 1,
        count: 1,
        sort: None,
        cursor: None,
    };
    let actor = Actor::Token { hash: server.token.hash(), dialect: Dialect::Auto };
    let call = server.made(actor, Ask::Scim(Command::ListUsers { list }));
    let sent = serde_json::to_vec(&call).unwrap();
    let context = Context { org: Some(&server.org), now: server.now, random: &|| [0; 6], bytes: sent.len() };
    let mut progress =
        org::execute(&server.sql, &mut server.memory, CallEnvelope::read_envelope(&sent).unwrap(), &context);
    let (mut steps, mut before) = (0, 5.0);
    while let Progress::Scan(pending) = progress {
        assert!(left(&server, TokenKind::Scim) < before, "step {steps}");
        (steps, before) = (steps + 1, left(&server, TokenKind::Scim));
        progress = org::resume(&server.sql, &mut server.memory, *pending, server.now);
    }
    assert!(steps > 10, "{steps}");
}

/// A preview does all that its request would do, but write what follows in an answer.
#[test]
fn a_preview_is_charged_as_its_request() {
    let mut server = with_users(5_000);
    let reader = console(&mut server, "c-1", 8, Scope::Read);
    let roles: Vec<_> = (0..900).map(|n| json!({"value": format!("r{n}")})).collect();
    let members: Vec<_> = (0..5_000).map(|n| json!({"value": stored::user(n)})).collect();
    let creates: Vec<_> = (0..200)
        .map(|n| json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": {"userName": format!("x{n}")}}))
        .collect();
    let user = format!("/Users/{}", stored::user(7));
    let filter = "/Users?count=1&filter=nickName+co+%22none%22+or+title+co+%22none%22";
    for (method, path, body) in [
        ("GET", user.as_str(), None),
        ("GET", filter, None),
        ("GET", "/Users?sortBy=title&count=1", None),
        ("GET", "/Users?startIndex=4000&count=1", None),
        ("POST", "/Users", Some(json!({"userName": "new", "roles": roles}))),
        ("PATCH", "/Groups/all", Some(json!({"Operations": [{"op": "remove", "path": "members[value sw \"0\"]"}]}))),
        ("POST", "/Groups", Some(json!({"displayName": "new", "members": members}))),
        ("POST", "/Bulk", Some(json!({"Operations": creates}))),
    ] {
        server.memory.buckets = Some(buckets());
        let request = match &body {
            Some(body) => Request::json(method, path, body),
            None => Request::new(method, path),
        };
        server.sql.connection.execute_batch("SAVEPOINT before").unwrap();
        let answered = server.scim(request);
        server.sql.connection.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
        assert!((200..300).contains(&answered.status), "{method} {path}: {}", answered.body);
        let left_over = server.memory.buckets.take();
        server.memory = Memory::new("");
        server.memory.buckets = left_over;
        let preview = json!({"method": method, "path": path, "body": body});
        server.preview_as(&reader, &preview).unwrap();
        let (real, shown) = (5.0 - left(&server, TokenKind::Scim), 5.0 - left(&server, TokenKind::Console));
        println!("{method} {path:.40}: {real} and {shown} s");
        assert!(shown >= 0.85 * real, "{method} {path}: {real} s, and its preview {shown} s");
    }
}
