//! Names: what they may be made of, and white space around them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::{Response, Server};
use rusqlite::params;
use scim_edge::auth::Dialect;
use scim_edge::fold::fold;
use serde_json::{Value, json};

fn patch(path: &str, value: Value) -> Value {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    json!({"schemas": schemas, "Operations": [{"op": "replace", "path": path, "value": value}]})
}

fn user(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name})
}

fn group(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name})
}

/// A user who was stored with such a name before the rule.
fn stored(server: &mut Native, name: &str) -> String {
    let id = server.send("POST", "/Users", user("stored")).text("id").to_owned();
    let set = "UPDATE users SET user_name = ?1, user_name_key = ?2, doc = ?3 WHERE id = ?4";
    let mut doc = user(name);
    doc["active"] = json!(true);
    server.sql.connection.execute(set, params![name, fold(name), doc.to_string(), id]).unwrap();
    format!("/Users/{id}")
}

fn found(server: &mut Native, filter: &str) -> Vec<String> {
    let query = filter.replace('%', "%25").replace(' ', "%20").replace('\t', "%5Ct");
    let kind = if filter.starts_with("displayName") { "Groups" } else { "Users" };
    let found = server.get(&format!("/{kind}?filter={query}"));
    let name = if kind == "Users" { "userName" } else { "displayName" };
    found.body["Resources"].as_array().unwrap().iter().map(|one| one[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_character_that_is_not_seen_is_refused_by_every_verb() {
    for dialect in [Dialect::Auto, Dialect::Rfc] {
        let mut server = Native::new(dialect);
        let person = format!("/Users/{}", server.send("POST", "/Users", user("a")).text("id"));
        let team = format!("/Groups/{}", server.send("POST", "/Groups", group("g")).text("id"));
        for hidden in ['\u{1}', '\u{85}', '\u{2028}', '\u{202e}', '\u{200b}', '\u{2060}', '\u{e0001}'] {
            let name = format!("a{hidden}b");
            for (method, path, body) in [
                ("POST", "/Users", user(&name)),
                ("PUT", &*person, user(&name)),
                ("PATCH", &*person, patch("userName", json!(name))),
                ("POST", "/Groups", group(&name)),
                ("PUT", &*team, group(&name)),
                ("PATCH", &*team, patch("displayName", json!(name))),
            ] {
                let answer: Response = server.send(method, path, body);
                assert_eq!((answer.status, answer.text("scimType")), (400, "invalidValue"), "{}", answer.body);
                let says = format!("U+{:04X}", u32::from(hidden));
                assert!(answer.text("detail").contains(&says), "{says}: {}", answer.body);
            }
        }
        // A user's displayName is no key; a group may have an emoji.
        let shown = server.send("PATCH", &person, patch("displayName", json!("a\u{200b}b")));
        assert_eq!(shown.status, 200, "{}", shown.body);
        assert_eq!(server.send("POST", "/Groups", group("❤\u{fe0f} 👩\u{200d}💻")).status, 201);
    }
}

#[test]
fn white_space_around_a_name() {
    let mut server = Native::new(Dialect::Auto);
    let made = server.send("POST", "/Users", user(" ada "));
    assert_eq!((made.status, made.text("userName")), (201, "ada"));
    for name in ["ada", " ada", "ADA\t"] {
        let again = server.send("POST", "/Users", user(name));
        assert_eq!((again.status, again.text("scimType")), (409, "uniqueness"), "{}", again.body);
        assert_eq!(found(&mut server, &format!("userName eq \"{name}\"")), ["ada"]);
    }
    assert_eq!(server.send("POST", "/Groups", group("crew ")).text("displayName"), "crew");
    assert_eq!(server.send("POST", "/Groups", group(" Crew")).status, 409);
    assert_eq!(found(&mut server, "displayName eq \"crew \""), ["crew"]);
    // A user who was stored with white space is found both ways it is sent, changed and deactivated with it.
    let path = stored(&mut server, "bob ");
    assert_eq!(found(&mut server, "userName eq \"bob \""), ["bob "]);
    assert_eq!(server.send("POST", "/Users", user("bob ")).status, 409);
    assert_eq!(server.send("POST", "/Users", user("bob")).status, 201);
    assert_eq!(found(&mut server, "userName eq \"bob \""), ["bob ", "bob"]);
    let mut echoed = server.get(&path).body;
    echoed["active"] = json!(false);
    let put = server.send("PUT", &path, echoed);
    assert_eq!((put.status, put.text("userName"), &put.body["active"]), (200, "bob ", &json!(false)), "{}", put.body);
    assert_eq!(server.send("PUT", &path, user("bob  ")).status, 409, "the name without is taken");
}

#[test]
fn the_dialect_rfc_refuses_white_space_and_looks_for_what_is_sent() {
    let mut server = Native::new(Dialect::Rfc);
    assert_eq!(server.send("POST", "/Users", user("ada")).status, 201);
    let refused = server.send("POST", "/Users", user("ada "));
    assert_eq!((refused.status, refused.text("scimType")), (400, "invalidValue"), "{}", refused.body);
    assert_eq!(server.send("POST", "/Groups", group(" g")).status, 400);
    assert_eq!(found(&mut server, "userName eq \"ada \""), Vec::<String>::new());
    let path = stored(&mut server, "bob ");
    let off = server.send("PATCH", &path, patch("active", json!(false)));
    assert_eq!((off.status, off.text("userName")), (200, "bob "));
}

/// Both spellings are looked up by the index, whatever else the filter says.
#[test]
fn a_look_up_with_white_space_reads_no_other_row() {
    let mut server = Native::new(Dialect::Auto);
    for n in 0..50 {
        assert_eq!(server.send("POST", "/Users", user(&format!("u{n}"))).status, 201);
    }
    let read = |server: &mut Native, filter: &str| {
        let before = server.sql.steps.get();
        assert_eq!(found(server, filter).len(), 1, "{filter}");
        server.sql.steps.get() - before
    };
    let plain = read(&mut server, "userName eq \"u7\"");
    for filter in
        ["userName eq \"u7 \"", "userName eq \" u7\" and active eq true", "userName eq \"u7 \" or id eq \"x\""]
    {
        let steps = read(&mut server, filter);
        assert!(steps < plain * 3, "{filter}: {steps} steps, {plain} for one name");
    }
}
