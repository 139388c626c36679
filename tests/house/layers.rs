//! The order of the modules, held: each names only those below it, and some names stand in one place alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::Path;

/// From the top down. A module may name those of later lines, and those of its own line.
const LAYERS: &[&[&str]] = &[
    &["edge"],
    &["exchange"],
    &["console", "ingest", "render", "route"],
    &["org", "registry"],
    &["store"],
    &["directory", "dialect"],
    &["scim"],
    &["auth", "id", "error", "fold", "budget"],
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|name| name == "rs") {
            let name = path.strip_prefix("src").unwrap().to_string_lossy().replace('\\', "/");
            // Comments may say what they like.
            let text = fs::read_to_string(&path).unwrap();
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            found.push((name, code.join("\n")));
        }
    }
}

pub(crate) fn all() -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    assert!(found.len() > 40);
    found
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn a_module_names_only_those_below_it() {
    for (name, code) in all() {
        let module = name.split(['/', '.']).next().unwrap();
        if module == "lib" {
            continue;
        }
        let own = layer(module).unwrap_or_else(|| panic!("{name} is in no layer"));
        let named =
            code.split("crate::").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap());
        for other in named.filter(|other| layer(other).is_some()) {
            assert!(layer(other).unwrap() >= own, "{name} names {other}, which is above it");
            let dialect = other == "dialect" && !matches!(module, "dialect" | "ingest" | "exchange");
            assert!(!dialect, "{name} names dialect, which is for ingest and exchange");
        }
    }
}

#[test]
fn names_that_stand_in_one_place() {
    for (word, allowed) in [
        ("worker::", "edge"),
        ("wasm_bindgen", "edge"),
        ("js_sys", "edge"),
        ("getrandom", "edge"),
        ("SELECT ", "store"),
        ("INSERT ", "store"),
        ("DELETE FROM", "store"),
    ] {
        for (name, code) in all() {
            if name.starts_with(allowed) {
                continue;
            }
            assert!(!code.contains(word), "{name} has {word:?}, which belongs to {allowed}");
        }
    }
    for (name, code) in all().into_iter().filter(|(name, _)| name.starts_with("scim") || name.starts_with("store")) {
        for idp in ["okta", "entra", "onelogin", "jumpcloud", "rippling"] {
            let code = code.split("#[cfg(test)]").next().unwrap();
            assert!(!code.to_lowercase().contains(idp), "{name} names {idp}");
        }
    }
}
