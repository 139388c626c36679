//! The journal as evidence: no request pushes another's entries out, and none is too large to be written down.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Request, Server};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::console;
use scim_edge::directory::admin::{Admin, TokenSettings};
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::id::{Timestamp, TokenId};
use scim_edge::org::{Memory, alarm};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const HOUR: i64 = 3_600_000;
const MIB: i64 = 1024 * 1024;
/// The time of the rows that are inserted here directly.
const LAST_AT: i64 = 1_795_000_000_000;

/// Lets the alarm go off until nothing is due within the hour.
fn prune(server: &mut Native) {
    server.now = server.now.plus(2 * HOUR);
    for _ in 0..400 {
        server.now = server.now.plus(2_000);
        server.alarm();
    }
}

/// All entries but the applied requests; each page has at most 1 MiB.
fn entries(server: &mut Native, limit: usize) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.console(&format!("/journal?limit={limit}{after}"));
        assert!(page.to_string().len() <= MIB as usize);
        let found = page["entries"].as_array().unwrap().iter();
        all.extend(found.filter(|entry| entry["outcome"] != "applied").cloned());
        let Some(next) = page["next"].as_str() else { return all };
        after = format!("&after={next}");
    }
}

fn number(server: &Native, text: &str) -> i64 {
    server.sql.connection.query_row(text, [], |row| row.get(0)).unwrap()
}

fn settings(name: &str, ranges: &[&str]) -> TokenSettings {
    TokenSettings {
        name: name.into(),
        kind: TokenKind::Scim,
        dialect: Dialect::Auto,
        scope: None,
        expires_at: None,
        address_ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
    }
}

/// Mints a token and takes it.
fn mint(server: &mut Native, id: &str, byte: u8, ranges: &[&str]) {
    server.token = Token::mint(TokenKind::Scim, [byte; 32]);
    server.mint(id, &settings(id, ranges));
}

fn scim_enabled(server: &mut Native, on: bool) {
    let body = json!({"scim": {"enabled": on}}).to_string();
    let admin = console::configure(body.as_bytes()).unwrap();
    server.call(Actor::Root, Ask::Admin(admin)).outcome.unwrap();
}

fn nested(server: &mut Native, group: &str, inner: &str) {
    let body = json!({"displayName": group, "members": [{"value": inner, "type": "Group"}]});
    assert_eq!(server.send("POST", "/Groups", body).status, 400);
}

/// Refusals of many codes by three tokens: one of them ended, one from outside its addresses, and SCIM off.
fn varied(server: &mut Native) {
    let id = server.send("POST", "/Users", json!({"userName": "ada"})).text("id").to_owned();
    let unknown = json!({"Operations": [{"op": "add", "path": "shoeSize", "value": 7}]});
    for (method, path, body, status) in [
        ("POST", "/Users", json!({"userName": "ADA"}), 409),
        ("POST", "/Users", json!({"userName": "b", "active": "maybe"}), 400),
        ("PATCH", &format!("/Users/{id}"), unknown, 200),
        ("DELETE", "/Users/earlier", json!(null), 404),
        ("PUT", "/Nothing", json!({}), 404),
    ] {
        assert_eq!(server.send(method, path, body).status, status, "{method} {path}");
    }
    (0..3).for_each(|n| nested(server, &format!("outer {n}"), "inner"));
    scim_enabled(server, false);
    assert_eq!(server.get("/Users").status, 403);
    scim_enabled(server, true);
    mint(server, "ended", 1, &[]);
    let revoke = Admin::RevokeToken { id: TokenId::parse("ended").unwrap(), children: false };
    server.call(Actor::Root, Ask::Admin(revoke)).outcome.unwrap();
    assert_eq!(server.get("/Users").status, 401);
    mint(server, "elsewhere", 2, &["198.51.100.0/24"]);
    assert_eq!(server.get("/Users").status, 401);
}

fn deletions(server: &mut Native, bulks: std::ops::Range<usize>) {
    for bulk in bulks {
        let operations: Vec<Value> =
            (0..1000).map(|n| json!({"method": "DELETE", "path": format!("/Users/never-{bulk}-{n}")})).collect();
        assert_eq!(server.send("POST", "/Bulk", json!({ "Operations": operations })).status, 200);
    }
}

#[test]
fn refusals_of_one_kind_leave_all_others() {
    let mut server = Native::new(Dialect::Auto);
    varied(&mut server);
    prune(&mut server);
    let earlier = entries(&mut server, 200);
    let codes: Vec<&str> = earlier.iter().filter_map(|entry| entry["code"].as_str()).collect();
    assert_eq!((earlier.len(), codes.len()), (11, 10), "{codes:?}");
    mint(&mut server, "flood", 3, &[]);
    deletions(&mut server, 0..11);
    // Beyond its rows each kind is counted, whatever else the token is refused.
    (0..600).for_each(|n| nested(&mut server, &format!("group {n}"), "inner"));
    for n in 0..5 {
        let status = server.scim(Request::new("GET", &format!("/Users/other-{n}"))).status;
        assert_eq!(status, 404);
    }
    prune(&mut server);
    let now = entries(&mut server, 200);
    for entry in &earlier {
        assert!(now.contains(entry), "{entry} is gone");
    }
    assert_eq!(now.len(), earlier.len() + 2 * 501);
    let mut counted: Vec<&Value> = now.iter().filter(|entry| entry["resource"].is_null()).collect();
    counted.sort_by_key(|entry| entry["code"].as_str());
    let told: Vec<Value> =
        counted.iter().map(|e| json!([e["code"], e["status"], e["token"]["id"], e["count"]])).collect();
    assert_eq!(json!(told), json!([["nested-group", 400, "flood", 100], ["user-not-found", 404, "flood", 10_505]]));
    assert!(counted[0]["detail"].as_str().unwrap().contains("only counted"), "{}", counted[0]);
    assert_eq!(entries(&mut server, 7), now, "in smaller pages");
    // An object that starts anew knows it again.
    server.memory = Memory::default();
    deletions(&mut server, 11..12);
    assert_eq!(number(&server, "SELECT count(*) FROM refused WHERE token = 'flood'"), 1002);
}

/// Writes rows as they are stored.
fn insert(server: &Native, code: &str, token: &str, count: usize, bytes: usize) {
    let text = format!(
        "INSERT INTO refused WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         SELECT '{code}', '{token}', printf('%064x', i), 'refused', 0, {LAST_AT} + i, 'r', '', 'GET', '/Users/' || i, \
         json_object('detail', printf('%0{bytes}d', i)), '[]', 1 FROM n"
    );
    server.sql.connection.execute(&text, []).unwrap();
}

#[test]
fn a_token_has_so_many_rows_in_all() {
    let mut server = Native::new(Dialect::Auto);
    (0..10).for_each(|n| insert(&server, &format!("code-{n}"), "t-1", 400 - usize::from(n == 0), 10));
    (0..10).for_each(|n| insert(&server, &format!("code-{n}"), "t-2", 400, 10));
    let mut refuse = |path: &str| {
        let before = server.sql.steps.get();
        let response = server.scim(Request::new("GET", path));
        assert_eq!(response.status, 404);
        (response.rows_written, server.sql.steps.get() - before)
    };
    let (written, counting) = refuse("/Users/a");
    let (counted, once) = refuse("/Users/b");
    assert_eq!((written, counted), (1, 1), "the last row, and the one that counts");
    assert!(counting > 10_000 && once < 2_000, "{counting} steps, then {once}: counted once a start");
    assert_eq!((refuse("/Users/c").0, refuse("/Users/a").0), (0, 0));
    assert_eq!(refuse("/Nothing").0, 1, "another code is counted apart");
    mint(&mut server, "t-3", 3, &[]);
    let other = server.scim(Request::new("GET", "/Users/b"));
    assert_eq!(other.rows_written, 1, "another token has rows of its own");
    server.now = server.now.plus(60_000);
    server.alarm();
    assert_eq!(number(&server, "SELECT count FROM refused WHERE fingerprint = '' AND code = 'user-not-found'"), 2);
}

#[test]
fn beyond_64_mib_the_largest_go_first() {
    let mut server = Native::new(Dialect::Auto);
    let groups =
        [("a", "t-1", 6_000, 3_800), ("b", "t-1", 500, 3_800), ("a", "t-2", 5_500, 3_800), ("z", "t-9", 7_000, 3_800)];
    groups.iter().for_each(|(code, token, count, bytes)| insert(&server, code, token, *count, *bytes));
    (0..3_000).for_each(|n| insert(&server, &format!("c{}", n % 3), &format!("u-{n}"), 1, 3));
    let all = "SELECT sum(bytes) FROM refused";
    assert!(number(&server, all) > 70 * MIB);
    server.now = server.now.plus(2 * HOUR);
    server.get("/Users/a");
    let mut rows = number(&server, "SELECT count(*) FROM refused");
    for _ in 0..30 {
        server.now = server.now.plus(2_000);
        server.alarm();
        let left = number(&server, "SELECT count(*) FROM refused");
        assert!(rows - left <= 2_000, "{} in one step", rows - left);
        rows = left;
    }
    let bytes = number(&server, all);
    assert!((63 * MIB..=64 * MIB).contains(&bytes), "{bytes}");
    let of = |code: &str, token: &str, what: &str| {
        number(&server, &format!("SELECT {what} FROM refused WHERE code = '{code}' AND token = '{token}'"))
    };
    for (code, token, count, _) in groups {
        let (left, oldest) = (of(code, token, "count(*)"), of(code, token, "min(last_at)") - LAST_AT);
        assert_eq!(oldest, count as i64 - left + 1, "{code} {token}: the newest stay");
    }
    // Levelled from above.
    assert_eq!((of("b", "t-1", "count(*)"), of("a", "t-2", "count(*)")), (500, 5_500));
    assert!((of("a", "t-1", "count(*)") - of("z", "t-9", "count(*)")).abs() <= 50);
    assert_eq!(number(&server, "SELECT count(*) FROM refused WHERE token GLOB 'u-*'"), 3_000);
}

/// Reads one page; answers its entries' tokens and resources, where to go on, and SQLite's steps.
fn read(server: &mut Native, after: &str, filter: &str) -> (Vec<String>, String, i64) {
    let before = server.sql.steps.get();
    let page = server.console(&format!("/journal?outcome=refused&limit=200{filter}{after}"));
    let spent = server.sql.steps.get() - before;
    let found = page["entries"].as_array().unwrap().iter();
    let found = found.map(|entry| format!("{} {} {}", entry["detail"], entry["token"]["id"], entry["resource"]));
    (found.collect(), page["next"].as_str().map(|next| format!("&after={next}")).unwrap_or_default(), spent)
}

#[test]
fn a_page_looks_at_its_own_rows() {
    let mut server = Native::new(Dialect::Auto);
    (0..20).for_each(|n| insert(&server, &format!("code-{n}"), &format!("t-{}", n / 7), 500, 40));
    let (mut after, mut steps, mut seen) = (String::new(), Vec::new(), 0);
    loop {
        let (found, next, spent) = read(&mut server, &after, "");
        (seen, after) = (seen + found.len(), next);
        steps.push(spent);
        if after.is_empty() {
            break;
        }
    }
    assert_eq!((seen, steps.len()), (10_000, 50));
    // One page in ten looks for the next keys, in all rows: 20 steps each.
    let (searching, others): (Vec<i64>, Vec<i64>) = steps.iter().partition(|spent| **spent > 50_000);
    assert!(searching.len() <= 6 && searching.iter().all(|spent| *spent < 240_000), "{steps:?}");
    assert!(others.iter().all(|spent| *spent < 12_000), "{steps:?}");
}

/// Entries are copied, seen again and removed, and the object starts anew, while two read all of them.
#[test]
fn each_entry_is_shown_once_while_others_move() {
    let mut server = Native::new(Dialect::Auto);
    (0..3).for_each(|n| insert(&server, &format!("code-{n}"), &format!("t-{n}"), 500, 10 + n));
    let old = format!(
        "INSERT INTO refusals WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         SELECT printf('%064x', i), 'refused', 0, {LAST_AT} + i / 2, 'r', 't-9', '', 'GET', '/Users/' || i, \
         '{{\"code\":\"c\",\"detail\":\"d\"}}', '[]', 1 FROM n"
    );
    server.sql.connection.execute(&old, []).unwrap();
    server.memory = Memory::default();
    let mut readers = [(Vec::new(), String::new(), ""), (Vec::new(), String::new(), "&token=t-9")];
    for turn in 0..30 {
        for (seen, after, filter) in &mut readers {
            if turn == 0 || !after.is_empty() {
                let (found, next, _) = read(&mut server, after, filter);
                seen.extend(found);
                *after = next;
            }
        }
        match turn {
            0 => {
                // This one is listed last. It moves in front of what was read.
                let again = format!(
                    "UPDATE refused SET last_at = {LAST_AT} + 9000 WHERE resource = '/Users/1' AND token = 't-0'"
                );
                server.sql.connection.execute(&again, []).unwrap();
            }
            1 => drop(server.sql.connection.execute("DELETE FROM refused WHERE token = 't-1'", []).unwrap()),
            3 => server.memory = Memory::default(),
            _ => {}
        }
        server.now = server.now.plus(1_000);
        server.alarm();
    }
    for (seen, after, filter) in readers {
        let all = seen.len();
        let distinct: BTreeSet<String> = seen.into_iter().collect();
        assert_eq!((after.as_str(), all), ("", distinct.len()), "{filter}: none is shown twice");
        assert_eq!(distinct.iter().filter(|one| one.contains("\"t-9\"")).count(), 1_000, "{filter}");
        let of = |token: &str| distinct.iter().filter(|one| one.contains(token)).count();
        if filter.is_empty() {
            assert_eq!((of("\"t-0\""), of("\"t-2\"")), (499, 500));
            assert!((60..500).contains(&of("\"t-1\"")), "{}", of("\"t-1\""));
        }
    }
}

/// One alarm saves 2,000 counts, the next one the others.
#[test]
fn counts_of_very_many_repeats_are_saved_in_steps() {
    let mut server = Native::new(Dialect::Auto);
    for token in 0..5 {
        mint(&mut server, &format!("many-{token}"), token + 1, &[]);
        (0..2).for_each(|_| deletions(&mut server, 0..1));
    }
    let saved = "SELECT count(*) FROM refused WHERE count > 1";
    for expected in [0, 2_000, 2_505] {
        assert_eq!(number(&server, saved), expected);
        server.now = server.now.plus(5_000);
        assert_eq!(server.memory.unsaved.save_due_at(server.now).is_some(), expected < 2_505);
        server.alarm();
    }
    assert_eq!(number(&server, "SELECT sum(count) FROM refused"), 10_000);
}

/// The clock is a year ahead for one round of pruning, then right again.
#[test]
fn a_clock_that_was_a_year_ahead_holds_up_no_pruning() {
    let mut server = Native::new(Dialect::Auto);
    let right = server.now;
    server.now = right.plus(365 * 24 * HOUR);
    assert_eq!(server.get("/Users/ahead").status, 404);
    prune(&mut server);
    assert!(number(&server, "SELECT at FROM due WHERE what = 'prune'") > right.plus(365 * 24 * HOUR).0);
    assert_eq!(server.get("/Users/ahead").status, 404, "a repeat, which is not saved yet");
    server.now = right.plus(2 * HOUR);
    insert(&server, "code", "t", 5_000, 10);
    let old = format!(
        "UPDATE refused SET last_at = {} WHERE code = 'code' AND resource < '/Users/4'",
        right.0 - 31 * 24 * HOUR
    );
    server.sql.connection.execute(&old, []).unwrap();
    let kept = number(&server, "SELECT count(*) FROM refused WHERE resource >= '/Users/4' OR code <> 'code'");
    assert!((1_000..4_000).contains(&kept), "{kept}");
    assert_eq!(server.get("/Users/now").status, 404);
    let armed = Some(right.plus(365 * 24 * HOUR));
    let wanted = alarm::wanted_time(&server.sql, &server.memory, armed, false, server.now).unwrap();
    assert_eq!(wanted, Some(server.now.plus(alarm::AHEAD)));
    for _ in 0..6 {
        server.alarm();
        server.now = server.now.plus(1_000);
    }
    assert_eq!(number(&server, "SELECT count(*) FROM refused"), kept + 1);
    let next = number(&server, "SELECT at FROM due WHERE what = 'prune'") - server.now.0;
    assert!((HOUR - 60_000..=HOUR).contains(&next), "{next}");
    server.now = server.now.plus(60_000);
    server.alarm();
    assert_eq!(
        number(&server, "SELECT count FROM refused WHERE resource = '/Users/ahead'"),
        2,
        "counters are saved too"
    );
}

/// It was seen again before that is saved, behind the place of a reader.
#[test]
fn a_repeat_that_is_saved_while_somebody_reads_is_shown() {
    let mut server = Native::new(Dialect::Auto);
    for (path, at) in [("/Users/x", 0), ("/Users/b", 5_000), ("/Users/x", 7_000), ("/Users/a", 10_000)] {
        server.now = Timestamp(LAST_AT + at);
        assert_eq!(server.get(path).status, 404);
    }
    let mut after = String::new();
    for expected in ["/Users/a", "/Users/x", "/Users/b"] {
        let page = server.console(&format!("/journal?outcome=refused&limit=1{after}"));
        assert_eq!(page["entries"][0]["resource"], expected);
        after = format!("&after={}", page["next"].as_str().unwrap_or_default());
        server.now = server.now.plus(60_000);
        server.alarm();
    }
}

/// Long texts are cut, and the request gets its own answer.
#[test]
fn no_refusal_is_too_large_to_be_written_down() {
    let mut server = Native::new(Dialect::Auto);
    let groups: Vec<Value> =
        (0..1000).map(|n| json!({"value": format!("{n:04}{}", "é".repeat(1500)), "type": "Group"})).collect();
    let members: Vec<Value> = (0..10).map(|n| json!({"value": format!("{n}{}", "m".repeat(130_000))})).collect();
    let group = |members: &[Value]| json!({"displayName": "g", "members": members});
    let refused = server.send("POST", "/Groups", group(&groups));
    assert_eq!((refused.status, refused.rows_written), (400, 1), "{}", refused.body);
    assert_eq!(server.send("POST", "/Groups", group(&groups)).rows_written, 0, "a repeat");
    assert_eq!(
        server.send("POST", "/Groups", group(&groups[500..])).rows_written,
        0,
        "there is no room for more names"
    );
    let operations: Vec<Value> = members
        .iter()
        .map(|member| json!({"method": "POST", "path": "/Groups", "bulkId": "g", "data": group(std::slice::from_ref(member))}))
        .chain([json!({"method": "POST", "path": "/Users", "bulkId": "u", "data": {"userName": "ada"}})])
        .enumerate()
        .map(|(n, mut operation)| {
            operation["bulkId"] = json!(format!("b{n}"));
            operation
        })
        .collect();
    let bulk = server.send("POST", "/Bulk", json!({ "Operations": operations }));
    let statuses: Vec<&str> =
        bulk.body["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!((bulk.status, statuses), (200, [["400"; 10].as_slice(), &["201"]].concat()));
    let path = "é\"".repeat(3_000);
    assert_eq!(server.send("PATCH", "/Groups/g", json!({"Operations": [{"op": path, "path": path}]})).status, 400);
    for (method, body) in
        [("POST", group(&members)), ("POST", json!({"displayName": "\u{1}".repeat(1000), "members": groups}))]
    {
        assert_eq!(server.send(method, "/Groups", body).status, 400);
    }
    assert!(number(&server, "SELECT max(bytes) FROM refused") <= 4096);
    server.now = server.now.plus(60_000);
    server.alarm();
    let all = entries(&mut server, 200);
    let first = all.iter().find(|entry| entry["nestedIn"]["displayName"] == "g").unwrap();
    let names = first["names"].as_array().unwrap();
    assert!(names.len() >= 3 && names[0].as_str().unwrap().starts_with("0000é"), "{first}");
    assert_eq!(
        (&first["notes"][0], &first["count"]),
        (&json!("This entry was cut: an entry has at most 4 KiB."), &json!(3))
    );
    assert!(first["detail"].as_str().unwrap().contains("cannot hold"), "{first}");
}

/// The table of the build before: shown as it is, then copied in steps.
#[test]
fn entries_of_an_earlier_build() {
    let mut server = Native::new(Dialect::Auto);
    let sql = &server.sql.connection;
    let text = format!(
        "INSERT INTO refusals WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450) \
         SELECT printf('%064x', i), CASE WHEN i % 9 THEN 'refused' ELSE 'ignored' END, {LAST_AT} - i, {LAST_AT} + i / 3, 'r', \
         CASE WHEN i % 4 THEN 't-1' END, 'Okta', 'PUT', '/Users/' || i, CASE i % 3 WHEN 0 THEN '{{\"notes\":[\"n\"]}}' \
         ELSE json_object('code', 'code-' || (i % 3), 'status', 400, 'detail', 'd') END, '[\"a\"]', i FROM n"
    );
    sql.execute(&text, []).unwrap();
    let large = "INSERT INTO refusals WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
                 SELECT printf('%064x', 451), 'refused', 1, 1795000000000, 'r', 't-1', '', 'PUT', '/Groups/g', \
                 '{\"code\":\"nested-group\",\"detail\":\"d\",\"nestedIn\":\"g\"}', json_group_array(printf('%0128d', i)), 7 FROM n";
    sql.execute(large, []).unwrap();
    server.memory = Memory::default();
    assert_eq!(server.get("/Users/new").status, 404);
    let before = entries(&mut server, 200);
    assert_eq!(before.len(), 452);
    assert_eq!(entries(&mut server, 7), before, "both tables in one order");
    // The same refusal again, before its row was copied.
    let again = "INSERT INTO refused SELECT json_extract(error, '$.code'), token, fingerprint, outcome, last_at, last_at, request_id, \
                 idp, method, resource, error, names, 5 FROM refusals WHERE count = 1";
    server.sql.connection.execute(again, []).unwrap();
    let mut left = 451;
    while left > 0 {
        server.now = server.now.plus(1_000);
        server.alarm();
        let now = number(&server, "SELECT count(*) FROM refusals");
        assert!((1..=100).contains(&(left - now)), "{left}, then {now}");
        left = now;
    }
    server.now = server.now.plus(1_000);
    server.alarm();
    assert_eq!(number(&server, "SELECT count(*) FROM due WHERE what = 'copy-refusals'"), 0);
    assert!(number(&server, "SELECT max(bytes) FROM refused") <= 4096);
    let after = entries(&mut server, 200);
    assert_eq!(after.len(), before.len());
    for (old, new) in before.iter().zip(&after) {
        let is_large = old["resource"] == "/Groups/g";
        let count = if old["resource"] == "/Users/1" { 6 } else { old["count"].as_i64().unwrap() };
        assert_eq!(new["count"], count, "{new}");
        let mut expected = old.clone();
        expected["count"] = new["count"].clone();
        if is_large {
            assert_eq!(new["notes"], json!(["This entry was cut: an entry has at most 4 KiB."]));
            assert!((20..32).contains(&new["names"].as_array().unwrap().len()), "{new}");
            expected["names"] = new["names"].clone();
        }
        assert_eq!(*new, expected);
    }
    server.memory = Memory::default();
    assert_eq!(server.get("/Users/new").rows_written, 0, "a repeat, and no job is made due");
}
