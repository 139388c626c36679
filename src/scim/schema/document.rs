//! Extension schemas that an organisation registers: Schema documents (RFC 7643 section 7), read and judged.
//!
//! A document is read by hand and not by derived code, so that every refusal names the attribute. Out of scope: where
//! it is kept, and the resources that already hold its values (`org`).

mod fields;

use std::borrow::Cow;

use serde_json::{Map, Value};

use self::fields::{DocumentFields, take_key};
use super::{Attribute, ENTERPRISE, Mutability, Returned, Schema, Text, Type, Types, Uniqueness, find_by_name};
use crate::error::{Code, Error, Result, quoted};
use crate::scim::discovery::{describe_schema, mutability_name, returned_name, type_name, uniqueness_name};
use crate::scim::json;

/// The most schemas of one organisation.
pub const REGISTERED_MAX: usize = 20;
/// The most attributes of one schema, sub-attributes included.
pub const ATTRIBUTES_MAX: usize = 100;
/// The largest document, in bytes, as sent and as kept: twenty of them take a few pages of memory of each isolate.
pub const DOCUMENT_MAX: usize = 64 * 1024;
/// The longest URN, in bytes; it is repeated in every resource that uses it.
const URN_MAX: usize = 200;

/// A registered schema with the resource types that it extends.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaDocument {
    /// The schema.
    pub schema: Schema,
    /// True if it extends users.
    pub users: bool,
    /// True if it extends groups.
    pub groups: bool,
}

impl SchemaDocument {
    /// Reads the body that registers `urn`, as an admin wrote it.
    ///
    /// # Errors
    /// 400 `invalidValue` that names the attribute and its key; 409 for a URN that is taken by the RFCs; 413 above
    /// [`DOCUMENT_MAX`].
    pub fn parse(urn: &str, body: &[u8]) -> Result<Self> {
        check_urn(urn)?;
        if body.len() > DOCUMENT_MAX {
            return Err(too_large(body.len()));
        }
        let mut map = json::read_object(body)?;
        let id = take_key(&mut map, "id");
        if id.as_ref().is_some_and(|id| !id.as_str().is_some_and(|id| id.eq_ignore_ascii_case(urn))) {
            return Err(Error::new(
                Code::InvalidSchema,
                format!("id must be the URN of the address, {urn}, or left out."),
            ));
        }
        map.insert("id".to_owned(), Value::from(urn));
        let document = Self::read_document(map)?;
        // A change of one resource may look at all of them.
        let count = document.schema.attributes.iter().map(|a| 1 + a.sub.len()).sum::<usize>();
        if count > ATTRIBUTES_MAX {
            let detail = format!(
                "The schema has {count} attributes, sub-attributes counted; at most {ATTRIBUTES_MAX} are allowed. \
                 Leave out those that the identity provider does not send."
            );
            return Err(Error::new(Code::InvalidSchema, detail));
        }
        // The canonical form writes every default out, so it can be longer than the body.
        let size = document.to_json().to_string().len();
        if size > DOCUMENT_MAX { Err(too_large(size)) } else { Ok(document) }
    }

    /// Reads a whole document, as [`SchemaDocument::to_json`] writes it. Stored documents are read here too, so a rule that is
    /// added later belongs into [`SchemaDocument::parse`].
    ///
    /// # Errors
    /// 400 `invalidValue` that names the attribute and its key.
    pub fn read_document(map: Map<String, Value>) -> Result<Self> {
        let mut fields = DocumentFields::new("The schema".to_owned(), map);
        // A document may be sent as `/Schemas` shows it.
        for shown in ["schemas", "meta"] {
            fields.skip_key(shown);
        }
        let id = fields.take_text("id")?.ok_or_else(|| fields.error_about("id is missing"))?;
        // A schema without a name is shown by the end of its URN.
        let last = id.rsplit(':').next().unwrap_or_default().to_owned();
        let name = fields.take_text("name")?.filter(|name| !name.trim().is_empty()).unwrap_or(last);
        let description = fields.take_text("description")?.unwrap_or_default();
        let (users, groups) = resource_types(&mut fields)?;
        let items = fields.take_list("attributes")?;
        fields.expect_end()?;
        if items.is_empty() {
            return Err(fields.error_about("attributes must be an array of at least one attribute"));
        }
        let attributes = Cow::Owned(read_attributes(items, None)?);
        let (id, name, description) = (Text::Owned(id), Text::Owned(name), Text::Owned(description));
        Ok(Self { schema: Schema { id, name, description, attributes }, users, groups })
    }

    /// Returns the document in its canonical form, with every characteristic written out.
    pub fn to_json(&self) -> Value {
        let mut document = describe_schema(&self.schema);
        let types = [(self.users, "User"), (self.groups, "Group")].into_iter().filter(|(on, _)| *on);
        if let Some(map) = document.as_object_mut() {
            map.insert("resourceTypes".to_owned(), types.map(|(_, name)| Value::from(name)).collect());
        }
        document
    }
}

impl Types {
    /// Returns the types of an organisation with the schemas that it registered: an array of documents as text.
    ///
    /// # Errors
    /// Internal only: registered schemas were accepted once.
    pub fn read_registered(generation: i64, documents: &str) -> Result<Self> {
        let documents: Vec<Value> = json::read_own(documents)?;
        let documents = documents.into_iter().map(|document| match document {
            Value::Object(map) => SchemaDocument::read_document(map),
            _ => Err(Error::internal("a registered schema is not an object")),
        });
        Ok(Self::with_documents(generation, documents.collect::<Result<_>>().map_err(Error::internal)?))
    }

    /// Returns the types of an organisation with the schemas that it registered.
    pub fn with_documents(generation: i64, documents: Vec<SchemaDocument>) -> Self {
        let mut types = Self { generation, ..Self::default() };
        for SchemaDocument { schema, users, groups } in documents {
            if groups {
                types.group.extensions.push(Cow::Owned(schema.clone()));
            }
            if users {
                types.user.extensions.push(Cow::Owned(schema));
            }
        }
        types
    }
}

/// Judges a URN: paths and addresses must be able to spell it, and the RFCs must not use it.
fn check_urn(urn: &str) -> Result<()> {
    let mut parts = urn.splitn(3, ':');
    let scheme = parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn"));
    let named = parts.next().is_some_and(|name| !name.is_empty()) && parts.next().is_some_and(|rest| !rest.is_empty());
    let plain = urn.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:~".contains(c));
    if !scheme || !named || !plain || urn.ends_with(':') || urn.len() > URN_MAX {
        return Err(Error::new(
            Code::InvalidSchema,
            format!(
                "A schema's id must be a URN such as urn:example:params:scim:schemas:extension:acme:2.0:User, of \
                 letters, digits and - _ . ~ between colons, at most {URN_MAX} bytes."
            ),
        ));
    }
    // A registered URN must not change what the standard ones mean.
    let begins = |with: &str| urn.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    let enterprise = begins(ENTERPRISE) && matches!(urn.as_bytes().get(ENTERPRISE.len()), None | Some(b':'));
    if enterprise || begins("urn:ietf:params:scim:schemas:core:") || begins("urn:ietf:params:scim:api:") {
        let detail = format!("{urn} belongs to the SCIM standard and cannot be registered. Choose a URN of your own.");
        return Err(Error::new(Code::SchemaReserved, detail));
    }
    Ok(())
}

fn too_large(size: usize) -> Error {
    let detail = format!("The schema has {size} bytes; at most {DOCUMENT_MAX} are allowed. Shorten its descriptions.");
    Error::new(Code::SchemaTooLarge, detail)
}

fn resource_types(fields: &mut DocumentFields) -> Result<(bool, bool)> {
    let names = fields.take_texts("resourceTypes")?;
    let is = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    match names.iter().find(|name| !name.eq_ignore_ascii_case("User") && !name.eq_ignore_ascii_case("Group")) {
        Some(other) => {
            Err(fields
                .error_about(&format!("resourceTypes may name User and Group, not {other}", other = quoted(other))))
        }
        None => Ok((names.is_empty() || is("User"), is("Group"))),
    }
}

/// Reads a list of attributes, or the sub-attributes of `parent`.
fn read_attributes(items: Vec<Value>, parent: Option<&str>) -> Result<Vec<Attribute>> {
    let mut found: Vec<Attribute> = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let Value::Object(map) = item else {
            let place = parent.map_or_else(|| "attributes".to_owned(), |parent| format!("subAttributes of {parent}"));
            let detail = format!("Element {number} of {place} must be an object, not {}.", json::kind_name(&item));
            return Err(Error::new(Code::InvalidSchema, detail));
        };
        let attribute = read_attribute(map, number, parent)?;
        // ATTRIBUTES_MAX is checked after this; DOCUMENT_MAX bounds the comparisons.
        if find_by_name(&found, &attribute.name).is_some() {
            let path = attribute_path(parent, &attribute.name);
            return Err(Error::new(
                Code::InvalidSchema,
                format!("The attribute {path} is defined twice; names have no case."),
            ));
        }
        found.push(attribute);
    }
    Ok(found)
}

fn attribute_path(parent: Option<&str>, name: &str) -> String {
    parent.map_or_else(|| name.to_owned(), |parent| format!("{parent}.{name}"))
}

/// Reads one definition; an omitted characteristic is as in RFC 7643 section 2.2.
fn read_attribute(map: Map<String, Value>, number: usize, parent: Option<&str>) -> Result<Attribute> {
    let of = parent.map_or_else(String::new, |parent| format!(" of {parent}"));
    let mut fields = DocumentFields::new(format!("Attribute {number}{of}"), map);
    let name = fields.take_text("name")?.ok_or_else(|| fields.error_about("name is missing"))?;
    if !is_name(&name, parent.is_some()) {
        let detail = format!(
            "the name {name} must begin with a letter, then have letters, digits, - _ or $",
            name = quoted(&name)
        );
        return Err(fields.error_about(&detail));
    }
    let path = attribute_path(parent, &name);
    fields.place = format!("The attribute {path}");
    // The characteristics of RFC 7643 section 7, with the defaults of section 2.2.
    let kind = fields.take_word("type", &TYPES, type_name, Type::String)?;
    let mutability = fields.take_word("mutability", &MUTABILITIES, mutability_name, Mutability::ReadWrite)?;
    let hidden = mutability == Mutability::WriteOnly;
    // "writeOnly ... usually also has a returned setting of never" (section 7): no other is possible here.
    let unsaid = if hidden { Returned::Never } else { Returned::Default };
    let returned = fields.take_word("returned", &RETURNS, returned_name, unsaid)?;
    let uniqueness = fields.take_word("uniqueness", &UNIQUENESSES, uniqueness_name, Uniqueness::None)?;
    let (multi, required) = (fields.take_flag("multiValued")?, fields.take_flag("required")?);
    // Binary values and references have their case, whatever the document says (sections 2.3.6 and 2.3.7).
    let exact =
        fields.take_flag("caseExact")? && kind == Type::String || matches!(kind, Type::Binary | Type::Reference);
    let (canonical, references) = (fields.take_texts("canonicalValues")?, fields.take_texts("referenceTypes")?);
    let (sub, description) = (fields.take_list("subAttributes")?, fields.take_text("description")?.unwrap_or_default());
    // A misspelled characteristic would be lost in silence.
    fields.expect_end()?;
    // The characteristics must fit each other. The first rule that is broken is named.
    let refused = match kind {
        Type::Complex if parent.is_some() => "is a sub-attribute and cannot be complex itself",
        Type::Complex if sub.is_empty() => "is complex and needs subAttributes",
        kind if kind != Type::Complex && !sub.is_empty() => "has subAttributes, which only type complex has",
        kind if kind != Type::String && !canonical.is_empty() => "has canonicalValues, which only type string has",
        kind if kind != Type::Reference && !references.is_empty() => {
            "has referenceTypes, which only type reference has"
        }
        _ if uniqueness != Uniqueness::None => "must have uniqueness none: no index holds the values of an extension",
        _ if hidden && returned != Returned::Never => "is writeOnly, so returned must be never",
        _ if required && (hidden || mutability == Mutability::ReadOnly) => {
            "is readOnly or writeOnly, so no value of it is ever kept and it cannot be required"
        }
        _ => "",
    };
    if !refused.is_empty() {
        return Err(Error::new(Code::InvalidSchema, format!("The attribute {path} {refused}.")));
    }
    Ok(Attribute {
        name: Text::Owned(name),
        kind,
        multi,
        required,
        case_exact: exact,
        mutability,
        returned,
        uniqueness,
        canonical: Cow::Owned(canonical.into_iter().map(Text::Owned).collect()),
        references: Cow::Owned(references.into_iter().map(Text::Owned).collect()),
        sub: Cow::Owned(read_attributes(sub, Some(&path))?),
        description: Text::Owned(description),
    })
}

/// Returns true for `ATTRNAME` of RFC 7643 section 2.1, and for a sub-attribute `$ref`, which it does not describe.
fn is_name(name: &str, sub: bool) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c));
    (begins && plain) || (sub && name == "$ref")
}

const TYPES: [Type; 8] = [
    Type::String,
    Type::Boolean,
    Type::Decimal,
    Type::Integer,
    Type::DateTime,
    Type::Binary,
    Type::Reference,
    Type::Complex,
];
const MUTABILITIES: [Mutability; 4] =
    [Mutability::ReadOnly, Mutability::ReadWrite, Mutability::Immutable, Mutability::WriteOnly];
const RETURNS: [Returned; 4] = [Returned::Always, Returned::Never, Returned::Default, Returned::Request];
const UNIQUENESSES: [Uniqueness; 3] = [Uniqueness::None, Uniqueness::Server, Uniqueness::Global];

/// A characteristic of an attribute whose value is one of the RFC's words.
#[cfg(native)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Words {
    Type,
    Mutability,
    Returned,
}

/// Returns the words that a characteristic may have.
#[cfg(native)]
pub fn known_words(of: Words) -> Vec<&'static str> {
    match of {
        Words::Type => TYPES.into_iter().map(type_name).collect(),
        Words::Mutability => MUTABILITIES.into_iter().map(mutability_name).collect(),
        Words::Returned => RETURNS.into_iter().map(returned_name).collect(),
    }
}

#[cfg(test)]
mod tests;
