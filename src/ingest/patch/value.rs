//! The value of one operation: its shape follows from the target of its path.

use super::super::{Reading, echo};
use super::{MissingTarget, Operation, PatchOp, ResolvedOperation};
use crate::dialect::{self, Repair};
use crate::error::{Code, Error, Result, quoted};
use crate::scim::echo::Echo;
use crate::scim::json::{self, Checked};
use crate::scim::names;
use crate::scim::patch::removal_unclear;
use crate::scim::path::Resolved;
use crate::scim::resource::{canonical_single, canonical_value, is_kept, is_unassigned, name_unknown};
use crate::scim::schema::{Attribute, ResourceType, Type};
use serde_json::{Map, Value, json};

/// Gives the value its attribute's type; `None` if the operation has no effect.
pub(super) fn to_operation(
    kind: &ResourceType,
    sent: ResolvedOperation<'_>,
    reading: &mut Reading,
) -> Result<Option<Operation>> {
    let makes = reading.runs_repairs() && Repair::CreateMissingElement.is_on();
    let missing = if makes { MissingTarget::Make } else { MissingTarget::Refuse };
    let ResolvedOperation { op, path, value, .. } = sent;
    let mut is_list = false;
    let mut echoes = Vec::new();
    let value = match path.definitions_in(kind) {
        // The removal of a whole extension.
        None => Value::Null,
        Some((attribute, sub)) => {
            // `emails[type eq "work"]` points at elements, so its value is one element and not a list.
            let element = sub.is_none() && attribute.multi && path.filter.is_some();
            let target = sub.unwrap_or(attribute);
            is_list = target.multi && !element;
            // Only a list of values to remove says more than the path.
            let says_more = op != PatchOp::Remove || is_list;
            // Adding no value has no effect; in the RFC's words `null` is the state of having no value.
            if says_more
                && value.is_null()
                && op == PatchOp::Add
                && reading.runs_repairs()
                && reading.repairs.note_need(Repair::NullAsAbsent)
            {
                return Ok(None);
            }
            match says_more {
                false => Value::Null,
                true if is_list && op == PatchOp::Remove => read_removed_values(target, &path, value, reading)?,
                // Below chosen elements the object cannot tell which stored value would be the same, so nothing is an
                // echo.
                true if sub.is_some() && attribute.multi || path.filter.is_some() => {
                    read_plain_value(op, target, &path, value, is_list, reading)?
                }
                true => {
                    let (value, found) = or_stored(op, target, &path, value, is_list, reading)?;
                    echoes = found;
                    value
                }
            }
        }
    };
    // Refused here, but the object may find that just this is stored, and then nothing changes.
    if echoes.iter().any(Echo::is_refusal) {
        return Ok(Some(Operation { op, path, value, missing, echoes }));
    }
    if reading.runs_repairs() && value.is_null() && path.target.urn.is_none() && path.target.name == "active" {
        // Only an explicit value may activate or deactivate a user.
        reading.add_note("The attribute active can be set, not removed; it was kept.".to_owned());
        return Ok(None);
    }
    if path.target.urn.is_none() && path.target.name == names::name_attribute(kind) {
        reading.note_outer_blanks(Some(&value));
    }
    let op = match (op, &value) {
        // The repairs left no value: to several values none is added; a single value is assigned none.
        (PatchOp::Add, Value::Null) if reading.runs_repairs() && is_list => return Ok(None),
        (PatchOp::Add, Value::Null) if reading.runs_repairs() => PatchOp::Replace,
        (op, _) => op,
    };
    Ok(Some(Operation { op, path, value, missing, echoes }))
}

/// Reads the value of an addition or a replacement, and the parts of it that stay if they are stored as they were sent. If
/// nothing of it could be read, all of it is in the second.
fn or_stored(
    op: PatchOp,
    target: &Attribute,
    path: &Resolved,
    text: Checked<'_>,
    is_list: bool,
    reading: &mut Reading,
) -> Result<(Value, Vec<Echo>)> {
    // Noted apart, as for a body: a mended value is not what was sent.
    let before = reading.repairs;
    reading.repairs = before.for_part();
    let mut unknown = Vec::new();
    let read = value_of(op, target, path, text, is_list, (reading, &mut unknown));
    let repairs = std::mem::replace(&mut reading.repairs, before);
    let mut is_as_sent = !reading.repairs.take_in(repairs) && unknown.is_empty();
    // One value in the place of several is a list of one.
    is_as_sent &= !is_list || text.elements().is_some();
    let mut echoes = Vec::new();
    let in_extension = path.target.urn.is_some();
    // Plain values of the core have had their types from the beginning: what is refused is not stored.
    if in_extension && !is_as_sent || read.is_err() && (in_extension || echo::has_parts(target)) {
        echoes = echo::of_value(target, &path.target, text, &read, reading);
    }
    reading.note_dropped(echo::names_without_echo(&echoes, unknown));
    match read {
        Ok(value) => Ok((value, echoes)),
        Err(_) if echoes.iter().any(Echo::is_refusal) => Ok((Value::Null, echoes)),
        Err(error) => Err(error),
    }
}

/// Reads the value of an addition or a replacement, and notes its unknown names.
fn read_plain_value(
    op: PatchOp,
    target: &Attribute,
    path: &Resolved,
    text: Checked<'_>,
    is_list: bool,
    reading: &mut Reading,
) -> Result<Value> {
    let mut unknown = Vec::new();
    let value = value_of(op, target, path, text, is_list, (reading, &mut unknown));
    reading.note_dropped(unknown);
    value
}

/// Reads the value of an addition or a replacement; the names in it that no schema knows are put into the second.
fn value_of(
    op: PatchOp,
    target: &Attribute,
    path: &Resolved,
    text: Checked<'_>,
    is_list: bool,
    (reading, unknown): (&mut Reading, &mut Vec<String>),
) -> Result<Value> {
    if is_list {
        read_all_values(target, path, text, (reading, unknown))
    } else {
        read_single_value(op, target, path, text, (reading, unknown))
    }
}

/// Reads all values of a multi-valued attribute.
fn read_all_values(
    target: &Attribute,
    path: &Resolved,
    text: Checked<'_>,
    (reading, unknown): (&mut Reading, &mut Vec<String>),
) -> Result<Value> {
    let value = as_list(target, reading.guide.build_attribute(target, text)?, reading);
    let value = if reading.runs_repairs() { dialect::mend_value(target, value, &mut reading.repairs) } else { value };
    let name = path.to_string();
    let found = canonical_value(target, value, name.strip_suffix(&*target.name).unwrap_or_default(), unknown)?;
    Ok(found.unwrap_or_default())
}

/// Reads the values of a multi-valued attribute to remove. Each must tell which value it means: a skipped one would
/// tell the client that the stored value is gone.
///
/// # Errors
/// 400 `invalidValue` for an element without a known part, or whose unknown part may be what tells it from others.
fn read_removed_values(target: &Attribute, path: &Resolved, text: Checked<'_>, reading: &mut Reading) -> Result<Value> {
    if text.is_null() {
        return Ok(Value::Null);
    }
    let value = as_list(target, reading.guide.build_removal(target, text)?, reading);
    let value =
        if reading.runs_repairs() { dialect::repaired_removal(target, value, &mut reading.repairs) } else { value };
    let name = path.to_string();
    let Value::Array(items) = value else {
        let detail = format!("{name} must be an array, not {}. Nothing was changed.", json::kind_name(&value));
        return Err(Error::new(Code::WrongType, detail));
    };
    let is_value = |key: &str| key.eq_ignore_ascii_case("value");
    let unclear = |what: &str| removal_unclear(&name, what);
    // An empty list removes nothing (RFC 7644 section 3.5.2.2); "" and {} may have meant all.
    let is_blank = text.text().is_some_and(|text| text.is_empty()) || text.object().is_some_and(|map| map.is_empty());
    if is_blank {
        return Err(unclear("is empty"));
    }
    let mut listed = Vec::with_capacity(items.len());
    for item in items {
        if item.as_object().is_some_and(|map| map.iter().any(|(key, value)| is_value(key) && is_unassigned(value))) {
            return Err(unclear("has an empty value"));
        }
        let mut unknown = Vec::new();
        let item = canonical_single(target, item, &name, &mut unknown)?;
        let item = item.ok_or_else(|| unclear("has no known sub-attribute"))?;
        if let Some(part) = unknown.first().filter(|_| item.get("value").is_none()) {
            return Err(unclear(&format!("has the unknown sub-attribute {}", quoted(part))));
        }
        reading.note_dropped(unknown);
        listed.push(item);
    }
    Ok(Value::Array(listed))
}

/// Returns a list. In a PATCH one of several values may stand without a list (RFC 7644 section 3.5.2.1).
fn as_list(target: &Attribute, value: Value, reading: &Reading) -> Value {
    match value {
        one @ Value::Object(_) if target.kind == Type::Complex && !reading.runs_repairs() => json!([one]),
        one @ (Value::String(_) | Value::Bool(_) | Value::Number(_)) if target.kind != Type::Complex => json!([one]),
        other => other,
    }
}

/// Reads one value: a simple one, or an object that is merged into the stored one, with `null` for removed
/// sub-attributes.
fn read_single_value(
    op: PatchOp,
    target: &Attribute,
    path: &Resolved,
    text: Checked<'_>,
    (reading, unknown): (&mut Reading, &mut Vec<String>),
) -> Result<Value> {
    let value = reading.guide.build_element(target, text)?;
    let value = if reading.runs_repairs() { dialect::repaired_one(target, value, &mut reading.repairs) } else { value };
    let name = path.to_string();
    Ok(match value {
        Value::Object(map) if target.kind == Type::Complex => {
            // An `add` never removes (RFC 7644 section 3.5.2.1): an empty part of it is left out, except for the
            // dialect `rfc`.
            let clears = op == PatchOp::Replace || !reading.runs_repairs();
            read_object(target, map, clears, &name, unknown)?
        }
        other => canonical_single(target, other, &name, unknown)?.unwrap_or_default(),
    })
}

fn read_object(
    target: &Attribute,
    map: Map<String, Value>,
    clears: bool,
    path: &str,
    unknown: &mut Vec<String>,
) -> Result<Value> {
    let mut object = Map::new();
    let prefix = format!("{path}.");
    for (key, value) in map {
        let Some(sub) = target.sub(&key) else {
            name_unknown(unknown, || format!("{path}.{key}"));
            continue;
        };
        if !is_kept(sub) {
            continue;
        }
        match canonical_value(sub, value, &prefix, unknown)? {
            Some(value) => object.insert(sub.name.to_string(), value),
            // `{"value": ""}` removes an attribute that is nothing but its value, such as the manager.
            None if sub.name == "value" && !target.multi => return Ok(Value::Null),
            None if clears => object.insert(sub.name.to_string(), Value::Null),
            None => None,
        };
    }
    Ok(Value::Object(object))
}
