//! The grammar of filters and of PATCH paths (RFC 7644 figures 1 and 7), by recursive descent.
//!
//! Which attributes exist is not known here.

use super::cursor::{Cursor, is_attribute_char};
use super::{AttributePath, Expression, Form, Forms, Grammar, Literal, MAX_NESTING, MAX_TEXT, Op};
use crate::error::{Error, Result};
use crate::scim::json;

/// Reads one text.
pub(in crate::scim) struct Parser<'a> {
    text: Cursor<'a>,
    forms: Forms,
    /// Open parentheses and brackets.
    level: usize,
    in_value_path: bool,
}

impl<'a> Parser<'a> {
    /// `grammar` says what the text is called in a refusal, and with which code it is refused.
    pub(in crate::scim) fn new(text: &'a str, forms: Forms, grammar: Grammar) -> Result<Self> {
        let text = Cursor::new(text, grammar);
        if text.rest().len() > MAX_TEXT {
            return Err(text.refused(&format!("longer than {MAX_TEXT} bytes")));
        }
        Ok(Self { text, forms, level: 0, in_value_path: false })
    }

    /// `FILTER`, up to the end of the text.
    pub(in crate::scim) fn filter(mut self) -> Result<Expression> {
        let expression = self.disjunction()?;
        self.text.end("and, or")?;
        self.shallow(expression)
    }

    /// `PATH = attrPath / valuePath [subAttr]`, up to the end of the text.
    pub(in crate::scim) fn path(mut self) -> Result<(AttributePath, Option<Expression>, Option<String>)> {
        self.text.skip_space();
        let path = self.attribute_path()?;
        self.text.skip_space();
        if !self.text.next_is('[') {
            self.text.end("\"[\"")?;
            return Ok((path, None, None));
        }
        let filter = self.value_filter()?;
        let filter = self.shallow(filter)?;
        let sub = self.sub_attribute()?;
        self.text.end(if sub.is_none() { "\".\"" } else { "" })?;
        Ok((path, Some(filter), sub))
    }

    fn disjunction(&mut self) -> Result<Expression> {
        let mut parts = vec![self.conjunction()?];
        while self.text.keyword("or") {
            parts.push(self.conjunction()?);
        }
        Ok(flat(parts, Expression::Or, or_parts))
    }

    fn conjunction(&mut self) -> Result<Expression> {
        let mut parts = vec![self.term()?];
        while self.text.keyword("and") {
            parts.push(self.term()?);
        }
        Ok(flat(parts, Expression::And, and_parts))
    }

    fn term(&mut self) -> Result<Expression> {
        self.text.skip_space();
        if self.text.next_is('(') {
            return self.nested(')', Self::disjunction);
        }
        if self.text.keyword("not") {
            if !self.text.next_is('(') {
                return Err(self.text.expected("\"(\" after not"));
            }
            return Ok(Expression::Not(Box::new(self.nested(')', Self::disjunction)?)));
        }
        let path = self.attribute_path()?;
        self.text.skip_space();
        if !self.text.next_is('[') {
            return self.comparison(path);
        }
        let filter = Box::new(self.value_filter()?);
        if self.forms.allow(Form::AfterValuePath) {
            self.comparison_after_value_path(path, filter)
        } else {
            Ok(Expression::Has { path, filter })
        }
    }

    /// `attrPath SP "pr"` or `attrPath SP compareOp SP compValue`.
    fn comparison(&mut self, path: AttributePath) -> Result<Expression> {
        let start = self.text.at;
        let word = self.text.take_while(is_attribute_char);
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Expression::Present(path));
        }
        let Some(op) = operator(word) else {
            self.text.at = start;
            return Err(self.text.expected("an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)"));
        };
        Ok(Expression::Compare { path, op, value: self.literal()? })
    }

    /// Entra ID sends `emails[type eq "work"].value eq "x"`, and once sent `emails[type eq "work"] eq "x"`. Both mean
    /// that one and the same element fulfils both conditions.
    fn comparison_after_value_path(&mut self, path: AttributePath, filter: Box<Expression>) -> Result<Expression> {
        let sub = self.sub_attribute()?;
        self.text.skip_space();
        if sub.is_none() && !self.at_operator() {
            return Ok(Expression::Has { path, filter });
        }
        let name = sub.unwrap_or_else(|| "value".into());
        let last = self.comparison(AttributePath { urn: None, name, sub: None })?;
        let filter = Box::new(flat(vec![*filter, last], Expression::And, and_parts));
        Ok(Expression::Has { path, filter })
    }

    /// `"[" valFilter "]"`.
    fn value_filter(&mut self) -> Result<Expression> {
        if self.in_value_path {
            return Err(self.text.expected("an operator (a value path cannot stand in another)"));
        }
        self.in_value_path = true;
        let filter = self.nested(']', Self::disjunction)?;
        self.in_value_path = false;
        Ok(filter)
    }

    /// What `inner` reads, from the opening character that comes next to `close`.
    fn nested(&mut self, close: char, inner: fn(&mut Self) -> Result<Expression>) -> Result<Expression> {
        if self.level == MAX_NESTING {
            return Err(self.too_deep());
        }
        self.level += 1;
        self.text.bump();
        let expression = inner(self)?;
        self.text.skip_space();
        if !self.text.next_is(close) {
            return Err(self.text.expected(&format!("and, or or \"{close}\"")));
        }
        self.text.bump();
        self.level -= 1;
        Ok(expression)
    }

    fn attribute_path(&mut self) -> Result<AttributePath> {
        let start = self.text.at;
        let word = self.text.take_while(is_attribute_char);
        match split(word) {
            Some(path) => Ok(path),
            None => {
                self.text.at = start;
                Err(self.text.expected("an attribute name"))
            }
        }
    }

    /// `"." ATTRNAME`, if there is a dot.
    fn sub_attribute(&mut self) -> Result<Option<String>> {
        if !self.text.next_is('.') {
            return Ok(None);
        }
        self.text.bump();
        let start = self.text.at;
        let word = self.text.take_while(is_attribute_char);
        if !is_name(word) {
            self.text.at = start;
            return Err(self.text.expected("the name of a sub-attribute"));
        }
        Ok(Some(word.to_owned()))
    }

    /// `compValue`: a JSON value that is neither array nor object.
    fn literal(&mut self) -> Result<Literal> {
        self.text.skip_space();
        if self.text.next_is('"') {
            return self.text.string().map(Literal::String);
        }
        let start = self.text.at;
        let word = self.text.take_while(is_bare_char);
        let any_case = self.forms.allow(Form::TextBoolean);
        let is = |name: &str| word == name || any_case && word.eq_ignore_ascii_case(name);
        if is("true") || is("false") {
            Ok(Literal::Boolean(is("true")))
        } else if is("null") {
            Ok(Literal::Null)
        } else if json::read::<serde_json::Number>(word.as_bytes()).is_ok() {
            Ok(Literal::Number(word.to_owned()))
        } else if self.forms.allow(Form::Unquoted)
            && !word.is_empty()
            && !["and", "or", "not"].iter().any(|name| is(name))
        {
            // The documentation of Entra ID has `externalId eq jyoung`.
            Ok(Literal::String(word.to_owned()))
        } else {
            self.text.at = start;
            Err(self.text.expected("a value (a string in double quotes, a number, true, false or null)"))
        }
    }

    fn at_operator(&mut self) -> bool {
        let start = self.text.at;
        let word = self.text.take_while(is_attribute_char);
        self.text.at = start;
        word.eq_ignore_ascii_case("pr") || operator(word).is_some()
    }

    fn shallow(&self, expression: Expression) -> Result<Expression> {
        if depth(&expression) > MAX_NESTING { Err(self.too_deep()) } else { Ok(expression) }
    }

    fn too_deep(&self) -> Error {
        self.text.refused(&format!("nested more than {MAX_NESTING} levels deep"))
    }
}

fn operator(word: &str) -> Option<Op> {
    Op::ALL.into_iter().find(|op| word.eq_ignore_ascii_case(op.name()))
}

/// One part is itself. `(a and b) and c` is `a and b and c`.
pub(super) fn flat(
    parts: Vec<Expression>,
    whole: fn(Vec<Expression>) -> Expression,
    open: fn(Expression) -> Result<Vec<Expression>, Expression>,
) -> Expression {
    let mut list = Vec::with_capacity(parts.len());
    for part in parts {
        match open(part) {
            Ok(parts) => list.extend(parts),
            Err(part) => list.push(part),
        }
    }
    match list.pop() {
        Some(only) if list.is_empty() => only,
        last => {
            list.extend(last);
            whole(list)
        }
    }
}

pub(super) fn or_parts(expression: Expression) -> Result<Vec<Expression>, Expression> {
    match expression {
        Expression::Or(parts) => Ok(parts),
        other => Err(other),
    }
}

pub(super) fn and_parts(expression: Expression) -> Result<Vec<Expression>, Expression> {
    match expression {
        Expression::And(parts) => Ok(parts),
        other => Err(other),
    }
}

fn depth(expression: &Expression) -> usize {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => 1 + parts.iter().map(depth).max().unwrap_or(0),
        Expression::Not(inner) | Expression::Has { filter: inner, .. } => 1 + depth(inner),
        Expression::Present(_) | Expression::Compare { .. } => 0,
    }
}

/// `attrPath = [URI ":"] ATTRNAME *1subAttr`. A URN has dots of its own, so only what follows its last colon is split.
fn split(word: &str) -> Option<AttributePath> {
    let (urn, last) = match word.rsplit_once(':') {
        Some((urn, last)) => (Some(urn), last),
        None => (None, word),
    };
    let (name, sub) = match last.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (last, None),
    };
    if is_name(name) && sub.is_none_or(is_name) && urn.is_none_or(is_urn) {
        let owned = |text: &str| text.to_owned();
        return Some(AttributePath { urn: urn.map(owned), name: name.into(), sub: sub.map(owned) });
    }
    (urn.is_some_and(is_urn) && !last.is_empty()).then(|| AttributePath {
        urn: Some(word.into()),
        name: String::new(),
        sub: None,
    })
}

fn is_urn(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.ends_with(':')
}

/// `ATTRNAME` of RFC 7643 section 2.1, and `$ref`, which it does not describe.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c))
}

/// What an unquoted value may hold: e-mail addresses, base64, dates. No `'`, so that `'x'` is refused and not looked
/// for in vain.
fn is_bare_char(c: char) -> bool {
    c.is_alphanumeric() || "@.-_+%:/=".contains(c)
}
