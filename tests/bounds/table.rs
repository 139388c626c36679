//! The most expensive requests of each kind, at the limits of what they may say, with the most that each may cost.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod bodies;
mod bulk;
mod console;
mod groups;
mod growth;
mod lists;
mod users;

use super::cost::{Cost, cost};
use crate::support::native::Native;
use crate::support::{Request, imports, stored};
use scim_edge::auth::Dialect;
use scim_edge::directory::admin::Admin;
use serde_json::{Value, json};
use std::fmt::Write;

/// Where a request is sent to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// An organisation without users.
    Empty,
    /// [`stored::large`].
    Large,
    /// [`stored::wide`].
    Wide,
    /// [`stored::mail`].
    Mail,
    /// An organisation without users and with as many and as large schemas as may be registered.
    Schemas,
    /// An organisation that has begun an import.
    Importing,
}

impl Place {
    pub(super) const ALL: [Self; 6] =
        [Self::Empty, Self::Large, Self::Wide, Self::Mail, Self::Schemas, Self::Importing];

    /// The directory, to be put into the storage past the service.
    pub(super) fn sql(self) -> String {
        match self {
            Place::Empty | Place::Schemas | Place::Importing => String::new(),
            Place::Large => stored::large(),
            Place::Wide => stored::wide(),
            Place::Mail => stored::mail(),
        }
    }

    /// Returns the requests of the Console before the others.
    pub(super) fn before(self) -> Vec<Request> {
        match self {
            Place::Schemas => (0..console::SCHEMAS).map(console::schema).collect(),
            Place::Importing => {
                let off = json!({"scim": {"enabled": false}});
                vec![put("/v1/orgs/acme", &off), Request::new("POST", "/v1/orgs/acme/import")]
            }
            _ => Vec::new(),
        }
    }
}

/// A request at a limit.
pub(super) struct Row {
    /// The name of the case.
    pub name: &'static str,
    /// The directory.
    pub place: Place,
    /// How much of everything the request names; with half of it, it must cost at least two fifths. 0: there is no half.
    pub size: usize,
    /// How it is answered.
    pub status: u16,
    /// The most that it may cost: KiB of memory, steps of SQLite, rows written, KiB of the answer.
    pub most: [u64; 4],
    /// The request of a size.
    pub request: fn(usize) -> Request,
}

/// The most steps that SQLite may take at once for a list, with which it holds its object up: a page from behind the end, in
/// the largest directory here, skips 200,000 entries of an index.
const AT_ONCE: i64 = 1_100_000;

/// A half must cost so many allocations or steps less than the whole, or both are small.
const DOUBLED: f64 = 2.5;

fn row(
    name: &'static str,
    place: Place,
    size: usize,
    status: u16,
    most: [u64; 4],
    request: fn(usize) -> Request,
) -> Row {
    Row { name, place, size, status, most, request }
}

/// A request for each of so many numbers.
fn each(count: usize, make: impl Fn(usize) -> Value) -> Value {
    (0..count).map(make).collect()
}

fn post(path: &str, body: &Value) -> Request {
    Request::json("POST", path, body)
}

fn put(path: &str, body: &Value) -> Request {
    Request::json("PUT", path, body)
}

fn get(path: &str) -> Request {
    Request::new("GET", path)
}

fn delete(path: &str) -> Request {
    Request::new("DELETE", path)
}

/// A PATCH with these operations.
fn patch(path: &str, operations: Value) -> Request {
    Request::json("PATCH", path, &json!({ "Operations": operations }))
}

fn user_path(number: usize) -> String {
    format!("/Users/{}", stored::user(number))
}

/// Values that name users from the first on.
fn values(count: usize) -> Value {
    each(count, |n| json!({ "value": stored::user(n) }))
}

/// A query parameter's value, encoded.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn server(place: Place) -> Native {
    let mut server = Native::new(Dialect::Auto);
    server.measured = true;
    server.sql.connection.execute_batch(&place.sql()).unwrap();
    if place == Place::Schemas {
        for request in place.before() {
            let path = request.path.trim_start_matches("/v1/orgs/acme");
            let body: Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
            assert_eq!(server.admin("PUT", path, &body).status, 201);
        }
    }
    if place == Place::Importing {
        imports::scim(&mut server, false);
        imports::admin(&mut server, Admin::BeginImport).unwrap();
    }
    server
}

pub(super) fn rows() -> Vec<Row> {
    [users::rows(), groups::rows(), lists::rows(), bulk::rows(), bodies::rows(), console::rows(), growth::rows()]
        .into_iter()
        .flatten()
        .collect()
}

/// The rows of one directory.
fn hold(place: Place) {
    let (mut server, mut wrong, mut shown) = (server(place), String::new(), String::new());
    for row in rows().into_iter().filter(|row| row.place == place) {
        let (whole, answer) = cost(&mut server, &(row.request)(row.size));
        let [peak, steps, written, length] = row.most;
        let found =
            [whole.peak.div_ceil(1024), whole.steps as u64, whole.written, (whole.answer as u64).div_ceil(1024)];
        let stored = (whole.stored.max(0) as u64).div_ceil(1024);
        writeln!(
            shown,
            "{:<70} {} {found:?} {} at once {} allocations, {stored} KiB stored of {} sent",
            row.name,
            whole.status,
            whole.at_once,
            whole.allocations,
            whole.sent.div_ceil(1024)
        )
        .unwrap();
        let most = growth::most(whole.sent, whole.written);
        if stored > most {
            writeln!(wrong, "{}: stores {stored} KiB, at most {most}", row.name).unwrap();
        }
        if whole.status != row.status {
            writeln!(wrong, "{}: {} instead of {}: {answer}", row.name, whole.status, row.status).unwrap();
        }
        if found.iter().zip([peak, steps, written, length]).any(|(found, most)| *found > most) {
            writeln!(wrong, "{}: {found:?}, at most {:?}", row.name, row.most).unwrap();
        }
        let request = (row.request)(row.size);
        let is_list = request.method == "GET" || request.path == "/.search";
        if is_list && !request.path.starts_with("/v1/") && whole.at_once > AT_ONCE {
            writeln!(wrong, "{}: {} steps at once", row.name, whole.at_once).unwrap();
        }
        if row.size > 0 {
            let (half, _) = cost(&mut server, &(row.request)(row.size / 2));
            for (what, of) in COUNTS {
                let (whole, half) = (of(&whole), of(&half));
                if whole > half * DOUBLED {
                    writeln!(wrong, "{}: {whole} {what}, and half of it {half}", row.name).unwrap();
                }
            }
        }
    }
    println!("{shown}");
    assert!(wrong.is_empty(), "{wrong}");
}

type Count = (&'static str, fn(&Cost) -> f64);

/// The quantity that may at most double.
const COUNTS: [Count; 3] = [
    ("steps", |cost| cost.steps as f64 + 20_000.0),
    ("allocations", |cost| cost.allocations as f64 + 5_000.0),
    ("bytes of memory", |cost| cost.peak as f64 + 1_000_000.0),
];

#[test]
fn in_an_empty_organisation() {
    hold(Place::Empty);
}

#[test]
fn in_a_large_organisation() {
    hold(Place::Large);
}

#[test]
fn among_large_documents() {
    hold(Place::Wide);
}

#[test]
fn among_users_with_several_addresses() {
    hold(Place::Mail);
}

#[test]
fn in_an_import() {
    hold(Place::Importing);
}

#[test]
fn with_many_schemas() {
    hold(Place::Schemas);
}

#[test]
fn there_are_enough_rows() {
    let names: std::collections::BTreeSet<&str> = rows().iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows().len());
    assert!(names.len() >= 52, "{}", names.len());
}
