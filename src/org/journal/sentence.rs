//! A sentence as the journal keeps it. An answer may quote the value that it refuses; the journal keeps names and ids
//! alone, and never a token, whatever a client put where.

use crate::scim::filter::Forms;
use crate::scim::json;
use crate::scim::path;
use crate::scim::schema::Types;

/// What is quoted after one of these words is a name or an id.
const NAMED: [&str; 6] = ["userName", "displayName", "externalId", "group", "bulkId", "key"];
/// A number after one of these words is a value.
const VALUED: [&str; 10] = ["not", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
/// Stands for what is not kept.
const HIDDEN: &str = "\"…\"";
/// How a token begins.
const TOKENS: [&str; 2] = ["scim_", "console_"];
/// How many letters and digits after that make one, whole or cut.
const TOKEN_LENGTH: usize = 30;

/// The sentence without values: a quoted text stays if it is one of `names`, an attribute's name, or said to be a name.
pub(super) fn kept(sentence: &str, names: &[String], types: &Types) -> String {
    let (mut kept, mut rest) = (String::new(), sentence);
    while let Some((before, quoted)) = rest.find('"').and_then(|at| rest.split_at_checked(at)) {
        let (literal, after) = quoted.split_at_checked(closed(quoted)).unwrap_or((quoted, ""));
        let text = json::read(literal.as_bytes()).unwrap_or_else(|_| literal.trim_matches('"').to_owned());
        let word = before.strip_suffix(' ').and_then(|before| before.rsplit(' ').next()).unwrap_or_default();
        let named = NAMED.iter().any(|name| name.eq_ignore_ascii_case(word));
        kept.push_str(&without_numbers(before));
        kept.push_str(if named || names.contains(&text) || is_attribute(&text, types) { literal } else { HIDDEN });
        rest = after;
    }
    kept.push_str(&without_numbers(rest));
    without_tokens(&kept)
}

/// The length of the quoted text at the beginning, with its quotes; all of it if it is not closed.
fn closed(quoted: &str) -> usize {
    let mut escaped = false;
    let end = quoted.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(quoted.len(), |(at, _)| at + 1)
}

fn is_attribute(text: &str, types: &Types) -> bool {
    let path = path::parse(text, Forms::Lenient).ok().filter(|_| !text.contains('['));
    path.is_some_and(|path| types.all().iter().any(|kind| path.resolve(kind, Forms::Lenient).is_ok()))
}

fn without_numbers(text: &str) -> String {
    let (mut kept, mut previous) = (String::new(), "");
    for word in text.split_inclusive(' ') {
        let digits = word.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(word.len());
        let number = word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
        match word.get(digits..).filter(|_| number && VALUED.contains(&previous)) {
            Some(after) => kept.extend(["…", after]),
            None => kept.push_str(word),
        }
        previous = word.trim_end();
    }
    kept
}

/// The text without what looks like a token, whole or cut.
pub(super) fn without_tokens(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    let next = |rest: &str| TOKENS.iter().filter_map(|prefix| Some((rest.find(prefix)?, prefix.len()))).min();
    while let Some((at, length)) = next(rest) {
        let (before, after) = rest.split_at_checked(at + length).unwrap_or((rest, ""));
        let secret = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let hidden = secret >= TOKEN_LENGTH;
        kept.extend([before, if hidden { "…" } else { "" }]);
        rest = if hidden { after.get(secret..).unwrap_or_default() } else { after };
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        let token = "scim_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2VqCaK";
        for (said, expected) in [
            ("userName \"a@b\" is taken by the active user u-1.", "userName \"a@b\" is taken by the active user u-1."),
            (
                "active has to be true or false, not the text \"s\".",
                "active has to be true or false, not the text \"…\".",
            ),
            ("\"emails.type\" is a string: not \"a \\\"s\\\" b\"", "\"emails.type\" is a string: not \"…\""),
            ("\"userName\" is a string: not 5", "\"userName\" is a string: not …"),
            ("the path emails[value eq \"s\"].value.", "the path emails[value eq \"…\"].value."),
            ("matches badge[number eq -5.2e3].", "matches badge[number eq …]."),
            ("[number eq 5 and title eq \"s\"]", "[number eq … and title eq \"…\"]"),
            ("filter, position 7: found \"s", "filter, position 7: found \"…\""),
            ("User has no attribute \"shoeSize\"", "User has no attribute \"shoeSize\""),
            ("Group \"The \\\"A\\\" team\" cannot hold x", "Group \"The \\\"A\\\" team\" cannot hold x"),
            ("not \"emails[value eq \\\"s\\\"]\"", "not \"…\""),
            (&format!("There is no user {token} here"), "There is no user scim_… here"),
            (&format!("group \"{}\"", &token[..40]), "group \"scim_…\""),
            ("scim_admins and console_1", "scim_admins and console_1"),
        ] {
            assert_eq!(kept(said, &["shoeSize".to_owned()], &Types::default()), expected);
        }
    }
}
