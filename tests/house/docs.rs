//! The files that the documents name in backticks, and those that their links lead to, exist.

#![allow(clippy::unwrap_used)]

use std::path::Path;

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/console-api.md",
    "docs/errors.md",
    "docs/idp/README.md",
    "docs/operations.md",
    "docs/security.md",
];

/// The texts between a pair of marks.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.split(begin).skip(1).filter_map(|rest| rest.split_once(end).map(|(found, _)| found)).collect()
}

#[test]
fn named_files_and_links_exist() {
    let mut missing = Vec::new();
    let mut found = 0;
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(document).unwrap();
        // The odd pieces stand in backticks.
        let named = text.split('`').skip(1).step_by(2).filter(|name| {
            let is_path =
                ["src/", "tests/", "docs/", "scripts/", "bench/", "fuzz/"].iter().any(|start| name.starts_with(start));
            is_path && !name.contains([' ', '<', '*', '{'])
        });
        let folder = Path::new(document).parent().unwrap();
        let links = between(&text, "](", ")").into_iter().filter(|link| !link.contains("://"));
        let linked = links.filter_map(|link| link.split('#').next()).filter(|link| !link.is_empty());
        let paths = named.map(|name| Path::new(name).to_owned()).chain(linked.map(|link| folder.join(link)));
        for path in paths {
            found += 1;
            if !path.exists() {
                missing.push(format!("{document}: {}", path.display()));
            }
        }
    }
    assert!(missing.is_empty() && found > 60, "{found} found, {missing:#?}");
}
