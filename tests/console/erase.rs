//! Erasing an organisation, up to where the platform takes over; and what the registry says meanwhile.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::sqlite::Sqlite;
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::directory::admin::{Admin, Scope, TokenSettings};
use scim_edge::directory::call::{Actor, Ask, CallEnvelope};
use scim_edge::directory::console::Organisations;
use scim_edge::directory::query::Query;
use scim_edge::directory::registry::{self as messages, RegistryCall};
use scim_edge::directory::residency::Residency;
use scim_edge::error::Kind;
use scim_edge::id::{OrgId, Timestamp, TokenHash, TokenId};
use scim_edge::org::{self, Context, Memory, Progress};
use scim_edge::registry;
use scim_edge::store::{Param, Sql, schema};
use serde_json::{Value, json};

fn erase(server: &mut Native, actor: Actor) -> Progress {
    let call = server.made(actor, Ask::Admin(Admin::Erase));
    let context = Context { org: Some(&server.org), now: server.now, random: &|| [0; 6], bytes: 0 };
    let text = serde_json::to_string(&call).unwrap();
    org::execute(&server.sql, &mut server.memory, CallEnvelope::read_envelope(text.as_bytes()).unwrap(), &context)
}

fn hashes(progress: Progress) -> Vec<TokenHash> {
    match progress {
        Progress::Erase(hashes) => hashes,
        _ => panic!("not erasing"),
    }
}

#[test]
fn tokens_go_some_at_a_time_and_all_have_ended_before() {
    let mut server = Native::new(Dialect::Auto);
    let settings = TokenSettings {
        name: "reader".into(),
        kind: TokenKind::Console,
        dialect: Dialect::Auto,
        scope: Some(Scope::Admin),
        expires_at: None,
        address_ranges: Vec::new(),
    };
    let mut minted = vec![server.token.hash()];
    for n in 0..950_u16 {
        let mut random = [0; 32];
        random[..2].copy_from_slice(&n.to_be_bytes());
        let token = Token::mint(TokenKind::Console, random);
        let id = TokenId::parse(&format!("c-{n}")).unwrap();
        let admin = Admin::MintToken { id, hash: token.hash(), token: settings.clone(), replaces: None };
        server.call(Actor::Root, Ask::Admin(admin)).outcome.unwrap();
        minted.push(token.hash());
    }
    let holder = Actor::Token { hash: minted[7], dialect: Dialect::Auto };
    match erase(&mut server, holder.clone()) {
        Progress::Done(reply) => assert_eq!(reply.outcome.unwrap_err().kind(), Kind::Forbidden),
        _ => panic!("a token erases"),
    }
    let mut named = Vec::new();
    let mut steps = Vec::new();
    loop {
        let next = hashes(erase(&mut server, Actor::Root));
        // The records of these could not be deleted: the next call names them again.
        assert_eq!(hashes(erase(&mut server, Actor::Root)), next);
        let refused = server.call(holder.clone(), Ask::Read(Query::Organisation)).outcome.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unauthorized, "from the first step on");
        if next.is_empty() {
            break;
        }
        org::admin::erase::forget_tokens(&server.sql, &next).unwrap();
        steps.push(next.len());
        named.extend(next);
    }
    named.sort_unstable();
    minted.sort_unstable();
    assert_eq!((named, steps), (minted, vec![500, 451]));
}

#[test]
fn nothing_is_written_where_nothing_is_registered() {
    let mut server = Native::new(Dialect::Auto);
    let stale = Actor::Token { hash: server.token.hash(), dialect: Dialect::Auto };
    (server.sql, server.memory) = (Sqlite::new(), Memory::default());
    assert!(hashes(erase(&mut server, Actor::Root)).is_empty(), "it may be asked again");
    for (actor, ask) in [
        (stale.clone(), Ask::Read(Query::Organisation)),
        (stale.clone(), Ask::Scim(scim_edge::directory::scim::Command::Discover)),
        (stale, Ask::Admin(Admin::Erase)),
        (Actor::Root, Ask::Read(Query::Organisation)),
    ] {
        assert_eq!(server.call(actor, ask).outcome.unwrap_err().kind(), Kind::Unauthorized);
    }
    assert!(!schema::exists(&server.sql).unwrap());
    assert_eq!(server.sql.query("SELECT name FROM sqlite_master", &[]).unwrap().len(), 0);
}

#[test]
fn the_registry() {
    let sql = Sqlite::new();
    let org = || OrgId::parse("acme").unwrap();
    let eu = Residency { jurisdiction: Some("eu".into()), location_hint: Some("weur".into()) };
    let put = || RegistryCall::Put { org: org(), display_name: Some("Acme".into()), residency: eu.clone() };
    let rename = || RegistryCall::Rename { org: org(), display_name: "New".into() };
    let (get, erase) = (|| RegistryCall::Get { org: org() }, || RegistryCall::Erase { org: org() });
    let (forget, list) = (|| RegistryCall::Forget { org: org() }, || RegistryCall::List);
    let shown = r#"{"id":"acme","displayName":"Acme","created":"T","jurisdiction":"eu","locationHint":"weur""#;
    let (known, renamed) = (format!("{shown}}}"), format!("{}}}", shown.replace("Acme", "New")));
    let (erasing, refused) = (format!("{},\"erasing\":true}}", shown.replace("Acme", "New")), "409".to_owned());
    let nothing = String::new;
    for (step, (ask, expected)) in [
        (get(), "404".to_owned()),
        (rename(), nothing()),
        (erase(), "404".to_owned()),
        (list(), nothing()),
        (put(), known.clone()),
        (forget(), nothing()),
        (put(), known.clone()),
        (rename(), nothing()),
        (get(), renamed.clone()),
        (erase(), erasing.clone()),
        (erase(), erasing.clone()),
        (get(), refused.clone()),
        (put(), refused),
        (list(), erasing),
        (forget(), nothing()),
        (forget(), nothing()),
        (get(), "404".to_owned()),
        (put(), known),
    ]
    .into_iter()
    .enumerate()
    {
        let now = Timestamp(1_795_000_000_000);
        let found = match registry::execute(&sql, &ask, now) {
            Ok(entries) => {
                let texts: Vec<String> = entries.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
                texts.join(",").replace(&now.rfc3339(), "T")
            }
            Err(error) => error.kind().status().to_string(),
        };
        assert_eq!(found, expected, "{step}: {ask:?}");
    }
}

/// A page of the longest names is below 8 MiB, and the pages show each organisation once.
#[test]
fn organisations_have_pages() {
    let sql = Sqlite::new();
    registry::execute(&sql, &RegistryCall::List, Timestamp(0)).unwrap();
    let insert = "INSERT INTO organisations (id, display_name, state, created) \
                  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5001) \
                  SELECT printf('%063d', i), ?, 'registered', 0 FROM n";
    sql.query(insert, &[Param::Text(&"\u{1}".repeat(200))]).unwrap();
    let page = |query: &[(&str, &str)]| {
        let query: Vec<(String, String)> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let (after, limit) = scim_edge::console::organisations_page(&query).unwrap();
        let entries = registry::execute(&sql, &messages::page_call(after, limit), Timestamp(0)).unwrap();
        serde_json::to_value(Organisations::page(entries, limit)).unwrap()
    };
    let ids = |page: &Value| -> Vec<String> {
        page["organisations"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = page(&[]);
    assert!(first.to_string().len() < 8 * 1024 * 1024, "{}", first.to_string().len());
    assert_eq!((ids(&first).len(), &first["next"]), (5_000, &json!(format!("{:063}", 5_000))));
    let (mut found, mut next) = (Vec::new(), Some(String::new()));
    while let Some(after) = next {
        let page = page(&[("after", &after), ("limit", "2000")]);
        found.extend(ids(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(found, (1..=5_001).map(|n| format!("{n:063}")).collect::<Vec<_>>());
    for (name, value) in [("after", "Not an id"), ("limit", "-1"), ("limit", "many")] {
        assert!(
            scim_edge::console::organisations_page(&[(name.to_owned(), value.to_owned())]).is_err(),
            "{name}={value}"
        );
    }
}
