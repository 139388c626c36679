//! A resource's attributes in canonical form (RFC 7643 section 2): names in the schema's case, types checked,
//! unassigned attributes left out, at most one `primary`. Two requests that mean the same give the same value.
//!
//! Out of scope: the forms that identity providers send instead (`dialect` repairs them before), uniqueness and
//! everything else that needs the directory (`org`).

mod size;

use self::size::check_readable;
pub use self::size::{RESOURCE_MAX, check_growth, check_size};
use super::echo::Echo;
use super::json::{self, kind_name};
use super::operation::Unresolved;
use super::primary::keep_first_primary;
use super::schema::{Attribute, Mutability, ResourceType, Schema, Type};
use super::urn;
use crate::error::{Code, Error, Result, quoted};
use crate::id::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;

/// A resource as a request describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Canonical attributes without `schemas` and those that only the server sets; extensions stand under their URN.
    pub attributes: Map<String, Value>,
    /// Multi-valued attributes that were sent as `null`, which some clients mean as "not mentioned"; those of an
    /// extension have its URN before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nulls: Vec<String>,
    /// Attributes of unregistered extensions, each under its whole name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// Values that stay if they are stored as they were sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub echoes: Vec<Echo>,
}

/// A [`Resource`] and the names that were dropped because no schema knows them.
#[derive(Debug, Default)]
pub struct Read {
    /// The resource of the request.
    pub resource: Resource,
    /// Unknown attributes, as they were spelled.
    pub unknown: Vec<String>,
    /// Attributes whose values are not of their type; nothing of them is in `resource`.
    pub refused: Vec<RefusedAttribute>,
}

/// An attribute that could not be read.
#[derive(Debug)]
pub struct RefusedAttribute {
    /// The URN of its extension.
    pub urn: Option<String>,
    /// Its name, or the URN of an extension that is no object.
    pub name: String,
    /// Why.
    pub error: Error,
}

impl Read {
    /// Returns what was read.
    ///
    /// # Errors
    /// The first refusal: 400 `invalidValue` that names the attribute.
    pub fn without_refusals(mut self) -> Result<Self> {
        if self.refused.is_empty() { Ok(self) } else { Err(self.refused.swap_remove(0).error) }
    }
}

/// Reads the body of a POST or PUT.
///
/// # Errors
/// 413 above what is read at all.
pub fn read_resource(kind: &ResourceType, body: Map<String, Value>) -> Result<Read> {
    let mut read = Read::default();
    let mut unknown = Vec::new();
    for (key, value) in body {
        if let Some(attribute) = kind.attribute(&key) {
            // "id" and other readOnly values are ignored (RFC 7644 section 3.3); `schemas` follows from the attributes.
            if !is_kept(attribute) || attribute.name == "schemas" {
                continue;
            }
            if value.is_null() && attribute.multi {
                read.resource.nulls.push(attribute.name.to_string());
            }
            match canonical_value(attribute, value, "", &mut unknown) {
                Ok(value) => put_or_remove(&mut read.resource.attributes, &attribute.name, value),
                // A refusal is kept aside: the same value may be stored already, which only the object knows.
                Err(error) => {
                    read.refused.push(RefusedAttribute { urn: None, name: attribute.name.to_string(), error })
                }
            }
        } else if let Some(schema) = kind.extension(&key) {
            let value = canonical_extension(schema, value, &mut unknown, &mut read);
            put_or_remove(&mut read.resource.attributes, &schema.id, value);
        } else {
            match value {
                // An unregistered extension is kept as it was sent, without its empty values.
                Value::Object(mut map) if urn::is_extension(&key) => {
                    map.retain(|_, value| !value.is_null());
                    put_or_remove(&mut read.resource.attributes, &key, (!map.is_empty()).then_some(Value::Object(map)));
                }
                Value::Null if urn::is_extension(&key) => {}
                // Skipped and told: a client that has an attribute more must still be able to provision.
                _ => name_unknown(&mut unknown, || key),
            }
        }
    }
    read.unknown = unknown;
    // The object judges growth, since it knows what is stored; nothing stored is larger than this.
    check_readable(&read.resource.attributes)?;
    Ok(read)
}

/// Returns the canonical form of one value of `attribute`; `None` if it is unassigned (RFC 7643 section 2.5: `null`,
/// `[]`, and here `""` too). Unknown sub-attributes are dropped and named in `unknown`.
///
/// # Errors
/// 400 `invalidValue` that names the attribute, with `prefix` before its name (`name.` or a URN and its colon).
pub fn canonical_value(
    attribute: &Attribute,
    value: Value,
    prefix: &str,
    unknown: &mut Vec<String>,
) -> Result<Option<Value>> {
    let path = format!("{prefix}{}", attribute.name);
    if !attribute.multi {
        return canonical_single(attribute, value, &path, unknown);
    }
    // A repair may have made a list of one value; here only a list is one.
    let items = match value {
        Value::Null => return Ok(None),
        Value::Array(items) => items,
        other => return Err(wrong_type(&path, "an array", &other)),
    };
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if let Some(item) = canonical_single(attribute, item, &path, unknown)? {
            kept.push(item);
        }
    }
    keep_first_primary(&mut kept);
    Ok((!kept.is_empty()).then_some(Value::Array(kept)))
}

/// Returns the canonical form of one element of a multi-valued attribute, or of a single value.
///
/// # Errors
/// As [`canonical_value`].
pub fn canonical_single(
    attribute: &Attribute,
    value: Value,
    path: &str,
    unknown: &mut Vec<String>,
) -> Result<Option<Value>> {
    if is_unassigned(&value) {
        return Ok(None);
    }
    let wrong = |expected: &str, value: &Value| Err(wrong_type(path, expected, value));
    let value = match (attribute.kind, value) {
        (Type::Complex, Value::Object(map)) => return canonical_complex(attribute, map, path, unknown),
        (Type::Complex, other) => return wrong("an object", &other),
        (Type::Boolean, value @ Value::Bool(_)) => value,
        (Type::Boolean, other) => return wrong("true or false", &other),
        (Type::Integer, Value::Number(number)) => match whole_number(&number) {
            Some(whole) => Value::Number(whole),
            None => return wrong("a whole number", &Value::Number(number)),
        },
        (Type::Integer, other) => return wrong("a whole number", &other),
        (Type::Decimal, value @ Value::Number(_)) => value,
        (Type::Decimal, other) => return wrong("a number", &other),
        (Type::DateTime, Value::String(text)) if Timestamp::parse(&text).is_some() => Value::String(text),
        (Type::DateTime, other) => return wrong("a date and time such as 2026-01-31T09:30:00Z", &other),
        (Type::String | Type::Reference | Type::Binary, value @ Value::String(_)) => value,
        (Type::String | Type::Reference | Type::Binary, other) => return wrong("a string", &other),
    };
    Ok(Some(value))
}

/// Returns the integer that a number is, however it is written: `5.0` and `-0` are integers too (RFC 7643 section
/// 2.3.4).
fn whole_number(number: &Number) -> Option<Number> {
    if number.is_u64() {
        return Some(number.clone());
    }
    json::as_integer(&Value::Number(number.clone())).map(Number::from)
}

fn canonical_complex(
    attribute: &Attribute,
    map: Map<String, Value>,
    path: &str,
    unknown: &mut Vec<String>,
) -> Result<Option<Value>> {
    let mut kept = Map::new();
    let prefix = format!("{path}.");
    for (key, value) in map {
        match attribute.sub(&key) {
            Some(sub) if is_kept(sub) => {
                put_or_remove(&mut kept, &sub.name, canonical_value(sub, value, &prefix, unknown)?)
            }
            // The server sets it, or never keeps it.
            Some(_) => {}
            None => name_unknown(unknown, || format!("{path}.{key}")),
        }
    }
    Ok((!kept.is_empty()).then_some(Value::Object(kept)))
}

fn canonical_extension(schema: &Schema, value: Value, unknown: &mut Vec<String>, read: &mut Read) -> Option<Value> {
    let map = match value {
        Value::Null => return None,
        Value::Object(map) => map,
        other => {
            let error = wrong_type(&schema.id, "an object", &other);
            read.refused.push(RefusedAttribute { urn: None, name: schema.id.to_string(), error });
            return None;
        }
    };
    let mut kept = Map::new();
    let prefix = format!("{}:", schema.id);
    for (key, value) in map {
        match schema.attribute(&key) {
            Some(a) if is_kept(a) => {
                if value.is_null() && a.multi {
                    read.resource.nulls.push(format!("{prefix}{}", a.name));
                }
                match canonical_value(a, value, &prefix, unknown) {
                    Ok(value) => put_or_remove(&mut kept, &a.name, value),
                    Err(error) => {
                        let urn = Some(schema.id.to_string());
                        read.refused.push(RefusedAttribute { urn, name: a.name.to_string(), error });
                    }
                }
            }
            Some(_) => {}
            None => name_unknown(unknown, || format!("{prefix}{key}")),
        }
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// Restores the stored values of the attributes in `nulls`, which a PUT sends as `null` and means as not mentioned.
pub fn keep_nulls(kind: &ResourceType, nulls: &[String], stored: &Map<String, Value>, new: &mut Map<String, Value>) {
    for name in nulls {
        let of = kind.extensions.iter().find_map(|schema| {
            let attribute = name.strip_prefix(schema.id.as_ref())?.strip_prefix(':')?;
            Some((schema.id.as_ref(), attribute))
        });
        match of {
            None => keep_value(name, stored, new),
            Some((urn, attribute)) => {
                // Nothing of the extension is stored, so no value can stay.
                let Some(stored) = stored.get(urn).and_then(Value::as_object) else { continue };
                let mut inner = match new.remove(urn) {
                    Some(Value::Object(inner)) => inner,
                    _ => Map::new(),
                };
                keep_value(attribute, stored, &mut inner);
                put_or_remove(new, urn, (!inner.is_empty()).then_some(Value::Object(inner)));
            }
        }
    }
}

fn keep_value(name: &str, stored: &Map<String, Value>, new: &mut Map<String, Value>) {
    if let (false, Some(value)) = (new.contains_key(name), stored.get(name)) {
        new.insert(name.to_owned(), value.clone());
    }
}

/// The most unknown names that are reported: a body may have very many, and a path before each.
const UNKNOWN_MAX: usize = 100;

/// Adds an unknown name, as long as there are few.
pub fn name_unknown(unknown: &mut Vec<String>, name: impl FnOnce() -> String) {
    if unknown.len() < UNKNOWN_MAX {
        unknown.push(name());
    }
}

/// Returns true for an attribute that is kept. Read-only ones are ignored (RFC 7644 section 3.5.1); write-only ones
/// (`password`) are accepted and not kept.
pub fn is_kept(attribute: &Attribute) -> bool {
    !matches!(attribute.mutability, Mutability::ReadOnly | Mutability::WriteOnly)
}

fn put_or_remove(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

/// Returns true for an unassigned value (RFC 7643 section 2.5), and for the empty text that clients send for "no
/// value".
pub fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns true for an element that has nothing but the kind of its value, such as `{"type": "work"}`: clients send it
/// for "no value".
pub fn is_label(attribute: &Attribute, item: &Value) -> bool {
    let label = |name: &str| ["type", "primary", "display"].iter().any(|label| name.eq_ignore_ascii_case(label));
    let values = attribute.has_primary() && attribute.sub.iter().any(|sub| !label(&sub.name));
    let says_nothing =
        |(name, value): (&String, &Value)| label(name) || is_unassigned(value) || attribute.sub(name).is_none();
    values && item.as_object().is_some_and(|map| map.iter().all(says_nothing))
}

/// Returns the object, or the objects in the array.
pub(super) fn objects_in(value: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    let elements = value.as_array().into_iter().flatten();
    value.as_object().into_iter().chain(elements.filter_map(Value::as_object))
}

/// Returns the `schemas` of a resource: its core schema and every extension of which it has values.
pub fn schemas_of(kind: &ResourceType, attributes: &Map<String, Value>) -> Value {
    let mut named: Vec<&str> = vec![&kind.schema.id];
    let mut lower = BTreeSet::from([kind.schema.id.to_ascii_lowercase()]);
    // Two spellings of one URN may be stored.
    named.extend(
        attributes.keys().filter(|key| key.contains(':') && lower.insert(key.to_ascii_lowercase())).map(String::as_str),
    );
    named.into_iter().map(Value::from).collect()
}

pub(super) fn wrong_type(path: &str, expected: &str, value: &Value) -> Error {
    let found = match value {
        Value::String(text) if text.len() <= 64 => format!("the text {text}", text = quoted(text)),
        // One with a fraction, or a very large one, where a whole number belongs.
        Value::Number(number) if expected.ends_with("number") => number.to_string(),
        other => kind_name(other).to_owned(),
    };
    Error::new(Code::WrongType, format!("{path} must be {expected}, not {found}."))
}
