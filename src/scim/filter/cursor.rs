//! A position in a text that is being read, and the sentences for what is wrong there.

use super::Grammar;
use crate::error::{Error, Result, quoted};
use crate::scim::json;

/// A position. `at` is always on a character boundary.
pub(super) struct TextCursor<'a> {
    text: &'a str,
    pub(super) at: usize,
    grammar: Grammar,
}

impl<'a> TextCursor<'a> {
    pub(super) fn new(text: &'a str, grammar: Grammar) -> Self {
        Self { text, at: 0, grammar }
    }

    /// Consumes `word` in any case, with the space around it.
    pub(super) fn take_keyword(&mut self, word: &str) -> bool {
        self.skip_space();
        let start = self.at;
        if self.take_while(is_attribute_char).eq_ignore_ascii_case(word) {
            self.skip_space();
            return true;
        }
        self.at = start;
        false
    }

    /// Reads a string of RFC 8259 section 7, from the quotation mark that comes next.
    pub(super) fn read_string(&mut self) -> Result<String> {
        let start = self.at;
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find_map(|(i, c)| match c {
            '"' if !escaped => Some(i + 1),
            _ => {
                escaped = c == '\\' && !escaped;
                None
            }
        });
        let Some(end) = end else {
            self.at = self.text.len();
            return Err(self.error_expected("the closing \" of the string"));
        };
        let quoted = self.rest().get(..end).unwrap_or_default();
        self.at += end;
        let fault = match json::read::<String>(quoted.as_bytes()) {
            Ok(text) if !text.contains('\0') => return Ok(text),
            // A body may not hold it either, and SQLite's text functions would stop there.
            Ok(_) => "the string holds the character U+0000, which no value has",
            Err(_) => "the string has an escape or a control character that JSON does not allow",
        };
        self.at = start;
        Err(self.error_here(fault))
    }

    /// Refuses text that is left, but for space. `or_else` names what else could follow.
    pub(super) fn expect_end(&mut self, or_else: &str) -> Result<()> {
        self.skip_space();
        if self.at == self.text.len() {
            return Ok(());
        }
        let end = format!("the end of the {}", self.grammar.noun());
        Err(self.error_expected(&if or_else.is_empty() { end } else { format!("{or_else} or {end}") }))
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn next_is(&self, c: char) -> bool {
        self.rest().starts_with(c)
    }

    pub(super) fn skip_char(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    pub(super) fn take_while(&mut self, wanted: fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Returns the refusal that quotes the next text.
    pub(super) fn error_expected(&self, what: &str) -> Error {
        let rest = self.rest();
        let delimiter = |c: &char| c.is_whitespace() || "()[]\"".contains(*c);
        let Some(first) = rest.chars().next() else {
            return self.error_here(&format!("expected {what}, found the end"));
        };
        let more = if delimiter(&first) { 0 } else { 40 };
        let word: String =
            [first].into_iter().chain(rest.chars().skip(1).take(more).take_while(|c| !delimiter(c))).collect();
        self.error_here(&format!("expected {what}, found {word}", word = quoted(&word)))
    }

    /// Returns a refusal of the next text.
    pub(super) fn error_here(&self, what: &str) -> Error {
        let position = self.text.get(..self.at).unwrap_or_default().chars().count() + 1;
        Error::new(self.grammar.syntax_code(), format!("{}, position {position}: {what}", self.grammar.noun()))
    }

    /// Returns a refusal of the text as a whole.
    pub(super) fn error_of_whole(&self, what: &str) -> Error {
        Error::new(self.grammar.too_complex(), format!("{}: {what}", self.grammar.noun()))
    }
}

/// Returns true for a character of names, URNs and words.
pub(super) fn is_attribute_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_$.:/%~".contains(c)
}
