//! Filters (RFC 7644 section 3.4.2.2): syntax, then meaning, then evaluation.
//!
//! [`parse`] knows the grammar and no attribute. [`Expression::resolve`] looks every attribute up in the tables and
//! yields a [`Filter`], in which names are canonical and values have the attribute's type. [`Filter::matches`] defines
//! which resources a filter finds. Out of scope: how the store finds them faster, and which text of a request is a
//! filter (the router).

mod cursor;
pub(super) mod evaluate;
pub(super) mod parse;
mod pieces;
mod print;
pub(super) mod resolve;
mod written;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub(in crate::scim) use self::written::Grammar;
pub use self::written::{AttributePath, CompareOp, Expression, Form, Forms, Literal};
use crate::error::{Code, Error, Result, quoted};
use crate::fold::fold;
use crate::id::Timestamp;
use crate::scim::schema::{Attribute, ResourceType};

/// The longest filter or path that is read, in bytes. Identity providers send one or two comparisons; eighty of
/// `id eq "…"` in one `or` chain still fit.
pub const MAX_TEXT: usize = 4096;

/// The deepest nesting of parentheses, value paths and the operators under them. A resolved filter takes at most two
/// levels of JSON for each, so that it stays well below `serde_json`'s limit of 128.
pub const MAX_NESTING: usize = 32;

/// Returns the one filter that a request states, of all the texts that it gives as filters.
///
/// # Errors
/// 400 `invalidFilter` for an empty one, and for two that differ: an answer without the filter would show everything.
pub fn stated_filter<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Option<&'t str>> {
    let mut stated: Option<&str> = None;
    for text in texts.into_iter().map(str::trim) {
        if text.is_empty() {
            let detail = "The parameter filter has no text. Write a filter behind filter=, such as userName eq \
                          \"ada@example.com\", or leave the parameter out to list everything.";
            return Err(Error::new(Code::FilterSyntax, detail));
        }
        // The same text twice says one thing; of two texts neither may win.
        if stated.is_some_and(|before| before != text) {
            let detail = "The parameter filter stands twice in this request, with two texts. Send one filter; join both \
                          with and.";
            return Err(Error::new(Code::FilterSyntax, detail));
        }
        stated = Some(text);
    }
    Ok(stated)
}

/// Reads a filter (RFC 7644 figure 1). Attributes are not looked up.
pub fn parse(text: &str, forms: Forms) -> Result<Expression> {
    parse::Parser::new(text, forms, Grammar::Filter)?.read_filter()
}

/// A filter whose attributes exist and whose values have their types. The serialised form is part of a versioned
/// command between two deployed programs: names are never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Filter {
    /// Every form.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// The opposite.
    Not(Box<Filter>),
    /// `pr`.
    #[serde(rename = "pr")]
    Present(Target),
    /// A comparison; for a multi-valued attribute, of any of its elements.
    #[serde(rename = "cmp")]
    Compare {
        /// The attribute that is compared.
        target: Target,
        /// The operator.
        op: CompareOp,
        /// The value that it is compared with.
        value: Value,
    },
    /// One and the same element (or the object of a single-valued attribute) fulfils `filter`.
    Has {
        /// The complex attribute.
        target: Target,
        /// The filter, whose targets are sub-attributes.
        filter: Box<Filter>,
    },
}

/// An attribute in its canonical spelling (RFC 7644 section 3.10). Inside [`Filter::Has`], `name` is a sub-attribute, or
/// empty for the element itself, where elements are simple values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The URN of the extension that has the attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urn: Option<String>,
    /// The name; empty for the extension as a whole.
    pub name: String,
    /// The sub-attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
}

impl Target {
    /// Returns the target for an element that is a simple value. In brackets it is called `value`.
    pub fn of_element() -> Self {
        Self::default()
    }

    /// Returns true for [`Target::of_element`].
    pub fn is_element(&self) -> bool {
        self.urn.is_none() && self.name.is_empty()
    }

    /// Returns the definitions of the attribute and of its sub-attribute; `None` for a whole extension.
    pub fn definitions_in<'a>(&self, resource: &'a ResourceType) -> Option<(&'a Attribute, Option<&'a Attribute>)> {
        let attribute = match &self.urn {
            None => resource.attribute(&self.name)?,
            Some(urn) => resource.extension(urn)?.attribute(&self.name)?,
        };
        match &self.sub {
            None => Some((attribute, None)),
            Some(sub) => Some((attribute, Some(attribute.sub(sub)?))),
        }
    }
}

/// A compared value with the type of its attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// Text that is compared as it stands: `caseExact` is true, or it is binary.
    Exact(String),
    /// Compared without regard to case.
    Folded {
        /// As written.
        text: String,
        /// [`fold`] of `text`, which is compared.
        key: String,
    },
    /// An integer or a decimal.
    Number(serde_json::Number),
    /// A boolean: only `eq` and `ne` compare it.
    Boolean(bool),
    /// A date and time.
    Instant {
        /// As written.
        text: String,
        /// Milliseconds since 1970, which are compared.
        ms: i64,
    },
}

impl Value {
    /// Makes a value that is compared under the folding rule.
    pub fn folded(text: impl Into<String>) -> Self {
        let text = text.into();
        Value::Folded { key: fold(&text), text }
    }

    /// Returns the value as a resource would hold it.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Exact(text) | Value::Folded { text, .. } | Value::Instant { text, .. } => Json::from(text.as_str()),
            Value::Number(number) => Json::Number(number.clone()),
            Value::Boolean(boolean) => Json::Bool(*boolean),
        }
    }
}

impl Filter {
    /// Returns the parts that must all be fulfilled; for a filter that is not an `and`, the filter itself.
    pub fn conjuncts(&self) -> Vec<&Filter> {
        match self {
            Filter::And(parts) => parts.iter().flat_map(Filter::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// Returns how many comparisons [`Filter::matches`] makes at most for an element with one value of each attribute.
    pub fn count_terms(&self) -> usize {
        match self {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().map(Filter::count_terms).sum(),
            Filter::Not(inner) => inner.count_terms(),
            Filter::Has { filter, .. } => 1 + filter.count_terms(),
            Filter::Present(_) | Filter::Compare { .. } => 1,
        }
    }

    /// Returns the attributes that an element needs to fulfil the filter, if it is an `eq` comparison or an `and` of
    /// such. A PATCH that adds to a target which does not exist yet creates it with them. Empty for every other filter,
    /// and for one that contradicts itself. An element need not say that it is not the primary one.
    pub fn assertions(&self) -> Vec<(&str, Json)> {
        let mut pairs: Vec<(&str, Json)> = Vec::new();
        for part in self.conjuncts().into_iter().filter(|part| !part.is_not_primary()) {
            // Any other comparison does not say which value would fulfil it.
            let Filter::Compare { target: Target { urn: None, name, sub: None }, op: CompareOp::Eq, value } = part
            else {
                return Vec::new();
            };
            match pairs.iter().find(|(known, _)| known == name) {
                None => pairs.push((name, value.to_json())),
                // No element has two values of one sub-attribute.
                Some((_, json)) if *json == value.to_json() => {}
                Some(_) => return Vec::new(),
            }
        }
        pairs
    }

    /// Returns true for the filter that `primary eq false` is read as.
    fn is_not_primary(&self) -> bool {
        let Filter::Not(inner) = self else { return false };
        matches!(&**inner, Filter::Compare { target, op: CompareOp::Eq, value: Value::Boolean(true) }
            if *target == Target { urn: None, name: "primary".to_owned(), sub: None })
    }
}

/// Why an attribute path has no meaning. Unknown attributes are apart, because identity providers send some that are
/// better skipped and noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// No schema of the resource has this attribute. The name is as written, with its URN.
    Unknown(String),
    /// The same in the brackets of a path: its attribute exists, but the filter does not tell which of its elements are
    /// meant.
    UnknownInFilter(String),
    /// The attribute exists and cannot be used in that way.
    Refused(Error),
}

impl ResolveError {
    /// Returns the refusal for callers that do not skip unknown attributes; `unknown` is its code.
    pub fn into_error(self, unknown: Code, resource: &ResourceType) -> Error {
        match self {
            ResolveError::Unknown(name) => {
                Error::new(unknown, format!("{} has no attribute {name}", resource.name, name = quoted(&name)))
                    .with_names([name])
            }
            ResolveError::UnknownInFilter(name) => {
                let detail = format!(
                    "{} has no attribute {}, by which the path chooses values. Nothing was changed.",
                    resource.name,
                    quoted(&name)
                );
                Error::new(unknown, detail).with_names([name])
            }
            ResolveError::Refused(error) => error,
        }
    }
}

/// Reads an RFC 3339 text, as RFC 7643 section 2.3.5 wants it, in milliseconds since 1970.
fn read_instant(text: &str) -> Option<i64> {
    Timestamp::parse(text).map(|time| time.0)
}

#[cfg(test)]
pub(super) mod tests;
