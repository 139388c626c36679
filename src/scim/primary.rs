//! The `primary` of a list: at most one element has it (RFC 7643 section 2.4).

use serde_json::Value;

/// Returns true for an element that is marked `primary`.
pub(super) fn is_primary(item: &Value) -> bool {
    item.get("primary") == Some(&Value::Bool(true))
}

/// Leaves the first of several primary elements as the only one (RFC 7643 section 2.4).
pub(super) fn keep_first_primary(items: &mut [Value]) {
    keep_primary(items, items.iter().position(is_primary));
}

/// Leaves one primary element. "The service provider SHALL set the value of any existing primary to false" (RFC 7644
/// section 3.5.2): the last of the touched elements that is primary replaces the old one.
pub(super) fn yield_primary(items: &mut [Value], touched: &[usize]) {
    let new = touched.iter().rev().copied().find(|index| items.get(*index).is_some_and(is_primary));
    keep_primary(items, new.or_else(|| items.iter().rposition(is_primary)));
}

/// Sets `primary` to false in all primary elements but the chosen one.
fn keep_primary(items: &mut [Value], chosen: Option<usize>) {
    for (index, item) in items.iter_mut().enumerate() {
        if Some(index) != chosen
            && is_primary(item)
            && let Some(map) = item.as_object_mut()
        {
            map.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}
