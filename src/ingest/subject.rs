//! The user or group that a refused request is about: the names in the beginning of its body, which need not be whole, nor JSON to its end.

use crate::error::Subject;
use crate::scim::json;

/// The bytes of a body that are looked at.
pub const LOOKED_AT: usize = 64 * 1024;
/// The deepest that is looked at: `Operations`, an operation, its `value`, and what is skipped inside.
const DEPTH_MAX: usize = 32;

/// A place in which names are looked for.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The resource, or the message of a PATCH.
    Whole,
    /// The list of a PATCH's operations.
    Operations,
    /// One operation.
    Operation,
    /// The value of an operation without a path.
    Value,
    /// Anything else.
    Elsewhere,
}

/// An object or a list that has begun.
struct Open {
    place: Place,
    is_object: bool,
    /// The name of the member that is read, in lower case.
    key: Option<String>,
}

/// Returns the names of the user or group that a body is about: those of a resource, or those that a PATCH sets. It reads
/// to the first error of the syntax.
pub fn subject_in(body: &[u8]) -> Subject {
    let body = body.get(..LOOKED_AT).unwrap_or(body);
    // A character may be cut in two by the end, so the text ends before it.
    let whole = std::str::from_utf8(body).map_or_else(|error| error.valid_up_to(), str::len);
    let text = body.get(..whole).and_then(|body| std::str::from_utf8(body).ok()).unwrap_or_default();
    let mut found = Subject::default();
    // The body ends where the reading does: what was noted until then is kept.
    let _end = note_names(text.trim_start_matches('\u{feff}'), &mut found);
    found
}

/// Notes the names until the text ends, or is not JSON any more, which is `None`.
fn note_names(text: &str, found: &mut Subject) -> Option<()> {
    let mut open: Vec<Open> = Vec::new();
    // The path and the value of the operation that is read.
    let mut operation: (Option<String>, Option<String>) = (None, None);
    let mut rest = text.trim_start();
    // Each turn takes at least one character of at most 64 KiB.
    while let Some(first) = rest.chars().next() {
        let (token, after) = rest.split_at_checked(token_length(rest)?)?;
        rest = after.trim_start();
        match first {
            '{' | '[' if open.len() < DEPTH_MAX => {
                let place = place_inside(open.last(), first);
                if place == Place::Operation {
                    operation = (None, None);
                }
                open.push(Open { place, is_object: first == '{', key: None });
            }
            '}' | ']' => {
                if open.pop()?.place == Place::Operation
                    && let (Some(path), Some(value)) = &operation
                {
                    found.note(name_of(path), value);
                }
                if let Some(outer) = open.last_mut() {
                    outer.key = None;
                }
            }
            ',' => open.last_mut()?.key = None,
            ':' => {}
            _ => {
                let inside = open.last_mut()?;
                let text = if first == '"' { json::read::<String>(token.as_bytes()).ok()? } else { token.to_owned() };
                match (inside.is_object, &inside.key) {
                    (true, None) => inside.key = Some(text.to_ascii_lowercase()),
                    (true, Some(key)) => match inside.place {
                        Place::Whole | Place::Value if is_named(first) => found.note(name_of(key), &text),
                        Place::Operation if key == "path" => operation.0 = Some(text),
                        Place::Operation if key == "value" && is_named(first) => operation.1 = Some(text),
                        _ => {}
                    },
                    (false, _) => {}
                }
            }
        }
    }
    Some(())
}

/// Returns the place that begins with this bracket inside another.
fn place_inside(outer: Option<&Open>, bracket: char) -> Place {
    let key = outer.and_then(|outer| outer.key.as_deref()).unwrap_or_default();
    match (outer.map(|outer| outer.place), bracket) {
        (None, '{') => Place::Whole,
        // Some providers send the operations without the message around them.
        (None, _) => Place::Operations,
        (Some(Place::Whole), '[') if key == "operations" => Place::Operations,
        (Some(Place::Operations), '{') => Place::Operation,
        (Some(Place::Operation), '{') if key == "value" => Place::Value,
        _ => Place::Elsewhere,
    }
}

/// Returns the length of the next token; `None` for a quotation without an end.
fn token_length(text: &str) -> Option<usize> {
    let is_mark = |c: char| "{}[],:\"".contains(c) || c.is_whitespace();
    let first = text.chars().next()?;
    if first == '"' {
        let mut escaped = false;
        let end = text.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        return end.map(|(at, _)| at + 1);
    }
    if is_mark(first) {
        return Some(first.len_utf8());
    }
    // A number at the end may be cut, so it counts only if something follows.
    text.find(is_mark)
}

/// Returns true for the first character of a text or a number: an `externalId` may be sent as a number.
fn is_named(first: char) -> bool {
    first == '"' || first == '-' || first.is_ascii_digit()
}

/// Returns the last part of a name that may have a URN before it.
fn name_of(text: &str) -> &str {
    text.rsplit(':').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_are_whole_or_not() {
        let long = format!(r#"{{"userName": "jo", "title": "{}", "externalId": "late"}}"#, "x".repeat(LOOKED_AT));
        let half = format!(r#"{{"userName": "jo", "displayName": "{}ü"}}"#, "x".repeat(LOOKED_AT));
        for (body, expected) in [
            (r#"{"userName": "jo", "displayName": "Jo", "externalId": "e-1", "id": "u-1"}"#, ["jo", "Jo", "e-1"]),
            (r#"{"USERNAME": "jo", "name": {"displayName": "no"}, "externalid": 42 }"#, ["jo", "", "42"]),
            (r#"{"urn:ietf:params:scim:schemas:core:2.0:User:userName": "j\"o\u00e9"}"#, ["j\"oé", "", ""]),
            (r#"{"userName": "first", "userName": "second"}"#, ["first", "", ""]),
            // To the first error of the syntax.
            (r#"{"userName": "jo", "active": tru"#, ["jo", "", ""]),
            (r#"{"userName": "jo", "displayName": "J"#, ["jo", "", ""]),
            (r#"{"userName": "jo",, "x": 1}"#, ["jo", "", ""]),
            (r#"{"userName": null, "displayName": ["a"], "externalId": true}"#, ["", "", ""]),
            (r#"{"emails": [{"userName": "no", "value": "no"}], "userName": "jo"}"#, ["jo", "", ""]),
            ("\u{feff} {\"userName\": \"jo\"}", ["jo", "", ""]),
            ("userName=jo", ["", "", ""]),
            ("", ["", "", ""]),
            ("]{\"userName\": \"jo\"}", ["", "", ""]),
            // The names that a PATCH sets.
            (r#"{"Operations": [{"op": "replace", "value": {"userName": "jo", "active": 1}}]}"#, ["jo", "", ""]),
            (
                r#"{"Operations": [{"value": "Jo", "path": "displayName"}, {"path": "userName", "value": "jo"}]}"#,
                ["jo", "Jo", ""],
            ),
            (r#"{"operations": [{"path": "externalId"}, {"value": "no"}]}"#, ["", "", ""]),
            (r#"[{"op": "add", "path": "userName", "value": "jo"}]"#, ["jo", "", ""]),
            (&long, ["jo", "", ""]),
            (&half, ["jo", "", ""]),
            (&"[".repeat(100), ["", "", ""]),
        ] {
            let found = subject_in(body.as_bytes());
            let told = [&found.user_name, &found.display_name, &found.external_id];
            assert_eq!(told.map(|text| text.clone().unwrap_or_default()), expected, "{}", &body[..body.len().min(99)]);
            assert_eq!(found.id, None);
        }
        let found = subject_in(format!(r#"{{"userName": "{}"}}"#, "ü".repeat(1000)).as_bytes());
        assert_eq!(found.user_name.map(|name| name.chars().count()), Some(crate::error::QUOTED_MAX));
    }
}
