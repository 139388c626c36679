//! JSON values as keys: an order in which two values are equal exactly where `==` says so, so that a value is found in
//! a sorted map instead of by comparing it with all. And the weight of a value: how much work it is.

use serde_json::{Map, Number, Value};
use std::cmp::Ordering;

/// A value that can be a key of a sorted map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ordered<'a>(pub(super) &'a Value);

impl Ord for Ordered<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_json(self.0, other.0)
    }
}

impl PartialOrd for Ordered<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered<'_> {}

/// Orders two values: by their type, then by their content.
pub(super) fn compare_json(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => order_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let different = a.iter().zip(b).map(|(a, b)| compare_json(a, b)).find(|ordering| ordering.is_ne());
            different.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => order_objects(a, b, ""),
        (a, b) => type_rank(a).cmp(&type_rank(b)),
    }
}

/// Orders two objects by their names and values, as if neither had the name `without`.
pub(super) fn order_objects(a: &Map<String, Value>, b: &Map<String, Value>, without: &str) -> Ordering {
    let mut left = a.iter().filter(|(name, _)| *name != without);
    let mut right = b.iter().filter(|(name, _)| *name != without);
    loop {
        let ordering = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some((a, x)), Some((b, y))) => a.cmp(b).then_with(|| compare_json(x, y)),
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

fn type_rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// Orders two numbers. As for `==`, 1 and 1.0 are two numbers.
fn order_numbers(a: &Number, b: &Number) -> Ordering {
    let whole = |number: &Number| number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    let float = |number: &Number| number.as_f64().unwrap_or_default();
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        // No number of JSON is a NaN.
        (None, None) => float(a).partial_cmp(&float(b)).unwrap_or(Ordering::Equal),
    }
}

/// Bytes of text that are as much work to read as one value.
const BYTES_A_UNIT: usize = 256;
/// Bytes that are as much work to fold, in a text that is not ASCII.
const FOLDED_BYTES_A_UNIT: usize = 4;

/// Returns the units of looking at a value once: one for each value in it, and for its texts by their length.
pub(super) fn units_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + text.len() / BYTES_A_UNIT,
        Value::Array(items) => 1 + units_of_all(items),
        Value::Object(map) => 1 + map.values().map(units_of).sum::<usize>(),
    }
}

/// Returns the units of looking at each of these values once.
pub(super) fn units_of_all(values: &[Value]) -> usize {
    values.iter().map(units_of).sum()
}

/// Returns the units of folding all texts of these values that are not ASCII; ASCII costs nothing beside them.
pub(super) fn folding_units(values: &[Value]) -> usize {
    fn wide_bytes(value: &Value) -> usize {
        match value {
            Value::String(text) if !text.is_ascii() => text.len(),
            Value::Array(items) => items.iter().map(wide_bytes).sum(),
            Value::Object(map) => map.values().map(wide_bytes).sum(),
            _ => 0,
        }
    }
    values.iter().map(wide_bytes).sum::<usize>() / FOLDED_BYTES_A_UNIT
}

/// Returns the units of trying one comparison on each of these elements, besides [`folding_units`], which is done once.
pub(super) fn trial_units(elements: &[Value]) -> usize {
    fn text_bytes(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(text_bytes).sum(),
            Value::Object(map) => map.values().map(text_bytes).sum(),
            _ => 0,
        }
    }
    elements.len() + elements.iter().map(text_bytes).sum::<usize>() / BYTES_A_UNIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            prop_oneof![
                Just(json!(0.0)),
                Just(json!(-0.0)),
                Just(json!(1)),
                Just(json!(1.0)),
                Just(json!(-1)),
                Just(json!(u64::MAX))
            ],
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_an_order_and_equal_is_equal(a in value(), b in value(), c in value()) {
            prop_assert_eq!(compare_json(&a, &b).is_eq(), a == b, "{} {}", a, b);
            prop_assert_eq!(compare_json(&a, &b), compare_json(&b, &a).reverse(), "{} {}", a, b);
            if compare_json(&a, &b).is_le() && compare_json(&b, &c).is_le() {
                prop_assert!(compare_json(&a, &c).is_le(), "{} {} {}", a, b, c);
            }
        }
    }

    #[test]
    fn long_texts_weigh_more() {
        assert_eq!(units_of(&json!({"value": "a", "primary": true})), 3);
        assert_eq!(units_of(&json!(["a".repeat(2560)])), 12);
        let (plain, wide) = ([json!({"value": "a".repeat(2560)})], [json!({"value": "\u{e4}".repeat(1280)})]);
        assert_eq!((trial_units(&plain), folding_units(&plain)), (11, 0));
        assert_eq!((trial_units(&wide), folding_units(&wide)), (11, 640));
    }
}
