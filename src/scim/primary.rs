//! The `primary` of a list: at most one element has it (RFC 7643 section 2.4).

use serde_json::Value;

/// Leaves at most one element `primary` (RFC 7643 section 2.4): the first of several, or with `last` the last.
pub(super) fn keep_primary(items: &mut [Value], last: bool) {
    let is_primary = |item: &Value| item.get("primary") == Some(&Value::Bool(true));
    let chosen = if last { items.iter().rposition(is_primary) } else { items.iter().position(is_primary) };
    for (index, item) in items.iter_mut().enumerate() {
        if Some(index) != chosen
            && is_primary(item)
            && let Some(map) = item.as_object_mut()
        {
            map.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}
