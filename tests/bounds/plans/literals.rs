//! The SQL that stands in the source: every string literal that begins as a statement does.

use std::fs;
use std::path::Path;

/// A statement as the source spells it.
pub(super) struct Literal {
    /// The file that it stands in.
    pub(super) file: String,
    /// Its text; what `format!` puts in is cut out of it: the parts that stay, in order.
    pub(super) parts: Vec<String>,
}

impl Literal {
    /// True if a text that was executed is this one, whatever was put in.
    pub(super) fn is_in(&self, executed: &str) -> bool {
        let mut rest = executed;
        self.parts.iter().all(|part| match rest.find(part.as_str()) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

/// Every statement below `src`.
pub(super) fn all() -> Vec<Literal> {
    let mut found = Vec::new();
    folder(Path::new("src"), &mut found);
    found
}

fn folder(path: &Path, found: &mut Vec<Literal>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            folder(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let code = fs::read_to_string(&path).unwrap();
            let statements = strings(&code).into_iter().filter(|text| is_statement(text));
            found.extend(statements.map(|text| Literal { file: path.display().to_string(), parts: parts(&text) }));
        }
    }
}

/// A sentence may begin with the same word; no sentence goes on like this.
fn is_statement(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    match words.as_slice() {
        ["SELECT", ..] => text.starts_with("SELECT "),
        ["INSERT", "INTO" | "OR", ..] | ["DELETE", "FROM", ..] | ["UPDATE", _, "SET"] | ["WITH", _, "AS"] => true,
        _ => false,
    }
}

/// The string literals of a file, without its comments; a line that goes on after `\` is joined.
fn strings(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, from) = rest.split_at(at);
        if from.starts_with("//") {
            rest = from.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(quote) = ["'\"'", "'\\''", "'/'", "'\\\\'"].iter().find(|quote| from.starts_with(**quote)) {
            rest = &from[quote.len()..];
        } else if let Some(literal) = from.strip_prefix('"') {
            let raw = before.trim_end_matches('#');
            let end = match raw.ends_with('r') {
                true => literal.find(&format!("\"{}", &before[raw.len()..])).unwrap(),
                false => closing(literal),
            };
            found.push(joined(&literal[..end]));
            rest = &literal[end + 1..];
        } else {
            rest = &from[1..];
        }
    }
    found
}

/// Where the quote is that ends a literal.
fn closing(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, character)| {
        let ends = *character == '"' && !escaped;
        escaped = *character == '\\' && !escaped;
        ends
    });
    end.unwrap().0
}

fn joined(literal: &str) -> String {
    let mut lines = literal.split("\\\n");
    let mut text = lines.next().unwrap_or_default().to_owned();
    lines.for_each(|line| text.push_str(line.trim_start()));
    text.replace("\\\"", "\"")
}

/// Returns the text between the places of `format!`.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        parts.last_mut().unwrap().push_str(before);
        if from.starts_with("{{") || from.starts_with("}}") {
            parts.last_mut().unwrap().push_str(&from[..1]);
            rest = &from[2..];
        } else {
            rest = from.split_once('}').map_or("", |(_, rest)| rest);
            parts.push(String::new());
        }
    }
    parts.last_mut().unwrap().push_str(rest);
    parts
}
