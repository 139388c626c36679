//! Finds the values of a body that may be those that are stored, but that the schema does not take as they were sent.

use super::Reading;
use crate::dialect::{self, Repairs};
use crate::error::Result;
use crate::scim::echo::{Echo, EchoPart, Otherwise};
use crate::scim::filter::Target;
use crate::scim::json::{Checked, Object};
use crate::scim::resource::{RefusedAttribute, canonical_value, is_kept, is_unassigned};
use crate::scim::schema::{Attribute, ResourceType, Type};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Finds those in the body of a PUT. `refused` are the attributes that could not be read.
///
/// # Errors
/// The first refusal of a value that cannot be compared with a stored one.
pub(super) fn of_body(
    kind: &ResourceType,
    body: &Object<'_>,
    refused: &[RefusedAttribute],
    reading: &Reading,
) -> Result<Vec<Echo>> {
    let mut search = Search { reading, refused, found: Vec::new() };
    for (name, value) in body.iter() {
        let name = if reading.runs_repairs() {
            dialect::urn_alias(name.to_owned(), &mut Repairs::default())
        } else {
            name.into()
        };
        if let Some(attribute) = kind.attribute(&name) {
            search.compare_attribute(None, Some(attribute), &name, value);
        } else if let Some(schema) = kind.extension(&name) {
            match value.object() {
                Some(object) => object.iter().for_each(|(name, value)| {
                    search.compare_attribute(Some(&schema.id), schema.attribute(name), name, value)
                }),
                None => search.find_misplaced(&schema.id, value),
            }
        }
    }
    // A refusal that can be compared with a stored value is decided by the object; any other is one now.
    let is_found = |one: &RefusedAttribute| {
        let place = |echo: &Echo| echo.target.urn == one.urn && echo.target.name == one.name;
        search.found.iter().any(|echo| place(echo) && echo.is_refusal())
    };
    match refused.iter().find(|one| !is_found(one)) {
        Some(one) => Err(one.error.clone()),
        None => Ok(search.found),
    }
}

/// Finds those in the value of one operation of a PATCH, whose path chooses no elements. `read` is what was read of it.
pub(super) fn of_value(
    attribute: &Attribute,
    target: &Target,
    value: Checked<'_>,
    read: &Result<Value>,
    reading: &Reading,
) -> Vec<Echo> {
    let mut search = Search { reading, refused: &[], found: Vec::new() };
    // The value is read a second time, unmended: what is stored is compared with what was sent.
    let Some(sent) = reading.guide.build_again(value) else { return search.found };
    // In parts, so that one new element beside nine unchanged ones is judged alone.
    let in_parts = if attribute.multi { sent.is_array() } else { sent.is_object() && attribute.kind == Type::Complex };
    if in_parts {
        let path = target.to_string();
        let prefix = path.strip_suffix(attribute.name.as_ref()).unwrap_or_default();
        search.compare_value(attribute, target.clone(), prefix, sent, read.is_err());
    } else if !is_unassigned(&sent) {
        let otherwise = match read {
            Ok(value) => Otherwise::Read(value.clone()),
            Err(error) => Otherwise::Refusal(error.clone()),
        };
        let part = EchoPart { sent, otherwise, unknown: Vec::new() };
        search.found.push(Echo { target: target.clone(), list: false, parts: vec![part] });
    }
    search.found
}

/// Returns the unknown names that no echo tells the object, which notes those of what is dropped.
pub(super) fn names_without_echo(echoes: &[Echo], mut unknown: Vec<String>) -> Vec<String> {
    let told: BTreeSet<&String> = echoes.iter().flat_map(|echo| &echo.parts).flat_map(|part| &part.unknown).collect();
    unknown.retain(|name| !told.contains(name));
    unknown
}

/// Returns true for the attributes of the core of which a part can have been stored otherwise. The core has had its types from
/// the beginning, and what is refused of its plain values is refused at once.
pub(super) fn has_parts(attribute: &Attribute) -> bool {
    attribute.multi || attribute.kind == Type::Complex
}

struct Search<'a, 'r> {
    reading: &'a Reading,
    refused: &'r [RefusedAttribute],
    found: Vec<Echo>,
}

impl Search<'_, '_> {
    /// Looks at an attribute of the core or of an extension.
    fn compare_attribute(&mut self, urn: Option<&str>, attribute: Option<&Attribute>, name: &str, value: Checked<'_>) {
        let prefix = urn.map(|urn| format!("{urn}:")).unwrap_or_default();
        let target = |name: &str| Target { urn: urn.map(str::to_owned), name: name.to_owned(), sub: None };
        // Unknown to the schema, but it may be stored from before the schema was registered.
        let Some(attribute) = attribute else {
            if let Some(sent) = self.reading.guide.build_again(value) {
                self.push_unknown(target(name), format!("{prefix}{name}"), sent);
            }
            return;
        };
        let target = target(&attribute.name);
        let is_refused = self.refused.iter().any(|one| one.urn == target.urn && one.name == target.name);
        // An extension may have been stored before it was registered; the core has always had its types.
        if is_kept(attribute)
            && (urn.is_some() || is_refused && has_parts(attribute))
            && let Some(sent) = self.reading.guide.build_again(value)
        {
            self.compare_value(attribute, target, &prefix, sent, is_refused);
        }
    }

    /// Finds a value under the URN of a registered extension that is no object.
    fn find_misplaced(&mut self, urn: &str, value: Checked<'_>) {
        let refused = self.refused.iter().find(|one| one.urn.is_none() && one.name == urn);
        // A text or number where the extension's object belongs: stored whole if the schema came later.
        if let (Some(refused), Some(sent)) = (refused, self.reading.guide.build_again(value)) {
            let target = Target { urn: None, name: urn.to_owned(), sub: None };
            let part = EchoPart { sent, otherwise: Otherwise::Refusal(refused.error.clone()), unknown: Vec::new() };
            self.found.push(Echo { target, list: false, parts: vec![part] });
        }
    }

    /// Looks at a value. With `is_refused` nothing of the attribute was read, so its valid parts belong to the result too.
    fn compare_value(&mut self, attribute: &Attribute, target: Target, prefix: &str, sent: Value, is_refused: bool) {
        let (list, parts) = match sent {
            Value::Object(map) if !attribute.multi && attribute.kind == Type::Complex => {
                return self.compare_object(
                    attribute,
                    &target,
                    &format!("{prefix}{}.", attribute.name),
                    map,
                    is_refused,
                );
            }
            Value::Array(items) if attribute.multi => {
                // An unassigned element is never stored, so it cannot be an echo.
                let items = items.into_iter().filter(|item| !is_unassigned(item));
                (true, items.map(|item| self.read_part(attribute, prefix, item, true)).collect())
            }
            sent if is_unassigned(&sent) => return,
            sent => (false, vec![self.read_part(attribute, prefix, sent, false)]),
        };
        if is_refused || parts.iter().any(|part: &EchoPart| part.otherwise != Otherwise::Same) {
            self.found.push(Echo { target, list, parts });
        }
    }

    /// Looks at each part of a complex value.
    fn compare_object(
        &mut self,
        attribute: &Attribute,
        target: &Target,
        prefix: &str,
        map: Map<String, Value>,
        is_refused: bool,
    ) {
        for (name, value) in map {
            let target = |name: String| Target { sub: Some(name), ..target.clone() };
            match attribute.sub(&name) {
                Some(sub) if is_kept(sub) => {
                    self.compare_value(sub, target(sub.name.to_string()), prefix, value, is_refused)
                }
                Some(_) => {}
                None => self.push_unknown(target(name.clone()), format!("{prefix}{name}"), value),
            }
        }
    }

    fn push_unknown(&mut self, target: Target, path: String, sent: Value) {
        if !sent.is_null() {
            let part = EchoPart { sent, otherwise: Otherwise::Read(Value::Null), unknown: vec![path] };
            self.found.push(Echo { target, list: false, parts: vec![part] });
        }
    }

    /// Reads one value, or with `listed` one element, as the body was read.
    fn read_part(&self, attribute: &Attribute, prefix: &str, sent: Value, listed: bool) -> EchoPart {
        let mut unknown = Vec::new();
        // One element alone in a list: its reading does not depend on its neighbours.
        let value = if listed { Value::Array(vec![sent.clone()]) } else { sent.clone() };
        let value = if self.reading.runs_repairs() {
            dialect::mend_value(attribute, value, &mut Repairs::default())
        } else {
            value
        };
        let otherwise = match canonical_value(attribute, value, prefix, &mut unknown) {
            Err(error) => Otherwise::Refusal(error),
            Ok(read) => {
                // The list was made for the reading alone; its one element is compared.
                let read = match read {
                    Some(Value::Array(mut items)) if listed => items.pop(),
                    read => read,
                };
                let read = read.unwrap_or_default();
                if read == sent && unknown.is_empty() { Otherwise::Same } else { Otherwise::Read(read) }
            }
        };
        EchoPart { sent, otherwise, unknown }
    }
}
