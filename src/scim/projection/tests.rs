//! The parts that an answer has, as tables.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::scim::schema::document::SchemaDocument;
use crate::scim::schema::{ENTERPRISE, Types};
use serde_json::json;

const URN: &str = "urn:acme:2.0:Badge";

fn kind() -> ResourceType {
    let body = json!({"attributes": [
        {"name": "number", "returned": "always"},
        {"name": "color"},
        {"name": "pin", "returned": "request"},
        {"name": "seal", "returned": "never"},
        {"name": "desk", "type": "complex", "subAttributes": [
            {"name": "id", "returned": "always"}, {"name": "room"},
            {"name": "code", "returned": "request"}, {"name": "lock", "returned": "never"},
        ]},
    ]});
    Types::with_documents(1, vec![SchemaDocument::parse(URN, body.to_string().as_bytes()).unwrap()]).user
}

fn resource() -> Value {
    json!({
        "id": "1", "schemas": ["s"], "userName": "a", "title": "t", "name": {"givenName": "A", "familyName": "B"},
        "emails": [{"value": "a@b", "type": "work"}, {"value": "c@d"}],
        "meta": {"version": "v", "created": "c"},
        ENTERPRISE: {"department": "d", "manager": {"value": "m", "displayName": "M"}},
        URN: {"number": "1", "color": "red", "pin": "p", "seal": "s",
              "desk": {"id": "i", "room": "r", "code": "c", "lock": "l"}},
        "urn:else:X": {"a": {"b": 1, "c": 2}, "d": 3},
        "urn:else:Y": "text",
    })
}

/// Returns what is left of the resource under these lists.
fn left(attributes: &str, excluded: &str) -> Value {
    let query = [("ATTRIBUTES".to_owned(), attributes.to_owned()), ("excludedattributes".to_owned(), excluded.into())];
    let projection = Projection::parse(&query);
    let lists = [attributes, excluded].map(|list| list.split(',').map(str::to_owned).collect());
    let [attributes, excluded] = lists;
    assert_eq!(projection, Projection::new(attributes, excluded));
    let Value::Object(mut map) = resource() else { return Value::Null };
    projection.remove_hidden(&kind(), &mut map);
    Value::Object(map)
}

#[test]
fn by_default_what_is_returned_by_default() {
    let mut expected = resource();
    expected[URN] = json!({"number": "1", "color": "red", "desk": {"id": "i", "room": "r"}});
    assert_eq!(left("", ""), expected);
    assert_eq!(left(" , ", ","), expected, "empty names are none");
}

#[test]
fn attributes() {
    let always = json!({"id": "1", "schemas": ["s"], URN: {"number": "1"}});
    for (names, more) in [
        ("nothing", json!({})),
        ("userName.nothing,urn:nothing:x", json!({})),
        ("USERNAME", json!({"userName": "a"})),
        ("userName, title", json!({"userName": "a", "title": "t"})),
        ("name.GIVENNAME", json!({"name": {"givenName": "A"}})),
        ("name.middleName", json!({})),
        ("name,name.givenName", json!({"name": {"givenName": "A", "familyName": "B"}})),
        ("emails.type", json!({"emails": [{"type": "work"}]})),
        (
            "urn:ietf:params:scim:schemas:core:2.0:user:Emails.Value",
            json!({"emails": [{"value": "a@b"}, {"value": "c@d"}]}),
        ),
        ("urn:ietf:params:scim:schemas:core:2.0:Group:title", json!({})),
        ("meta.version", json!({"meta": {"version": "v"}})),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", json!({ENTERPRISE: resource()[ENTERPRISE]})),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            json!({ENTERPRISE: {"manager": {"value": "m"}}}),
        ),
        ("URN:ACME:2.0:BADGE", json!({URN: {"number": "1", "color": "red", "desk": {"id": "i", "room": "r"}}})),
        ("urn:acme:2.0:Badge:PIN", json!({URN: {"number": "1", "pin": "p"}})),
        ("urn:acme:2.0:Badge:seal", json!({})),
        ("urn:acme:2.0:Badge:desk", json!({URN: {"number": "1", "desk": {"id": "i", "room": "r"}}})),
        ("urn:acme:2.0:Badge:desk.code", json!({URN: {"number": "1", "desk": {"id": "i", "code": "c"}}})),
        ("urn:acme:2.0:Badge:desk.lock", json!({URN: {"number": "1", "desk": {"id": "i"}}})),
        ("urn:else:x", json!({"urn:else:X": resource()["urn:else:X"]})),
        ("urn:else:X:A.b", json!({"urn:else:X": {"a": {"b": 1}}})),
        ("urn:else:Y", json!({"urn:else:Y": "text"})),
    ] {
        let mut expected = always.clone();
        for (name, value) in more.as_object().unwrap() {
            expected[name] = value.clone();
        }
        assert_eq!(left(names, ""), expected, "{names}");
    }
    let core = left("urn:ietf:params:scim:schemas:core:2.0:User", "");
    assert_eq!([&core["title"], &core[ENTERPRISE]], [&json!("t"), &Value::Null]);
}

#[test]
fn excluded_attributes() {
    for (names, path, expected) in [
        ("title", "/title", Value::Null),
        ("TITLE,id,schemas", "/id", json!("1")),
        ("id", "/schemas", json!(["s"])),
        ("name.familyName", "/name", json!({"givenName": "A"})),
        ("name.familyName,name.givenName", "/name", Value::Null),
        ("emails.value", "/emails", json!([{"type": "work"}])),
        ("meta", "/meta", Value::Null),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", "/title", Value::Null),
        ("urn:acme:2.0:Badge", "/urn:acme:2.0:Badge", json!({"number": "1"})),
        (
            "urn:acme:2.0:Badge:number,urn:acme:2.0:Badge:desk",
            "/urn:acme:2.0:Badge",
            json!({"number": "1", "color": "red"}),
        ),
        ("urn:acme:2.0:Badge:desk.id,urn:acme:2.0:Badge:desk.room", "/urn:acme:2.0:Badge/desk", json!({"id": "i"})),
        ("urn:else:X", "/urn:else:X", Value::Null),
        ("urn:else:X:a.b", "/urn:else:X", json!({"a": {"c": 2}, "d": 3})),
        ("urn:else:Y", "/urn:else:Y", Value::Null),
        ("nothing,urn:nothing:x", "/title", json!("t")),
    ] {
        let found = left("", names).pointer(path).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{names}");
    }
    assert_eq!(left("title,name", "name.givenName,title")["name"], json!({"familyName": "B"}));
    assert_eq!(left("title,name", "name.givenName,title")["title"], Value::Null);
}

#[test]
fn members() {
    let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
    for (attributes, excluded, shown) in [
        ("", "", true),
        ("", "MEMBERS", false),
        ("", "members.value", true),
        ("", &format!("{group}:members"), false),
        ("", group, false),
        ("displayName", "", false),
        ("displayName,members.value", "", true),
        (group, "", true),
        (&format!("{group}:Members"), "", true),
        ("members", "members", false),
    ] {
        let lists = [attributes, excluded].map(|list| list.split(',').map(str::to_owned).collect());
        let [attributes, excluded] = lists;
        let projection = Projection::new(attributes, excluded);
        assert_eq!(projection.shows_core("members"), shown, "{projection:?}");
    }
}

#[test]
fn what_goes_out_as_it_is_stored() {
    let types = Types::default();
    assert!(types.all().into_iter().all(|kind| Projection::default().is_whole(kind)));
    assert!(!Projection::default().is_whole(&kind()));
    assert!(!Projection::new(vec!["title".to_owned()], Vec::new()).is_whole(&types.user));
}
