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
        row("body of 8 MiB, a known text", Empty, MAX, 413, [54_000, 530, 1, 2], |n| {
            user(&format!("\"title\":\"{}\"", "x".repeat(n - 40)))
        }),
        row("body of 8 MiB, a known text of escapes", Empty, MAX, 413, [25_000, 530, 1, 2], |n| {
            user(&format!("\"title\":\"{}\"", "\\u00e9".repeat((n - 60) / 6)))
        }),
        row("body of 4 million levels", Empty, 0, 400, [5_100, 530, 1, 2], |_| {
            text("POST", "/Users", "[".repeat(4_000_000))
        }),
        row("body of 8 MiB of white space", Empty, 0, 400, [11_000, 530, 1, 2], |_| {
            text("POST", "/Users", " ".repeat(MAX))
        }),
        row("body above 8 MiB", Empty, 0, 413, [11_000, 530, 1, 2], |_| text("POST", "/Users", "x".repeat(MAX + 1))),
    ]
}
