//! PATCH of unregistered extensions (RFC 7644 section 3.5.2). No schema says where the URN of a path ends and which
//! type an attribute has, so the edge passes such an operation on as it was sent: only the stored resource can tell.
//! [`apply_unresolved`] splits the path, describes the attribute by its stored and its sent values, and then does what
//! [`super::patch`] does with registered ones.

mod describe;
mod paths;
mod removal;

use self::describe::describe_attribute;
use self::paths::{ExtensionPath, split_path};
pub use self::paths::{in_registered, is_unregistered};
use self::removal::removed_values;
use super::Attributes;
use super::filter::resolve::in_value_path;
use super::filter::{Forms, ResolveError, Target};
pub use super::operation::Unresolved;
use super::order::units_of;
use super::patch::{self, MissingTarget, Operation, PatchOp};
use super::path::Resolved;
use super::schema::{Attribute, ResourceType, Schema, Type};
use crate::budget::Budget;
use crate::error::{Code, Error, Result, cut, quoted};
use serde_json::Value;
use std::borrow::Cow;

/// The most unregistered extensions of a resource.
pub const URNS_MAX: usize = 20;

/// How many bytes of two URNs are compared for a unit of work.
const COMPARED_BYTES: usize = 32;

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
        // An earlier operation may have removed an extension that a later one names again.
        unregistered_urns(kind, attributes).chain(unregistered_urns(kind, stored)).map(str::to_owned).collect();
    let mut unknown = Vec::new();
    for operation in operations {
        // Each of the known URNs is compared with the path, and each of the resource's with the URN that is found.
        let compared = known.iter().map(|urn| urn.len().min(operation.path.len())).sum::<usize>() / COMPARED_BYTES;
        budget
            .spend(compared.saturating_add(known.len()).saturating_mul(2).saturating_add(units_of(&operation.value)))?;
        // The schema is registered and does not know the attribute: a value of it may be stored from before.
        if let Some((urn, rest)) = in_registered(kind, &operation.path) {
            if !from_before(urn, rest, attributes, operation, budget)? {
                unknown.push(operation.path.clone());
            }
            continue;
        }
        // Without a known URN and without a version nothing tells where the attribute begins.
        let Some((urn, rest)) = split_path(&operation.path, operation.value.is_object(), &known) else {
            unknown.push(operation.path.clone());
            continue;
        };
        // Figure 7 of RFC 7644 has a filter behind an attribute only.
        if rest.starts_with('[') {
            let detail = format!("{} is an extension, so a filter in brackets cannot follow it.", quoted(urn));
            let error = Error::new(Code::FilterImpossible, detail);
            return Err(patch::about_path(error, operation.number, &operation.path));
        }
        // Clients spell one URN in several cases: the stored spelling stays.
        let key = attributes.keys().find(|key| key.eq_ignore_ascii_case(urn)).map_or(urn, String::as_str).to_owned();
        // A stored value that is no object was kept before such values were refused: it may be sent again.
        let is_same = |all: &Attributes| all.get(&key) == Some(&operation.value);
        if rest.is_empty() && operation.op != PatchOp::Remove && (is_same(attributes) || is_same(stored)) {
            attributes.insert(key, operation.value.clone());
            continue;
        }
        // The extension is taken out, changed alone and put back only if something is left of it.
        let (mut inner, other) = match attributes.remove(&key) {
            Some(Value::Object(inner)) => (inner, None),
            other => (Attributes::new(), other),
        };
        // The description of an attribute looks at all stored values.
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
    // The schema has no such attribute, so only the stored names can tell what is meant.
    let name = rest.split(['.', '[']).next().unwrap_or_default();
    let Some(Value::Object(inner)) = attributes.get_mut(urn) else { return Ok(false) };
    let Some((_, stored)) = inner.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else { return Ok(false) };
    if operation.op != PatchOp::Remove {
        // A client that sends back what it read must not be refused; anything else is unknown.
        return Ok(name == rest && *stored == operation.value);
    }
    budget.spend(inner.values().map(units_of).sum())?;
    change_extension(urn, inner, rest, operation, budget)?;
    if inner.is_empty() {
        attributes.remove(urn);
    }
    Ok(true)
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
        // The path names an attribute; without one the value is an object of attributes.
        return change_attribute(urn, inner, *op, &ExtensionPath::read(rest)?, value, budget);
    }
    match (op, value) {
        // RFC 7643 section 2.5: null is the same as no value.
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

/// Changes one attribute of an extension.
fn change_attribute(
    urn: &str,
    inner: &mut Attributes,
    op: PatchOp,
    place: &ExtensionPath<'_>,
    value: &Value,
    budget: &Budget,
) -> Result<()> {
    // The stored spelling stays: names have no case (RFC 7643 section 2.1).
    let known = inner.keys().find(|name| name.eq_ignore_ascii_case(place.name)).cloned();
    let name = known.clone().unwrap_or_else(|| place.name.to_owned());
    let whole = place.sub.is_none() && place.filter.is_none();
    let stored = known.and_then(|name| inner.get(&name));
    match (op, value) {
        (PatchOp::Add, Value::Null) => return Ok(()),
        // No value is stored, so the removal is done already.
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
    // From here on the operation needs a definition: it names a part, or adds to what is stored.
    let described = describe_attribute(&name, op, stored, place, value)?;
    // 1. The filter gets its meaning from the description.
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
    // 2. The sub-attribute must be stored, or be made by this operation.
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
    // 3. The value gets the shape that the rules for registered attributes expect: a list for all elements.
    let is_element = described.multi && filter.is_some();
    let value = match (value, op) {
        (Value::Null | Value::Array(_), _) => value.clone(),
        (one, PatchOp::Add | PatchOp::Remove) if described.multi && !is_element && place.sub.is_none() => {
            Value::Array(vec![one.clone()])
        }
        (one, _) => one.clone(),
    };
    // A removal may spell the names of its values in another case than the stored ones.
    let value = match (op, &place.sub) {
        (PatchOp::Remove, sub) => {
            removed_values(sub.as_deref().and_then(|sub| described.sub(sub)).unwrap_or(&described), value)?
        }
        _ => value,
    };
    // 4. The path is written as if a schema had this one attribute.
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
    // 5. The same code as for registered attributes changes the value, so both have the same answers.
    let kind = type_of_attribute(urn, described);
    let mut holder = Attributes::from_iter([(urn.to_owned(), Value::Object(std::mem::take(inner)))]);
    patch::apply_operations(&kind, &mut holder, &[&operation], budget)?;
    if let Some(Value::Object(changed)) = holder.remove(urn) {
        *inner = changed;
    }
    Ok(())
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

#[cfg(test)]
mod tests;
