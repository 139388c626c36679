//! The Console's calls at their largest.

use super::Place::{Empty, Importing, Large, Schemas, Wide};
use super::{Row, each, encoded, get, post, put, row, values};
use crate::support::Request;
use crate::support::stored;
use serde_json::{Value, json};

const ORG: &str = "/v1/orgs/acme";

/// How many schemas an organisation may register.
pub(super) const SCHEMAS: usize = 20;

pub(super) fn urn(number: usize) -> String {
    format!("urn:example:params:scim:schemas:extension:large{number}:2.0:User")
}

/// A schema of nearly as many attributes and bytes as one may have.
pub(super) fn schema(number: usize) -> Request {
    let sub = |n: usize| {
        each(9, |m| json!({"name": format!("text{m}"), "type": "string", "description": "d".repeat(500 + n)}))
    };
    let attributes = each(
        10,
        |n| json!({"name": format!("many{n}"), "type": "complex", "multiValued": true, "subAttributes": sub(n)}),
    );
    let path = format!("{ORG}/schemas/{}", urn(number));
    put(&path, &json!({"id": urn(number), "name": "large", "attributes": attributes}))
}

fn preview(method: &str, path: &str, body: Value) -> Request {
    post(&format!("{ORG}/preview"), &json!({"method": method, "path": path, "body": body}))
}

fn part(lines: Vec<String>) -> Request {
    Request { body: Some(lines.join("\n").into_bytes()), ..Request::new("PUT", &format!("{ORG}/import/1")) }
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("registration of one more large schema", Schemas, 0, 400, [8_300, 650, 0, 2], |_| schema(SCHEMAS)),
        row("replacement of a large schema", Schemas, 0, 200, [8_300, 650, 0, 75], |_| schema(3)),
        row("schemas, all and large, by the Console", Schemas, 0, 200, [9_500, 650, 0, 1_500], |_| {
            get(&format!("{ORG}/schemas"))
        }),
        row("schemas, all and large, by SCIM", Schemas, 0, 200, [11_000, 710, 0, 1_600], |_| get("/Schemas")),
        row("a first request under large schemas", Schemas, 0, 201, [9_500, 870, 2, 2], |_| {
            post("/Users", &json!({"userName": "first"}))
        }),
        row("settings with 10,000 reserved names", Empty, 0, 400, [1_100, 0, 0, 2], |_| {
            put(ORG, &json!({"reservedGroupNames": each(10_000, |n| json!(format!("name {n}")))}))
        }),
        row("a token with 100,000 address ranges", Empty, 0, 400, [9_600, 0, 0, 2], |_| {
            let ranges = each(100_000, |n| json!(format!("10.{}.{}.0/24", n / 256 % 256, n % 256)));
            post(&format!("{ORG}/tokens"), &json!({"name": "t", "kind": "scim", "addressRanges": ranges}))
        }),
        row("journal of 10,000 refusals and 20,000 changes", Large, 0, 200, [1_700, 245_000, 0, 70], |_| {
            get(&format!("{ORG}/journal?limit=1000"))
        }),
        row("journal of refusals of 4 KiB each", Wide, 0, 200, [5_100, 62_000, 0, 890], |_| {
            get(&format!("{ORG}/journal?limit=1000"))
        }),
        row("journal by a resource that is in none", Large, 0, 200, [6, 890_000, 0, 2], |_| {
            get(&format!("{ORG}/journal?limit=1000&resource={}", stored::user(199_000)))
        }),
        row("changes, 1,000 of users", Large, 0, 200, [1_700, 58_000, 0, 390], |_| {
            get(&format!("{ORG}/changes?limit=1000"))
        }),
        row("members, a page of 1,000 of 100,000", Large, 0, 200, [2_200, 13_000, 0, 93], |_| {
            get(&format!("{ORG}/groups/{}/members?limit=1000", stored::group(1)))
        }),
        row("users with titles of 240 KB", Wide, 0, 200, [29_000, 6_200, 0, 4_800], |_| {
            get(&format!("{ORG}/users?limit=1000"))
        }),
        row("snapshot, its first piece, of large users", Wide, 0, 200, [6_800, 600, 0, 850], |_| {
            get(&format!("{ORG}/snapshot"))
        }),
        row("snapshot, its first piece, of small users", Large, 0, 200, [1_300, 16_000, 0, 240], |_| {
            get(&format!("{ORG}/snapshot"))
        }),
        row("preview of a Bulk of 1,000 creates of 2 KB", Empty, 1_000, 200, [28_000, 210_000, 2_000, 1_600], |n| {
            let create = |n: usize| {
                json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"),
                "data": {"userName": format!("user{n}"), "title": "t".repeat(2_000)}})
            };
            preview("POST", "/Bulk", json!({"Operations": each(n, create)}))
        }),
        row("preview of a removal of 15,000 absent roles of 15,000", Large, 15_000, 200, [68_000, 600, 0, 720], |n| {
            let number = stored::ROLES[usize::from(n != 15_000)].0;
            let roles = each(n, |n| json!({"value": format!("absent{n}")}));
            preview(
                "PATCH",
                &super::user_path(number),
                json!({"Operations": [{"op": "remove", "path": "roles", "value": roles}]}),
            )
        }),
        row("preview of a list by a filter of 4 KiB", Large, 0, 200, [370, 130_000_000, 0, 18], |_| {
            let terms: Vec<String> = (0..130).map(|n| format!("nickName co \"none{n:06}\"")).collect();
            let query = format!("/Users?count=1000&filter={}", encoded(&terms.join(" or ")));
            post(&format!("{ORG}/preview"), &json!({"method": "GET", "path": query}))
        }),
        row("part of 32 users of 240 KB", Importing, 32, 200, [12_000, 5_700, 64, 2], |n| {
            let title = "t".repeat(240_000);
            part((0..n).map(|n| format!("{{\"user\":{{\"id\":\"i{n}\",\"attributes\":{{\"title\":\"{title}\",\"userName\":\"n{n}\"}}}}}}")).collect())
        }),
        row("part of 20 lines of 10,000 members", Importing, 20, 200, [15_000, 2_200, 40, 2], |n| {
            let users = each(10_000, |n| json!(stored::user(n))).to_string();
            part((0..n).map(|n| format!("{{\"members\":{{\"id\":\"g{n}\",\"users\":{users}}}}}")).collect())
        }),
        row("part whose first line is 1 MiB of nothing", Importing, 0, 400, [6_400, 460, 0, 2], |_| {
            part(vec![" ".repeat(1_000_000)])
        }),
        row("users by a filter of 4 KiB", Large, 130, 200, [260, 150_000_000, 0, 2], |n| {
            let terms: Vec<String> = (0..n).map(|n| format!("nickName co \"none{n:06}\"")).collect();
            get(&format!("{ORG}/users?limit=1000&filter={}", encoded(&terms.join(" or "))))
        }),
        row("part of 60,000 small users", Importing, 60_000, 200, [6_800, 7_300_000, 60_089, 2], |n| {
            part(
                (0..n)
                    .map(|n| format!("{{\"user\":{{\"id\":\"i{n}\",\"attributes\":{{\"userName\":\"name{n}\"}}}}}}"))
                    .collect(),
            )
        }),
        row("preview of a group of 100,000 members", Large, 100_000, 200, [55_000, 9_000_000, 110_000, 1_400], |n| {
            preview("POST", "/Groups", json!({"displayName": "new", "members": values(n)}))
        }),
    ]
}
