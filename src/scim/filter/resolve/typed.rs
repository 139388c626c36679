//! The comparison of an attribute with a value of its type.

use super::{Definition, check_readable, impossible_filter};
use crate::error::excerpt;
use crate::scim::filter::{CompareOp, Filter, Form, Forms, Literal, ResolveError, Value, read_instant};
use crate::scim::json;
use crate::scim::schema::{Attribute, Type};

pub(super) fn typed_comparison(
    mut found: Definition<'_>,
    op: CompareOp,
    literal: &Literal,
    forms: Forms,
) -> Result<Filter, ResolveError> {
    // "null" stands for no value (RFC 7643 section 2.5).
    if *literal == Literal::Null {
        let present = Filter::Present(found.to_target());
        return match op {
            CompareOp::Eq => Ok(Filter::Not(Box::new(present))),
            CompareOp::Ne => Ok(present),
            _ => {
                Err(impossible_filter(format!("\"{}\" can be compared with null by eq and ne only", found.to_target())))
            }
        };
    }
    // RFC 7644 section 3.4.2.2 compares a complex attribute by its "value", as in `emails co "example.com"`.
    if found.leaf().kind == Type::Complex {
        found.sub = found.sub.is_none().then(|| found.attribute.sub("value")).flatten();
        if found.sub.is_none() {
            let name = found.to_target();
            return Err(impossible_filter(format!(
                "\"{name}\" is complex: compare one of its sub-attributes, or use pr"
            )));
        }
        found = check_readable(found)?;
    }
    // Table 3 of RFC 7644: which operators an attribute of this type has.
    let leaf = found.leaf();
    let possible = match op {
        CompareOp::Eq | CompareOp::Ne => true,
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => matches!(leaf.kind, Type::String | Type::Reference),
        // "Boolean and Binary attributes SHALL cause a failed response" (RFC 7644 table 3).
        CompareOp::Gt | CompareOp::Ge | CompareOp::Lt | CompareOp::Le => {
            !matches!(leaf.kind, Type::Boolean | Type::Binary)
        }
    };
    if !possible {
        let (is, target) = (words_of_type(leaf.kind).0, found.to_target());
        return Err(impossible_filter(format!("\"{target}\" is {is} and cannot be compared by {op}")));
    }
    // The literal must be of the type, or of a form that clients send for it.
    match typed_value(leaf, literal, forms) {
        Some(value) => Ok(Filter::Compare { target: found.to_target(), op, value }),
        None => {
            let ((is, wanted), target) = (words_of_type(leaf.kind), found.to_target());
            Err(impossible_filter(format!("\"{target}\" is {is}: compare it with {wanted}, not {}", excerpt(literal))))
        }
    }
}

fn typed_value(attribute: &Attribute, literal: &Literal, forms: Forms) -> Option<Value> {
    match (attribute.kind, literal) {
        (Type::String | Type::Reference, Literal::String(text)) => Some(text_value(attribute, text)),
        // Clients send an id or employee number without its quotes.
        (Type::String | Type::Reference, Literal::Number(text)) if forms.allow(Form::Unquoted) => {
            Some(text_value(attribute, text))
        }
        // Base64 has its case (RFC 7643 section 2.3.6).
        (Type::Binary, Literal::String(text)) => Some(Value::Exact(text.clone())),
        // Compared as a time: two offsets may name one instant.
        (Type::DateTime, Literal::String(text)) => Some(Value::Instant { ms: read_instant(text)?, text: text.clone() }),
        (Type::Boolean, Literal::Boolean(boolean)) => Some(Value::Boolean(*boolean)),
        // Entra ID has `roles[primary eq "True"]`.
        (Type::Boolean, Literal::String(text)) if forms.allow(Form::TextBoolean) => {
            match text.to_ascii_lowercase().as_str() {
                "true" => Some(Value::Boolean(true)),
                "false" => Some(Value::Boolean(false)),
                _ => None,
            }
        }
        (Type::Integer | Type::Decimal, Literal::Number(text)) => json::parse_number(text).map(Value::Number),
        // Some clients quote every value.
        (Type::Integer | Type::Decimal, Literal::String(text)) if forms.allow(Form::TextNumber) => {
            json::parse_number(text.trim()).map(Value::Number)
        }
        _ => None,
    }
}

fn text_value(attribute: &Attribute, text: &str) -> Value {
    if attribute.case_exact { Value::Exact(text.to_owned()) } else { Value::folded(text) }
}

/// Returns the words for a type, and for the values that it is compared with.
fn words_of_type(kind: Type) -> (&'static str, &'static str) {
    match kind {
        Type::String => ("a string", "a string in double quotes"),
        Type::Reference => ("a reference", "a string in double quotes"),
        Type::Binary => ("binary", "base64 in double quotes"),
        Type::Boolean => ("a boolean", "true or false"),
        Type::Integer => ("an integer", "a number"),
        Type::Decimal => ("a decimal", "a number"),
        Type::DateTime => ("a date and time", "a text like \"2026-01-31T08:00:00Z\""),
        Type::Complex => ("complex", "nothing"),
    }
}
