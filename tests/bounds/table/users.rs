//! One user: created, replaced, changed, deleted, read.

use super::Place::{Empty, Large, Schemas};
use super::{Row, delete, each, encoded, get, patch, post, row, user_path};
use crate::support::Request;
use crate::support::stored::{CROWDED, ROLES};
use serde_json::{Value, json};

/// A user with so many values in each of its lists, as large as a user may be.
fn full(name: &str, count: usize, salt: &str) -> Value {
    let short = |attribute: &str| each(count, |n| json!({"value": format!("{attribute}{salt}{n}")}));
    let mut user = json!({"userName": name, "title": "t".repeat(16 * count)});
    for attribute in ["roles", "entitlements", "ims"] {
        user[attribute] = short(attribute);
    }
    user["emails"] =
        each(count, |n| json!({"value": format!("{salt}{n}@a.example"), "type": "work", "primary": n == 7}));
    user
}

/// The user of [`stored::large`](crate::support::stored::large) that has so many roles, or 500.
fn with_roles(count: usize) -> String {
    user_path(ROLES.iter().find(|(_, roles)| *roles == count).unwrap_or(&ROLES[3]).0)
}

fn crowded(groups: usize) -> String {
    user_path(CROWDED[usize::from(groups != 30_000)])
}

fn op(op: &str, path: &str, value: Value) -> Value {
    json!({"op": op, "path": path, "value": value})
}

/// An operation for each of so many numbers.
fn operations(count: usize, make: impl Fn(usize) -> Value) -> Value {
    each(count, make)
}

/// A user that is posted and nothing else, so that its PATCH has what it needs: `POST` to `/Bulk` of both.
fn then(count: usize, operations: Value) -> Request {
    let user = full("then", count, "a");
    let bulk = json!({"Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": user},
        {"method": "PATCH", "path": "/Users/bulkId:u", "data": {"Operations": operations}},
    ]});
    post("/Bulk", &bulk)
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("POST of a user with 1,000 values in each list", Empty, 1_000, 201, [15_000, 630, 2, 170], |n| {
            post("/Users", &full("full", n, "a"))
        }),
        row(
            "POST of a user with 20 unregistered extensions, 6,000 values",
            Empty,
            6_000,
            201,
            [60_000, 620, 2, 160],
            |n| {
                let mut user = json!({"userName": "extended"});
                for urn in 0..20 {
                    user[format!("urn:example:unregistered:{urn}:2.0:User")] =
                        json!({"list": each(n / 20, |n| json!({"a": {"b": {"c": n}}}))});
                }
                post("/Users", &user)
            },
        ),
        row(
            "POST of a user whose unregistered extension is 30 levels deep",
            Empty,
            4_000,
            201,
            [160, 620, 2, 6],
            |n| {
                let deep = (0..28).fold(json!({"text": "t".repeat(n)}), |inner, _| json!({"k": inner, "l": [1, 2, 3]}));
                post("/Users", &json!({"userName": "deep", "urn:example:deep:2.0:User": deep}))
            },
        ),
        row("POST of a user with 1,000 values in a registered list", Schemas, 1_000, 201, [12_000, 870, 2, 21], |n| {
            let urn = super::console::urn(3);
            post(
                "/Users",
                &json!({"userName": "registered", urn: {"many0": each(n, |n| json!({"text0": format!("v{n}")}))}}),
            )
        }),
        row("PUT of a full user over a full one", Empty, 1_000, 200, [20_000, 830, 4, 2], |n| {
            let bulk = json!({"Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "u", "data": full("then", n, "a")},
                {"method": "PUT", "path": "/Users/bulkId:u", "data": full("then", n, "b")},
            ]});
            post("/Bulk", &bulk)
        }),
        row("PATCH of one attribute of a user with 15,000 roles", Large, 15_000, 200, [40_000, 650, 2, 310], |n| {
            patch(&with_roles(n), json!([op("replace", "title", json!("x"))]))
        }),
        row("PATCH active: false of a user with 15,000 roles", Large, 15_000, 200, [40_000, 640, 2, 310], |n| {
            patch(&with_roles(n), json!([{"op": "replace", "value": {"active": false}}]))
        }),
        row("PATCH that removes 15,000 absent roles of 15,000", Large, 15_000, 200, [66_000, 540, 0, 310], |n| {
            patch(&with_roles(n), json!([op("remove", "roles", each(n, |n| json!({"value": format!("absent{n}")})))]))
        }),
        row("PATCH that adds 15,000 present roles to 15,000", Large, 15_000, 200, [66_000, 540, 0, 310], |n| {
            patch(&with_roles(n), json!([op("add", "roles", each(n, |n| json!({"value": n.to_string()})))]))
        }),
        row("PATCH of 1,000 operations that each add a role to none", Large, 1_000, 200, [4_400, 750, 2, 24], |n| {
            patch(&user_path(0), operations(n, |n| op("add", "roles", json!([{"value": format!("new{n}")}]))))
        }),
        row(
            "PATCH of 1,000 operations that each make another value primary",
            Large,
            1_000,
            200,
            [4_600, 750, 2, 52],
            |n| {
                let primary =
                    |n: usize| op("add", "emails", json!([{"value": format!("{n}@a.example"), "primary": true}]));
                patch(&user_path(0), operations(n, primary))
            },
        ),
        row(
            "PATCH without a path that replaces 1,000 values in each list",
            Empty,
            1_000,
            200,
            [20_000, 830, 4, 2],
            |n| {
                let mut value = full("then", n, "b");
                value.as_object_mut().unwrap().remove("userName");
                then(n, json!([{"op": "replace", "value": value}]))
            },
        ),
        row("PATCH of 1,000 operations on an unregistered extension", Large, 1_000, 200, [1_300, 780, 2, 20], |n| {
            let add = |n: usize| op("add", &format!("urn:example:ext:2.0:User:name{n}"), json!(n));
            patch(&user_path(0), operations(n, add))
        }),
        row(
            "PATCH of 1,000 operations on unknown attributes with long names",
            Large,
            1_000,
            200,
            [3_800, 850, 1, 3],
            |n| {
                let name = "n".repeat(1_000);
                patch(&user_path(0), operations(n, |n| op("add", &format!("{name}{n}"), json!(n))))
            },
        ),
        row("PATCH whose path is a filter of 4 KiB", Large, 0, 200, [2_800, 540, 0, 20], |_| {
            let terms: Vec<String> = (0..210).map(|n| format!("value eq \"{n:04}\"")).collect();
            patch(&with_roles(1_000), json!([{"op": "remove", "path": format!("roles[{}]", terms.join(" or "))}]))
        }),
        row("PATCH whose path has 256 KiB", Large, 256 * 1024, 400, [1_400, 700, 1, 2], |n| {
            patch(
                &user_path(0),
                json!([op("add", &format!("roles[value eq \"{}\"].display", "x".repeat(n)), json!("d"))]),
            )
        }),
        row("DELETE of a user in 30,000 groups", Large, 30_000, 204, [1_100, 4_600_000, 60_063, 0], |n| {
            delete(&crowded(n))
        }),
        row("POST that revives a user in 30,000 groups", Large, 30_000, 201, [1_100, 4_600_000, 60_062, 2], |n| {
            let number = CROWDED[usize::from(n != 30_000)];
            post("/Users", &json!({"userName": format!("u{number}"), "externalId": format!("x{number}")}))
        }),
        row("GET of a user in 30,000 groups", Large, 30_000, 200, [760, 800_000, 0, 5_900], |n| get(&crowded(n))),
        row(
            "GET of a user with 15,000 roles and 4 KiB of attributes",
            Large,
            15_000,
            200,
            [14_000, 530, 0, 310],
            |n| {
                let names: Vec<String> = (0..250).map(|n| format!("roles.type,name.x{n}")).collect();
                get(&format!(
                    "{}?attributes={}",
                    with_roles(n),
                    encoded(&names.join(","))[..4096].trim_end_matches(['%', '2', 'C'])
                ))
            },
        ),
        row("POST with an If-Match of 8 KB", Large, 8_000, 412, [190, 760, 1, 2], |n| {
            let mut request = patch(&user_path(0), json!([op("replace", "title", json!("x"))]));
            request.headers.push(("If-Match".to_owned(), vec!["W/\"9\""; n / 6].join(",")));
            request
        }),
        row("PATCH that removes roles by 100 terms of 1,000", Large, 0, 200, [2_700, 540, 0, 20], |_| {
            let n = 1_000;
            let terms: Vec<String> = (0..n / 10).map(|n| format!("value eq \"none{n}\"")).collect();
            patch(&with_roles(n), json!([{"op": "remove", "path": format!("roles[{}]", terms.join(" or "))}]))
        }),
        row(
            "PATCH of 1,000 operations that each remove by a filter from 1,000 roles",
            Large,
            0,
            200,
            [3_400, 650, 2, 2],
            |_| {
                let n = 1_000;
                let remove = |n: usize| json!({"op": "remove", "path": format!("roles[value eq \"{n}\"]")});
                patch(&with_roles(n), operations(n, remove))
            },
        ),
        row(
            "PATCH of 1,000 operations that each replace an element's part",
            Large,
            0,
            200,
            [4_300, 650, 2, 36],
            |_| {
                let n = 1_000;
                let replace = |n: usize| op("replace", &format!("roles[value eq \"{n}\"].display"), json!("d"));
                patch(&with_roles(n), operations(n, replace))
            },
        ),
        row(
            "PATCH active: false of a user stored with more than may be stored now",
            Large,
            0,
            200,
            [43_000, 750, 2, 360],
            |_| patch(&with_roles(16_000), json!([{"op": "replace", "value": {"active": false}}])),
        ),
    ]
}
