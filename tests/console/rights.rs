//! The list of SCIM calls that `tests/worker/rights.test.mjs` makes with every credential, held to the routes: a new one
//! cannot be left out. The Console's calls are those of the description, which `tests/console/openapi.rs` holds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use scim_edge::route::{self, Route};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn every_scim_route_is_tried_with_every_credential() {
    let source = fs::read_to_string("src/route/scim.rs").unwrap();
    let variants = source.split_once("pub enum Scim {").unwrap().1.split_once("\n}").unwrap().0;
    let there: BTreeSet<&str> = variants
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| line.split(['(', ',']).next().unwrap())
        .collect();
    let text = fs::read_to_string("tests/worker/scim-calls.json").unwrap();
    let calls: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut tried = BTreeSet::new();
    for call in &calls {
        let (method, path) = (call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let path = format!("/acme/scim/v2{}", path.replace(['{', '}'], ""));
        let Route::Scim(_, route, _) = route::route(method, &path, query, None) else { panic!("{path} is not SCIM's") };
        if let Ok(route) = route {
            assert_eq!(route.is_discovery(), call["open"] == true, "{method} {path}");
            tried.insert(format!("{route:?}").split('(').next().unwrap().to_owned());
        }
    }
    assert_eq!(tried.iter().map(String::as_str).collect::<BTreeSet<_>>(), there);
}
