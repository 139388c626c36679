//! How types describe themselves in the Console's API where the compiler cannot tell: times, ids, SCIM's attributes from their
//! tables, and what is read or written by hand. Not in the Worker.

pub mod document;

pub use document::{ExtensionSchema, LocationHint, NewQuota, NewRotation, NewSchema};

use super::console::{ChangeKind, Time, True};
use crate::error::Code;
use crate::id::{GroupId, MemberId, OrgId, RequestId, TokenId, UserId};
use crate::scim::schema::{Attribute, GROUP, Mutability, ResourceType, Returned, Type, Types, USER};
use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Describes a type under a name of its own.
macro_rules! describe {
    ($($type:ty, $name:literal => $schema:expr;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_id() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> JsonSchemaOf {
                $schema
            }
        }
    )*};
}

/// Describes an id that was made here or imported.
fn describe_id() -> JsonSchemaOf {
    json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._~-]{1,128}$", "description": "An id." })
}

describe! {
    UserId, "Id" => describe_id();
    GroupId, "Id" => describe_id();
    MemberId, "Id" => describe_id();
    TokenId, "Id" => describe_id();
    RequestId, "Id" => describe_id();
    OrgId, "OrganisationName" => json_schema!({
        "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$",
        "description": "An organisation's name in every address.",
    });
    Time, "Time" => json_schema!({ "type": "string", "format": "date-time", "description": "A time (RFC 3339)." });
    ErrorCode, "ErrorCode" => json_schema!({
        "type": "string",
        "description": "Why, in a word that stays the same; docs/errors.md lists them, and a later version may have more.",
        "examples": [Code::Unauthorized.as_str(), Code::UserNameTaken.as_str()],
    });
    AnyObject, "AnyObject" => json_schema!({
        "type": "object", "additionalProperties": true, "description": "An object that is described elsewhere.",
    });
    UserAttributes, "UserAttributes" => describe_attributes(&Types::default().user, USER);
    GroupAttributes, "GroupAttributes" => describe_attributes(&Types::default().group, GROUP);
}

impl JsonSchema for True {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "True".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> JsonSchemaOf {
        json_schema!({ "type": "boolean", "const": true })
    }
}

/// A word for why a request was refused.
#[derive(Debug)]
pub struct ErrorCode;

/// An object without a description of its own.
#[derive(Debug)]
pub struct AnyObject;

/// A user's attributes.
#[derive(Debug)]
pub struct UserAttributes;

/// A group's attributes.
#[derive(Debug)]
pub struct GroupAttributes;

/// The attributes of the user or group that a change is about.
#[derive(Debug, JsonSchema)]
#[schemars(inline, untagged)]
pub enum ChangedResource {
    /// The attributes of a user.
    User(UserAttributes),
    /// The attributes of a group.
    Group(GroupAttributes),
}

/// Describes the attributes that are kept of a resource, from their tables. More are allowed: those of extensions.
fn describe_attributes(kind: &ResourceType, urn: &str) -> JsonSchemaOf {
    // `id` and `meta` stand beside the attributes in the Console's answers.
    let kept = kind.common.iter().filter(|one| ["schemas", "externalId"].contains(&one.name.as_ref()));
    let mut properties =
        property_schemas(kept.chain(kind.schema.attributes.iter()).filter(|one| one.name != "members"));
    for extension in &kind.extensions {
        let schema = object_schema(&extension.description, self::property_schemas(extension.attributes.iter()), &[]);
        properties.insert(extension.id.to_string(), schema);
    }
    let required: Vec<&str> =
        kind.schema.attributes.iter().filter(|one| one.required).map(|one| one.name.as_ref()).collect();
    let description = format!("Attributes as {urn} describes them, and those of extensions, each under its URN.");
    JsonSchemaOf::try_from(object_schema(&description, properties, &required)).unwrap_or_default()
}

fn object_schema(description: &str, properties: Map<String, Value>, required: &[&str]) -> Value {
    let mut schema = json!({
        "type": "object", "description": description, "properties": properties, "additionalProperties": true,
    });
    if let (false, Some(map)) = (required.is_empty(), schema.as_object_mut()) {
        map.insert("required".to_owned(), json!(required));
    }
    schema
}

fn property_schemas<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Map<String, Value> {
    // `$ref` is left to the additional ones: among properties it looks like a reference.
    let is_kept = |one: &&Attribute| {
        one.mutability != Mutability::ReadOnly && one.returned != Returned::Never && one.name != "$ref"
    };
    attributes.filter(is_kept).map(|one| (one.name.to_string(), value_schema(one))).collect()
}

fn value_schema(attribute: &Attribute) -> Value {
    // Dates and references are described as plain texts: a stored value need not have the form that a generator checks.
    let one = match attribute.kind {
        Type::String | Type::DateTime | Type::Binary | Type::Reference => json!({ "type": "string" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Decimal => json!({ "type": "number" }),
        Type::Integer => json!({ "type": "integer", "minimum": i64::MIN }),
        Type::Complex => object_schema(&attribute.description, property_schemas(attribute.sub.iter()), &[]),
    };
    if attribute.multi { json!({ "type": "array", "items": one }) } else { one }
}

/// The members that a change of a kind has, which has a name of its own.
struct OfKind {
    /// The name of such changes.
    name: &'static str,
    /// The members that are always there beside those that all changes have.
    always: &'static [&'static str],
    /// The members that may be there.
    sometimes: &'static [&'static str],
    /// The types that it can be about.
    about: &'static [&'static str],
}

fn of_kind(kind: ChangeKind) -> OfKind {
    const NOW: &[&str] = &["active", "version", "created", "modified", "groups", "groupVersions"];
    let resource = OfKind { name: "ResourceChange", always: &["resource"], sometimes: NOW, about: &["User", "Group"] };
    match kind {
        ChangeKind::Created | ChangeKind::Updated | ChangeKind::Deactivated | ChangeKind::Reactivated => resource,
        // An import may have brought the id back, so the resource may be there.
        ChangeKind::Deleted => OfKind {
            name: "Deletion",
            sometimes: &["active", "version", "created", "modified", "groups", "groupVersions", "memberships"],
            ..resource
        },
        ChangeKind::Members => OfKind {
            name: "MembersChange",
            always: &["added", "removed"],
            sometimes: &["version", "created", "modified"],
            about: &["Group"],
        },
        ChangeKind::Imported => {
            OfKind { name: "DirectoryImported", always: &["resource"], sometimes: &[], about: &["Organisation"] }
        }
    }
}

/// Splits the description of a change by its kind: one that may have any of all members is of little use.
pub fn by_kind(schema: &mut JsonSchemaOf) {
    let common = ["seq", "at", "kind", "resourceType", "id"];
    let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut variants: Vec<Value> = Vec::new();
    for variant in ChangeKind::ALL.map(of_kind) {
        if variants.iter().any(|other| other["title"] == variant.name) {
            continue;
        }
        let OfKind { name, always, sometimes, about } = variant;
        // A generator makes one type for each variant: a member that is never there would be optional in all of them.
        let has = |member: &String| common.iter().chain(always).chain(sometimes).any(|one| one == member);
        // Only the members that this kind of change has, so that a client need not check the others for null.
        let mut own: Map<String, Value> = properties
            .iter()
            .filter(|(member, _)| has(member))
            .map(|(member, schema)| (member.clone(), schema.clone()))
            .collect();
        let kinds: Vec<&str> =
            ChangeKind::ALL.into_iter().filter(|kind| of_kind(*kind).name == name).map(ChangeKind::as_str).collect();
        own.insert("kind".to_owned(), json!({ "type": "string", "enum": kinds, "description": "What it did." }));
        own.insert(
            "resourceType".to_owned(),
            json!({ "type": "string", "enum": about, "description": "What it is about." }),
        );
        // An import concerns the whole directory, so there is no single resource to show.
        if about == ["Organisation"] {
            own.insert("resource".to_owned(), json!({ "type": "null" }));
        }
        let required: Vec<&&str> = common.iter().chain(always).collect();
        variants.push(json!({ "title": name, "type": "object", "properties": own, "required": required }));
    }
    let description = schema.get("description").cloned().unwrap_or_default();
    *schema = json_schema!({ "description": description, "oneOf": variants });
}
