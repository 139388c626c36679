//! The files that the documents name in backticks, those that their links lead to, and the calls that documents and error
//! sentences name exist.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const DOCUMENTS: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/console-api.md",
    "docs/errors.md",
    "docs/idp/README.md",
    "docs/operations.md",
    "docs/security.md",
    "docs/style.md",
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

/// The text of the sources and of the documents, each with its name.
fn texts() -> Vec<(String, String)> {
    let mut folders = vec![Path::new("src").to_owned()];
    let mut files: Vec<_> = DOCUMENTS.iter().map(|name| Path::new(name).to_owned()).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                None => folders.push(path),
                Some(kind) if kind == "rs" => files.push(path),
                Some(_) => {}
            }
        }
    }
    files.into_iter().map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

/// An admin is sent to calls that the description of the API has.
#[test]
fn named_calls_exist() {
    let described: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("src/console/openapi.json").unwrap()).unwrap();
    let paths = described.get("paths").unwrap().as_object().unwrap();
    // A segment in braces, or a variable of a shell, stands for any.
    let fits = |path: &str, said: &str| {
        let (path, said): (Vec<_>, Vec<_>) = (path.split('/').collect(), said.split('/').collect());
        path.len() == said.len()
            && path
                .iter()
                .zip(said)
                .all(|(path, said)| path.starts_with('{') || said.starts_with(['{', '$']) || *path == said)
    };
    let (mut found, mut missing) = (0, Vec::new());
    for (name, text) in texts() {
        for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] {
            for rest in text.split(&format!("{method} /v1/")).skip(1) {
                let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !"/{}_-.$".contains(letter));
                let said = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                let said = format!("/v1/{}", said.trim_end_matches(['.', '/']));
                // An ellipsis stands for many calls.
                if said.contains("..") || rest.starts_with("...") {
                    continue;
                }
                found += 1;
                let method = method.to_lowercase();
                if !paths.iter().any(|(path, calls)| calls.get(&method).is_some() && fits(path, &said)) {
                    missing.push(format!("{name}: {method} {said}"));
                }
            }
        }
    }
    assert!(missing.is_empty() && found > 60, "{found} found, {missing:#?}");
}

/// The tables of docs/console-api.md have what the description has: each call with its right and its parameters, the
/// parameters of the journal, the dialects.
#[test]
fn the_documented_calls_are_the_described_ones() {
    let described: Value = serde_json::from_str(&std::fs::read_to_string("src/console/openapi.json").unwrap()).unwrap();
    let text = std::fs::read_to_string("docs/console-api.md").unwrap();
    let names = |call: &Value| -> BTreeSet<String> {
        let all = call["parameters"].as_array().cloned().unwrap_or_default();
        let parameter = |one: &Value| match one["$ref"].as_str() {
            Some(place) => described.pointer(place.trim_start_matches('#')).unwrap().clone(),
            None => one.clone(),
        };
        let in_query = all.iter().map(parameter).filter(|one| one["in"] == "query");
        in_query.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut expected = BTreeMap::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters") {
            let needs = call["security"][0]["key"][0].as_str().unwrap_or("none").to_owned();
            // The journal's have a table of their own.
            let parameters = if path.ends_with("/journal") { BTreeSet::new() } else { names(call) };
            expected.insert(format!("{} {path}", method.to_uppercase()), (needs, parameters));
        }
    }
    let mut found = BTreeMap::new();
    for row in rows(&text, "| call | needs | what |") {
        let (call, query) = row[0].trim_matches('`').split_once('?').unwrap_or((row[0].trim_matches('`'), ""));
        let parameters = query.split('&').filter_map(|one| Some(one.split_once('=')?.0.to_owned())).collect();
        assert!(found.insert(call.to_owned(), (row[1].clone(), parameters)).is_none(), "{call} stands twice");
    }
    assert_eq!(found, expected);
    let journal: BTreeSet<String> = rows(&text, "| parameter | which entries |")
        .iter()
        .flat_map(|row| row[0].split(", ").map(|name| name.trim_matches('`').split('=').next().unwrap().to_owned()))
        .collect();
    assert_eq!(journal, names(&described["paths"]["/v1/orgs/{org}/journal"]["get"]));
    let dialects = between(&text, "`dialect` is ", ".")[0];
    let listed: BTreeSet<&str> = dialects.split('`').skip(1).step_by(2).collect();
    let known = described["components"]["schemas"]["Dialect"]["enum"].as_array().unwrap();
    assert_eq!(listed, known.iter().map(|word| word.as_str().unwrap()).collect());
}

/// The cells of the rows of a table that begins with this line.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let table = text.split_once(head).unwrap().1.lines().skip(2).take_while(|line| line.starts_with('|'));
    table.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}
