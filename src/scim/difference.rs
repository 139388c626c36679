//! How a resource was before a change, as what differs from how it is now. History is kept in this form.
//!
//! [`difference`] names each attribute that differs, with its earlier value, or `null` if it had none. For a value that
//! is there before and after, it says less, if that is shorter:
//!
//! - a complex attribute or an extension by its own sub-attributes that differ, in the same way;
//! - a list as `{"was": [...]}`, made of pieces of the list as it is now (`difference::list`).
//!
//! [`restore`] reads it beside the value as it is now, whose type says what is meant: `{"was": ...}` is the form of a
//! list only beside a list, so a sub-attribute of that name is never taken for it. `{"was": X}` beside a list is X
//! itself, if X is no list; `[X]` beside an object is X itself.

mod list;
#[cfg(test)]
mod tests;

use crate::budget::Budget;
use crate::error::Result;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// The only name in the form of a list.
const WAS: &str = "was";

/// Returns the names of the attributes that differ, also those that only one of the two has. `schemas` follows from the
/// others and is left out.
pub fn differing<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> impl Iterator<Item = &'a String> {
    differing_names(old, new).filter(|name| *name != "schemas" && old.get(*name) != new.get(*name))
}

/// Returns the attributes of `old` that differ in `new`, as they were.
///
/// # Errors
/// 400 `tooMany` beyond the budget.
pub fn difference(old: &Map<String, Value>, new: &Map<String, Value>, budget: &Budget) -> Result<Map<String, Value>> {
    of_names(differing(old, new), old, new, budget)
}

/// Returns the attributes from before the change that led to `new`, from its [`difference`].
pub fn restore(new: &Map<String, Value>, difference: &Map<String, Value>) -> Map<String, Value> {
    let mut old = new.clone();
    for (name, told) in difference {
        match restore_value(new.get(name), told) {
            Value::Null => old.remove(name),
            value => old.insert(name.clone(), value),
        };
    }
    old
}

/// Returns the earlier value of one attribute, from its part of a [`difference`]; `null` if it had no value.
pub fn restore_value(new: Option<&Value>, told: &Value) -> Value {
    match (new, told) {
        (Some(Value::Object(new)), Value::Object(told)) => Value::Object(restore(new, told)),
        (Some(Value::Object(_)), Value::Array(whole)) => whole.first().cloned().unwrap_or_default(),
        (Some(Value::Array(new)), Value::Object(told)) => match told.get(WAS) {
            Some(Value::Array(pieces)) => Value::Array(list::restore_list(new, pieces)),
            whole => whole.cloned().unwrap_or_default(),
        },
        _ => told.clone(),
    }
}

fn differing_names<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> impl Iterator<Item = &'a String> {
    old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)))
}

fn of_names<'a>(
    names: impl Iterator<Item = &'a String>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    budget: &Budget,
) -> Result<Map<String, Value>> {
    let mut told = Map::new();
    for name in names {
        if let Some(value) = earlier_value(old.get(name), new.get(name), budget)? {
            told.insert(name.clone(), value);
        }
    }
    Ok(told)
}

/// Returns the difference of one value; `None` if it does not differ.
fn earlier_value(old: Option<&Value>, new: Option<&Value>, budget: &Budget) -> Result<Option<Value>> {
    if old == new {
        return Ok(None);
    }
    let Some(old) = old else { return Ok(Some(Value::Null)) };
    Ok(Some(match (old, new) {
        (Value::Object(before), Some(Value::Object(after))) => {
            let parts = Value::Object(difference_within(before, after, budget)?);
            if text_length(&parts) > text_length(old) + "[]".len() { json!([old]) } else { parts }
        }
        (Value::Array(before), Some(Value::Array(after))) => list::list_pieces(before, after, budget)?
            .map(|pieces| json!({ WAS: pieces }))
            .filter(|told| text_length(told) < text_length(old))
            .unwrap_or_else(|| old.clone()),
        // A list beside an object, and an object beside a list, would be read as the forms above.
        (Value::Array(_), Some(Value::Object(_))) => json!([old]),
        (Value::Object(_), Some(Value::Array(_))) => json!({ WAS: old }),
        _ => old.clone(),
    }))
}

/// Returns the difference of two complex values.
fn difference_within(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    budget: &Budget,
) -> Result<Map<String, Value>> {
    of_names(differing_names(old, new), old, new, budget)
}

/// Returns the length of a value as text, in bytes.
fn text_length(value: &Value) -> usize {
    struct Counted(usize);
    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    // Neither counting nor writing a value can fail.
    let _written = serde_json::to_writer(&mut counted, value);
    counted.0
}
