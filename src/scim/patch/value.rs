//! What an operation does to one value (RFC 7644 sections 3.5.2.1 to 3.5.2.3).

use super::Op;
use crate::fold::fold;
use crate::scim::resource::{is_unassigned, keep_primary};
use crate::scim::schema::{Attribute, Type};
use serde_json::{Map, Value};

/// Changes the whole value of an attribute.
pub(super) fn assign(attribute: &Attribute, stored: &mut Value, op: Op, value: &Value) {
    match (op, value) {
        (Op::Remove, Value::Array(listed)) if attribute.multi => remove(attribute, stored, listed),
        (Op::Remove, _) => *stored = Value::Null,
        (Op::Add, Value::Null) if attribute.multi => {}
        (Op::Add, Value::Array(values)) if attribute.multi => add(attribute, stored, values),
        // The sub-attributes that are named are replaced, the others stay (RFC 7644 section 3.5.2.3).
        (_, Value::Object(map)) if attribute.kind == Type::Complex => merge(attribute, stored, op, map),
        (_, value) => *stored = value.clone(),
    }
}

/// Changes one sub-attribute of a complex value, which is made if there is none.
pub(super) fn assign_sub(sub: &Attribute, target: &mut Value, op: Op, value: &Value) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    let mut stored = map.remove(sub.name.as_ref()).unwrap_or_default();
    assign(sub, &mut stored, op, value);
    if !is_unassigned(&stored) {
        map.insert(sub.name.to_string(), stored);
    }
}

/// Changes those sub-attributes that are named.
pub(super) fn merge(attribute: &Attribute, target: &mut Value, op: Op, named: &Map<String, Value>) {
    for (name, value) in named {
        if let Some(sub) = attribute.sub(name) {
            assign_sub(sub, target, op, value);
        }
    }
}

/// "If the target location already contains the value specified, no changes SHOULD be made" (RFC 7644 section
/// 3.5.2.1). Whether it is primary is not a part of the value: adding it once more can make it that.
fn add(attribute: &Attribute, stored: &mut Value, values: &[Value]) {
    let mut items = match stored.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let mut touched = Vec::new();
    for value in values {
        match items.iter_mut().enumerate().find(|(_, item)| same(item, value)) {
            None => {
                touched.push(items.len());
                items.push(value.clone());
            }
            Some((index, item)) if is_primary(value) => {
                touched.push(index);
                *item = value.clone();
            }
            Some(_) => {}
        }
    }
    if attribute.has_primary() {
        yield_primary(&mut items, &touched);
    }
    *stored = Value::Array(items);
}

/// Removes the elements that the listed ones stand for: by `value` where they have one, else by all that they say.
/// The literal reading, that a removal has no value and takes all, would destroy what the client means to keep.
fn remove(attribute: &Attribute, stored: &mut Value, listed: &[Value]) {
    let Value::Array(items) = stored else { return };
    items.retain(|item| !listed.iter().any(|one| stands_for(attribute, one, item)));
}

fn stands_for(attribute: &Attribute, listed: &Value, item: &Value) -> bool {
    let (Value::Object(listed), Value::Object(item)) = (listed, item) else {
        return equal(attribute, listed, item);
    };
    let has = |(name, value): (&String, &Value)| match (attribute.sub(name), item.get(name)) {
        (Some(sub), Some(stored)) => equal(sub, value, stored),
        _ => false,
    };
    match listed.get_key_value("value") {
        Some(pair) => has(pair),
        None => !listed.is_empty() && listed.iter().all(has),
    }
}

/// Equal as the schema compares (RFC 7643 section 2.2, `caseExact`).
fn equal(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) if !attribute.case_exact => fold(a) == fold(b),
        (a, b) => a == b,
    }
}

fn same(a: &Value, b: &Value) -> bool {
    let (Value::Object(a), Value::Object(b)) = (a, b) else { return a == b };
    let value = |map: &Map<String, Value>| map.len() - usize::from(map.contains_key("primary"));
    value(a) == value(b) && a.iter().all(|(name, value)| name == "primary" || b.get(name) == Some(value))
}

fn is_primary(item: &Value) -> bool {
    item.get("primary") == Some(&Value::Bool(true))
}

/// "The service provider SHALL set the value of any existing primary to false" (RFC 7644 section 3.5.2): the last of
/// the touched elements that is primary takes the place of the old one.
pub(super) fn yield_primary(items: &mut [Value], touched: &[usize]) {
    let Some(&chosen) = touched.iter().rev().find(|i| items.get(**i).is_some_and(is_primary)) else {
        return keep_primary(items, true);
    };
    for (index, item) in items.iter_mut().enumerate() {
        if index != chosen
            && is_primary(item)
            && let Some(map) = item.as_object_mut()
        {
            map.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}
