//! As many operations in one request as there may be.

use super::Place::{Empty, Large};
use super::{Row, each, post, row, user_path};
use crate::support::Request;
use crate::support::stored;
use serde_json::{Value, json};

fn bulk(operations: Value) -> Request {
    post("/Bulk", &json!({ "Operations": operations }))
}

fn create(n: usize, data: Value) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": data})
}

fn patch(path: &str, operations: Value) -> Value {
    json!({"method": "PATCH", "path": path, "data": {"Operations": operations}})
}

/// A user whose manager is another one of the same request.
fn managed(n: usize, name: &str, by: usize) -> Value {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    create(n, json!({"userName": name, enterprise: {"manager": {"value": format!("bulkId:b{by}")}}}))
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("Bulk of 1,000 creates of 2 KB", Empty, 1_000, 200, [12_000, 150_000, 2_000, 190], |n| {
            bulk(each(n, |n| create(n, json!({"userName": format!("user{n}"), "title": "t".repeat(2_000)}))))
        }),
        row("Bulk of 1,000 creates of 8 KB", Empty, 1_000, 200, [43_000, 150_000, 2_000, 190], |n| {
            bulk(each(n, |n| create(n, json!({"userName": format!("user{n}"), "title": "t".repeat(8_000)}))))
        }),
        row("Bulk of 1,000 PATCHes of active", Large, 1_000, 200, [2_500, 170_000, 230, 190], |n| {
            bulk(each(n, |n| patch(&user_path(n), json!([{"op": "replace", "value": {"active": false}}]))))
        }),
        row("Bulk of 1,000 creates whose managers form a ring", Empty, 1_000, 200, [2_700, 150_000, 2_000, 190], |n| {
            bulk(each(n, |at| managed(at, &format!("user{at}"), (at + 1) % n)))
        }),
        row("Bulk of 1,000 refusals, each of an 8 KB name", Empty, 1_000, 200, [43_000, 38_000, 10, 280], |n| {
            bulk(each(n, |n| create(n, json!({"userName": format!("{}{n}", "x".repeat(8_000))}))))
        }),
        row("Bulk of 1,000 that refer to what is not there", Empty, 1_000, 200, [3_200, 66_000, 1_000, 280], |n| {
            bulk(each(n, |at| managed(at, &format!("user{at}"), n + at)))
        }),
        row("Bulk of 1,000 that each refer to the one before", Empty, 1_000, 200, [2_900, 66_000, 1_000, 270], |n| {
            bulk(each(n, |at| managed(at, &format!("user{at}"), at.saturating_sub(1).max(usize::from(at == 0) * n))))
        }),
        row(
            "Bulk of 1,000 PATCHes that each add a member to 100,000",
            Large,
            1_000,
            200,
            [2_800, 280_000, 3_000, 170],
            |n| {
                let path = format!("/Groups/{}", stored::all(100_000));
                let add = |n: usize| json!([{"op": "add", "path": "members", "value": [{"value": stored::user(100_000 + n)}]}]);
                bulk(each(n, |n| patch(&path, add(n))))
            },
        ),
        row("Bulk of 1,000 DELETEs", Large, 1_000, 200, [3_700, 1_200_000, 13_050, 150], |n| {
            bulk(each(n, |n| json!({"method": "DELETE", "path": user_path(n)})))
        }),
        row("Bulk of 1,001 operations", Empty, 0, 413, [600, 570, 1, 2], |_| {
            bulk(each(1_001, |n| create(n, json!({"userName": format!("user{n}")}))))
        }),
        row(
            "Bulk of 500 users and a group for each of 500 that holds all",
            Empty,
            0,
            200,
            [4_300, 2_800_000, 26_250, 110],
            |_| {
                let n = 500;
                let mut operations: Vec<Value> =
                    (0..n).map(|n| create(n, json!({"userName": format!("user{n}")}))).collect();
                operations.extend((0..n / 10).map(|group| {
                    let members = each(n, |n| json!({"value": format!("bulkId:b{n}")}));
                    let data = json!({"displayName": format!("group{group}"), "members": members});
                    json!({"method": "POST", "path": "/Groups", "bulkId": format!("g{group}"), "data": data})
                }));
                bulk(operations.into())
            },
        ),
        row(
            "Bulk of five PATCHes that each remove 15,000 absent roles of 15,000",
            Large,
            0,
            200,
            [64_000, 970, 0, 2],
            |_| {
                let path = user_path(stored::ROLES[0].0);
                let remove = json!({"op": "remove", "path": "roles", "value": each(15_000, |n| json!({"value": format!("absent{n}")}))});
                bulk(each(5, |_| patch(&path, json!([remove]))))
            },
        ),
        row("Bulk of 1,000 PATCHes of a user with 15,000 roles", Large, 0, 200, [45_000, 38_000, 225, 450], |_| {
            let path = user_path(stored::ROLES[0].0);
            bulk(each(1_000, |n| patch(&path, json!([{"op": "replace", "path": "title", "value": format!("t{n}")}]))))
        }),
        row("Bulk of 10 PATCHes that each filter 100,000 members", Large, 0, 200, [480, 49_000_000, 0, 3], |_| {
            let path = format!("/Groups/{}", stored::all(100_000));
            let filter = |n: usize| format!("members[value sw \"x{n}\" or value ew \"y{n}\"]");
            bulk(each(10, |n| patch(&path, json!([{"op": "remove", "path": filter(n)}]))))
        }),
        row("Bulk of a ring of 200 with one long name that is taken", Empty, 200, 200, [6_500, 6_600, 9, 160], |n| {
            let long = "x".repeat(240_000);
            let mut operations = vec![create(n, json!({"userName": long}))];
            operations.extend((0..n).map(|at| {
                let name = if at == 7 { long.clone() } else { format!("user{at}") };
                managed(at, &name, (at + 1) % n)
            }));
            bulk(operations.into())
        }),
        row(
            "Bulk of 1,000 creates with 100 unknown objects each",
            Empty,
            1_000,
            200,
            [4_200, 170_000, 2_000, 200],
            |n| {
                let unknown = each(100, |n| json!({"a": {"b": n}}));
                bulk(each(n, |n| create(n, json!({"userName": format!("user{n}"), "x": unknown}))))
            },
        ),
    ]
}
