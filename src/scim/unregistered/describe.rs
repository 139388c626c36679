//! The definition of an attribute that no schema has: what its values, and the path, tell about it.

use super::paths::ExtensionPath;
use crate::error::{Code, Error, Result, quoted};
use crate::scim::filter::{Expression, Literal};
use crate::scim::json;
use crate::scim::operation::PatchOp;
use crate::scim::schema::{Attribute, Type};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The most sub-attributes of an attribute that is changed in part: each name is looked for among them.
const SUBS_MAX: usize = 256;

/// Describes an attribute by its stored values, by the sent ones and, where something is added, by the path.
///
/// # Errors
/// 400 `tooMany` for more than [`SUBS_MAX`] sub-attributes.
pub(super) fn describe_attribute(
    name: &str,
    op: PatchOp,
    stored: Option<&Value>,
    place: &ExtensionPath<'_>,
    value: &Value,
) -> Result<Attribute> {
    // A stored list stays one. A filter chooses among elements, so what it makes is a list.
    let multi = match stored {
        Some(stored) => stored.is_array() || op == PatchOp::Add && value.is_array() && place.sub.is_none(),
        None => place.filter.is_some() || value.is_array() && place.sub.is_none(),
    };
    // With a sub-attribute in the path, the value is a part of the attribute and does not tell its type.
    let sent = place.sub.is_none().then_some(value);
    let values: Vec<&Value> = values_in(stored).chain(values_in(sent).filter(|_| op != PatchOp::Remove)).collect();
    // A literal in the filter tells a type too; MAX_TEXT bounds how many there are.
    let mut compared = Vec::new();
    place.filter.iter().for_each(|filter| compared_names(filter, &mut compared));
    // Nothing is stored: the path tells that an object is to be made.
    let makes_objects = op != PatchOp::Remove && stored.is_none();
    let complex = values.iter().any(|value| value.is_object())
        || makes_objects
            && (place.sub.is_some() || compared.iter().any(|(name, _)| !name.eq_ignore_ascii_case("value")));
    let of = type_of_values(values.iter().copied(), &compared, "value");
    let mut described = Attribute { multi, ..Attribute::new(name.to_owned(), of) };
    if !complex {
        return Ok(described);
    }
    // Keys are names in lower case: the first spelling counts.
    let mut subs: BTreeMap<String, (&str, Vec<&Value>)> = BTreeMap::new();
    for (name, value) in values.iter().filter_map(|value| value.as_object()).flatten() {
        subs.entry(name.to_ascii_lowercase()).or_insert((name, Vec::new())).1.push(value);
    }
    // The operation may make these, so the description must have them.
    if op != PatchOp::Remove {
        for name in place.sub.as_deref().into_iter().chain(compared.iter().map(|(name, _)| *name)) {
            subs.entry(name.to_ascii_lowercase()).or_insert((name, Vec::new()));
        }
    }
    // Each later look-up of a name goes through all of them.
    if subs.len() > SUBS_MAX {
        let detail = format!(
            "{} has more than {SUBS_MAX} sub-attributes. Replace it as a whole, or register its extension. Nothing \
             was changed.",
            quoted(name)
        );
        return Err(Error::new(Code::TooMuchWork, detail));
    }
    let sub = |(name, values): (&str, Vec<&Value>)| {
        let multi = values.iter().any(|value| value.is_array());
        Attribute { multi, ..Attribute::new(name.to_owned(), type_of_values(values.iter().copied(), &compared, name)) }
    };
    described.kind = Type::Complex;
    described.sub = Cow::Owned(subs.into_values().map(sub).collect());
    Ok(described)
}

/// Returns the elements of a list, or the one value.
fn values_in(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    json::elements_of(value).flatten()
}

/// Collects the names that a filter compares, with the values that they are compared with.
fn compared_names<'f>(filter: &'f Expression, found: &mut Vec<(&'f str, Option<&'f Literal>)>) {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| compared_names(part, found)),
        Expression::Not(inner) => compared_names(inner, found),
        Expression::Present(path) | Expression::Has { path, .. } => found.push((&path.name, None)),
        Expression::Compare { path, value, .. } => found.push((&path.name, Some(value))),
    }
}

/// Returns the type of values: the type that the filter compares with if any value has it, else that of the first
/// value; without values, the type that the filter compares with. A nested object is compared and replaced as a whole.
fn type_of_values<'v>(
    values: impl Iterator<Item = &'v Value> + Clone,
    compared: &[(&str, Option<&Literal>)],
    name: &str,
) -> Type {
    let of = |value: &Value| match value {
        Value::Bool(_) => Type::Boolean,
        Value::Number(_) => Type::Decimal,
        _ => Type::String,
    };
    // A list may hold several types; the filter tells which of them the client means.
    let literal = compared.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).and_then(|(_, literal)| *literal);
    let wanted = literal.and_then(|literal| match literal {
        Literal::String(_) => Some(Type::String),
        Literal::Number(_) => Some(Type::Decimal),
        Literal::Boolean(_) => Some(Type::Boolean),
        Literal::Null => None,
    });
    let mut kinds = values.flat_map(|value| values_in(Some(value))).filter(|value| !value.is_null()).map(of).peekable();
    let first = kinds.peek().copied();
    match (wanted, first) {
        (Some(wanted), Some(_)) if kinds.any(|kind| kind == wanted) => wanted,
        (_, Some(first)) => first,
        (wanted, None) => wanted.unwrap_or(Type::String),
    }
}
