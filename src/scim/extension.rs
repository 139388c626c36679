//! What registered extensions ask of a resource that changes (RFC 7643 sections 2.2 and 7): `required`, `immutable`,
//! and values that were stored before their schema was registered.
//!
//! The functions are pure and read the schema tables alone, so they hold for every schema. When each one runs is said
//! where it is called: an extension that a request does not touch is never judged, or a schema that is registered today
//! would block every later change of the users that came before it, their deactivation too.

use super::order::Ordered;
use super::resource::{canonical, missing, objects};
use super::schema::{Attribute, Mutability, ResourceType, Schema};
use crate::error::{Code, Error, Result};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

type Attributes = Map<String, Value>;

/// What each extension requires that is in `attributes` and that `judged` picks by its URN.
///
/// # Errors
/// 400 `invalidValue` that names the first attribute missing.
pub fn check_required(kind: &ResourceType, attributes: &Attributes, judged: impl Fn(&str) -> bool) -> Result<()> {
    for (schema, object) in present(kind, attributes).filter(|(schema, _)| judged(&schema.id)) {
        if let Some(path) = missing(&schema.attributes, object, &format!("{}:", schema.id)) {
            return Err(Error::new(
                Code::AttributeMissing,
                format!(
                    "{path} is required and is missing. Map it in the identity provider, or leave out all of {}.",
                    schema.id
                ),
            ));
        }
    }
    Ok(())
}

/// A value of an immutable attribute that is set stays as it is (RFC 7644 sections 3.5.1 and 3.5.2). Elements of a
/// multi-valued attribute may come and go; those of one `value` are the same element.
///
/// # Errors
/// 400 `mutability` that names the attribute.
pub fn check_immutable(kind: &ResourceType, old: &Attributes, new: &Attributes) -> Result<()> {
    let empty = Attributes::new();
    let core = changed(kind.common, old, new, "").or_else(|| changed(&kind.schema.attributes, old, new, ""));
    let path = core.or_else(|| {
        present(kind, old).find_map(|(schema, old)| {
            let new = new.get(schema.id.as_ref()).and_then(Value::as_object).unwrap_or(&empty);
            changed(&schema.attributes, old, new, &format!("{}:", schema.id))
        })
    });
    match path {
        None => Ok(()),
        Some(path) => Err(Error::new(
            Code::ImmutableAttribute,
            format!("{path} is immutable: it has a value already, which can neither be changed nor removed."),
        )),
    }
}

/// The path of the first immutable value that differs. Each element is looked up in the new list by its `value`, of which
/// the first one counts.
fn changed(attributes: &[Attribute], old: &Attributes, new: &Attributes, prefix: &str) -> Option<String> {
    attributes.iter().filter(|attribute| has_immutable(attribute)).find_map(|attribute| {
        let name = attribute.name.as_ref();
        let (was, is) = (old.get(name)?, new.get(name));
        let path = format!("{prefix}{name}");
        if attribute.mutability == Mutability::Immutable {
            return (!is.is_some_and(|is| same(was, is))).then_some(path);
        }
        let is = is?;
        let prefix = format!("{path}.");
        if !attribute.multi {
            return objects(was).find_map(|was| changed(&attribute.sub, was, objects(is).next()?, &prefix));
        }
        let mut by_value: BTreeMap<Ordered<'_>, &Attributes> = BTreeMap::new();
        for element in objects(is) {
            if let Some(value) = identity(element) {
                by_value.entry(Ordered(value)).or_insert(element);
            }
        }
        let is = |was| by_value.get(&Ordered(identity(was)?)).copied();
        objects(was).find_map(|was| changed(&attribute.sub, was, is(was)?, &prefix))
    })
}

fn has_immutable(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::Immutable || attribute.sub.iter().any(has_immutable)
}

/// Equal, whatever the order of the elements.
fn same(was: &Value, is: &Value) -> bool {
    match (was, is) {
        (Value::Array(was), Value::Array(is)) => {
            let known: BTreeSet<Ordered<'_>> = is.iter().map(Ordered).collect();
            was.len() == is.len() && was.iter().all(|item| known.contains(&Ordered(item)))
        }
        (was, is) => was == is,
    }
}

fn identity(element: &Attributes) -> Option<&Value> {
    element.get("value")
}

/// Puts back the immutable values that a PUT leaves out: leaving out clears what the client may write, and those it may
/// not.
pub fn keep_immutable(kind: &ResourceType, old: &Attributes, new: &mut Attributes) {
    keep(kind.common, old, new);
    keep(&kind.schema.attributes, old, new);
    for (schema, old) in present(kind, old) {
        let mut inner = match new.remove(schema.id.as_ref()) {
            Some(Value::Object(inner)) => inner,
            _ => Attributes::new(),
        };
        keep(&schema.attributes, old, &mut inner);
        if !inner.is_empty() {
            new.insert(schema.id.to_string(), Value::Object(inner));
        }
    }
}

fn keep(attributes: &[Attribute], old: &Attributes, new: &mut Attributes) {
    for attribute in attributes {
        let name = attribute.name.as_ref();
        match (old.get(name), new.get_mut(name)) {
            (Some(was), None) if attribute.mutability == Mutability::Immutable => {
                new.insert(name.to_owned(), was.clone());
            }
            (Some(Value::Object(was)), Some(Value::Object(is))) => keep(&attribute.sub, was, is),
            _ => {}
        }
    }
}

/// `attributes` with the values of the extensions that `urns` name in their schemas' spelling, before a PATCH looks for
/// them there: they may have been stored as they were sent, before the schema was registered. What does not fit the
/// schema stays as it is.
#[must_use]
pub fn adopted(kind: &ResourceType, mut attributes: Attributes, urns: &[&str]) -> Attributes {
    for schema in urns.iter().filter_map(|urn| kind.extension(urn)) {
        let key = attributes.keys().find(|key| key.eq_ignore_ascii_case(&schema.id)).cloned();
        let Some(value) = key.and_then(|key| attributes.remove(&key)) else { continue };
        let value = match value {
            Value::Object(inner) => inner.into_iter().map(|(key, value)| fit(schema, key, value)).collect(),
            other => other,
        };
        attributes.insert(schema.id.to_string(), value);
    }
    attributes
}

/// What a PATCH of the extensions that `urns` name has made of them.
///
/// # Errors
/// As [`check_immutable`] and [`check_required`].
pub fn check_patched(kind: &ResourceType, old: &Attributes, new: &Attributes, urns: &[&str]) -> Result<()> {
    check_immutable(kind, old, new)?;
    check_required(kind, new, |id| urns.iter().any(|urn| urn.eq_ignore_ascii_case(id)))
}

fn fit(schema: &Schema, key: String, value: Value) -> (String, Value) {
    match schema.attribute(&key) {
        None => (key, value),
        Some(attribute) => {
            let read = canonical(attribute, value.clone(), "", &mut Vec::new());
            (attribute.name.to_string(), read.ok().flatten().unwrap_or(value))
        }
    }
}

fn present<'a>(
    kind: &'a ResourceType,
    attributes: &'a Attributes,
) -> impl Iterator<Item = (&'a Schema, &'a Attributes)> {
    let object = |schema: &Schema| attributes.get(schema.id.as_ref()).and_then(Value::as_object);
    kind.extensions.iter().filter_map(move |schema| Some((schema.as_ref(), object(schema)?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scim::schema::Types;
    use crate::scim::schema::document::Document;
    use proptest::prelude::*;
    use serde_json::json;

    const URN: &str = "urn:acme:Badge";

    fn kind() -> ResourceType {
        let body = json!({"attributes": [
            {"name": "number", "required": true, "mutability": "immutable"},
            {"name": "tags", "multiValued": true, "mutability": "immutable"},
            {"name": "color"},
            {"name": "desk", "type": "complex", "subAttributes": [
                {"name": "floor", "type": "integer", "required": true, "mutability": "immutable"}, {"name": "room"},
            ]},
            {"name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value", "required": true}, {"name": "issued", "mutability": "immutable"},
            ]},
        ]});
        let document = Document::parse(URN, body.to_string().as_bytes()).unwrap();
        Types::with(1, vec![document]).user
    }

    fn resource(extension: &Value) -> Attributes {
        let all = [("title", json!("t")), (URN, extension.clone())];
        all.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    #[test]
    fn required() {
        for (extension, says) in [
            (Value::Null, ""),
            (json!({"number": "1"}), ""),
            (json!({"color": "red"}), "urn:acme:Badge:number is required"),
            (json!({"number": "1", "desk": {"room": "r"}}), "urn:acme:Badge:desk.floor is required"),
            (
                json!({"number": "1", "keys": [{"value": "k"}, {"issued": "i"}]}),
                "urn:acme:Badge:keys.value is required",
            ),
        ] {
            let found = check_required(&kind(), &resource(&extension), |urn| urn == URN);
            let found = found.err().map(|error| error.detail).unwrap_or_default();
            assert!(found.starts_with(says) && found.is_empty() == says.is_empty(), "{extension}: {found}");
            assert_eq!(check_required(&kind(), &resource(&extension), |_| false), Ok(()), "not judged");
        }
    }

    #[test]
    fn immutable() {
        let old = json!({"number": "1", "tags": ["a", "b"], "desk": {"floor": 1, "room": "r"},
                         "keys": [{"value": "k", "issued": "i"}, {"value": "l"}]});
        let with = |name: &str, value: Value| {
            let mut new = old.clone();
            new[name] = value;
            new
        };
        for (new, changed, kept) in [
            (old.clone(), "", old.clone()),
            (with("color", json!("red")), "", with("color", json!("red"))),
            (with("number", json!("2")), "number", with("number", json!("2"))),
            (with("tags", json!(["b", "a"])), "", with("tags", json!(["b", "a"]))),
            (with("tags", json!(["a"])), "tags", with("tags", json!(["a"]))),
            (with("desk", json!({"floor": 2})), "desk.floor", with("desk", json!({"floor": 2}))),
            (with("desk", json!({"room": "s"})), "desk.floor", with("desk", json!({"floor": 1, "room": "s"}))),
            (
                with("keys", json!([{"value": "l", "issued": "j"}])),
                "",
                with("keys", json!([{"value": "l", "issued": "j"}])),
            ),
            (
                with("keys", json!([{"value": "k", "issued": "j"}])),
                "keys.issued",
                with("keys", json!([{"value": "k", "issued": "j"}])),
            ),
            (Value::Null, "number", json!({"number": "1", "tags": ["a", "b"]})),
        ] {
            let found = check_immutable(&kind(), &resource(&old), &resource(&new));
            let wanted = if changed.is_empty() { String::new() } else { format!("{URN}:{changed} is immutable") };
            let detail = found.err().map(|error| error.detail).unwrap_or_default();
            assert!(detail.starts_with(&wanted) && detail.is_empty() == changed.is_empty(), "{new}: {detail}");
            let mut put = resource(&new);
            keep_immutable(&kind(), &resource(&old), &mut put);
            assert_eq!(put, resource(&kept), "{new}");
        }
        assert_eq!(check_immutable(&kind(), &resource(&Value::Null), &resource(&old)), Ok(()), "set once");
    }

    #[test]
    fn values_from_before_the_schema() {
        for (urns, expected) in [
            (vec![], json!({"URN:ACME:badge": {"NUMBER": "1", "Tags": "a", "other": 1}})),
            (vec!["urn:else"], json!({"URN:ACME:badge": {"NUMBER": "1", "Tags": "a", "other": 1}})),
            (vec![URN], json!({URN: {"number": "1", "tags": "a", "other": 1}})),
        ] {
            let mut attributes = Attributes::new();
            attributes.insert("URN:ACME:badge".to_owned(), json!({"NUMBER": "1", "Tags": "a", "other": 1}));
            assert_eq!(Value::Object(adopted(&kind(), attributes, &urns)), expected);
        }
    }

    fn plainly_changed(attributes: &[Attribute], old: &Attributes, new: &Attributes, prefix: &str) -> Option<String> {
        attributes.iter().find_map(|attribute| {
            let name = attribute.name.as_ref();
            let (was, is) = (old.get(name)?, new.get(name));
            let path = format!("{prefix}{name}");
            if attribute.mutability == Mutability::Immutable {
                let same = match (was, is) {
                    (Value::Array(was), Some(Value::Array(is))) => {
                        was.len() == is.len() && was.iter().all(|item| is.contains(item))
                    }
                    (was, is) => Some(was) == is,
                };
                return (!same).then_some(path);
            }
            objects(was).find_map(|was| {
                let is = objects(is?)
                    .find(|is| !attribute.multi || identity(was).is_some_and(|v| identity(is) == Some(v)))?;
                plainly_changed(&attribute.sub, was, is, &format!("{path}."))
            })
        })
    }

    fn extended() -> impl Strategy<Value = Value> {
        let text = || proptest::option::of("[ab]".prop_map(Value::from));
        let key = (text(), text(), text()).prop_map(|(value, issued, color)| {
            let said = [("value", value), ("issued", issued), ("color", color)];
            Value::Object(said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
        });
        let lists = (proptest::collection::vec("[ab]", 0..4), proptest::collection::vec(key, 0..5));
        (lists, text()).prop_map(|((tags, keys), number)| json!({"tags": tags, "keys": keys, "number": number}))
    }

    proptest! {
        #[test]
        fn elements_are_found_as_if_each_were_compared_with_each(old in extended(), new in extended()) {
            let kind = kind();
            let schema = kind.extension(URN).unwrap();
            let (old, new) = (old.as_object().unwrap(), new.as_object().unwrap());
            let found = changed(&schema.attributes, old, new, "x:");
            prop_assert_eq!(found, plainly_changed(&schema.attributes, old, new, "x:"));
        }
    }
}
