//! Differences: their form, that they can be undone, and that they are never long.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use proptest::prelude::*;

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Shows the form as a reader of the storage finds it.
#[test]
fn what_is_told() {
    let roles = |range: std::ops::Range<usize>| -> Vec<Value> {
        range.map(|n| json!({"value": format!("a role of number {n}"), "type": "t"})).collect()
    };
    let mut gone = roles(0..504);
    gone[500] = json!({"other": "x"});
    let now: Vec<Value> = roles(0..500).into_iter().chain([json!({"new": true})]).chain(roles(501..504)).collect();
    let urn = "urn:x:y:User";
    for (old, new, told) in [
        (json!({"title": "a", "nickName": "n"}), json!({"title": "b", "nickName": "n"}), json!({"title": "a"})),
        (json!({"schemas": ["a"]}), json!({"title": "b"}), json!({"title": null})),
        (
            json!({"name": {"givenName": "Ada", "familyName": "King"}}),
            json!({"name": {"givenName": "Ada", "familyName": "Lovelace", "middleName": "M"}}),
            json!({"name": {"familyName": "King", "middleName": null}}),
        ),
        (json!({"name": {"givenName": "Ada"}}), json!({}), json!({"name": {"givenName": "Ada"}})),
        (json!({}), json!({"name": {"givenName": "Ada"}}), json!({"name": null})),
        (
            json!({urn: {"manager": {"value": "1", "displayName": "M"}, "costCenter": "c"}}),
            json!({urn: {"manager": {"value": "2", "displayName": "M"}, "costCenter": "c"}}),
            json!({urn: {"manager": {"value": "1"}}}),
        ),
        // Many new sub-attributes beside one old: it is shorter as it was.
        (
            json!({urn: {"a": 1}}),
            json!({urn: {"department": 1, "division": 2, "organization": 3}}),
            json!({urn: [{"a": 1}]}),
        ),
        (
            json!({"roles": gone}),
            json!({"roles": now}),
            json!({"roles": {"was": [[0, 500], {"other": "x"}, [501, 3]]}}),
        ),
        (
            json!({"roles": roles(0..100)}),
            json!({"roles": roles(1..101)}),
            json!({"roles": {"was": [roles(0..1)[0], [0, 99]]}}),
        ),
        (json!({"tags": [1, 2, 3]}), json!({"tags": [1, 2, 3, 4]}), json!({"tags": [1, 2, 3]})),
        (
            json!({"tags": ["0123456789", "abcdefghij", 7]}),
            json!({"tags": ["abcdefghij", "0123456789", "x"]}),
            json!({"tags": {"was": [[1, 1], [0, 1], 7]}}),
        ),
        (json!({"tags": ["a"]}), json!({}), json!({"tags": ["a"]})),
        // Each value changed in the same way, and one of them in its own.
        (
            json!({"roles": roles(0..50)}),
            json!({"roles": roles(0..50).into_iter().map(|mut role| { role["type"] = json!("u"); role }).collect::<Vec<_>>()}),
            json!({"roles": {"was": [[0, 50, {"type": "t"}]]}}),
        ),
        // A sub-attribute that bears the name.
        (
            json!({urn: {"was": ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]}}),
            json!({urn: {"was": ["bbbbbbbbbbbb", "aaaaaaaaaaaa", "cc"]}}),
            json!({urn: {"was": {"was": [[1, 1], [0, 1]]}}}),
        ),
        (json!({urn: {"was": [1]}}), json!({urn: {"x": 1}}), json!({urn: [{"was": [1]}]})),
        // The type of an attribute was another one: a schema was registered anew.
        (json!({"x": {"was": [1]}}), json!({"x": [1]}), json!({"x": {"was": {"was": [1]}}})),
        (json!({"x": [{"was": 1}]}), json!({"x": {"was": 1}}), json!({"x": [[{"was": 1}]]})),
    ] {
        let found = difference(&map(&old), &map(&new), &Budget::new()).unwrap();
        assert_eq!(Value::Object(found.clone()), told, "{old} {new}");
        let mut before = map(&old);
        before.remove("schemas");
        assert_eq!(restore(&map(&new), &found), before, "{old} {new}");
    }
}

/// A changed value of a list is described by its new form, wherever that stands: the difference is short although the
/// value is long.
#[test]
fn a_changed_value_is_found() {
    let long = |letter: &str| letter.repeat(2000);
    let role = |value: &str, display: &str, kind: &str| json!({"value": long(value), "display": display, "type": kind});
    let small = |kind: &str| json!({"value": "a", "type": kind});
    for (old, new) in [
        // In place, behind what is gone, before what is gone, and with another that moved to the end.
        (vec![role("a", "x", "t"), role("b", "x", "t")], vec![role("a", "y", "t"), role("b", "z", "t")]),
        (vec![small("t"), role("a", "x", "t")], vec![role("a", "y", "t")]),
        (vec![role("a", "x", "t"), small("t")], vec![role("a", "y", "t")]),
        (vec![small("t"), role("a", "x", "t")], vec![role("a", "y", "t"), small("u")]),
        (
            vec![role("b", "1", "t"), small("t"), role("b", "2", "t"), role("b", "3", "t")],
            vec![role("b", "1", "t"), role("b", "2", "u"), role("b", "3", "t"), small("u")],
        ),
        // Two that share a long value, told apart by another.
        (
            vec![json!({"value": long("a"), "display": long("b")}), json!({"value": long("a"), "display": long("c")})],
            vec![
                json!({"value": long("a"), "display": long("c"), "type": "t"}),
                json!({"value": long("a"), "display": long("b"), "type": "t"}),
            ],
        ),
    ] {
        let (old, new) = (map(&json!({ "roles": old })), map(&json!({ "roles": new })));
        let told = difference(&old, &new, &Budget::new()).unwrap();
        assert_eq!(restore(&new, &told), old);
        assert!(text_length(&Value::Object(told.clone())) < 120, "{told:?}");
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![any::<bool>().prop_map(Value::from), (0..3).prop_map(Value::from), "[ab]{0,12}".prop_map(Value::from)]
}

/// Makes a document as it can be stored: no `null`, and no list in a list. There are few names and values, so that many
/// are equal.
fn document() -> impl Strategy<Value = Map<String, Value>> {
    let name =
        || prop_oneof![Just("was"), Just("a"), Just("b"), Just("value"), Just("urn:x:y")].prop_map(str::to_owned);
    let object = move |inner: BoxedStrategy<Value>| {
        proptest::collection::btree_map(name(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect()))
    };
    let list = |inner: BoxedStrategy<Value>| proptest::collection::vec(inner, 0..8).prop_map(Value::from);
    let complex = object(prop_oneof![leaf(), list(leaf().boxed())].boxed());
    let value = || prop_oneof![leaf(), complex.clone(), list(prop_oneof![leaf(), complex.clone()].boxed())];
    object(prop_oneof![value(), object(value().boxed())].boxed()).prop_map(|value| map(&value))
}

/// Changes a document somewhere, as a PATCH does.
fn changed(old: &Map<String, Value>, other: &Map<String, Value>, mut seed: u64) -> Map<String, Value> {
    fn walk(value: &mut Value, with: &Value, seed: &mut u64) {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = (*seed >> 33) as usize;
        match value {
            Value::Array(items) if !items.is_empty() && !number.is_multiple_of(3) => {
                let at = number % items.len();
                match number % 5 {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    2 => items.swap(at, 0),
                    _ => walk(&mut items[at], &json!("new"), seed),
                }
            }
            Value::Object(map) if !map.is_empty() && !number.is_multiple_of(3) => {
                let name = map.keys().nth(number % map.len()).unwrap().clone();
                match number % 4 {
                    0 => drop(map.remove(&name)),
                    1 => drop(map.insert("b".to_owned(), json!("added"))),
                    _ => walk(map.get_mut(&name).unwrap(), with, seed),
                }
            }
            _ => *value = with.clone(),
        }
    }
    let mut new = old.clone();
    if let Some((name, with)) = other.iter().next() {
        let mut value = new.remove(name).unwrap_or_else(|| with.clone());
        walk(&mut value, with, &mut seed);
        new.insert(name.clone(), value);
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_change_is_undone(old in document(), other in document(), seed in any::<u64>(), any in any::<bool>()) {
        let new = if any { other } else { changed(&old, &other, seed) };
        let told = difference(&old, &new, &Budget::new()).unwrap();
        // As it is stored and read.
        let told: Map<String, Value> = serde_json::from_str(&Value::Object(told).to_string()).unwrap();
        prop_assert_eq!(restore(&new, &told), old.clone());
        prop_assert_eq!(told.is_empty(), old == new);
        // Beside the attributes that differ as they were: `{"was":` and `}` around each at most.
        let whole: Map<String, Value> = differing_names(&old, &new)
            .filter(|name| old.get(*name) != new.get(*name))
            .map(|name| (name.clone(), old.get(name).cloned().unwrap_or_default()))
            .collect();
        let most = text_length(&Value::Object(whole.clone())) + 8 * whole.len();
        prop_assert!(text_length(&Value::Object(told.clone())) <= most, "{:?} {:?}", told, whole);
    }
}
