//! The requests of the table and their directories as files, for tests/worker/bounds.mjs, which sends them to workerd.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::table::{Place, rows};
use crate::support::Request;
use serde_json::{Map, Value, json};
use std::{env, fs};

/// Writes `PLACE.sql`, a body a file, and `rows.json` into the folder that `SCIM_EDGE_BOUNDS` names.
#[test]
#[ignore = "run by tests/worker/bounds.mjs"]
fn written() {
    let folder = env::var("SCIM_EDGE_BOUNDS").unwrap();
    let mut written = Vec::new();
    for place in Place::ALL {
        fs::write(format!("{folder}/{}.sql", name(place)), place.sql()).unwrap();
        for before in place.before() {
            let mut shown = request(&folder, written.len(), &before);
            (shown["place"], shown["before"]) = (json!(name(place)), json!(true));
            written.push(shown);
        }
    }
    for row in rows() {
        let mut shown = request(&folder, written.len(), &(row.request)(row.size));
        (shown["place"], shown["name"], shown["status"]) = (json!(name(row.place)), json!(row.name), json!(row.status));
        written.push(shown);
    }
    fs::write(format!("{folder}/rows.json"), Value::from(written).to_string()).unwrap();
}

fn name(place: Place) -> String {
    format!("{place:?}").to_ascii_lowercase()
}

/// A request, its body in a file of that number.
fn request(folder: &str, number: usize, request: &Request) -> Value {
    let headers: Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let file = request.body.as_ref().map(|body| {
        let file = format!("{number}.body");
        fs::write(format!("{folder}/{file}"), body).unwrap();
        file
    });
    json!({"method": request.method, "path": request.path, "headers": headers, "file": file})
}
