//! Values that a client sends back as it read them, though the schema does not take them so: they were stored before the
//! schema was registered, or had changed. Only the stored resource can tell such a value from a wrong one, so the reader of a
//! request passes on both: what was sent, and what is to become of it unless it is stored just so.

use super::Attributes;
use super::filter::Target;
use super::order::Ordered;
use super::primary::keep_first_primary;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One value of a request that is not what was read of it. The serialised form is part of a versioned command: names are
/// never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Echo {
    /// Where it stands.
    pub target: Target,
    /// The parts are the elements of a list; else there is one part, which is all of the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
    /// The values that were sent.
    pub parts: Vec<EchoPart>,
}

/// A value or an element of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EchoPart {
    /// As it was sent.
    pub sent: Value,
    /// The meaning if it is not stored exactly so.
    pub otherwise: Otherwise,
    /// The names in it that no schema knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// The meaning of a value that is not stored as it was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Otherwise {
    /// It is taken as it was sent.
    Same,
    /// It is read as another value, or as none: `null`.
    Read(Value),
    /// It is refused.
    Refusal(Error),
}

impl Echo {
    /// Returns true if the value is refused unless it is stored.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.otherwise, Otherwise::Refusal(_)))
    }

    /// Returns true if no schema knows the attribute itself.
    fn is_unknown(&self) -> bool {
        !self.list
            && self.parts.iter().any(|part| part.otherwise == Otherwise::Read(Value::Null) && !part.unknown.is_empty())
    }

    /// Returns the value that is meant where `stored` is what stands there; `None` if what was read holds. The names of what
    /// is dropped are added to `dropped`.
    ///
    /// # Errors
    /// The refusal of the first part that is neither stored nor allowed.
    pub fn settled_value(&self, stored: Option<&Value>, dropped: &mut Vec<String>) -> Result<Option<Value>> {
        // How often each stored value may be repeated.
        let mut left: BTreeMap<Ordered<'_>, usize> = BTreeMap::new();
        let stored = match stored {
            Some(Value::Array(items)) if self.list => items.as_slice(),
            Some(one) if !self.list => std::slice::from_ref(one),
            _ => &[],
        };
        stored.iter().for_each(|value| *left.entry(Ordered(value)).or_default() += 1);
        let (mut values, mut holds) = (Vec::with_capacity(self.parts.len()), true);
        for EchoPart { sent, otherwise, unknown } in &self.parts {
            // A stored value excuses one repetition: a second one is new.
            let count = left.get_mut(&Ordered(sent)).filter(|count| **count > 0);
            let is_stored = count.map(|count| *count -= 1).is_some();
            values.push(match otherwise {
                Otherwise::Refusal(error) if !is_stored => return Err(error.clone()),
                Otherwise::Read(value) if !is_stored => {
                    dropped.extend_from_slice(unknown);
                    value.clone()
                }
                Otherwise::Same => sent.clone(),
                // It is stored as it was sent, so the stored form stays and what was read does not hold.
                Otherwise::Read(_) | Otherwise::Refusal(_) => {
                    holds = false;
                    sent.clone()
                }
            });
        }
        // No part is an echo: the canonical value that was read before is right.
        if holds && self.parts.iter().any(|part| part.otherwise != Otherwise::Same) {
            return Ok(None);
        }
        if !self.list {
            return Ok(values.pop());
        }
        // A part that was read as no value leaves no element.
        values.retain(|value| !value.is_null());
        keep_first_primary(&mut values);
        Ok(Some(Value::Array(values)))
    }
}

/// Puts the values that are stored as they were sent into the attributes that were read of a whole resource. Returns the
/// names of what was dropped.
///
/// # Errors
/// The refusal of the first value that is not stored as it was sent.
pub fn settle_all(echoes: &[Echo], stored: &Attributes, new: &mut Attributes) -> Result<Vec<String>> {
    let mut dropped = Vec::new();
    for echo in echoes {
        let was = value_at(stored, &echo.target);
        let value = echo.settled_value(was, &mut dropped)?;
        // An unknown attribute keeps its stored value, as by a PATCH.
        if let Some(value) = value.or_else(|| was.filter(|_| echo.is_unknown()).cloned()) {
            put_at(new, &echo.target, value);
        }
    }
    Ok(dropped)
}

/// Returns what stands at a place.
pub(super) fn value_at<'a>(attributes: &'a Attributes, target: &Target) -> Option<&'a Value> {
    let inside = match &target.urn {
        None => attributes,
        Some(urn) => attributes.get(urn)?.as_object()?,
    };
    let value = inside.get(&target.name)?;
    match &target.sub {
        None => Some(value),
        Some(sub) => value.as_object()?.get(sub),
    }
}

fn put_at(attributes: &mut Attributes, target: &Target, value: Value) {
    let Target { urn, name, sub } = target;
    let mut inside = Some(attributes);
    for outer in urn.iter().chain(sub.is_some().then_some(name)) {
        let holder = inside.and_then(|inside| {
            let holder = inside.entry(outer.as_str()).or_insert_with(|| Value::Object(Map::new()));
            if !holder.is_object() {
                *holder = Value::Object(Map::new());
            }
            holder.as_object_mut()
        });
        inside = holder;
    }
    if let Some(inside) = inside {
        inside.insert(sub.as_ref().unwrap_or(name).clone(), value);
    }
}
