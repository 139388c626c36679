//! A change of a resource without the parts that would make it larger, for an organisation that has no room left. The
//! parts that remove something stay, because a removal is never refused for want of room.

use super::Attributes;
use super::order::Ordered;
use super::primary::keep_first_primary;
use serde_json::Value;
use std::collections::BTreeMap;

/// Attributes whose elements have a slot: an element of the same `type` is the same one changed. Elsewhere, as in
/// `roles`, another value is another element, so that the old one goes although the new one does not come.
const SLOTS: [&str; 5] = ["emails", "phoneNumbers", "ims", "photos", "addresses"];

/// The weight of a number, `true`, `false` or `null`: a change between these never grows.
const SCALAR: usize = 8;

/// Returns `new` without the parts that make it larger than `stored`, and the names of the attributes that were left
/// out for it, whole or in part. If `new` is no larger as a whole, it stays as it is.
///
/// An attribute, also one of an extension, keeps its stored value if the new one is larger. In a list, removed elements
/// are removed; an element that grows stays as it was, and a new one is left out. `active` does not count.
pub fn without_growth(stored: &Attributes, new: &Attributes) -> (Attributes, Vec<String>) {
    let mut taken = Vec::new();
    // One part may grow if another shrinks by as much.
    if attributes_weight(new) <= attributes_weight(stored) {
        return (new.clone(), taken);
    }
    (shrink_attributes(stored, new, "", &mut taken), taken)
}

/// Returns `stored` without the parts that `new` removes, and the names of the attributes whose other changes are left
/// out: for an organisation whose history has no room left. A list loses the values that `new` does not have; the
/// others stay as they are, without the sub-attributes that are gone. A user can be deactivated.
pub fn only_removals(stored: &Attributes, new: &Attributes) -> (Attributes, Vec<String>) {
    let mut kept = remaining_attributes(stored, new);
    // Deactivation is what protects an account, so it never waits for room.
    if let (Some(Value::Bool(true)), Some(active @ Value::Bool(false))) = (stored.get("active"), new.get("active")) {
        kept.insert("active".to_owned(), active.clone());
    }
    let mut taken = Vec::new();
    // The journal names what was left out, an attribute of an extension by its whole path.
    for (name, value) in new.iter().filter(|(name, value)| kept.get(*name) != Some(value)) {
        match (value, kept.get(name)) {
            (Value::Object(inner), told) if name.contains(':') => {
                let told = told.and_then(Value::as_object);
                let other = inner.iter().filter(|(name, value)| told.and_then(|told| told.get(*name)) != Some(value));
                taken.extend(other.map(|(inner, _)| format!("{name}:{inner}")));
            }
            _ => taken.push(name.clone()),
        }
    }
    (kept, taken)
}

/// Returns what is left of one level of attributes.
fn remaining_attributes(stored: &Attributes, new: &Attributes) -> Attributes {
    let mut kept = Attributes::new();
    for (name, old) in stored {
        let left = match (old, new.get(name)) {
            (_, None) => None,
            (Value::Object(old), Some(Value::Object(new))) => {
                Some(remaining_attributes(old, new)).filter(|left| !left.is_empty()).map(Value::Object)
            }
            (Value::Array(old), Some(Value::Array(new))) => {
                Some(remaining_elements(name, old, new)).filter(|left| !left.is_empty()).map(Value::Array)
            }
            (old, Some(_)) => Some(old.clone()),
        };
        kept.extend(left.map(|left| (name.clone(), left)));
    }
    kept
}

/// Returns the elements of `stored` that `new` has too, as they are stored and in that order.
fn remaining_elements(name: &str, stored: &[Value], new: &[Value]) -> Vec<Value> {
    let as_stored = |(old, new): (&Value, Option<&Value>)| match (old, new?) {
        (Value::Object(old), Value::Object(new)) => Some(Value::Object(remaining_attributes(old, new))),
        (old, _) => Some(old.clone()),
    };
    stored.iter().zip(pair_elements(name, stored, new)).filter_map(as_stored).collect()
}

/// Returns one level of attributes that is no larger. `prefix` is the URN of their extension, with its colon.
fn shrink_attributes(stored: &Attributes, new: &Attributes, prefix: &str, taken: &mut Vec<String>) -> Attributes {
    let mut kept = Attributes::new();
    for (name, value) in new {
        let fitted = match (stored.get(name), value) {
            // It must be possible to deactivate a user, and a flag takes no room.
            _ if prefix.is_empty() && name == "active" => Some(value.clone()),
            (Some(old), _) if value_weight(value) <= value_weight(old) => Some(value.clone()),
            (Some(Value::Object(old)), Value::Object(inner)) if prefix.is_empty() && name.contains(':') => {
                // Its attributes are named one by one.
                kept.insert(name.clone(), Value::Object(shrink_attributes(old, inner, &format!("{name}:"), taken)));
                continue;
            }
            (Some(Value::Array(old)), Value::Array(items)) => {
                // A list without elements counts as absent.
                Some(shrink_elements(name, old, items)).filter(|items| !items.is_empty()).map(Value::Array)
            }
            (old, _) => old.cloned(),
        };
        if fitted.as_ref() != Some(value) {
            taken.push(format!("{prefix}{name}"));
        }
        kept.extend(fitted.map(|fitted| (name.clone(), fitted)));
    }
    kept
}

/// Returns the elements of `new` that are stored, each no larger than it is stored.
fn shrink_elements(name: &str, stored: &[Value], new: &[Value]) -> Vec<Value> {
    let smaller = |(item, old): (&Value, Option<&Value>)| {
        old.map(|old| if value_weight(item) <= value_weight(old) { item.clone() } else { old.clone() })
    };
    let mut kept: Vec<Value> = new.iter().zip(pair_elements(name, new, stored)).filter_map(smaller).collect();
    keep_first_primary(&mut kept);
    kept
}

/// Returns for each of `items` the one of `others` that is the same element: by its identity, else by its slot. Each is
/// found once, the first of several equal ones first; the maps bound the work to n log n.
fn pair_elements<'a>(name: &str, items: &'a [Value], others: &'a [Value]) -> Vec<Option<&'a Value>> {
    let mut found: Vec<Option<&Value>> = vec![None; items.len()];
    let mut left: Vec<&Value> = others.iter().collect();
    // First by identity; what is left then by its slot, so that a changed address replaces the old one.
    for key in [element_identity, element_slot] {
        let mut keyed: BTreeMap<Ordered<'_>, Vec<&Value>> = BTreeMap::new();
        // Backwards, because `pop` takes the last: of equal ones the first is found first.
        for other in left.into_iter().rev() {
            key(name, other).into_iter().for_each(|key| keyed.entry(Ordered(key)).or_default().push(other));
        }
        for (item, found) in items.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            *found = key(name, item).and_then(|key| keyed.get_mut(&Ordered(key))).and_then(Vec::pop);
        }
        left = keyed.into_values().flatten().collect();
    }
    found
}

/// Returns the identity of an element: its `value`, or the whole element if it has none.
fn element_identity<'a>(_: &str, item: &'a Value) -> Option<&'a Value> {
    Some(item.get("value").unwrap_or(item))
}

/// Returns the slot of an element, in the lists that have slots.
fn element_slot<'a>(name: &str, item: &'a Value) -> Option<&'a Value> {
    item.get("type").filter(|_| SLOTS.contains(&name))
}

/// Returns the weight of attributes, without `active`.
fn attributes_weight(attributes: &Attributes) -> usize {
    attributes
        .iter()
        .filter(|(name, _)| *name != "active")
        .map(|(name, value)| name.len() + 4 + value_weight(value))
        .sum()
}

/// Returns the weight of a value, roughly the length of its JSON text. The depth is that of a body.
fn value_weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| value_weight(item) + 1).sum(),
        Value::Object(map) => map.iter().map(|(name, value)| name.len() + 4 + value_weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => SCALAR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn map(value: &Value) -> Attributes {
        value.as_object().cloned().unwrap_or_default()
    }

    /// The rest of a resource is never larger than what was stored, and left-out changes stay out.
    #[test]
    fn what_removals_leave() {
        for (stored, new, expected, taken) in [
            (json!({"title": "ab"}), json!({"title": "a"}), json!({"title": "ab"}), "title"),
            (json!({"title": "ab", "nickName": "n"}), json!({"title": "ab"}), json!({"title": "ab"}), ""),
            (json!({"active": true}), json!({"active": false, "title": "t"}), json!({"active": false}), "title"),
            (json!({"active": false}), json!({"active": true}), json!({"active": false}), "active"),
            (json!({"name": {"a": "1", "b": "2"}}), json!({"name": {"a": "2"}}), json!({"name": {"a": "1"}}), "name"),
            (json!({"name": {"a": "1"}}), json!({"name": {"b": "1"}}), json!({}), "name"),
            (
                json!({"roles": [{"value": "a"}, {"value": "b"}, {"value": "b"}]}),
                json!({"roles": [{"value": "b"}, {"value": "c"}]}),
                json!({"roles": [{"value": "b"}]}),
                "roles",
            ),
            (json!({"roles": [{"value": "a"}]}), json!({"roles": [{"value": "b"}]}), json!({}), "roles"),
            (
                json!({"emails": [{"value": "a", "type": "work"}]}),
                json!({"emails": [{"value": "b", "type": "work"}]}),
                json!({"emails": [{"value": "a", "type": "work"}]}),
                "emails",
            ),
            (
                json!({"addresses": [{"type": "work", "locality": "l", "region": "r"}]}),
                json!({"addresses": [{"type": "work", "locality": "other"}]}),
                json!({"addresses": [{"type": "work", "locality": "l"}]}),
                "addresses",
            ),
            (
                json!({URN: {"department": "d", "division": "v"}}),
                json!({URN: {"department": "e"}}),
                json!({URN: {"department": "d"}}),
                &format!("{URN}:department"),
            ),
        ] {
            let (kept, left_out) = only_removals(&map(&stored), &map(&new));
            assert_eq!((Value::Object(kept), left_out.join(",")), (expected, taken.to_owned()), "{stored} {new}");
        }
    }

    #[test]
    fn what_is_taken_out() {
        for (stored, new, expected, taken) in [
            (json!({"title": "long"}), json!({"title": "t"}), json!({"title": "t"}), ""),
            (json!({"title": "ab"}), json!({"title": "cd"}), json!({"title": "cd"}), ""),
            (json!({"title": "ab"}), json!({"title": "abc"}), json!({"title": "ab"}), "title"),
            (json!({}), json!({"title": "a", "active": false}), json!({"active": false}), "title"),
            (json!({"active": true}), json!({"active": false}), json!({"active": false}), ""),
            // An element takes a comma, too.
            (json!({"tags": ["ab"]}), json!({"tags": ["", ""]}), json!({}), "tags"),
            // As a whole it is no larger.
            (json!({"title": "ab", "nickName": "abc"}), json!({"title": "abc"}), json!({"title": "abc"}), ""),
            (
                json!({"title": "ab", "nickName": "abc"}),
                json!({"title": "a".repeat(90), "nickName": "x"}),
                json!({"title": "ab", "nickName": "x"}),
                "title",
            ),
            // An attribute with parts is one attribute; an extension is not.
            (
                json!({"name": {"givenName": "Al", "familyName": "B"}}),
                json!({"name": {"givenName": "X", "familyName": "Longer"}}),
                json!({"name": {"givenName": "Al", "familyName": "B"}}),
                "name",
            ),
            (
                json!({URN: {"department": "d", "division": "x", "costCenter": "c"}}),
                json!({URN: {"department": "longer by far", "division": "y", "organization": "o"}}),
                json!({URN: {"department": "d", "division": "y"}}),
                &format!("{URN}:department {URN}:organization"),
            ),
            (json!({}), json!({URN: {"department": "d"}}), json!({}), URN),
            // A removed role is gone, whatever replaces it. An address is changed, and keeps its slot.
            (
                json!({"roles": [{"value": "admin"}, {"value": "b"}]}),
                json!({"roles": [{"value": "auditor of all"}, {"value": "b"}]}),
                json!({"roles": [{"value": "b"}]}),
                "roles",
            ),
            (
                json!({"emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": "home"}]}),
                json!({"emails": [{"value": "longer@x", "type": "work"}]}),
                json!({"emails": [{"value": "longer@x", "type": "work"}]}),
                "",
            ),
            (
                json!({"emails": [{"value": "a@x", "type": "work"}]}),
                json!({"emails": [{"value": "longer@x", "type": "work"}, {"value": "new@x", "type": "home"}]}),
                json!({"emails": [{"value": "a@x", "type": "work"}]}),
                "emails",
            ),
            (
                json!({"emails": [{"value": "a", "primary": false}, {"value": "b", "primary": true}]}),
                json!({"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": false, "display": "B"}]}),
                json!({"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": false}]}),
                "emails",
            ),
        ] {
            let found = without_growth(&map(&stored), &map(&new));
            assert_eq!((Value::Object(found.0), found.1.join(" ").as_str()), (expected, taken), "{stored} {new}");
        }
    }

    /// Random pairs of users: the outcome is no larger, says nothing that neither says, has nothing that the new one
    /// does not have, and is stable.
    #[test]
    fn of_any_two_users() {
        let mut state = 7_u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut user = || {
            let mut user = Attributes::new();
            for name in ["title", "nickName", "userName"] {
                if random(3) > 0 {
                    user.insert(name.to_owned(), json!("x".repeat(random(4))));
                }
            }
            for name in ["roles", "emails"] {
                let count = random(4);
                let mut item = |_| json!({"value": "y".repeat(random(4)), "type": "t".repeat(1 + random(2))});
                user.insert(name.to_owned(), (0..count).map(&mut item).collect());
            }
            user.insert("active".to_owned(), json!(random(2) == 0));
            user.insert(URN.to_owned(), json!({"department": "z".repeat(random(4))}));
            user
        };
        let mut changed = 0;
        for _ in 0..2_000 {
            let (stored, new) = (user(), user());
            let (kept, taken) = without_growth(&stored, &new);
            assert!(attributes_weight(&kept) <= attributes_weight(&stored));
            assert_eq!((kept == new, kept.get("active")), (taken.is_empty(), new.get("active")));
            assert!(kept.keys().all(|name| new.contains_key(name)));
            for (name, value) in &kept {
                let of = |one: &Attributes, item: &Value| {
                    one.get(name).and_then(Value::as_array).is_some_and(|all| all.contains(item))
                };
                let known =
                    value.as_array().is_none_or(|all| all.iter().all(|item| of(&stored, item) || of(&new, item)));
                assert!(known, "{name}: {value}");
            }
            assert_eq!(without_growth(&stored, &kept), (kept.clone(), Vec::new()));
            changed += usize::from(!taken.is_empty());
        }
        assert!(changed > 500, "{changed}");
    }
}
