//! The built-in tables: RFC 7643 sections 3.1, 4, 5, 6 and 7, with the characteristics of its section 8.7.
//!
//! A table that departs from section 8.7 says so and why. Extensions that an organisation registers are not here: they
//! are read from its object and stand in [`ResourceType::extensions`].

mod discovery;
mod group;
mod user;

pub use discovery::{RESOURCE_TYPE_SCHEMA, SCHEMA_SCHEMA, SERVICE_PROVIDER_CONFIG_SCHEMA};
pub use group::GROUP_SCHEMA;
pub use user::{ENTERPRISE_SCHEMA, USER_SCHEMA};

use std::borrow::Cow;

use super::{Attribute, Mutability, ResourceType, Returned, Schema, StaticList, Text, Type, Uniqueness};

/// The attributes of every resource (RFC 7643 section 3.1), which belong to no schema and are left out of `/Schemas`.
pub static COMMON: [Attribute; 4] = [
    reference("schemas", "URNs of the schemas that the resource uses.", &URI).multi().required().returned_always(),
    // The attribute is not `required`: the server makes it, so a client's body need not have it.
    string("id", "Identifier that the service provider gave the resource; never reused.")
        .case_exact()
        .read_only()
        .returned_always()
        .unique(),
    // Section 3.1 leaves its scope to the client. Here two users, or two groups, of an organisation never share one.
    string("externalId", "Identifier that the client gave the resource.").case_exact().unique(),
    complex("meta", "What the service provider records about the resource.", &META).read_only(),
];

static META: [Attribute; 5] = [
    string("resourceType", "Name of the resource type.").case_exact().read_only(),
    date_time("created", "When the resource was created.").read_only(),
    date_time("lastModified", "When the resource last changed.").read_only(),
    reference("location", "Address of the resource.", &URI).read_only(),
    string("version", "Entity tag of the resource.").case_exact().read_only(),
];

/// Returns the type of users (RFC 7643 section 4.1) with the enterprise extension (section 4.3), which a user need not
/// have.
pub fn user_type() -> ResourceType {
    ResourceType {
        name: text("User"),
        endpoint: text("/Users"),
        description: text("People with an account."),
        schema: &USER_SCHEMA,
        common: &COMMON,
        extensions: vec![Cow::Borrowed(&ENTERPRISE_SCHEMA)],
        spelled_on_reading: false,
    }
}

/// Returns the type of groups (RFC 7643 section 4.2).
pub fn group_type() -> ResourceType {
    ResourceType {
        name: text("Group"),
        endpoint: text("/Groups"),
        description: text("Flat groups of users."),
        schema: &GROUP_SCHEMA,
        common: &COMMON,
        extensions: Vec::new(),
        spelled_on_reading: false,
    }
}

static URI: [Text; 1] = [text("uri")];
static EXTERNAL: [Text; 1] = [text("external")];
static USERS: [Text; 1] = [text("User")];
static GROUPS: [Text; 1] = [text("Group")];

// The functions below run at compile time, where no `Cow` can be dropped: each one is an argument of the function that
// makes the attribute, and the modifiers after it set `Copy` fields only.

const fn text(text: &'static str) -> Text {
    Cow::Borrowed(text)
}

const fn schema(
    id: &'static str,
    name: &'static str,
    description: &'static str,
    attributes: &'static [Attribute],
) -> Schema {
    Schema { id: text(id), name: text(name), description: text(description), attributes: Cow::Borrowed(attributes) }
}

const NO_TEXTS: StaticList<Text> = Cow::Borrowed(&[]);
const NO_SUB: StaticList<Attribute> = Cow::Borrowed(&[]);

const fn string(name: &'static str, description: &'static str) -> Attribute {
    Attribute::with_lists(Type::String, text(name), text(description), NO_TEXTS, NO_TEXTS, NO_SUB)
}

/// Returns a string with suggested values.
const fn choice(name: &'static str, description: &'static str, canonical: &'static [Text]) -> Attribute {
    Attribute::with_lists(Type::String, text(name), text(description), Cow::Borrowed(canonical), NO_TEXTS, NO_SUB)
}

const fn boolean(name: &'static str, description: &'static str) -> Attribute {
    Attribute::with_lists(Type::Boolean, text(name), text(description), NO_TEXTS, NO_TEXTS, NO_SUB)
}

const fn integer(name: &'static str, description: &'static str) -> Attribute {
    Attribute::with_lists(Type::Integer, text(name), text(description), NO_TEXTS, NO_TEXTS, NO_SUB)
}

const fn date_time(name: &'static str, description: &'static str) -> Attribute {
    Attribute::with_lists(Type::DateTime, text(name), text(description), NO_TEXTS, NO_TEXTS, NO_SUB)
}

/// Returns a binary attribute, which is case-exact (RFC 7643 section 2.3.6).
const fn binary(name: &'static str, description: &'static str) -> Attribute {
    Attribute::with_lists(Type::Binary, text(name), text(description), NO_TEXTS, NO_TEXTS, NO_SUB).case_exact()
}

/// Returns a reference, which is case-exact (RFC 7643 section 2.3.7), also where section 8.7 writes `false`.
const fn reference(name: &'static str, description: &'static str, to: &'static [Text]) -> Attribute {
    Attribute::with_lists(Type::Reference, text(name), text(description), NO_TEXTS, Cow::Borrowed(to), NO_SUB)
        .case_exact()
}

const fn complex(name: &'static str, description: &'static str, sub: &'static [Attribute]) -> Attribute {
    Attribute::with_lists(Type::Complex, text(name), text(description), NO_TEXTS, NO_TEXTS, Cow::Borrowed(sub))
}

impl Attribute {
    const fn multi(mut self) -> Self {
        self.multi = true;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn case_exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    const fn unique(mut self) -> Self {
        self.uniqueness = Uniqueness::Server;
        self
    }

    const fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }

    const fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }

    const fn write_only(mut self) -> Self {
        self.mutability = Mutability::WriteOnly;
        self.returned = Returned::Never;
        self
    }

    const fn returned_always(mut self) -> Self {
        self.returned = Returned::Always;
        self
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    const SCHEMAS: [&Schema; 6] = [
        &USER_SCHEMA,
        &GROUP_SCHEMA,
        &ENTERPRISE_SCHEMA,
        &SERVICE_PROVIDER_CONFIG_SCHEMA,
        &RESOURCE_TYPE_SCHEMA,
        &SCHEMA_SCHEMA,
    ];

    /// Writes type and characteristics in one line; defaults of RFC 7643 section 2.2 are left out.
    fn compact(attribute: &Attribute) -> String {
        let mut words = vec![format!("{:?}", attribute.kind)];
        for (flag, word) in
            [(attribute.multi, "multi"), (attribute.required, "required"), (attribute.case_exact, "exact")]
        {
            words.extend(flag.then(|| word.to_owned()));
        }
        if attribute.mutability != Mutability::ReadWrite {
            words.push(format!("{:?}", attribute.mutability));
        }
        if attribute.returned != Returned::Default {
            words.push(format!("returned:{:?}", attribute.returned));
        }
        if attribute.uniqueness != Uniqueness::None {
            words.push(format!("unique:{:?}", attribute.uniqueness));
        }
        if !attribute.canonical.is_empty() {
            words.push(attribute.canonical.join("|"));
        }
        if !attribute.references.is_empty() {
            words.push(format!("->{}", attribute.references.join("|")));
        }
        words.join(" ")
    }

    #[track_caller]
    fn check(attributes: &[Attribute], path: &str, expected: &str) {
        let (name, sub) = path.split_once('.').map_or((path, None), |(name, sub)| (name, Some(sub)));
        let found = attributes.iter().find(|a| a.name == name);
        let found = sub.map_or(found, |sub| found.and_then(|a| a.sub(sub)));
        assert_eq!(found.map(compact).as_deref(), Some(expected), "{path}");
    }

    #[test]
    fn characteristics() {
        let user = &USER_SCHEMA.attributes;
        check(user, "userName", "String required unique:Server");
        check(user, "name", "Complex");
        check(user, "name.familyName", "String");
        check(user, "profileUrl", "Reference exact ->external");
        check(user, "active", "Boolean");
        check(user, "password", "String WriteOnly returned:Never");
        check(user, "emails", "Complex multi");
        check(user, "emails.value", "String");
        check(user, "emails.type", "String work|home|other");
        check(user, "emails.primary", "Boolean");
        check(user, "phoneNumbers.type", "String work|home|mobile|fax|pager|other");
        check(user, "ims.type", "String aim|gtalk|icq|xmpp|msn|skype|qq|yahoo");
        check(user, "photos.value", "Reference exact ->external");
        check(user, "photos.type", "String photo|thumbnail");
        check(user, "addresses.streetAddress", "String");
        check(user, "addresses.primary", "Boolean");
        check(user, "groups", "Complex multi ReadOnly");
        check(user, "groups.value", "String exact ReadOnly");
        check(user, "groups.$ref", "Reference exact ReadOnly ->Group");
        check(user, "groups.type", "String ReadOnly direct");
        check(user, "roles.type", "String");
        check(user, "x509Certificates.value", "Binary exact");

        let group = &GROUP_SCHEMA.attributes;
        check(group, "displayName", "String required unique:Server");
        check(group, "members", "Complex multi");
        check(group, "members.value", "String exact Immutable");
        check(group, "members.$ref", "Reference exact Immutable ->User");
        check(group, "members.type", "String Immutable User");

        let enterprise = &ENTERPRISE_SCHEMA.attributes;
        check(enterprise, "employeeNumber", "String");
        check(enterprise, "manager.value", "String exact");
        check(enterprise, "manager.$ref", "Reference exact ->User");
        check(enterprise, "manager.displayName", "String ReadOnly");

        check(&COMMON, "schemas", "Reference multi required exact returned:Always ->uri");
        check(&COMMON, "id", "String exact ReadOnly returned:Always unique:Server");
        check(&COMMON, "externalId", "String exact unique:Server");
        check(&COMMON, "meta.lastModified", "DateTime ReadOnly");
        check(&COMMON, "meta.location", "Reference exact ReadOnly ->uri");

        let config = &SERVICE_PROVIDER_CONFIG_SCHEMA.attributes;
        check(config, "bulk.maxPayloadSize", "Integer required ReadOnly");
        let names = "oauth|oauth2|oauthbearertoken|httpbasic|httpdigest";
        check(config, "authenticationSchemes.type", &format!("String required ReadOnly {names}"));
        check(&RESOURCE_TYPE_SCHEMA.attributes, "schemaExtensions", "Complex multi ReadOnly");
        check(&SCHEMA_SCHEMA.attributes, "attributes.subAttributes", "Complex multi ReadOnly");
    }

    #[test]
    fn attributes_in_the_order_of_the_rfc() {
        let names = |schema: &Schema| schema.attributes.iter().map(|a| &*a.name).collect::<Vec<_>>().join(" ");
        assert_eq!(
            names(&USER_SCHEMA),
            "userName name displayName nickName profileUrl title userType preferredLanguage locale timezone active \
             password emails phoneNumbers ims photos addresses groups entitlements roles x509Certificates"
        );
        assert_eq!(names(&GROUP_SCHEMA), "displayName members");
        assert_eq!(names(&ENTERPRISE_SCHEMA), "employeeNumber costCenter organization division department manager");
    }

    /// Calls `visit` for the list and for each list of sub-attributes below it.
    fn every_list(list: &[Attribute], visit: &mut impl FnMut(&[Attribute])) {
        visit(list);
        list.iter().for_each(|a| a.sub.iter().take(1).for_each(|_| every_list(&a.sub, visit)));
    }

    #[test]
    fn tables_are_consistent() {
        let lists = SCHEMAS.iter().map(|s| &*s.attributes).chain([&COMMON[..]]);
        for list in lists {
            every_list(list, &mut |list| {
                for (at, a) in list.iter().enumerate() {
                    let name = &a.name;
                    assert!(list.iter().take(at).all(|b| !b.name.eq_ignore_ascii_case(name)), "{name} stands twice");
                    assert_eq!(a.kind == Type::Complex, !a.sub.is_empty(), "{name}");
                    assert_eq!(a.kind == Type::Reference, !a.references.is_empty(), "{name}");
                    assert!(a.canonical.is_empty() || a.kind == Type::String, "{name}");
                    assert!(a.case_exact || !matches!(a.kind, Type::Reference | Type::Binary), "{name}");
                    assert_eq!(a.mutability == Mutability::WriteOnly, a.returned == Returned::Never, "{name}");
                    assert!(a.description.ends_with('.') && a.description.len() < 120, "{name}: {}", a.description);
                    let closed = a.mutability == Mutability::ReadOnly;
                    assert!(!closed || a.sub.iter().all(|s| s.mutability == Mutability::ReadOnly), "{name}");
                }
            });
        }
    }

    #[test]
    fn no_core_attribute_hides_behind_a_common_one() {
        for kind in [user_type(), group_type()] {
            assert!(COMMON.iter().all(|a| kind.schema.attribute(&a.name).is_none()), "{}", kind.name);
        }
    }

    #[test]
    fn names_in_any_case() {
        let user = user_type();
        assert_eq!(user.attribute("USERNAME").unwrap().name, "userName");
        assert_eq!(user.attribute("EXTERNALID").unwrap().name, "externalId");
        assert_eq!(user.extension(&super::super::ENTERPRISE.to_uppercase()).unwrap().name, "EnterpriseUser");
        assert!(user.attribute("emails").unwrap().has_primary());
        assert!(!user.attribute("groups").unwrap().has_primary());
    }
}
