//! One group with as many members as a request may name.

use super::Place::{Empty, Large};
use super::{Row, delete, each, get, patch, post, put, row, values};
use crate::support::stored;
use serde_json::{Value, json};

fn all(members: usize) -> String {
    format!("/Groups/{}", stored::all(members))
}

/// The first group with 100,000 members, whatever is done to it.
fn first() -> String {
    all(100_000)
}

fn member(n: usize) -> Value {
    json!([{ "value": stored::user(n) }])
}

fn op(op: &str, value: Value) -> Value {
    json!({"op": op, "path": "members", "value": value})
}

/// A filter on members of so many terms.
fn terms(count: usize, of: impl Fn(usize) -> String) -> String {
    let terms: Vec<String> = (0..count).map(of).collect();
    format!("members[{}]", terms.join(" or "))
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row(
            "PUT of a group with 50,000 other members",
            Large,
            50_000,
            200,
            [24_000, 11_000_000, 100_101, 8_600],
            |n| {
                let others = each(n, |n| json!({"value": stored::user(150_000 + n)}));
                put(&format!("/Groups/{}", stored::group(5)), &json!({"displayName": "g5", "members": others}))
            },
        ),
        row(
            "PATCH that replaces 100,000 members with none",
            Large,
            100_000,
            204,
            [2_900, 7_900_000, 100_101, 0],
            |n| patch(&all(n), json!([op("replace", json!([]))])),
        ),
        row("PATCH of 1,000 operations that each add a member", Large, 1_000, 204, [630, 110_000, 1_053, 0], |n| {
            patch(&first(), each(n, |n| op("add", member(100_000 + n))))
        }),
        row(
            "PATCH of 1,000 operations that each remove a member by its id",
            Large,
            1_000,
            204,
            [630, 92_000, 1_053, 0],
            |n| {
                let remove =
                    |n: usize| json!({"op": "remove", "path": format!("members[value eq \"{}\"]", stored::user(n))});
                patch(&first(), each(n, remove))
            },
        ),
        row("PATCH of 1,000 operations, adding and removing in turn", Large, 1_000, 204, [1_100, 23_000, 0, 0], |n| {
            patch(&first(), each(n, |n| op(["add", "remove"][n % 2], member(100_000 + n / 2))))
        }),
        row("PATCH that removes 10,000 listed members", Large, 10_000, 204, [5_700, 910_000, 10_057, 0], |n| {
            patch(&first(), json!([op("remove", values(n))]))
        }),
        row("PATCH that removes members by 10 terms on their ids", Large, 100_000, 204, [460, 4_900_000, 0, 0], |n| {
            patch(&all(n), json!([{"op": "remove", "path": terms(10, |n| format!("value sw \"x{n}\""))}]))
        }),
        row("PATCH that names 50 members to remove in one filter", Large, 0, 204, [49, 5_200, 52, 0], |_| {
            patch(
                &first(),
                json!([{"op": "remove", "path": terms(50, |n| format!("value eq \"{}\"", stored::user(n)))}]),
            )
        }),
        row("PATCH that adds one member to 100,000", Large, 100_000, 204, [9, 760, 3, 0], |n| {
            patch(&all(n), json!([op("add", member(199_999))]))
        }),
        row("DELETE of a group with 100,000 members", Large, 100_000, 204, [2_900, 9_100_000, 100_103, 0], |n| {
            delete(&all(n))
        }),
        row("GET of a group with 100,000 members without them", Large, 100_000, 200, [6, 500, 0, 2], |n| {
            get(&format!("{}?excludedAttributes=members", all(n)))
        }),
        row(
            "PATCH that renames a group of 100,000 members, answered whole",
            Large,
            100_000,
            200,
            [620, 1_900_000, 2, 18_000],
            |n| {
                let path = format!("{}?attributes=displayName,members", all(n));
                patch(&path, json!([{"op": "replace", "path": "displayName", "value": "renamed"}]))
            },
        ),
        row("GET of a group with 100,000 members", Large, 100_000, 200, [580, 1_900_000, 0, 18_000], |n| get(&all(n))),
        row(
            "PATCH that removes members by 100 terms of their ids' beginnings",
            Large,
            0,
            400,
            [510, 3_700_000, 1, 2],
            |_| patch(&first(), json!([{"op": "remove", "path": terms(100, |n| format!("value sw \"x{n}\""))}])),
        ),
        row(
            "PATCH of 1,000 operations that each remove members by a filter",
            Large,
            0,
            400,
            [1_200, 2_600_000, 1, 2],
            |_| {
                let remove = |n: usize| json!({"op": "remove", "path": format!("members[value sw \"x{n}\"]")});
                patch(&first(), each(1_000, remove))
            },
        ),
        row("POST of a group with 100,000 members", Large, 100_000, 201, [44_000, 12_000_000, 110_000, 19_000], |n| {
            post("/Groups", &json!({"displayName": "new", "members": values(n)}))
        }),
        row("POST of a group with 100,001 members", Large, 0, 400, [44_000, 4_100_000, 1, 3], |_| {
            post("/Groups", &json!({"displayName": "new", "members": values(100_001)}))
        }),
        row("POST of a group with one member named 100,000 times", Large, 100_000, 201, [30_000, 1_100, 4, 3], |n| {
            post("/Groups", &json!({"displayName": "new", "members": each(n, |_| json!({"value": stored::user(7)}))}))
        }),
        row(
            "POST of a group with 100,000 members who never were",
            Empty,
            100_000,
            400,
            [44_000, 4_500_000, 1, 4],
            |n| post("/Groups", &json!({"displayName": "new", "members": values(n)})),
        ),
        row("POST of a group with 100,000 nested groups", Large, 100_000, 400, [19_000, 700, 1, 4], |n| {
            let nested = |n: usize| json!({"value": stored::group(n), "type": "Group"});
            post("/Groups", &json!({"displayName": "new", "members": each(n, nested)}))
        }),
        row(
            "PUT of a group with the 100,000 members that it has",
            Large,
            100_000,
            200,
            [43_000, 8_800_000, 0, 19_000],
            |n| {
                let name = if n == 100_000 { "g1" } else { "g5" };
                put(&all(n), &json!({"displayName": name, "members": values(n)}))
            },
        ),
        row("PATCH that adds 100,000 members", Large, 100_000, 204, [44_000, 9_000_000, 110_000, 2], |n| {
            let group = format!("/Groups/{}", stored::group(stored::CROWD));
            patch(&group, json!([op("add", values(n))]))
        }),
    ]
}
