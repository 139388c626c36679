//! How SQLite runs every statement of the source: from an index, or listed here with the reason why it may scan.
//!
//! A statement that stands in the source whole is looked at as it stands. One that is put together is looked at as it was
//! executed, so each of those must come up in [`scenario`].

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod literals;
mod scenario;

use std::collections::BTreeSet;

/// The statements that may scan: how the plan's line begins, a part of the statement, and why its cost is bounded all
/// the same.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("SCAN changes", " FROM changes ORDER BY seq LIMIT 1", "one row, the first, or the last beside the first"),
    (
        "SCAN changes",
        "SELECT CASE WHEN spelled IS NULL THEN seq END FROM changes ORDER BY seq DESC LIMIT 1",
        "the last row",
    ),
    ("SCAN b", "FROM (SELECT json_object('groups', json_group_array(g.id)) AS before ", "one row, an aggregate"),
    (
        "SCAN r USING",
        " WHERE number >= ?1 OR weight >= ?2 LIMIT 1",
        "row by row in an index's order, no further than the end of the piece",
    ),
    ("SCAN r USING", " LIMIT ?1)", "row by row in an index's order, no further than the end of the piece"),
    (
        "SCAN r USING",
        " LIMIT ?1 OFFSET ?2",
        "entries of an index; a reader that pages on by number starts after its last page",
    ),
    (
        "SCAN r USING",
        " r WHERE ?1 IS NOT NULL AND ",
        "the only piece, or the last: it was seen to be shorter than others",
    ),
    (
        "SCAN users USING COVERING INDEX users_more_mail",
        " WHERE more_mail = 1",
        "users with several addresses alone, who were counted before: few",
    ),
    ("SCAN users USING COVERING INDEX users_gone", "WHERE gone = 1)", "users who are gone: nearly always none"),
    ("SCAN groups USING COVERING INDEX groups_gone", "WHERE gone = 1)", "groups that are gone: nearly always none"),
    ("SCAN users USING INDEX users_gone", "WHERE gone = 1 LIMIT 1", "one row, the first"),
    ("SCAN groups USING INDEX groups_gone", "WHERE gone = 1 LIMIT 1", "one row, the first"),
    ("SCAN m", " LIMIT ?) m CROSS JOIN groups g ON ", "the rows of a subquery with a LIMIT"),
    ("SCAN groups", " (SELECT key FROM groups ORDER BY key LIMIT ?1)", "as many rows as a step of an import moves"),
    ("SCAN users", " (SELECT key FROM users ORDER BY key LIMIT ?1)", "as many rows as a step of an import moves"),
    ("SCAN members", " FROM members LIMIT ", "as many rows as a step of an import moves"),
    ("SCAN import_users", " FROM import_users LIMIT ?)", "as many rows as a step of an import clears away"),
    ("SCAN import_groups", " FROM import_groups LIMIT ?)", "as many rows as a step of an import clears away"),
    ("SCAN import_lines", " FROM import_lines LIMIT ?)", "as many rows as a step of an import clears away"),
    ("SCAN import_members", " FROM import_members LIMIT ", "as many rows as a step of an import clears away"),
    ("SCAN import_tombstones", " FROM import_tombstones LIMIT ", "as many rows as a step of an import clears away"),
    ("SCAN import_parts", " FROM import_parts LIMIT ", "as many rows as a step of an import clears away"),
    ("SCAN import_parts", " FROM import_parts ORDER BY part", "a row for each part that was sent, of up to 8 MiB"),
    ("SCAN import_tombstones", "SELECT count(*) FROM import_tombstones", "once an import, entries of one narrow index"),
    ("SCAN tombstones", "SELECT count(*) FROM tombstones", "once a snapshot, entries of one narrow index"),
    ("SCAN tombstones", " FROM tombstones ORDER BY seq, id LIMIT ?)", "as many rows as a step forgets"),
    (
        "SCAN r",
        " FROM refused r WHERE ",
        "once in ten pages; 64 MiB of refusals at most, and what came since the last round",
    ),
    ("SCAN refused", "SELECT count(*) FROM refused", "once a start, and after a pruning that removed some"),
    ("SCAN refusals", " FROM refusals) r ", "what an earlier build left, until it is copied"),
    ("SCAN refusals", "SELECT 1 FROM refusals LIMIT 1", "one row, the first"),
    ("SCAN codes", "WITH RECURSIVE codes (code) AS ", "a row for each code"),
    ("SCAN traffic", " FROM traffic ORDER BY day DESC, idp", "30 days, at most 31 providers on each"),
    ("SCAN tokens", " FROM tokens ", "an organisation's tokens, each minted by a person"),
    ("SCAN tokens", "UPDATE tokens SET revoked = coalesce(revoked, ?), ", "once, when an organisation is erased"),
    ("SCAN minted", "WITH RECURSIVE minted ", "the tokens that one token minted"),
    ("SCAN due", " FROM due", "a row for each kind of job"),
    ("SCAN chain", "WITH RECURSIVE chain ", "the changes of one group that one request made"),
    ("SCAN schemas", " FROM schemas ORDER BY urn", "as many schemas as may be registered"),
    (
        "SCAN organisations",
        " FROM organisations",
        "a page of the registry's list, by the LIMIT that it is executed with",
    ),
    ("SCAN users", "SELECT 'spelling', 0, 0 WHERE EXISTS (SELECT 1 FROM users)", "the first row, once, in a migration"),
    (
        "SCAN groups",
        "SELECT 'spelling', 0, 0 WHERE EXISTS (SELECT 1 FROM users)",
        "the first row, once, in a migration",
    ),
    ("SCAN sqlite_master", " FROM sqlite_master WHERE type = 'table'", "the tables of the migrations"),
];

/// True of a line whose cost an index bounds, or the parameter or document that it reads.
fn is_bounded(line: &str) -> bool {
    let scanned = line.strip_prefix("SCAN ").unwrap_or_default();
    !line.contains("AUTOMATIC")
        && (scanned.is_empty()
            // Rows of a JSON text, of a subquery that has lines of its own, of VALUES.
            || scanned.contains("VIRTUAL TABLE INDEX")
            || scanned.starts_with('(')
            || scanned.contains("CONSTANT ROW"))
}

#[test]
fn every_statement_is_served_by_an_index() {
    let databases = scenario::run();
    let executed: BTreeSet<String> = databases.iter().flat_map(|sql| sql.recorded.take().unwrap()).collect();
    let plan = |text: &str| databases.iter().find_map(|sql| sql.plan(text).ok());
    let (mut statements, mut wrong) = (BTreeSet::new(), Vec::new());
    for text in executed.iter().filter(|text| !text.starts_with("CREATE ") && !text.starts_with("ALTER ")) {
        statements.insert(text.clone());
    }
    for literal in literals::all() {
        match literal.parts.as_slice() {
            [whole] if plan(whole).is_some() => drop(statements.insert(whole.clone())),
            parts if !executed.iter().any(|text| literal.is_in(text)) => wrong.push(format!(
                "{}: tests/bounds/plans/scenario.rs executes no statement like {:?}",
                literal.file,
                parts.join("{}")
            )),
            _ => {}
        }
    }
    let mut used = BTreeSet::new();
    for text in &statements {
        let lines = plan(text).unwrap_or_else(|| panic!("cannot be planned: {text}"));
        for line in lines.iter().filter(|line| !is_bounded(line)) {
            let allowed = ALLOWED.iter().position(|(scan, part, _)| line.starts_with(scan) && text.contains(part));
            match allowed {
                Some(at) => drop(used.insert(at)),
                None => wrong.push(format!("{line}\n    in {text}")),
            }
        }
    }
    println!("{} statements, {} of them may scan", statements.len(), used.len());
    wrong.extend(
        (0..ALLOWED.len()).filter(|at| !used.contains(at)).map(|at| format!("no longer needed: {:?}", ALLOWED[at])),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
