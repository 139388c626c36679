//! The addresses of lists: parameters behind any base URL, and the base URL itself.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::lists::{create, names, search, server};
use crate::support::{Request, Server};
use serde_json::{Value, json};

/// A client that puts its path and its parameters behind a base URL that has a query already is answered what it asks,
/// by every dialect. A filter that is lost would show every user.
#[test]
fn a_filter_counts_wherever_a_client_puts_it() {
    let mut server = server();
    let member = server.get("/Users?filter=userName%20eq%20%22Bob%22").body["Resources"][0].clone();
    let id = member["id"].as_str().unwrap();
    for name in ["who?", "a/b", "who?count=0"] {
        create(&mut server, "/Groups", name, json!({"members": [{"value": id}]}));
    }
    let bob = "filter=userName%20eq%20%22Bob%22";
    for (address, expected) in [
        (format!("?aadOptscim062020/Users?{bob}"), vec!["Bob"]),
        (format!("?aadOptscim062020/Users?startIndex=1&count=100&{bob}"), vec!["Bob"]),
        (format!("?aadOptscim062020/Users&{bob}"), vec!["Bob"]),
        (format!("/?aadOptscim062020/Users/?{bob}"), vec!["Bob"]),
        (format!("?aadOptscim062020%2FUsers%3F{bob}&count=5"), vec!["Bob"]),
        (format!("?connection=con_1/Users?{bob}"), vec!["Bob"]),
        (format!("?connection=https%3A%2F%2Fa.okta.com/Users?{bob}"), vec!["Bob"]),
        (format!("/Users?aadOptscim062020?{bob}"), vec!["Bob"]),
        (format!("/Users?x=1?{bob}"), vec!["Bob"]),
        (format!("/Users?x=1?count=100?{bob}"), vec!["Bob"]),
        (format!("/Users?count=2?{bob}"), vec!["Bob"]),
        (format!("?aadOptscim062020?{bob}"), vec!["Bob"]),
        ("/Groups?filter=displayName%20eq%20%22who?%22".to_owned(), vec!["who?"]),
        ("/Groups?filter=displayName%20eq%20%22who?count=0%22".to_owned(), vec!["who?count=0"]),
        ("?aadOptscim062020/Groups?filter=displayName%20eq%20%22who?%22".to_owned(), vec!["who?"]),
        ("?filter=displayName%20eq%20%22a/b%22".to_owned(), vec!["a/b"]),
        ("?filter=displayName%20eq%20%22nobody/Users%22".to_owned(), vec![]),
        ("?aadOptscim062020/Groups?count=1".to_owned(), vec!["who?"]),
    ] {
        let shown = server.get(&address);
        assert_eq!(names(&shown), expected, "{address}");
        // A preview reads the address as the service does.
        let previewed = server.preview(&json!({"method": "GET", "path": address, "dialect": "rfc"}));
        assert_eq!(previewed.body["answer"]["body"]["totalResults"], shown.body["totalResults"], "{address}");
    }
    let one = server.get(&format!("?aadOptscim062020/Users/{id}?attributes=userName"));
    assert_eq!((one.status, &one.body["userName"], &one.body["meta"]), (200, &json!("Bob"), &Value::Null));
    for address in ["/Users?filter=", "/Users?filter", "/Groups?filter=+", "?filter=", "/Users?x=1?filter="] {
        let refused = server.get(address);
        assert_eq!((refused.status, refused.text("scimType")), (400, "invalidFilter"), "{address}: {}", refused.body);
    }
    let twice = server.get(&format!("/Users?{bob}&filter=userName%20eq%20%22Alice%22"));
    assert_eq!((twice.status, twice.text("scimType")), (400, "invalidFilter"), "{}", twice.body);
    assert_eq!(names(&server.get(&format!("/Users?{bob}&{bob}"))), ["Bob"]);
    let empty = search(&mut server, "/Users/.search", json!({"filter": ""}));
    assert_eq!((empty.status, empty.text("scimType")), (400, "invalidFilter"));
    assert_eq!(server.get("?aadOptscim062020/Nothing?count=1").status, 404);
}

/// RFC 7644 section 3.4.2.1: "a query against a server root" is one of all types.
#[test]
fn the_base_url_is_queried_as_a_search_of_both_types() {
    let mut server = server();
    create(&mut server, "/Groups", "Crew", json!({}));
    let mut asked = 0;
    for (query, body) in [
        ("", json!({})),
        ("count=2", json!({"count": 2})),
        ("filter=meta.resourceType%20eq%20%22Group%22", json!({"filter": "meta.resourceType eq \"Group\""})),
        (
            "filter=displayName%20sw%20%22c%22&attributes=displayName",
            json!({"filter": "displayName sw \"c\"", "attributes": ["displayName"]}),
        ),
        (
            "sortBy=id&sortOrder=descending&startIndex=2",
            json!({"sortBy": "id", "sortOrder": "descending", "startIndex": 2}),
        ),
    ] {
        let searched = search(&mut server, "/.search", body);
        assert_eq!(searched.status, 200, "{}", searched.body);
        for path in ["", "/"] {
            let queried = server.get(&format!("{path}?{query}"));
            assert_eq!((queried.status, &queried.body), (200, &searched.body), "{path}?{query}");
            asked += 1;
        }
    }
    assert_eq!(asked, 10);
    assert_eq!(names(&server.get("")), ["Bob", "émile", "Alice", "Émilie", "Crew"]);
    assert_eq!(server.scim(Request::new("POST", "/")).status, 405);
    assert_eq!(server.get("?filter=shoeSize%20pr").status, 400);
    let told = server.console("/journal")["entries"][0].clone();
    assert_eq!((&told["method"], &told["resource"]), (&json!("GET"), &json!("/")), "{told}");
}
