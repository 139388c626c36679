//! The description of the Console's API, held to the code: every route and method, every query parameter, every field
//! of a body. The answers are held to it in workerd, where each one is validated (`tests/worker/contract.mjs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use scim_edge::console;
use scim_edge::directory::admin::{Admin, Right};
use scim_edge::error::{Error, Result};
use scim_edge::id::{TokenHash, TokenId};
use scim_edge::route::{self, Console, Open, Route};
use scim_edge::scim::schema::Kinds;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// From what a route has, to the operation that describes it, and the list of all operations. There is no wildcard: a new
/// route does not compile here until it has its line, and fails below until the document has it.
macro_rules! operations {
    ($($route:pat => $id:literal,)*) => {
        const OPERATIONS: &[&str] = &["health", "openApi", $($id),*];

        fn operation(route: &Console) -> &'static str {
            match route {
                $($route => $id,)*
            }
        }
    };
}

operations! {
    Console::ListOrgs => "listOrgs",
    Console::PutOrg(_) => "putOrg",
    Console::PatchOrg(_) => "patchOrg",
    Console::EraseOrg(_) => "eraseOrg",
    Console::GetOrg(_) => "getOrg",
    Console::MintToken(_) => "mintToken",
    Console::ListTokens(_) => "listTokens",
    Console::RevokeToken(..) => "revokeToken",
    Console::RotateToken(..) => "rotateToken",
    Console::List(_, Kinds::Users) => "listUsers",
    Console::List(_, Kinds::Groups) => "listGroups",
    Console::Get(_, Kinds::Users, _) => "getUser",
    Console::Get(_, Kinds::Groups, _) => "getGroup",
    Console::Members(..) => "listMembers",
    Console::Changes(_) => "listChanges",
    Console::ReleaseGuard(_) => "releaseGuard",
    Console::Journal(_) => "readJournal",
    Console::Preview(_) => "preview",
    Console::Snapshot(_) => "snapshot",
    Console::BeginImport(_) => "beginImport",
    Console::GetImport(_) => "getImport",
    Console::EndImport(_) => "endImport",
    Console::PutImport(..) => "putImport",
    Console::FinishImport(_) => "finishImport",
    Console::Schemas(_) => "listSchemas",
    Console::GetSchema(..) => "getSchema",
    Console::PutSchema(..) => "putSchema",
    Console::DeleteSchema(..) => "deleteSchema",
}

/// The description is what the types and the table of calls say. UPDATE_GOLDEN=1 writes it.
#[test]
fn the_description_is_generated() {
    let path = "src/console/openapi.json";
    let generated = serde_json::to_string_pretty(&console::api::document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let message =
        "src/console/openapi.json is not what the types say: UPDATE_GOLDEN=1 cargo test --test console openapi";
    assert!(std::fs::read_to_string(path).unwrap() == generated, "{message}");
}

/// The least right that a route needs, as the code says it of the call that the route comes to.
fn needed(route: &Console) -> &'static str {
    let right = |admin: Admin| match admin.needs() {
        Right::AdminScope => "admin",
        Right::RootOnly(_) => "root",
    };
    let id = TokenId::parse("t").unwrap();
    match route {
        Console::ListOrgs => "root",
        Console::PutOrg(_) | Console::PatchOrg(_) => right(console::configure(b"{}").unwrap()),
        Console::EraseOrg(_) => right(Admin::Erase),
        Console::ReleaseGuard(_) => right(console::release(br#"{"seconds":1}"#).unwrap()),
        Console::MintToken(_) => {
            let token = console::mint(br#"{"name":"n","kind":"scim"}"#).unwrap();
            right(Admin::MintToken { id, hash: TokenHash([0; 32]), token, replaces: None })
        }
        Console::RevokeToken(..) => right(Admin::RevokeToken { id, children: true }),
        Console::RotateToken(..) => right(Admin::RotateToken(console::rotate(id, b"").unwrap())),
        Console::BeginImport(_) => right(Admin::BeginImport),
        Console::PutImport(..) => right(Admin::ImportLines { part: 1, line: 1, lines: String::new(), last: true }),
        Console::FinishImport(_) => right(Admin::FinishImport),
        Console::EndImport(_) => right(Admin::EndImport),
        Console::PutSchema(..) => right(console::schema("urn:a:b", br#"{"attributes":[{"name":"c"}]}"#).unwrap()),
        Console::DeleteSchema(..) => right(Admin::DeleteSchema { urn: "urn:a:b".to_owned() }),
        Console::GetOrg(_)
        | Console::ListTokens(_)
        | Console::List(..)
        | Console::Get(..)
        | Console::Members(..)
        | Console::Changes(_)
        | Console::Journal(_)
        | Console::Preview(_)
        | Console::Snapshot(_)
        | Console::GetImport(_)
        | Console::Schemas(_)
        | Console::GetSchema(..) => "read",
    }
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

fn document() -> Value {
    serde_json::from_slice(&console::openapi().body).unwrap()
}

/// Returns the target of a reference in the document.
fn found<'a>(document: &'a Value, one: &'a Value) -> &'a Value {
    match one["$ref"].as_str() {
        Some(place) => {
            document.pointer(place.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("nothing at {place}"))
        }
        None => one,
    }
}

/// Each operation: its method, its path, and what the document says of it; the path's parameters come with it.
fn described(document: &Value) -> Vec<(&'static str, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method.to_lowercase()) {
                let shared = item["parameters"].as_array().cloned().unwrap_or_default();
                let own = operation["parameters"].as_array().cloned().unwrap_or_default();
                let mut operation = operation.clone();
                operation["parameters"] = shared.iter().chain(&own).map(|one| found(document, one).clone()).collect();
                all.push((method, path.clone(), operation));
            }
        }
    }
    all
}

/// An address of that path.
fn address(path: &str) -> String {
    path.replace("{org}", "acme").replace("{id}", "0199").replace("{urn}", "urn:example:badge").replace("{part}", "1")
}

fn names(operation: &Value, place: &str) -> BTreeSet<String> {
    let all = operation["parameters"].as_array().unwrap().iter();
    all.filter(|one| one["in"] == place).map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let mut seen = Vec::new();
    for (method, path, operation) in described(&document) {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let address = address(&path);
        assert!(!address.contains('{'), "{path} has a parameter that this test does not know");
        let in_path: BTreeSet<String> =
            path.split('/').filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned())).collect();
        assert_eq!(names(&operation, "path"), in_path, "{method} {path}");
        match route::route(method, &address, "", None) {
            Route::Console(Ok(route)) => {
                assert_eq!(self::operation(&route), id, "{method} {path}");
                let known: BTreeSet<String> = console::parameters(&route).iter().map(|&name| name.to_owned()).collect();
                assert_eq!(names(&operation, "query"), known, "{method} {path}");
                let needs = operation["security"][0]["key"][0].as_str().unwrap_or_default();
                assert_eq!(needs, needed(&route), "{method} {path}");
            }
            Route::Open(Ok(open)) => {
                let expected = match open {
                    Open::Health => "health",
                    Open::OpenApi => "openApi",
                };
                assert_eq!((expected, &operation["security"]), (id.as_str(), &serde_json::json!([])));
            }
            other => panic!("{method} {path} is described, and leads to {other:?}"),
        }
        seen.push(id);
    }
    let all: BTreeSet<&str> = OPERATIONS.iter().copied().collect();
    assert_eq!(seen.iter().map(String::as_str).collect::<BTreeSet<_>>(), all);
    assert_eq!(seen.len(), all.len(), "{seen:?}");
}

#[test]
fn a_method_that_is_not_described_is_refused_with_those_that_are() {
    let document = document();
    let all = described(&document);
    for path in document["paths"].as_object().unwrap().keys() {
        let there: BTreeSet<&str> = all.iter().filter(|(_, at, _)| at == path).map(|(method, ..)| *method).collect();
        for method in METHODS.into_iter().filter(|method| !there.contains(method)) {
            let error = match route::route(method, &address(path), "", None) {
                Route::Console(Err(error)) | Route::Open(Err(error)) => error,
                other => panic!("{method} {path} leads to {other:?}"),
            };
            let allowed: BTreeSet<&str> = error.names.iter().flat_map(|list| list.split(", ")).collect();
            assert_eq!((error.kind().status(), allowed), (405, there.clone()), "{method} {path}");
        }
    }
}

/// The refusals of a body.
type Reader<'a> = &'a dyn Fn(&str) -> Error;

/// The reader of a body names all fields that it knows when it refuses one.
#[test]
fn bodies_have_the_fields_that_are_described() {
    fn read<T>(read: impl Fn(&[u8]) -> Result<T>) -> impl Fn(&str) -> Error {
        move |body| read(body.as_bytes()).err().unwrap_or_else(|| panic!("{body} was read"))
    }
    let document = document();
    let configure = read(console::configure);
    let release = read(console::release);
    let mint = read(console::mint);
    let rotate = read(|body| console::rotate(TokenId::parse("t").unwrap(), body));
    let preview = read(|body| scim_edge::exchange::preview::read_request(body, "/acme/scim/v2"));
    let bodies: [(&str, Reader<'_>); 6] = [
        ("putOrg", &configure),
        ("patchOrg", &configure),
        ("releaseGuard", &release),
        ("mintToken", &mint),
        ("rotateToken", &rotate),
        ("preview", &preview),
    ];
    for (id, refused) in bodies {
        let all = described(&document);
        let (.., operation) = all.iter().find(|(.., one)| one["operationId"] == id).unwrap();
        let schema = found(&document, &operation["requestBody"]["content"]["application/json"]["schema"]);
        let detail = refused(r#"{"?": 1}"#).detail;
        let told: BTreeSet<&str> = detail.split('`').skip(3).step_by(2).collect();
        let kinds = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
        for kind in &kinds {
            assert_eq!(kind["additionalProperties"], false, "{id}");
            let fields: BTreeSet<&str> = kind["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, told, "{id}: {detail}");
        }
    }
}

/// The description of an extension schema and of a quota is a type beside the code that reads them field by field.
#[test]
fn what_is_read_by_hand_has_the_fields_that_are_described() {
    let document = document();
    let fields = |name: &str| -> BTreeSet<String> {
        document["components"]["schemas"][name]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let schema = |body: Value| console::schema("urn:a:b", body.to_string().as_bytes());
    for field in fields("NewSchemaAttribute").iter().filter(|field| *field != "name") {
        let body = json!({ "attributes": [{ "name": "c", field.as_str(): null }] });
        assert!(schema(body).is_ok(), "{field} of an attribute");
    }
    for field in fields("NewSchema").iter().filter(|field| *field != "attributes") {
        assert!(schema(json!({ "attributes": [{ "name": "c" }], field.as_str(): null })).is_ok(), "{field}");
    }
    assert!(schema(json!({ "attributes": [{ "name": "c", "?": null }] })).is_err());
    let whole = json!({ "description": "d", "resourceTypes": ["User", "Group"], "attributes": [
        { "name": "c", "description": "d", "canonicalValues": ["v"] },
        { "name": "r", "type": "reference", "referenceTypes": ["User"] },
        { "name": "x", "type": "complex", "subAttributes": [{ "name": "y" }] },
    ]});
    let Admin::PutSchema { document: kept } = schema(whole).unwrap() else { panic!("not a schema") };
    assert_eq!(kept.keys().cloned().collect::<BTreeSet<_>>(), fields("ExtensionSchema"));
    let attributes = kept["attributes"].as_array().unwrap().iter().flat_map(|one| one.as_object().unwrap().keys());
    assert_eq!(attributes.cloned().collect::<BTreeSet<_>>(), fields("SchemaAttribute"));
    let quota = |field: &str| console::configure(json!({ "quota": { field: 1 } }).to_string().as_bytes());
    assert!(fields("NewQuota").iter().all(|field| quota(field).is_ok()) && quota("?").is_err());
    assert_eq!(fields("NewQuota"), fields("Quota"));
}

/// Answers are closed: a field that is not described does not pass. SCIM's attributes are not: extensions add to them.
#[test]
fn answers_are_closed() {
    fn open(schema: &Value, place: &str, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                let is_scim = place.contains("/UserAttributes") || place.contains("/GroupAttributes");
                if map.contains_key("properties") && !is_scim && map["additionalProperties"] != false {
                    found.push(place.to_owned());
                }
                map.iter().for_each(|(key, value)| open(value, &format!("{place}/{key}"), found));
            }
            Value::Array(items) => items.iter().for_each(|value| open(value, place, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    open(&document(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}
