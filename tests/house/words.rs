//! The mechanical part of docs/style.md: how sentences begin, words that do not stand in them, and the verb that begins
//! the doc comment of a function.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

/// The folders and files that are read.
const READ: &[&str] = &[
    "src/auth",
    "src/auth.rs",
    "src/budget.rs",
    "src/dialect",
    "src/dialect.rs",
    "src/edge.rs",
    "src/error",
    "src/error.rs",
    "src/exchange",
    "src/exchange.rs",
    "src/fold",
    "src/fold.rs",
    "src/id",
    "src/id.rs",
    "src/ingest",
    "src/ingest.rs",
    "src/lib.rs",
    "src/org",
    "src/org.rs",
    "src/registry.rs",
    "src/render",
    "src/render.rs",
    "src/route",
    "src/route.rs",
    "src/scim",
    "src/scim.rs",
    "src/store",
    "src/store.rs",
    "src/edge",
    "src/directory.rs",
    "src/directory",
    "src/console.rs",
    "src/console",
    "tests",
    "scripts",
    "bench",
];

/// No sentence begins so: it would have no subject that a reader can name.
const BEGINNINGS: &[&str] = &["Who", "Whom", "What", "Of", "Whoever"];

/// No text holds these; the page has what to write instead. They are split, since this file is read too.
const WORDS: &[&[&str]] = &[
    &["has ", "to"],
    &["have ", "to"],
    &["had ", "to"],
    &["having ", "to"],
    &["passed ", "over"],
    &["pass ", "over"],
    &["that is ", "none"],
    &["is none ", "of"],
    &["no", "body"],
    &["some", "body"],
    &["any", "body"],
    &["every", "body"],
];

/// They end as a verb does, and are not verbs.
const NO_VERBS: &[&str] = &["This", "Its", "As", "Is", "Whose", "Less", "Across", "Always", "Us", "Users", "Groups"];

/// The files below [`READ`] whose names end so.
fn files(kind: &str) -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = READ.iter().map(|name| Path::new(name).to_owned()).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        // Packages have words of their own.
        if path.ends_with("node_modules") {
            continue;
        }
        if path.is_dir() {
            open.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|name| name == kind) {
            found.push(path);
        }
    }
    found
}

/// A comment of several lines as one text, and the line of code below it.
struct Comment {
    line: usize,
    is_doc: bool,
    text: String,
    code: String,
}

/// Returns the comments of a source, in their order.
fn comments(source: &str) -> Vec<Comment> {
    let mut found: Vec<Comment> = Vec::new();
    let mut open: Option<Comment> = None;
    for (number, line) in source.lines().enumerate() {
        let line = line.trim();
        let mark = ["///", "//!", "//", "/**"].into_iter().find(|mark| line.starts_with(*mark));
        match (mark, &mut open) {
            (Some(mark), Some(comment)) if comment.is_doc == (mark == "///") => {
                comment.text.push('\n');
                comment.text.push_str(line.trim_start_matches(mark).trim_start());
            }
            (Some(mark), _) => {
                found.extend(open.take());
                let text = line.trim_start_matches(mark).trim_start().to_owned();
                open = Some(Comment { line: number + 1, is_doc: mark == "///", text, code: String::new() });
            }
            (None, Some(_)) if line.starts_with("#[") || line.is_empty() => {}
            (None, Some(comment)) => {
                comment.code = line.to_owned();
                found.extend(open.take());
            }
            (None, None) => {}
        }
    }
    found.extend(open);
    found
}

/// Returns the first word of each sentence of a text: at its begin, behind a full stop, and in a new paragraph or item.
fn beginnings(text: &str) -> Vec<&str> {
    let paragraphs = text.split("\n\n").flat_map(|part| part.split("\n- "));
    let sentences = paragraphs.flat_map(|part| part.split(". ").flat_map(|piece| piece.split(".\n")));
    let word = |text: &str| text.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(text.len());
    sentences
        .map(|text| text.trim_start_matches(['-', ' ', '\n', '"', '(']))
        .map(|text| text.get(..word(text)).unwrap_or_default())
        .collect()
}

/// Returns the number of the line in which a byte of the text stands.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

#[test]
fn sentences_have_a_subject() {
    let mut found = Vec::new();
    for path in ["rs", "mjs", "ts"].into_iter().flat_map(files) {
        for comment in comments(&std::fs::read_to_string(&path).unwrap()) {
            for word in beginnings(&comment.text).into_iter().filter(|word| BEGINNINGS.contains(word)) {
                found.push(format!("{}:{}: {word} ...", path.display(), comment.line));
            }
        }
    }
    for path in files("md") {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in beginnings(&text).into_iter().filter(|word| BEGINNINGS.contains(word)) {
            found.push(format!("{}: {word} ...", path.display()));
        }
    }
    assert!(
        found.is_empty(),
        "{} sentences begin without a subject (docs/style.md):\n{}",
        found.len(),
        found.join("\n")
    );
}

/// Returns the words of a text that the page replaces, each with its place.
fn replaced_words(text: &str) -> Vec<(usize, String)> {
    let (text, mut found) = (text.to_lowercase(), Vec::new());
    for word in WORDS.iter().map(|parts| parts.concat()) {
        for (at, _) in text.match_indices(&word) {
            let is_whole = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text.get(at + word.len()..).and_then(|text| text.chars().next());
            if is_whole(before) && is_whole(after) {
                found.push((line_of(&text, at), word.clone()));
            }
        }
    }
    found
}

#[test]
fn words_that_the_page_replaces() {
    let mut found = Vec::new();
    for path in ["rs", "md", "mjs", "ts"].into_iter().flat_map(files) {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut tell = |line: usize, word: String| found.push(format!("{}:{line}: {word}", path.display()));
        if path.starts_with("src") || path.extension().is_some_and(|name| name == "md") {
            replaced_words(&text).into_iter().for_each(|(line, word)| tell(line, word));
            continue;
        }
        // The requests of a test may name what they like.
        for comment in comments(&text) {
            let words = replaced_words(&comment.text).into_iter();
            words.for_each(|(line, word)| tell(comment.line + line - 1, word));
        }
    }
    assert!(found.is_empty(), "{} words (docs/style.md):\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_doc_comment_of_a_function_begins_with_a_verb() {
    let (mut seen, mut found) = (0, Vec::new());
    for path in files("rs").into_iter().filter(|path| path.starts_with("src")) {
        let source = std::fs::read_to_string(&path).unwrap();
        // Behind that line stand tests, whose names say what they hold.
        let code = source.split("\n#[cfg(test)]\n").next().filter(|_| !path.ends_with("tests.rs")).unwrap_or_default();
        for comment in comments(code).into_iter().filter(|comment| comment.is_doc && comment.code.contains("fn ")) {
            let word = beginnings(&comment.text).first().copied().unwrap_or_default().to_owned();
            seen += 1;
            let is_verb = word.starts_with(char::is_uppercase) && word.ends_with('s') && word.len() > 2;
            if !is_verb || NO_VERBS.contains(&word.as_str()) {
                found.push(format!("{}:{}: {word} ...", path.display(), comment.line));
            }
        }
    }
    assert!(found.is_empty() && seen > 100, "{} of {seen} do not (docs/style.md):\n{}", found.len(), found.join("\n"));
}
