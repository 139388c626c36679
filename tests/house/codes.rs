//! docs/errors.md lists every code with its status and `scimType`, and every code is the reason of some refusal.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::layers::all;
use scim_edge::error::{Code, Warning};

/// The rows of the tables in docs/errors.md, as their cells.
fn rows() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string("docs/errors.md").unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
    text.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

#[test]
fn the_list_is_whole_and_true() {
    let found: Vec<Vec<String>> = rows().iter().filter(|row| row.len() == 5).map(|row| row[..3].to_vec()).collect();
    let wanted: Vec<Vec<String>> = Code::ALL
        .iter()
        .map(|code| {
            let kind = code.kind();
            vec![code.to_string(), kind.status().to_string(), kind.scim_type().unwrap_or_default().to_owned()]
        })
        .collect();
    assert_eq!(found, wanted);
    let warnings: Vec<String> = rows().iter().filter(|row| row.len() == 3).map(|row| row[0].clone()).collect();
    assert_eq!(warnings, Warning::ALL.iter().map(|warning| warning.as_str()).collect::<Vec<_>>());
    assert!(rows().iter().flatten().skip(3).all(|cell| cell.len() < 160));
}

/// A code that only [`Code::fallback_for`] gives stands for a reason that another build knows.
#[test]
fn every_code_is_used() {
    let sources = all();
    let uses = |code: &Code| {
        let name = format!("Code::{code:?}");
        let names = |text: &str| {
            text.match_indices(&name).any(|(at, _)| !text[at + name.len()..].starts_with(char::is_alphanumeric))
        };
        sources.iter().filter(|(file, _)| !file.starts_with("error")).any(|(_, text)| names(text))
    };
    let unused: Vec<&Code> =
        Code::ALL.iter().filter(|code| !uses(code) && Code::fallback_for(code.kind()) != **code).collect();
    assert!(unused.is_empty(), "{unused:?}");
    let general: Vec<&Code> =
        Code::ALL.iter().filter(|code| Code::fallback_for(code.kind()) == **code && uses(code)).collect();
    let reasons = [
        Code::InvalidCursor,
        Code::InvalidCount,
        Code::NoTarget,
        Code::Unauthorized,
        Code::MethodNotAllowed,
        Code::UnsupportedMediaType,
        Code::NotImplemented,
        Code::Internal,
    ];
    assert!(general.iter().all(|code| reasons.contains(code)), "a refusal here has a reason of its own: {general:?}");
}
