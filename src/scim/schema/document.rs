//! Extension schemas that an organisation registers: Schema documents (RFC 7643 section 7), read and judged.
//!
//! A document is read by hand and not by derived code, so that every refusal names the attribute. Out of scope: where
//! it is kept, and the resources that already hold its values (`org`).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Attribute, ENTERPRISE, Mutability, Returned, Schema, Text, Type, Types, Uniqueness, find_by_name};
use crate::error::{Code, Error, Result, quoted};
use crate::scim::discovery::{describe, mutability_name, returned_name, type_name, uniqueness_name};
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
pub struct Document {
    /// The schema.
    pub schema: Schema,
    /// True if it extends users.
    pub users: bool,
    /// True if it extends groups.
    pub groups: bool,
}

impl Document {
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
        let mut map = json::object(body)?;
        let id = take_key(&mut map, "id");
        if id.as_ref().is_some_and(|id| !id.as_str().is_some_and(|id| id.eq_ignore_ascii_case(urn))) {
            return Err(Error::new(
                Code::InvalidSchema,
                format!("id must be the URN of the address, {urn}, or left out."),
            ));
        }
        map.insert("id".to_owned(), Value::from(urn));
        let document = Self::read(map)?;
        let count = document.schema.attributes.iter().map(|a| 1 + a.sub.len()).sum::<usize>();
        if count > ATTRIBUTES_MAX {
            let detail = format!(
                "The schema has {count} attributes, sub-attributes counted; at most {ATTRIBUTES_MAX} are allowed."
            );
            return Err(Error::new(Code::InvalidSchema, detail));
        }
        let size = document.write().to_string().len();
        if size > DOCUMENT_MAX { Err(too_large(size)) } else { Ok(document) }
    }

    /// Reads a whole document, as [`Document::write`] writes it. Stored documents are read here too, so a rule that is
    /// added later belongs into [`Document::parse`].
    ///
    /// # Errors
    /// 400 `invalidValue` that names the attribute and its key.
    pub fn read(map: Map<String, Value>) -> Result<Self> {
        let mut fields = Fields { place: "The schema".to_owned(), map };
        // A document may be sent as `/Schemas` shows it.
        for shown in ["schemas", "meta"] {
            take_key(&mut fields.map, shown);
        }
        let id = fields.text("id")?.ok_or_else(|| fields.wrong("id is missing"))?;
        let last = id.rsplit(':').next().unwrap_or_default().to_owned();
        let name = fields.text("name")?.filter(|name| !name.trim().is_empty()).unwrap_or(last);
        let description = fields.text("description")?.unwrap_or_default();
        let (users, groups) = resource_types(&mut fields)?;
        let items = fields.list("attributes")?;
        fields.end()?;
        if items.is_empty() {
            return Err(fields.wrong("attributes must be an array of at least one attribute"));
        }
        let attributes = Cow::Owned(read_attributes(items, None)?);
        let (id, name, description) = (Text::Owned(id), Text::Owned(name), Text::Owned(description));
        Ok(Self { schema: Schema { id, name, description, attributes }, users, groups })
    }

    /// Returns the document in its canonical form, with every characteristic written out.
    pub fn write(&self) -> Value {
        let mut document = describe(&self.schema);
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
    pub fn read(generation: i64, documents: &str) -> Result<Self> {
        let documents: Vec<Value> = json::own(documents)?;
        let documents = documents.into_iter().map(|document| match document {
            Value::Object(map) => Document::read(map),
            _ => Err(Error::internal("a registered schema is not an object")),
        });
        Ok(Self::with(generation, documents.collect::<Result<_>>().map_err(Error::internal)?))
    }

    /// Returns the types of an organisation with the schemas that it registered.
    pub fn with(generation: i64, documents: Vec<Document>) -> Self {
        let mut types = Self { generation, ..Self::default() };
        for Document { schema, users, groups } in documents {
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
    let begins = |with: &str| urn.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    let enterprise = begins(ENTERPRISE) && matches!(urn.as_bytes().get(ENTERPRISE.len()), None | Some(b':'));
    if enterprise || begins("urn:ietf:params:scim:schemas:core:") || begins("urn:ietf:params:scim:api:") {
        let detail = format!("{urn} belongs to the SCIM standard and cannot be registered. Choose a URN of your own.");
        return Err(Error::new(Code::SchemaReserved, detail));
    }
    Ok(())
}

fn too_large(size: usize) -> Error {
    let detail = format!("The schema has {size} bytes; at most {DOCUMENT_MAX} are allowed.");
    Error::new(Code::SchemaTooLarge, detail)
}

fn resource_types(fields: &mut Fields) -> Result<(bool, bool)> {
    let names = fields.texts("resourceTypes")?;
    let is = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    match names.iter().find(|name| !name.eq_ignore_ascii_case("User") && !name.eq_ignore_ascii_case("Group")) {
        Some(other) => {
            Err(fields.wrong(&format!("resourceTypes may name User and Group, not {other}", other = quoted(other))))
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
            let detail = format!("Element {number} of {place} must be an object, not {}.", json::name(&item));
            return Err(Error::new(Code::InvalidSchema, detail));
        };
        let attribute = read_attribute(map, number, parent)?;
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
    let mut fields = Fields { place: format!("Attribute {number}{of}"), map };
    let name = fields.text("name")?.ok_or_else(|| fields.wrong("name is missing"))?;
    if !is_name(&name, parent.is_some()) {
        let detail = format!(
            "the name {name} must begin with a letter, then have letters, digits, - _ or $",
            name = quoted(&name)
        );
        return Err(fields.wrong(&detail));
    }
    let path = attribute_path(parent, &name);
    fields.place = format!("The attribute {path}");
    let kind = fields.word("type", &TYPES, type_name, Type::String)?;
    let mutability = fields.word("mutability", &MUTABILITIES, mutability_name, Mutability::ReadWrite)?;
    let hidden = mutability == Mutability::WriteOnly;
    let unsaid = if hidden { Returned::Never } else { Returned::Default };
    let returned = fields.word("returned", &RETURNS, returned_name, unsaid)?;
    let uniqueness = fields.word("uniqueness", &UNIQUENESSES, uniqueness_name, Uniqueness::None)?;
    let (multi, required) = (fields.flag("multiValued")?, fields.flag("required")?);
    // Binary values and references have their case, whatever the document says (sections 2.3.6 and 2.3.7).
    let exact = fields.flag("caseExact")? && kind == Type::String || matches!(kind, Type::Binary | Type::Reference);
    let (canonical, references) = (fields.texts("canonicalValues")?, fields.texts("referenceTypes")?);
    let (sub, description) = (fields.list("subAttributes")?, fields.text("description")?.unwrap_or_default());
    fields.end()?;
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
pub fn words(of: Words) -> Vec<&'static str> {
    match of {
        Words::Type => TYPES.into_iter().map(type_name).collect(),
        Words::Mutability => MUTABILITIES.into_iter().map(mutability_name).collect(),
        Words::Returned => RETURNS.into_iter().map(returned_name).collect(),
    }
}

/// The keys of one JSON object, read one by one; [`Fields::end`] refuses those that are left. `null` is absent.
struct Fields {
    /// The place that errors name.
    place: String,
    map: Map<String, Value>,
}

impl Fields {
    fn text(&mut self, key: &str) -> Result<Option<String>> {
        match take_key(&mut self.map, key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(&format!("{key} must be a string, not {}", json::name(&other)))),
        }
    }

    fn flag(&mut self, key: &str) -> Result<bool> {
        match take_key(&mut self.map, key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(self.wrong(&format!("{key} must be true or false, not {}", json::name(&other)))),
        }
    }

    fn list(&mut self, key: &str) -> Result<Vec<Value>> {
        match take_key(&mut self.map, key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.wrong(&format!("{key} must be an array, not {}", json::name(&other)))),
        }
    }

    fn texts(&mut self, key: &str) -> Result<Vec<String>> {
        let items = self.list(key)?;
        let text = |item| match item {
            Value::String(text) => Ok(text),
            other => Err(self.wrong(&format!("{key} must be an array of strings, not of {}", json::name(&other)))),
        };
        items.into_iter().map(text).collect()
    }

    /// Reads one of the RFC's words for a characteristic.
    fn word<T: Copy>(&mut self, key: &str, all: &[T], name: fn(T) -> &'static str, unsaid: T) -> Result<T> {
        let Some(text) = self.text(key)? else { return Ok(unsaid) };
        let found = all.iter().copied().find(|one| name(*one).eq_ignore_ascii_case(&text));
        let known = || all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| self.wrong(&format!("{key} must be one of {}, not {text}", known(), text = quoted(&text))))
    }

    fn end(&self) -> Result<()> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.wrong(&format!("the key {key} is unknown", key = quoted(key)))),
        }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::new(Code::InvalidSchema, format!("{}: {what}.", self.place))
    }
}

/// Removes and returns the value of a key in any case; `null` is absent.
fn take_key(map: &mut Map<String, Value>, key: &str) -> Option<Value> {
    let key = map.keys().find(|found| found.eq_ignore_ascii_case(key)).cloned()?;
    map.remove(&key).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests;
