//! The value of one operation: its shape follows from what its path points at.

use super::super::Reading;
use super::{Missing, Op, Operation, Sent};
use crate::dialect::{self, Repair};
use crate::error::Result;
use crate::scim::json::Checked;
use crate::scim::path::Resolved;
use crate::scim::resource::{canonical, is_kept, name_unknown, single};
use crate::scim::schema::{Attribute, ResourceType, Type};
use serde_json::{Map, Value, json};

/// Gives the value its attribute's type; `None` if the operation says nothing.
pub(super) fn operation(kind: &ResourceType, sent: Sent<'_>, reading: &mut Reading) -> Result<Option<Operation>> {
    let makes = reading.mends() && Repair::CreateMissingElement.is_on();
    let missing = if makes { Missing::Make } else { Missing::Refuse };
    let Sent { op, path, value } = sent;
    let mut several = false;
    let value = match path.attributes(kind) {
        // The removal of a whole extension.
        None => Value::Null,
        Some((attribute, sub)) => {
            let element = sub.is_none() && attribute.multi && path.filter.is_some();
            let target = sub.unwrap_or(attribute);
            several = target.multi && !element;
            // Only a list of values that are to go says something more than the path.
            let says_more = op != Op::Remove || (target.multi && !element && sub.is_none());
            // To add nothing is to do nothing; in the RFC's words `null` is the state of having no value.
            if says_more
                && value.is_null()
                && op == Op::Add
                && reading.mends()
                && reading.repairs.need(Repair::NullAsAbsent)
            {
                return Ok(None);
            }
            match says_more {
                false => Value::Null,
                true if several => list(op, target, &path, value, reading)?,
                true => one(op, target, &path, value, reading)?,
            }
        }
    };
    if reading.mends() && value.is_null() && path.target.urn.is_none() && path.target.name == "active" {
        // To let a user in again, or out, has to be said.
        reading.note("The attribute active can be set, not removed; it was kept.".to_owned());
        return Ok(None);
    }
    let op = match (op, &value) {
        // What came to nothing: of several values none is added, in the place of one value there is none.
        (Op::Add, Value::Null) if reading.mends() && several => return Ok(None),
        (Op::Add, Value::Null) if reading.mends() => Op::Replace,
        (op, _) => op,
    };
    Ok(Some(Operation { op, path, value, missing }))
}

/// All values of a multi-valued attribute. In a PATCH one of them may stand without a list (RFC 7644 section 3.5.2.1).
fn list(op: Op, target: &Attribute, path: &Resolved, text: Checked<'_>, reading: &mut Reading) -> Result<Value> {
    let value = match reading.guide.attribute(target, text)? {
        one @ Value::Object(_) if target.kind == Type::Complex && !reading.mends() => json!([one]),
        one @ (Value::String(_) | Value::Bool(_) | Value::Number(_)) if target.kind != Type::Complex => json!([one]),
        other => other,
    };
    let value = if reading.mends() { dialect::repaired(target, value, &mut reading.repairs) } else { value };
    let listed = value.is_array();
    let mut unknown = Vec::new();
    let name = path.to_string();
    let found = canonical(target, value, name.strip_suffix(&*target.name).unwrap_or_default(), &mut unknown)?;
    reading.dropped(unknown);
    Ok(match found {
        // Nothing is listed, so nothing is to go.
        None if op == Op::Remove && listed => json!([]),
        found => found.unwrap_or_default(),
    })
}

/// One value: a simple one, or an object that is merged into what is stored, with `null` for what goes.
fn one(op: Op, target: &Attribute, path: &Resolved, text: Checked<'_>, reading: &mut Reading) -> Result<Value> {
    let value = reading.guide.element(target, text)?;
    let value = if reading.mends() { dialect::repaired_one(target, value, &mut reading.repairs) } else { value };
    let mut unknown = Vec::new();
    let name = path.to_string();
    let value = match value {
        Value::Object(map) if target.kind == Type::Complex => {
            let clears = op == Op::Replace || !reading.mends();
            object(target, map, clears, &name, &mut unknown)?
        }
        other => single(target, other, &name, &mut unknown)?.unwrap_or_default(),
    };
    reading.dropped(unknown);
    Ok(value)
}

fn object(
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
        match canonical(sub, value, &prefix, unknown)? {
            Some(value) => object.insert(sub.name.to_string(), value),
            // `{"value": ""}` takes away what the value is all of, such as the manager.
            None if sub.name == "value" && !target.multi => return Ok(Value::Null),
            None if clears => object.insert(sub.name.to_string(), Value::Null),
            None => None,
        };
    }
    Ok(Value::Object(object))
}
