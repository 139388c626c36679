//! Which attributes an answer has: `attributes`, `excludedAttributes` (RFC 7644 section 3.9) and each attribute's own
//! `returned` (RFC 7643 section 7).
//!
//! Names are kept as they were sent and looked up where they are applied, because one request may answer resources of
//! both types. A name that no schema knows is looked up by itself: an unknown name removes nothing, and the parts of an
//! unregistered extension can be named like any others.

use crate::error::{Code, Error, Result};
use crate::scim::etag::Tags;
use crate::scim::schema::{Attribute, GROUP, Mutability, ResourceType, Returned, USER};
use crate::scim::urn::text_after;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most names that the two lists may have together.
const NAMES_MAX: usize = 500;

/// The two lists of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// `attributes`; `None` for the default ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wanted: Option<Vec<String>>,
    /// `excludedAttributes`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    excluded: Vec<String>,
    /// `If-None-Match` of a GET: the client has a resource with one of these tags already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Tags>,
}

impl Projection {
    /// Reads the two query parameters.
    pub fn parse(query: &[(String, String)]) -> Self {
        let list = |wanted: &str| {
            let found = query.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.into_iter().flat_map(|(_, text)| text.split(',')).map(str::to_owned).collect()
        };
        Self::new(list("attributes"), list("excludedAttributes"))
    }

    /// Takes the two lists of a search request (RFC 7644 section 3.4.3). An empty list counts as absent.
    pub fn new(attributes: Vec<String>, excluded: Vec<String>) -> Self {
        let names = |list: Vec<String>| -> Vec<String> {
            list.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        Self {
            wanted: Some(names(attributes)).filter(|names| !names.is_empty()),
            excluded: names(excluded),
            known: None,
        }
    }

    /// Adds the tags for which the answer is 304 (RFC 7644 section 3.14).
    #[must_use]
    pub fn unless_known(self, known: Option<Tags>) -> Self {
        Self { known, ..self }
    }

    /// Refuses lists of very many names: each resource of an answer is compared with all of them.
    ///
    /// # Errors
    /// 400 `tooMany` above [`NAMES_MAX`] names.
    pub fn check_count(&self) -> Result<()> {
        let count = self.wanted.as_ref().map_or(0, Vec::len) + self.excluded.len();
        if count <= NAMES_MAX {
            return Ok(());
        }
        let detail = format!(
            "attributes and excludedAttributes have {count} names; at most {NAMES_MAX} are allowed. Name the \
             attributes that are needed, or none."
        );
        Err(Error::new(Code::TooMuchWork, detail))
    }

    /// Returns true if the request names neither.
    pub fn is_default(&self) -> bool {
        self.wanted.is_none() && self.excluded.is_empty()
    }

    /// Returns true if any part of a core attribute that is returned by default is in the answer.
    pub fn shows_core(&self, name: &str) -> bool {
        let of = |names: &[String], fits: fn(&str) -> bool| {
            let cores = [USER, GROUP].into_iter().flat_map(|urn| core_names(names, urn));
            cores.filter_map(|path| if path.is_empty() { Some("") } else { path_under(path, name) }).any(fits)
        };
        self.wanted.as_deref().is_none_or(|names| of(names, |_| true)) && !of(&self.excluded, str::is_empty)
    }

    /// Returns true if a stored resource of that type goes out as it is stored.
    pub fn is_whole(&self, kind: &ResourceType) -> bool {
        // A write-only attribute is not even stored.
        fn all_shown(attributes: &[Attribute]) -> bool {
            attributes.iter().all(|attribute| {
                let shown = matches!(attribute.returned, Returned::Always | Returned::Default);
                (shown || attribute.mutability == Mutability::WriteOnly) && all_shown(&attribute.sub)
            })
        }
        // Then the stored text can be sent without being read.
        let core = all_shown(kind.common) && all_shown(&kind.schema.attributes);
        self.is_default() && core && kind.extensions.iter().all(|schema| all_shown(&schema.attributes))
    }

    /// Removes the attributes from a resource that the answer does not have.
    pub fn remove_hidden(&self, kind: &ResourceType, resource: &mut Map<String, Value>) {
        let of_core = self.relative_to(|names| core_names(names, &kind.schema.id));
        resource.retain(|key, value| {
            if !key.contains(':') {
                return of_core.keep_attribute(kind.attribute(key), key, value);
            }
            let (schema, inside) = (kind.extension(key), self.relative_to(|names| extension_names(names, key)));
            // A value from before the schema was registered: no part of it can be named.
            let Value::Object(object) = value else { return inside.is_whole_object() };
            object.retain(|name, value| {
                inside.keep_attribute(schema.and_then(|schema| schema.attribute(name)), name, value)
            });
            !object.is_empty()
        });
    }

    fn relative_to<'a>(&'a self, of: impl Fn(&'a [String]) -> Vec<&'a str>) -> NamedParts<'a> {
        NamedParts { wanted: self.wanted.as_deref().map(&of), excluded: of(&self.excluded) }
    }
}

/// The names that are about the attributes of one object, relative to it. An empty one means the whole object.
struct NamedParts<'a> {
    wanted: Option<Vec<&'a str>>,
    excluded: Vec<&'a str>,
}

impl<'a> NamedParts<'a> {
    /// Returns true if the object is wanted as a whole.
    fn is_whole_object(&self) -> bool {
        self.wanted.as_ref().is_none_or(|paths| paths.contains(&"")) && !self.excluded.contains(&"")
    }

    /// Returns true if an attribute of the object stays, and removes the unwanted parts of its value. `attribute` is
    /// its definition, if it has one.
    fn keep_attribute(&self, attribute: Option<&Attribute>, name: &str, value: &mut Value) -> bool {
        let below =
            |paths: &Vec<&'a str>| -> Vec<&'a str> { paths.iter().filter_map(|path| path_under(path, name)).collect() };
        let (wanted, mut excluded) = (self.wanted.as_ref().map(below), below(&self.excluded));
        let named = wanted.as_ref().is_some_and(|paths| !paths.is_empty());
        let dropped = self.excluded.contains(&"") || excluded.contains(&"");
        // RFC 7643 section 7, `returned`; an attribute without a definition is returned by default.
        let always = match attribute.map_or(Returned::Default, |attribute| attribute.returned) {
            Returned::Never => return false,
            Returned::Always => true,
            Returned::Default if dropped || !(named || self.is_whole_object()) => return false,
            Returned::Request if dropped || !named => return false,
            Returned::Default | Returned::Request => false,
        };
        // If any name is the attribute itself, the whole attribute is meant.
        excluded.retain(|path| !path.is_empty());
        let inner = NamedParts { wanted: wanted.filter(|paths| named && !paths.contains(&"")), excluded };
        inner.trim_value(attribute, value) || always
    }

    /// Removes the parts of a value that are not named. Returns false if nothing is left.
    fn trim_value(&self, attribute: Option<&Attribute>, value: &mut Value) -> bool {
        match value {
            Value::Object(map) => {
                map.retain(|name, value| {
                    self.keep_attribute(attribute.and_then(|attribute| attribute.sub(name)), name, value)
                });
                !map.is_empty()
            }
            Value::Array(items) => {
                items.retain_mut(|item| self.trim_value(attribute, item));
                !items.is_empty()
            }
            _ => self.is_whole_object(),
        }
    }
}

/// Returns the names of core and common attributes; the URN of the core schema may stand before them (RFC 7644 section
/// 3.10).
fn core_names<'a>(names: &'a [String], urn: &str) -> Vec<&'a str> {
    names.iter().filter_map(|name| if name.contains(':') { text_after(name, urn) } else { Some(name) }).collect()
}

/// Returns the names of an extension's attributes.
fn extension_names<'a>(names: &'a [String], urn: &str) -> Vec<&'a str> {
    names.iter().filter_map(|name| text_after(name, urn)).collect()
}

/// Returns the part of a path below the attribute `name`; empty for the attribute itself.
fn path_under<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    head.eq_ignore_ascii_case(name).then_some(rest)
}

#[cfg(test)]
mod tests;
