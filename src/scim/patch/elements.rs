//! The elements of a list that an operation names by a filter, and the one that it makes if the filter matches no element.

use super::value::{assign_sub, merge_named};
use super::{MissingTarget, Operation, PatchOp};
use crate::budget::Budget;
use crate::error::{Code, Error, Result, excerpt};
use crate::scim::filter::Filter;
use crate::scim::order::{folding_units, trial_units, units_of};
use crate::scim::primary::yield_primary;
use crate::scim::resource::{canonical_value, is_unassigned};
use crate::scim::schema::Attribute;
use serde_json::{Map, Value};

/// Changes the elements of a multi-valued attribute that the filter matches, or all of them. Returns true if one was made.
///
/// Every element is looked at once for each term of the filter, and the value is copied into every match: both are
/// spent before they are done.
pub(super) fn change_matching(
    attribute: &Attribute,
    sub: Option<&Attribute>,
    stored: &mut Value,
    operation: &Operation,
    budget: &Budget,
) -> Result<bool> {
    let filter = operation.path.filter.as_ref();
    // A stored value that is no list, from before a schema was registered, has no elements.
    let mut items = match stored.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let (mut touched, mut made) = (Vec::new(), false);
    // One more look is for `yield_primary` and for dropping what is unassigned.
    budget.spend(folding_units(&items))?;
    budget.spend_each(1 + trial_units(&items), 1 + filter.map_or(0, Filter::count_terms))?;
    let copied = units_of(&operation.value).saturating_mul(COPIED);
    // Every match is changed: "all matching record values" (RFC 7644 section 3.5.2.3).
    for (index, item) in items.iter_mut().enumerate().filter(|(_, item)| filter_fits(filter, item)) {
        budget.spend(copied)?;
        change_elements(attribute, sub, item, operation, budget)?;
        touched.push(index);
    }
    // No element matches: one is made, or the operation is refused.
    if touched.is_empty()
        && let Some(element) = make_absent(attribute, sub, &items, operation, budget)?
    {
        touched.push(items.len());
        items.push(element);
        made = filter.is_some();
    }
    // A changed element that became primary replaces the old primary one.
    if attribute.has_primary() {
        yield_primary(&mut items, &touched);
    }
    // Removed elements are null until here, so that the places in `touched` stay right.
    items.retain(|item| !is_unassigned(item));
    *stored = Value::Array(items);
    Ok(made)
}

/// How much more than a comparison a copy of the value costs; there may be as many copies as elements. It bounds the
/// memory too, by 16 bytes of text for a unit.
const COPIED: usize = 16;

fn filter_fits(filter: Option<&Filter>, item: &Value) -> bool {
    filter.is_none_or(|filter| filter.matches_element(item))
}

fn change_elements(
    attribute: &Attribute,
    sub: Option<&Attribute>,
    item: &mut Value,
    operation: &Operation,
    budget: &Budget,
) -> Result<()> {
    let Operation { op, path, value, missing, .. } = operation;
    match (op, sub, value) {
        (PatchOp::Remove, None, _) => *item = Value::Null,
        (_, Some(sub), value) => assign_sub(sub, item, *op, value, budget)?,
        (PatchOp::Add, None, Value::Object(map)) => merge_named(attribute, item, *op, map, budget)?,
        // "All matching record values SHALL be replaced" (RFC 7644 section 3.5.2.3): nothing of them stays, except the
        // values that the filter names, where a client relies on finding the element by it again.
        (PatchOp::Replace, None, Value::Object(map)) => {
            *item = if *missing == MissingTarget::Make {
                element_of_filter(attribute, path.filter.as_ref())
            } else {
                Value::Null
            };
            merge_named(attribute, item, *op, map, budget)?;
        }
        (_, None, value) => *item = value.clone(),
    }
    Ok(())
}

/// Makes the element if no stored one can be changed. "If no record match was made, the service provider SHALL indicate
/// failure by ... a scimType error code of noTarget" (RFC 7644 section 3.5.2.3).
fn make_absent(
    attribute: &Attribute,
    sub: Option<&Attribute>,
    items: &[Value],
    operation: &Operation,
    budget: &Budget,
) -> Result<Option<Value>> {
    let Operation { op, path, value, missing, .. } = operation;
    if *missing == MissingTarget::Make || path.filter.is_none() {
        // There is nothing to remove, or nothing to make an element of.
        if *op == PatchOp::Remove || is_unassigned(value) {
            return Ok(None);
        }
        let mut element = element_of_filter(attribute, path.filter.as_ref());
        change_elements(attribute, sub, &mut element, operation, budget)?;
        // Only an element that the same path finds again is made: repeating the request then changes it.
        if filter_fits(path.filter.as_ref(), &element) {
            return Ok(Some(element));
        }
        // An `emails[value eq "old"].value` that was applied before: there is nothing to do. Making one each time would
        // pile them up.
        let done = |item: &Value| sub.map_or(item == value, |sub| item.get(sub.name.as_ref()) == Some(value));
        if items.iter().any(done) {
            return Ok(None);
        }
    }
    let detail = format!("No value of this resource matches the path {}.", excerpt(path));
    Err(Error::new(Code::NoTarget, detail))
}

/// Returns the least element that a filter of equalities matches.
fn element_of_filter(attribute: &Attribute, filter: Option<&Filter>) -> Value {
    let mut element = Map::new();
    for (name, value) in filter.map(Filter::assertions).unwrap_or_default() {
        // The filter may compare with a value that the attribute cannot hold: an integer with 1.5.
        if let Some(sub) = attribute.sub(name)
            && let Ok(Some(value)) = canonical_value(sub, value, "", &mut Vec::new())
        {
            element.insert(name.to_owned(), value);
        }
    }
    Value::Object(element)
}
