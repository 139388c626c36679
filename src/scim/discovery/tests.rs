//! The discovery documents as clients read them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::borrow::Cow;

use super::super::schema::tables::USER_SCHEMA;
use super::super::schema::{ENTERPRISE, GROUP, USER};
use super::*;

const BASE: &str = "https://scim.example/acme/scim/v2";
const BADGE: &str = "urn:example:2.0:Badge";

fn types() -> Types {
    Types::default()
}

/// Returns both types with one more extension, which the organisation registered for both.
fn extended() -> Types {
    let mut types = types();
    for (kind, id) in [(&mut types.user, BADGE.to_owned()), (&mut types.group, BADGE.to_uppercase())] {
        kind.extensions.push(Cow::Owned(Schema {
            id: Cow::Owned(id),
            name: Cow::Borrowed("Badge"),
            description: Cow::Borrowed("A badge."),
            attributes: Cow::Owned(Vec::new()),
        }));
    }
    types
}

fn documents() -> Vec<(Value, &'static Schema)> {
    let mut all = vec![(service_provider_config(BASE), &SERVICE_PROVIDER_CONFIG_SCHEMA)];
    let resources = |list: Value| list["Resources"].as_array().unwrap().clone();
    all.extend(resources(resource_types(BASE, &extended())).into_iter().map(|d| (d, &RESOURCE_TYPE_SCHEMA)));
    all.extend(resources(list_schemas(BASE, &extended())).into_iter().map(|d| (d, &SCHEMA_SCHEMA)));
    all
}

/// Checks that each key is an attribute with a value of its type, and that no required one is missing.
#[track_caller]
fn conforms(value: &Value, attributes: &[Attribute], path: &str) {
    let object = value.as_object().unwrap();
    for attribute in attributes {
        assert!(!attribute.required || object.contains_key(&*attribute.name), "{path} has no {}", attribute.name);
    }
    for (key, value) in object {
        let path = format!("{path}.{key}");
        if path.ends_with(".subAttributes.subAttributes") {
            // Only in the schema of schemas, which is one level deeper than it can say.
            continue;
        }
        let attribute = attributes.iter().find(|a| a.name == *key).unwrap_or_else(|| panic!("{path}: unknown"));
        let values = if attribute.multi { value.as_array().unwrap().iter().collect() } else { vec![value] };
        for value in values {
            match attribute.kind {
                Type::Complex => conforms(value, &attribute.sub, &path),
                Type::Boolean => assert!(value.is_boolean(), "{path}"),
                Type::Integer => assert!(value.is_u64(), "{path}"),
                _ => assert!(value.is_string(), "{path}"),
            }
            let suggested = attribute.canonical.is_empty() || attribute.canonical.iter().any(|c| *value == **c);
            assert!(suggested, "{path}: {value}");
        }
    }
}

#[test]
fn documents_follow_their_own_schemas() {
    for (mut document, schema) in documents() {
        let fields = document.as_object_mut().unwrap();
        assert_eq!(fields.remove("schemas").unwrap(), json!([schema.id]));
        let meta = fields.remove("meta").unwrap();
        let kind = meta["resourceType"].as_str().unwrap();
        assert!(schema.id.ends_with(&format!(":{kind}")), "{kind}");
        let plural = if kind == "ServiceProviderConfig" { kind.to_owned() } else { format!("{kind}s") };
        let id = fields.get("id").map_or(String::new(), |id| format!("/{}", id.as_str().unwrap()));
        assert_eq!(meta["location"], format!("{BASE}/{plural}{id}"));
        conforms(&document, &schema.attributes, kind);
    }
}

#[test]
fn nothing_is_null() {
    fn walk(value: &Value) {
        assert!(!value.is_null());
        value.as_array().into_iter().flatten().for_each(walk);
        value.as_object().into_iter().flat_map(|fields| fields.values()).for_each(walk);
    }
    documents().iter().for_each(|(document, _)| walk(document));
    walk(&resource_types(BASE, &extended()));
    walk(&list_schemas(BASE, &extended()));
}

#[test]
fn bulk_limits_only_with_bulk() {
    let Capabilities { bulk, bulk_operations, bulk_bytes, .. } = CAPABILITIES;
    assert_eq!([bulk; 2], [bulk_operations > 0, bulk_bytes > 0]);
}

#[test]
fn one_resource_type() {
    assert_eq!(
        resource_type(BASE, &types(), "User").unwrap(),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": "User",
            "name": "User",
            "description": "People with an account.",
            "endpoint": "/Users",
            "schema": USER,
            "schemaExtensions": [{ "schema": ENTERPRISE, "required": false }],
            "meta": { "resourceType": "ResourceType", "location": format!("{BASE}/ResourceTypes/User") },
        })
    );
    assert_eq!(resource_type(BASE, &types(), "Group").unwrap().get("schemaExtensions"), None);
    assert_eq!(resource_type(BASE, &types(), "Users"), None);
}

#[test]
fn lists() {
    let ids = |list: &Value| {
        let resources = list["Resources"].as_array().unwrap();
        assert_eq!(list["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
        assert_eq!([&list["totalResults"], &list["itemsPerPage"]], [resources.len(); 2]);
        assert_eq!(list["startIndex"], 1);
        resources.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&resource_types(BASE, &types())), ["User", "Group"]);
    let own = [&SERVICE_PROVIDER_CONFIG_SCHEMA.id, &RESOURCE_TYPE_SCHEMA.id, &SCHEMA_SCHEMA.id];
    let [config, kind, schema] = own.map(|id| &**id);
    assert_eq!(ids(&list_schemas(BASE, &types())), [USER, GROUP, ENTERPRISE, config, kind, schema]);
    assert_eq!(ids(&list_schemas(BASE, &extended())), [USER, GROUP, ENTERPRISE, BADGE, config, kind, schema]);
}

#[test]
fn one_schema_in_any_case() {
    let found = schema_document(BASE, &types(), &USER.to_uppercase()).unwrap();
    assert_eq!(found, list_schemas(BASE, &types())["Resources"][0]);
    assert_eq!(found["id"], USER);
    assert_eq!(schema_document(BASE, &types(), BADGE), None);
    assert_eq!(schema_document(BASE, &extended(), BADGE).unwrap()["attributes"], json!([]));
}

#[test]
fn characteristics_as_written() {
    let written = |name| render_attribute(USER_SCHEMA.attribute(name).unwrap());
    assert_eq!(
        written("userName"),
        json!({
            "name": "userName",
            "type": "string",
            "multiValued": false,
            "description": "Name that the user signs in with; unique in the organisation, whatever its case.",
            "required": true,
            "caseExact": false,
            "mutability": "readWrite",
            "returned": "default",
            "uniqueness": "server",
        })
    );
    assert_eq!(
        written("active"),
        json!({
            "name": "active",
            "type": "boolean",
            "multiValued": false,
            "description": "Whether the user may sign in.",
            "required": false,
            "mutability": "readWrite",
            "returned": "default",
            "uniqueness": "none",
        })
    );
    let photos = written("photos");
    assert_eq!([photos.get("caseExact"), photos.get("canonicalValues"), photos.get("referenceTypes")], [None; 3]);
    assert_eq!(photos["subAttributes"][0]["referenceTypes"], json!(["external"]));
    assert_eq!(photos["subAttributes"][2]["canonicalValues"], json!(["photo", "thumbnail"]));
}
