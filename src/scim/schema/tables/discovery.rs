//! The schemas of the discovery documents (RFC 7643 sections 5, 6 and 7): all read-only.

use super::super::{Attribute, Schema, Text};
use super::{EXTERNAL, URI, boolean, choice, complex, integer, reference, schema, string, text};

/// The schema of the service provider's configuration (RFC 7643 section 5).
pub static SERVICE_PROVIDER_CONFIG_SCHEMA: Schema = schema(
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
    "Service Provider Configuration",
    "What the service provider supports.",
    &CONFIG,
);

static CONFIG: [Attribute; 9] = [
    reference("documentationUri", "Where to read about the service.", &EXTERNAL).read_only(),
    complex("patch", "PATCH.", &FEATURE).required().read_only(),
    complex("bulk", "Bulk requests.", &BULK).required().read_only(),
    complex("filter", "Filters.", &FILTER).required().read_only(),
    complex("changePassword", "Changing passwords.", &FEATURE).required().read_only(),
    complex("sort", "Sorting.", &FEATURE).required().read_only(),
    complex("etag", "Entity tags.", &FEATURE).required().read_only(),
    complex("pagination", "Ways to page through a list.", &PAGINATION).read_only(),
    complex("authenticationSchemes", "Ways to authenticate.", &SCHEME).multi().required().read_only(),
];

const SUPPORTED: Attribute = boolean("supported", "Whether it is supported.").required().read_only();

static FEATURE: [Attribute; 1] = [SUPPORTED];

static BULK: [Attribute; 3] = [
    SUPPORTED,
    integer("maxOperations", "Most operations in one request.").required().read_only(),
    integer("maxPayloadSize", "Largest request in bytes.").required().read_only(),
];

static FILTER: [Attribute; 2] =
    [SUPPORTED, integer("maxResults", "Most resources in one answer.").required().read_only()];

/// RFC 9865 section 4.
static PAGINATION: [Attribute; 5] = [
    boolean("cursor", "Whether pages can be chained by cursors.").required().read_only(),
    boolean("index", "Whether pages can be found by index.").required().read_only(),
    choice("defaultPaginationMethod", "What a request gets that names neither.", &METHODS).read_only(),
    integer("defaultPageSize", "Resources in a page of a request that names no count.").read_only(),
    integer("maxPageSize", "Most resources in one page.").read_only(),
];

static METHODS: [Text; 2] = [text("cursor"), text("index")];

/// The table of section 8.7.2 lacks `type`, which section 5 requires, and `primary`, which section 8.5 uses.
static SCHEME: [Attribute; 6] = [
    choice("type", "Kind of the scheme.", &SCHEMES).required().read_only(),
    string("name", "Name of the scheme.").required().read_only(),
    string("description", "How the scheme is used.").required().read_only(),
    reference("specUri", "Where the scheme is specified.", &EXTERNAL).read_only(),
    reference("documentationUri", "Where to read about its use.", &EXTERNAL).read_only(),
    boolean("primary", "Whether it is the preferred scheme.").read_only(),
];

static SCHEMES: [Text; 5] =
    [text("oauth"), text("oauth2"), text("oauthbearertoken"), text("httpbasic"), text("httpdigest")];

/// The schema of a resource type (RFC 7643 section 6).
pub static RESOURCE_TYPE_SCHEMA: Schema = schema(
    "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
    "ResourceType",
    "A kind of resource and the schemas that describe it.",
    &RESOURCE_TYPE,
);

/// Section 8.7.2 requires `schemaExtensions`, section 6 does not: a type without extensions leaves it out.
static RESOURCE_TYPE: [Attribute; 6] = [
    string("id", "Identifier of the resource type: its name.").read_only(),
    string("name", "Name of the resource type.").required().case_exact().read_only().unique(),
    string("description", "What such resources are.").read_only(),
    reference("endpoint", "Path of such resources below the base URL.", &URI).required().read_only().unique(),
    reference("schema", "URN of the core schema.", &URI).required().read_only(),
    complex("schemaExtensions", "Extensions of the core schema.", &EXTENSION).multi().read_only(),
];

static EXTENSION: [Attribute; 2] = [
    reference("schema", "URN of the extension.", &URI).required().read_only(),
    boolean("required", "Whether every such resource has the extension.").required().read_only(),
];

/// The schema of a schema (RFC 7643 section 7).
pub static SCHEMA_SCHEMA: Schema =
    schema("urn:ietf:params:scim:schemas:core:2.0:Schema", "Schema", "Attributes under a URN.", &SCHEMA);

static SCHEMA: [Attribute; 4] = [
    string("id", "URN of the schema.").required().read_only(),
    string("name", "Name of the schema.").required().read_only(),
    string("description", "What the schema describes.").read_only(),
    complex("attributes", "Attributes of the schema.", &ATTRIBUTE).multi().required().read_only(),
];

static ATTRIBUTE: [Attribute; 12] = [
    NAME,
    TYPE,
    MULTI_VALUED,
    DESCRIPTION,
    REQUIRED,
    CANONICAL_VALUES,
    CASE_EXACT,
    MUTABILITY,
    RETURNED,
    UNIQUENESS,
    REFERENCE_TYPES,
    complex("subAttributes", "Sub-attributes of a complex attribute.", &SUB_ATTRIBUTE).multi().read_only(),
];

/// The sub-attributes end here: a sub-attribute is never complex (RFC 7643 section 2.3.8). Only this schema itself has
/// complex ones, and so it cannot describe all of itself; section 8.7.2 has the same gap.
static SUB_ATTRIBUTE: [Attribute; 11] = [
    NAME,
    TYPE,
    MULTI_VALUED,
    DESCRIPTION,
    REQUIRED,
    CANONICAL_VALUES,
    CASE_EXACT,
    MUTABILITY,
    RETURNED,
    UNIQUENESS,
    REFERENCE_TYPES,
];

const NAME: Attribute = string("name", "Name of the attribute.").required().case_exact().read_only();
const TYPE: Attribute = choice("type", "Data type.", &TYPES).required().read_only();
const MULTI_VALUED: Attribute = boolean("multiValued", "Whether it is an array of such values.").required().read_only();
const DESCRIPTION: Attribute = string("description", "What the attribute is for.").case_exact().read_only();
const REQUIRED: Attribute = boolean("required", "Whether a resource must have it.").read_only();
const CANONICAL_VALUES: Attribute =
    string("canonicalValues", "Suggested values; others are accepted.").multi().case_exact().read_only();
const CASE_EXACT: Attribute = boolean("caseExact", "Whether upper and lower case differ.").read_only();
const MUTABILITY: Attribute =
    choice("mutability", "Who may change it and when.", &MUTABILITIES).case_exact().read_only();
const RETURNED: Attribute = choice("returned", "When it is part of an answer.", &RETURNS).case_exact().read_only();
const UNIQUENESS: Attribute =
    choice("uniqueness", "Among which resources a value is unique.", &UNIQUENESSES).case_exact().read_only();
const REFERENCE_TYPES: Attribute =
    string("referenceTypes", "What a reference may point at.").multi().case_exact().read_only();

static TYPES: [Text; 8] = [
    text("string"),
    text("complex"),
    text("boolean"),
    text("decimal"),
    text("integer"),
    text("dateTime"),
    text("reference"),
    text("binary"),
];
static MUTABILITIES: [Text; 4] = [text("readOnly"), text("readWrite"), text("immutable"), text("writeOnly")];
static RETURNS: [Text; 4] = [text("always"), text("never"), text("default"), text("request")];
static UNIQUENESSES: [Text; 3] = [text("none"), text("server"), text("global")];
