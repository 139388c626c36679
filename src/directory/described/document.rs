//! Documents that the code reads or writes field by field: extension schemas, quotas, location hints.

#![allow(dead_code, reason = "these types only describe")]

use crate::directory::admin::{GRACE_DEFAULT, GRACE_MAX};
use crate::directory::residency::HINTS;
use crate::id::NUMBER_MAX;
use crate::scim::schema::document::{ATTRIBUTES_MAX, Words, known_words};
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Describes a word of an attribute's definition by the list that the reader compares with.
macro_rules! word {
    ($($(#[$doc:meta])* $name:ident => $words:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
                let words: Vec<&str> = $words;
                json_schema!({ "type": "string", "enum": words })
            }
        }
    )*};
}

word! {
    /// An attribute's data type.
    AttributeType => known_words(Words::Type);
    /// The rule for changes of an attribute.
    AttributeMutability => known_words(Words::Mutability);
    /// When an attribute is part of an answer.
    AttributeReturned => known_words(Words::Returned);
    /// Where an object is made.
    LocationHint => HINTS.to_vec();
}

/// Against which resources an attribute is unique.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AttributeUniqueness {
    /// None.
    None,
}

/// The type of resource that a schema extends.
#[derive(Debug, JsonSchema)]
pub enum Extended {
    /// Users.
    User,
    /// Groups.
    Group,
}

/// An extension schema as it is kept (RFC 7643 section 7).
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionSchema {
    /// The URN of schemas of schemas.
    schemas: Vec<String>,
    /// The URN.
    id: String,
    /// The name.
    name: String,
    /// For people.
    #[serde(skip_serializing_if = "left_out")]
    description: String,
    /// The attributes.
    #[schemars(length(min = 1))]
    attributes: Vec<SchemaAttribute>,
    /// The types of resources that it extends.
    resource_types: Vec<Extended>,
}

/// An attribute of an extension (RFC 7643 section 7).
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaAttribute {
    /// The name.
    name: AttributeName,
    /// The data type.
    #[serde(skip_serializing_if = "left_out")]
    r#type: AttributeType,
    /// It has an array of values.
    #[serde(skip_serializing_if = "left_out")]
    multi_valued: bool,
    /// For people.
    #[serde(skip_serializing_if = "left_out")]
    description: String,
    /// A resource with the extension must have it.
    #[serde(skip_serializing_if = "left_out")]
    required: bool,
    /// Suggested values.
    #[serde(skip_serializing_if = "left_out")]
    canonical_values: Vec<String>,
    /// Values that differ in their case are different.
    #[serde(skip_serializing_if = "left_out")]
    case_exact: bool,
    /// The rule for changes.
    #[serde(skip_serializing_if = "left_out")]
    mutability: AttributeMutability,
    /// When it is part of an answer.
    #[serde(skip_serializing_if = "left_out")]
    returned: AttributeReturned,
    /// Always `none`.
    #[serde(skip_serializing_if = "left_out")]
    uniqueness: AttributeUniqueness,
    /// The targets of a reference.
    #[serde(skip_serializing_if = "left_out")]
    reference_types: Vec<String>,
    /// The attributes of a complex one.
    #[serde(skip_serializing_if = "left_out")]
    sub_attributes: Vec<SchemaAttribute>,
}

/// The name of an attribute.
#[derive(Debug)]
pub struct AttributeName;

impl JsonSchema for AttributeName {
    fn schema_name() -> Cow<'static, str> {
        "AttributeName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
        json_schema!({ "type": "string", "pattern": "^([A-Za-z][A-Za-z0-9_$-]*|\\$ref)$" })
    }
}

/// An extension schema that is to be registered; what is left out is as in RFC 7643 section 2.2.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSchema {
    /// Not read: what is shown can be sent back.
    #[serde(default)]
    schemas: serde_json::Value,
    /// Not read.
    #[serde(default)]
    meta: serde_json::Value,
    /// The URN of the address.
    id: Option<String>,
    /// The name; the last part of the URN if left out.
    name: Option<String>,
    /// For people.
    description: Option<String>,
    /// The attributes, 100 with their sub-attributes.
    #[schemars(length(min = 1, max = ATTRIBUTES_MAX))]
    attributes: Vec<NewSchemaAttribute>,
    /// The types of resources that it extends; users if left out.
    resource_types: Option<Vec<Extended>>,
}

/// An attribute that is to be registered.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSchemaAttribute {
    /// The name.
    name: AttributeName,
    /// The data type; `string` if left out.
    r#type: Option<AttributeType>,
    /// It has an array of values.
    multi_valued: Option<bool>,
    /// For people.
    description: Option<String>,
    /// A resource with the extension must have it.
    required: Option<bool>,
    /// Suggested values.
    canonical_values: Option<Vec<String>>,
    /// Values that differ in their case are different.
    case_exact: Option<bool>,
    /// The rule for changes; `readWrite` if left out.
    mutability: Option<AttributeMutability>,
    /// When it is part of an answer; `default` if left out.
    returned: Option<AttributeReturned>,
    /// `none`.
    uniqueness: Option<AttributeUniqueness>,
    /// The targets of a reference.
    reference_types: Option<Vec<String>>,
    /// The attributes of a complex one.
    sub_attributes: Option<Vec<NewSchemaAttribute>>,
}

/// The most that an organisation may hold. A member that is left out has its default: 1,000,000 users, 100,000 groups and 8 GiB; null
/// is no limit.
#[derive(Debug, JsonSchema)]
pub struct NewQuota {
    /// Users, inactive ones too.
    #[schemars(range(min = 0, max = NUMBER_MAX))]
    users: Option<i64>,
    /// Groups.
    #[schemars(range(min = 0, max = NUMBER_MAX))]
    groups: Option<i64>,
    /// Bytes of the storage.
    #[schemars(range(min = 0, max = NUMBER_MAX))]
    bytes: Option<i64>,
}

fn grace_default() -> i64 {
    GRACE_DEFAULT
}

/// How a token is rotated.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewRotation {
    /// How long the old one still works, in seconds: a day if left out, 30 days at most.
    #[schemars(range(min = 0, max = GRACE_MAX))]
    #[serde(default = "grace_default")]
    grace_seconds: i64,
    /// When the successor ends; after as long as the old one was to live, if left out.
    expires_at: Option<super::Time>,
}
