//! PATCH as a pure function of a stored resource (RFC 7644 section 3.5.2).
//!
//! Operations arrive canonical: every one has a path, and its value has the attribute's type. Out of scope: the
//! operations as a request has them (`ingest`), and a group's members (`directory`).

mod elements;
mod value;

use self::elements::change_matching;
use self::value::{assign_sub, assign_value};
use super::echo::{self, Echo};
pub use super::operation::PatchOp;
use super::path::Resolved;
use super::resource::{is_label, is_unassigned};
use super::schema::ResourceType;
use crate::budget::Budget;
use crate::error::{Code, Error, Kind, Result, cut};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The `schemas` of a PATCH body.
pub const MESSAGE: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The most operations of one request, counted after those on one group's members are joined.
pub const OPERATIONS_MAX: usize = 1000;

/// How much of a path that is refused is shown, in characters: the longest URN with a filter fits.
pub const PATH_SHOWN: usize = 512;

/// Says of a refused path which it is, and of which operation: the whole of it is what an admin looks for among the mappings.
/// `number` counts from 1; without it the path is a key.
pub fn about_path(error: Error, number: Option<usize>, path: &str) -> Error {
    if !matches!(error.kind(), Kind::InvalidPath | Kind::InvalidFilter) {
        return error;
    }
    let path = cut(path, PATH_SHOWN);
    let which = match number {
        Some(number) => format!("Operation {number} has the path {path:?}, which is refused"),
        None => format!("The path {path:?} is refused"),
    };
    let detail = format!("{which}: {}", error.detail);
    error.with_detail(detail)
}

/// Returns the refusal of a removal whose list has an element that tells no value: skipping it would tell the client that
/// the stored value is gone.
pub fn removal_unclear(name: &str, what: &str) -> Error {
    let detail = format!(
        "The list does not tell which values of {name} to remove: an element {what}. Name each by its value, or by \
         another stored sub-attribute. Nothing was changed."
    );
    Error::new(Code::RemovalUnclear, detail)
}

/// The rule for a value filter that matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingTarget {
    /// 400 `noTarget`, as the RFC has it.
    Refuse,
    /// Add and replace make the element that the filter describes, remove does nothing: Entra relies on it.
    Make,
}

/// One canonical operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The kind of the operation.
    pub op: PatchOp,
    /// The target.
    pub path: Resolved,
    /// The value; `null` assigns no value. A removal has the values to remove, or `null` for all. In an object that is
    /// merged into a stored one, `null` removes a sub-attribute.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
    /// The rule if there is no such target.
    pub missing: MissingTarget,
    /// The parts of the value that stay if they are stored as they were sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub echoes: Vec<Echo>,
}

impl Operation {
    /// Returns the operation with what of its value is stored as it was sent.
    ///
    /// # Errors
    /// The refusal of the first value that is not stored so.
    fn with_settled_echoes(&self, attributes: &Map<String, Value>, dropped: &mut Vec<String>) -> Result<Self> {
        let mut value = self.value.clone();
        for echo in &self.echoes {
            let Some(stays) = echo.settled_value(echo::value_at(attributes, &echo.target), dropped)? else { continue };
            match echo.target.sub.as_ref().filter(|_| self.path.target.sub.is_none()) {
                None => value = stays,
                Some(sub) => {
                    let mut map = match value {
                        Value::Object(map) => map,
                        _ => Map::new(),
                    };
                    map.insert(sub.clone(), stays);
                    value = Value::Object(map);
                }
            }
        }
        Ok(Self { value, echoes: Vec::new(), path: self.path.clone(), ..*self })
    }
}

/// Applies the operations in their order. On an error `attributes` is half-changed: pass a copy.
///
/// `budget` bounds the cost: each operation looks at all values of its attribute, once for each term of its filter.
///
/// # Errors
/// 400 `tooMany` beyond the budget. 400 `invalidValue` for a value that is not of its type and not stored. 400 `noTarget` for
/// a filter that matches nothing, under [`MissingTarget::Refuse`]. [`super::constraints`] judges afterwards what is required or
/// immutable.
pub fn apply_operations(
    kind: &ResourceType,
    attributes: &mut Map<String, Value>,
    operations: &[&Operation],
    budget: &Budget,
) -> Result<PatchOutcome> {
    let (mut made, mut dropped) = (false, Vec::new());
    for operation in operations {
        made |= match operation.echoes.is_empty() {
            true => apply_inside(kind, attributes, operation, budget, apply_one)?,
            false => apply_inside(
                kind,
                attributes,
                &operation.with_settled_echoes(attributes, &mut dropped)?,
                budget,
                apply_one,
            )?,
        };
    }
    // This comes last, because one operation may make the element that the next one gives its value to. Each attribute
    // is tidied once.
    let tidied = operations.iter().filter(|o| o.missing == MissingTarget::Make && !o.path.target.name.is_empty());
    let place = |operation: &Operation| (operation.path.target.urn.clone(), operation.path.target.name.clone());
    for operation in tidied.map(|operation| (place(operation), *operation)).collect::<BTreeMap<_, _>>().into_values() {
        apply_inside(kind, attributes, operation, budget, drop_empty_rest)?;
    }
    Ok(PatchOutcome { made, dropped })
}

/// The result of operations beside the change.
#[derive(Debug, Default)]
pub struct PatchOutcome {
    /// One of them made the element that its filter describes.
    pub made: bool,
    /// The names in values of which nothing is stored, and that no schema knows.
    pub dropped: Vec<String>,
}

type AttributeStep = fn(&ResourceType, &mut Map<String, Value>, &Operation, &Budget) -> Result<bool>;

/// Applies `step` to the object that holds the attribute: the resource, or the object under the extension's URN.
fn apply_inside(
    kind: &ResourceType,
    attributes: &mut Map<String, Value>,
    operation: &Operation,
    budget: &Budget,
    step: AttributeStep,
) -> Result<bool> {
    let target = &operation.path.target;
    let Some(urn) = &target.urn else {
        return step(kind, attributes, operation, budget);
    };
    let stored = attributes.remove(urn);
    if target.name.is_empty() {
        // Only the removal of a whole extension arrives here: assignments were split into its attributes.
        return Ok(false);
    }
    let mut inner = match stored {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let result = step(kind, &mut inner, operation, budget);
    if !inner.is_empty() {
        attributes.insert(urn.clone(), Value::Object(inner));
    }
    result
}

fn apply_one(
    kind: &ResourceType,
    container: &mut Map<String, Value>,
    operation: &Operation,
    budget: &Budget,
) -> Result<bool> {
    let Some((attribute, sub)) = operation.path.definitions_in(kind) else {
        // A schema was unregistered since the edge read it; the object answers `Stale` before it comes to this.
        return Err(Error::internal(format!("no attribute for {}", operation.path)));
    };
    let Operation { op, path, value, .. } = operation;
    // The value is taken out, changed, and put back if anything is left of it.
    let mut stored = container.remove(attribute.name.as_ref()).unwrap_or_default();
    let result = match (sub, &path.filter) {
        // Elements are changed one by one; without a filter all of them (RFC 7644 section 3.5.2.3).
        (sub, filter) if attribute.multi && (sub.is_some() || filter.is_some()) => {
            change_matching(attribute, sub, &mut stored, operation, budget)
        }
        // The filter is on the only value of the attribute.
        (_, Some(filter)) if *op == PatchOp::Remove && !stored.as_object().is_some_and(|map| filter.matches(map)) => {
            Ok(false)
        }
        (None, _) => assign_value(attribute, &mut stored, *op, value, budget).map(|()| false),
        (Some(sub), _) => assign_sub(sub, &mut stored, *op, value, budget).map(|()| false),
    };
    if !is_unassigned(&stored) {
        container.insert(attribute.name.to_string(), stored);
    }
    result
}

/// Drops the rest of an element whose value was removed: a label is no value.
fn drop_empty_rest(
    kind: &ResourceType,
    container: &mut Map<String, Value>,
    operation: &Operation,
    _: &Budget,
) -> Result<bool> {
    if let Some((attribute, _)) = operation.path.definitions_in(kind)
        && let Some(mut stored) = container.remove(attribute.name.as_ref())
    {
        if let Value::Array(items) = &mut stored {
            items.retain(|item| !is_label(attribute, item));
        }
        if !is_unassigned(&stored) {
            container.insert(attribute.name.to_string(), stored);
        }
    }
    Ok(false)
}
