//! These functions check the properties that hold for any input. The fuzz targets call these functions with made-up bytes, `tests/scim/corpus.rs` with
//! every file of the corpora.

use scim_edge::auth::Dialect;
use scim_edge::budget::Budget;
use scim_edge::directory::scim::{Command, GroupOperation};
use scim_edge::error::{Error, Result};
use scim_edge::id::RequestId;
use scim_edge::ingest::{self, Ingested};
use scim_edge::route::{self, Route, Scim};
use scim_edge::scim::filter::{self, Forms, MAX_TEXT};
use scim_edge::scim::patch::{self, Operation, PatchOp};
use scim_edge::scim::schema::{Kinds, ResourceType, Types};
use scim_edge::scim::{member, path as paths, resource};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static TYPES: LazyLock<Types> = LazyLock::new(Types::default);

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Stored resources: one with everything, one with what is required.
static USERS: LazyLock<[Map<String, Value>; 2]> = LazyLock::new(|| {
    let full = json!({
        "userName": "Ada@Work.test", "externalId": "x1", "active": true, "title": "Engineer",
        "name": {"givenName": "Ada", "familyName": "K\u{fc}ng"},
        "emails": [{"value": "ada@work.test", "type": "work", "primary": true}, {"value": "ada@home.test", "type": "home"}],
        "phoneNumbers": [{"value": "1", "type": "mobile"}],
        "addresses": [{"type": "work", "locality": "London"}, {"type": "home", "country": "GB", "primary": true}],
        "roles": [{"value": "admin", "primary": true}],
        ENTERPRISE: {"department": "Engines", "manager": {"value": "m1"}},
    });
    [full, json!({"userName": "b"})].map(map)
});
static GROUPS: LazyLock<[Map<String, Value>; 2]> =
    LazyLock::new(|| [json!({"displayName": "G", "externalId": "g"}), json!({"displayName": "H"})].map(map));

fn map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn cases() -> [(&'static ResourceType, &'static [Map<String, Value>]); 2] {
    [(&TYPES.user, &*USERS), (&TYPES.group, &*GROUPS)]
}

/// A filter is read as it is printed, as written and as resolved, and judges every resource.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for forms in [Forms::Strict, Forms::Lenient] {
        let Some(expression) = said(filter::parse(text, forms)) else { continue };
        let printed = expression.to_string();
        if printed.len() <= MAX_TEXT {
            assert_eq!(filter::parse(&printed, forms).as_ref(), Ok(&expression), "{printed}");
        }
        for (kind, resources) in cases() {
            let Some(found) = said(expression.resolve(kind, forms)) else { continue };
            again(&found, &found.to_string(), |text| filter::parse(text, Forms::Strict)?.resolve(kind, Forms::Strict));
            for resource in resources {
                found.matches(resource);
            }
        }
    }
}

/// A path is read as it is printed, as written and as resolved.
pub fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for forms in [Forms::Strict, Forms::Lenient] {
        let Some(path) = said(paths::parse(text, forms)) else { continue };
        let printed = path.to_string();
        if printed.len() <= MAX_TEXT {
            assert_eq!(paths::parse(&printed, forms).as_ref(), Ok(&path), "{printed}");
        }
        for (kind, _) in cases() {
            let Ok(found) = path.resolve(kind, forms) else { continue };
            // A filter on a single value is a lenient form for itself.
            again(&found, &found.to_string(), |text| {
                let raw = paths::parse(text, forms)?;
                raw.resolve(kind, forms)
                    .map_err(|error| error.into_error(scim_edge::error::Code::PathUnknownAttribute, kind))
            });
            found.definitions_in(kind);
        }
    }
}

/// The value travels as JSON, and its text has the same meaning.
fn again<T>(value: &T, text: &str, read: impl Fn(&str) -> Result<T>)
where
    T: PartialEq + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
    if text.len() <= MAX_TEXT {
        assert_eq!(read(text).as_ref(), Ok(value), "{text}");
    }
}

/// A PATCH of a user or a group: the first byte says which and in which dialect, the rest is the body. What comes out
/// is canonical, and doing it twice is doing it once where that must hold.
pub fn patch(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let kinds = if first & 1 == 0 { Kinds::Users } else { Kinds::Groups };
    let dialect = if first & 2 == 0 { Dialect::Rfc } else { Dialect::Auto };
    let Some(Ingested { command, .. }) = said(ingested(&Scim::Patch(kinds, "id".into()), &[], body, dialect)) else {
        return;
    };
    let operations: Vec<&Operation> = match &command {
        Command::PatchUser { operations, .. } => operations.iter().collect(),
        Command::PatchGroup { operations, .. } => operations.iter().filter_map(of_attribute).collect(),
        other => panic!("{other:?}"),
    };
    let kind = TYPES.of_kind(kinds);
    for stored in if kinds == Kinds::Users { &*USERS } else { &*GROUPS } {
        let mut after = stored.clone();
        if said(patch::apply_operations(kind, &mut after, &operations, &Budget::new())).is_none() {
            continue;
        }
        let read = resource::read_resource(kind, after.clone()).and_then(resource::Read::without_refusals);
        assert_eq!(read.map(|read| read.resource.attributes).as_ref(), Ok(&after), "not canonical");
        let plain = |op: &&&Operation| op.path.filter.is_none() && (op.op == PatchOp::Replace || operations.len() == 1);
        if operations.iter().all(|operation| plain(&operation)) {
            let mut twice = after.clone();
            patch::apply_operations(kind, &mut twice, &operations, &Budget::new()).unwrap();
            assert_eq!(twice, after, "twice is not once");
        }
    }
}

fn of_attribute(operation: &GroupOperation) -> Option<&Operation> {
    match operation {
        GroupOperation::Attribute(operation) => return Some(operation),
        GroupOperation::RemoveMatching(filter) | GroupOperation::ReplaceMatching { filter, .. } => {
            // Nobody fits whom a filter that names its members does not name.
            for id in ["a", "id"].iter().filter(|id| member::Judge::new(filter).fits_id(id)) {
                let ids = member::named_ids(filter);
                assert!(ids.is_none_or(|ids| ids.contains(id)), "{filter} names {id}");
            }
        }
        _ => {}
    }
    None
}

/// Any request: method, path with its query and dialect stand in the first line, the body follows.
pub fn ingest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (line, body) = text.split_once('\n').unwrap_or((text, ""));
    let mut words = line.splitn(3, ' ');
    let (dialect, method, address) = (words.next(), words.next().unwrap_or("GET"), words.next().unwrap_or("/"));
    let dialect = if dialect == Some("rfc") { Dialect::Rfc } else { Dialect::Auto };
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    if let Route::Scim(_, Ok(route), query) = route::route(method, path, query, None) {
        said(ingested(&route, &query, body.as_bytes(), dialect));
    }
}

fn ingested(route: &Scim, query: &[(String, String)], body: &[u8], dialect: Dialect) -> Result<Ingested> {
    let content_type = Some("application/scim+json");
    let id = RequestId::parse("r-1").unwrap();
    let request = ingest::Request {
        id: &id,
        base: "https://scim.test/acme/scim/v2",
        types: &TYPES,
        query,
        content_type,
        content_encoding: None,
        user_agent: "",
        if_match: None,
        if_none_match: None,
        body,
        dialect,
    };
    let ingested = ingest::ingest(route, &request)?;
    let json = serde_json::to_string(&ingested.command).unwrap();
    assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), ingested.command);
    assert!(ingested.notes.iter().all(|note| note.len() < 8192) && ingested.notes.len() < 100);
    Ok(ingested)
}

/// A refusal has a sentence of its own, and is never a fault of ours.
fn said<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error { code, detail, .. }) => {
            assert!(code.kind().status() < 500 && !detail.is_empty() && detail.len() < 64 * 1024, "{code}: {detail}");
            None
        }
    }
}
