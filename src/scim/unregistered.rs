//! PATCH of unregistered extensions (RFC 7644 section 3.5.2). No schema says where the URN of a path ends and which
//! type an attribute has, so the edge passes such an operation on as it was sent: only the stored resource can tell.
//! [`apply_unresolved`] splits the path, describes the attribute by its stored and its sent values, and then does what
//! [`super::patch`] does with registered ones.

use super::Attributes;
use super::filter::resolve::in_value_path;
use super::filter::{Expression, Forms, Literal, ResolveError, Target};
pub use super::operation::Unresolved;
use super::order::units_of;
use super::patch::{self, MissingTarget, Operation, PatchOp};
use super::path::{self, Resolved};
use super::schema::{Attribute, ResourceType, Schema, Type};
use super::urn;
use crate::budget::Budget;
use crate::error::{Code, Error, Result, cut, quoted};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The most unregistered extensions of a resource.
pub const URNS_MAX: usize = 20;

/// The most sub-attributes of an attribute that is changed in part: each name is looked for among them.
const SUBS_MAX: usize = 256;

/// How many bytes of two URNs are compared for a unit of work.
const COMPARED_BYTES: usize = 32;

/// Returns true for a path, or a key, that begins with a URN that is not registered for this type.
pub fn is_unregistered(kind: &ResourceType, path: &str) -> bool {
    let head = before_filter(path);
    let registered = kind.extensions.iter().map(|schema| schema.id.as_ref()).chain([kind.schema.id.as_ref()]);
    urn::is_extension(head) && !registered.into_iter().any(|id| rest_after(path, id).is_some())
}

/// Splits the path of a registered extension, or of an attribute in it, into the extension's URN and what follows.
pub fn in_registered<'a>(kind: &'a ResourceType, path: &'a str) -> Option<(&'a str, &'a str)> {
    let after = |schema: &'a Schema| Some((schema.id.as_ref(), rest_after(path, &schema.id)?));
    kind.extensions.iter().find_map(|schema| after(schema.as_ref()))
}

/// Returns the URNs of the unregistered extensions in `attributes`.
pub fn unregistered_urns<'a>(kind: &'a ResourceType, attributes: &'a Attributes) -> impl Iterator<Item = &'a str> {
    attributes.keys().map(String::as_str).filter(|key| key.contains(':') && kind.extension(key).is_none())
}

/// Judges the number of unregistered extensions of a resource.
///
/// # Errors
/// 400 `invalidValue` for one more than [`URNS_MAX`]; stored ones may stay.
pub fn check_count(kind: &ResourceType, old: &Attributes, new: &Attributes) -> Result<()> {
    let count = unregistered_urns(kind, new).count();
    match unregistered_urns(kind, new).find(|urn| !old.contains_key(*urn)) {
        Some(urn) if count > URNS_MAX => {
            let detail = format!(
                "The resource would have {count} unregistered extensions, {} among them; at most {URNS_MAX} are \
                 allowed. Register them in the Cloud Console. Nothing was changed.",
                quoted(urn)
            );
            Err(Error::new(Code::TooManyExtensions, detail).with_names([urn]))
        }
        _ => Ok(()),
    }
}

/// Returns a sentence for the journal for each such extension that a request changes.
pub fn change_notes<'a>(
    kind: &'a ResourceType,
    old: Option<&'a Attributes>,
    new: &'a Attributes,
) -> impl Iterator<Item = String> {
    let changed = move |urn: &&str| old.and_then(|old| old.get(*urn)) != new.get(*urn);
    let note = |urn| format!("{urn} is not registered: kept as sent; register it to have it checked and filtered.");
    unregistered_urns(kind, new).filter(changed).take(URNS_MAX).map(note)
}

/// Applies the operations in their order and returns the paths that name nothing. `stored` are the attributes from
/// before the request, `attributes` those that it changes.
///
/// # Errors
/// 400 `invalidPath`, `invalidFilter` or `noTarget` for a known path that cannot be followed, `invalidValue` for a
/// value that is no object where the path is a URN; `tooMany` beyond the budget.
pub fn apply_unresolved(
    kind: &ResourceType,
    stored: &Attributes,
    attributes: &mut Attributes,
    operations: &[Unresolved],
    budget: &Budget,
) -> Result<Vec<String>> {
    if operations.is_empty() {
        return Ok(Vec::new());
    }
    let mut known: Vec<String> =
        unregistered_urns(kind, attributes).chain(unregistered_urns(kind, stored)).map(str::to_owned).collect();
    let mut unknown = Vec::new();
    for operation in operations {
        // Each of the known URNs is compared with the path, and each of the resource's with the URN that is found.
        let compared = known.iter().map(|urn| urn.len().min(operation.path.len())).sum::<usize>() / COMPARED_BYTES;
        budget
            .spend(compared.saturating_add(known.len()).saturating_mul(2).saturating_add(units_of(&operation.value)))?;
        if let Some((urn, rest)) = in_registered(kind, &operation.path) {
            if !from_before(urn, rest, attributes, operation, budget)? {
                unknown.push(operation.path.clone());
            }
            continue;
        }
        let Some((urn, rest)) = split_path(&operation.path, operation.value.is_object(), &known) else {
            unknown.push(operation.path.clone());
            continue;
        };
        if rest.starts_with('[') {
            let detail = format!("{} is an extension, so a filter in brackets cannot follow it.", quoted(urn));
            let error = Error::new(Code::FilterImpossible, detail);
            return Err(patch::about_path(error, operation.number, &operation.path));
        }
        let key = attributes.keys().find(|key| key.eq_ignore_ascii_case(urn)).map_or(urn, String::as_str).to_owned();
        // A stored value that is no object was kept before such values were refused: it may be sent again.
        let is_same = |all: &Attributes| all.get(&key) == Some(&operation.value);
        if rest.is_empty() && operation.op != PatchOp::Remove && (is_same(attributes) || is_same(stored)) {
            attributes.insert(key, operation.value.clone());
            continue;
        }
        let (mut inner, other) = match attributes.remove(&key) {
            Some(Value::Object(inner)) => (inner, None),
            other => (Attributes::new(), other),
        };
        budget.spend(inner.values().map(units_of).sum())?;
        change_extension(&key, &mut inner, rest, operation, budget)
            .map_err(|error| patch::about_path(error, operation.number, &operation.path))?;
        if !inner.is_empty() {
            known.push(key.clone());
            attributes.insert(key, Value::Object(inner));
        } else if let (Some(other), PatchOp::Remove) = (other, operation.op) {
            // A value that is no object has no attributes; only all of it can be removed.
            if !rest.is_empty() {
                attributes.insert(key, other);
            }
        }
    }
    Ok(unknown)
}

/// Applies an operation on an attribute that a registered schema does not know. A value that was stored before the schema was
/// registered can be removed, and be sent again as it is; so can a value under a URN that is no object. Returns false if the
/// path names nothing.
///
/// # Errors
/// 400 `invalidValue` for what is neither stored nor an object; as [`change_extension`].
fn from_before(
    urn: &str,
    rest: &str,
    attributes: &mut Attributes,
    operation: &Unresolved,
    budget: &Budget,
) -> Result<bool> {
    if rest.is_empty() {
        return match attributes.get(urn) == Some(&operation.value) {
            true => Ok(true),
            false => {
                let found = super::json::kind_name(&operation.value);
                Err(Error::new(Code::WrongType, format!("{urn} must be an object, not {found}.")))
            }
        };
    }
    let name = rest.split(['.', '[']).next().unwrap_or_default();
    let Some(Value::Object(inner)) = attributes.get_mut(urn) else { return Ok(false) };
    let Some((_, stored)) = inner.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else { return Ok(false) };
    if operation.op != PatchOp::Remove {
        return Ok(name == rest && *stored == operation.value);
    }
    budget.spend(inner.values().map(units_of).sum())?;
    change_extension(urn, inner, rest, operation, budget)?;
    if inner.is_empty() {
        attributes.remove(urn);
    }
    Ok(true)
}

/// Returns the text before a filter.
fn before_filter(path: &str) -> &str {
    path.split('[').next().unwrap_or_default()
}

/// Returns the text after a URN in a path: empty, the name of an attribute and its parts, or a filter, which cannot follow it.
fn rest_after<'p>(path: &'p str, urn: &str) -> Option<&'p str> {
    let filter = path.get(urn.len()..).filter(|rest| rest.starts_with('['));
    if filter.is_some() && before_filter(path).eq_ignore_ascii_case(urn) {
        return filter;
    }
    let rest = urn::rest_after(path, urn)?;
    let attribute = rest.get(1..).unwrap_or_default();
    let name = attribute.split(['.', '[']).next().unwrap_or_default();
    (rest.is_empty() || urn::is_attribute_name(name)).then_some(attribute)
}

/// Splits a path into its URN and what follows: by the first of these rules that fits.
///
/// 1. The longest URN of `known` that is the whole path, or that the name of an attribute follows.
/// 2. Behind the version: the last segment before the final one that begins with a capital ends the URN.
/// 3. A final segment with a capital: with a dot in it the URN ends there, without one it is all of the URN if the value is
///    an object.
/// 4. The version ends the URN.
///
/// `None` for a path without a version, or with more behind the URN than an attribute and its sub-attribute. Only an
/// attribute is followed by a filter.
fn split_path<'p>(path: &'p str, is_object: bool, known: &'p [String]) -> Option<(&'p str, &'p str)> {
    let fits = known.iter().filter_map(|urn| Some((urn.as_str(), rest_after(path, urn)?)));
    if let Some(found) = fits.max_by_key(|(urn, _)| urn.len()) {
        return Some(found);
    }
    let head = before_filter(path);
    let is_object = is_object && head.len() == path.len();
    // The begin and end of each segment.
    let mut segments: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for segment in head.split(':') {
        segments.push((at, at + segment.len()));
        at += segment.len() + 1;
    }
    let text = |(from, to): (usize, usize)| head.get(from..to).unwrap_or_default();
    let version = segments.iter().rposition(|segment| is_version(text(*segment)))?;
    let behind = segments.get(version + 1..).unwrap_or_default();
    let is_capital = |segment: (usize, usize)| text(segment).starts_with(|c: char| c.is_ascii_uppercase());
    let Some((last, before)) = behind.split_last() else { return path.split_at_checked(head.len()) };
    let end = match before.iter().rfind(|segment| is_capital(**segment)) {
        Some((_, end)) => *end,
        None if is_capital(*last) => match text(*last).find('.') {
            Some(dot) => last.0 + dot,
            None if is_object => return Some((path, "")),
            None => segments.get(version)?.1,
        },
        None => segments.get(version)?.1,
    };
    let urn = path.get(..end)?;
    Some((urn, rest_after(path, urn)?))
}

/// Returns true for `\d+(\.\d+)*`.
fn is_version(segment: &str) -> bool {
    segment.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Changes the stored values of one extension.
fn change_extension(
    urn: &str,
    inner: &mut Attributes,
    rest: &str,
    operation: &Unresolved,
    budget: &Budget,
) -> Result<()> {
    let Unresolved { op, path: _, value, number: _ } = operation;
    if !rest.is_empty() {
        return change_attribute(urn, inner, *op, &ExtensionPath::read(rest)?, value, budget);
    }
    match (op, value) {
        (PatchOp::Remove, _) | (PatchOp::Replace, Value::Null) => inner.clear(),
        (PatchOp::Add, Value::Null) => {}
        // `schemas` follows from the attributes.
        (_, Value::Object(values)) => {
            for (name, value) in values.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("schemas")) {
                change_attribute(urn, inner, *op, &ExtensionPath { name, sub: None, filter: None }, value, budget)?;
            }
        }
        (_, other) => {
            let found = super::json::kind_name(other);
            let detail = format!("{} must be an object, not {found}. Nothing was changed.", cut(urn, 128));
            return Err(Error::new(Code::WrongType, detail));
        }
    }
    Ok(())
}

/// The part of a path after its URN.
struct ExtensionPath<'p> {
    name: &'p str,
    sub: Option<String>,
    filter: Option<Expression>,
}

impl<'p> ExtensionPath<'p> {
    fn read(rest: &'p str) -> Result<Self> {
        let raw = path::parse(rest, Forms::Lenient)?;
        let name = rest.split(['.', '[']).next().unwrap_or_default();
        let sub = raw.sub.or(raw.attribute.sub);
        match &sub {
            Some(sub) if !urn::is_attribute_name(sub) => {
                let detail = format!("after {} only one sub-attribute can follow.", quoted(name));
                Err(Error::new(Code::PathSyntax, detail))
            }
            _ => Ok(Self { name, sub, filter: raw.filter }),
        }
    }
}

/// Changes one attribute of an extension.
fn change_attribute(
    urn: &str,
    inner: &mut Attributes,
    op: PatchOp,
    place: &ExtensionPath<'_>,
    value: &Value,
    budget: &Budget,
) -> Result<()> {
    let known = inner.keys().find(|name| name.eq_ignore_ascii_case(place.name)).cloned();
    let name = known.clone().unwrap_or_else(|| place.name.to_owned());
    let whole = place.sub.is_none() && place.filter.is_none();
    let stored = known.and_then(|name| inner.get(&name));
    match (op, value) {
        (PatchOp::Add, Value::Null) => return Ok(()),
        (PatchOp::Remove, _) if stored.is_none() => return Ok(()),
        (PatchOp::Remove | PatchOp::Replace, Value::Null) if whole => {
            inner.remove(&name);
            return Ok(());
        }
        // A value is kept as sent: no schema says what else it could be.
        (PatchOp::Replace, value) if whole => {
            inner.insert(name, value.clone());
            return Ok(());
        }
        // A value that is there already is not added again, nor taken away because it is empty.
        (PatchOp::Add, value) if whole && stored == Some(value) => return Ok(()),
        (PatchOp::Add, value) if whole && stored.is_none() => {
            inner.insert(name, value.clone());
            return Ok(());
        }
        _ => {}
    }
    let described = describe_attribute(&name, op, stored, place, value)?;
    let filter = place.filter.as_ref().map(|filter| in_value_path(filter, &described, Forms::Lenient)).transpose();
    let filter = filter.map_err(|error| match error {
        ResolveError::Refused(error) => error,
        ResolveError::Unknown(sub) | ResolveError::UnknownInFilter(sub) => {
            let detail = format!(
                "No stored value of {} has the attribute {}, by which the path chooses values. Nothing was changed.",
                quoted(place.name),
                quoted(&sub)
            );
            Error::new(Code::PathUnknownAttribute, detail).with_names([sub])
        }
    })?;
    let is_value =
        |sub: &String| described.multi && described.kind != Type::Complex && sub.eq_ignore_ascii_case("value");
    if let Some(sub) = place.sub.as_ref().filter(|sub| described.sub(sub).is_none() && !is_value(sub)) {
        if op == PatchOp::Remove {
            // Nothing of it is stored.
            return Ok(());
        }
        let detail = format!("{} is stored without sub-attributes. Nothing was changed.", quoted(place.name));
        return Err(Error::new(Code::PathUnknownAttribute, detail).with_names([sub.as_str()]));
    }
    let is_element = described.multi && filter.is_some();
    let value = match (value, op) {
        (Value::Null | Value::Array(_), _) => value.clone(),
        (one, PatchOp::Add | PatchOp::Remove) if described.multi && !is_element && place.sub.is_none() => {
            Value::Array(vec![one.clone()])
        }
        (one, _) => one.clone(),
    };
    let value = match (op, &place.sub) {
        (PatchOp::Remove, sub) => {
            removed_values(sub.as_deref().and_then(|sub| described.sub(sub)).unwrap_or(&described), value)?
        }
        _ => value,
    };
    let sub = place.sub.as_ref().filter(|_| described.kind == Type::Complex);
    let sub = sub.map(|sub| described.sub(sub).map_or_else(|| sub.clone(), |sub| sub.name.to_string()));
    let path = Resolved { target: Target { urn: Some(urn.to_owned()), name, sub }, filter };
    let operation = Operation { op, path, value, missing: MissingTarget::Make, echoes: Vec::new() };
    // One value becomes a list when more are added to it.
    if let (true, Some(one)) = (described.multi, inner.get_mut(described.name.as_ref()))
        && !one.is_array()
    {
        *one = Value::Array(vec![one.take()]);
    }
    let kind = type_of_attribute(urn, described);
    let mut holder = Attributes::from_iter([(urn.to_owned(), Value::Object(std::mem::take(inner)))]);
    patch::apply_operations(&kind, &mut holder, &[&operation], budget)?;
    if let Some(Value::Object(changed)) = holder.remove(urn) {
        *inner = changed;
    }
    Ok(())
}

/// Returns the values of a list that a removal names, with the stored names. Each must tell which value it means: a
/// skipped one would tell the client that the stored value is gone.
///
/// # Errors
/// 400 `invalidValue` for an element without a stored part, or whose unknown part may be what tells it from others.
fn removed_values(attribute: &Attribute, value: Value) -> Result<Value> {
    let Value::Array(items) = value else { return Ok(value) };
    let unclear = |what: &str| Err(patch::removal_unclear(&attribute.name, what));
    let is_value = |name: &str| name.eq_ignore_ascii_case("value");
    let mut listed = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Null => return unclear("is empty"),
            Value::Object(map) if attribute.kind == Type::Complex => {
                let (mut said, mut unknown) = (Attributes::new(), None);
                for (name, value) in map {
                    match attribute.sub(&name) {
                        Some(sub) => drop(said.insert(sub.name.to_string(), value)),
                        None => unknown = Some(name),
                    }
                }
                match unknown {
                    _ if said.keys().any(|name| is_value(name)) => {}
                    Some(name) => return unclear(&format!("has the unknown sub-attribute {}", quoted(&name))),
                    None if said.is_empty() => return unclear("is empty"),
                    None => {}
                }
                listed.push(Value::Object(said));
            }
            // A plain value is its own `value`, and what says nothing else is meant by it.
            Value::Object(map) => match map.into_iter().find(|(name, _)| is_value(name)) {
                Some((_, value)) if !value.is_null() => listed.push(value),
                _ => return unclear("has no value"),
            },
            plain => {
                let sub = attribute.sub("value").map(|sub| sub.name.to_string());
                listed.extend(sub.map(|name| Value::Object(Attributes::from_iter([(name, plain.clone())]))));
                listed.push(plain);
            }
        }
    }
    Ok(Value::Array(listed))
}

/// Returns a resource type with nothing but this attribute.
fn type_of_attribute(urn: &str, attribute: Attribute) -> ResourceType {
    let base = super::schema::tables::user_type();
    let schema = Schema {
        id: Cow::Owned(urn.to_owned()),
        name: Cow::Borrowed(""),
        description: Cow::Borrowed(""),
        attributes: Cow::Owned(vec![attribute]),
    };
    ResourceType { extensions: vec![Cow::Owned(schema)], ..base }
}

/// Describes an attribute by its stored values, by the sent ones and, where something is added, by the path.
///
/// # Errors
/// 400 `tooMany` for more than [`SUBS_MAX`] sub-attributes.
fn describe_attribute(
    name: &str,
    op: PatchOp,
    stored: Option<&Value>,
    place: &ExtensionPath<'_>,
    value: &Value,
) -> Result<Attribute> {
    let multi = match stored {
        Some(stored) => stored.is_array() || op == PatchOp::Add && value.is_array() && place.sub.is_none(),
        None => place.filter.is_some() || value.is_array() && place.sub.is_none(),
    };
    let sent = place.sub.is_none().then_some(value);
    let values: Vec<&Value> = elements_of(stored).chain(elements_of(sent).filter(|_| op != PatchOp::Remove)).collect();
    let mut compared = Vec::new();
    place.filter.iter().for_each(|filter| compared_names(filter, &mut compared));
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
    if op != PatchOp::Remove {
        for name in place.sub.as_deref().into_iter().chain(compared.iter().map(|(name, _)| *name)) {
            subs.entry(name.to_ascii_lowercase()).or_insert((name, Vec::new()));
        }
    }
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

fn elements_of(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        other => (Default::default(), other),
    };
    list.iter().chain(one)
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
    let literal = compared.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).and_then(|(_, literal)| *literal);
    let wanted = literal.and_then(|literal| match literal {
        Literal::String(_) => Some(Type::String),
        Literal::Number(_) => Some(Type::Decimal),
        Literal::Boolean(_) => Some(Type::Boolean),
        Literal::Null => None,
    });
    let mut kinds =
        values.flat_map(|value| elements_of(Some(value))).filter(|value| !value.is_null()).map(of).peekable();
    let first = kinds.peek().copied();
    match (wanted, first) {
        (Some(wanted), Some(_)) if kinds.any(|kind| kind == wanted) => wanted,
        (_, Some(first)) => first,
        (wanted, None) => wanted.unwrap_or(Type::String),
    }
}

#[cfg(test)]
mod tests;
