//! Others write between the steps of a request that takes several. A row's key is used again once its row is gone, so what
//! was found in one step and is read in a later one is known by its `id`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server, stored};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

/// More users than one step of a scan goes through, and a last one, called `a`, who has the highest key.
fn server() -> Native {
    let mut server = Native::new(Dialect::Auto);
    server.sql.connection.execute_batch(&(stored::users(0..5000) + stored::totals())).unwrap();
    assert_eq!(server.send("POST", "/Users", json!({"userName": "a", "title": "wanted"})).status, 201);
    server
}

fn key(server: &Native, name: &str) -> i64 {
    let text = "SELECT key FROM users WHERE user_name = ?1";
    server.sql.connection.query_row(text, [name], |row| row.get(0)).unwrap()
}

/// The last user goes and another one comes, in the same row.
fn another_comes(server: &mut Native) {
    let before = key(server, "a");
    let text = "SELECT id FROM users WHERE user_name = 'a'";
    let id: String = server.sql.connection.query_row(text, [], |row| row.get(0)).unwrap();
    assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{id}"))).status, 204);
    assert_eq!(server.send("POST", "/Users", json!({"userName": "b"})).status, 201);
    assert_eq!(key(server, "b"), before, "the key is used again");
}

#[test]
fn a_scan_answers_whom_it_found() {
    for list in [
        // In the order of an index, sorted here, by a cursor, over both kinds.
        "/Users?filter=title+eq+%22wanted%22&sortBy=userName",
        "/Users?filter=title+eq+%22wanted%22&sortBy=userName&cursor=",
        "/Users?filter=title+eq+%22wanted%22&sortBy=title",
        "/?filter=title+eq+%22wanted%22",
    ] {
        let mut server = server();
        // The one who is wanted is found by the first step, whatever the order.
        let first = "UPDATE users SET id = '00000000' WHERE user_name = 'a'";
        server.sql.connection.execute(first, []).unwrap();
        let ask = |server: &mut Native| match list.strip_prefix("/?filter=") {
            None => server.get(list).body,
            Some(_) => {
                let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
                                    "filter": "title eq \"wanted\""});
                server.send("POST", "/.search", search).body
            }
        };
        let found = ask(&mut server);
        assert_eq!(found["Resources"][0]["userName"], "a", "{list}");
        server.between = vec![another_comes];
        let found = ask(&mut server);
        assert!(server.between.is_empty(), "{list} takes one step");
        assert_eq!(found["Resources"], json!([]), "{list}");
    }
}

/// A page of a cursor goes on until it knows whether there are more, also if the first rows that it reads fill it.
#[test]
fn a_full_page_has_a_cursor_to_the_last_one() {
    let mut server = Native::new(Dialect::Auto);
    server.sql.connection.execute_batch(&(stored::users(0..600) + stored::totals())).unwrap();
    let wanted = "UPDATE users SET doc = json_set(doc, '$.title', 'wanted') WHERE key IN \
                  (SELECT key FROM users ORDER BY id LIMIT 4) OR id = (SELECT max(id) FROM users)";
    assert_eq!(server.sql.connection.execute(wanted, []).unwrap(), 5);
    let (mut cursor, mut sizes) = (String::new(), Vec::new());
    loop {
        let page = server.get(&format!("/Users?filter=title+eq+%22wanted%22&count=2&cursor={cursor}")).body;
        sizes.push(page["Resources"].as_array().unwrap().len());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[test]
fn a_page_of_the_console_shows_whom_it_found() {
    let mut server = server();
    let first = "UPDATE users SET id = '00000000' WHERE user_name = 'a'";
    server.sql.connection.execute(first, []).unwrap();
    let path = "/users?filter=title+eq+%22wanted%22";
    assert_eq!(server.console(path)["users"][0]["attributes"]["userName"], "a");
    server.between = vec![another_comes];
    let page = server.console(path);
    assert!(server.between.is_empty());
    assert_eq!(page["users"], json!([]));
}

#[test]
fn a_page_of_members_goes_on_after_one_who_is_gone() {
    let mut server = Native::new(Dialect::Auto);
    let user = |server: &mut Native, name: &str| {
        server.send("POST", "/Users", json!({"userName": name})).text("id").to_owned()
    };
    let ids: Vec<String> = ["x", "y", "a"].map(|name| user(&mut server, name)).into();
    let members: Value = ids.iter().map(|id| json!({"value": id})).collect();
    let group = server.send("POST", "/Groups", json!({"displayName": "g", "members": members})).text("id").to_owned();
    let names = |page: &Value| -> Vec<String> {
        page["members"].as_array().unwrap().iter().map(|one| one["userName"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/groups/{group}/members?limit=1");
    let next =
        |server: &mut Native, page: &Value| server.console(&format!("{path}&after={}", page["next"].as_str().unwrap()));
    let first = server.console(&path);
    let second = next(&mut server, &first);
    let third = next(&mut server, &second);
    assert_eq!([names(&first), names(&second), names(&third)].concat(), ["x", "y", "a"]);
    assert_eq!(third["next"], Value::Null);
    // y goes, and after the last one too another one comes with y's key.
    assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{}", ids[2]))).status, 204);
    let before = key(&server, "y");
    assert_eq!(server.scim(Request::new("DELETE", &format!("/Users/{}", ids[1]))).status, 204);
    let new = user(&mut server, "z");
    assert_eq!(key(&server, "z"), before);
    let add = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": new}]}]});
    assert_eq!(server.send("PATCH", &format!("/Groups/{group}"), add).status, 204);
    assert_eq!(names(&next(&mut server, &second)), ["z"]);
    assert_eq!(server.console(&format!("{path}&after={before}"))["members"], json!([]), "a position of before");
    for after in ["x", "1.", "1.a%20b", "-1", "1.5.x y"] {
        assert_eq!(server.tagged(&format!("{path}&after={}", after.replace(' ', "%20")), None).0, 400, "{after}");
    }
}

/// A user in more groups than are held, who goes while the answer is written; another one, in other groups, comes in the
/// same row.
#[test]
fn an_answer_in_pieces_ends_with_the_resource() {
    fn another_in_other_groups(server: &mut Native) {
        let gone = "DELETE FROM members WHERE user_key = (SELECT key FROM users WHERE user_name = 'a')";
        server.sql.connection.execute(gone, []).unwrap();
        another_comes(server);
        let joined = "INSERT INTO members (group_key, user_key) SELECT g.key, u.key FROM groups g, users u \
                      WHERE u.user_name = 'b' AND g.display_name LIKE 'other%'";
        server.sql.connection.execute(joined, []).unwrap();
    }
    let mut server = Native::new(Dialect::Auto);
    let id = server.send("POST", "/Users", json!({"userName": "a"})).text("id").to_owned();
    let many = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 4000) \
                INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
                SELECT -n, 'g' || n, iif(n % 2, 'own ', 'other ') || n, iif(n % 2, 'own ', 'other ') || n, \
                json_object('displayName', 'g' || n), 0, 1, 0, 0, 0 FROM n; \
                INSERT INTO members (group_key, user_key) SELECT g.key, u.key FROM groups g, users u WHERE g.display_name LIKE 'own%'";
    server.sql.connection.execute_batch(many).unwrap();
    let groups = |body: &Value| -> Vec<String> {
        body["groups"].as_array().unwrap().iter().map(|one| one["display"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/Users/{id}");
    let whole = server.get(&path).body;
    assert_eq!(groups(&whole).len(), 2000);
    server.between = vec![another_in_other_groups];
    let cut = server.get(&path).body;
    assert!(server.between.is_empty());
    let shown = groups(&cut);
    assert!(shown.len() >= 1000 && shown.iter().all(|name| name.starts_with("own")), "{} {shown:?}", shown.len());
}
