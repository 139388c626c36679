//! Repairs of made-up requests: mending twice is mending once, what was mended needs nothing more when it is written out,
//! and what is compliant is left alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use crate::support::quirks::{ingested, request};
use proptest::prelude::*;
use proptest::sample::select;
use scim_edge::auth::Dialect;
use scim_edge::dialect::{self, Repairs};
use scim_edge::directory::scim::{Command, GroupOperation};
use scim_edge::id::MemberId;
use scim_edge::ingest::Ingested;
use scim_edge::scim::echo::Echo;
use scim_edge::scim::patch::Operation;
use scim_edge::scim::schema::{Attribute, ENTERPRISE, Mutability, ResourceType, Type, Types};
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Keys of values, right and wrong ones.
const INNER: [&str; 14] = [
    "value",
    "type",
    "primary",
    "display",
    "$ref",
    "managerId",
    "displayName",
    "givenName",
    "formatted",
    "department",
    "manager",
    "members",
    "emails",
    "shoe",
];

/// Keys of bodies and of values without a path; some are paths themselves.
fn keys() -> Vec<String> {
    let names =
        ["active", "emails", "EMAILS", "addresses", "name", "title", "profileUrl", "roles", "externalId", "manager"];
    let paths = ["name.givenName", "name.shoe", "emails.value", "department", "meta", "groups", "shoe", "schemas"];
    let urns =
        ["urn:scim:schemas:extension:enterprise:2.0", "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"];
    let below = ["", ":department", ":manager.value", ".division", ":shoe"].map(|rest| format!("{ENTERPRISE}{rest}"));
    let core = [format!("{USER}:title"), format!("{}:division", urns[0]), "urn:example:x".to_owned()];
    names.iter().chain(&paths).chain(&urns).map(|text| (*text).to_owned()).chain(below).chain(core).collect()
}

fn leaf() -> impl Strategy<Value = Value> {
    let texts = ["", " ", "x", "[]", "True", "false", " TRUE ", "{}"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        select(texts.to_vec()).prop_map(Value::from),
    ]
}

/// Any JSON that has something to do with attributes.
fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((select(INNER.to_vec()), inner), 0..4)
                .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

fn body() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((select(keys()), value()), 0..6).prop_map(|pairs| pairs.into_iter().collect())
}

fn operation(paths: Vec<String>) -> impl Strategy<Value = Value> {
    let op = select(vec!["add", "Add", "remove", "Remove", "replace", "REPLACE"]);
    let path = prop_oneof![8 => select(paths).prop_map(Value::from), 1 => Just(Value::Null), 1 => Just(json!(""))];
    let pathless = body().prop_map(Value::Object);
    (op, path, value(), pathless).prop_map(|(op, path, value, pathless)| match path.as_str() {
        Some(text) if !text.is_empty() => json!({"op": op, "path": path, "value": value}),
        _ => json!({"op": op, "path": path, "value": pathless}),
    })
}

fn user_paths() -> Vec<String> {
    let filters = [
        "emails[type eq \"work\"].value",
        "emails[primary eq \"True\"]",
        "addresses[type eq work].country",
        "roles[value eq \"x\"]",
        "manager[value eq \"x\"]",
        "emails[type eq \"work\"].primary",
        "manager",
    ];
    keys().into_iter().chain(filters.map(str::to_owned)).collect()
}

fn group_paths() -> Vec<String> {
    [
        "members",
        "members[value eq \"a\"]",
        "members[value eq \"a\" or value eq b]",
        "displayName",
        "externalId",
        "shoe",
        "members[value sw \"a\"]",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn read(method_and_path: &str, body: &Value) -> scim_edge::error::Result<Ingested> {
    thread_local!(static SERVER: Native = Native::new(Dialect::Auto));
    SERVER.with(|server| ingested(server, &request(method_and_path, Some(body))))
}

fn patch(path: &str, operations: &[Value]) -> scim_edge::error::Result<Ingested> {
    read(&format!("PATCH {path}"), &json!({"schemas": [PATCH], "Operations": operations}))
}

/// A canonical operation as a client would write it.
fn written(operation: &Operation) -> Value {
    json!({"op": operation.op, "path": operation.path.to_string(), "value": operation.value})
}

fn members_written(operation: &GroupOperation) -> Value {
    let list = |ids: &[MemberId]| ids.iter().map(|id| json!({"value": id})).collect::<Value>();
    let named = |ids: &[MemberId]| ids.iter().map(|id| format!("value eq \"{id}\"")).collect::<Vec<_>>().join(" or ");
    match operation {
        GroupOperation::Attribute(one) => written(one),
        GroupOperation::AddMembers(ids) => json!({"op": "add", "path": "members", "value": list(ids)}),
        GroupOperation::ReplaceMembers(ids) => json!({"op": "replace", "path": "members", "value": list(ids)}),
        GroupOperation::RemoveMembers(ids) => json!({"op": "remove", "path": format!("members[{}]", named(ids))}),
        GroupOperation::RemoveMatching(filter) => json!({"op": "remove", "path": format!("members[{filter}]")}),
        GroupOperation::ReplaceMatching { .. } => panic!("not in this dialect"),
    }
}

/// A filter on a single value is written as one, because what it comes to depends on what is stored; so does white space
/// around a name.
fn needs_nothing(read: &Ingested) {
    let mut repairs = read.repairs.clone();
    repairs.retain(|name| !["filter_on_single_value", "outer_blanks"].contains(&name.as_str()));
    assert_eq!((repairs, &read.notes), (Vec::new(), &Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_body_is_mended_once(body in body()) {
        for kind in Types::default().all() {
            let mended = dialect::mend_body(kind, body.clone(), &mut Repairs::default());
            let mut again = Repairs::default();
            prop_assert_eq!(&dialect::mend_body(kind, mended.clone(), &mut again), &mended);
            prop_assert_eq!(again, Repairs::default());
        }
    }

    #[test]
    fn a_user_is_mended_once(body in body()) {
        let mut body = body;
        body.insert("userName".to_owned(), json!("n"));
        let Ok(Ingested { command: Command::CreateUser { user }, .. }) = read("POST /Users", &body.into()) else {
            return Ok(());
        };
        let mut canonical = user.attributes.clone();
        canonical.insert("schemas".to_owned(), json!([USER]));
        let again = read("POST /Users", &Value::Object(canonical)).unwrap();
        needs_nothing(&again);
        let Command::CreateUser { user: same } = again.command else { panic!() };
        prop_assert_eq!(same.attributes, user.attributes);
    }

    #[test]
    fn a_patch_is_mended_once(operations in prop::collection::vec(operation(user_paths()), 1..4)) {
        let Ok(Ingested { command: Command::PatchUser { mut operations, .. }, .. }) = patch("/Users/u", &operations) else {
            return Ok(());
        };
        // A value that is refused unless it is stored has no value of its type; one that is read otherwise is written
        // as it is read.
        let is_refused = |one: &Operation| one.echoes.iter().any(Echo::is_refusal);
        prop_assume!(!operations.iter().any(is_refused));
        operations.iter_mut().for_each(|one| one.echoes.clear());
        let written: Vec<Value> = operations.iter().map(written).collect();
        prop_assume!(!written.is_empty());
        let again = patch("/Users/u", &written).unwrap();
        needs_nothing(&again);
        let Command::PatchUser { operations: same, .. } = again.command else { panic!() };
        prop_assert_eq!(same, operations, "{:?}", written);
    }

    #[test]
    fn a_patch_of_members_is_mended_once(operations in prop::collection::vec(operation(group_paths()), 1..4)) {
        let Ok(Ingested { command: Command::PatchGroup { mut operations, .. }, .. }) = patch("/Groups/g", &operations) else {
            return Ok(());
        };
        // The RFC's words cannot say to remove no member, nor need they; and it may stand between two additions.
        let nobody = |one: &GroupOperation| matches!(one, GroupOperation::RemoveMembers(ids) if ids.is_empty());
        prop_assume!(!operations.iter().any(nobody) || operations.len() == 1);
        operations.retain(|one| !nobody(one));
        let written: Vec<Value> = operations.iter().map(members_written).collect();
        prop_assume!(!written.is_empty());
        let again = patch("/Groups/g", &written).unwrap();
        needs_nothing(&again);
        let Command::PatchGroup { operations: same, .. } = again.command else { panic!() };
        prop_assert_eq!(same, operations, "{:?}", written);
    }

    #[test]
    fn a_compliant_body_is_left_alone(seed in any::<u64>()) {
        for kind in Types::default().all() {
            let body = compliant(kind, seed);
            let mut repairs = Repairs::default();
            prop_assert_eq!(&dialect::mend_body(kind, body.clone(), &mut repairs), &body);
            prop_assert_eq!(repairs, Repairs::default());
        }
    }
}

/// A body with values of the right type for some of the attributes, in the order of `bits`.
fn compliant(kind: &ResourceType, mut bits: u64) -> Map<String, Value> {
    let mut next = |below: u64| {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (bits >> 33) % below
    };
    let mut body = Map::from_iter([("schemas".to_owned(), json!([kind.schema.id]))]);
    for attribute in kind.schema.attributes.iter() {
        if attribute.mutability != Mutability::ReadOnly && next(2) == 0 {
            body.insert(attribute.name.to_string(), valued(attribute, &mut next));
        }
    }
    for schema in &kind.extensions {
        let inner =
            schema.attributes.iter().map(|attribute| (attribute.name.to_string(), valued(attribute, &mut next)));
        body.insert(schema.id.to_string(), Value::Object(inner.collect()));
    }
    body
}

fn valued(attribute: &Attribute, next: &mut dyn FnMut(u64) -> u64) -> Value {
    if !attribute.multi {
        return one(attribute, next);
    }
    let several = next(3);
    (0..several).map(|_| one(attribute, next)).collect()
}

fn one(attribute: &Attribute, next: &mut dyn FnMut(u64) -> u64) -> Value {
    let texts = ["x", "True", "[]", "a b", "7", "null"];
    match attribute.kind {
        Type::Complex => {
            // With the value that makes it more than a label.
            let subs = attribute.sub.iter().filter(|sub| sub.mutability != Mutability::ReadOnly);
            let label = |name: &str| ["type", "primary", "display"].contains(&name);
            let kept: Vec<&Attribute> = subs.filter(|sub| !label(&sub.name) || next(2) == 0).collect();
            Value::Object(kept.into_iter().map(|sub| (sub.name.to_string(), one(sub, next))).collect())
        }
        Type::Boolean => json!(next(2) == 0),
        Type::Integer | Type::Decimal => json!(next(100)),
        _ => json!(texts[next(texts.len() as u64) as usize]),
    }
}
