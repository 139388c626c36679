//! The grammar of filters and of PATCH paths (RFC 7644 figures 1 and 7), by recursive descent:
//!
//! ```text
//!     FILTER    = attrExp / logExp / valuePath / *1"not" "(" FILTER ")"
//!     valuePath = attrPath "[" valFilter "]"
//!     valFilter = attrExp / logExp / *1"not" "(" valFilter ")"
//!     attrExp   = (attrPath SP "pr") / (attrPath SP compareOp SP compValue)
//!     logExp    = FILTER SP ("and" / "or") SP FILTER
//!     compValue = false / null / true / number / string      ; of JSON, RFC 8259
//!     compareOp = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "lt" / "ge" / "le"
//!     attrPath  = [URI ":"] ATTRNAME *1subAttr               ; URI of a schema
//!     ATTRNAME  = ALPHA *(nameChar)
//!     nameChar  = "-" / "_" / DIGIT / ALPHA
//!     subAttr   = "." ATTRNAME                               ; of a complex attribute
//!     PATH      = attrPath / valuePath [subAttr]             ; figure 7
//! ```
//!
//! Words are read in any case, and "not" binds tighter than "and", "and" tighter than "or" (section 3.4.2.2). [`Forms`]
//! names what is read besides. The parser knows no attribute: `resolve` looks them up.

use super::cursor::{TextCursor, is_attribute_char};
use super::{AttributePath, CompareOp, Expression, Form, Forms, Grammar, Literal, MAX_NESTING, MAX_TEXT};
use crate::error::{Error, Result};
use crate::scim::json;

/// Reads one text.
pub(in crate::scim) struct Parser<'a> {
    text: TextCursor<'a>,
    forms: Forms,
    /// The number of open parentheses and brackets.
    level: usize,
    in_value_path: bool,
}

impl<'a> Parser<'a> {
    /// Begins to read a text. `grammar` says how a refusal names the text, and with which code it is refused.
    pub(in crate::scim) fn new(text: &'a str, forms: Forms, grammar: Grammar) -> Result<Self> {
        let text = TextCursor::new(text, grammar);
        if text.rest().len() > MAX_TEXT {
            return Err(text.error_of_whole(&format!("longer than {MAX_TEXT} bytes")));
        }
        Ok(Self { text, forms, level: 0, in_value_path: false })
    }

    /// Reads `FILTER`, up to the end of the text.
    pub(in crate::scim) fn read_filter(mut self) -> Result<Expression> {
        let expression = self.read_disjunction()?;
        self.text.expect_end("and, or")?;
        self.check_depth(expression)
    }

    /// Reads `PATH`, up to the end of the text.
    pub(in crate::scim) fn read_path(mut self) -> Result<(AttributePath, Option<Expression>, Option<String>)> {
        self.text.skip_space();
        let path = self.attribute_path()?;
        self.text.skip_space();
        if !self.text.next_is('[') {
            self.text.expect_end("\"[\"")?;
            return Ok((path, None, None));
        }
        let filter = self.value_filter()?;
        let filter = self.check_depth(filter)?;
        let sub = self.sub_attribute()?;
        self.text.expect_end(if sub.is_none() { "\".\"" } else { "" })?;
        Ok((path, Some(filter), sub))
    }

    fn read_disjunction(&mut self) -> Result<Expression> {
        let mut parts = vec![self.read_conjunction()?];
        while self.text.take_keyword("or") {
            parts.push(self.read_conjunction()?);
        }
        Ok(join_flat(parts, Expression::Or, or_parts))
    }

    fn read_conjunction(&mut self) -> Result<Expression> {
        let mut parts = vec![self.read_term()?];
        while self.text.take_keyword("and") {
            parts.push(self.read_term()?);
        }
        Ok(join_flat(parts, Expression::And, and_parts))
    }

    fn read_term(&mut self) -> Result<Expression> {
        self.text.skip_space();
        if self.text.next_is('(') {
            return self.read_nested(')', Self::read_disjunction);
        }
        if self.text.take_keyword("not") {
            // Figure 1 has parentheses behind `not`; without them its reach would be a guess.
            if !self.text.next_is('(') {
                return Err(self.text.error_expected("\"(\" after not"));
            }
            return Ok(Expression::Not(Box::new(self.read_nested(')', Self::read_disjunction)?)));
        }
        let path = self.attribute_path()?;
        self.text.skip_space();
        if !self.text.next_is('[') {
            return self.read_comparison(path);
        }
        let filter = Box::new(self.value_filter()?);
        if self.forms.allow(Form::AfterValuePath) {
            self.comparison_after_value_path(path, filter)
        } else {
            Ok(Expression::Has { path, filter })
        }
    }

    /// Reads `attrPath SP "pr"` or `attrPath SP compareOp SP compValue`.
    fn read_comparison(&mut self, path: AttributePath) -> Result<Expression> {
        let start = self.text.at;
        let word = self.text.take_while(is_attribute_char);
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Expression::Present(path));
        }
        let Some(op) = operator_named(word) else {
            self.text.at = start;
            return Err(self.text.error_expected("an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)"));
        };
        Ok(Expression::Compare { path, op, value: self.read_literal()? })
    }

    /// Reads what may follow a value path. Entra ID sends `emails[type eq "work"].value eq "x"`, and once sent
    /// `emails[type eq "work"] eq "x"`. Both mean that one and the same element fulfils both conditions.
    fn comparison_after_value_path(&mut self, path: AttributePath, filter: Box<Expression>) -> Result<Expression> {
        let sub = self.sub_attribute()?;
        self.text.skip_space();
        if sub.is_none() && !self.at_operator() {
            return Ok(Expression::Has { path, filter });
        }
        let name = sub.unwrap_or_else(|| "value".into());
        let last = self.read_comparison(AttributePath { urn: None, name, sub: None })?;
        let filter = Box::new(join_flat(vec![*filter, last], Expression::And, and_parts));
        Ok(Expression::Has { path, filter })
    }

    /// Reads `"[" valFilter "]"`.
    fn value_filter(&mut self) -> Result<Expression> {
        // Figure 1: a valFilter holds no valuePath.
        if self.in_value_path {
            return Err(self.text.error_expected("an operator (a value path cannot stand in another)"));
        }
        self.in_value_path = true;
        let filter = self.read_nested(']', Self::read_disjunction)?;
        self.in_value_path = false;
        Ok(filter)
    }

    /// Reads what `inner` reads, from the opening character that comes next to `close`.
    fn read_nested(&mut self, close: char, inner: fn(&mut Self) -> Result<Expression>) -> Result<Expression> {
        // The parser recurses, so the text must not choose how deep.
        if self.level == MAX_NESTING {
            return Err(self.too_deep());
        }
        self.level += 1;
        self.text.skip_char();
        let expression = inner(self)?;
        self.text.skip_space();
        if !self.text.next_is(close) {
            return Err(self.text.error_expected(&format!("and, or or \"{close}\"")));
        }
        self.text.skip_char();
        self.level -= 1;
        Ok(expression)
    }

    fn attribute_path(&mut self) -> Result<AttributePath> {
        let start = self.text.at;
        let word = self.text.take_while(is_attribute_char);
        match split_attribute_path(word) {
            Some(path) => Ok(path),
            None => {
                self.text.at = start;
                Err(self.text.error_expected("an attribute name"))
            }
        }
    }

    /// Reads `"." ATTRNAME`, if there is a dot.
    fn sub_attribute(&mut self) -> Result<Option<String>> {
        if !self.text.next_is('.') {
            return Ok(None);
        }
        self.text.skip_char();
        let start = self.text.at;
        let word = self.text.take_while(is_attribute_char);
        if !is_name(word) {
            self.text.at = start;
            return Err(self.text.error_expected("the name of a sub-attribute"));
        }
        Ok(Some(word.to_owned()))
    }

    /// Reads `compValue`: a JSON value that is neither array nor object.
    fn read_literal(&mut self) -> Result<Literal> {
        self.text.skip_space();
        if self.text.next_is('"') {
            return self.text.read_string().map(Literal::String);
        }
        let start = self.text.at;
        let word = self.text.take_while(is_bare_char);
        // `True` and `False` are what some languages write.
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
            Err(self.text.error_expected("a value (a string in double quotes, a number, true, false or null)"))
        }
    }

    fn at_operator(&mut self) -> bool {
        let start = self.text.at;
        let word = self.text.take_while(is_attribute_char);
        self.text.at = start;
        word.eq_ignore_ascii_case("pr") || operator_named(word).is_some()
    }

    fn check_depth(&self, expression: Expression) -> Result<Expression> {
        if nesting_depth(&expression) > MAX_NESTING { Err(self.too_deep()) } else { Ok(expression) }
    }

    fn too_deep(&self) -> Error {
        self.text.error_of_whole(&format!("nested more than {MAX_NESTING} levels deep"))
    }
}

fn operator_named(word: &str) -> Option<CompareOp> {
    CompareOp::ALL.into_iter().find(|op| word.eq_ignore_ascii_case(op.name()))
}

/// Joins parts with one operator. A single part is returned itself; `(a and b) and c` is `a and b and c`.
pub(super) fn join_flat(
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

fn nesting_depth(expression: &Expression) -> usize {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => 1 + parts.iter().map(nesting_depth).max().unwrap_or(0),
        Expression::Not(inner) | Expression::Has { filter: inner, .. } => 1 + nesting_depth(inner),
        Expression::Present(_) | Expression::Compare { .. } => 0,
    }
}

/// Splits `attrPath = [URI ":"] ATTRNAME *1subAttr`. A URN has dots of its own, so only the text after its last colon
/// is split.
fn split_attribute_path(word: &str) -> Option<AttributePath> {
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

/// Returns true for `ATTRNAME` of RFC 7643 section 2.1, and for `$ref`, which it does not describe.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c))
}

/// Returns true for a character of an unquoted value: e-mail addresses, base64, dates. Not for `'`, so that `'x'` is
/// refused instead of searched for.
fn is_bare_char(c: char) -> bool {
    c.is_alphanumeric() || "@.-_+%:/=".contains(c)
}
