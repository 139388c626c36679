//! Evaluation of filters (RFC 7644 section 3.4.2.2), as a pure function of one resource.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{CompareOp, Filter, Target, Value, read_instant};
use crate::fold::fold;
use crate::scim::json::elements_of;

impl Filter {
    /// Returns true if the filter finds `resource`. Its keys are canonical, an extension's attributes stand in an
    /// object under its URN, multi-valued attributes are arrays. For a filter out of a value path, `resource` is the
    /// element.
    ///
    /// A comparison is true if it is true of any element. RFC 7644 does not say so for `ne` ("The attribute and
    /// operator values are not identical", table 3) and the rule is kept there: `emails.type ne "work"` finds a user
    /// who has some other e-mail address too; `not (emails.type eq "work")` finds one who has no such address. An
    /// attribute without a value (RFC 7643 section 2.5) has no value that could be identical: `ne` is true of it, every
    /// other comparison false.
    pub fn matches(&self, resource: &Map<String, Json>) -> bool {
        self.matches_object(resource, &Folds::default())
    }

    /// Returns true if an element of a multi-valued attribute fulfils a filter out of its brackets.
    pub fn matches_element(&self, element: &Json) -> bool {
        self.finds_element(element, &Folds::default())
    }

    fn finds_element(&self, element: &Json, folds: &Folds) -> bool {
        match element {
            Json::Object(element) => self.matches_object(element, folds),
            // Null is no value (RFC 7643 section 2.5), so it is no element.
            Json::Null => false,
            // A simple value stands under the name of `Target::element`.
            value => {
                self.is_of_element()
                    && self.matches_object(&Map::from_iter([(String::new(), value.clone())]), &Folds::default())
            }
        }
    }

    /// Returns true if the filter is about an element that is a simple value.
    fn is_of_element(&self) -> bool {
        match self {
            Filter::And(parts) | Filter::Or(parts) => parts.first().is_some_and(Filter::is_of_element),
            Filter::Not(inner) => inner.is_of_element(),
            Filter::Present(target) | Filter::Compare { target, .. } | Filter::Has { target, .. } => {
                target.is_element()
            }
        }
    }

    fn matches_object(&self, resource: &Map<String, Json>, folds: &Folds) -> bool {
        match self {
            Filter::And(parts) => parts.iter().all(|part| part.matches_object(resource, folds)),
            Filter::Or(parts) => parts.iter().any(|part| part.matches_object(resource, folds)),
            Filter::Not(inner) => !inner.matches_object(resource, folds),
            Filter::Present(target) => values_of(target, resource).into_iter().flatten().any(has_value),
            Filter::Compare { target, op, value } => {
                let values = values_of(target, resource);
                // No value is identical to the compared one.
                values.is_empty() && *op == CompareOp::Ne
                    || values.into_iter().any(|stored| compare_value(stored, *op, value, folds))
            }
            Filter::Has { target, filter } => {
                values_of(target, resource).into_iter().flatten().any(|element| filter.finds_element(element, folds))
            }
        }
    }
}

/// The folded texts of one resource that are not ASCII, so that a filter of many terms folds each of them once. The key
/// of a text is its place in memory, which is fixed while the resource is borrowed.
#[derive(Default)]
struct Folds(RefCell<BTreeMap<(usize, usize), String>>);

impl Folds {
    fn with_folded<T>(&self, text: &str, look: impl FnOnce(&str) -> T) -> T {
        if text.is_ascii() {
            return look(&fold(text));
        }
        let mut known = self.0.borrow_mut();
        look(known.entry((text.as_ptr() as usize, text.len())).or_insert_with(|| fold(text)))
    }
}

/// Returns true if the value counts as present: "If the attribute has a non-empty or non-null value, or if it contains
/// a non-empty node for complex attributes, there is a match" (RFC 7644 table 3).
fn has_value(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(_) | Json::Number(_) => true,
        Json::String(text) => !text.is_empty(),
        Json::Array(elements) => elements.iter().any(has_value),
        Json::Object(object) => object.values().any(has_value),
    }
}

/// Returns the values of `target`: one for each element of a multi-valued attribute, `None` where the sub-attribute is
/// absent.
fn values_of<'a>(target: &Target, resource: &'a Map<String, Json>) -> Vec<Option<&'a Json>> {
    let object = match &target.urn {
        None => Some(resource),
        Some(urn) if target.name.is_empty() => return elements_of(resource.get(urn)).collect(),
        Some(urn) => resource.get(urn).and_then(Json::as_object),
    };
    let value = object.and_then(|object| object.get(&target.name));
    match &target.sub {
        None => elements_of(value).collect(),
        Some(sub) => elements_of(value).flat_map(|element| elements_of(element.and_then(|e| e.get(sub)))).collect(),
    }
}

fn compare_value(stored: Option<&Json>, op: CompareOp, value: &Value, folds: &Folds) -> bool {
    let found = match (stored, value) {
        (Some(Json::String(stored)), Value::Folded { key, .. }) => {
            return folds.with_folded(stored, |stored| text_matches(op, stored, key));
        }
        (Some(Json::String(stored)), _) => return compare_text(stored, op, value),
        (Some(Json::Number(stored)), Value::Number(number)) => compare_numbers(stored, number),
        // Only eq and ne come here, so booleans need no order.
        (Some(Json::Bool(stored)), Value::Boolean(boolean)) => (stored == boolean).then_some(Ordering::Equal),
        _ => None,
    };
    outcome_of(op, found)
}

/// Returns true if a stored text fulfils the comparison.
pub(in crate::scim) fn compare_text(stored: &str, op: CompareOp, value: &Value) -> bool {
    match value {
        Value::Exact(text) => text_matches(op, stored, text),
        Value::Folded { key, .. } => text_matches(op, &fold(stored), key),
        Value::Instant { ms, .. } => outcome_of(op, read_instant(stored).map(|stored| stored.cmp(ms))),
        Value::Number(_) | Value::Boolean(_) => outcome_of(op, None),
    }
}

fn text_matches(op: CompareOp, stored: &str, text: &str) -> bool {
    match op {
        CompareOp::Co => stored.contains(text),
        CompareOp::Sw => stored.starts_with(text),
        CompareOp::Ew => stored.ends_with(text),
        _ => outcome_of(op, Some(stored.cmp(text))),
    }
}

/// Returns the outcome of the operator. Without two comparable values only `ne` is true.
fn outcome_of(op: CompareOp, found: Option<Ordering>) -> bool {
    match op {
        CompareOp::Ne => found != Some(Ordering::Equal),
        CompareOp::Eq => found == Some(Ordering::Equal),
        CompareOp::Gt => found == Some(Ordering::Greater),
        CompareOp::Ge => found.is_some_and(Ordering::is_ge),
        CompareOp::Lt => found == Some(Ordering::Less),
        CompareOp::Le => found.is_some_and(Ordering::is_le),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}

/// Orders two numbers by their exact values: as `f64`, neighbouring integers above 2^53 would be equal. A number above
/// `i64` is a float, as it is for SQLite.
pub(in crate::scim) fn compare_numbers(a: &serde_json::Number, b: &serde_json::Number) -> Option<Ordering> {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => order_mixed(a, b.as_f64()?),
        (None, Some(b)) => order_mixed(b, a.as_f64()?).map(Ordering::reverse),
        (None, None) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn order_mixed(whole: i64, float: f64) -> Option<Ordering> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    match float {
        f if f >= BEYOND => Some(Ordering::Less),
        f if f < -BEYOND => Some(Ordering::Greater),
        f => Some(whole.cmp(&(f.trunc() as i64)).then(0.0.partial_cmp(&f.fract())?)),
    }
}
