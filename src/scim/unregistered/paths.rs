//! Paths into extensions: where the URN ends, and what follows it.

use crate::error::{Code, Error, Result, quoted};
use crate::scim::filter::{Expression, Forms};
use crate::scim::path;
use crate::scim::schema::{ResourceType, Schema};
use crate::scim::urn;

/// Returns true for a path, or a key, that begins with a URN that is not registered for this type.
pub fn is_unregistered(kind: &ResourceType, path: &str) -> bool {
    let head = before_filter(path);
    let registered = kind.extensions.iter().map(|schema| schema.id.as_ref()).chain([kind.schema.id.as_ref()]);
    urn::is_extension(head) && !registered.into_iter().any(|id| rest_after(path, id).is_some())
}

/// Splits the path of a registered extension, or of an attribute in it, into the extension's URN and what follows.
pub fn in_registered<'a>(kind: &'a ResourceType, path: &'a str) -> Option<(&'a str, &'a str)> {
    let after = |schema: &'a Schema| Some((schema.id.as_ref(), rest_after(path, &schema.id)?));
    kind.extensions.iter().find_map(|schema| after(schema.as_ref()))
}

/// Returns the text before a filter.
fn before_filter(path: &str) -> &str {
    path.split('[').next().unwrap_or_default()
}

/// Returns the text after a URN in a path: empty, the name of an attribute and its parts, or a filter, which cannot follow it.
fn rest_after<'p>(path: &'p str, urn: &str) -> Option<&'p str> {
    // A filter behind the URN is returned too, so that the refusal can name it.
    let filter = path.get(urn.len()..).filter(|rest| rest.starts_with('['));
    if filter.is_some() && before_filter(path).eq_ignore_ascii_case(urn) {
        return filter;
    }
    let attribute = urn::text_after(path, urn)?;
    let name = attribute.split(['.', '[']).next().unwrap_or_default();
    (path.len() == urn.len() || urn::is_attribute_name(name)).then_some(attribute)
}

/// Splits a path into its URN and what follows: by the first of these rules that fits.
///
/// 1. The longest URN of `known` that is the whole path, or that the name of an attribute follows.
/// 2. Behind the version: the last segment before the final one that begins with a capital ends the URN.
/// 3. A final segment with a capital: with a dot in it the URN ends there, without one it is all of the URN if the value is
///    an object.
/// 4. The version ends the URN.
///
/// `None` for a path without a version, or with more behind the URN than an attribute and its sub-attribute. Only an
/// attribute is followed by a filter.
pub(super) fn split_path<'p>(path: &'p str, is_object: bool, known: &'p [String]) -> Option<(&'p str, &'p str)> {
    // Rule 1: stored URNs are certain; the rules below only guess.
    let fits = known.iter().filter_map(|urn| Some((urn.as_str(), rest_after(path, urn)?)));
    if let Some(found) = fits.max_by_key(|(urn, _)| urn.len()) {
        return Some(found);
    }
    let head = before_filter(path);
    // A filter follows an attribute, so the path is not a URN alone, whatever its value is.
    let is_object = is_object && head.len() == path.len();
    // The begin and end of each segment.
    let mut segments: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for segment in head.split(':') {
        segments.push((at, at + segment.len()));
        at += segment.len() + 1;
    }
    let text = |(from, to): (usize, usize)| head.get(from..to).unwrap_or_default();
    // No version: none of the other rules applies.
    let version = segments.iter().rposition(|segment| is_version(text(*segment)))?;
    let behind = segments.get(version + 1..).unwrap_or_default();
    let is_capital = |segment: (usize, usize)| text(segment).starts_with(|c: char| c.is_ascii_uppercase());
    // Nothing follows the version, so it ends the URN.
    let Some((last, before)) = behind.split_last() else { return path.split_at_checked(head.len()) };
    // Rule 2: resource types begin with a capital, attributes do not: `…:1.0:User:badge`.
    let end = match before.iter().rfind(|segment| is_capital(**segment)) {
        Some((_, end)) => *end,
        // Rule 3: `…:1.0:User.badge`, or `…:1.0:User` with an object of attributes.
        None if is_capital(*last) => match text(*last).find('.') {
            Some(dot) => last.0 + dot,
            None if is_object => return Some((path, "")),
            None => segments.get(version)?.1,
        },
        // Rule 4.
        None => segments.get(version)?.1,
    };
    let urn = path.get(..end)?;
    Some((urn, rest_after(path, urn)?))
}

/// Returns true for `\d+(\.\d+)*`.
fn is_version(segment: &str) -> bool {
    segment.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// The part of a path after its URN.
pub(super) struct ExtensionPath<'p> {
    pub name: &'p str,
    pub sub: Option<String>,
    pub filter: Option<Expression>,
}

impl<'p> ExtensionPath<'p> {
    pub(super) fn read(rest: &'p str) -> Result<Self> {
        let raw = path::parse(rest, Forms::Lenient)?;
        let name = rest.split(['.', '[']).next().unwrap_or_default();
        let sub = raw.sub.or(raw.attribute.sub);
        match &sub {
            Some(sub) if !urn::is_attribute_name(sub) => {
                let detail = format!("after {} only one sub-attribute can follow.", quoted(name));
                Err(Error::new(Code::PathSyntax, detail))
            }
            _ => Ok(Self { name, sub, filter: raw.filter }),
        }
    }
}
