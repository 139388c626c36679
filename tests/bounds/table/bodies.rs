//! Bodies of up to 8 MiB, whatever they hold: what no schema keeps costs only its bytes.

use super::Place::{Empty, Large};
use super::{Row, each, row, user_path};
use crate::support::Request;
use crate::support::stored;
use serde_json::json;

/// The largest body, in bytes.
const MAX: usize = 8 * 1024 * 1024;

fn text(method: &str, path: &str, body: String) -> Request {
    let headers = vec![("Content-Type".to_owned(), "application/scim+json".to_owned())];
    Request { headers, body: Some(body.into_bytes()), ..Request::new(method, path) }
}

/// A user with something else in it.
fn user(inner: &str) -> Request {
    text("POST", "/Users", format!("{{\"userName\":\"body\",{inner}}}"))
}

/// A piece, so often as it takes to fill so many bytes, with commas between.
fn filled(piece: &str, bytes: usize) -> String {
    vec![piece; bytes / (piece.len() + 1)].join(",")
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("body of 8 MiB, an unknown text", Empty, MAX, 201, [22_000, 620, 2, 2], |n| {
            user(&format!("\"x\":\"{}\"", "x".repeat(n - 40)))
        }),
        row("body of 8 MiB, a known text", Empty, MAX, 413, [54_000, 570, 1, 2], |n| {
            user(&format!("\"title\":\"{}\"", "x".repeat(n - 40)))
        }),
        row("body of 8 MiB, a known text of escapes", Empty, MAX, 413, [25_000, 570, 1, 2], |n| {
            user(&format!("\"title\":\"{}\"", "\\u00e9".repeat((n - 60) / 6)))
        }),
        row("body of 4 million levels", Empty, 0, 400, [5_100, 570, 1, 2], |_| {
            text("POST", "/Users", "[".repeat(4_000_000))
        }),
        row("body of 8 MiB of white space", Empty, 0, 400, [11_000, 570, 1, 2], |_| {
            text("POST", "/Users", " ".repeat(MAX))
        }),
        row("body above 8 MiB", Empty, 0, 413, [11_000, 570, 1, 2], |_| text("POST", "/Users", "x".repeat(MAX + 1))),
        row("body of 8 MiB, an unknown list of numbers", Empty, MAX, 413, [11_000, 600, 1, 3], |n| {
            user(&format!("\"x\":[{}]", filled("0", n - 40)))
        }),
        row("body of 200,000 objects in an unknown list", Empty, 200_000, 413, [2_100, 600, 1, 3], |n| {
            user(&format!("\"x\":[{}]", vec!["{\"a\":0}"; n].join(",")))
        }),
        row("body of 8 MiB, an unregistered extension of small values", Empty, 0, 413, [11_000, 600, 1, 3], |_| {
            user(&format!("\"urn:example:x:2.0:User\":{{\"l\":[{}]}}", filled("[0]", MAX - 100)))
        }),
        row("body of 8 MiB, one list of known values", Empty, 0, 413, [11_000, 600, 1, 3], |_| {
            user(&format!("\"roles\":[{}]", filled("{\"value\":\"r\"}", MAX - 60)))
        }),
        row("body of 1,001 known values", Empty, 0, 400, [3_600, 620, 1, 3], |_| {
            let roles = each(1_001, |n| json!({"value": format!("r{n}")}));
            Request::json("POST", "/Users", &json!({"userName": "body", "roles": roles}))
        }),
        row("body of 8 MiB, names that are all different", Empty, 0, 413, [38_000, 600, 1, 3], |_| {
            let names: Vec<String> = (0..450_000).map(|n| format!("\"n{n:08}\":0")).collect();
            user(&names.join(","))
        }),
        row("body of 100,000 names that are all different", Empty, 100_000, 201, [12_000, 700, 2, 3], |n| {
            let names: Vec<String> = (0..n).map(|n| format!("\"n{n:08}\":0")).collect();
            user(&names.join(","))
        }),
        row("body of 8 MiB, one name twice at the end", Empty, 0, 413, [38_000, 600, 1, 3], |_| {
            let names: Vec<String> = (0..450_000).map(|n| format!("\"n{n:08}\":0")).collect();
            user(&format!("{},\"n00000000\":1", names.join(",")))
        }),
        row("150,000 elements under value, before the path", Large, 150_000, 413, [44_000, 700, 1, 3], |n| {
            let elements = vec!["{\"value\":\"00000000-0000-7000-8000-000000000000\"}"; n].join(",");
            let operation = format!("{{\"value\":[{elements}],\"op\":\"add\",\"path\":\"roles\"}}");
            text("PATCH", &user_path(0), format!("{{\"Operations\":[{operation}]}}"))
        }),
        row("150,000 elements under value, behind the path", Large, 150_000, 413, [44_000, 700, 1, 3], |n| {
            let elements = vec!["{\"value\":\"00000000-0000-7000-8000-000000000000\"}"; n].join(",");
            let operation = format!("{{\"op\":\"add\",\"path\":\"roles\",\"value\":[{elements}]}}");
            text("PATCH", &user_path(0), format!("{{\"Operations\":[{operation}]}}"))
        }),
        row("150,001 elements under value", Large, 0, 413, [770, 700, 1, 3], |_| {
            let operation =
                format!("{{\"op\":\"add\",\"path\":\"roles\",\"value\":[{}]}}", vec!["\"r\""; 150_001].join(","));
            text("PATCH", &user_path(0), format!("{{\"Operations\":[{operation}]}}"))
        }),
        row("members that hold lists of 400,000 values", Large, 0, 413, [1_100, 700, 1, 3], |_| {
            let element = format!("{{\"value\":\"{}\",\"x\":[{}]}}", stored::user(0), vec!["0"; 4_001].join(","));
            text("POST", "/Groups", format!("{{\"displayName\":\"x\",\"members\":[{}]}}", vec![element; 100].join(",")))
        }),
        row("search with a body of 8 MiB", Empty, 0, 413, [11_000, 600, 1, 3], |_| {
            text("POST", "/.search", format!("{{\"x\":[{}]}}", filled("0", MAX - 20)))
        }),
        row("search with 100,000 attributes", Empty, 0, 400, [15_000, 600, 1, 3], |_| {
            let names: Vec<String> = (0..100_000).map(|n| format!("\"name{n}\"")).collect();
            text("POST", "/.search", format!("{{\"attributes\":[{}]}}", names.join(",")))
        }),
    ]
}
