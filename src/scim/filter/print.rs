//! Canonical text: no parentheses but the necessary ones, lower-case words, one space. Reading it yields what was
//! printed.

use std::fmt::{self, Display};

use serde_json::Value as Json;

use super::{AttributePath, CompareOp, Expression, Filter, Literal, Target, Value};

impl Display for CompareOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_path(f, self.urn.as_deref(), &self.name, self.sub.as_deref())
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_path(f, self.urn.as_deref(), &self.name, self.sub.as_deref())
    }
}

fn write_path(f: &mut fmt::Formatter<'_>, urn: Option<&str>, name: &str, sub: Option<&str>) -> fmt::Result {
    f.write_str(urn.unwrap_or_default())?;
    f.write_str(if urn.is_some() && !name.is_empty() { ":" } else { "" })?;
    f.write_str(name)?;
    match sub {
        None => Ok(()),
        Some(sub) => write!(f, ".{sub}"),
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::String(text) => Json::from(text.as_str()).fmt(f),
            Literal::Number(text) => f.write_str(text),
            Literal::Boolean(boolean) => boolean.fmt(f),
            Literal::Null => f.write_str("null"),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Or(parts) => join_parts(f, parts, " or ", |_| false),
            // "not" takes precedence over "and", "and" over "or" (RFC 7644 section 3.4.2.2).
            Expression::And(parts) => join_parts(f, parts, " and ", |part| matches!(part, Expression::Or(_))),
            Expression::Not(inner) => write!(f, "not ({inner})"),
            Expression::Present(path) => write!(f, "{path} pr"),
            Expression::Compare { path, op, value } => write!(f, "{path} {op} {value}"),
            Expression::Has { path, filter } => write!(f, "{path}[{filter}]"),
        }
    }
}

fn join_parts(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expression],
    word: &str,
    in_parentheses: fn(&Expression) -> bool,
) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { word })?;
        if in_parentheses(part) { write!(f, "({part})") } else { part.fmt(f) }?;
    }
    Ok(())
}

impl Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Expression::from(self).fmt(f)
    }
}

impl From<&Filter> for Expression {
    fn from(filter: &Filter) -> Self {
        let all = |parts: &[Filter]| parts.iter().map(Expression::from).collect();
        match filter {
            Filter::And(parts) => Expression::And(all(parts)),
            Filter::Or(parts) => Expression::Or(all(parts)),
            Filter::Not(inner) => Expression::Not(Box::new(Expression::from(inner.as_ref()))),
            Filter::Present(target) => Expression::Present(target.into()),
            Filter::Compare { target, op, value } => {
                let value = match value {
                    Value::Exact(text) | Value::Folded { text, .. } | Value::Instant { text, .. } => {
                        Literal::String(text.clone())
                    }
                    Value::Number(number) => Literal::Number(number.to_string()),
                    Value::Boolean(boolean) => Literal::Boolean(*boolean),
                };
                Expression::Compare { path: target.into(), op: *op, value }
            }
            Filter::Has { target, filter } => {
                Expression::Has { path: target.into(), filter: Box::new(Expression::from(filter.as_ref())) }
            }
        }
    }
}

impl From<&Target> for AttributePath {
    fn from(target: &Target) -> Self {
        let name = if target.is_element() { "value".to_owned() } else { target.name.clone() };
        Self { urn: target.urn.clone(), name, sub: target.sub.clone() }
    }
}
