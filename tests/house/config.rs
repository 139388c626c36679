//! wrangler.toml and the workflow: what a deploy must not take away, what must not be shared, what must be pinned.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;

/// The values of every `name = "..."` line that is not commented out.
fn values(text: &str, name: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
    lines.map(|value| value.trim().trim_matches('"').to_owned()).collect()
}

#[test]
fn the_configuration() {
    let text = fs::read_to_string("wrangler.toml").unwrap();
    let one = |name: &str| values(&text, name).first().cloned().unwrap_or_default();
    assert_eq!(one("WORKER_NAME"), one("name"), "the keys of the rate limits have the Worker's name");
    assert_eq!((one("keep_vars"), one("redact_query_string")), ("true".to_owned(), "true".to_owned()));
    let spaces = values(&text, "namespace_id");
    assert_eq!(spaces.len(), spaces.iter().collect::<BTreeSet<_>>().len(), "{spaces:?}");
    // The documentation's examples begin at 1001, and many an account has them.
    assert!(spaces.len() == 3 && spaces.iter().all(|id| id.parse::<u32>().unwrap() > 100_000), "{spaces:?}");
    // A variable that is set, if only to nothing, takes away what the dashboard says.
    let set = text.split_once("[vars]").unwrap().1.split_once("\n[").unwrap().0;
    for line in set.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        assert!(!line.ends_with("= \"\""), "{line}");
    }
}

#[test]
fn actions_are_pinned_by_commit() {
    let mut found = 0;
    for file in fs::read_dir(".github/workflows").unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter_map(|line| line.split_once("uses: ")) {
            let (pin, version) = line.1.split_once(" # v").unwrap_or_else(|| panic!("{}", line.1));
            let commit = pin.split_once('@').unwrap().1;
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{pin}");
            assert!(version.contains('.'), "{version}");
            found += 1;
        }
    }
    assert!(found > 0);
}
