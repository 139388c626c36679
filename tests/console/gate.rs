//! One gate for every write: a rule holds whatever verb a change is sent by, and speaks of what the request changes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::{Response, Server};
use scim_edge::auth::Dialect;
use scim_edge::scim::{constraints, limits};
use serde_json::{Map, Value, json};

const URN: &str = "urn:acme:params:scim:badge:1.0:User";

/// Registers a schema with every kind of rule. `desk.floor` is set once, `codes` is a list that is required.
fn register(server: &mut Native) {
    let attribute = |name: &str, rules: Value| {
        let mut attribute = json!({"name": name});
        attribute.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
        attribute
    };
    let once = json!({"mutability": "immutable"});
    let subs = json!([{"name": "floor", "mutability": "immutable"}, {"name": "room"}]);
    let keys = json!([{"name": "value", "required": true}, {"name": "issued", "mutability": "immutable"}]);
    let document = json!({"attributes": [
        attribute("number", once),
        attribute("color", json!({})),
        attribute("codes", json!({"multiValued": true, "required": true})),
        attribute("desk", json!({"type": "complex", "subAttributes": subs})),
        attribute("keys", json!({"type": "complex", "multiValued": true, "subAttributes": keys})),
    ]});
    let answer = server.admin("PUT", &format!("/schemas/{URN}"), &document);
    assert_eq!(answer.status, 201, "{}", answer.body);
}

fn server() -> Native {
    let mut server = Native::new(Dialect::Auto);
    register(&mut server);
    server
}

fn person(extension: Value) -> Value {
    json!({"userName": "a", "externalId": "x", URN: extension})
}

fn patch(op: &str, path: &str, value: Value) -> Value {
    json!({"Operations": [{"op": op, "path": path, "value": value}]})
}

fn made(server: &mut Native, extension: Value) -> String {
    let made = server.send("POST", "/Users", person(extension));
    assert_eq!(made.status, 201, "{}", made.body);
    format!("/Users/{}", made.text("id"))
}

/// Puts attributes into the storage past the service, as an earlier version of the rules let them in.
fn store(server: &Native, path: &str, attributes: &Value) {
    let id = path.rsplit('/').next().unwrap();
    let active = i64::from(attributes["active"] != false);
    let set = "UPDATE users SET doc = ?1, active = ?2 WHERE id = ?3";
    server.sql.connection.execute(set, (attributes.to_string(), active, id)).unwrap();
}

fn stored(server: &Native, path: &str) -> Map<String, Value> {
    let id = path.rsplit('/').next().unwrap();
    let doc: String =
        server.sql.connection.query_row("SELECT doc FROM users WHERE id = ?1", [id], |row| row.get(0)).unwrap();
    serde_json::from_str(&doc).unwrap()
}

fn refused(answer: &Response, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.text("detail").contains(says), "{}, wanted {says}", answer.body);
}

#[test]
fn a_user_who_comes_back_is_judged_as_by_a_put() {
    let mut server = server();
    let badge = json!({"number": "1", "codes": ["c"], "desk": {"floor": "3", "room": "r"}});
    let path = made(&mut server, badge.clone());
    let off = patch("replace", "active", json!(false));
    assert_eq!(server.send("PATCH", &path, off.clone()).status, 200);
    for (extension, says) in [
        (json!({"number": "2", "codes": ["c"]}), "number is immutable"),
        (json!({"number": "1", "codes": ["c"], "desk": {"floor": "4"}}), "desk.floor is immutable"),
        (json!({"number": "1", "codes": []}), "codes is required"),
    ] {
        refused(&server.send("POST", "/Users", person(extension)), 400, says);
    }
    // An attribute that the POST leaves out and may not clear is there again.
    let back = server.send("POST", "/Users", json!({"userName": "A", "externalId": "x", "title": "t"}));
    assert_eq!((back.status, &back.body["active"]), (201, &json!(true)), "{}", back.body);
    assert_eq!(back.body[URN], json!({"number": "1", "codes": ["c"], "desk": {"floor": "3"}}));
    assert_eq!(server.send("PATCH", &path, off).status, 200);

    let sync = json!({"sync": {"updateProfiles": false}});
    assert_eq!(server.admin("PUT", "", &sync).status, 200);
    let back = server.send("POST", "/Users", json!({"userName": "a", "externalId": "x", "title": "other"}));
    assert_eq!((back.status, &back.body["active"]), (201, &json!(true)), "{}", back.body);
    assert_eq!((back.text("title"), back.text("userName")), ("t", "A"), "profiles are not updated");
    assert_eq!(back.body[URN]["number"], "1");
}

#[test]
fn the_same_rules_by_put_and_by_patch() {
    let badge = json!({"number": "1", "codes": ["c", "d"], "desk": {"floor": "3", "room": "r"},
                       "keys": [{"value": "k", "issued": "i"}]});
    let with = |name: &str, value: Value| {
        let mut changed = badge.clone();
        changed[name] = value;
        changed
    };
    // An immutable value stays when its parent goes.
    let mut server = server();
    let path = made(&mut server, badge.clone());
    for (op, rest, value, says) in [
        ("remove", ":desk", Value::Null, "desk.floor is immutable"),
        ("remove", "", Value::Null, "is immutable"),
        ("replace", ":desk", Value::Null, "desk.floor is immutable"),
        ("replace", ":keys[value eq \"k\"].issued", json!("j"), "keys.issued is immutable"),
        ("remove", ":codes", Value::Null, "codes is required and cannot be removed"),
        ("remove", ":codes", json!(["c", "d"]), "codes is required and cannot be removed"),
        ("remove", ":keys[value eq \"k\"].value", Value::Null, "keys.value is required"),
        ("replace", ":codes", json!([]), "codes is required"),
    ] {
        refused(&server.send("PATCH", &path, patch(op, &format!("{URN}{rest}"), value)), 400, says);
    }
    for extension in [
        with("number", json!("2")),
        with("codes", json!([])),
        with("keys", json!([{"value": "k", "issued": "j"}])),
        with("keys", json!([{"issued": "i"}])),
    ] {
        assert_eq!(server.send("PUT", &path, person(extension)).status, 400);
    }
    // One of several values of a required list goes; elements of a list come and go.
    let one = patch("remove", &format!("{URN}:codes"), json!(["c"]));
    assert_eq!(server.send("PATCH", &path, one).body[URN]["codes"], json!(["d"]));
    let gone = patch("remove", &format!("{URN}:keys[value eq \"k\"]"), Value::Null);
    assert_eq!(server.send("PATCH", &path, gone).body[URN]["keys"], Value::Null);
    // A PUT that leaves all of the extension out leaves what every later PATCH accepts.
    let bare = server.send("PUT", &path, json!({"userName": "a"}));
    assert_eq!((bare.status, &bare.body[URN]), (200, &json!({"number": "1", "codes": ["d"], "desk": {"floor": "3"}})));
    let later = patch("add", &format!("{URN}:color"), json!("red"));
    assert_eq!(server.send("PATCH", &path, later).status, 200);
}

#[test]
fn what_was_stored_before_stays_with_one_note() {
    for (extension, note) in [
        (json!({"color": "red"}), "codes is required"),
        (json!({"codes": ["c"], "keys": [{"issued": "i"}]}), "keys.value is required"),
        (json!({"codes": (0..1500).map(|n| n.to_string()).collect::<Vec<_>>()}), "codes would have 1500 values"),
    ] {
        let mut server = server();
        let path = made(&mut server, json!({"codes": ["c"]}));
        let mut attributes = person(extension);
        attributes["active"] = json!(true);
        store(&server, &path, &attributes);
        let color = patch("add", &format!("{URN}:color"), json!("blue"));
        for (method, body) in [("PATCH", color), ("PATCH", patch("replace", "active", json!(false)))] {
            let answer = server.send(method, &path, body.clone());
            assert_eq!(answer.status, 200, "{}", answer.body);
            let noted = server.console("/journal")["entries"][0].to_string();
            assert_eq!(noted.matches("Stored before and kept").count(), 1, "{noted}");
            assert!(noted.contains(note), "{noted}");
            assert_eq!(server.send(method, &path, body).rows_written, 0, "repeated");
        }
        let mut echoed = server.get(&path).body;
        echoed["active"] = json!(true);
        assert_eq!(server.send("PUT", &path, echoed.clone()).status, 200);
        echoed["active"] = json!(false);
        assert_eq!(server.send("PUT", &path, echoed).body["active"], false);
        assert_eq!(server.send("DELETE", &path, Value::Null).status, 204);
    }
}

/// How many rules a resource breaks.
fn broken(server: &Native, attributes: &Map<String, Value>) -> Vec<String> {
    let mut broken = constraints::missing_required(&server.types.user, None, attributes, 100);
    broken.extend(limits::check_changed(&Map::new(), attributes).err().map(|error| error.detail));
    broken
}

/// A value of an attribute, one that breaks a rule at times.
fn value(random: &mut Random, name: &str) -> Value {
    let text = |random: &mut Random| random.of(&["a", "b", "c"]).to_owned();
    let many = if random.one_in(12) { 1001 } else { random.below(3) };
    match name {
        "codes" => (0..many).map(|n| json!(n.to_string())).collect(),
        "desk" => {
            let mut desk = json!({"room": text(random)});
            if random.one_in(2) {
                desk["floor"] = json!(text(random));
            }
            desk
        }
        "keys" => {
            let key = |random: &mut Random| match random.below(4) {
                0 => json!({"issued": text(random)}),
                1 => json!({"value": text(random)}),
                _ => json!({"value": text(random), "issued": text(random)}),
            };
            (0..random.below(3)).map(|_| key(random)).collect()
        }
        "title" if random.one_in(4) => Value::Null,
        "displayName" if random.one_in(6) => json!("d".repeat(1025)),
        _ => json!(text(random)),
    }
}

const NAMES: [&str; 7] = ["title", "displayName", "number", "color", "codes", "desk", "keys"];

/// Sets one attribute in the resource that a PUT sends.
fn set(resource: &mut Value, name: &str, value: Value) {
    let object = match name {
        "title" | "displayName" => resource.as_object_mut().unwrap(),
        _ => resource.as_object_mut().unwrap().entry(URN).or_insert_with(|| json!({})).as_object_mut().unwrap(),
    };
    match value.is_null() {
        true => drop(object.remove(name)),
        false => drop(object.insert(name.to_owned(), value)),
    }
}

/// A stored state, valid or from before the rules.
fn state(random: &mut Random, old: bool) -> Value {
    let mut state = json!({"userName": "a", "externalId": "x", "active": true});
    for name in NAMES.into_iter().filter(|_| random.one_in(2)).collect::<Vec<_>>() {
        let value = value(random, name);
        if value.as_array().is_none_or(|list| !list.is_empty()) {
            set(&mut state, name, value);
        }
    }
    if !old && let Some(extension) = state.get_mut(URN) {
        extension["codes"] = json!(["c"]);
        extension["keys"] = json!([{"value": "k"}]);
        state.as_object_mut().unwrap().remove("displayName");
    }
    state
}

#[test]
fn no_sequence_of_verbs_breaks_a_rule() {
    let mut random = Random(0x5eed_0015);
    for round in 0..40 {
        let mut server = server();
        let path = made(&mut server, json!({"codes": ["c"]}));
        server.get(&path);
        store(&server, &path, &state(&mut random, round % 2 == 0));
        let mut before = broken(&server, &stored(&server, &path));
        for _ in 0..12 {
            let name = random.of(&NAMES).to_owned();
            let value = value(&mut random, &name);
            let full =
                if matches!(name.as_str(), "title" | "displayName") { name.clone() } else { format!("{URN}:{name}") };
            let mut whole = Value::Object(stored(&server, &path));
            whole.as_object_mut().unwrap().remove("schemas");
            set(&mut whole, &name, value.clone());
            let off = patch("replace", "active", json!(false));
            let (method, to, body) = match random.below(6) {
                0 => ("PUT", path.clone(), whole),
                1 => ("PATCH", path.clone(), patch("add", &full, value)),
                2 => ("PATCH", path.clone(), patch("remove", &full, Value::Null)),
                3 => (
                    "PATCH",
                    path.clone(),
                    json!({"Operations": [
                        {"op": "remove", "path": full}, {"op": "add", "path": full, "value": value},
                    ]}),
                ),
                4 => {
                    let answer = server.send("PATCH", &path, off);
                    assert_eq!(answer.status, 200, "a deactivation: {}", answer.body);
                    whole["active"] = json!(true);
                    ("POST", "/Users".to_owned(), whole)
                }
                _ => ("PATCH", path.clone(), patch("replace", &full, value)),
            };
            let answer = server.send(method, &to, body.clone());
            let after = broken(&server, &stored(&server, &path));
            let grown: Vec<&String> = after.iter().filter(|one| !before.contains(one)).collect();
            assert!(grown.is_empty(), "{method} {body} answered {} and broke {grown:?}", answer.status);
            before = after;
        }
        let mut off = Value::Object(stored(&server, &path));
        off["active"] = json!(false);
        let answer = server.send("PUT", &path, off);
        assert_eq!(answer.status, 200, "a deactivation by PUT: {}", answer.body);
        assert_eq!(server.send("DELETE", &path, Value::Null).status, 204);
    }
}

#[test]
fn the_same_change_by_put_and_by_patch_has_the_same_result() {
    let mut random = Random(0x5eed_0016);
    let (mut taken, mut turned_down) = (0, 0);
    for round in 0..300 {
        let state = state(&mut random, round % 2 == 0);
        let name = random.of(&NAMES).to_owned();
        let value = value(&mut random, &name);
        let full =
            if matches!(name.as_str(), "title" | "displayName") { name.clone() } else { format!("{URN}:{name}") };
        let mut whole = state.clone();
        // A PATCH merges an object into the stored one.
        let merged = match (&value, &state[URN][&name]) {
            (Value::Object(new), Value::Object(old)) => {
                let mut merged = old.clone();
                merged.extend(new.clone());
                Value::Object(merged)
            }
            _ => value.clone(),
        };
        set(&mut whole, &name, merged);
        let mut results = Vec::new();
        for (method, body) in [("PUT", whole.clone()), ("PATCH", patch("replace", &full, value.clone()))] {
            let mut server = server();
            let path = made(&mut server, json!({"codes": ["c"]}));
            store(&server, &path, &state);
            let answer = server.send(method, &path, body);
            let mut after = stored(&server, &path);
            after.remove("schemas");
            results.push((answer.status, after, answer.body));
        }
        let [put, patched] = results.try_into().unwrap();
        assert_eq!((put.0, &put.1), (patched.0, &patched.1), "{state} {name} {value}: {} {}", put.2, patched.2);
        if put.0 == 200 { taken += 1 } else { turned_down += 1 }
    }
    assert!(taken > 100 && turned_down > 20, "{taken} {turned_down}");
}
