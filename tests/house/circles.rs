//! No circle: no file of src names another that leads back to it, inside a folder neither. A file may name the items of the
//! files that declare it (`super::`); that is the one way up, and does not count.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

/// The modules with their code, tests and attributes aside.
fn modules() -> BTreeMap<String, String> {
    let own = crate::layers::all().into_iter().filter(|(name, _)| name != "lib.rs" && !name.contains("tests"));
    own.map(|(name, code)| {
        let module = name.trim_end_matches(".rs").replace('/', "::");
        let code = code.split("#[cfg(test)]").next().unwrap().to_owned();
        (module, without_attributes(&code))
    })
    .collect()
}

/// Removes `#[...]`: what describes an item on native builds is no use of it.
fn without_attributes(code: &str) -> String {
    let (mut left, mut depth, mut previous) = (String::new(), 0, ' ');
    for c in code.chars() {
        match c {
            '[' if depth > 0 || previous == '#' => depth += 1,
            ']' if depth > 0 => depth -= 1,
            _ if depth == 0 => left.push(c),
            _ => {}
        }
        previous = c;
    }
    left
}

/// Expands `a::{b, c::d}` to `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, found: &mut BTreeSet<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        found.insert(format!("{prefix}{}", tree.split(" as ").next().unwrap().trim()));
        return;
    };
    let (mut depth, mut part) = (0, String::new());
    for c in rest.trim().strip_suffix('}').unwrap_or(rest).chars().chain([',']) {
        match c {
            ',' if depth == 0 => {
                if !part.trim().is_empty() {
                    expand(&format!("{prefix}{}", head.trim()), part.trim(), found);
                }
                part.clear();
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        part.push(c);
    }
}

/// Returns true if only a visibility stands in front on the line.
fn begins_a_line(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap().trim();
    line.is_empty() || line == "pub" || line.starts_with("pub(") && line.ends_with(')')
}

/// The paths that a file names: those of its `use`, and those in its code.
fn paths(code: &str) -> BTreeSet<String> {
    let (mut found, mut rest) = (BTreeSet::new(), String::new());
    for statement in code.split_inclusive(';') {
        let (before, tree) = match statement.rsplit_once("use ") {
            Some((before, tree)) if begins_a_line(before) => (before, tree),
            _ => (statement, ""),
        };
        rest.push_str(before);
        expand("", &tree.trim_end_matches(';').split_whitespace().collect::<Vec<_>>().join(" "), &mut found);
    }
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    found.extend(rest.split(|c| !is_path(c)).filter(|word| word.contains("::")).map(str::to_owned));
    found
}

/// The module that a path in `from` leads to.
fn module_of(from: &str, path: &str, all: &BTreeMap<String, String>) -> Option<String> {
    let mut base: Vec<&str> = from.split("::").collect();
    let mut names: Vec<&str> = path.split("::").collect();
    match names[0] {
        "crate" => base.clear(),
        "super" | "self" => {}
        own if all.contains_key(&format!("{from}::{own}")) => {}
        _ => return None,
    }
    while let Some("crate" | "super" | "self") = names.first().copied() {
        if names.remove(0) == "super" {
            base.pop();
        }
    }
    let whole: Vec<&str> = base.into_iter().chain(names).collect();
    (1..=whole.len()).rev().map(|length| whole[..length].join("::")).find(|module| all.contains_key(module))
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let all = modules();
    assert!(all.len() > 150);
    let mut named: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
    for (module, code) in &all {
        let others = paths(code).into_iter().filter_map(|path| module_of(module, &path, &all));
        let is_other = |other: &String| other != module && !module.starts_with(&format!("{other}::"));
        named.insert(module, others.filter(is_other).collect());
    }
    assert!(named.values().map(BTreeSet::len).sum::<usize>() > 600, "the uses are found");
    // Again and again without those that name no other that is left: a circle is left at the end.
    loop {
        let ends: BTreeSet<String> =
            named.iter().filter(|(_, others)| others.is_empty()).map(|(module, _)| (*module).clone()).collect();
        if ends.is_empty() {
            break;
        }
        named.retain(|module, _| !ends.contains(*module));
        named.values_mut().for_each(|others| others.retain(|other| !ends.contains(other)));
    }
    assert!(named.is_empty(), "these name each other in a circle, or one of it: {named:#?}");
}
