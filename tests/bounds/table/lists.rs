//! Lists and searches over many resources, and over large ones.

use super::Place::{Large, Mail, Wide};
use super::{Row, encoded, get, post, row};
use crate::support::Request;
use crate::support::stored::{self, USERS};
use serde_json::json;

/// A list with this filter and more parameters.
fn list(kind: &str, filter: &str, more: &str) -> Request {
    get(&format!("/{kind}?filter={}{more}", encoded(filter)))
}

/// So many terms, as long as a filter may be at 130.
fn chain(count: usize, of: impl Fn(usize) -> String) -> String {
    (0..count).map(of).collect::<Vec<_>>().join(" or ")
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("list of users by a filter of 32 levels", Large, 32, 200, [370, 7_600_000, 0, 150], |n| {
            list("Users", &format!("{}nickName eq \"n\"{}", "not (title pr and ".repeat(n / 2), ")".repeat(n / 2)), "")
        }),
        row("list of users by a value path of 100 terms", Large, 100, 200, [320, 8_200_000, 0, 2], |n| {
            list("Users", &format!("emails[{}]", chain(n, |n| format!("value ew \"@none{n}.example\""))), "")
        }),
        row("list of users by 120 names", Large, 120, 200, [600, 19_000, 0, 170], |n| {
            list("Users", &chain(n, |n| format!("userName eq \"u{n}\"")), "&count=1000")
        }),
        row("list of users by comparisons that SQL leaves open", Large, 0, 200, [73, 38_000_000, 0, 2], |_| {
            list("Users", &chain(40, |n| format!("meta.created lt \"19{n:02}-01-01T00:00:00Z\"")), "&count=1000")
        }),
        row("list of users by their groups", Large, 0, 200, [500, 12_000_000, 0, 15], |_| {
            list("Users", &format!("groups.value eq \"{}\"", stored::group(1)), "&count=10")
        }),
        row("list of users by an address, among users with several", Mail, 0, 200, [14, 7_800_000, 0, 2], |_| {
            list("Users", "emails[type eq \"work\"].value eq \"u99999@a.example\"", "")
        }),
        row(
            "list of users by comparisons of their groups, two in 30,000",
            Large,
            30,
            200,
            [560, 97_000_000, 0, 2],
            |n| list("Users", &chain(n, |n| format!("groups.display co \"none{n}\"")), ""),
        ),
        row(
            "list of groups by comparisons of their members, four of 100,000",
            Large,
            6,
            200,
            [2_100, 15_000_000, 0, 2],
            |n| list("Groups", &chain(n, |n| format!("members.value co \"none{n}\"")), "&excludedAttributes=members"),
        ),
        row(
            "a group by its name and comparisons of its 100,000 members",
            Large,
            20,
            200,
            [2_100, 2_300_000, 0, 2],
            |n| {
                let members = chain(n, |n| format!("value co \"none{n}\""));
                list("Groups", &format!("displayName eq \"g1\" and members[{members}]"), "&excludedAttributes=members")
            },
        ),
        row("list of 1,000 users from the middle by index", Large, 0, 200, [1_500, 800_000, 0, 420], |_| {
            get(&format!("/Users?startIndex={}&count=1000", USERS / 2))
        }),
        row(
            "list of users from behind the end, in the order of their names",
            Large,
            0,
            200,
            [6, 1_600_000, 0, 2],
            |_| get("/Users?startIndex=9007199254740991&count=1000&sortBy=userName&sortOrder=descending"),
        ),
        row("list of users sorted by what no index serves", Large, 0, 400, [12_000, 2_500_000, 1, 2], |_| {
            get("/Users?sortBy=title&count=10")
        }),
        row(
            "list of 1,000 users with their groups, two in 30,000",
            Large,
            0,
            200,
            [3_300, 1_600_000, 0, 1_200],
            |_| get(&format!("/Users?startIndex={}&count=1000", USERS - 900)),
        ),
        row("list of users with titles of 240 KB, whole", Wide, 0, 200, [17_000, 5_800, 0, 4_800], |_| {
            get("/Users?count=1000")
        }),
        row(
            "list of users with titles of 240 KB, 4 KiB of names left out",
            Wide,
            0,
            200,
            [17_000, 5_800, 0, 4_800],
            |_| {
                let names: Vec<String> = (0..500).map(|n| format!("name{n}")).collect();
                get(&format!("/Users?count=1000&excludedAttributes={}", encoded(&names.join(","))))
            },
        ),
        row("page of 1,000 users by cursor", Large, 0, 200, [3_100, 130_000, 0, 1_500], |_| {
            get("/Users?cursor&count=1000")
        }),
        row("list of groups by a member", Large, 0, 200, [630, 5_000_000, 0, 18_000], |_| {
            list("Groups", &format!("members.value eq \"{}\"", stored::user(7)), "&count=100")
        }),
        row(
            "list of 1,000 groups with their members, four of 100,000",
            Large,
            0,
            200,
            [640, 3_900_000, 0, 18_000],
            |_| get("/Groups?count=1000"),
        ),
        row(
            "list of users by a filter of 4 KiB that no index serves",
            Large,
            130,
            200,
            [400, 150_000_000, 0, 2],
            |n| list("Users", &chain(n, |n| format!("nickName co \"none{n:06}\"")), "&count=10"),
        ),
        row("list of users with titles of 240 KB by their titles", Wide, 0, 200, [280, 690_000, 0, 2], |_| {
            list("Users", &chain(100, |n| format!("title co \"none{n}\"")), "")
        }),
        row("search of both kinds, sorted, by a filter of 4 KiB", Large, 60, 200, [200, 83_000_000, 0, 2], |n| {
            let filter = chain(n, |n| format!("displayName co \"g{n:06}\""));
            post("/.search", &json!({"filter": filter, "sortBy": "displayName", "count": 1000}))
        }),
        row(
            "list of users from behind the end, the largest number there is",
            Large,
            0,
            200,
            [3, 1_400_000, 0, 3],
            |_| get("/Users?startIndex=9223372036854775807&count=1000"),
        ),
        row("list of users sorted by titles of 240 KB", Wide, 0, 200, [3_400, 37_000, 0, 3], |_| {
            get("/Users?sortBy=title&count=10&attributes=userName")
        }),
    ]
}
