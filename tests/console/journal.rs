//! The journal's answers to an admin, and the secrets that it never tells.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::console;
use scim_edge::directory::admin::{Admin, TokenSettings};
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::id::{OrgId, TokenId};
use scim_edge::route::{self, Console};
use serde_json::{Value, json};

const DAY: i64 = 24 * 3_600_000;

fn create(server: &mut Native, body: Value) -> String {
    let response = server.send("POST", "/Users", body);
    assert_eq!(response.status, 201, "{}", response.body);
    response.text("id").to_owned()
}

fn add(members: Value) -> Value {
    json!({"Operations": [{"op": "add", "path": "members", "value": members}]})
}

/// Saves what is counted in memory.
fn alarm(server: &mut Native) {
    server.now = server.now.plus(60_000);
    server.alarm();
}

fn entries(server: &mut Native, query: &str) -> Vec<Value> {
    server.console(&format!("/journal?limit=200{query}"))["entries"].as_array().unwrap().clone()
}

/// All pages, `limit` entries each.
fn pages(server: &mut Native, query: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    for _ in 0..2000 {
        let page = server.console(&format!("/journal?limit={limit}{query}{after}"));
        let found = page["entries"].as_array().unwrap();
        assert!(found.len() <= limit);
        assert_eq!(page["days"].is_array(), after.is_empty(), "the days stand on the first page");
        all.extend(found.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
    panic!("no end of {query}")
}

fn rows(server: &Native, text: &str) -> i64 {
    server.sql.connection.query_row(text, [], |row| row.get(0)).unwrap()
}

/// An organisation in which something of each kind has happened, with a user and a group.
fn busy() -> (Native, String, String) {
    let mut server = Native::new(Dialect::Okta);
    let id = create(&mut server, json!({"userName": "ada"}));
    let group = server.send("POST", "/Groups", json!({"displayName": "team"})).text("id").to_owned();
    let (user, team) = (format!("/Users/{id}"), format!("/Groups/{group}"));
    let off = json!({"Operations": [{"op": "replace", "path": "active", "value": "False"}]});
    let bulk = json!({"Operations": [{"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "bob"}},
                                     {"method": "DELETE", "path": "/Users/nobody"}]});
    for (method, path, body, status) in [
        ("PATCH", user.as_str(), off, 200),
        ("PATCH", team.as_str(), add(json!([{"value": id}])), 204),
        ("POST", "/Users", json!({"userName": "ADA"}), 409),
        ("POST", "/Users", json!({"userName": "ADA"}), 409),
        ("PATCH", user.as_str(), json!({"Operations": [{"op": "add", "path": "shoeSize", "value": 7}]}), 200),
        ("POST", "/Bulk", bulk, 200),
        ("POST", "/Users", json!({"userName": "c", "active": "maybe"}), 400),
    ] {
        let response = server.send(method, path, body);
        assert_eq!(response.status, status, "{method} {path}: {}", response.body);
    }
    assert_eq!(server.scim(Request::new("DELETE", &user)).status, 204);
    alarm(&mut server);
    (server, id, group)
}

#[test]
fn what_became_of_requests() {
    let (mut server, id, group) = busy();
    let (user, team) = (format!("/Users/{id}"), format!("/Groups/{group}"));
    let found = entries(&mut server, "");
    let told: Vec<Value> = found
        .iter()
        .map(|e| json!([e["outcome"], e["method"], e["resource"], e["status"], e["scimType"], e["count"]]))
        .collect();
    let expected = json!([
        ["applied", "DELETE", user, 204, null, 1],
        ["refused", "POST", "/Users", 400, "invalidValue", 1],
        ["applied", "POST", "/Bulk", 200, null, 1],
        ["refused", "DELETE", "/Users/nobody", 404, null, 1],
        ["ignored", "PATCH", user, 200, null, 1],
        ["refused", "POST", "/Users", 409, "uniqueness", 2],
        ["applied", "PATCH", team, 204, null, 1],
        ["applied", "PATCH", user, 200, null, 1],
        ["applied", "POST", team, 201, null, 1],
        ["applied", "POST", user, 201, null, 1],
    ]);
    assert_eq!(json!(told), expected);
    for entry in &found {
        assert_eq!((&entry["token"], &entry["idp"]), (&json!({"id": "t-1", "name": "t"}), &json!("Okta")), "{entry}");
        assert_eq!(entry["requestId"], "r-1");
        assert!(entry["firstAt"].as_str().unwrap() <= entry["lastAt"].as_str().unwrap());
        assert_eq!(entry["seq"].is_null(), entry["outcome"] != "applied", "{entry}");
    }
    assert_eq!(found[7]["repairs"], json!(["foreign_schemas", "string_booleans"]));
    assert_eq!(found[4]["notes"], json!(["The path shoeSize is unknown and was skipped."]));
    assert_eq!((&found[5]["names"], found[5]["firstAt"] == found[5]["lastAt"]), (&json!([id]), false));
    assert!(found[5]["detail"].as_str().unwrap().contains("userName \"ADA\""), "{}", found[5]);
    assert!(found[1]["detail"].as_str().unwrap().contains("not the text \"…\""), "{}", found[1]);
    let days = server.console("/journal")["days"].clone();
    // Applied: two created, two patched, Bulk, deleted. The note changed nothing. Refused: twice, in Bulk, wrong type.
    assert_eq!(days, json!([{"day": "2026-11-18", "idp": "Okta", "applied": 6, "unchanged": 1, "refused": 4}]));
}

#[test]
fn filters_and_pages() {
    let (mut server, id, group) = busy();
    let all = entries(&mut server, "");
    let middle = all[5]["lastAt"].as_str().unwrap().to_owned();
    let resource = |e: &Value, part: &str| e["resource"].as_str().unwrap().contains(part);
    type Fits<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let table: Vec<(String, usize, Fits<'_>)> = vec![
        (String::new(), 10, Box::new(|_| true)),
        ("&outcome=applied".into(), 6, Box::new(|e| e["outcome"] == "applied")),
        ("&outcome=refused".into(), 3, Box::new(|e| e["outcome"] == "refused")),
        ("&outcome=ignored".into(), 1, Box::new(|e| e["outcome"] == "ignored")),
        ("&reason=nested".into(), 0, Box::new(|_| false)),
        // The Bulk request made a user.
        ("&resource=User".into(), 8, Box::new(|e| resource(e, "/Users") || resource(e, "/Bulk"))),
        ("&resource=groups".into(), 2, Box::new(|e| resource(e, "/Groups"))),
        (format!("&resource={group}"), 2, Box::new(|e| resource(e, &group))),
        (format!("&resource={id}"), 5, Box::new(|e| resource(e, &id) || e["names"] == json!([id]))),
        (format!("&since={middle}"), 6, Box::new(|e| e["lastAt"].as_str().unwrap() >= middle.as_str())),
        (format!("&until={middle}"), 4, Box::new(|e| e["lastAt"].as_str().unwrap() < middle.as_str())),
        ("&token=t-1".into(), 10, Box::new(|_| true)),
        ("&token=t-2".into(), 0, Box::new(|_| false)),
        ("&status=409".into(), 1, Box::new(|e| e["status"] == 409)),
        ("&status=200".into(), 3, Box::new(|e| e["status"] == 200)),
        ("&code=user-name-taken".into(), 1, Box::new(|e| e["code"] == "user-name-taken")),
        ("&code=user-name-taken&outcome=applied".into(), 0, Box::new(|_| false)),
        ("&idp=Okta".into(), 10, Box::new(|_| true)),
        ("&idp=Entra".into(), 0, Box::new(|_| false)),
        ("&requestId=r-1".into(), 10, Box::new(|_| true)),
        ("&requestId=r-2".into(), 0, Box::new(|_| false)),
        ("&seq=1".into(), 1, Box::new(|e| e["seq"] == 1)),
        ("&seq=999".into(), 0, Box::new(|_| false)),
        ("&seq=1&outcome=refused".into(), 0, Box::new(|_| false)),
        (
            format!("&outcome=applied&until={middle}&resource=User"),
            2,
            Box::new(|e| resource(e, &id) && e["status"] != 204 && e["outcome"] == "applied"),
        ),
    ];
    for (query, count, fits) in table {
        let expected: Vec<Value> = all.iter().filter(|entry| fits(entry)).cloned().collect();
        assert_eq!(expected.len(), count, "{query}: {expected:#?}");
        for limit in [1, 2, 3, 200] {
            assert_eq!(pages(&mut server, &query, limit), expected, "{query} by {limit}");
        }
    }
}

#[test]
fn parameters_that_are_none() {
    let org = OrgId::parse("acme").unwrap();
    for (query, says) in [
        ("outcome=failed", "outcome must be applied, refused, ignored or warning, not \"failed\""),
        ("reason=conflict", "reason must be nested"),
        ("resource=a%20b", "resource must be User, Group or an id"),
        ("since=yesterday", "since must be a time"),
        ("until=2026", "until must be a time"),
        ("token=", "token must be"),
        ("limit=-1", "limit must be a whole number"),
        ("seq=x", "seq must be a whole number"),
        ("requestId=a%20b", "requestId must be the id of a request"),
        ("idp=", "idp must be the name of a provider"),
        ("status=99", "status must be an HTTP status, not \"99\""),
        ("code=user-name-takn", "code must be a code that docs/errors.md lists, not \"user-name-takn\""),
        ("outcom=refused", "Unknown query parameter \"outcom\""),
        ("after=1", "after must be the `next`"),
        ("after=1.x.", "after must be the `next`"),
        ("after=1.2.abc", "after must be the `next`"),
        ("after=1.2.abc.no-such-user.t", "after must be the `next`"),
    ] {
        let read = console::query(&Console::Journal(org.clone()), &route::query(query));
        let read = read.and_then(|query| Native::new(Dialect::Auto).query(query.unwrap()));
        let error = read.unwrap_err();
        assert_eq!(error.kind().status(), 400, "{query}");
        assert!(error.detail.contains(says), "{query}: {}", error.detail);
    }
}

/// No index leads to a resource's changes, so a page looks at so many and says where to go on.
#[test]
fn long_journals_are_read_in_pieces() {
    let mut server = Native::new(Dialect::Auto);
    let ada = create(&mut server, json!({"userName": "ada"}));
    let copy = "INSERT INTO changes SELECT seq + n, seq + n + (n % 3 = 1), at + n - n % 3 + (n % 3 > 0) * 3, \
                request_id, \
                idempotency_key, token, idp, repairs, kind, resource, 'u' || (n % 1000), before, users, active_users, \
                groups, memberships, method, status, previous_seq, lost, clock, bytes, spelled FROM changes, \
                (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60000) SELECT n FROM c)";
    server.sql.connection.execute(copy, []).unwrap();
    // Requests of one change and of two, whose time is one.
    let odd = "SELECT count(*) FROM changes a JOIN changes b ON b.seq = a.request_seq WHERE a.at <> b.at";
    assert_eq!(rows(&server, odd), 0);
    server.now = server.now.plus(30_000);
    assert_eq!(server.get("/Users/nobody").status, 404);
    server.now = server.now.plus(60_000);
    assert_eq!(server.get("/Users/nobody-else").status, 404);
    let requests = rows(&server, "SELECT count(DISTINCT request_seq) FROM changes");
    let all = pages(&mut server, "", 200);
    assert_eq!(all.len() as i64, requests + 2);
    assert!(all.windows(2).all(|pair| pair[0]["lastAt"].as_str() >= pair[1]["lastAt"].as_str()), "newest first");
    let found = pages(&mut server, &format!("&resource={ada}"), 10);
    assert_eq!(found, [all.last().unwrap().clone()]);
    let of_one = rows(&server, "SELECT count(DISTINCT request_seq) FROM changes WHERE id = 'u500'");
    assert_eq!(pages(&mut server, "&resource=u500", 7).len() as i64, of_one);
    assert_eq!(server.console("/journal?resource=u500&limit=200")["entries"].as_array().unwrap().len(), 20);
    let old = all[all.len() - 5]["lastAt"].as_str().unwrap().to_owned();
    let is_old = |entry: &&Value| entry["lastAt"].as_str().unwrap() < old.as_str();
    let expected: Vec<Value> = all.iter().filter(is_old).cloned().collect();
    assert_eq!(pages(&mut server, &format!("&until={old}"), 2), expected);
    assert_eq!(pages(&mut server, &format!("&since={old}"), 200).len(), all.len() - expected.len());
}

#[test]
fn nested_groups_are_one_row_a_group() {
    let mut server = Native::new(Dialect::Auto);
    let mut group = |name: &str| server.send("POST", "/Groups", json!({"displayName": name})).text("id").to_owned();
    let (outer, inner, other) = (group("outer"), group("inner"), group("other"));
    let path = format!("/Groups/{outer}");
    for (method, path, body, written) in [
        // By bare id, where only the object knows it for a group.
        ("PATCH", path.as_str(), add(json!([{"value": inner}])), 1),
        ("PATCH", path.as_str(), add(json!([{"value": inner}])), 0),
        // By its type, at the edge; one more member of the same group.
        ("PATCH", path.as_str(), add(json!([{"value": "x", "type": "Group"}])), 1),
        ("PUT", path.as_str(), json!({"displayName": "outer", "members": [{"value": other}, {"value": inner}]}), 1),
        ("PATCH", path.as_str(), add(json!([{"value": other}])), 0),
        ("POST", "/Groups", json!({"displayName": "a \"new\" one", "members": [{"value": inner}]}), 1),
        ("POST", "/Groups", json!({"displayName": "a \"new\" one", "members": [{"value": inner}]}), 0),
        // A refusal that is not about a nested group.
        ("PATCH", path.as_str(), add(json!([{"value": "never-was"}])), 1),
    ] {
        let response = server.send(method, path, body.clone());
        assert_eq!((response.status, response.rows_written), (400, written), "{body}");
    }
    alarm(&mut server);
    let told: Vec<Value> = entries(&mut server, "&reason=nested")
        .iter()
        .map(|e| json!([e["nestedIn"]["id"], e["nestedIn"]["displayName"], e["names"], e["count"]]))
        .collect();
    let expected = json!([[null, "a \"new\" one", [inner], 2], [outer, "outer", [inner, "x", other], 5]]);
    assert_eq!(json!(told), expected);
    assert_eq!(entries(&mut server, &format!("&reason=nested&resource={inner}")).len(), 2);
}

/// A token that has ended is still known to KV for a while, and set-up fails there most.
#[test]
fn tokens_that_have_ended() {
    let settings = |name: &str, dialect, expires_at| TokenSettings {
        name: name.into(),
        kind: TokenKind::Scim,
        dialect,
        scope: None,
        expires_at,
        address_ranges: Vec::new(),
    };
    let mut server = Native::new(Dialect::Auto);
    let mut mint = |id: &str, byte: u8, settings: &TokenSettings| {
        server.token = Token::mint(settings.kind, [byte; 32]);
        server.mint(id, settings);
    };
    let soon = scim_edge::id::Timestamp(1_795_000_001_000);
    mint("expired", 1, &settings("old", Dialect::Auto, Some(soon)));
    mint("revoked", 2, &settings("gone", Dialect::Auto, None));
    mint("foreign", 3, &settings("other", Dialect::Entra, None));
    let console = TokenSettings {
        kind: TokenKind::Console,
        scope: Some(scim_edge::directory::admin::Scope::Read),
        ..settings("c", Dialect::Auto, None)
    };
    mint("console", 4, &console);
    let revoke = Admin::RevokeToken { id: TokenId::parse("revoked").unwrap(), children: false };
    server.call(Actor::Root, Ask::Admin(revoke)).outcome.unwrap();
    server.now = server.now.plus(2000);
    for (kind, byte, written) in [
        (TokenKind::Scim, 1, 1),
        (TokenKind::Scim, 2, 1),
        (TokenKind::Scim, 3, 1),
        // Nothing is written down of a Console's token, nor of one that the organisation never minted.
        (TokenKind::Console, 4, 0),
        (TokenKind::Scim, 99, 0),
    ] {
        server.token = Token::mint(kind, [byte; 32]);
        for (time, request) in [
            Request::json("POST", "/Users", &json!({"userName": "a"})),
            Request::json("POST", "/Users", &json!({"userName": "a"})),
            Request::json("POST", "/Users", &json!({"userName": "a", "active": "maybe"})),
            Request::new("GET", "/Nothing"),
            Request::new("DELETE", "/Users/a"),
        ]
        .into_iter()
        .enumerate()
        {
            let response = server.scim(request);
            assert_eq!(response.status, 401, "{byte}");
            assert_eq!(response.rows_written, if time == 0 { written } else { 0 }, "{byte}, time {time}");
            assert!(response.text("detail").contains("unknown, revoked, expired"), "{}", response.body);
        }
    }
    alarm(&mut server);
    let mut told: Vec<Value> = entries(&mut server, "&outcome=refused")
        .iter()
        .map(|e| json!([e["token"]["id"], e["status"], e["method"], e["resource"], e["count"], e["detail"]]))
        .collect();
    told.sort_by_key(Value::to_string);
    let why = |text: &str| format!("This token {text}: mint a new one and paste it into the identity provider.");
    let expected = json!([
        ["expired", 401, "POST", "/Users", 5, why("expired at 2026-11-18T11:06:41.000Z")],
        [
            "foreign",
            401,
            "POST",
            "/Users",
            5,
            "This token's record in KV is not the one that was made when it was minted: mint a new one and paste it \
             into the identity provider."
        ],
        ["revoked", 401, "POST", "/Users", 5, why("was revoked at 2026-11-18T11:06:40.000Z")],
    ]);
    assert_eq!(json!(told), expected);
    assert_eq!(server.console("/journal")["days"][0]["refused"], 15);
}

/// While SCIM is switched off all that is pushed is one row.
#[test]
fn switched_off() {
    let mut server = Native::new(Dialect::Auto);
    let off = console::configure(br#"{"scim": {"enabled": false}}"#).unwrap();
    server.call(Actor::Root, Ask::Admin(off)).outcome.unwrap();
    let requests = [
        Request::new("DELETE", "/Users/a"),
        Request::new("DELETE", "/Users/b"),
        Request::new("DELETE", "/Groups/c"),
        // Nor is anything else said of one that is wrong in another way.
        Request::new("PATCH", "/Users"),
        Request::new("GET", "/Nothing"),
        Request::new("GET", "/Me"),
        Request::new("GET", "/Users?filter=nonsense"),
        Request::new("GET", "/Schemas"),
        Request { body: Some(b"{".to_vec()), ..Request::new("POST", "/Users") },
        Request::json("POST", "/Bulk", &json!({"Operations": []})),
    ];
    for (number, request) in requests.iter().enumerate() {
        let response = server.scim(request.clone());
        assert_eq!((response.status, response.rows_written), (403, u64::from(number == 0)), "{request:?}");
        assert!(response.text("detail").starts_with("SCIM is switched off for organisation acme."), "{request:?}");
        let previewed = server.preview(&json!({"method": request.method, "path": request.path}));
        assert_eq!(previewed.body["answer"]["status"], 403, "{request:?}: {}", previewed.body);
    }
    alarm(&mut server);
    let found = entries(&mut server, "");
    assert_eq!((found.len(), &found[0]["count"]), (1, &json!(requests.len())));
}

/// A path that cannot be read is named whole, with the number of its operation, in the answer and here.
#[test]
fn paths_that_cannot_be_read() {
    let mut server = Native::new(Dialect::Auto);
    let id = create(&mut server, json!({"userName": "ada"}));
    let good = json!({"op": "replace", "path": "title", "value": "t"});
    for (path, shown, value) in [
        ("emails[0].value", r#""emails[0].value""#, ""),
        ("emails[type eq \"work\"", r#""emails[type eq \"work\"""#, ""),
        ("emails[type eq work value", r#""emails[type eq work value""#, ""),
        ("emails[type is \"work\"].value", r#""emails[type is \"…\"].value""#, "work"),
        ("emails[value eq \"s3cret\"", r#""emails[value eq \"…\"""#, "s3cret"),
        ("name.givenName.x", r#""name.givenName.x""#, ""),
        ("urn:acme:none:1.0:User:a.b.c", r#""urn:acme:none:1.0:User:a.b.c""#, ""),
        ("urn:acme:none:1.0:User:a[value eq", r#""urn:acme:none:1.0:User:a[value eq""#, ""),
    ] {
        let bad = json!({"op": "replace", "path": path, "value": "v"});
        let refused = server.send("PATCH", &format!("/Users/{id}"), json!({"Operations": [good, bad]}));
        let detail = refused.text("detail").to_owned();
        assert_eq!((refused.status, refused.text("scimType")), (400, "invalidPath"), "{path}: {detail}");
        assert!(detail.starts_with(&format!("Operation 2 has the path {path:?}, which is refused: ")), "{detail}");
        let told = entries(&mut server, "&outcome=refused")[0]["detail"].as_str().unwrap().to_owned();
        assert!(told.starts_with(&format!("Operation 2 has the path {shown}, which is refused: ")), "{told}");
        assert!(value.is_empty() || !told.contains(value), "{told}");
    }
    let wrong = json!({"op": "replace", "path": "emails[type eq \"home\"].value", "value": {"a": 1}});
    server.send("PATCH", &format!("/Users/{id}"), json!({"Operations": [wrong]}));
    let told = entries(&mut server, "&outcome=refused")[0]["detail"].as_str().unwrap().to_owned();
    assert!(told.contains(r#"emails[type eq "home"].value"#), "{told}");
}

/// Whatever a client puts where, what the journal and its tables hold of it is names and ids.
#[test]
fn no_values_and_no_secrets() {
    const SECRET: &str = "hunter2-s3cret";
    for dialect in [Dialect::Auto, Dialect::Rfc] {
        let mut server = Native::new(dialect);
        let token = server.token.reveal().to_owned();
        let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:User", "urn:x:badge"]);
        server.admin("PUT", "/schemas/urn:x:badge", &json!({"attributes": [
            {"name": "number", "type": "integer"}, {"name": "issued", "type": "dateTime"}, {"name": "fixed", "mutability": "immutable"}]}));
        let id = create(&mut server, json!({"schemas": schemas, "userName": "ada", "urn:x:badge": {"fixed": "a"}}));
        let group = server
            .send(
                "POST",
                "/Groups",
                json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "team"}),
            )
            .text("id")
            .to_owned();
        let (user, team) = (format!("/Users/{id}"), format!("/Groups/{group}"));
        let mut sent = 0;
        for secret in [SECRET, &token, &token[..45], "98765432123456", "a \" b hunter2-s3cret"] {
            let encoded: String = route_safe(secret);
            let op = |op: &str, path: &str, value: Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": op, "path": path, "value": value}]});
            let with = |name: &str, value: Value| {
                let mut body = json!({"schemas": schemas, "userName": "bob"});
                body[name] = value;
                body
            };
            let number = secret.parse::<i64>().map_or_else(|_| json!(secret), Value::from);
            let quoted = json!(secret).to_string();
            let mut requests = vec![
                Request::json("POST", "/Users", &with("active", json!(secret))),
                Request::json("POST", "/Users", &with("password", json!({"value": secret}))),
                Request::json("POST", "/Users", &with("password", json!([secret, secret]))),
                Request::json("POST", "/Users", &with("emails", number.clone())),
                Request::json("POST", "/Users", &with("emails", json!([secret, 7, {"value": {"a": secret}}]))),
                Request::json("POST", "/Users", &with("urn:x:badge", json!({"number": secret}))),
                Request::json("POST", "/Users", &with("urn:x:badge", json!({"issued": secret}))),
                Request::json("POST", "/Users", &with("urn:x:badge", json!({"fixed": 1, "more": secret}))),
                Request::json("POST", "/Users", &with("urn:x:badge", json!(secret))),
                Request::json("POST", "/Users", &with("schemas", json!([secret]))),
                Request::json("PUT", &user, &json!({"schemas": schemas, "userName": "ada", "id": {"a": secret}})),
                Request::json(
                    "PUT",
                    &user,
                    &json!({"schemas": schemas, "userName": "ada", "urn:x:badge": {"fixed": secret}}),
                ),
                Request::json("PATCH", &user, &op("replace", "active", json!(secret))),
                Request::json("PATCH", &user, &op("replace", "shoeSize", json!(secret))),
                Request::json("PATCH", &user, &op("replace", &format!("emails[display eq {quoted}].value"), json!(7))),
                Request::json("PATCH", &user, &op("replace", &format!("emails[shoe eq {quoted}].value"), json!(7))),
                Request::json("PATCH", &user, &op("replace", &format!("emails[primary eq {quoted}].value"), json!(7))),
                Request::json("PATCH", &user, &op("replace", &format!("emails[display eq {quoted}"), json!(7))),
                Request::json("PATCH", &user, &op("replace", &format!("emails[display is {quoted}].value"), json!(7))),
                Request::json("PATCH", &user, &op("replace", &format!("password[value eq {quoted}]"), json!(7))),
                Request::json(
                    "PATCH",
                    &user,
                    &op("replace", &format!("urn:x:badge:number[value eq {quoted}]"), json!(7)),
                ),
                Request::json("PATCH", &user, &op(secret, "title", json!(secret))),
                Request::json("PATCH", &user, &json!({"Operations": secret})),
                Request::json("PATCH", &team, &op("replace", &format!("members[value sw {quoted}]"), json!([]))),
                Request::json("POST", "/.search", &json!({"filter": format!("active eq {quoted}")})),
                Request::json(
                    "POST",
                    "/Bulk",
                    &json!({"Operations": [{"method": secret, "path": "/Users", "data": {}}]}),
                ),
                Request::json("POST", "/Bulk", &json!({"failOnErrors": secret, "Operations": []})),
                Request { body: Some(format!("{{\"a\": {quoted}").into_bytes()), ..Request::new("POST", "/Users") },
                Request {
                    body: Some(format!("{{\"a\": \"\\u0000{SECRET}\"}}").into_bytes()),
                    ..Request::new("POST", "/Users")
                },
                Request::new("GET", &format!("/Users?count={encoded}")),
                Request::new("GET", &format!("/Users?sortBy=title&sortOrder={encoded}")),
                Request::new("GET", &format!("/Users?cursor={encoded}")),
                Request::new("GET", &format!("/Users?filter=userName+{encoded}")),
            ];
            for filter in ["active eq", "meta.created gt", "urn:x:badge:number eq", "userName is", "password eq"] {
                for text in [&quoted, secret] {
                    let filter = route_safe(&format!("{filter} {text}"));
                    requests.push(Request::new("GET", &format!("/Users?filter={filter}")));
                }
            }
            for name in ["Content-Type", "If-Match", "If-None-Match", "User-Agent"] {
                let mut request = Request::json("PUT", &user, &json!({"schemas": schemas}));
                let value = if name == "Content-Type" { format!("text/xml; a={secret}") } else { secret.to_owned() };
                request.headers.retain(|(header, _)| header != name);
                request.headers.push((name.to_owned(), value));
                requests.push(request);
            }
            if secret.starts_with("scim_") {
                // Where names and ids belong, too.
                for path in [format!("/Users/{secret}"), format!("/{secret}"), format!("/Groups/{secret}")] {
                    requests.push(Request::new("GET", &path));
                }
                let member = json!([{"value": secret, "type": "Group"}]);
                requests.push(Request::json("PATCH", &team, &op("add", "members", member)));
                requests.push(Request::json("PATCH", &team, &op("add", "members", json!([{"value": secret}]))));
                requests.push(Request::json("PATCH", &user, &op("add", secret, json!(1))));
                requests.push(Request::json(
                    "POST",
                    "/Groups",
                    &json!({"displayName": secret, "members": [{"value": "x", "type": "Group"}]}),
                ));
            }
            sent += requests.len();
            for request in requests {
                let response = server.scim(request.clone());
                assert!(response.status < 500, "{request:?}: {}", response.body);
            }
        }
        let found = pages(&mut server, "", 200);
        let refused = found.iter().filter(|entry| entry["outcome"] == "refused").count();
        assert!(refused > 40, "{refused} refusals of {sent} requests");
        let stored: String = server
            .sql
            .connection
            .query_row(
                "SELECT (SELECT group_concat(method || resource || error || names) FROM refused) || \
             (SELECT group_concat(repairs || idp) FROM changes)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        for text in [json!(found).to_string(), stored] {
            for secret in [SECRET, &token[5..40], "98765432123456"] {
                let at = text.find(secret);
                assert!(at.is_none(), "{dialect:?}: {secret} in {}", &text[at.unwrap().saturating_sub(300)..][..400]);
            }
        }
    }
}

/// Percent-encoded for a query or a path.
fn route_safe(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b == b'_' { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[test]
fn days_are_counted_apart_from_the_requests() {
    let mut server = Native::new(Dialect::Auto);
    let id = create(&mut server, json!({"userName": "a"}));
    let path = format!("/Users/{id}");
    alarm(&mut server);
    let put = json!({"userName": "a", "title": "t"});
    let first = server.send("PUT", &path, put.clone()).rows_written;
    for _ in 0..3 {
        assert_eq!(server.send("PUT", &path, put.clone()).rows_written, 0, "counting is no row");
    }
    let day = |server: &mut Native| server.console("/journal")["days"].clone();
    assert_eq!(day(&mut server)[0]["unchanged"], 0, "not saved yet");
    alarm(&mut server);
    assert_eq!(
        day(&mut server)[0],
        json!({"day": "2026-11-18", "idp": null, "applied": 2, "unchanged": 3, "refused": 0})
    );
    assert_eq!(server.send("PUT", &path, json!({"userName": "a", "title": "u"})).rows_written, first);
    server.now = server.now.plus(DAY);
    server.dialect = Dialect::Entra;
    assert_eq!(server.get("/Users").status, 401, "under another dialect than the token's");
    alarm(&mut server);
    let days = day(&mut server);
    assert_eq!(days[0], json!({"day": "2026-11-19", "idp": "Entra", "applied": 0, "unchanged": 0, "refused": 1}));
    assert_eq!((days.as_array().unwrap().len(), &days[1]["applied"]), (2, &json!(3)));
    server.now = server.now.plus(31 * DAY);
    alarm(&mut server);
    assert_eq!(day(&mut server), json!([]), "kept for 30 days");
}

#[test]
fn the_journal_is_bounded() {
    let mut server = Native::new(Dialect::Auto);
    let far = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100) \
               INSERT INTO traffic SELECT 20775, 'p' || n, 1, 1, 1 FROM c";
    server.sql.connection.execute(far, []).unwrap();
    server.now = server.now.plus(2 * 3_600_000);
    create(&mut server, json!({"userName": "a"}));
    alarm(&mut server);
    assert_eq!(rows(&server, "SELECT count(*) FROM traffic WHERE idp = 'other'"), 1, "of very many the rest is one");
    for n in 0..400 {
        assert_eq!(server.get(&format!("/Users/{n}")).status, 404);
    }
    assert_eq!(server.console("/journal?limit=1000")["entries"].as_array().unwrap().len(), 200);
    assert_eq!(pages(&mut server, "&outcome=refused", 200).len(), 400);
    server.now = server.now.plus(31 * DAY);
    alarm(&mut server);
    assert_eq!(rows(&server, "SELECT count(*) FROM refused"), 0);
}
