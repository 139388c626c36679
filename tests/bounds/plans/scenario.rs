//! Requests that make the service execute each statement that it puts together.

use crate::support::directory::BADGE;
use crate::support::imports::{self, import, snapshot};
use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::session::{SESSIONS, Session};
use crate::support::sqlite::Sqlite;
use crate::support::{Request, Server, follower, stored};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::directory::admin::{Admin, Rotation, TokenSettings};
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::registry::RegistryCall;
use scim_edge::directory::residency::Residency;
use scim_edge::id::{OrgId, Timestamp, TokenId};
use scim_edge::org::Memory;
use scim_edge::org::admin::records;
use scim_edge::registry;
use scim_edge::store::refused::{self, Key, RefusalEntry};
use scim_edge::store::{changes, memberships};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The databases that were used, each with the texts of what was executed.
pub(super) fn run() -> Vec<Sqlite> {
    let mut used: Vec<Sqlite> = SESSIONS.iter().map(|(name, text)| session(name, text)).collect();
    used.push(directory());
    used.push(large_documents());
    used.push(organisations());
    used.push(journal_and_gone_user());
    used
}

fn recorded(dialect: Dialect) -> Native {
    let server = Native::new(dialect);
    server.sql.recorded.replace(Some(BTreeSet::new()));
    server
}

fn session(name: &str, text: &str) -> Sqlite {
    let session = Session::read(name, text);
    let mut server = recorded(session.dialect);
    session.run(name, &mut server);
    server.sql
}

/// Random changes, lists in every order, the Console's pages, a snapshot and its import, and the alarm.
fn directory() -> Sqlite {
    let (mut server, mut random) = (recorded(Dialect::Auto), Random(20_261_128));
    server.sql.connection.execute_batch(&(stored::users(0..5_000) + stored::totals())).unwrap();
    for _ in 0..300 {
        let ids = |table: &str| -> Vec<String> {
            let text = format!("SELECT id FROM {table} ORDER BY id DESC LIMIT 20");
            let mut rows = server.sql.connection.prepare(&text).unwrap();
            rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let request = follower::request(&mut random, &ids("users"), &ids("groups"));
        server.scim(request);
    }
    // Enough members that SQL writes the change that tells of them.
    let many: Value = (0..200).map(|n| json!({ "value": stored::user(n) })).collect();
    assert_eq!(server.send("POST", "/Groups", json!({"displayName": "many", "members": many})).status, 201);
    lists(&mut server);
    console(&mut server);
    let lines = snapshot(&mut server);
    imports::scim(&mut server, false);
    assert_eq!(import(&mut server, &lines, 2_000)["state"], "done");
    server.admin("DELETE", "/import", &json!(null));
    // The data that an earlier build left, as the object finds it when it starts.
    let old =
        "INSERT INTO refusals VALUES ('f', 'refused', 0, 0, 'r', NULL, 'Okta', 'PUT', '/Groups/g', '{}', '[]', 1)";
    server.sql.connection.execute(old, []).unwrap();
    server.memory = Memory::default();
    server.console("/journal");
    server.now = server.now.plus(journal_kept());
    for _ in 0..10 {
        server.alarm();
        server.now = server.now.plus(60_000);
    }
    server.sql
}

/// Lists over documents so large that a piece of a scan ends by their size.
fn large_documents() -> Sqlite {
    let mut server = recorded(Dialect::Auto);
    for (endpoint, name) in [("/Users", "userName"), ("/Groups", "displayName")] {
        for n in 0..40 {
            let body = json!({name: format!("large {n}"), "urn:example:wide": {"text": "t".repeat(250_000)}});
            assert_eq!(server.send("POST", endpoint, body).status, 201);
        }
        for query in ["", "&sortBy=id&sortOrder=descending"] {
            let found = server.get(&format!("{endpoint}?count=0&filter={name}+sw+%22large%22{query}"));
            assert_eq!(found.body["totalResults"], 40, "{}", found.body);
        }
    }
    server.sql
}

/// A refusal that comes again with more names, and a gone user who leaves a group: the rest needs thousands of requests.
fn journal_and_gone_user() -> Sqlite {
    let mut server = recorded(Dialect::Auto);
    assert_eq!(server.send("POST", "/Users", json!({"userName": "gone"})).status, 201);
    let (sql, at) = (&server.sql, Timestamp(1));
    let key = Key { code: "wrong-type".to_owned(), token: String::new(), fingerprint: "f".to_owned() };
    let (method, resource, error, names) = ("PUT", "/Users/x", "{}", "[]");
    let entry = RefusalEntry { key: &key, outcome: "refused", request: "r", idp: "", method, resource, error, names };
    refused::insert_entry(sql, &entry, at).unwrap();
    refused::renew_names(sql, &entry, Timestamp(2)).unwrap();
    assert_eq!(refused::last_seen(sql, &key).unwrap(), Some(Timestamp(2)));
    let head = changes::read_head(sql).unwrap();
    let user = memberships::Gone { key: 1, id: "gone".to_owned(), seq: head.seq };
    memberships::append_left(sql, &head, at, &user, &[-1]).unwrap();
    assert_eq!(changes::read_head(sql).unwrap().seq, head.seq + 1);
    server.sql
}

/// Long enough that all changes and refusals are too old.
fn journal_kept() -> i64 {
    scim_edge::store::journal::KEPT_MILLISECONDS * 2
}

fn lists(server: &mut Native) {
    // Values from before the schema, in another spelling.
    for (endpoint, name) in [("/Users", "userName"), ("/Groups", "displayName")] {
        let early = json!({name: "early", BADGE.to_uppercase(): {"texts": ["a"]}});
        assert_eq!(server.send("POST", endpoint, early).status, 201);
    }
    let schema = json!({"id": BADGE, "name": "badge", "resourceTypes": ["User", "Group"], "attributes": [
        {"name": "texts", "type": "string", "multiValued": true},
        {"name": "many", "type": "complex", "multiValued": true, "subAttributes": [{"name": "text", "type": "string"}]},
    ]});
    assert_eq!(server.admin("PUT", &format!("/schemas/{BADGE}"), &schema).status, 201);
    // While the job is due the documents are read instead.
    assert_eq!(server.get(&format!("/Users?filter={BADGE}:texts+pr")).status, 200);
    for _ in 0..20 {
        server.alarm();
        server.now = server.now.plus(1_000);
    }
    for filter in ["texts eq %22a%22", "many.text ne %22a%22", "many%5Btext eq %22a%22%5D", "texts pr"] {
        let path = format!("/Users?filter={BADGE}:{}", filter.replace(' ', "+"));
        assert_eq!(server.get(&path).status, 200, "{path}");
    }
    let user = server.send("POST", "/Users", json!({"userName": "noted"})).text("id").to_owned();
    let unknown = json!({"Operations": [{"op": "replace", "path": "shoeSize", "value": 43}]});
    assert_eq!(server.send("PATCH", &format!("/Users/{user}"), unknown).status, 200);
    let filters = [
        "",
        "&filter=title+pr",
        "&filter=userName+eq+%22ann%22",
        "&filter=displayName+eq+%22red%22",
        "&filter=externalId+eq+%22ann%22+or+id+eq+%22x%22",
        "&filter=members.value+eq+%22x%22",
        "&filter=emails%5Btype+eq+%22work%22%5D.value+eq+%22a%22",
        "&filter=groups.display+co+%22r%22",
    ];
    let orders = ["", "&sortBy=userName", "&sortBy=displayName", "&sortBy=title", "&sortBy=id"];
    for (kind, filter, order) in ["/Users", "/Groups"]
        .iter()
        .flat_map(|kind| filters.iter().flat_map(move |filter| orders.map(|o| (kind, filter, o))))
    {
        for direction in ["", "&sortOrder=descending"] {
            let query = format!("{kind}?count=2{filter}{order}{direction}");
            let first = server.get(&format!("{query}&cursor"));
            if let Some(next) = first.body["nextCursor"].as_str() {
                server.get(&format!("{query}&cursor={next}"));
            }
            server.get(&query);
            server.get(&format!("{query}&startIndex=3"));
        }
    }
    server.admin("DELETE", &format!("/schemas/{BADGE}"), &json!(null));
    server.send("POST", "/.search", json!({"filter": "displayName pr", "count": 3}));
}

fn console(server: &mut Native) {
    let schema = json!({"id": "urn:example:a:2.0:User", "name": "a", "attributes": [{"name": "x", "type": "string"}]});
    server.admin("PUT", "/schemas/urn:example:a:2.0:User", &schema);
    server.admin("PUT", "", &json!({"guard": {"limit": 1_000, "windowSeconds": 60}}));
    let user = server.get("/Users?count=1").body["Resources"][0]["id"].as_str().unwrap().to_owned();
    server.scim(Request::new("DELETE", &format!("/Users/{user}")));
    let kept = server.get("/Users?count=1").body["Resources"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        "",
        "/tokens",
        "/users",
        "/users?after=x",
        "/users?linked=false",
        "/users?filter=title+pr",
        "/groups",
        "/groups?after=x&linked=true",
        "/changes",
        "/changes?after=3",
        "/journal",
        "/journal?resource=User",
        "/journal?since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z",
        "/schemas",
        "/schemas/urn:example:a:2.0:User",
    ] {
        server.console(path);
    }
    server.console(&format!("/users/{kept}"));
    let (id, by) = (TokenId::parse("t-1").unwrap(), TokenId::parse("t-2").unwrap());
    let token = TokenSettings {
        name: "t".into(),
        kind: TokenKind::Scim,
        dialect: Dialect::Auto,
        scope: None,
        expires_at: None,
        address_ranges: Vec::new(),
    };
    let hash = Token::mint(TokenKind::Scim, [9; 32]).hash();
    let rotation = Rotation { id: id.clone(), grace_seconds: 3_600, expires_at: None, by: Some(by.clone()) };
    for admin in [
        Admin::MintToken { id: by.clone(), hash, token, replaces: Some(id) },
        Admin::RotateToken(rotation),
        Admin::RevokeToken { id: by, children: true },
    ] {
        server.call(Actor::Root, Ask::Admin(admin)).outcome.unwrap();
    }
    let due = records::take_due_records(&server.sql, &server.org, server.now, 50, server.now).unwrap();
    due.iter().for_each(|due| records::note_written(&server.sql, due).unwrap());
    server.admin("DELETE", "/schemas/urn:example:a:2.0:User", &json!(null));
}

fn organisations() -> Sqlite {
    let sql = Sqlite::new();
    sql.recorded.replace(Some(BTreeSet::new()));
    let org = || OrgId::parse("acme").unwrap();
    let put = RegistryCall::Put { org: org(), display_name: None, residency: Residency::default() };
    let name = "Acme".to_owned();
    let asks = [
        put,
        RegistryCall::Rename { org: org(), display_name: name },
        RegistryCall::Get { org: org() },
        RegistryCall::List,
        RegistryCall::Page { after: org(), limit: 10 },
        RegistryCall::Erase { org: org() },
        RegistryCall::Forget { org: org() },
    ];
    for ask in asks {
        registry::execute(&sql, &ask, Timestamp(0)).unwrap();
    }
    sql
}
