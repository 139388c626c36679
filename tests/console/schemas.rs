//! Extension schemas that an organisation registers, on real SQLite: from the Console's PUT to what resources obey.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::imports::snapshot;
use crate::support::native::Native;
use crate::support::{Response, Server, stored};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::directory::admin::{Admin, Scope, TokenSettings};
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::query::Query;
use scim_edge::org::Memory;
use serde_json::{Value, json};

const URN: &str = "urn:coreweave:params:scim:schemas:extension:coreweave:2.0:CoreWeaveUser";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn document() -> Value {
    json!({
        "name": "CoreWeaveUser",
        "description": "What CoreWeave knows of a user.",
        "attributes": [
            {"name": "sunkSshKeys", "multiValued": true, "caseExact": true, "description": "Public keys for SUNK."},
            {"name": "uid", "type": "integer", "required": true, "mutability": "immutable", "returned": "always"},
            {"name": "seed", "mutability": "writeOnly"},
            {"name": "note", "returned": "request"},
            {"name": "hash", "returned": "never"},
            {"name": "desk", "type": "complex", "subAttributes": [
                {"name": "floor", "type": "integer", "mutability": "immutable"}, {"name": "room"},
            ]},
        ],
    })
}

fn path(urn: &str) -> String {
    format!("/schemas/{urn}")
}

fn registered(dialect: Dialect) -> Native {
    let mut server = Native::new(dialect);
    let put = server.admin("PUT", &path(URN), &document());
    assert_eq!(put.status, 201, "{}", put.body);
    server
}

fn person(name: &str, extension: Value) -> Value {
    json!({"schemas": [USER], "userName": name, URN: extension})
}

fn refused(response: &Response, status: u16, scim_type: &str, says: &str) {
    assert_eq!((response.status, response.text("scimType")), (status, scim_type), "{}", response.body);
    assert!(response.text("detail").contains(says), "{}, wanted {says}", response.body);
}

#[test]
fn a_schema_comes_changes_and_goes() {
    let mut server = Native::new(Dialect::Auto);
    let made = server.admin("PUT", &path(URN), &document());
    assert_eq!((made.status, made.text("id"), &made.body["resourceTypes"]), (201, URN, &json!(["User"])));
    assert_eq!(made.body["attributes"][0]["mutability"], "readWrite", "every characteristic is written out");
    let generation = server.generation();
    let again = server.admin("PUT", &path(URN), &made.body);
    assert_eq!((again.status, &again.body, again.rows_written), (200, &made.body, 0));
    assert_eq!(server.generation(), generation);

    let upper = URN.to_uppercase();
    assert_eq!(server.admin("GET", &path(&upper), &Value::Null).body, made.body);
    let respelled = server.admin("PUT", &path(&upper), &document());
    assert_eq!((respelled.status, respelled.text("code"), respelled.rows_written), (409, "schema-spelling", 0));
    assert!(respelled.text("detail").contains(URN), "{}", respelled.body);
    let listed = server.admin("GET", "/schemas", &Value::Null).body;
    assert_eq!(listed, json!({"schemas": [made.body]}));

    assert_eq!(server.admin("DELETE", &path(URN), &Value::Null).status, 204);
    assert!(server.generation() > generation, "it rises with a deletion too");
    for method in ["GET", "DELETE"] {
        let gone = server.admin(method, &path(URN), &Value::Null);
        assert_eq!(gone.status, 404, "{}", gone.body);
        assert!(gone.text("detail").contains(URN));
    }
    assert_eq!(server.admin("GET", "/schemas", &Value::Null).body, json!({"schemas": []}));
}

#[test]
fn refused_schemas_change_nothing() {
    let mut server = registered(Dialect::Auto);
    let generation = server.generation();
    let bad = json!({"attributes": [{"name": "a", "type": "text"}]});
    for (urn, body, status, says) in [
        ("urn:acme:x", bad, 400, "The attribute a: type"),
        ("acme", document(), 400, "URN such as"),
        (USER, document(), 409, "belongs to the SCIM standard"),
        ("urn:acme:x", json!({"attributes": [{"name": "a"}], "description": "d".repeat(70_000)}), 413, "65536"),
    ] {
        let response = server.admin("PUT", &path(urn), &body);
        assert_eq!((response.status, response.rows_written), (status, 0), "{}", response.body);
        assert!(response.text("detail").contains(says), "{}", response.body);
    }
    for number in 1..20 {
        assert_eq!(server.admin("PUT", &path(&format!("urn:acme:{number}")), &document()).status, 201);
    }
    let full = server.admin("PUT", &path("urn:acme:20"), &document());
    assert_eq!(full.status, 400, "{}", full.body);
    assert!(full.text("detail").contains("at most 20"), "{}", full.body);
    assert_eq!(server.admin("PUT", &path("urn:acme:7"), &json!({"attributes": [{"name": "b"}]})).status, 200);
    assert_eq!(server.generation(), generation + 20);
}

/// The edge reads a request under what it knows; the object answers the generation that holds, once.
#[test]
fn an_edge_that_is_behind_reads_the_request_again() {
    let mut server = registered(Dialect::Auto);
    let calls = |server: &mut Native, method: &str, body: Value| {
        let before = server.calls;
        let response = server.send(method, "/Users", body);
        (response.status, server.calls - before)
    };
    assert_eq!(calls(&mut server, "POST", person("a", json!({"uid": 1}))), (201, 2));
    assert_eq!(calls(&mut server, "POST", person("b", json!({"uid": 2}))), (201, 1));
    server.admin("PUT", &path("urn:acme:x"), &json!({"attributes": [{"name": "b", "type": "boolean"}]}));
    let wrong = json!({"userName": "c", "urn:acme:x": {"b": "perhaps"}});
    let written = server.sql.written();
    assert_eq!(calls(&mut server, "POST", wrong.clone()), (400, 2));
    assert_eq!(server.sql.written(), written + 1, "what is stale is not written down, the refusal is");
    server.admin("DELETE", &path("urn:acme:x"), &Value::Null);
    assert_eq!(calls(&mut server, "POST", wrong), (201, 2), "kept as it was sent");
    // Another instance of the object finds the same generation in its storage.
    server.memory = Default::default();
    assert_eq!(calls(&mut server, "POST", person("d", json!({"uid": 3}))), (201, 1));
}

#[test]
fn values_have_their_types() {
    let mut server = registered(Dialect::Auto);
    let made = server.send("POST", "/Users", person("a", json!({"UID": 1, "sunksshkeys": ["k1", "k2"], "other": 1})));
    assert_eq!((made.status, &made.body[URN]), (201, &json!({"uid": 1, "sunkSshKeys": ["k1", "k2"]})));
    assert_eq!(made.body["schemas"], json!([USER, URN]));
    let id = made.text("id").to_owned();
    let user = format!("/Users/{id}");
    let before = server.get(&user).body;
    for (extension, says) in [
        (json!({"uid": "one"}), format!("{URN}:uid must be a whole number")),
        (json!({"uid": 1, "sunkSshKeys": [{"key": "k"}]}), format!("{URN}:sunkSshKeys must be a string")),
        (json!({"uid": 1, "desk": {"floor": true}}), format!("{URN}:desk.floor must be a whole number")),
        (json!("x"), format!("{URN} must be an object")),
        (json!({"note": "n"}), format!("{URN}:uid is required")),
        (json!({"uid": null, "note": "n"}), format!("{URN}:uid is required")),
    ] {
        refused(&server.send("POST", "/Users", person("b", extension.clone())), 400, "invalidValue", &says);
        // A PUT that leaves out what is immutable keeps it.
        if !says.ends_with("required") {
            refused(&server.send("PUT", &user, person("a", extension)), 400, "invalidValue", &says);
        }
    }
    assert_eq!(server.send("POST", "/Users", json!({"userName": "b"})).status, 201, "the whole extension is optional");
    for (operation, says) in [
        (json!({"op": "add", "path": format!("{URN}:sunkSshKeys"), "value": [{"k": 1}]}), "sunkSshKeys must be"),
        (json!({"op": "add", "value": {URN: {"desk": {"floor": "x"}}}}), "desk.floor must be"),
    ] {
        refused(&server.send("PATCH", &user, json!({"Operations": [operation]})), 400, "invalidValue", says);
    }
    assert_eq!(server.get(&user).body, before);
}

#[test]
fn patches_of_an_extension() {
    for dialect in [Dialect::Auto, Dialect::Rfc] {
        let mut server = registered(dialect);
        let made = server.send("POST", "/Users", person("a", json!({"uid": 1, "sunkSshKeys": ["k1"]})));
        assert_eq!(made.status, 201, "{}", made.body);
        let user = format!("/Users/{}", made.text("id"));
        let keys = format!("{URN}:sunkSshKeys");
        for (operation, expected) in [
            (json!({"op": "add", "path": keys.to_uppercase(), "value": ["k2", "k1"]}), json!(["k1", "k2"])),
            (json!({"op": "add", "path": keys, "value": "k3"}), json!(["k1", "k2", "k3"])),
            (json!({"op": "remove", "path": keys, "value": ["k1"]}), json!(["k2", "k3"])),
            (json!({"op": "remove", "path": keys, "value": []}), json!(["k2", "k3"])),
            (json!({"op": "replace", "path": URN, "value": {"sunkSshKeys": ["K"]}}), json!(["K"])),
            (json!({"op": "add", "value": {keys.as_str(): ["k"]}}), json!(["K", "k"])),
            (json!({"op": "remove", "path": keys}), Value::Null),
        ] {
            let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
            let response = server.send("PATCH", &user, body.clone());
            assert_eq!((response.status, &response.body[URN]["sunkSshKeys"]), (200, &expected), "{}", response.body);
            assert_eq!(response.body[URN]["uid"], 1);
            assert_eq!(server.send("PATCH", &user, body).rows_written, 0, "{operation} repeated");
        }
    }
}

#[test]
fn immutable_and_required_values() {
    let mut server = registered(Dialect::Auto);
    let made = server.send("POST", "/Users", person("a", json!({"uid": 1, "desk": {"room": "r"}})));
    let user = format!("/Users/{}", made.text("id"));
    let patch = |op: &str, path: &str, value: Value| {
        ("PATCH", json!({"Operations": [{"op": op, "path": format!("{URN}{path}"), "value": value}]}))
    };
    let set = patch("add", ":desk.floor", json!(3));
    assert_eq!(server.send(set.0, &user, set.1).body[URN]["desk"], json!({"room": "r", "floor": 3}), "set once");
    let seq = server.console("")["lastSeq"].clone();
    for ((method, body), names) in [
        (patch("replace", ":uid", json!(2)), "uid is immutable"),
        (patch("remove", ":uid", Value::Null), "uid is immutable"),
        (patch("remove", "", Value::Null), "uid is immutable"),
        (patch("replace", ":desk.floor", json!(4)), "desk.floor is immutable"),
        (patch("remove", ":desk.floor", Value::Null), "desk.floor is immutable"),
        (("PUT", person("a", json!({"uid": 2}))), "uid is immutable"),
        (("PUT", person("a", json!({"uid": 1, "desk": {"floor": 4}}))), "desk.floor is immutable"),
    ] {
        refused(&server.send(method, &user, body), 400, "mutability", &format!("{URN}:{names}"));
    }
    assert_eq!(server.console("")["lastSeq"], seq);
    for ((method, body), expected) in [
        (patch("replace", ":uid", json!(1)), json!({"uid": 1, "desk": {"room": "r", "floor": 3}})),
        (
            ("PUT", person("a", json!({"uid": 1, "desk": {"room": "s"}}))),
            json!({"uid": 1, "desk": {"room": "s", "floor": 3}}),
        ),
        // An attribute that a PUT leaves out is cleared, unless it cannot change.
        (("PUT", person("a", json!({"uid": 1}))), json!({"uid": 1, "desk": {"floor": 3}})),
        (("PUT", json!({"userName": "a"})), json!({"uid": 1, "desk": {"floor": 3}})),
    ] {
        let response = server.send(method, &user, body.clone());
        assert_eq!((response.status, &response.body[URN]), (200, &expected), "{body}: {}", response.body);
    }
    let other = server.send("POST", "/Users", json!({"userName": "b"}));
    let other = format!("/Users/{}", other.text("id"));
    let (method, body) = patch("add", ":desk.room", json!("r"));
    refused(&server.send(method, &other, body), 400, "invalidValue", &format!("{URN}:uid is required"));
}

#[test]
fn what_is_returned() {
    let mut server = registered(Dialect::Auto);
    let all = json!({"uid": 1, "sunkSshKeys": ["k"], "seed": "secret", "note": "n", "hash": "h"});
    let made = server.send("POST", "/Users", person("a", all));
    let user = format!("/Users/{}", made.text("id"));
    assert_eq!(made.body[URN], json!({"uid": 1, "sunkSshKeys": ["k"]}));
    for (query, expected) in [
        ("", json!({"uid": 1, "sunkSshKeys": ["k"]})),
        ("?attributes=userName", json!({"uid": 1})),
        (&format!("?attributes={}", URN.to_lowercase()), json!({"uid": 1, "sunkSshKeys": ["k"]})),
        (&format!("?attributes={URN}:note,{URN}:hash,{URN}:seed"), json!({"uid": 1, "note": "n"})),
        (&format!("?excludedAttributes={URN}"), json!({"uid": 1})),
        (&format!("?excludedAttributes={URN}:SUNKSSHKEYS"), json!({"uid": 1})),
    ] {
        assert_eq!(server.get(&format!("{user}{query}")).body[URN], expected, "{query}");
        let listed = server.get(&format!("/Users{query}"));
        assert_eq!(listed.body["Resources"][0][URN], expected, "{query} in a list");
    }
    // The Console reads what is stored: what is write-only is not.
    let stored = server.console(&user.to_lowercase())["attributes"][URN].clone();
    assert_eq!(stored, json!({"uid": 1, "sunkSshKeys": ["k"], "note": "n", "hash": "h"}));
}

/// A PUT with `null` on a list of an extension keeps it, as one in the core does; in the dialect `rfc` it is cleared.
#[test]
fn null_in_a_list_of_an_extension() {
    for (dialect, kept) in [(Dialect::Auto, json!(["k"])), (Dialect::Rfc, Value::Null)] {
        let mut server = registered(dialect);
        let path = format!(
            "/Users/{}",
            server.send("POST", "/Users", person("a", json!({"uid": 1, "sunkSshKeys": ["k"]}))).text("id")
        );
        for body in [json!({"uid": 1, "sunkSshKeys": null}), json!({"uid": 1, "SUNKSSHKEYS": null, "note": "n"})] {
            let put = server.send("PUT", &path, person("a", body));
            assert_eq!((put.status, &put.body[URN]["sunkSshKeys"]), (200, &kept), "{dialect:?}: {}", put.body);
        }
        assert_eq!(server.get(&path).body[URN]["uid"], 1);
    }
}

/// `schemas` names a URN once, though two spellings of it are stored.
#[test]
fn schemas_name_nothing_twice() {
    let mut server = Native::new(Dialect::Auto);
    let path =
        format!("/Users/{}", server.send("POST", "/Users", json!({"userName": "a", "urn:a:b": {"c": 1}})).text("id"));
    let odd = "UPDATE users SET doc = json_set(doc, '$.\"URN:a:b\"', json('{\"d\":2}'))";
    server.sql.connection.execute(odd, []).unwrap();
    let patch = json!({"Operations": [{"op": "add", "path": "title", "value": "t"}]});
    assert_eq!(server.send("PATCH", &path, patch).status, 200);
    let read = server.get(&path).body;
    assert_eq!((&read["urn:a:b"]["c"], &read["URN:a:b"]["d"]), (&json!(1), &json!(2)), "{read}");
    assert_eq!(read["schemas"].as_array().unwrap().len(), 2, "{read}");
}

#[test]
fn values_from_before_and_after() {
    let mut server = Native::new(Dialect::Auto);
    let spelled = URN.to_lowercase();
    let early = json!({"userName": "a", spelled.as_str(): {"SUNKSSHKEYS": ["k"], "uid": "none", "more": 1}});
    let made = server.send("POST", "/Users", early.clone());
    assert_eq!((made.status, &made.body[&spelled]["more"]), (201, &json!(1)), "kept as it was sent");
    let user = format!("/Users/{}", made.text("id"));
    let version = server.get(&user).body["meta"].clone();
    let seq = server.console("")["lastSeq"].clone();
    server.admin("PUT", &path(URN), &document());
    // From now on every reader spells it as the schema does, without a new version and without a change.
    let canonical = json!({"uid": "none", "sunkSshKeys": ["k"], "more": 1});
    let read = server.get(&format!("{user}?attributes={URN}")).body;
    assert_eq!((&read[&spelled], &server.get(&user).body["meta"]), (&Value::Null, &version));
    assert_eq!(server.console("")["lastSeq"], seq);
    let console = server.console(&user.to_lowercase());
    assert_eq!((&console["attributes"][URN], &console["attributes"][&spelled]), (&canonical, &Value::Null));
    let feed = server.console("/changes");
    assert_eq!(feed["changes"][0]["resource"][URN], canonical, "{feed}");
    let filter = format!("/Users?filter={URN}:sunkSshKeys+eq+%22k%22");
    assert_eq!(server.get(&filter).body["totalResults"], 1);
    let off = json!({"Operations": [{"op": "replace", "value": {"active": false}}]});
    let response = server.send("PATCH", &user, off);
    assert_eq!(
        (response.status, &response.body["active"]),
        (200, &json!(false)),
        "the schema does not stand in the way"
    );
    assert_eq!(response.body[URN]["more"], 1, "written in the schema's spelling");
    let add = json!({"Operations": [{"op": "add", "path": format!("{URN}:sunkSshKeys"), "value": ["l"]}]});
    let response = server.send("PATCH", &user, add);
    assert_eq!(response.body[URN], json!({"sunkSshKeys": ["k", "l"], "uid": "none", "more": 1}), "{}", response.body);
    assert_eq!(response.body[&spelled], Value::Null, "one object, in the schema's spelling");

    server.admin("DELETE", &path(URN), &Value::Null);
    assert_eq!(server.get(&user).body[URN]["sunkSshKeys"], json!(["k", "l"]), "the values outlive the schema");
    assert_eq!(server.send("PUT", &user, early).status, 200, "and are judged no more");
}

/// A path must mean one attribute: no URN begins another one at a colon.
#[test]
fn urns_that_begin_alike() {
    let mut server = Native::new(Dialect::Auto);
    let body = json!({"attributes": [{"name": "code"}]});
    for (urn, status) in [
        ("urn:a:b", 201),
        ("urn:a:b:c", 409),
        ("URN:A:B:c:User", 409),
        ("urn:a:bc", 201),
        ("urn:a:b.c", 201),
        ("urn:a:x:y:2.0:User", 201),
        ("urn:a:x:Y", 409),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0", 409),
        ("urn:a:b", 200),
    ] {
        let put = server.admin("PUT", &path(urn), &body);
        assert_eq!(put.status, status, "{urn}: {}", put.body);
        assert_eq!(put.text("code") == "schema-ambiguous", status == 409, "{urn}: {}", put.body);
    }
    server.admin("DELETE", &path("urn:a:b"), &Value::Null);
    assert_eq!(server.admin("PUT", &path("urn:a:b:c"), &body).status, 201);
}

/// A directory that takes many steps is written by the alarm, a step at a time, and a step that is taken twice does no harm.
#[test]
fn stored_spellings_are_rewritten_in_steps() {
    let mut server = Native::new(Dialect::Auto);
    server.sql.connection.execute_batch(&(stored::users(0..3000) + stored::totals())).unwrap();
    let odd = "UPDATE users SET doc = json_set(doc, '$.\"urn:ACME:note\"', json('{\"TEXT\":\"Straße \u{c9}\"}'), \
               '$.schemas[1]', 'urn:ACME:note')";
    server.sql.connection.execute(odd, []).unwrap();
    let group = server
        .send("POST", "/Groups", json!({"displayName": "g", "URN:acme:NOTE": {"text": "t"}}))
        .text("id")
        .to_owned();
    let versions = |server: &Native| -> (i64, i64, i64) {
        let text = "SELECT sum(version), sum(modified), (SELECT max(seq) FROM changes) FROM users";
        server.sql.connection.query_row(text, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    };
    let left = |server: &Native| -> i64 {
        let text = "SELECT count(*) FROM users WHERE json_type(doc, '$.\"urn:acme:Note\".text') IS NULL";
        server.sql.connection.query_row(text, [], |row| row.get(0)).unwrap()
    };
    let before = versions(&server);
    let schema = json!({"resourceTypes": ["User", "Group"], "attributes": [{"name": "text"}]});
    assert_eq!(server.admin("PUT", &path("urn:acme:Note"), &schema).status, 201);
    assert!((1..3000).contains(&left(&server)), "{}", left(&server));
    // Until the job is done every reader spells, and every filter finds: no client sees how far it has come.
    let note = json!({"text": "Straße \u{c9}"});
    let last = stored::user(2999);
    let shown = server.get(&format!("/Users/{last}")).body;
    assert_eq!((&shown["urn:acme:Note"], &shown["urn:ACME:note"]), (&note, &Value::Null));
    assert_eq!(shown["schemas"][1], "urn:acme:Note");
    let filter = "filter=urn:acme:Note:text+eq+%22stra%C3%9Fe+%C3%A9%22";
    for list in ["&count=1&startIndex=3000", "&count=1&sortBy=urn:acme:Note:text&startIndex=3000"] {
        let found = server.get(&format!("/Users?{filter}{list}")).body;
        assert_eq!((&found["totalResults"], &found["Resources"][0]["urn:acme:Note"]), (&json!(3000), &note), "{list}");
    }
    let none = server.get("/Users?count=1&filter=not+(urn:acme:Note:text+pr)+or+urn:acme:Note:text+eq+%22x%22").body;
    assert_eq!(none["totalResults"], 0);
    let preview = server.preview(&json!({"method": "GET", "path": format!("/Users/{last}")})).body;
    assert_eq!(preview["answer"]["body"]["urn:acme:Note"], note, "{preview}");
    assert_eq!(server.console(&format!("/users/{last}"))["attributes"]["urn:acme:Note"], note);
    assert_eq!(server.console("/groups")["groups"][0]["attributes"]["urn:acme:Note"], json!({"text": "t"}));
    let feed = server.console("/changes?after=0");
    let made = feed["changes"].as_array().unwrap().iter().find(|change| change["resourceType"] == "Group").unwrap();
    assert_eq!(made["resource"]["urn:acme:Note"], json!({"text": "t"}), "{feed}");
    let lines = snapshot(&mut server);
    assert_eq!(lines.iter().filter(|line| line.contains("\"urn:acme:Note\":{\"text\"")).count(), 3001);
    assert_eq!(lines.iter().filter(|line| line.contains("urn:ACME:note") || line.contains("URN:acme:NOTE")).count(), 0);
    for _ in 0..20 {
        server.now = server.now.plus(1_000);
        server.alarm();
    }
    assert_eq!((left(&server), versions(&server)), (0, before));
    let found = server.get("/Users?filter=urn:acme:Note:text+eq+%22stra%C3%9Fe+%C3%A9%22&count=1").body;
    assert_eq!(
        (&found["totalResults"], &found["Resources"][0]["schemas"][1]),
        (&json!(3000), &json!("urn:acme:Note")),
        "{found}"
    );
    assert_eq!(server.get(&format!("/Groups/{group}")).body["urn:acme:Note"]["text"], "t");
    let due = "SELECT count(*) FROM due WHERE what = 'spelling'";
    let due: i64 = server.sql.connection.query_row(due, [], |row| row.get(0)).unwrap();
    assert_eq!(due, 0, "nothing is left to do");
}

/// A step ends by its bytes too: few large documents are as much work as many small ones.
#[test]
fn large_documents_are_left_to_the_next_steps() {
    let mut server = Native::new(Dialect::Auto);
    server.sql.connection.execute_batch(&(stored::users(0..100) + stored::totals())).unwrap();
    let odd = "UPDATE users SET doc = json_set(doc, '$.\"urn:ACME:note\"', json('{\"TEXT\":\"t\"}'), '$.title', ?1)";
    server.sql.connection.execute(odd, ["x".repeat(250_000)]).unwrap();
    let schema = json!({"attributes": [{"name": "text"}]});
    assert_eq!(server.admin("PUT", &path("urn:acme:Note"), &schema).status, 201);
    let left = "SELECT count(*) FROM users WHERE json_type(doc, '$.\"urn:acme:Note\"') IS NULL";
    let left: i64 = server.sql.connection.query_row(left, [], |row| row.get(0)).unwrap();
    assert!((1..100).contains(&left), "{left}");
}

/// A build from before the job writes documents in another spelling, and a folded document that says what was. After it the way
/// forward begins the job again, once.
#[test]
fn a_rollback_and_the_way_forward_begin_it_again() {
    let mut server = Native::new(Dialect::Auto);
    let schema = json!({"attributes": [{"name": "text"}]});
    assert_eq!(server.admin("PUT", &path("urn:acme:Note"), &schema).status, 201);
    let made = server.send(
        "POST",
        "/Users",
        json!({"userName": "a", "displayName": "\u{c9}", "urn:acme:Note": {"text": "t"}}),
    );
    let user = format!("/Users/{}", made.text("id"));
    let restart = |server: &mut Native| {
        server.memory = Memory::default();
        server.now = server.now.plus(60_000);
        let written = server.get("/Users?count=0").rows_written;
        (0..3).for_each(|_| server.alarm());
        written
    };
    assert_eq!(restart(&mut server), 0, "nothing is to do");
    // The row that such a build writes: it knows neither the column of the change nor the folded document.
    server
        .sql
        .connection
        .execute_batch(
            "UPDATE users SET doc = replace(replace(doc, 'urn:acme:Note', 'URN:acme:NOTE'), '\u{c9}', '\u{dc}');
             INSERT INTO changes (seq, request_seq, at, request_id, idp, repairs, kind, resource, id, users, active_users, groups,
             memberships) SELECT seq + 1, seq + 1, at, 'r', '', '[]', 'updated', resource, id, users, active_users, groups,
             memberships FROM changes ORDER BY seq DESC LIMIT 1",
        )
        .unwrap();
    assert!(restart(&mut server) > 0);
    for filter in ["displayName+eq+%22%C3%BC%22", "urn:acme:Note:text+eq+%22t%22"] {
        assert_eq!(server.get(&format!("/Users?filter={filter}")).body["totalResults"], 1, "{filter}");
    }
    assert_eq!(server.get("/Users?filter=displayName+eq+%22%C3%A9%22").body["totalResults"], 0);
    assert_eq!(restart(&mut server), 0, "begun once for that change");
    let title = json!({"Operations": [{"op": "add", "path": "title", "value": "t"}]});
    assert_eq!(server.send("PATCH", &user, title).status, 200);
    assert_eq!(restart(&mut server), 0, "this build wrote the last change");
}

#[test]
fn groups_too() {
    let mut server = Native::new(Dialect::Auto);
    let urn = "urn:acme:2.0:Team";
    let body = json!({"resourceTypes": ["Group"], "attributes": [{"name": "code", "mutability": "immutable"}]});
    assert_eq!(server.admin("PUT", &path(urn), &body).status, 201);
    let made = server.send("POST", "/Groups", json!({"displayName": "g", urn: {"CODE": "1"}}));
    assert_eq!((made.status, &made.body[urn]), (201, &json!({"code": "1"})));
    let group = format!("/Groups/{}", made.text("id"));
    let change = json!({"Operations": [{"op": "replace", "path": format!("{urn}:code"), "value": "2"}]});
    refused(&server.send("PATCH", &group, change), 400, "mutability", "code is immutable");
    refused(&server.send("PUT", &group, json!({"displayName": "g", urn: {"code": "2"}})), 400, "mutability", "code");
    assert_eq!(server.send("PUT", &group, json!({"displayName": "h"})).body[urn], json!({"code": "1"}));
    let user = server.send("POST", "/Users", json!({"userName": "a", urn: {"CODE": "1"}}));
    assert_eq!(user.body[urn], json!({"CODE": "1"}), "users know nothing of it");
}

#[test]
fn discovery_says_what_is_registered() {
    let mut server = registered(Dialect::Auto);
    let listed = server.get("/Schemas").body;
    let ids: Vec<&str> = listed["Resources"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&URN), "{ids:?}");
    let one = server.get(&format!("/Schemas/{}", URN.to_uppercase()));
    assert_eq!((one.status, one.text("id"), &one.body["attributes"][0]["name"]), (200, URN, &json!("sunkSshKeys")));
    assert_eq!(one.body["meta"]["location"], format!("https://edge.test/acme/scim/v2/Schemas/{URN}"));
    let user = server.get("/ResourceTypes/User").body;
    assert!(user["schemaExtensions"].as_array().unwrap().contains(&json!({"schema": URN, "required": false})));
    assert_eq!(server.get("/ResourceTypes/Group").body["schemaExtensions"], Value::Null);
    for (path, status) in [("/Schemas/urn:nothing", 404), ("/ResourceTypes/Device", 404), ("/Schemas?filter=a", 403)] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
        assert_eq!(server.send("POST", path, json!({})).status, 405, "{path}");
    }
    server.admin("DELETE", &path(URN), &Value::Null);
    assert_eq!(server.get(&format!("/Schemas/{URN}")).status, 404);
}

#[test]
fn who_may_register() {
    let mut server = registered(Dialect::Auto);
    let scim = server.token.hash();
    let mut actor = |kind, seed, scope| {
        server.token = Token::mint(kind, [seed; 32]);
        let settings = TokenSettings {
            name: "t".into(),
            kind,
            dialect: Dialect::Auto,
            scope,
            expires_at: None,
            address_ranges: Vec::new(),
        };
        server.mint(&format!("t-{seed}"), &settings);
        server.token.hash()
    };
    let (admin, read) =
        (actor(TokenKind::Console, 8, Some(Scope::Admin)), actor(TokenKind::Console, 9, Some(Scope::Read)));
    for (hash, reads, changes) in [(admin, None, None), (read, None, Some(403)), (scim, Some(401), Some(401))] {
        let mut asked = |ask| {
            let actor = Actor::Token { hash, dialect: Dialect::Auto };
            server.call(actor, ask).outcome.err().map(|error| error.kind().status())
        };
        let put = scim_edge::console::schema(URN, document().to_string().as_bytes()).unwrap();
        assert_eq!(asked(Ask::Read(Query::Schemas)), reads);
        assert_eq!(asked(Ask::Read(Query::Schema { urn: URN.into() })), reads);
        assert_eq!(asked(Ask::Admin(put)), changes);
        assert_eq!(asked(Ask::Admin(Admin::DeleteSchema { urn: "urn:x:y".into() })), changes.or(Some(404)));
    }
}

#[test]
fn filters_and_sorting_know_the_attributes() {
    let mut server = registered(Dialect::Auto);
    for (name, uid, keys) in [("a", 2, json!(["K1"])), ("b", 1, json!(["k1", "k2"])), ("c", 3, json!([]))] {
        let body = person(name, json!({"uid": uid, "sunkSshKeys": keys, "desk": {"room": name, "floor": uid}}));
        assert_eq!(server.send("POST", "/Users", body).status, 201);
    }
    for (query, expected) in [
        (format!("filter={URN}:uid+gt+1&sortBy={URN}:uid&sortOrder=descending"), "c a"),
        (format!("filter={}:SUNKSSHKEYS+eq+%22k1%22", URN.to_uppercase()), "b"),
        (format!("filter={URN}:sunkSshKeys+pr&sortBy={URN}:uid"), "b a"),
        (format!("filter={URN}:desk[room+eq+%22c%22+and+floor+eq+3]"), "c"),
        (format!("filter=userName+eq+%22a%22+and+{URN}:desk.floor+eq+2"), "a"),
    ] {
        let found = server.get(&format!("/Users?{query}")).body;
        let resources = found["Resources"].as_array().unwrap_or_else(|| panic!("{query}: {found}"));
        let names: Vec<&str> = resources.iter().map(|user| user["userName"].as_str().unwrap()).collect();
        assert_eq!(names.join(" "), expected, "{query}");
    }
    let wrong = server.get(&format!("/Users?filter={URN}:nothing+eq+1"));
    refused(&wrong, 400, "invalidFilter", "nothing");
    let hidden = server.get(&format!("/Users?sortBy={URN}:hash"));
    refused(&hidden, 400, "invalidValue", "never returned");
}
