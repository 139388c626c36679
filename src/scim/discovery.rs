//! The discovery documents (RFC 7643 sections 5, 6 and 7; RFC 7644 section 4), rendered from the schema tables.
//!
//! Out of scope: access to them, and the 403 for a filter on them; the route decides both. Attributes without a value
//! are left out: a client that reads `null` may reject the whole document.

use serde_json::{Value, json};

use super::bulk::OPERATIONS_MAX;
use super::json::BODY_MAX;
use super::schema::tables::{RESOURCE_TYPE_SCHEMA, SCHEMA_SCHEMA, SERVICE_PROVIDER_CONFIG_SCHEMA};
use super::schema::{Attribute, Mutability, ResourceType, Returned, Schema, Type, Types, Uniqueness};

/// The URN of a list answer (RFC 7644 section 3.4.2).
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The largest page of a list.
pub const PAGE_MAX: i64 = 1_000;

/// The page of a list that names no size.
pub const PAGE_DEFAULT: i64 = 100;

/// The features that the service offers, as its configuration says (RFC 7643 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// PATCH.
    pub patch: bool,
    /// `/Bulk`.
    pub bulk: bool,
    /// Operations in one Bulk request; 0 without Bulk.
    pub bulk_operations: u32,
    /// Bytes in one Bulk request; 0 without Bulk.
    pub bulk_bytes: u32,
    /// Filters.
    pub filter: bool,
    /// Resources in one page.
    pub filter_results: i64,
    /// Passwords are accepted and dropped, so this stays false.
    pub change_password: bool,
    /// `sortBy` and `sortOrder`.
    pub sort: bool,
    /// `ETag`, `If-Match` and `If-None-Match`.
    pub etag: bool,
}

/// The features that are offered now. Clients obey it, so a feature is switched on here when it works and not before.
pub const CAPABILITIES: Capabilities = Capabilities {
    patch: true,
    bulk: true,
    bulk_operations: OPERATIONS_MAX as u32,
    bulk_bytes: BODY_MAX as u32,
    filter: true,
    filter_results: PAGE_MAX,
    change_password: false,
    sort: true,
    etag: true,
};

/// Returns `/ServiceProviderConfig` (RFC 7643 section 5). Here and below `base` is the SCIM base URL without a slash at
/// its end.
pub fn service_provider_config(base: &str) -> Value {
    let can = CAPABILITIES;
    json!({
        "schemas": [SERVICE_PROVIDER_CONFIG_SCHEMA.id],
        "documentationUri": "https://www.rfc-editor.org/rfc/rfc7644",
        "patch": { "supported": can.patch },
        "bulk": {
            "supported": can.bulk,
            "maxOperations": can.bulk_operations,
            "maxPayloadSize": can.bulk_bytes,
        },
        "filter": { "supported": can.filter, "maxResults": can.filter_results },
        "changePassword": { "supported": can.change_password },
        "sort": { "supported": can.sort },
        "etag": { "supported": can.etag },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": PAGE_DEFAULT,
            "maxPageSize": PAGE_MAX,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token of this organisation in the Authorization header.",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "documentationUri": "https://www.rfc-editor.org/rfc/rfc7644#section-2",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}

/// Returns `/ResourceTypes` (RFC 7643 section 6).
pub fn resource_types(base: &str, types: &Types) -> Value {
    list_response(types.all().into_iter().map(|t| render_type(base, t)).collect())
}

/// Returns `/ResourceTypes/{name}`, or `None` if there is no such type.
pub fn resource_type(base: &str, types: &Types, name: &str) -> Option<Value> {
    types.all().into_iter().find(|t| t.name == name).map(|t| render_type(base, t))
}

/// Returns `/Schemas` (RFC 7643 section 7): the core schemas, each extension once, then the three of the discovery
/// documents.
pub fn list_schemas(base: &str, types: &Types) -> Value {
    list_response(published_schemas(types).into_iter().map(|s| render_schema(base, s)).collect())
}

/// Returns `/Schemas/{urn}`, in any case, or `None` if there is no such schema.
pub fn schema_document(base: &str, types: &Types, urn: &str) -> Option<Value> {
    published_schemas(types).into_iter().find(|s| s.id.eq_ignore_ascii_case(urn)).map(|s| render_schema(base, s))
}

/// Returns the schemas that are published. An extension of two types is published once.
fn published_schemas(types: &Types) -> Vec<&Schema> {
    let mut found: Vec<&Schema> = Vec::new();
    let core = types.all().into_iter().map(|t| t.schema);
    let extensions = types.all().into_iter().flat_map(|t| t.extensions.iter().map(AsRef::as_ref));
    let own = [&SERVICE_PROVIDER_CONFIG_SCHEMA, &RESOURCE_TYPE_SCHEMA, &SCHEMA_SCHEMA];
    for schema in core.chain(extensions).chain(own) {
        if !found.iter().any(|s| s.id.eq_ignore_ascii_case(&schema.id)) {
            found.push(schema);
        }
    }
    found
}

/// Returns a list answer (RFC 7644 section 3.4.2). Discovery has no paging (section 4), so everything is on one page.
fn list_response(resources: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

fn render_type(base: &str, kind: &ResourceType) -> Value {
    let extensions: Vec<_> = kind.extensions.iter().map(|s| json!({ "schema": s.id, "required": false })).collect();
    without_empty(json!({
        "schemas": [RESOURCE_TYPE_SCHEMA.id],
        "id": kind.name,
        "name": kind.name,
        "description": kind.description,
        "endpoint": kind.endpoint,
        "schema": kind.schema.id,
        "schemaExtensions": extensions,
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", kind.name) },
    }))
}

fn render_schema(base: &str, schema: &Schema) -> Value {
    let mut document = describe_schema(schema);
    if let Some(map) = document.as_object_mut() {
        let location = format!("{base}/Schemas/{}", schema.id);
        map.insert("meta".to_owned(), json!({ "resourceType": "Schema", "location": location }));
    }
    document
}

/// Returns a schema without `meta` (RFC 7643 section 7).
pub(super) fn describe_schema(schema: &Schema) -> Value {
    let mut document = json!({
        "schemas": [SCHEMA_SCHEMA.id],
        "id": schema.id,
        "name": schema.name,
        "attributes": schema.attributes.iter().map(render_attribute).collect::<Vec<_>>(),
    });
    if let Some(map) = document.as_object_mut().filter(|_| !schema.description.is_empty()) {
        map.insert("description".to_owned(), json!(schema.description));
    }
    document
}

fn render_attribute(attribute: &Attribute) -> Value {
    // Only a value that is compared as text has a case.
    let cased = matches!(attribute.kind, Type::String | Type::Reference | Type::Binary);
    without_empty(json!({
        "name": attribute.name,
        "type": type_name(attribute.kind),
        "multiValued": attribute.multi,
        "description": (!attribute.description.is_empty()).then_some(&attribute.description),
        "required": attribute.required,
        "canonicalValues": attribute.canonical,
        "caseExact": cased.then_some(attribute.case_exact),
        "mutability": mutability_name(attribute.mutability),
        "returned": returned_name(attribute.returned),
        "uniqueness": uniqueness_name(attribute.uniqueness),
        "referenceTypes": attribute.references,
        "subAttributes": attribute.sub.iter().map(render_attribute).collect::<Vec<_>>(),
    }))
}

/// Returns the object without its nulls and empty arrays; both mean that there is no value (RFC 7643 section 2.5).
fn without_empty(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    }
    object
}

pub(super) fn type_name(kind: Type) -> &'static str {
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

pub(super) fn mutability_name(mutability: Mutability) -> &'static str {
    match mutability {
        Mutability::ReadOnly => "readOnly",
        Mutability::ReadWrite => "readWrite",
        Mutability::Immutable => "immutable",
        Mutability::WriteOnly => "writeOnly",
    }
}

pub(super) fn returned_name(returned: Returned) -> &'static str {
    match returned {
        Returned::Always => "always",
        Returned::Never => "never",
        Returned::Default => "default",
        Returned::Request => "request",
    }
}

pub(super) fn uniqueness_name(uniqueness: Uniqueness) -> &'static str {
    match uniqueness {
        Uniqueness::None => "none",
        Uniqueness::Server => "server",
        Uniqueness::Global => "global",
    }
}

#[cfg(test)]
mod tests;
