//! The effect of an operation on one value (RFC 7644 sections 3.5.2.1 to 3.5.2.3).

use super::PatchOp;
use crate::budget::Budget;
use crate::error::Result;
use crate::fold::fold;
use crate::scim::order::{Ordered, compare_json, folding_units, order_objects, units_of_all};
use crate::scim::primary::{is_primary, yield_primary};
use crate::scim::resource::is_unassigned;
use crate::scim::schema::{Attribute, Type};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Changes the whole value of an attribute.
///
/// # Errors
/// 400 `tooMany`, as all functions here, if that is more work than `budget` allows.
pub(super) fn assign_value(
    attribute: &Attribute,
    stored: &mut Value,
    op: PatchOp,
    value: &Value,
    budget: &Budget,
) -> Result<()> {
    match (op, value) {
        // Some clients name the values to remove in `value`, which the RFC gives no meaning.
        (PatchOp::Remove, Value::Array(listed)) if attribute.multi => remove_listed(attribute, stored, listed, budget)?,
        (PatchOp::Remove, _) => *stored = Value::Null,
        // Adding no value changes nothing.
        (PatchOp::Add, Value::Null) if attribute.multi => {}
        (PatchOp::Add, Value::Array(values)) if attribute.multi => add_values(attribute, stored, values, budget)?,
        // Named sub-attributes are replaced, the others stay (RFC 7644 section 3.5.2.3).
        (_, Value::Object(map)) if attribute.kind == Type::Complex => merge_named(attribute, stored, op, map, budget)?,
        (_, value) => *stored = value.clone(),
    }
    Ok(())
}

/// Changes one sub-attribute of a complex value, which is made if there is none.
pub(super) fn assign_sub(
    sub: &Attribute,
    target: &mut Value,
    op: PatchOp,
    value: &Value,
    budget: &Budget,
) -> Result<()> {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return Ok(()) };
    let mut stored = map.remove(sub.name.as_ref()).unwrap_or_default();
    let result = assign_value(sub, &mut stored, op, value, budget);
    if !is_unassigned(&stored) {
        map.insert(sub.name.to_string(), stored);
    }
    result
}

/// Changes the sub-attributes that are named.
pub(super) fn merge_named(
    attribute: &Attribute,
    target: &mut Value,
    op: PatchOp,
    named: &Map<String, Value>,
    budget: &Budget,
) -> Result<()> {
    for (name, value) in named {
        if let Some(sub) = attribute.sub(name) {
            assign_sub(sub, target, op, value, budget)?;
        }
    }
    Ok(())
}

/// Up to so many listed values are each compared with all stored ones, which is less work than to sort these.
const FEW: usize = 16;
/// Looks at each value that sorting takes, and looking up among some thousands.
const SORTED: usize = 32;

/// Adds values. "If the target location already contains the value specified, no changes SHOULD be made" (RFC 7644
/// section 3.5.2.1). `primary` is not a part of the value: adding a value once more can make it primary.
fn add_values(attribute: &Attribute, stored: &mut Value, values: &[Value], budget: &Budget) -> Result<()> {
    let mut items = match stored.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    // The same choice as in `equal_places`.
    let looks = if values.len() <= FEW { values.len() } else { SORTED };
    budget.spend(units_of_all(values))?;
    // A comparison ends at the first name that differs, so it looks at half of the names.
    budget.spend_each(units_of_all(&items) / 2, looks)?;
    let mut touched = Vec::new();
    for (value, place) in values.iter().zip(equal_places(&items, values)) {
        match items.get_mut(place) {
            None => {
                touched.push(place);
                items.push(value.clone());
            }
            // The value is there, but the client marks it as the primary one now.
            Some(item) if is_primary(value) => {
                touched.push(place);
                *item = value.clone();
            }
            Some(_) => {}
        }
    }
    if attribute.has_primary() {
        yield_primary(&mut items, &touched);
    }
    *stored = Value::Array(items);
    Ok(())
}

/// Returns for each of `values` the place of the first equal one among the stored `items` and the values before it. A
/// new value is appended to `items` and has the next place.
fn equal_places(items: &[Value], values: &[Value]) -> Vec<usize> {
    let mut next = items.len();
    let mut place_of_new = || {
        next += 1;
        next - 1
    };
    if values.len() <= FEW {
        let mut new: Vec<(&Value, usize)> = Vec::new();
        let mut place = |value| {
            let stored = items.iter().position(|item| order_values(item, value).is_eq());
            let place =
                stored.or_else(|| new.iter().find(|(one, _)| order_values(one, value).is_eq()).map(|one| one.1));
            place.unwrap_or_else(|| {
                let place = place_of_new();
                new.push((value, place));
                place
            })
        };
        return values.iter().map(&mut place).collect();
    }
    // Many values: the stored ones are sorted once.
    let mut known: BTreeMap<ByValue<'_>, usize> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        known.entry(ByValue(item)).or_insert(place);
    }
    values.iter().map(|value| *known.entry(ByValue(value)).or_insert_with(&mut place_of_new)).collect()
}

/// An element as a key; `primary` does not count.
struct ByValue<'a>(&'a Value);

impl Ord for ByValue<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        order_values(self.0, other.0)
    }
}

impl PartialOrd for ByValue<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByValue<'_> {}

fn order_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => order_objects(a, b, "primary"),
        (a, b) => compare_json(a, b),
    }
}

/// Removes the elements that the listed ones stand for: by `value` where they have one, else by all their
/// sub-attributes. The literal reading, that a removal has no value and removes all, would destroy what the client
/// means to keep.
///
/// The listed ones are sorted by their content, apart for each set of names that they use; each element is then looked
/// up once for each such set. Providers send few sets, and the budget bounds how many there can be.
fn remove_listed(attribute: &Attribute, stored: &mut Value, listed: &[Value], budget: &Budget) -> Result<()> {
    let Value::Array(items) = stored else { return Ok(()) };
    budget.spend_each(units_of_all(listed), KEYED)?;
    let mut plain: BTreeSet<Compared<'_>> = BTreeSet::new();
    let mut objects: BTreeMap<Vec<&str>, BTreeSet<Vec<Compared<'_>>>> = BTreeMap::new();
    // 1. The listed values as keys, in one set for each combination of names.
    for one in listed {
        let Value::Object(map) = one else {
            plain.insert(Compared::new(attribute, one));
            continue;
        };
        // `value` identifies an element (RFC 7643 section 2.4); `display` beside it may be stale.
        let names: Vec<&str> = match map.get_key_value("value") {
            Some((name, _)) => vec![name],
            None => map.keys().map(String::as_str).collect(),
        };
        // An empty element stands for nothing.
        if let Some(key) = element_key(attribute, map, &names).filter(|key| !key.is_empty()) {
            objects.entry(names).or_default().insert(key);
        }
    }
    // 2. The cost is known now, and spent before the elements are looked at.
    let sets = objects.keys().map(Vec::len).sum::<usize>().saturating_add(1);
    budget.spend(folding_units(listed).saturating_add(folding_units(items)).saturating_mul(sets))?;
    budget.spend_each(units_of_all(items), sets.saturating_mul(KEYED))?;
    // 3. Each element is looked up once in each set.
    items.retain(|item| match item {
        Value::Object(map) => !objects
            .iter()
            .any(|(names, keys)| element_key(attribute, map, names).is_some_and(|key| keys.contains(&key))),
        item => !plain.contains(&Compared::new(attribute, item)),
    });
    Ok(())
}

/// Comparisons that making a key and looking it up is worth.
const KEYED: usize = 4;

/// Returns the values of an element under these names; `None` if the element or the attribute lacks one. "If not specified, the value of
/// "primary" SHALL be assumed to be "false"" (RFC 7643 section 2.4).
fn element_key<'a>(
    attribute: &Attribute,
    element: &'a Map<String, Value>,
    names: &[&str],
) -> Option<Vec<Compared<'a>>> {
    static FALSE: Value = Value::Bool(false);
    let assumed = |name: &str| (name == "primary" && attribute.has_primary()).then_some(&FALSE);
    let said = |name: &str| element.get(name).or_else(|| assumed(name));
    names.iter().map(|name| Some(Compared::new(attribute.sub(name)?, said(name)?))).collect()
}

/// A value as the schema compares it (RFC 7643 section 2.2, `caseExact`).
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Compared<'a> {
    Folded(String),
    Exact(Ordered<'a>),
}

impl<'a> Compared<'a> {
    fn new(attribute: &Attribute, value: &'a Value) -> Self {
        match value {
            Value::String(text) if !attribute.case_exact => Compared::Folded(fold(text)),
            value => Compared::Exact(Ordered(value)),
        }
    }
}

#[cfg(test)]
mod tests;
