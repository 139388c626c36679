//! Against a running service, which the environment names: one session, or random filters. `tests/worker/`
//! starts it and names the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use scim_edge::scim::discovery;
use scim_edge::scim::filter::{self, Forms};
use scim_edge::scim::schema::Kinds;
use serde_json::Value;
use std::collections::BTreeSet;
use support::Server;
use support::directory::{self, BADGE};
use support::filters::Cells;
use support::http::Http;
use support::random::Random;
use support::session::{SESSIONS, Session};

#[test]
fn session_over_http() {
    let mut server = Http::from_environment().expect("SCIM_EDGE_URL and its companions name a service");
    let wanted = std::env::var("SCIM_EDGE_SESSION").unwrap();
    let (name, text) = SESSIONS.iter().find(|(name, _)| *name == wanted).unwrap();
    Session::read(name, text).run(name, &mut server);
}

#[test]
fn session_with_accounts_over_http() {
    let mut server = Http::from_environment().expect("SCIM_EDGE_URL and its companions name a service");
    let wanted = std::env::var("SCIM_EDGE_SESSION").unwrap();
    let (name, text) = SESSIONS.iter().find(|(name, _)| *name == wanted).unwrap();
    Session::read(name, text).run_linking(name, &mut server);
}

/// SQLite in the service finds what the evaluator finds in the service's answers.
#[test]
fn filters_over_http() {
    let mut server = Http::from_environment().expect("SCIM_EDGE_URL and its companions name a service");
    let (types, mut random, mut cells) = (directory::types(), Random(42), Cells::default());
    directory::fill(&mut server, &mut random, 40);
    let schema = discovery::schema_document("", &types, BADGE).unwrap();
    let registered = server.configure("PUT", &format!("/schemas/{BADGE}"), &schema);
    assert_eq!(registered.status, 201, "{}", registered.body);
    let (mut pairs, mut telling) = (0, 0);
    for _ in 0..1_000 {
        let kinds = if random.one_in(8) { Kinds::Groups } else { Kinds::Users };
        let all =
            server.get(&format!("/{}?count=1000", kinds.endpoint())).body["Resources"].as_array().unwrap().clone();
        let text = cells.filter(&mut random, &types, kinds, all.len());
        let filter = filter::parse(&text, Forms::Strict).unwrap().resolve(types.of_kind(kinds), Forms::Strict).unwrap();
        let id = |resource: &Value| resource["id"].as_str().unwrap().to_owned();
        let fits = |resource: &&Value| filter.matches(resource.as_object().unwrap());
        let wanted: BTreeSet<String> = all.iter().filter(fits).map(id).collect();
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("filter", &text).finish();
        let response = server.get(&format!("/{}?count=1000&{query}", kinds.endpoint()));
        assert_eq!(response.status, 200, "{text}: {}", response.body);
        let found: BTreeSet<String> = response.body["Resources"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(found, wanted, "{kinds:?} {text}");
        pairs += all.len();
        telling += if wanted.is_empty() || wanted.len() == all.len() { 0 } else { all.len() };
    }
    println!("{pairs} pairs, {telling} under a filter that finds some and not all");
    assert!(telling * 10 >= pairs * 3, "{telling} of {pairs}");
}
