//! Limits on one user or group, besides its size as a whole ([`super::resource::RESOURCE_MAX`]).
//!
//! These limits judge the values that a request changes, so they are checked where the stored resource is known. A
//! stored value that stays as it is was accepted once: it never blocks a deactivation or a removal. That is why a body
//! may repeat longer lists than these: only then can it be compared.

use super::order::Ordered;
use crate::error::{Code, Error, Result};
use serde_json::{Map, Value};

/// The most values of a multi-valued attribute. A user with all of them, of 250 bytes each, has 256 KiB; each is
/// compared with the others in a PATCH, and shown in every list.
pub const VALUES_MAX: usize = 1000;
/// The longest `userName`, `displayName` and `externalId`, in characters. They stand in indexes, in sentences and in
/// the journal; the longest that providers send is a distinguished name of some 500.
pub const NAME_MAX: usize = 1024;

const NAMES: [&str; 3] = ["userName", "displayName", "externalId"];

/// Judges the differences between the stored attributes of a resource and the proposed ones. A new resource has no
/// stored attributes.
///
/// # Errors
/// 400 `invalidValue` that names the attribute.
pub fn check_changed(stored: &Map<String, Value>, new: &Map<String, Value>) -> Result<()> {
    for name in NAMES {
        let length = new.get(name).and_then(Value::as_str).map_or(0, |text| text.chars().count());
        if length > NAME_MAX && stored.get(name) != new.get(name) {
            let detail = format!(
                "{name} has {length} characters; at most {NAME_MAX} are allowed. Shorten it in the identity provider."
            );
            return Err(Error::new(Code::NameTooLong, detail));
        }
    }
    new.iter().try_for_each(|(name, value)| check_lists(name, stored.get(name), value))
}

/// Judges lists at any depth, which is at most that of a body.
fn check_lists(path: &str, stored: Option<&Value>, new: &Value) -> Result<()> {
    match new {
        _ if stored == Some(new) => Ok(()),
        Value::Object(map) => map.iter().try_for_each(|(name, value)| {
            let separator = if path.contains(':') { ':' } else { '.' };
            check_lists(&format!("{path}{separator}{name}"), stored.and_then(|stored| stored.get(name)), value)
        }),
        Value::Array(items) => {
            let added = added_elements(stored.and_then(Value::as_array).map_or(&[], Vec::as_slice), items);
            if items.len() > VALUES_MAX && !added.is_empty() {
                let detail = format!(
                    "{path} would have {} values; at most {VALUES_MAX} are allowed. Nothing was changed: send fewer, or leave it \
                     out of the mapping.",
                    items.len()
                );
                return Err(Error::new(Code::TooManyValues, detail));
            }
            added.into_iter().try_for_each(|item| check_lists(path, None, item))
        }
        _ => Ok(()),
    }
}

/// Returns the elements of `items` that `stored` does not have, or not as often.
pub(super) fn added_elements<'a>(stored: &[Value], items: &'a [Value]) -> Vec<&'a Value> {
    let sorted = |items| {
        let mut sorted: Vec<Ordered<'_>> = <[Value]>::iter(items).map(Ordered).collect();
        sorted.sort_unstable();
        sorted
    };
    let stored = sorted(stored);
    let mut stored = stored.iter().peekable();
    let mut items: Vec<Ordered<'a>> = items.iter().map(Ordered).collect();
    items.sort_unstable();
    items.retain(|item| {
        while stored.next_if(|old| *old < item).is_some() {}
        stored.next_if(|old| *old == item).is_none()
    });
    items.into_iter().map(|Ordered(item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn list(range: std::ops::Range<usize>) -> Value {
        range.map(|n| json!({"value": n.to_string()})).collect()
    }

    #[test]
    fn what_changes_is_judged() {
        let urn = "urn:x:y";
        for (stored, new, says) in [
            (json!({}), json!({"roles": list(0..1000), "userName": "ü".repeat(1024)}), ""),
            (json!({}), json!({"roles": list(0..1001)}), "roles would have 1001 values"),
            (json!({}), json!({"displayName": "d".repeat(1025)}), "displayName has 1025 characters"),
            (json!({"externalId": "e".repeat(2000)}), json!({"externalId": "e".repeat(2000), "title": "t"}), ""),
            (json!({"externalId": "e".repeat(2000)}), json!({"externalId": "e".repeat(1999)}), "externalId has 1999"),
            (json!({"roles": list(0..2000)}), json!({"roles": list(0..2000), "active": false}), ""),
            (json!({"roles": list(0..2000)}), json!({"roles": list(3..1800)}), ""),
            (json!({"roles": list(0..2000)}), json!({"roles": list(1..2001)}), "roles would have 2000 values"),
            (json!({"roles": list(0..2000)}), json!({"roles": list(1100..2100)}), ""),
            (json!({"n": [1, 1, 2]}), json!({"n": [2, 1, 1]}), ""),
            (json!({urn: {"a": {"b": list(0..2000)}}}), json!({urn: {"a": {"b": list(0..2000)}, "c": 1}}), ""),
            (json!({urn: {"a": 1}}), json!({urn: {"a": {"b": list(0..1001)}}}), "urn:x:y:a:b would have 1001"),
            (json!({urn: [{"l": list(0..2000)}]}), json!({urn: [{"l": list(0..2000)}, {"l": []}]}), ""),
            (json!({urn: []}), json!({urn: [{"l": list(0..2000)}]}), "urn:x:y:l would have 2000"),
        ] {
            let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
            let found = check_changed(&map(&stored), &map(&new)).err().map(|error| error.detail).unwrap_or_default();
            assert!(found.starts_with(says) && found.is_empty() == says.is_empty(), "{says}: {found}");
        }
    }
}
