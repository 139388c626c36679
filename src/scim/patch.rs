//! PATCH as a pure function of a stored resource (RFC 7644 section 3.5.2).
//!
//! Operations arrive canonical: every one has a path, its value has the attribute's type. What a request's operations
//! look like before that, and a group's members, are `ingest`'s and `directory`'s.

use super::filter::Filter;
use super::path::Resolved;
use super::resource::{is_unassigned, keep_primary};
use super::schema::{Attribute, ResourceType};
use crate::error::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most operations of one request, counted after those on one group's members are gathered.
pub const OPERATIONS_MAX: usize = 1000;

/// What an operation does to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "RFC 7644 sections 3.5.2.1 to 3.5.2.3")]
pub enum Op {
    Add,
    Remove,
    Replace,
}

/// What to do when a value filter matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// 400 `noTarget`, as the RFC has it.
    Refuse,
    /// Add and replace make the element that the filter describes, remove does nothing: Entra relies on it.
    Make,
}

/// One canonical operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What to do.
    pub op: Op,
    /// Where.
    pub path: Resolved,
    /// With what; `null` for an assignment of nothing, and for a removal that does not list the values to remove.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
    /// If there is no such place.
    pub missing: Missing,
}

/// Applies the operations in their order. On an error `attributes` is half-changed: give it a copy.
///
/// # Errors
/// 400 `noTarget` for a filter that matches nothing, under [`Missing::Refuse`].
pub fn apply(kind: &ResourceType, attributes: &mut Map<String, Value>, operations: &[Operation]) -> Result<()> {
    for operation in operations {
        match &operation.path.target.urn {
            None => one(kind, attributes, operation)?,
            Some(urn) if operation.path.target.name.is_empty() => {
                // A whole extension: only its removal arrives here, assignments were split into its attributes.
                attributes.remove(urn);
            }
            Some(urn) => {
                let mut inner = match attributes.remove(urn) {
                    Some(Value::Object(map)) => map,
                    _ => Map::new(),
                };
                let result = one(kind, &mut inner, operation);
                if !inner.is_empty() {
                    attributes.insert(urn.clone(), Value::Object(inner));
                }
                result?;
            }
        }
    }
    Ok(())
}

fn one(kind: &ResourceType, container: &mut Map<String, Value>, operation: &Operation) -> Result<()> {
    let Some((attribute, sub)) = operation.path.attributes(kind) else {
        // A schema was unregistered since the edge read it; the object answers `Stale` before it comes to this.
        return Err(Error::internal(format!("no attribute for {}", operation.path)));
    };
    let name = attribute.name.as_ref();
    let mut stored = container.remove(name).unwrap_or(Value::Null);
    let result = if attribute.multi {
        multi(attribute, sub, &mut stored, operation)
    } else {
        single(attribute, sub, &mut stored, operation);
        Ok(())
    };
    if !is_unassigned(&stored) {
        container.insert(name.to_owned(), stored);
    }
    result
}

fn single(attribute: &Attribute, sub: Option<&Attribute>, stored: &mut Value, operation: &Operation) {
    if let Some(filter) = &operation.path.filter
        && !stored.as_object().is_some_and(|map| filter.matches(map))
        && operation.op == Op::Remove
    {
        return;
    }
    match (operation.op, sub) {
        (Op::Remove, None) => *stored = Value::Null,
        (_, Some(sub)) => set(stored, &sub.name, operation.effective()),
        // The sub-attributes that are named are replaced, the others stay (RFC 7644 section 3.5.2.3).
        (_, None) if !attribute.sub.is_empty() && operation.value.is_object() => merge(stored, &operation.value),
        (_, None) => *stored = operation.value.clone(),
    }
}

fn multi(attribute: &Attribute, sub: Option<&Attribute>, stored: &mut Value, operation: &Operation) -> Result<()> {
    let mut items = match stored.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let mut touched: Vec<usize> = Vec::new();
    match (&operation.path.filter, sub) {
        (None, None) => whole(&mut items, operation, &mut touched),
        (filter, _) => {
            touched = matching(&items, filter.as_ref());
            if touched.is_empty() {
                make(&mut items, filter.as_ref(), operation, &mut touched)?;
            }
            for index in &touched {
                if let Some(item) = items.get_mut(*index) {
                    match (operation.op, sub) {
                        (Op::Remove, None) => *item = Value::Null,
                        (_, Some(sub)) => set(item, &sub.name, operation.effective()),
                        (_, None) if operation.value.is_object() => merge(item, &operation.value),
                        (_, None) => *item = operation.value.clone(),
                    }
                }
            }
        }
    }
    if attribute.has_primary() {
        yield_primary(&mut items, &touched);
    }
    items.retain(|item| !is_unassigned(item));
    *stored = Value::Array(items);
    Ok(())
}

/// The attribute as a whole. Values that are there already are not added again (RFC 7644 section 3.5.2.1).
fn whole(items: &mut Vec<Value>, operation: &Operation, touched: &mut Vec<usize>) {
    let values = match &operation.value {
        Value::Array(values) => values.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    match operation.op {
        Op::Remove if operation.value.is_array() => items.retain(|item| !values.contains(item)),
        Op::Remove => items.clear(),
        Op::Replace => *items = values,
        Op::Add => {
            for value in values {
                if !items.contains(&value) {
                    touched.push(items.len());
                    items.push(value);
                }
            }
        }
    }
}

fn matching(items: &[Value], filter: Option<&Filter>) -> Vec<usize> {
    let fits = |item: &Value| match (filter, item) {
        (None, _) => true,
        (Some(filter), Value::Object(map)) => filter.matches(map),
        (Some(_), _) => false,
    };
    items.iter().enumerate().filter(|(_, item)| fits(item)).map(|(index, _)| index).collect()
}

fn make(
    items: &mut Vec<Value>,
    filter: Option<&Filter>,
    operation: &Operation,
    touched: &mut Vec<usize>,
) -> Result<()> {
    match (operation.op, operation.missing) {
        (Op::Remove, Missing::Make) => return Ok(()),
        (_, Missing::Refuse) if filter.is_some() => {
            let detail = format!("No value matches the filter of the path {}.", operation.path);
            return Err(Error::new(Kind::NoTarget, detail));
        }
        (Op::Remove, Missing::Refuse) => return Ok(()),
        _ if is_unassigned(&operation.value) => return Ok(()),
        _ => {}
    }
    let described = filter.map(Filter::assertions).unwrap_or_default();
    let element: Map<String, Value> = described.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    touched.push(items.len());
    items.push(Value::Object(element));
    Ok(())
}

/// A new primary takes the place of the old one (RFC 7644 section 3.5.2).
fn yield_primary(items: &mut [Value], touched: &[usize]) {
    let is_primary = |item: &Value| item.get("primary") == Some(&Value::Bool(true));
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

fn set(target: &mut Value, name: &str, value: Option<&Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Some(map) = target.as_object_mut() {
        match value {
            Some(value) => map.insert(name.to_owned(), value.clone()),
            None => map.remove(name),
        };
    }
}

fn merge(target: &mut Value, value: &Value) {
    for (name, value) in value.as_object().into_iter().flatten() {
        set(target, name, Some(value));
    }
}

impl Operation {
    /// What is assigned; `None` takes away.
    fn effective(&self) -> Option<&Value> {
        (self.op != Op::Remove && !is_unassigned(&self.value)).then_some(&self.value)
    }
}
