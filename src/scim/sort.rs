//! Sorting (RFC 7644 section 3.4.2.3): the key of a resource, and the order of keys.

use super::filter::evaluate::compare_numbers;
use super::filter::{Forms, Target};
use super::path;
use super::schema::{Attribute, Mutability, ResourceType, Returned, Type};
use crate::error::{Code, Error, Result, quoted};
use crate::fold::fold;
use crate::id::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// The longest part of a text that is compared, in bytes: 50,000 keys are held in memory at once. Resources whose keys
/// are equal that far are ordered by their ids.
const KEY_MAX: usize = 256;

/// `sortBy` and `sortOrder`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sort {
    /// The attribute; for a complex one, the sub-attribute that is compared.
    pub by: Target,
    /// True if `sortOrder` is `descending`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
}

/// Looks the attribute of `sortBy` up; `None` if the type has none of that name.
///
/// # Errors
/// 400 `invalidPath` for an invalid path, `invalidValue` for an attribute that has no order.
pub fn resolve_sort_by(text: &str, kind: &ResourceType, forms: Forms) -> Result<Option<Target>> {
    let path = match path::parse(text, forms)?.resolve(kind, forms) {
        Ok(path) => path,
        Err(path::ResolveError::Unknown(_) | path::ResolveError::UnknownInFilter(_)) => return Ok(None),
        Err(path::ResolveError::Refused(error)) => return Err(error),
    };
    let refused = |why: &str| {
        Err(Error::new(Code::SortImpossible, format!("sortBy cannot be {text}: {why}.", text = quoted(text))))
    };
    if path.filter.is_some() {
        return refused("it takes an attribute, not a filter");
    }
    let mut target = path.target;
    let Some((attribute, sub)) = target.definitions_in(kind) else {
        return refused("it takes an attribute, not a whole extension");
    };
    let leaf = sub.unwrap_or(attribute);
    // The order of the answer would tell the value, guess by guess.
    if leaf.returned == Returned::Never || leaf.mutability == Mutability::WriteOnly {
        return refused("that attribute is never returned");
    }
    if target.urn.is_none() && ["groups", "members"].contains(&target.name.as_str()) {
        return refused("memberships have no order; sort by an attribute of the resource itself, or by id");
    }
    if leaf.kind == Type::Complex {
        // As in a filter, the name of a complex attribute stands for its "value".
        if leaf.sub("value").is_none() {
            return refused("it is complex, so name one of its sub-attributes");
        }
        target.sub = Some("value".to_owned());
    }
    Ok(Some(target))
}

/// Returns the key by which a resource is sorted: `null` without a value. For a multi-valued attribute the primary
/// value counts, else the first.
pub fn sort_key(target: &Target, kind: &ResourceType, resource: &Map<String, Value>) -> Value {
    let object = match &target.urn {
        None => Some(resource),
        Some(urn) => resource.get(urn).and_then(Value::as_object),
    };
    let value = object.and_then(|object| object.get(&target.name));
    // "If it's a multi-valued attribute, resources are sorted by the value of the primary attribute ..., if any, or else
    // the first value in the list, if any" (RFC 7644 section 3.4.2.3).
    let value = match value {
        Some(Value::Array(items)) => {
            items.iter().find(|item| item.get("primary") == Some(&Value::Bool(true))).or(items.first())
        }
        other => other,
    };
    let value = match &target.sub {
        None => value,
        Some(sub) => value.and_then(|value| value.get(sub)),
    };
    let leaf = target.definitions_in(kind).map(|(attribute, sub)| sub.unwrap_or(attribute));
    value.zip(leaf).map_or(Value::Null, |(value, leaf)| comparable_value(value, leaf))
}

/// Returns the comparable form of a value: text as a filter compares it, dates by their instant.
fn comparable_value(value: &Value, leaf: &Attribute) -> Value {
    match (leaf.kind, value) {
        (Type::DateTime, Value::String(text)) => Timestamp::parse(text).map_or(Value::Null, |time| time.0.into()),
        (_, Value::String(text)) if !leaf.case_exact => cut_text(&fold(text)).into(),
        (_, Value::String(text)) => cut_text(text).into(),
        (_, Value::Number(_) | Value::Bool(_)) => value.clone(),
        _ => Value::Null,
    }
}

/// Returns the beginning of a text, at most [`KEY_MAX`] bytes of it, up to a whole character.
fn cut_text(text: &str) -> &str {
    text.get(..text.floor_char_boundary(KEY_MAX)).unwrap_or_default()
}

/// Cuts the key of a cursor from before keys were cut.
#[must_use]
pub fn cut_key(key: Value) -> Value {
    match key {
        Value::String(text) if text.len() > KEY_MAX => cut_text(&text).into(),
        other => other,
    }
}

/// Orders two keys, ascending. A resource without a value is last; one with a value of another type comes after all
/// that compare.
pub fn compare_keys(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        _ => 3,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b).unwrap_or(Ordering::Equal),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::ENTERPRISE;
    use crate::scim::schema::tables::user_type;
    use serde_json::json;

    #[test]
    fn keys() {
        let resource = json!({
            "userName": "ÉCOLE", "externalId": "X", "active": false, "meta": {"created": "1970-01-01T01:00:00.001+01:00"},
            "emails": [{"value": "B@x", "type": "home"}, {"value": "A@x", "type": "work", "primary": true}],
            "ims": [{"value": "one"}, {"value": "two"}], ENTERPRISE: {"manager": {"value": "M"}},
        });
        for (text, expected) in [
            ("USERNAME", json!("école")),
            ("externalId", json!("X")),
            ("active", json!(false)),
            ("meta.created", json!(1)),
            ("emails", json!("a@x")),
            ("emails.type", json!("work")),
            ("ims.value", json!("one")),
            ("title", json!(null)),
            (&format!("{ENTERPRISE}:manager.value"), json!("M")),
        ] {
            let target = resolve_sort_by(text, &user_type(), Forms::Strict).unwrap().unwrap();
            assert_eq!(sort_key(&target, &user_type(), resource.as_object().unwrap()), expected, "{text}");
        }
        for (text, kept) in [("a".repeat(257), 256), ("é".repeat(200), 256), (format!("a{}", "é".repeat(200)), 255)] {
            let resource = json!({"title": text, "externalId": text});
            for by in ["title", "externalId"] {
                let target = resolve_sort_by(by, &user_type(), Forms::Strict).unwrap().unwrap();
                let found = sort_key(&target, &user_type(), resource.as_object().unwrap());
                assert_eq!(found, json!(text[..kept]), "{by}");
                assert_eq!(cut_key(json!(text)), found);
            }
        }
        assert_eq!(resolve_sort_by("shoeSize", &user_type(), Forms::Strict), Ok(None));
        for (text, says) in [
            ("password", "never returned"),
            ("name", "sub-attributes"),
            ("emails[type eq \"work\"].value", "not a filter"),
            (ENTERPRISE, "whole extension"),
            ("groups", "memberships have no order"),
            ("GROUPS.display", "memberships have no order"),
        ] {
            let error = resolve_sort_by(text, &user_type(), Forms::Strict).unwrap_err();
            assert!(error.code == Code::SortImpossible && error.detail.contains(says), "{error}");
        }
    }

    #[test]
    fn what_has_no_value_is_last() {
        let mut keys = [json!(null), json!("b"), json!(2), json!("a"), json!(1.5), json!(true), json!(false)];
        keys.sort_by(compare_keys);
        assert_eq!(json!(keys), json!([false, true, 1.5, 2, "a", "b", null]));
    }
}
