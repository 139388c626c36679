//! The rules of a schema for values that a request changes (RFC 7643 sections 2.2 and 7): `required` and `immutable`,
//! of the core and of every extension alike.
//!
//! The functions are pure and compare the stored attributes with the proposed ones. A value that equals the stored one
//! is not judged. So a schema that is registered today never blocks a later change of users from before it, such as
//! their deactivation.

use super::Attributes;
use super::limits::added_elements;
use super::order::Ordered;
use super::resource::{is_kept, objects_in};
use super::schema::{Attribute, Mutability, ResourceType, Schema};
use crate::error::{Code, Error, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the paths of the required attributes that `new` lacks, if the stored resource `old` has them or their object
/// is new: at most `most` of them. `old` is `None` for a new resource. An absent extension requires nothing, and a
/// client need not send what only the server sets.
#[must_use]
pub fn missing_required(kind: &ResourceType, old: Option<&Attributes>, new: &Attributes, most: usize) -> Vec<String> {
    let mut search = RequiredSearch { found: Vec::new(), most };
    search.search_object(&kind.schema.attributes, old, new, "");
    for (schema, object) in present_extensions(kind, new) {
        let stored = old.and_then(|old| old.get(schema.id.as_ref())).and_then(Value::as_object);
        search.search_object(&schema.attributes, stored, object, &format!("{}:", schema.id));
    }
    search.found
}

/// Returns the refusal for a required attribute without a value, by its path.
#[must_use]
pub fn required_refusal(kind: &ResourceType, path: &str) -> Error {
    let extension = kind.extensions.iter().find(|schema| path.starts_with(&format!("{}:", schema.id)));
    let detail = match extension {
        Some(schema) => format!(
            "{path} is required and is missing. Map it in the identity provider, or leave out all of {}.",
            schema.id
        ),
        None => {
            format!("{path} is required for a {} and is missing or empty. Map it in the identity provider.", kind.name)
        }
    };
    Error::new(Code::AttributeMissing, detail)
}

/// Judges the attribute that a resource cannot be without, whatever is stored of it: its name.
///
/// # Errors
/// 400 `invalidValue` that names the attribute.
pub fn check_core(kind: &ResourceType, attributes: &Attributes) -> Result<()> {
    let mut search = RequiredSearch { found: Vec::new(), most: 1 };
    search.search_object(&kind.schema.attributes, None, attributes, "");
    search.found.first().map_or(Ok(()), |path| Err(required_refusal(kind, path)))
}

/// A search for required attributes that have no value.
struct RequiredSearch {
    found: Vec<String>,
    most: usize,
}

impl RequiredSearch {
    /// Searches one object. A part that equals the stored one, or lacks the same attribute, is skipped.
    fn search_object(&mut self, attributes: &[Attribute], old: Option<&Attributes>, new: &Attributes, prefix: &str) {
        for attribute in attributes.iter().filter(|attribute| has_required(attribute)) {
            // A caller that needs one path does not pay for all.
            if self.found.len() >= self.most {
                return;
            }
            let name = attribute.name.as_ref();
            let (was, is) = (old.and_then(|old| old.get(name)), new.get(name));
            let path = format!("{prefix}{name}");
            let Some(is) = is.filter(|is| !is_blank(is)) else {
                // A resource from before the attribute was required may be changed without it.
                let had = old.is_none() || was.is_some_and(|was| !is_blank(was));
                if attribute.required && had {
                    self.found.push(path);
                }
                continue;
            };
            // An unchanged value was judged when it was stored.
            if was != Some(is) {
                let prefix = format!("{path}.");
                for (was, is) in changed_objects(attribute, was, is) {
                    self.search_object(&attribute.sub, was, is, &prefix);
                }
            }
        }
    }
}

fn has_required(attribute: &Attribute) -> bool {
    is_kept(attribute) && (attribute.required || attribute.sub.iter().any(has_required))
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Returns the objects of a changed value, each with the stored one that it was. Elements of a list that did not change
/// are left out. Elements with the same `value` are the same element; those without one are paired in their order.
pub(super) fn changed_objects<'a>(
    attribute: &Attribute,
    was: Option<&'a Value>,
    is: &'a Value,
) -> Vec<(Option<&'a Attributes>, &'a Attributes)> {
    if !attribute.multi {
        let was = was.and_then(|was| objects_in(was).next());
        return objects_in(is).map(|is| (was, is)).collect();
    }
    let list = |value: Option<&'a Value>| value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (was, is) = (list(was), list(Some(is)));
    // Only what differs is paired: the work grows with the change, beside one sorting.
    let (gone, new) = (added_elements(is, was), added_elements(was, is));
    let by_value = by_value(gone.iter().filter_map(|gone| gone.as_object()));
    let mut others = gone.iter().filter_map(|gone| gone.as_object()).filter(|gone| element_identity(gone).is_none());
    let same = |element: &Attributes, others: &mut dyn Iterator<Item = &'a Attributes>| match element_identity(element)
    {
        Some(value) => by_value.get(&Ordered(value)).copied(),
        None => others.next(),
    };
    new.into_iter().filter_map(Value::as_object).map(|element| (same(element, &mut others), element)).collect()
}

/// Returns the elements by their `value`; the first of equal ones counts.
fn by_value<'a>(elements: impl Iterator<Item = &'a Attributes>) -> BTreeMap<Ordered<'a>, &'a Attributes> {
    let mut by_value = BTreeMap::new();
    for element in elements {
        if let Some(value) = element_identity(element) {
            by_value.entry(Ordered(value)).or_insert(element);
        }
    }
    by_value
}

/// Refuses a change of an immutable attribute that has a value (RFC 7644 sections 3.5.1 and 3.5.2). Elements of a
/// multi-valued attribute may come and go; those with the same `value` are the same element.
///
/// # Errors
/// 400 `mutability` that names the attribute.
pub fn check_immutable(kind: &ResourceType, old: &Attributes, new: &Attributes) -> Result<()> {
    let empty = Attributes::new();
    let core = first_changed_immutable(kind.common, old, new, "")
        .or_else(|| first_changed_immutable(&kind.schema.attributes, old, new, ""));
    let path = core.or_else(|| {
        present_extensions(kind, old).find_map(|(schema, old)| {
            let new = new.get(schema.id.as_ref()).and_then(Value::as_object).unwrap_or(&empty);
            first_changed_immutable(&schema.attributes, old, new, &format!("{}:", schema.id))
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

/// Returns the path of the first immutable value that differs. Each element is looked up in the new list by its
/// `value`; the first of equal ones counts.
fn first_changed_immutable(
    attributes: &[Attribute],
    old: &Attributes,
    new: &Attributes,
    prefix: &str,
) -> Option<String> {
    attributes.iter().filter(|attribute| has_immutable(attribute)).find_map(|attribute| {
        let name = attribute.name.as_ref();
        let (was, is) = (old.get(name)?, new.get(name));
        if is == Some(was) {
            return None;
        }
        let path = format!("{prefix}{name}");
        if attribute.mutability == Mutability::Immutable {
            // The order of a list has no meaning, so a client may send another.
            return (!is.is_some_and(|is| equals_in_any_order(was, is))).then_some(path);
        }
        let prefix = format!("{path}.");
        if !attribute.multi {
            // Removing the whole value would remove the immutable one too, and let the next request set another.
            let empty = Attributes::new();
            let is = is.and_then(|is| objects_in(is).next()).unwrap_or(&empty);
            return objects_in(was).find_map(|was| first_changed_immutable(&attribute.sub, was, is, &prefix));
        }
        // Elements may go; one that stays must keep its immutable parts.
        let by_value = by_value(objects_in(is?));
        let is = |was| by_value.get(&Ordered(element_identity(was)?)).copied();
        objects_in(was).find_map(|was| first_changed_immutable(&attribute.sub, was, is(was)?, &prefix))
    })
}

fn has_immutable(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::Immutable || attribute.sub.iter().any(has_immutable)
}

/// Returns true if the values are equal, whatever the order of the elements.
fn equals_in_any_order(was: &Value, is: &Value) -> bool {
    match (was, is) {
        (Value::Array(was), Value::Array(is)) => {
            let known: BTreeSet<Ordered<'_>> = is.iter().map(Ordered).collect();
            was.len() == is.len() && was.iter().all(|item| known.contains(&Ordered(item)))
        }
        (was, is) => was == is,
    }
}

fn element_identity(element: &Attributes) -> Option<&Value> {
    element.get("value")
}

/// Restores the immutable values that a PUT leaves out. Leaving out clears only what the client may write. An omitted
/// object that holds an immutable value also gets back the values that it requires.
pub fn keep_immutable(kind: &ResourceType, old: &Attributes, new: &mut Attributes) {
    keep_all(kind.common, old, new);
    keep_all(&kind.schema.attributes, old, new);
    for (schema, old) in present_extensions(kind, old) {
        keep_inside(&schema.attributes, &schema.id, old, new);
    }
}

/// Restores the immutable values of one object, and the object itself if the request does not mention it.
fn keep_inside(attributes: &[Attribute], name: &str, old: &Attributes, new: &mut Attributes) {
    match new.get_mut(name) {
        Some(Value::Object(said)) => keep_all(attributes, old, said),
        // A value of another type is refused elsewhere.
        Some(_) => {}
        None => {
            let mut kept = Attributes::new();
            keep_all(attributes, old, &mut kept);
            if !kept.is_empty() {
                // Without them the restored object would break the schema.
                let required = attributes.iter().filter(|attribute| attribute.required);
                for name in required.map(|attribute| attribute.name.as_ref()) {
                    if let (None, Some(was)) = (kept.get(name), old.get(name)) {
                        kept.insert(name.to_owned(), was.clone());
                    }
                }
                new.insert(name.to_owned(), Value::Object(kept));
            }
        }
    }
}

fn keep_all(attributes: &[Attribute], old: &Attributes, new: &mut Attributes) {
    for attribute in attributes.iter().filter(|attribute| has_immutable(attribute)) {
        let name = attribute.name.as_ref();
        match (old.get(name), new.get(name)) {
            (Some(was), None) if attribute.mutability == Mutability::Immutable => {
                new.insert(name.to_owned(), was.clone());
            }
            (Some(Value::Object(was)), _) if !attribute.multi => keep_inside(&attribute.sub, name, was, new),
            _ => {}
        }
    }
}

pub(super) fn present_extensions<'a>(
    kind: &'a ResourceType,
    attributes: &'a Attributes,
) -> impl Iterator<Item = (&'a Schema, &'a Attributes)> {
    let object = |schema: &Schema| attributes.get(schema.id.as_ref()).and_then(Value::as_object);
    kind.extensions.iter().filter_map(move |schema| Some((schema.as_ref(), object(schema)?)))
}

#[cfg(test)]
mod tests;
