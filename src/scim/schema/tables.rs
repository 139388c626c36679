//! The built-in schemas: RFC 7643 section 8.7, with what this service promises beyond it (a group's `displayName` is
//! required and unique, its members are users).

mod discovery;

pub use discovery::{RESOURCE_TYPE_SCHEMA, SCHEMA_SCHEMA, SERVICE_PROVIDER_CONFIG_SCHEMA};

use super::{Attribute, ENTERPRISE, GROUP, Mutability, ResourceType, Returned, Schema, Text, Type, USER, Uniqueness};
use std::borrow::Cow;

/// A list that lives as long as the program, also as an argument of a constructor.
macro_rules! list {
    ($($item:expr),* $(,)?) => {
        const { &[$($item),*] }
    };
}
use list;

const fn attribute(name: &'static str, kind: Type, description: &'static str) -> Attribute {
    listed(name, kind, description, &[], &[], &[])
}

const fn listed(
    name: &'static str,
    kind: Type,
    description: &'static str,
    canonical: &'static [Text],
    references: &'static [Text],
    sub: &'static [Attribute],
) -> Attribute {
    Attribute {
        name: Cow::Borrowed(name),
        kind,
        multi: false,
        required: false,
        case_exact: false,
        mutability: Mutability::ReadWrite,
        returned: Returned::Default,
        uniqueness: Uniqueness::None,
        canonical: Cow::Borrowed(canonical),
        references: Cow::Borrowed(references),
        sub: Cow::Borrowed(sub),
        description: Cow::Borrowed(description),
    }
}

const fn string(name: &'static str, description: &'static str) -> Attribute {
    attribute(name, Type::String, description)
}

const fn choice(name: &'static str, description: &'static str, canonical: &'static [Text]) -> Attribute {
    listed(name, Type::String, description, canonical, &[], &[])
}

const fn reference(name: &'static str, description: &'static str, to: &'static [Text]) -> Attribute {
    listed(name, Type::Reference, description, &[], to, &[]).case_exact()
}

const fn complex(name: &'static str, description: &'static str, sub: &'static [Attribute]) -> Attribute {
    listed(name, Type::Complex, description, &[], &[], sub)
}

const fn boolean(name: &'static str, description: &'static str) -> Attribute {
    attribute(name, Type::Boolean, description)
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

    const fn secret(mut self) -> Self {
        self.mutability = Mutability::WriteOnly;
        self.returned = Returned::Never;
        self
    }

    const fn always(mut self) -> Self {
        self.returned = Returned::Always;
        self
    }
}

const fn text(text: &'static str) -> Text {
    Cow::Borrowed(text)
}

const TO_USER: &[Text] = &[text("User")];
const TO_GROUP: &[Text] = &[text("User"), text("Group")];
const EXTERNAL: &[Text] = &[text("external")];
const URI: &[Text] = &[text("uri")];
const PRIMARY: Attribute = boolean("primary", "True for the preferred one; at most one is.");
const DISPLAY: Attribute = string("display", "A label for people.");

/// RFC 7643 section 3.1.
pub static COMMON: [Attribute; 4] = [
    reference("schemas", "The URNs of the schemas that describe the resource.", URI).multi().required().always(),
    string("id", "The identifier, made by this service.").read_only().case_exact().unique().always(),
    string("externalId", "The identifier that the identity provider gives.").case_exact(),
    complex(
        "meta",
        "Facts about the resource, kept by this service.",
        list![
            string("resourceType", "The kind of the resource.").read_only().case_exact(),
            attribute("created", Type::DateTime, "When it was made.").read_only(),
            attribute("lastModified", Type::DateTime, "When it last changed.").read_only(),
            reference("location", "Its address.", URI).read_only(),
            string("version", "Its version, as an entity tag.").read_only().case_exact(),
        ],
    )
    .read_only(),
];

/// RFC 7643 section 4.1.
pub static USER_SCHEMA: Schema = Schema {
    id: text(USER),
    name: text("User"),
    description: text("A person's account"),
    attributes: Cow::Borrowed(USER_ATTRIBUTES),
};

const USER_ATTRIBUTES: &[Attribute] = &[
    string("userName", "The name to sign in with, unique in the organisation.").required().unique(),
    complex(
        "name",
        "The parts of the person's name.",
        list![
            string("formatted", "The whole name for display."),
            string("familyName", "The family name."),
            string("givenName", "The given name."),
            string("middleName", "The middle names."),
            string("honorificPrefix", "A title, such as Dr."),
            string("honorificSuffix", "A suffix, such as III."),
        ],
    ),
    string("displayName", "The name to show."),
    string("nickName", "How the person is called."),
    reference("profileUrl", "The address of a profile page.", EXTERNAL),
    string("title", "The job title."),
    string("userType", "The relation to the organisation, such as Contractor."),
    string("preferredLanguage", "The preferred languages, as in Accept-Language."),
    string("locale", "The region for dates and numbers, such as en-US."),
    string("timezone", "The time zone, such as Europe/Berlin."),
    boolean("active", "False keeps the account and closes it."),
    string("password", "Accepted and dropped: nobody signs in here with it.").secret(),
    complex(
        "emails",
        "E-mail addresses.",
        list![
            string("value", "The address."),
            DISPLAY,
            choice("type", "What it is for.", list![text("work"), text("home"), text("other")]),
            PRIMARY,
        ],
    )
    .multi(),
    complex(
        "phoneNumbers",
        "Telephone numbers.",
        list![
            string("value", "The number."),
            DISPLAY,
            choice(
                "type",
                "What it is for.",
                list![text("work"), text("home"), text("mobile"), text("fax"), text("pager"), text("other")],
            ),
            PRIMARY,
        ],
    )
    .multi(),
    complex(
        "ims",
        "Instant messaging addresses.",
        list![
            string("value", "The address."),
            DISPLAY,
            choice(
                "type",
                "The service.",
                list![
                    text("aim"),
                    text("gtalk"),
                    text("icq"),
                    text("xmpp"),
                    text("msn"),
                    text("skype"),
                    text("qq"),
                    text("yahoo"),
                ],
            ),
            PRIMARY,
        ],
    )
    .multi(),
    complex(
        "photos",
        "Pictures of the person.",
        list![
            reference("value", "The address of a picture.", EXTERNAL),
            DISPLAY,
            choice("type", "Its size.", list![text("photo"), text("thumbnail")]),
            PRIMARY,
        ],
    )
    .multi(),
    complex(
        "addresses",
        "Postal addresses.",
        list![
            string("formatted", "The whole address for a label."),
            string("streetAddress", "Street and number."),
            string("locality", "The city."),
            string("region", "The state or region."),
            string("postalCode", "The postal code."),
            string("country", "The country, such as DE."),
            choice("type", "What it is for.", list![text("work"), text("home"), text("other")]),
            PRIMARY,
        ],
    )
    .multi(),
    complex(
        "groups",
        "The groups that hold this user; changed through the groups.",
        list![
            string("value", "The group's id.").read_only().case_exact(),
            reference("$ref", "The group's address.", TO_GROUP).read_only(),
            string("display", "The group's displayName.").read_only(),
            choice("type", "Always direct: groups are flat.", list![text("direct")]).read_only(),
        ],
    )
    .multi()
    .read_only(),
    complex(
        "entitlements",
        "What the person is entitled to.",
        list![string("value", "The entitlement."), DISPLAY, string("type", "Its kind."), PRIMARY],
    )
    .multi(),
    complex(
        "roles",
        "The person's roles.",
        list![string("value", "The role."), DISPLAY, string("type", "Its kind."), PRIMARY],
    )
    .multi(),
    complex(
        "x509Certificates",
        "Certificates of the person.",
        list![
            attribute("value", Type::Binary, "The certificate in DER, base64.").case_exact(),
            DISPLAY,
            string("type", "Its kind."),
            PRIMARY,
        ],
    )
    .multi(),
];

/// RFC 7643 section 4.2. Members are users only: nested groups are refused.
pub static GROUP_SCHEMA: Schema = Schema {
    id: text(GROUP),
    name: text("Group"),
    description: text("A flat group of users"),
    attributes: Cow::Borrowed(list![
        string("displayName", "The name, unique in the organisation.").required().unique(),
        complex(
            "members",
            "The users in the group.",
            list![
                string("value", "The user's id.").immutable().case_exact(),
                reference("$ref", "The user's address.", TO_USER).immutable(),
                choice("type", "Always User: groups are flat.", TO_USER).immutable(),
            ],
        )
        .multi(),
    ]),
};

/// RFC 7643 section 4.3.
pub static ENTERPRISE_SCHEMA: Schema = Schema {
    id: text(ENTERPRISE),
    name: text("EnterpriseUser"),
    description: text("What an employer knows of a user"),
    attributes: Cow::Borrowed(list![
        string("employeeNumber", "The employee number."),
        string("costCenter", "The cost centre."),
        string("organization", "The organisation."),
        string("division", "The division."),
        string("department", "The department."),
        complex(
            "manager",
            "The user's manager.",
            list![
                string("value", "The manager's id.").case_exact(),
                reference("$ref", "The manager's address.", TO_USER),
                string("displayName", "The manager's displayName.").read_only(),
            ],
        ),
    ]),
};

/// The User resource type with the enterprise extension.
pub fn user_type() -> ResourceType {
    ResourceType {
        name: text("User"),
        endpoint: text("/Users"),
        description: text("User accounts"),
        schema: &USER_SCHEMA,
        common: &COMMON,
        extensions: vec![Cow::Borrowed(&ENTERPRISE_SCHEMA)],
    }
}

/// The Group resource type.
pub fn group_type() -> ResourceType {
    ResourceType {
        name: text("Group"),
        endpoint: text("/Groups"),
        description: text("Flat groups of users"),
        schema: &GROUP_SCHEMA,
        common: &COMMON,
        extensions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(attributes: &[Attribute], check: &mut dyn FnMut(&Attribute)) {
        for (index, attribute) in attributes.iter().enumerate() {
            let again = attributes.iter().skip(index + 1).any(|a| a.name.eq_ignore_ascii_case(&attribute.name));
            assert!(!again, "{} stands twice", attribute.name);
            check(attribute);
            walk(&attribute.sub, check);
        }
    }

    #[test]
    fn tables_are_well_formed() {
        let schemas = [
            &USER_SCHEMA,
            &GROUP_SCHEMA,
            &ENTERPRISE_SCHEMA,
            &SERVICE_PROVIDER_CONFIG_SCHEMA,
            &RESOURCE_TYPE_SCHEMA,
            &SCHEMA_SCHEMA,
        ];
        let mut seen = 0;
        for schema in schemas {
            walk(&schema.attributes, &mut |attribute| {
                seen += 1;
                assert_eq!(attribute.kind == Type::Complex, !attribute.sub.is_empty(), "{}", attribute.name);
                let refers = attribute.kind == Type::Reference;
                assert_eq!(refers, !attribute.references.is_empty(), "{}", attribute.name);
                assert!(!attribute.description.is_empty(), "{}", attribute.name);
            });
        }
        assert_eq!(seen, 141);
    }

    #[test]
    fn characteristics() {
        let user = user_type();
        for (name, sub, expected) in [
            ("username", None, "String required unique"),
            ("password", None, "String secret"),
            ("ID", None, "String exact unique"),
            ("externalid", None, "String exact"),
            ("emails", None, "Complex multi"),
            ("emails", Some("VALUE"), "String"),
            ("x509certificates", Some("value"), "Binary exact"),
            ("groups", Some("$ref"), "Reference exact"),
        ] {
            let found = user.attribute(name).and_then(|a| sub.map_or(Some(a), |sub| a.sub(sub)));
            let shown = found.map(|a| {
                let mut words = vec![format!("{:?}", a.kind)];
                for (on, word) in [
                    (a.multi, "multi"),
                    (a.required, "required"),
                    (a.case_exact, "exact"),
                    (a.uniqueness == Uniqueness::Server, "unique"),
                    (a.returned == Returned::Never, "secret"),
                ] {
                    words.extend(on.then(|| word.to_owned()));
                }
                words.join(" ")
            });
            assert_eq!(shown.as_deref(), Some(expected), "{name} {sub:?}");
        }
    }
}
