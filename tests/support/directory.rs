//! A random directory: users with every kind of attribute, values from small pools so that filters find some of them.

use super::Server;
use super::random::Random;
use scim_edge::scim::schema::{Attribute, Schema, Type, Types};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

pub const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Text that differs by case, width, accent, length, and by what SQL or JSON could stumble over.
pub const TEXTS: [&str; 16] = [
    "work",
    "Work",
    "home",
    "École",
    "école",
    "e\u{301}cole",
    "ＡＢＣ",
    "abc",
    "Straße",
    "STRASSE",
    "Σίσυφος",
    "a\"b'c\\d",
    "%_",
    "日本",
    "ab",
    "x@example.com",
];
pub const NUMBERS: [&str; 8] = ["0", "1", "-1", "7", "9007199254740993", "0.5", "7.0", "-2.25"];
pub const DATES: [&str; 5] = [
    "2026-01-31T08:00:00Z",
    "2026-01-31T09:00:00+01:00",
    "2026-01-31T08:00:00.000Z",
    "2026-01-31T08:00:00.001Z",
    "1999-12-31T23:59:59-11:00",
];
/// Base64 that differs by case, alphabet and padding.
pub const DATA: [&str; 6] = ["QQ==", "qq==", "QUJD", "QUI", "+/+/", "-_-_"];
const NAMES: [(&str, Type); 8] = [
    ("text", Type::String),
    ("exact", Type::String),
    ("flag", Type::Boolean),
    ("whole", Type::Integer),
    ("part", Type::Decimal),
    ("time", Type::DateTime),
    ("data", Type::Binary),
    ("link", Type::Reference),
];

/// The types of an organisation that registered an extension with every type, single, multi-valued and below both.
pub fn types() -> Types {
    let leaf = |prefix: &str, multi: bool| -> Vec<Attribute> {
        NAMES
            .iter()
            .map(|(name, kind)| attribute(format!("{prefix}{name}"), *kind, *name != "text", multi, &[]))
            .collect()
    };
    let complex = |name: &str, multi| attribute(name.to_owned(), Type::Complex, false, multi, &leaf("", false));
    let attributes: Vec<Attribute> =
        [leaf("", false), leaf("m", true), vec![complex("one", false), complex("many", true)]].concat();
    let schema =
        Schema { id: BADGE.into(), name: "Badge".into(), description: "".into(), attributes: attributes.into() };
    let mut types = Types::default();
    types.user.extensions.push(Cow::Owned(schema));
    types
}

fn attribute(name: String, kind: Type, exact: bool, multi: bool, sub: &[Attribute]) -> Attribute {
    let case_exact = exact && kind != Type::Complex;
    Attribute { multi, case_exact, sub: sub.to_vec().into(), ..Attribute::new(name, kind) }
}

/// Creates so many users and a few groups.
pub fn fill(server: &mut dyn Server, random: &mut Random, users: usize) {
    let mut ids = Vec::new();
    for number in 0..users {
        let response = server.send("POST", "/Users", user(random, number));
        assert_eq!(response.status, 201, "{}", response.body);
        ids.push(response.text("id").to_owned());
    }
    for number in 0..8 {
        let members: Vec<Value> = ids.iter().filter(|_| random.one_in(3)).map(|id| json!({ "value": id })).collect();
        let mut group = json!({"displayName": format!("{} {number}", random.of(&TEXTS)), "members": members});
        if number % 4 == 3 {
            group["members"] = json!([]);
        }
        if random.one_in(2) {
            group["externalId"] = json!(format!("{}{number}", random.of(&TEXTS)));
        }
        assert_eq!(server.send("POST", "/Groups", group).status, 201);
    }
}

fn user(random: &mut Random, number: usize) -> Value {
    let text = |random: &mut Random| Value::from(random.of(&TEXTS));
    let mut user = Map::new();
    user.insert("userName".into(), json!(format!("{}{number}", random.of(&TEXTS))));
    if !random.one_in(3) {
        user.insert("active".into(), json!(!random.one_in(3)));
    }
    for name in ["title", "nickName", "displayName", "profileUrl"] {
        if !random.one_in(3) {
            user.insert(name.into(), text(random));
        }
    }
    if random.one_in(2) {
        user.insert("externalId".into(), json!(format!("{}{number}", random.of(&TEXTS))));
    }
    if !random.one_in(3) {
        user.insert("name".into(), json!({"givenName": text(random), "familyName": text(random)}));
    }
    for name in ["emails", "roles", "photos", "x509Certificates"] {
        let items: Vec<Value> = (0..random.below(3))
            .map(|at| {
                let value = if name == "x509Certificates" { json!(random.of(&DATA)) } else { text(random) };
                let mut item = Map::from_iter([("value".to_owned(), value)]);
                if random.one_in(2) {
                    item.insert("type".into(), text(random));
                }
                if at == 0 && random.one_in(2) {
                    item.insert("primary".into(), json!(true));
                }
                Value::Object(item)
            })
            .collect();
        user.insert(name.into(), Value::Array(items));
    }
    if random.one_in(2) {
        let manager = json!({"value": text(random), "$ref": text(random)});
        user.insert(ENTERPRISE.into(), json!({"department": text(random), "manager": manager}));
    }
    if !random.one_in(4) {
        user.insert(BADGE.into(), badge(random));
    }
    Value::Object(user)
}

/// As the schema has it, or, now and then, as only a provider could send it before the schema was registered.
fn badge(random: &mut Random) -> Value {
    let mut badge = object(random, "");
    for (name, _) in NAMES {
        let name = format!("m{name}");
        let items: Vec<Value> = (0..random.below(3)).map(|_| value(random, &name[1..])).collect();
        badge.insert(name, Value::Array(items));
    }
    badge.insert("one".into(), Value::Object(object(random, "")));
    badge.insert("many".into(), (0..random.below(3)).map(|_| Value::Object(object(random, ""))).collect());
    if random.one_in(4) {
        let names: Vec<String> = badge.keys().cloned().collect();
        let name = names[random.below(names.len())].clone();
        let odd = [
            json!(null),
            json!([]),
            json!({}),
            json!(""),
            json!("x"),
            json!([[1], "x", null]),
            json!({"text": ["a", 1]}),
        ];
        badge.insert(name, odd[random.below(odd.len())].clone());
    }
    Value::Object(badge)
}

fn object(random: &mut Random, prefix: &str) -> Map<String, Value> {
    let names = NAMES.iter().map(|(name, _)| *name).filter(|_| !random.one_in(3)).collect::<Vec<_>>();
    names.into_iter().map(|name| (format!("{prefix}{name}"), value(random, name))).collect()
}

fn value(random: &mut Random, name: &str) -> Value {
    match name {
        "flag" => json!(random.one_in(2)),
        "whole" | "part" => serde_json::from_str(random.of(&NUMBERS)).unwrap(),
        "time" => json!(random.of(&DATES)),
        "data" => json!(random.of(&DATA)),
        _ => json!(random.of(&TEXTS)),
    }
}
