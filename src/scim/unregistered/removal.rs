//! The values that a removal from an unregistered extension lists.

use crate::error::{Result, quoted};
use crate::scim::Attributes;
use crate::scim::patch::removal_unclear;
use crate::scim::schema::{Attribute, Type};
use serde_json::Value;

/// Returns the values of a list that a removal names, with the stored names. Each must tell which value it means: a
/// skipped one would tell the client that the stored value is gone.
///
/// # Errors
/// 400 `invalidValue` for an element without a stored part, or whose unknown part may be what tells it from others.
pub(super) fn removed_values(attribute: &Attribute, value: Value) -> Result<Value> {
    let Value::Array(items) = value else { return Ok(value) };
    let unclear = |what: &str| Err(removal_unclear(&attribute.name, what));
    let is_value = |name: &str| name.eq_ignore_ascii_case("value");
    // The body bounds the list, and with it this loop.
    let mut listed = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Null => return unclear("is empty"),
            Value::Object(map) if attribute.kind == Type::Complex => {
                // Only stored sub-attributes can tell elements apart.
                let (mut said, mut unknown) = (Attributes::new(), None);
                for (name, value) in map {
                    match attribute.sub(&name) {
                        Some(sub) => drop(said.insert(sub.name.to_string(), value)),
                        None => unknown = Some(name),
                    }
                }
                match unknown {
                    // `value` alone identifies an element; what else is said of it may be out of date.
                    _ if said.keys().any(|name| is_value(name)) => {}
                    Some(name) => return unclear(&format!("has the unknown sub-attribute {}", quoted(&name))),
                    None if said.is_empty() => return unclear("is empty"),
                    None => {}
                }
                listed.push(Value::Object(said));
            }
            // A plain value is its own `value`, and what says nothing else is meant by it.
            Value::Object(map) => match map.into_iter().find(|(name, _)| is_value(name)) {
                Some((_, value)) if !value.is_null() => listed.push(value),
                _ => return unclear("has no value"),
            },
            plain => {
                // A list may hold objects and plain values: the sent one stands for either form.
                let sub = attribute.sub("value").map(|sub| sub.name.to_string());
                listed.extend(sub.map(|name| Value::Object(Attributes::from_iter([(name, plain.clone())]))));
                listed.push(plain);
            }
        }
    }
    Ok(Value::Array(listed))
}
