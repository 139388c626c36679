//! An answer that is not streamed has at most 8 MiB, a page of the journal 1 MiB, whatever is stored and asked.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::Dialect;
use scim_edge::store::Sql;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ANSWER_MAX: usize = 8 * 1024 * 1024;
const JOURNAL_PAGE_MAX: usize = 1024 * 1024;

#[test]
fn pages_of_the_journal() {
    let mut server = Native::new(Dialect::Auto);
    // 300 refusals as large as a row may be, of groups with long names, and 150 of an earlier build that name 1,000 ids of
    // 128 bytes each.
    for text in [
        "INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
         SELECT -1, 'g', replace(printf('%01024d', 1), '0', char(34)), 'g', '{}', 0, 1, 0, 0, 0",
        "INSERT INTO refused WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) \
         SELECT 'c' || (i % 9), 't' || (i % 5), printf('%064x', i), 'refused', i / 7, i / 7, 'r', 'Okta', 'PUT', '/Groups/' || i, \
         json_object('nestedIn', 'g', 'detail', printf('%03700d', i)), '[]', 1 FROM n",
        "INSERT INTO refusals WITH RECURSIVE n(i) AS (SELECT 301 UNION ALL SELECT i + 1 FROM n WHERE i < 450), \
         ids(i, id) AS (SELECT 1, printf('%0128d', 1) UNION ALL SELECT i + 1, printf('%0128d', i) FROM ids WHERE i < 1000) \
         SELECT printf('%064x', i), 'refused', i / 7, i / 7, 'r', NULL, 'Okta', 'PUT', '/Groups/' || i, \
         '{\"status\":400,\"detail\":\"d\"}', (SELECT json_group_array(id) FROM ids), 1 FROM n",
    ] {
        server.sql.query(text, &[]).unwrap();
    }
    for limit in [1000, 7] {
        let (mut seen, mut after, mut ended_early) = (BTreeSet::new(), String::new(), 0);
        loop {
            let page = server.console(&format!("/journal?outcome=refused&limit={limit}{after}"));
            assert!(page.to_string().len() <= JOURNAL_PAGE_MAX, "{}", page.to_string().len());
            for entry in page["entries"].as_array().unwrap() {
                assert!(seen.insert(entry["resource"].as_str().unwrap().to_owned()), "{entry} is shown twice");
            }
            let Some(next) = page["next"].as_str() else { break };
            ended_early += usize::from(limit == 1000 && page["entries"].as_array().unwrap().len() < 200);
            after = format!("&after={next}");
        }
        assert_eq!(seen.len(), 450, "{limit}");
        assert!(limit == 7 || ended_early > 0, "none ended early");
    }
}

#[test]
fn previews() {
    let mut server = Native::new(Dialect::Auto);
    let title = "t".repeat(7000);
    let operations: Vec<Value> = (0..1000)
        .map(|n| json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": { "userName": format!("u{n}"), "title": title } }))
        .collect();
    let bulk = json!({ "method": "POST", "path": "/Bulk", "body": { "Operations": operations } });
    let shown = server.preview(&bulk);
    assert_eq!((shown.status, &shown.body["answer"]["status"]), (200, &json!(200)));
    assert!(shown.body.to_string().len() <= 3 * 1024 * 1024, "{}", shown.body.to_string().len());
    assert_eq!((&shown.body["command"], &shown.body["changeCount"]), (&Value::Null, &json!(1000)));
    let changes = shown.body["changes"].as_array().unwrap().len();
    assert!((100..200).contains(&changes), "{changes} changes are shown");
    assert!(shown.body["notes"].to_string().contains("The command is left out"), "{}", shown.body["notes"]);

    assert_eq!(server.send("POST", "/Bulk", json!({ "Operations": operations })).status, 200);
    let shown = server.preview(&json!({ "method": "GET", "path": "/Users?count=1000" }));
    assert!(shown.body.to_string().len() <= ANSWER_MAX);
    assert!(shown.body["answer"]["body"]["itemsPerPage"].as_i64().unwrap() > 500);
}

/// A name of a group has 1,024 characters at most, and a user 1,000 groups in a list.
#[test]
fn lists_of_users_in_many_groups_with_long_names() {
    let mut server = Native::new(Dialect::Rfc);
    for n in 0..8 {
        let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("u{n}") });
        assert_eq!(server.send("POST", "/Users", body).status, 201);
    }
    for text in [
        "INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         SELECT -i, 'g' || i, printf('%s%01019d', 'name ', i), 'n' || i, '{}', 0, 1, 0, 0, 0 FROM n",
        "INSERT INTO members SELECT g.key, u.key FROM groups g, users u",
    ] {
        server.sql.query(text, &[]).unwrap();
    }
    let (mut seen, mut start) = (0, 1);
    while seen < 8 {
        let response = server.answer(Request::new("GET", &format!("/Users?startIndex={start}&count=100")));
        assert!(response.body.len() <= ANSWER_MAX, "{}", response.body.len());
        let page: Value = serde_json::from_slice(&response.body).unwrap();
        for user in page["Resources"].as_array().unwrap() {
            assert_eq!(user["groups"].as_array().unwrap().len(), 1000);
            (seen, start) = (seen + 1, start + 1);
        }
    }
}
