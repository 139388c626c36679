//! From the written filter to its meaning: attributes are looked up, values get their types.

mod typed;

use self::typed::typed_comparison;
use super::{AttributePath, CompareOp, Expression, Filter, Form, Forms, Literal, ResolveError, Target, Value};
use crate::error::{Code, Error, Result};
use crate::scim::schema::{Attribute, Mutability, ResourceType, Returned, Schema, Type};
use crate::scim::urn;

impl Expression {
    /// Looks the attributes up in the schemas of `resource` (RFC 7644 section 3.4.2.2); names are compared without
    /// regard to case (RFC 7643 section 2.1).
    pub fn resolve(&self, resource: &ResourceType, forms: Forms) -> Result<Filter> {
        self.look_up(resource, forms).map_err(|error| error.into_error(Code::FilterUnknownAttribute, resource))
    }

    /// Looks the attributes up for a search over several types (section 3.4.2.1). An attribute that only another type
    /// has, has no value here.
    pub fn resolve_among(&self, resource: &ResourceType, all: &[&ResourceType], forms: Forms) -> Result<Filter> {
        let each = |parts: &[Expression]| -> Result<Vec<Filter>> {
            parts.iter().map(|part| part.resolve_among(resource, all, forms)).collect()
        };
        match self {
            Expression::And(parts) => Ok(Filter::And(each(parts)?)),
            Expression::Or(parts) => Ok(Filter::Or(each(parts)?)),
            Expression::Not(inner) => Ok(Filter::Not(Box::new(inner.resolve_among(resource, all, forms)?))),
            // An attribute that none of the types has is refused; one that another type has is absent here.
            leaf => match leaf.look_up(resource, forms) {
                Err(ResolveError::Unknown(_)) if all.iter().any(|other| leaf.look_up(other, forms).is_ok()) => {
                    // As for any attribute without a value: only `ne`, and `eq null`, are true of it.
                    let absent = match leaf {
                        Expression::Compare { op: CompareOp::Ne, value, .. } => *value != Literal::Null,
                        Expression::Compare { op: CompareOp::Eq, value: Literal::Null, .. } => true,
                        _ => false,
                    };
                    // An empty `and` is true, an empty `or` is false.
                    Ok(if absent { Filter::And(Vec::new()) } else { Filter::Or(Vec::new()) })
                }
                found => found.map_err(|error| error.into_error(Code::FilterUnknownAttribute, resource)),
            },
        }
    }

    fn look_up(&self, resource: &ResourceType, forms: Forms) -> Result<Filter, ResolveError> {
        resolve_in(self, LookupScope::Resource(resource), forms)
    }
}

/// Resolves the filter in the brackets after `outer`.
pub(in crate::scim) fn in_value_path(
    filter: &Expression,
    outer: &Attribute,
    forms: Forms,
) -> Result<Filter, ResolveError> {
    resolve_in(filter, LookupScope::Element(outer), forms)
}

/// The target of an attribute path.
pub(in crate::scim) enum FoundPath<'a> {
    /// All attributes of an extension.
    Extension(&'a Schema),
    /// One attribute, or a sub-attribute of it.
    Attribute(Definition<'a>),
}

/// An attribute with the place where it was found.
#[derive(Clone, Copy)]
pub(in crate::scim) struct Definition<'a> {
    /// The extension that it belongs to.
    pub extension: Option<&'a Schema>,
    /// The attribute.
    pub attribute: &'a Attribute,
    /// Its sub-attribute.
    pub sub: Option<&'a Attribute>,
    /// `value` in the brackets of a multi-valued attribute of simple values: each element is its own value.
    pub is_element: bool,
}

impl Definition<'_> {
    /// Returns the target in canonical spelling.
    pub(in crate::scim) fn to_target(self) -> Target {
        if self.is_element {
            return Target::of_element();
        }
        Target {
            urn: self.extension.map(|schema| schema.id.to_string()),
            name: self.attribute.name.to_string(),
            sub: self.sub.map(|sub| sub.name.to_string()),
        }
    }

    /// Returns the attribute that a comparison looks at.
    fn leaf(&self) -> &Attribute {
        self.sub.unwrap_or(self.attribute)
    }
}

/// The name of an element of simple values in brackets (RFC 7643 section 2.4).
const VALUE: &str = "value";

/// Returns true for an attribute that brackets may follow: each element has sub-attributes, or is a value.
pub(in crate::scim) fn has_elements(found: &Definition<'_>) -> bool {
    found.leaf().kind == Type::Complex || found.sub.is_none() && is_list_of_simple(found.attribute)
}

/// Returns true for an attribute of several values without sub-attributes.
pub(in crate::scim) fn is_list_of_simple(attribute: &Attribute) -> bool {
    attribute.multi && attribute.kind != Type::Complex
}

/// Finds an attribute of `resource`.
pub(in crate::scim) fn find_attribute<'a>(
    path: &AttributePath,
    resource: &'a ResourceType,
    forms: Forms,
) -> Result<FoundPath<'a>, ResolveError> {
    find_in_schemas(path, resource, forms).ok_or_else(|| ResolveError::Unknown(path.to_string()))
}

/// Finds an attribute in the schema of that URN, in its canonical case: the core's or an extension's.
pub(in crate::scim) fn find_inside<'a>(
    urn: &str,
    path: &AttributePath,
    resource: &'a ResourceType,
) -> Result<FoundPath<'a>, ResolveError> {
    let extension = resource.extension(urn);
    let attribute = match extension {
        _ if path.urn.is_some() => None,
        None => resource.attribute(&path.name),
        Some(schema) => schema.attribute(&path.name),
    };
    let found = attribute.and_then(|attribute| definition_of(extension, attribute, path.sub.as_deref()));
    found.ok_or_else(|| ResolveError::Unknown(format!("{urn}:{path}")))
}

fn find_in_schemas<'a>(path: &AttributePath, resource: &'a ResourceType, forms: Forms) -> Option<FoundPath<'a>> {
    if path.urn.is_none() {
        return match resource.attribute(&path.name) {
            Some(attribute) => definition_of(None, attribute, path.sub.as_deref()),
            None if forms.allow(Form::ShortName) => in_one_extension(path, resource),
            None => None,
        };
    }
    // Only the schemas tell which part is the URN; one URN may be the beginning of another.
    let text = path.to_string();
    let ids = resource.extensions.iter().map(|schema| schema.id.as_ref()).chain([resource.schema.id.as_ref()]);
    let (id, rest) = ids.filter_map(|id| Some((id, after_urn(&text, id, forms)?))).max_by_key(|(id, _)| id.len())?;
    let extension = resource.extension(id);
    if rest.is_empty() {
        return extension.map(FoundPath::Extension);
    }
    let (name, sub) = match rest.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (rest, None),
    };
    match extension {
        // The URN of the core schema may be left out (RFC 7644 section 3.10), so it is.
        None => definition_of(None, resource.attribute(name)?, sub),
        Some(schema) => definition_of(Some(schema), schema.attribute(name)?, sub),
    }
}

/// Returns the text after `urn` and its colon; empty for a URN alone.
fn after_urn<'a>(text: &'a str, urn: &str, forms: Forms) -> Option<&'a str> {
    let is_dot = urn::rest_after(text, urn)?.starts_with('.');
    if is_dot && !forms.allow(Form::DotAfterUrn) { None } else { urn::text_after(text, urn) }
}

/// Finds an attribute that only one extension has: Entra ID filters by and patches `manager` without its URN.
fn in_one_extension<'a>(path: &AttributePath, resource: &'a ResourceType) -> Option<FoundPath<'a>> {
    // Two extensions with that name: the short one is ambiguous, so it is unknown.
    let mut known = resource.extensions.iter().filter_map(|schema| Some((schema, schema.attribute(&path.name)?)));
    match (known.next(), known.next()) {
        (Some((schema, attribute)), None) => definition_of(Some(schema), attribute, path.sub.as_deref()),
        _ => None,
    }
}

fn definition_of<'a>(
    extension: Option<&'a Schema>,
    attribute: &'a Attribute,
    sub: Option<&str>,
) -> Option<FoundPath<'a>> {
    let sub = match sub {
        None => None,
        Some(name) => Some(attribute.sub(name)?),
    };
    Some(FoundPath::Attribute(Definition { extension, attribute, sub, is_element: false }))
}

/// Where the names of an expression are looked up.
#[derive(Clone, Copy)]
enum LookupScope<'a> {
    Resource(&'a ResourceType),
    /// Among the sub-attributes of this one.
    Element(&'a Attribute),
}

impl<'a> LookupScope<'a> {
    fn find_path(self, path: &AttributePath, forms: Forms) -> Result<FoundPath<'a>, ResolveError> {
        match self {
            LookupScope::Resource(resource) => find_attribute(path, resource, forms),
            LookupScope::Element(outer) => match path {
                AttributePath { urn: None, name, sub: None } if is_list_of_simple(outer) => {
                    name.eq_ignore_ascii_case(VALUE).then_some((outer, true))
                }
                AttributePath { urn: None, name, sub: None } => outer.sub(name).map(|sub| (sub, false)),
                _ => None,
            }
            .map(|(attribute, is_element)| Definition { extension: None, attribute, sub: None, is_element })
            .map(FoundPath::Attribute)
            .ok_or_else(|| ResolveError::Unknown(format!("{}.{path}", outer.name))),
        }
    }
}

impl LookupScope<'_> {
    /// Returns true for the sub-attribute that says which element is the primary one.
    fn is_primary(self, found: &Definition<'_>) -> bool {
        let outer = match self {
            LookupScope::Resource(_) => found.sub.map(|_| found.attribute),
            LookupScope::Element(outer) => Some(outer),
        };
        let leaf = found.leaf();
        outer.is_some_and(Attribute::has_primary) && leaf.name == "primary" && leaf.kind == Type::Boolean
    }
}

/// Compares `primary` with `false`. "If not specified, the value of "primary" SHALL be assumed to be "false"" (RFC 7643
/// section 2.4), so the comparison with `true` is negated: for each element, where the attribute has several.
fn primary_false(compared: Filter) -> Filter {
    let Filter::Compare { target, op, value: Value::Boolean(false) } = compared else { return compared };
    let is_true = |target| Filter::Compare { target, op: CompareOp::Eq, value: Value::Boolean(true) };
    match (target.sub.clone(), op) {
        (None, CompareOp::Eq) => Filter::Not(Box::new(is_true(target))),
        (None, _) => is_true(target),
        (Some(sub), CompareOp::Eq) => {
            let element = Target { urn: None, name: sub, sub: None };
            let filter = Box::new(Filter::Not(Box::new(is_true(element))));
            Filter::Has { target: Target { sub: None, ..target }, filter }
        }
        // As everywhere, `ne` is true if there is no element.
        (Some(_), _) => {
            let any = Filter::Present(Target { sub: None, ..target.clone() });
            Filter::Or(vec![Filter::Not(Box::new(any)), is_true(target)])
        }
    }
}

fn resolve_in(expression: &Expression, scope: LookupScope<'_>, forms: Forms) -> Result<Filter, ResolveError> {
    let all =
        |parts: &[Expression]| parts.iter().map(|part| resolve_in(part, scope, forms)).collect::<Result<Vec<_>, _>>();
    match expression {
        Expression::And(parts) => Ok(Filter::And(all(parts)?)),
        Expression::Or(parts) => Ok(Filter::Or(all(parts)?)),
        Expression::Not(inner) => Ok(Filter::Not(Box::new(resolve_in(inner, scope, forms)?))),
        Expression::Present(path) => match scope.find_path(path, forms)? {
            FoundPath::Extension(schema) => {
                Ok(Filter::Present(Target { urn: Some(schema.id.to_string()), name: String::new(), sub: None }))
            }
            FoundPath::Attribute(found) => Ok(Filter::Present(check_readable(found)?.to_target())),
        },
        Expression::Compare { path, op, value } => match scope.find_path(path, forms)? {
            FoundPath::Extension(schema) => {
                Err(impossible_filter(format!("{:?} is a schema extension and can only be tested with pr", schema.id)))
            }
            FoundPath::Attribute(found) => {
                // `primary` without a value counts as false, which a comparison alone does not say.
                let compared = typed_comparison(check_readable(found)?, *op, value, forms)?;
                Ok(if scope.is_primary(&found) { primary_false(compared) } else { compared })
            }
        },
        Expression::Has { path, filter } => match scope.find_path(path, forms)? {
            FoundPath::Attribute(found) if has_elements(&found) => {
                let found = check_readable(found)?;
                let filter = Box::new(in_value_path(filter, found.leaf(), forms)?);
                Ok(Filter::Has { target: found.to_target(), filter })
            }
            _ => Err(not_complex(path)),
        },
    }
}

/// Returns the refusal of `path[…]` where `path` has no sub-attributes.
pub(in crate::scim) fn not_complex(path: &AttributePath) -> ResolveError {
    impossible_filter(format!("\"{path}\" has no sub-attributes, so a filter in brackets cannot follow it"))
}

/// Refuses an attribute that is never returned: a filter on it would tell its value, guess by guess (RFC 7643 section
/// 7, `writeOnly`).
fn check_readable(found: Definition<'_>) -> Result<Definition<'_>, ResolveError> {
    let leaf = found.leaf();
    if leaf.mutability == Mutability::WriteOnly || leaf.returned == Returned::Never {
        return Err(impossible_filter(format!(
            "\"{}\" is never returned and cannot be filtered by",
            found.to_target()
        )));
    }
    Ok(found)
}

fn impossible_filter(detail: String) -> ResolveError {
    // Also in a PATCH path: table 9 lists invalidFilter for "PATCH (Path Filter)".
    ResolveError::Refused(Error::new(Code::FilterImpossible, detail))
}
