//! A sentence as the journal keeps it. An answer may quote the value that it refuses; the journal keeps names and ids
//! alone, and never a token, whatever a client put where.

use crate::scim::filter::Forms;
use crate::scim::json;
use crate::scim::path;
use crate::scim::schema::Types;

/// Words after which a quoted text is a name or an id.
const NAMED: [&str; 6] = ["userName", "displayName", "externalId", "group", "bulkId", "key"];
/// Words after which a number is a value.
const VALUED: [&str; 10] = ["not", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
/// The word after which a quoted text is a path that could not be read: only its values are removed.
const PATH: &str = "path";
/// The longest type of an element that is kept, in characters. It names the mapping that an admin searches for.
const TYPE_MAX: usize = 64;
/// The text that replaces a removed one.
const HIDDEN: &str = "\"…\"";
/// The beginnings of tokens.
const TOKENS: [&str; 2] = ["scim_", "console_"];
/// The letters and digits after that which make a token, whole or cut.
const TOKEN_LENGTH: usize = 30;

/// Returns the sentence without values. A quoted text stays if it is one of `names`, an attribute's name, or follows a
/// word for a name.
pub(crate) fn redact_sentence(sentence: &str, names: &[String], types: &Types) -> String {
    let (mut kept, mut rest) = (String::new(), sentence);
    while let Some((before, quoted)) = rest.find('"').and_then(|at| rest.split_at_checked(at)) {
        // A quoted text is as a JSON string: its own quotes are escaped.
        let (literal, after) = quoted.split_at_checked(quotation_length(quoted)).unwrap_or((quoted, ""));
        let text = json::read(literal.as_bytes()).unwrap_or_else(|_| literal.trim_matches('"').to_owned());
        // The word before the quotation tells whether it is a name or a value.
        let word = before.strip_suffix(' ').and_then(|before| before.rsplit(' ').next()).unwrap_or_default();
        let named = NAMED.iter().any(|name| name.eq_ignore_ascii_case(word));
        kept.push_str(&without_numbers(before));
        if word == PATH && literal.ends_with('"') {
            kept.push_str(&format!("{:?}", redact_path(&text)));
        } else if named || names.contains(&text) || is_attribute(&text, types) || names_type(before, &text) {
            kept.push_str(literal);
        } else {
            kept.push_str(HIDDEN);
        }
        rest = after;
    }
    kept.push_str(&without_numbers(rest));
    without_tokens(&kept)
}

/// Returns a path as it was sent, without the values that it compares with: quoted texts, and the word after an
/// operator. Types stay: `emails[type eq "work"].value`.
fn redact_path(path: &str) -> String {
    let (mut kept, mut rest) = (String::new(), path);
    // Each turn takes at least one character.
    while let Some(first) = rest.chars().next() {
        // A token is a quoted text, a word, or one sign between them.
        let is_part = |c: char| !c.is_whitespace() && !"[]()\"'=".contains(c);
        let length = match first {
            '"' | '\'' => quotation_length(rest),
            first if is_part(first) => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let is_quoted = ['"', '\''].contains(&first);
        let is_value = is_quoted || (is_part(first) && operator_begins(&kept).is_some());
        let is_fixed = ["true", "false", "null"].contains(&token);
        // A quotation without an end is the rest of the path, in which other values may stand.
        let is_whole =
            !is_quoted || (token.len() > 1 && token.ends_with(first)) || !token.contains(char::is_whitespace);
        let is_type = is_whole && names_type(&kept, token.trim_matches(['"', '\'']));
        if is_value && !is_fixed && !is_type {
            kept.push_str(if is_quoted { HIDDEN } else { "…" });
        } else {
            kept.push_str(token);
        }
        rest = after;
    }
    kept
}

/// Returns true if a text after `before` is compared with the type of an element.
fn names_type(before: &str, text: &str) -> bool {
    let attribute = operator_begins(before).and_then(|at| before.get(..at)).map(str::trim_end).unwrap_or_default();
    let name = attribute.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    name.eq_ignore_ascii_case("type") && text.chars().count() <= TYPE_MAX
}

/// Returns the begin of the operator that is the last word of a text: one of a filter's, or that of another grammar.
fn operator_begins(text: &str) -> Option<usize> {
    let text = text.trim_end();
    let sign = text.trim_end_matches(['=', '!']);
    if sign.len() < text.len() {
        return Some(sign.len());
    }
    let at = text.rfind(char::is_whitespace)? + 1;
    let word = text.get(at..)?;
    (word != "not" && VALUED.iter().any(|operator| operator.eq_ignore_ascii_case(word))).then_some(at)
}

/// Returns the length of the quoted text at the beginning, with its quotes; all of it if it is not closed.
fn quotation_length(quoted: &str) -> usize {
    let (mut escaped, mark) = (false, quoted.chars().next().unwrap_or('"'));
    let end = quoted.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == mark && !escaped;
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

/// Returns the text without the parts that look like a token, whole or cut.
pub(crate) fn without_tokens(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    let next = |rest: &str| TOKENS.iter().filter_map(|prefix| Some((rest.find(prefix)?, prefix.len()))).min();
    while let Some((at, length)) = next(rest) {
        let (before, after) = rest.split_at_checked(at + length).unwrap_or((rest, ""));
        // A cut token is still a secret, so the length alone decides and not the checksum.
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
            ("active must be true or false, not the text \"s\".", "active must be true or false, not the text \"…\"."),
            ("\"emails.type\" is a string: not \"a \\\"s\\\" b\"", "\"emails.type\" is a string: not \"…\""),
            ("\"userName\" is a string: not 5", "\"userName\" is a string: not …"),
            ("the path emails[value eq \"s\"].value.", "the path emails[value eq \"…\"].value."),
            ("matches badge[number eq -5.2e3].", "matches badge[number eq …]."),
            ("[number eq 5 and title eq \"s\"]", "[number eq … and title eq \"…\"]"),
            ("filter, position 7: found \"s", "filter, position 7: found \"…\""),
            ("User has no attribute \"shoeSize\"", "User has no attribute \"shoeSize\""),
            ("Group \"The \\\"A\\\" team\" cannot hold x", "Group \"The \\\"A\\\" team\" cannot hold x"),
            ("not \"emails[value eq \\\"s\\\"]\"", "not \"…\""),
            ("matches emails[type eq \"home\"].", "matches emails[type eq \"home\"]."),
            (
                "matches emails[display eq \"s\" and type eq \"x\"].",
                "matches emails[display eq \"…\" and type eq \"x\"].",
            ),
            ("emails.type must be a string, not \"s\"", "emails.type must be a string, not \"…\""),
            (
                "Operation 2 has the path \"emails[0].value\", which is refused: path, position 8: found \"0\"",
                "Operation 2 has the path \"emails[0].value\", which is refused: path, position 8: found \"…\"",
            ),
            (
                "has the path \"emails[type eq \\\"work].value\", which is refused: expected \\\" found the end",
                "has the path \"emails[type eq \\\"work].value\", which is refused: expected \\\"…\"",
            ),
            ("the path \"a[Type EQ work and value eq s].b\"", "the path \"a[Type EQ work and value eq …].b\""),
            (
                "the path \"a[?(@.type=='work' && @.value == 's')]\"",
                "the path \"a[?(@.type=='work' && @.value == \\\"…\\\")]\"",
            ),
            ("the path \"a[type eq \\\"x and value eq s].b\"", "the path \"a[type eq \\\"…\\\"\""),
            ("the path \"a[value=s].b\"", "the path \"a[value=…].b\""),
            ("the path \"a[b", "the path \"…\""),
            (&format!("There is no user {token} here"), "There is no user scim_… here"),
            (&format!("group \"{}\"", &token[..40]), "group \"scim_…\""),
            ("scim_admins and console_1", "scim_admins and console_1"),
        ] {
            assert_eq!(redact_sentence(said, &["shoeSize".to_owned()], &Types::default()), expected);
        }
    }
}
