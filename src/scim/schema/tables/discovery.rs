//! The schemas of the discovery documents (RFC 7643 sections 5 to 7 and 8.7.2).

use super::super::{Attribute, Schema, Text};
use super::{URI, attribute, boolean, choice, complex, list, reference, string, text};
use crate::scim::schema::Type;
use std::borrow::Cow;

const EXTERNAL: &[Text] = &[text("external")];

const SUPPORTED: &[Attribute] = &[boolean("supported", "Whether it is offered.").read_only().required()];

/// RFC 7643 section 5.
pub static SERVICE_PROVIDER_CONFIG_SCHEMA: Schema = Schema {
    id: text("urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"),
    name: text("Service Provider Configuration"),
    description: text("What this service offers"),
    attributes: Cow::Borrowed(list![
        reference("documentationUri", "Documentation for people.", EXTERNAL).read_only(),
        complex("patch", "PATCH.", SUPPORTED).read_only().required(),
        complex(
            "bulk",
            "Bulk requests.",
            list![
                boolean("supported", "Whether it is offered.").read_only().required(),
                attribute("maxOperations", Type::Integer, "The most operations.").read_only().required(),
                attribute("maxPayloadSize", Type::Integer, "The largest body, in bytes.").read_only().required(),
            ],
        )
        .read_only()
        .required(),
        complex(
            "filter",
            "Filters.",
            list![
                boolean("supported", "Whether it is offered.").read_only().required(),
                attribute("maxResults", Type::Integer, "The largest page.").read_only().required(),
            ],
        )
        .read_only()
        .required(),
        complex("changePassword", "Changing passwords.", SUPPORTED).read_only().required(),
        complex("sort", "Sorting.", SUPPORTED).read_only().required(),
        complex("etag", "Entity tags.", SUPPORTED).read_only().required(),
        complex(
            "authenticationSchemes",
            "How clients authenticate.",
            list![
                choice(
                    "type",
                    "The scheme.",
                    list![
                        text("oauth"),
                        text("oauth2"),
                        text("oauthbearertoken"),
                        text("httpbasic"),
                        text("httpdigest"),
                    ],
                )
                .read_only()
                .required(),
                string("name", "Its name.").read_only().required(),
                string("description", "What it is.").read_only().required(),
                reference("specUri", "Its specification.", EXTERNAL).read_only(),
                reference("documentationUri", "Documentation for people.", EXTERNAL).read_only(),
                boolean("primary", "True for the preferred one.").read_only(),
            ],
        )
        .multi()
        .read_only()
        .required(),
    ]),
};

/// RFC 7643 section 6.
pub static RESOURCE_TYPE_SCHEMA: Schema = Schema {
    id: text("urn:ietf:params:scim:schemas:core:2.0:ResourceType"),
    name: text("ResourceType"),
    description: text("A kind of resource"),
    attributes: Cow::Borrowed(list![
        string("name", "Its name.").read_only().required(),
        string("description", "What it is.").read_only(),
        reference("endpoint", "Its path below the base URL.", URI).read_only().required(),
        reference("schema", "Its core schema.", URI).read_only().required(),
        complex(
            "schemaExtensions",
            "Its extensions.",
            list![
                reference("schema", "The extension's URN.", URI).read_only().required(),
                boolean("required", "Whether every resource has it.").read_only().required(),
            ],
        )
        .multi()
        .read_only(),
    ]),
};

/// RFC 7643 section 7.
pub static SCHEMA_SCHEMA: Schema = Schema {
    id: text("urn:ietf:params:scim:schemas:core:2.0:Schema"),
    name: text("Schema"),
    description: text("The attributes of a kind of resource"),
    attributes: Cow::Borrowed(list![
        string("name", "Its name.").read_only().required(),
        string("description", "What it is.").read_only(),
        complex("attributes", "Its attributes.", ATTRIBUTES).multi().read_only().required(),
    ]),
};

const ATTRIBUTES: &[Attribute] = &[
    string("name", "Its name.").read_only().required(),
    choice(
        "type",
        "Its data type.",
        list![
            text("string"),
            text("complex"),
            text("boolean"),
            text("decimal"),
            text("integer"),
            text("dateTime"),
            text("reference"),
            text("binary"),
        ],
    )
    .read_only()
    .required(),
    complex("subAttributes", "The attributes of a complex one.", SUB_ATTRIBUTES).multi().read_only(),
    boolean("multiValued", "Whether it is an array.").read_only().required(),
    string("description", "What it is.").read_only(),
    boolean("required", "Whether a resource has to have it.").read_only().required(),
    string("canonicalValues", "Suggested values.").multi().read_only(),
    boolean("caseExact", "Whether case counts.").read_only(),
    choice(
        "mutability",
        "Who may change it.",
        list![text("readOnly"), text("readWrite"), text("immutable"), text("writeOnly")],
    )
    .read_only(),
    choice(
        "returned",
        "When it is part of an answer.",
        list![text("always"), text("never"), text("default"), text("request")],
    )
    .read_only(),
    choice("uniqueness", "Where it is unique.", list![text("none"), text("server"), text("global")]).read_only(),
    string("referenceTypes", "What a reference points at.").multi().read_only(),
];

const SUB_ATTRIBUTES: &[Attribute] = &[
    string("name", "Its name.").read_only().required(),
    string("type", "Its data type.").read_only().required(),
    boolean("multiValued", "Whether it is an array.").read_only().required(),
    string("description", "What it is.").read_only(),
    boolean("required", "Whether it has to be there.").read_only().required(),
    string("canonicalValues", "Suggested values.").multi().read_only(),
    boolean("caseExact", "Whether case counts.").read_only(),
    string("mutability", "Who may change it.").read_only(),
    string("returned", "When it is part of an answer.").read_only(),
    string("uniqueness", "Where it is unique.").read_only(),
    string("referenceTypes", "What a reference points at.").multi().read_only(),
];
