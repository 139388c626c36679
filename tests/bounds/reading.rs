//! How bodies are read: the same commands, repairs and notes for random bodies as on the day they were recorded, and
//! the limits on what a body holds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::random::Random;
use scim_edge::auth::Dialect;
use scim_edge::console;
use scim_edge::error::Result;
use scim_edge::exchange::preview;
use scim_edge::id::RequestId;
use scim_edge::ingest::{self, Ingested};
use scim_edge::route::{self, Route};
use scim_edge::scim::json::BODY_MAX;
use scim_edge::scim::schema::Types;
use serde_json::{Map, Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A request without its headers.
struct Sent {
    dialect: Dialect,
    method: &'static str,
    path: &'static str,
    body: String,
}

fn read(sent: &Sent) -> Result<Ingested> {
    let Route::Scim(_, Ok(route), _) = route::route(sent.method, &format!("/acme/scim/v2{}", sent.path), "", None)
    else {
        panic!("{} is not SCIM's", sent.path);
    };
    let id = RequestId::parse("r-1").unwrap();
    let request = ingest::Request {
        id: &id,
        base: "https://edge.test/acme/scim/v2",
        types: &Types::default(),
        query: &[],
        content_type: None,
        content_encoding: None,
        user_agent: "",
        if_match: None,
        if_none_match: None,
        body: sent.body.as_bytes(),
        dialect: sent.dialect,
    };
    ingest::ingest(&route, &request)
}

/// A value of any shape, mostly one that some repair or schema knows.
fn value(random: &mut Random, depth: usize) -> Value {
    let texts =
        ["x", "", " ", "true", "False", "[]", "work", "Group", "bulkId:one", "../Groups/g", "u-1", "2026-01-01"];
    match random.below(if depth == 0 { 8 } else { 14 }) {
        0 => Value::Null,
        1 => json!(random.one_in(2)),
        2 => json!(random.below(9)),
        3 => json!(1.5),
        4..8 => json!(random.of(&texts)),
        8 => json!([]),
        9 => json!({}),
        10 | 11 => (0..random.below(4)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let names = [
                "value",
                "Value",
                "type",
                "primary",
                "display",
                "$ref",
                "givenName",
                "familyName",
                "formatted",
                "manager",
                "managerId",
                "department",
                "displayName",
                "members",
                "locality",
                "odd",
                "emails",
            ];
            object(random, &names, depth - 1)
        }
    }
}

/// An object without names that differ in case alone: those are refused before anything is read.
fn object(random: &mut Random, names: &[&str], depth: usize) -> Value {
    let mut map = Map::new();
    for _ in 0..=random.below(3) {
        let name = random.of(names);
        if !map.keys().any(|known: &String| known.eq_ignore_ascii_case(name)) {
            map.insert(name.to_owned(), value(random, depth));
        }
    }
    Value::Object(map)
}

fn member(random: &mut Random) -> Value {
    match random.below(8) {
        0 => value(random, 2),
        1 => json!({"value": "u-2", "type": "User", "display": "Ada"}),
        2 => json!({"value": "u-3", "$ref": "https://h/scim/Users/u-3"}),
        3 => json!({"Value": " u-4 ", "odd": [1]}),
        4 => json!({"value": "g", "type": " GROUP "}),
        _ => json!({"value": format!("u-{}", random.below(50))}),
    }
}

fn members(random: &mut Random) -> Value {
    match random.below(6) {
        0 => value(random, 3),
        1 => json!({"members": (0..random.below(4)).map(|_| member(random)).collect::<Value>()}),
        2 => member(random),
        _ => (0..random.below(5)).map(|_| member(random)).collect(),
    }
}

const KEYS: [&str; 34] = [
    "userName",
    "USERNAME",
    "name",
    "displayName",
    "emails",
    "phoneNumbers",
    "addresses",
    "roles",
    "active",
    "title",
    "manager",
    "department",
    ENTERPRISE,
    "urn:scim:schemas:extension:enterprise:2.0",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:User:userName",
    "urn:ietf:params:scim:schemas:core:2.0:Group",
    "name.givenName",
    "emails.value",
    "urn:x:y",
    "odd",
    "Odd.Er",
    "id",
    "password",
    "profileUrl",
    "members",
    "externalId",
    "schemas",
    "x509Certificates",
    "entitlements",
    "nickName",
];
const PATHS: [&str; 18] = [
    "userName",
    "name",
    "name.givenName",
    "emails",
    "emails.value",
    "emails[type eq \"work\"]",
    "emails[type eq \"work\"].value",
    "active",
    "roles",
    "manager",
    ENTERPRISE,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "odd",
    "displayName",
    "members[value eq \"bulkId:one\"]",
    "id",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "",
];

fn resource(random: &mut Random, group: bool) -> Value {
    let mut body = object(random, &KEYS, 3);
    let map = body.as_object_mut().unwrap();
    for _ in 0..random.below(3) {
        let more = object(random, &KEYS, 3);
        for (key, value) in more.as_object().unwrap() {
            if !map.keys().any(|known| known.eq_ignore_ascii_case(key)) {
                map.insert(key.clone(), value.clone());
            }
        }
    }
    map.retain(|key, _| !key.eq_ignore_ascii_case(if group { "members" } else { "userName" }));
    if group {
        map.insert("members".to_owned(), members(random));
        map.insert("displayName".to_owned(), json!("g"));
    } else {
        map.insert("userName".to_owned(), json!("u"));
    }
    if random.one_in(2) {
        let kind = if group { "Group" } else { "User" };
        map.insert("schemas".to_owned(), json!([format!("urn:ietf:params:scim:schemas:core:2.0:{kind}")]));
    }
    body
}

fn operation(random: &mut Random, group: bool) -> Value {
    let mut map = Map::new();
    map.insert("op".to_owned(), json!(random.of(&["add", "replace", "remove", "Add"])));
    let of_members = group && !random.one_in(4);
    if of_members {
        let path = random.of(&["members", "Members", "members[value eq \"u-1\"]", "members[display sw \"A\"]"]);
        map.insert("path".to_owned(), json!(path));
        map.insert("value".to_owned(), members(random));
    } else {
        if random.one_in(2) {
            map.insert("path".to_owned(), json!(random.of(&PATHS)));
            map.insert("value".to_owned(), value(random, 3));
        } else {
            map.insert("value".to_owned(), if random.one_in(5) { value(random, 3) } else { resource(random, group) });
        }
    }
    if random.one_in(6) {
        map.remove("value");
    }
    Value::Object(map)
}

fn patch(random: &mut Random, group: bool) -> Value {
    let operations: Value = (0..=random.below(3)).map(|_| operation(random, group)).collect();
    match random.below(8) {
        0 => json!({"operations": operations}),
        1 => json!({"Operations": operations[0]}),
        2 => operations[0].clone(),
        3 => json!({"Operations": value(random, 2)}),
        _ => json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}),
    }
}

fn bulk(random: &mut Random) -> Value {
    let operations: Value = (0..=random.below(3))
        .map(|n| {
            let group = random.one_in(2);
            let kind = if group { "Groups" } else { "Users" };
            let mut one = match random.below(3) {
                0 => json!({"method": "post", "path": format!("/{kind}"), "bulkId": (["one", "two", "3"][n % 3]),
                            "data": resource(random, group)}),
                1 => json!({"method": "PUT", "path": format!("/{kind}/bulkId:one"), "data": resource(random, group)}),
                _ => json!({"method": "PATCH", "path": format!("/{kind}/id"), "version": "W/\"1\"",
                            "data": patch(random, group)}),
            };
            if random.one_in(9) {
                one["data"] = value(random, 2);
            }
            one
        })
        .collect();
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

fn sent(random: &mut Random) -> Sent {
    let dialect = [Dialect::Auto, Dialect::Auto, Dialect::Rfc, Dialect::Wso2][random.below(4)];
    let (method, path, body) = match random.below(9) {
        0 => ("POST", "/Users", resource(random, false)),
        1 => ("PUT", "/Users/id", resource(random, false)),
        2 | 3 => ("PATCH", "/Users/id", patch(random, false)),
        4 => ("POST", "/Groups", resource(random, true)),
        5 => ("PUT", "/Groups/id", resource(random, true)),
        6 | 7 => ("PATCH", "/Groups/id", patch(random, true)),
        _ => ("POST", "/Bulk", bulk(random)),
    };
    Sent { dialect, method, path, body: body.to_string() }
}

/// The reading of a request, in one text. A sentence may be worded anew, so of a refusal only its status counts.
fn outcome(sent: &Sent) -> String {
    match read(sent) {
        Ok(Ingested { command, repairs, notes, .. }) => {
            let mut command = serde_json::to_value(&command).unwrap();
            // Whether a refused value is stored only the object can tell; what is not refused is read as ever.
            let is_refused = |command: &Value| command.to_string().contains(r#"{"refusal":{"#);
            for operation in command["bulk"]["operations"].as_array_mut().into_iter().flatten() {
                if operation["command"].get("refused").is_some() || is_refused(&operation["command"]) {
                    operation["command"] = json!("refused");
                }
            }
            if is_refused(&command) {
                return "400".to_owned();
            }
            without_echoes(&mut command);
            format!("{command} {repairs:?} {notes:?}")
        }
        Err(error) => error.kind().status().to_string(),
    }
}

/// Takes out what stays if it is stored as it was sent.
fn without_echoes(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.remove("echoes");
        map.values_mut().for_each(without_echoes);
    }
    value.as_array_mut().into_iter().flatten().for_each(without_echoes);
}

/// FNV-1a, 32 bits.
fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

/// The reader before this one built the whole tree of a body and read these alike, but for two things: a removal did not
/// find `Value`, and repairs were noted of what is not kept. A change that is meant is recorded with `RECORD=1`.
#[test]
fn random_bodies_are_read_as_they_were_recorded() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bounds/reading.txt");
    let mut random = Random(7);
    let all: Vec<Sent> = (0..3000).map(|_| sent(&mut random)).collect();
    let outcomes: Vec<String> = all.iter().map(outcome).collect();
    let hashes: Vec<String> = outcomes.iter().map(|outcome| hash(outcome)).collect();
    if std::env::var("RECORD").is_ok() {
        let lines: Vec<String> = hashes.chunks(12).map(|line| line.join(" ")).collect();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    let recorded = std::fs::read_to_string(path).unwrap();
    let recorded: Vec<&str> = recorded.split_whitespace().collect();
    assert_eq!(recorded.len(), all.len());
    for (((sent, outcome), hash), recorded) in all.iter().zip(&outcomes).zip(&hashes).zip(recorded) {
        let Sent { dialect, method, path, body } = sent;
        assert_eq!(hash, recorded, "{dialect:?} {method} {path} {body} is read as {outcome}");
    }
    let understood = outcomes.iter().filter(|outcome| outcome.starts_with('{')).count();
    assert!(understood > 1000, "{understood} of the bodies say something");
}

/// So many times the same, as a JSON array.
fn array(count: usize, element: &str) -> String {
    format!("[{}]", vec![element; count].join(","))
}

fn user(more: &str) -> String {
    format!(r#"{{"userName":"u",{more}}}"#)
}

fn group(members: &str) -> String {
    format!(r#"{{"displayName":"g","members":{members}}}"#)
}

fn patched(operation: &str) -> String {
    format!(r#"{{"Operations":[{{"op":"add",{operation}}}]}}"#)
}

fn bulked(path: &str, data: &str) -> String {
    format!(r#"{{"Operations":[{{"method":"POST","path":"{path}","bulkId":"b","data":{data}}}]}}"#)
}

/// The value of a POST, a PUT or a PATCH, so many times.
type Make = fn(usize) -> String;

const MEMBER: &str = r#"{"value":"u-1"}"#;
const WHOLE_MEMBER: &str = r#"{"value":"u","type":"User","$ref":"","display":""}"#;
const NINE_NAMES: &str = r#"{"value":"u","a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0}"#;
const HOLDS_MORE: &str = r#"{"value":"u","a":[]}"#;

/// How many fit, and how many are too many: of values in a body, of elements under `members` and `value`, of names, and
/// of what a resource can keep.
const BOUNDS: [(&str, &str, &str, usize, usize, Make); 19] = [
    // The body, userName and the array are values too.
    ("numbers", "POST", "/Users", 399_997, 399_998, |n| user(&format!(r#""x":{}"#, array(n, "0")))),
    ("unknown objects", "POST", "/Users", 199_998, 199_999, |n| user(&format!(r#""x":{}"#, array(n, r#"{"a":0}"#)))),
    ("objects", "POST", "/Users", 199_998, 199_999, |n| user(&format!(r#""roles":{}"#, array(n, r#"{"a":0}"#)))),
    ("blanks", "POST", "/Users", 199_998, 199_999, |n| user(&format!(r#""roles":{}"#, array(n, r#"{"value":""}"#)))),
    ("names", "POST", "/Users", 20_000, 20_001, |n| {
        user(&(0..n).map(|n| format!("\"name.k{n}\":0")).collect::<Vec<_>>().join(","))
    }),
    ("roles", "POST", "/Users", 18_000, 33_000, |n| user(&format!(r#""roles":{}"#, array(n, r#"{"value":"a"}"#)))),
    ("kept as sent", "POST", "/Users", 32_700, 32_800, |n| user(&format!(r#""urn:x:y":{}"#, array(n, r#"{"a":0}"#)))),
    ("values", "PATCH", "/Users/u", 32_700, 32_800, |n| {
        patched(&format!(r#""path":"roles","value":{}"#, array(n, r#"{"value":"a"}"#)))
    }),
    ("members", "POST", "/Groups", 150_000, 150_001, |n| group(&array(n, MEMBER))),
    ("texts", "PUT", "/Groups/g", 150_000, 150_001, |n| group(&array(n, r#""u-1""#))),
    ("whole members", "PUT", "/Groups/g", 150_000, 150_001, |n| group(&array(n, WHOLE_MEMBER))),
    ("nine names", "PUT", "/Groups/g", 39_999, 40_000, |n| group(&array(n, NINE_NAMES))),
    ("held arrays", "PUT", "/Groups/g", 133_332, 133_333, |n| group(&array(n, HOLDS_MORE))),
    ("before path", "PATCH", "/Groups/g", 150_000, 150_001, |n| {
        patched(&format!(r#""value":{},"path":"members""#, array(n, MEMBER)))
    }),
    ("behind path", "PATCH", "/Groups/g", 150_000, 150_001, |n| {
        patched(&format!(r#""path":"members","value":{}"#, array(n, MEMBER)))
    }),
    ("without path", "PATCH", "/Groups/g", 150_000, 150_001, |n| {
        patched(&format!(r#""value":{{"members":{}}}"#, array(n, MEMBER)))
    }),
    ("a Bulk of members", "POST", "/Bulk", 150_000, 150_001, |n| bulked("/Groups", &group(&array(n, MEMBER)))),
    // The body, its list, the operation, its method, path and bulkId, the user, userName and the array.
    ("a Bulk of numbers", "POST", "/Bulk", 399_991, 399_992, |n| {
        bulked("/Users", &user(&format!(r#""x":{}"#, array(n, "0"))))
    }),
    ("a search", "POST", "/Users/.search", 399_998, 399_999, |n| format!(r#"{{"x":{}}}"#, array(n, "0"))),
];

#[test]
fn bodies_at_their_limits() {
    for (what, method, path, fits, too_many, make) in BOUNDS {
        for (count, status) in [(fits, 200), (too_many, 413)] {
            let body = make(count);
            assert!(body.len() <= BODY_MAX, "{what}: {} bytes", body.len());
            let found = read(&Sent { dialect: Dialect::Auto, method, path, body });
            let found = found.map_err(|error| (error.kind().status(), error.detail));
            assert_eq!(found.as_ref().map_or_else(|(status, _)| *status, |_| 200), status, "{what}: {count} {found:?}");
        }
    }
}

#[test]
fn what_the_console_reads_is_counted_too() {
    let many = |n: usize| format!(r#"{{"displayName":"A","x":{}}}"#, array(n, "0"));
    assert_eq!(console::configure(many(400_000).as_bytes()).map_err(|error| error.kind().status()), Err(413));
    let preview = |n: usize| {
        let body = user(&format!(r#""x":{}"#, array(n, "0")));
        let body = format!(r#"{{"method":"POST","path":"/Users","body":{body}}}"#);
        preview::read_request(body.as_bytes(), "https://edge.test/acme/scim/v2").map_err(|e| e.kind().status())
    };
    assert!(preview(399_994).is_ok());
    assert_eq!(preview(399_995).err(), Some(413));
}

/// Values that are not kept are not read: they take no memory, and do not stand in the way of those that are kept.
#[test]
fn of_what_no_schema_keeps_the_names_are_noted() {
    let body = user(
        r#""x":[[1]],"groups":[{"value":"g"}],"meta":{"a":{}},"roles":[{"value":"a","odd":[1]},{"type":"t"}],
           "name":{"givenName":"A","more":{"b":1}}"#,
    );
    let found = read(&Sent { dialect: Dialect::Auto, method: "POST", path: "/Users", body }).unwrap();
    let kept = json!({"userName": "u", "active": true, "roles": [{"value": "a"}], "name": {"givenName": "A"}});
    assert_eq!(serde_json::to_value(&found.command).unwrap()["createUser"]["user"]["attributes"], kept);
    let notes = ["name.more", "roles.odd", "x"].map(|name| format!("The attribute {name} is unknown and was dropped."));
    assert_eq!(
        (found.notes, found.repairs),
        (notes.to_vec(), ["empty_element", "foreign_schemas"].map(str::to_owned).to_vec())
    );
}
