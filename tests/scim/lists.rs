//! Lists and searches: order, pages, cursors, and what bounds them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Response, Server};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

pub(crate) fn server() -> Native {
    let mut server = Native::new(Dialect::Rfc);
    for (name, more) in [
        (
            "Bob",
            json!({"title": "boss", "externalId": "2", "emails": [{"value": "z@x"}, {"value": "b@x", "primary": true}]}),
        ),
        ("émile", json!({"title": "Clerk", "active": false, "emails": [{"value": "c@x"}]})),
        ("Alice", json!({"name": {"familyName": "A"}, "externalId": "1", "emails": [{"value": "a@x"}]})),
        ("Émilie", json!({"title": "artist", "name": {"familyName": "E"}})),
    ] {
        create(&mut server, "/Users", name, more);
    }
    server
}

pub(crate) fn create(server: &mut dyn Server, path: &str, name: &str, mut body: Value) -> String {
    let kind = if path == "/Users" { ("User", "userName") } else { ("Group", "displayName") };
    body["schemas"] = json!([format!("urn:ietf:params:scim:schemas:core:2.0:{}", kind.0)]);
    body[kind.1] = json!(name);
    let response = server.send("POST", path, body);
    assert_eq!(response.status, 201, "{}", response.body);
    response.text("id").to_owned()
}

pub(crate) fn names(response: &Response) -> Vec<&str> {
    assert_eq!(response.status, 200, "{}", response.body);
    let resources = response.body["Resources"].as_array().unwrap();
    assert_eq!(response.body["itemsPerPage"], resources.len());
    resources.iter().map(|r| r["userName"].as_str().or(r["displayName"].as_str()).unwrap()).collect()
}

pub(crate) fn search(server: &mut dyn Server, path: &str, mut body: Value) -> Response {
    body["schemas"] = json!([SEARCH]);
    server.send("POST", path, body)
}

#[test]
fn sorted() {
    let mut server = server();
    for (query, expected) in [
        ("", ["Bob", "émile", "Alice", "Émilie"]),
        ("sortBy=userName", ["Alice", "Bob", "émile", "Émilie"]),
        ("sortBy=USERNAME&sortOrder=Descending", ["Émilie", "émile", "Bob", "Alice"]),
        ("sortBy=id&sortOrder=descending", ["Émilie", "Alice", "émile", "Bob"]),
        // Resources without a value are last, first when descending; equals are in the order of their ids.
        ("sortBy=title", ["Émilie", "Bob", "émile", "Alice"]),
        ("sortBy=title&sortOrder=descending", ["Alice", "émile", "Bob", "Émilie"]),
        ("sortBy=externalId", ["Alice", "Bob", "émile", "Émilie"]),
        ("sortBy=active", ["émile", "Bob", "Alice", "Émilie"]),
        ("sortBy=name.familyName", ["Alice", "Émilie", "Bob", "émile"]),
        ("sortBy=emails", ["Alice", "Bob", "émile", "Émilie"]),
        ("sortBy=emails.value&sortOrder=descending", ["Émilie", "émile", "Bob", "Alice"]),
        ("sortBy=meta.created&sortOrder=descending", ["Émilie", "Alice", "émile", "Bob"]),
        ("sortOrder=descending", ["Bob", "émile", "Alice", "Émilie"]),
    ] {
        assert_eq!(names(&server.get(&format!("/Users?{query}"))), expected, "{query}");
        let joined = format!("/Users?{query}&filter=userName+pr&startIndex=2&count=2");
        let page = server.get(&joined);
        assert_eq!(names(&page), expected[1..3], "{joined}");
        assert_eq!((&page.body["totalResults"], &page.body["startIndex"]), (&json!(4), &json!(2)), "{joined}");
        // The same by cursors, one by one.
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = server.get(&format!("/Users?{query}&count=1&cursor={cursor}"));
            seen.extend(names(&page).into_iter().map(str::to_owned));
            assert_eq!(page.body["totalResults"], 4, "{query}");
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{query} by cursors");
    }
}

#[test]
fn pages_by_index() {
    let mut server = server();
    for (query, total, expected) in [
        ("startIndex=3", 4, &["Alice", "Émilie"][..]),
        ("startIndex=0&count=1", 4, &["Bob"]),
        ("startIndex=-7&count=1", 4, &["Bob"]),
        ("count=0", 4, &[]),
        ("count=-1", 4, &[]),
        ("startIndex=5", 4, &[]),
        ("filter=title+pr&count=0", 3, &[]),
        ("filter=title+pr&startIndex=3", 3, &["Émilie"]),
        ("filter=title+pr&startIndex=9", 3, &[]),
        ("filter=userName+eq+%22ALICE%22", 1, &["Alice"]),
        ("filter=userName+sw+%22%C3%89M%22", 2, &["émile", "Émilie"]),
        ("filter=userName+eq+%22nobody%22", 0, &[]),
        ("count=100000", 4, &["Bob", "émile", "Alice", "Émilie"]),
    ] {
        let page = server.get(&format!("/Users?{query}"));
        assert_eq!((names(&page), &page.body["totalResults"]), (expected.to_vec(), &json!(total)), "{query}");
        assert_eq!(page.body["nextCursor"], Value::Null);
    }
}

#[test]
fn refused() {
    let mut server = server();
    let cursor = server.get("/Users?count=1&cursor").body["nextCursor"].as_str().unwrap().to_owned();
    for (query, scim_type, says) in [
        ("count=x", "invalidValue", "count"),
        ("startIndex=1.5", "invalidValue", "startIndex"),
        ("sortBy=shoeSize", "invalidValue", "shoeSize"),
        ("sortBy=password", "invalidValue", "password"),
        ("sortBy=name", "invalidValue", "name"),
        ("sortBy=a b", "invalidPath", "position"),
        ("sortBy=userName&sortOrder=up", "invalidValue", "sortOrder"),
        ("filter=shoeSize+eq+1", "invalidFilter", "shoeSize"),
        ("filter=emails.shoeSize+pr", "invalidFilter", "shoeSize"),
        ("cursor=x", "invalidCursor", "cursor"),
        (&format!("cursor={cursor}&filter=title+pr"), "invalidCursor", "another query"),
        (&format!("cursor={cursor}&sortBy=title"), "invalidCursor", "another query"),
        (&format!("cursor={}", &cursor[..20]), "invalidCursor", "cursor"),
        ("cursor&count=0", "invalidCount", "count"),
        ("cursor&count=-5", "invalidCount", "-5"),
        ("cursor&startIndex=2", "invalidValue", "startIndex"),
    ] {
        let response = server.get(&format!("/Users?{query}"));
        assert_eq!((response.status, response.text("scimType")), (400, scim_type), "{query}: {}", response.body);
        assert!(response.text("detail").contains(says), "{query}: {}", response.body);
    }
    for (body, scim_type, says) in [
        (json!({"filter": 1}), "invalidValue", "filter"),
        (json!({"count": "5"}), "invalidValue", "count"),
        (json!({"attributes": "userName"}), "invalidValue", "attributes"),
        (json!({"filter": "shoeSize pr"}), "invalidFilter", "shoeSize"),
        (json!({"sortBy": "shoeSize"}), "invalidValue", "shoeSize"),
    ] {
        let response = search(&mut server, "/.search", body.clone());
        assert_eq!((response.status, response.text("scimType")), (400, scim_type), "{body}: {}", response.body);
        assert!(response.text("detail").contains(says), "{body}: {}", response.body);
    }
    assert_eq!(server.send("POST", "/.search", json!({})).text("scimType"), "invalidSyntax");
    assert_eq!(server.get("/Users/.search").status, 405);
}

#[test]
fn searches() {
    let mut server = server();
    let alice = server.get("/Users?filter=userName+eq+%22alice%22").body["Resources"][0]["id"].clone();
    create(&mut server, "/Groups", "Clerks", json!({"members": [{"value": alice}]}));
    create(&mut server, "/Groups", "artists", json!({}));
    for (path, body, total, expected) in [
        ("/.search", json!({}), 6, &["Bob", "émile", "Alice", "Émilie", "Clerks", "artists"][..]),
        ("/.search", json!({"startIndex": 4, "count": 2}), 6, &["Émilie", "Clerks"]),
        ("/.search", json!({"sortBy": "displayName", "startIndex": 1, "count": 3}), 6, &["artists", "Clerks", "Bob"]),
        ("/.search", json!({"sortBy": "meta.resourceType", "count": 1}), 6, &["Clerks"]),
        ("/.search", json!({"filter": "userName sw \"b\" or displayName pr"}), 3, &["Bob", "Clerks", "artists"]),
        ("/.search", json!({"filter": "userName ne \"bob\" and not (title pr)"}), 3, &["Alice", "Clerks", "artists"]),
        ("/.search", json!({"filter": "title eq null and members pr"}), 1, &["Clerks"]),
        ("/.search", json!({"filter": "displayName co \"t\""}), 1, &["artists"]),
        ("/.search", json!({"filter": "title pr"}), 3, &["Bob", "émile", "Émilie"]),
        ("/.search", json!({"filter": "meta.resourceType eq \"Group\""}), 2, &["Clerks", "artists"]),
        ("/Users/.search", json!({"filter": "groups.display eq \"CLERKS\""}), 1, &["Alice"]),
        ("/Groups/.search", json!({"filter": "members pr", "count": 5}), 1, &["Clerks"]),
        // The address counts where the body has no value.
        ("/Users/.search?filter=userName%20eq%20%22bob%22", json!({}), 1, &["Bob"]),
        ("/.search?filter=title%20pr&count=1", json!({"count": 2}), 3, &["Bob", "émile"]),
    ] {
        let response = search(&mut server, path, body.clone());
        assert_eq!(
            (names(&response), &response.body["totalResults"]),
            (expected.to_vec(), &json!(total)),
            "{path} {body}"
        );
    }
    let (mut cursor, mut seen) = (json!(""), Vec::new());
    while !cursor.is_null() {
        let page = search(&mut server, "/.search", json!({"cursor": cursor, "count": 4}));
        seen.extend(names(&page).into_iter().map(str::to_owned));
        cursor = page.body["nextCursor"].clone();
    }
    assert_eq!(seen, ["Bob", "émile", "Alice", "Émilie", "Clerks", "artists"]);
    let body = json!({"attributes": ["USERNAME"], "filter": "userName eq \"bob\""});
    let shown = search(&mut server, "/Users/.search", body).body["Resources"][0].clone();
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "schemas", "userName"]);
}

/// RFC 9865: whoever is there from the first page to the last is seen exactly once.
#[test]
fn cursors_skip_and_repeat_nobody() {
    for query in
        ["", "&sortBy=userName", "&sortBy=title", "&filter=title+sw+%22t%22", "&sortBy=id&sortOrder=descending"]
    {
        let mut server = Native::new(Dialect::Auto);
        let person = |server: &mut Native, n: usize| {
            create(server, "/Users", &format!("u{}", n * 7919 % 1000), json!({"title": format!("t{}", n % 5)}))
        };
        let mut staying: BTreeSet<String> = (0..60).map(|n| person(&mut server, n)).collect();
        let (mut cursor, mut seen, mut round) = (String::new(), Vec::new(), 0);
        loop {
            let page = server.get(&format!("/Users?count=7&cursor={cursor}{query}"));
            assert_eq!(page.status, 200, "{}", page.body);
            let ids = page.body["Resources"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned());
            seen.extend(ids);
            let Some(next) = page.body["nextCursor"].as_str() else { break };
            cursor = next.to_owned();
            round += 1;
            // One who was seen and one who was not leave, another comes.
            let gone = [seen.last().cloned(), staying.iter().find(|id| !seen.contains(id)).cloned()];
            for id in gone.into_iter().flatten() {
                assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{id}"))).status, 204);
                staying.remove(&id);
            }
            person(&mut server, 100 + round);
        }
        assert!(round > 4);
        let once: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(once.len(), seen.len(), "{query}: somebody twice");
        assert!(staying.iter().all(|id| once.contains(id)), "{query}: somebody was skipped");
    }
}

/// A reader by index that goes on where its page ended is not thrown off by who leaves meanwhile.
#[test]
fn a_sequential_reader_by_index_skips_nobody() {
    let mut server = Native::new(Dialect::Auto);
    let ids: Vec<String> = (0..10).map(|n| create(&mut server, "/Users", &format!("u{n}"), json!({}))).collect();
    let first = server.get("/Users?count=4");
    assert_eq!(names(&first), ["u0", "u1", "u2", "u3"]);
    server.scim(Request::new("DELETE", &format!("/Users/{}", ids[1])));
    assert_eq!(names(&server.get("/Users?startIndex=5&count=4")), ["u4", "u5", "u6", "u7"]);
    // After an eviction the index is counted anew.
    server.memory = Default::default();
    assert_eq!(names(&server.get("/Users?startIndex=5&count=4")), ["u5", "u6", "u7", "u8"]);
}

#[test]
fn a_page_ends_early() {
    let mut server = Native::new(Dialect::Auto);
    for n in 0..24 {
        create(&mut server, "/Users", &format!("u{n}"), json!({"title": "x".repeat(250_000)}));
    }
    for (query, sizes) in
        [("count=100", [16, 8]), ("count=100&filter=title+pr", [16, 8]), ("count=100&sortBy=title", [16, 8])]
    {
        let (mut start, mut seen) = (1, Vec::new());
        for size in sizes {
            let page = server.get(&format!("/Users?{query}&startIndex={start}"));
            assert_eq!(
                (&page.body["totalResults"], page.body["itemsPerPage"].as_u64()),
                (&json!(24), Some(size)),
                "{query}"
            );
            seen.extend(names(&page).into_iter().map(str::to_owned));
            start += size;
        }
        assert_eq!(seen, (0..24).map(|n| format!("u{n}")).collect::<Vec<_>>(), "{query}");
        let first = server.get(&format!("/Users?{query}&cursor"));
        let next = first.body["nextCursor"].as_str().unwrap();
        assert_eq!(names(&server.get(&format!("/Users?{query}&cursor={next}")))[0], "u16", "{query}");
    }
}

#[test]
fn a_scan_has_an_end() {
    let mut server = Native::new(Dialect::Auto);
    for n in 0..600 {
        create(&mut server, "/Users", &format!("u{n}"), json!({"title": "t"}));
    }
    server.step_takes = 4_000;
    assert_eq!(server.get("/Users?filter=title+pr").body["totalResults"], 600);
    let slow = server.get("/Users?sortBy=title");
    assert_eq!(slow.status, 200, "three steps: {}", slow.body);
    server.step_takes = 11_000;
    let slow = server.get("/Users?sortBy=title");
    assert_eq!((slow.status, slow.text("scimType")), (400, "tooMany"), "{}", slow.body);
}

/// A sequential reader's place is one of the directory that it read: after an import its index is counted anew.
#[test]
fn a_reader_does_not_keep_its_place_of_a_directory_that_was_replaced() {
    let mut server = Native::new(Dialect::Auto);
    (0..10).for_each(|n| _ = create(&mut server, "/Users", &format!("old{n}"), json!({})));
    assert_eq!(names(&server.get("/Users?count=4")), ["old0", "old1", "old2", "old3"]);
    // Their ids are below all that are made here.
    let line = |n: usize| json!({"user": {"id": format!("0-{n}"), "attributes": {"userName": format!("new{n}")}}});
    let counts = json!({"users": 10, "activeUsers": 10, "groups": 0, "memberships": 0, "tombstones": 0});
    let lines = [json!({"from": 0})]
        .into_iter()
        .chain((0..10).map(line))
        .chain([json!({"at": 0, "counts": counts, "lines": 11})]);
    server.import(&lines.map(|line| line.to_string()).collect::<Vec<_>>());
    let page = server.get("/Users?startIndex=5&count=4");
    assert_eq!(names(&page), ["new4", "new5", "new6", "new7"]);
}
