//! The growth that a request may cause, by the size of the storage: a small multiple of its own size.

use super::Place::Empty;
use super::{Row, each, post, row};
use serde_json::json;

/// How many times what is sent may be stored: the resource, its names in columns and indexes, what it was before, the journal's
/// sentence.
const TIMES: u64 = 5;
/// How many bytes a row that is written may store besides: what is taken away is named in the changes by its id, which has at
/// most so many.
const ROW: u64 = 128;
/// The growth that any request may cause besides, in KiB: rows and index entries of a few names, in pages that they
/// share with others.
const BESIDES: u64 = 96;

/// Returns how many KiB a request may store that sends so many bytes and writes so many rows.
pub(super) fn most(sent: usize, written: u64) -> u64 {
    TIMES * (sent as u64).div_ceil(1024) + (ROW * written).div_ceil(1024) + BESIDES
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row(
            "POST of a group that declares 1,000 nested groups with names of 3 KB",
            Empty,
            1_000,
            400,
            [2_600, 600, 1, 2],
            |n| {
                let nested = |n: usize| json!({"value": format!("g{n}"), "type": "Group", "display": format!("{n}").repeat(750)});
                post("/Groups", &json!({"displayName": "outer", "members": each(n, nested)}))
            },
        ),
        row(
            "Bulk of 50 PATCHes that each add a member with an id of 130 KB",
            Empty,
            50,
            200,
            [7_200, 7_200, 55, 24],
            |n| {
                let long = |n: usize| {
                    let member = json!([{"value": n.to_string().repeat(65_000)}]);
                    let add = json!({"Operations": [{"op": "add", "path": "members", "value": member}]});
                    json!({"method": "PATCH", "path": "/Groups/g", "data": add})
                };
                post("/Bulk", &json!({"Operations": each(n, |n| long(10 + n))}))
            },
        ),
    ]
}
