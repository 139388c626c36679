mod evaluation;
mod meaning;
mod properties;
mod syntax;

use std::borrow::Cow;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::scim::schema::{ENTERPRISE, GROUP, Mutability, Returned, Schema, Type, USER};

fn attribute(name: &'static str, kind: Type) -> Attribute {
    Attribute::new(name, kind)
}

fn string(name: &'static str) -> Attribute {
    attribute(name, Type::String)
}

fn exact(name: &'static str) -> Attribute {
    Attribute { case_exact: true, ..string(name) }
}

fn complex(name: &'static str, sub: &[Attribute]) -> Attribute {
    Attribute { sub: sub.to_vec().into(), ..attribute(name, Type::Complex) }
}

fn multi(attribute: Attribute) -> Attribute {
    Attribute { multi: true, ..attribute }
}

fn schema(id: &'static str, attributes: Vec<Attribute>) -> Schema {
    Schema { id: id.into(), name: id.into(), description: "".into(), attributes: attributes.into() }
}

static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    let reference = Attribute { case_exact: true, ..attribute("schemas", Type::Reference) };
    let meta = complex("meta", &[exact("resourceType"), attribute("lastModified", Type::DateTime)]);
    vec![multi(reference), exact("id"), exact("externalId"), meta]
});

static USERS: LazyLock<Schema> = LazyLock::new(|| {
    let password = Attribute { mutability: Mutability::WriteOnly, ..string("password") };
    let hint = Attribute { returned: Returned::Never, ..string("hint") };
    let primary = attribute("primary", Type::Boolean);
    schema(
        USER,
        vec![
            string("userName"),
            password,
            hint,
            complex("name", &[string("givenName"), string("familyName")]),
            string("displayName"),
            attribute("profileUrl", Type::Reference),
            attribute("active", Type::Boolean),
            multi(complex("emails", &[string("value"), string("type"), primary.clone()])),
            multi(complex("addresses", &[string("formatted"), string("type"), primary.clone()])),
            multi(complex("roles", &[string("value"), primary])),
            multi(complex("x509Certificates", &[attribute("value", Type::Binary)])),
        ],
    )
});

static GROUPS: LazyLock<Schema> = LazyLock::new(|| {
    let reference = attribute("$ref", Type::Reference);
    schema(GROUP, vec![string("displayName"), multi(complex("members", &[exact("value"), reference, string("type")]))])
});

const DESK: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:desk";
const BADGE: &str = "urn:example:badge:1.0";

/// Returns a user type with extensions: the URN of one begins with that of another, and the URN of one does not end in
/// a name.
pub(in crate::scim) fn user() -> ResourceType {
    let manager = complex("manager", &[exact("value"), string("displayName")]);
    ResourceType {
        name: "User".into(),
        endpoint: "/Users".into(),
        description: "".into(),
        schema: &USERS,
        common: &COMMON,
        extensions: vec![
            Cow::Owned(schema(ENTERPRISE, vec![string("employeeNumber"), string("department"), manager])),
            Cow::Owned(schema(DESK, vec![string("floor")])),
            Cow::Owned(schema(
                BADGE,
                vec![attribute("number", Type::Integer), attribute("score", Type::Decimal), string("department")],
            )),
        ],
        spelled_on_reading: false,
    }
}

pub(in crate::scim) fn group() -> ResourceType {
    ResourceType {
        name: "Group".into(),
        endpoint: "/Groups".into(),
        description: "".into(),
        schema: &GROUPS,
        common: &COMMON,
        extensions: vec![],
        spelled_on_reading: false,
    }
}

pub(in crate::scim) use properties::value_filter;
