//! What the service says of itself (RFC 7644 section 4), rendered from the schema tables.

use super::schema::tables::{RESOURCE_TYPE_SCHEMA, SCHEMA_SCHEMA, SERVICE_PROVIDER_CONFIG_SCHEMA};
use super::schema::{Attribute, Mutability, ResourceType, Returned, Schema, Type, Uniqueness};
use serde_json::{Map, Value, json};

/// The largest page of a list, which `filter.maxResults` announces.
pub const PAGE_MAX: i64 = 1000;

/// The URN of a list answer (RFC 7644 section 3.4.2).
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// `GET /ServiceProviderConfig` (RFC 7643 section 5). `base` is the SCIM base URL.
pub fn service_provider_config(base: &str) -> Value {
    let supported = |yes: bool| json!({ "supported": yes });
    json!({
        "schemas": [SERVICE_PROVIDER_CONFIG_SCHEMA.id],
        "patch": supported(true),
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": PAGE_MAX },
        "changePassword": supported(false),
        "sort": supported(false),
        "etag": supported(false),
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token that an administrator mints for this organisation",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": meta(base, "ServiceProviderConfig", "/ServiceProviderConfig"),
    })
}

/// `GET /ResourceTypes` (RFC 7643 section 6).
pub fn resource_types(base: &str, types: &[ResourceType]) -> Value {
    list(types.iter().map(|kind| show_type(base, kind)).collect())
}

/// `GET /ResourceTypes/{name}`; `None` if there is none of that name.
pub fn resource_type(base: &str, types: &[ResourceType], name: &str) -> Option<Value> {
    types.iter().find(|kind| kind.name == name).map(|kind| show_type(base, kind))
}

/// `GET /Schemas` (RFC 7643 section 7).
pub fn schemas(base: &str, types: &[ResourceType]) -> Value {
    list(all(types).into_iter().map(|schema| show_schema(base, schema)).collect())
}

/// `GET /Schemas/{urn}`, the URN in any case; `None` if there is none.
pub fn schema(base: &str, types: &[ResourceType], urn: &str) -> Option<Value> {
    all(types).into_iter().find(|s| s.id.eq_ignore_ascii_case(urn)).map(|s| show_schema(base, s))
}

fn all(types: &[ResourceType]) -> Vec<&Schema> {
    let core = types.iter().map(|kind| kind.schema);
    let extensions = types.iter().flat_map(|kind| kind.extensions.iter().map(AsRef::as_ref));
    core.chain(extensions).chain([&SERVICE_PROVIDER_CONFIG_SCHEMA, &RESOURCE_TYPE_SCHEMA, &SCHEMA_SCHEMA]).collect()
}

fn show_type(base: &str, kind: &ResourceType) -> Value {
    let mut shown = json!({
        "schemas": [RESOURCE_TYPE_SCHEMA.id],
        "id": kind.name,
        "name": kind.name,
        "endpoint": kind.endpoint,
        "description": kind.description,
        "schema": kind.schema.id,
        "meta": meta(base, "ResourceType", &format!("/ResourceTypes/{}", kind.name)),
    });
    if !kind.extensions.is_empty() && let Some(map) = shown.as_object_mut() {
        let extensions = kind.extensions.iter().map(|schema| json!({ "schema": schema.id, "required": false }));
        map.insert("schemaExtensions".to_owned(), extensions.collect());
    }
    shown
}

fn show_schema(base: &str, schema: &Schema) -> Value {
    json!({
        "schemas": [SCHEMA_SCHEMA.id],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().map(show).collect::<Vec<_>>(),
        "meta": meta(base, "Schema", &format!("/Schemas/{}", schema.id)),
    })
}

/// One attribute (RFC 7643 section 7). What is empty is left out: some clients stop at `null` and `[]`.
fn show(attribute: &Attribute) -> Value {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("name", json!(attribute.name));
    put("type", json!(type_name(attribute.kind)));
    put("multiValued", json!(attribute.multi));
    put("description", json!(attribute.description));
    put("required", json!(attribute.required));
    if matches!(attribute.kind, Type::String | Type::Reference | Type::Binary) {
        put("caseExact", json!(attribute.case_exact));
    }
    put("mutability", json!(mutability_name(attribute.mutability)));
    put("returned", json!(returned_name(attribute.returned)));
    put("uniqueness", json!(uniqueness_name(attribute.uniqueness)));
    if !attribute.canonical.is_empty() {
        put("canonicalValues", json!(attribute.canonical));
    }
    if !attribute.references.is_empty() {
        put("referenceTypes", json!(attribute.references));
    }
    if !attribute.sub.is_empty() {
        put("subAttributes", attribute.sub.iter().map(show).collect());
    }
    Value::Object(shown)
}

fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::String => "string",
        Type::Boolean => "boolean",
        Type::Decimal => "decimal",
        Type::Integer => "integer",
        Type::DateTime => "dateTime",
        Type::Binary => "binary",
        Type::Reference => "reference",
        Type::Complex => "complex",
    }
}

fn mutability_name(mutability: Mutability) -> &'static str {
    match mutability {
        Mutability::ReadOnly => "readOnly",
        Mutability::ReadWrite => "readWrite",
        Mutability::Immutable => "immutable",
        Mutability::WriteOnly => "writeOnly",
    }
}

fn returned_name(returned: Returned) -> &'static str {
    match returned {
        Returned::Always => "always",
        Returned::Never => "never",
        Returned::Default => "default",
        Returned::Request => "request",
    }
}

fn uniqueness_name(uniqueness: Uniqueness) -> &'static str {
    match uniqueness {
        Uniqueness::None => "none",
        Uniqueness::Server => "server",
        Uniqueness::Global => "global",
    }
}

fn meta(base: &str, kind: &str, path: &str) -> Value {
    json!({ "resourceType": kind, "location": format!("{base}{path}") })
}

fn list(resources: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scim::schema::tables::{group_type, user_type};

    fn nulls(value: &Value) -> usize {
        match value {
            Value::Null => 1,
            Value::Array(items) => items.iter().map(nulls).sum(),
            Value::Object(map) => map.values().map(nulls).sum(),
            _ => 0,
        }
    }

    #[test]
    fn documents() {
        let (base, types) = ("https://h/acme/scim/v2", [user_type(), group_type()]);
        let (config, kinds, all) = (service_provider_config(base), resource_types(base, &types), schemas(base, &types));
        assert_eq!(nulls(&config) + nulls(&kinds) + nulls(&all), 0);
        assert_eq!((kinds["totalResults"].as_i64(), all["totalResults"].as_i64()), (Some(2), Some(6)));
        let user = resource_type(base, &types, "User").unwrap();
        assert_eq!(user["schemaExtensions"][0]["schema"], super::super::schema::ENTERPRISE);
        assert_eq!(user["meta"]["location"], "https://h/acme/scim/v2/ResourceTypes/User");
        let group = schema(base, &types, "URN:ietf:params:scim:schemas:core:2.0:group").unwrap();
        let members = &group["attributes"][1]["subAttributes"];
        assert_eq!(members[1]["referenceTypes"], json!(["User"]));
        assert_eq!(members[2]["canonicalValues"], json!(["User"]));
        assert_eq!(resource_type(base, &types, "Role"), None);
        assert_eq!(schema(base, &types, "urn:x"), None);
    }
}
