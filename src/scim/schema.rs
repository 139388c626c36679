//! Attributes as data (RFC 7643 sections 2 and 7): one table per schema.
//!
//! Validation, canonical spelling, PATCH and filter typing and `/Schemas` all read these tables; a rule about one
//! attribute belongs here and nowhere else. The tables themselves are in [`tables`].

pub mod document;
pub mod tables;

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Text that is `'static` in the built-in tables.
pub type Text = Cow<'static, str>;
/// A list that is `'static` in the built-in tables.
pub type StaticList<T> = Cow<'static, [T]>;

/// RFC 7643 section 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Section 2.3.1.
    String,
    /// Section 2.3.2.
    Boolean,
    /// Section 2.3.3.
    Decimal,
    /// Section 2.3.4.
    Integer,
    /// Section 2.3.5: RFC 3339 with a time zone.
    DateTime,
    /// Section 2.3.6: base64.
    Binary,
    /// Section 2.3.7.
    Reference,
    /// Section 2.3.8.
    Complex,
}

/// RFC 7643 section 7, `mutability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// Set by the server only.
    ReadOnly,
    /// Set and read by the client.
    ReadWrite,
    /// Set at creation, never changed.
    Immutable,
    /// Never returned, never filtered on.
    WriteOnly,
}

/// RFC 7643 section 7, `returned`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Returned whatever `attributes` and `excludedAttributes` say.
    Always,
    /// Never returned.
    Never,
    /// Returned unless excluded.
    Default,
    /// Returned only when asked for.
    Request,
}

/// RFC 7643 section 7, `uniqueness`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// No uniqueness.
    None,
    /// Unique in the organisation.
    Server,
    /// Unique everywhere.
    Global,
}

/// One attribute or sub-attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The name in its canonical case.
    pub name: Text,
    /// The data type; [`Type::Complex`] has `sub`.
    pub kind: Type,
    /// True for an array of such values.
    pub multi: bool,
    /// True if a resource must have it.
    pub required: bool,
    /// True if it is compared as it stands; otherwise it is compared under [`crate::fold::fold`].
    pub case_exact: bool,
    /// The rule for its changes.
    pub mutability: Mutability,
    /// The rule for its part in an answer.
    pub returned: Returned,
    /// The resources among which it is unique.
    pub uniqueness: Uniqueness,
    /// Suggested values; others are accepted (RFC 7643 section 7).
    pub canonical: StaticList<Text>,
    /// For [`Type::Reference`]: resource types, `external` or `uri`.
    pub references: StaticList<Text>,
    /// Sub-attributes of a complex attribute.
    pub sub: StaticList<Attribute>,
    /// The text for people, in `/Schemas`.
    pub description: Text,
}

impl Attribute {
    /// Makes an attribute with the characteristics that RFC 7643 section 2.2 gives one that names none: a single value,
    /// optional, in any case, readWrite, returned by default.
    pub fn new(name: impl Into<Text>, kind: Type) -> Self {
        let (texts, sub) = (Cow::Borrowed(&[][..]), Cow::Borrowed(&[][..]));
        Self::with_lists(kind, name.into(), Cow::Borrowed(""), texts.clone(), texts, sub)
    }

    /// Does the same at compile time, where no `Cow` can be dropped: so each is an argument.
    const fn with_lists(
        kind: Type,
        name: Text,
        description: Text,
        canonical: StaticList<Text>,
        references: StaticList<Text>,
        sub: StaticList<Attribute>,
    ) -> Self {
        Self {
            name,
            kind,
            multi: false,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical,
            references,
            sub,
            description,
        }
    }

    /// Returns the sub-attribute of that name, in any case (RFC 7643 section 2.1).
    pub fn sub(&self, name: &str) -> Option<&Attribute> {
        find_by_name(&self.sub, name)
    }

    /// Returns true if elements can be marked `primary` (RFC 7643 section 2.4).
    pub fn has_primary(&self) -> bool {
        self.multi && self.sub("primary").is_some()
    }
}

/// A schema: a name space of attributes (RFC 7643 section 7).
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The URN, in its canonical case.
    pub id: Text,
    /// The name for people.
    pub name: Text,
    /// The text for people.
    pub description: Text,
    /// The attributes in the order of the RFC.
    pub attributes: StaticList<Attribute>,
}

impl Schema {
    /// Returns the attribute of that name, in any case (RFC 7643 section 2.1).
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find_by_name(&self.attributes, name)
    }
}

fn find_by_name<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name))
}

/// A kind of resource with the schemas that describe it (RFC 7643 section 6).
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceType {
    /// `User` or `Group`.
    pub name: Text,
    /// Its path below the base URL, `/Users`.
    pub endpoint: Text,
    /// The text for people.
    pub description: Text,
    /// The core schema.
    pub schema: &'static Schema,
    /// Attributes of every resource (RFC 7643 section 3.1): `schemas`, `id`, `externalId`, `meta`.
    pub common: &'static [Attribute],
    /// Schema extensions (section 3.3). An extension with a required attribute is still optional as a whole.
    pub extensions: Vec<Cow<'static, Schema>>,
    /// Stored values may still be in another spelling than the schemas', from before their registration: until they are
    /// written anew, they are spelled when they are read.
    pub spelled_on_reading: bool,
}

impl ResourceType {
    /// Returns the common or core attribute of that name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find_by_name(self.common, name).or_else(|| self.schema.attribute(name))
    }

    /// Returns false for a plain name, dotted or not, that begins with no attribute of this type or its extensions.
    /// Such a name is unknown without being read as a path.
    pub fn may_name(&self, text: &str) -> bool {
        let head = text.split('.').next().unwrap_or_default();
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        !plain || self.attribute(head).is_some() || self.extensions.iter().any(|one| one.attribute(head).is_some())
    }

    /// Returns the extension with that URN, in any case.
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions.iter().map(AsRef::as_ref).find(|s| s.id.eq_ignore_ascii_case(urn))
    }
}

/// Users or groups: the two kinds of resource that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kinds {
    /// `/Users`.
    Users,
    /// `/Groups`.
    Groups,
}

impl Kinds {
    /// Returns `User` or `Group`, as in `meta.resourceType`.
    pub fn name(self) -> &'static str {
        match self {
            Kinds::Users => "User",
            Kinds::Groups => "Group",
        }
    }

    /// Returns the last part of the endpoint's address.
    pub fn endpoint(self) -> &'static str {
        match self {
            Kinds::Users => "Users",
            Kinds::Groups => "Groups",
        }
    }
}

/// The resource types of one organisation, with the extensions that it registered.
#[derive(Clone, Debug)]
pub struct Types {
    /// Users.
    pub user: ResourceType,
    /// Groups.
    pub group: ResourceType,
    /// The number of changes of the registered schemas; 0 before the first.
    pub generation: i64,
}

impl Types {
    /// Returns both types.
    pub fn all(&self) -> [&ResourceType; 2] {
        [&self.user, &self.group]
    }

    /// Sets whether stored values are to be spelled when they are read.
    pub fn spell_on_reading(&mut self, spells: bool) {
        self.user.spelled_on_reading = spells;
        self.group.spelled_on_reading = spells;
    }

    /// Returns the type of one kind.
    pub fn of_kind(&self, kinds: Kinds) -> &ResourceType {
        match kinds {
            Kinds::Users => &self.user,
            Kinds::Groups => &self.group,
        }
    }
}

impl Default for Types {
    /// Returns the types of an organisation without registered schemas.
    fn default() -> Self {
        Self { user: tables::user_type(), group: tables::group_type(), generation: 0 }
    }
}

/// The URN of the core User schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the core Group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the Enterprise User extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
