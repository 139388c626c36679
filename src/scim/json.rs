//! Reading a request's JSON strictly, before any other code sees it.
//!
//! `serde_json` keeps the last of two equal keys and nests to 128 levels; a SCIM request may do neither (attribute
//! names are case-insensitive, RFC 7643 section 2.1, so `Active` beside `active` is a duplicate). Nor may a text hold
//! U+0000: the text functions of SQLite stop there, so such a value would be found under a shorter one's name.

mod check;
mod named;
mod rewrite;
mod text;

use self::check::Check;
pub use self::check::{Count, ELEMENTS_MAX, VALUES_MAX};
use self::named::Named;
pub use self::rewrite::{PathStep, Replace, rewrite_texts};
pub use self::text::{Checked, JsonShape, Object, Texts};
use crate::error::{Code, Error, Result};
use serde::de::{DeserializeSeed, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// The largest request body, in bytes: a group PUT of 100,000 members, 80 bytes each.
pub const BODY_MAX: usize = 8 * 1024 * 1024;
/// The deepest nesting of a body. A Bulk request holding a PATCH of an extension's elements needs 10.
pub const DEPTH_MAX: usize = 32;

/// Checks a body that must be a JSON object and takes it apart at its first level. `count` counts its values.
///
/// # Errors
/// 413 above [`BODY_MAX`], [`VALUES_MAX`] and [`ELEMENTS_MAX`]; 400 `invalidSyntax` for everything else that is wrong
/// with it.
pub fn checked_object<'b>(bytes: &'b [u8], count: &Count) -> Result<(Checked<'b>, Object<'b>)> {
    let checked = check_body(bytes, count)?;
    match checked.object() {
        Some(object) => Ok((checked, object)),
        None => Err(Error::new(
            Code::BodyNotObject,
            format!("The body must be a JSON object, not {}.", checked.shape().name()),
        )),
    }
}

/// Returns the integer that a value is, however it is written: in JSON `5.0` and `5e0` are the number `5`.
pub fn as_integer(value: &Value) -> Option<i64> {
    /// Every integer up to here has a floating point number of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |float: &f64| float.fract() == 0.0 && float.abs() <= EXACT;
    value.as_i64().or_else(|| value.as_f64().filter(whole).map(|float| float as i64))
}

/// Reads a field that is an integer, as [`as_integer`] does.
///
/// # Errors
/// Any other value.
pub fn deserialize_integer<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<i64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    as_integer(&value)
        .ok_or_else(|| D::Error::custom(format_args!("{} is not an integer", crate::error::excerpt(&value))))
}

/// Builds a small body that must be a JSON object.
///
/// # Errors
/// As [`checked_object`].
pub fn read_object(bytes: &[u8]) -> Result<Map<String, Value>> {
    checked_object(bytes, &Count::default())?;
    read(bytes).map_err(Error::internal)
}

/// Checks a body: its JSON, its depth, its names, and the number of its values. Nothing is built.
///
/// # Errors
/// As [`checked_object`].
pub fn check_body<'b>(body: &'b [u8], count: &Count) -> Result<Checked<'b>> {
    if body.len() > BODY_MAX {
        return Err(too_large());
    }
    let body = without_mark(body);
    if is_gzip(body) {
        let detail = "The body is compressed (gzip), which is not read here. Send it as plain JSON.";
        return Err(Error::new(Code::BodyNotJson, detail));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = Check::new(count).deserialize(&mut deserializer).and_then(|_| deserializer.end());
    if let Some(what) = count.exceeded() {
        return Err(too_many(what));
    }
    let text = |error: &dyn std::fmt::Display| {
        if body.iter().all(u8::is_ascii_whitespace) {
            Error::new(Code::BodyEmpty, "The body is empty; this request needs a JSON object.")
        } else {
            Error::new(Code::BodyNotJson, format!("The body is not acceptable JSON: {error}."))
        }
    };
    read.map_err(|error| text(&error))?;
    std::str::from_utf8(body.trim_ascii()).map(Checked::new).map_err(|error| text(&error))
}

/// Returns the JSON object or array that a text of a body holds, if it is as strict as a body must be. Its values are
/// counted with those of the body. `listed`: the text stands where the members of a group do.
///
/// # Errors
/// 413 as [`checked_object`].
pub fn inside_text<'t>(text: &'t str, listed: bool, count: &Count) -> Result<Option<Checked<'t>>> {
    let text = text.trim_ascii();
    if !text.starts_with(['{', '[']) {
        return Ok(None);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text.as_bytes());
    let read = Check::of_text(count, listed).deserialize(&mut deserializer);
    let read = read.and_then(|seen| deserializer.end().map(|()| seen));
    if let Some(what) = count.exceeded() {
        return Err(too_many(what));
    }
    Ok(read.is_ok_and(|seen| !seen.nul).then(|| Checked::new(text)))
}

/// Reads the text of a JSON number; -0 is 0.
pub fn parse_number(text: &str) -> Option<serde_json::Number> {
    text.parse::<i64>().map(Into::into).or_else(|_| read(text.as_bytes())).ok()
}

/// Returns the text without the byte order mark that some programs put in front: a reader "MAY ignore" it (RFC 8259
/// section 8.1).
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Returns true for text that begins as RFC 1952 has it, as no JSON does.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b")
}

/// Parses JSON text that this service wrote itself.
///
/// # Errors
/// Internal only.
pub fn read_own<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    read(text.as_bytes()).map_err(Error::internal)
}

/// Writes a value of this service as JSON text.
///
/// # Errors
/// Internal only.
pub fn to_raw(value: &(impl Serialize + ?Sized)) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(Error::internal)
}

/// Takes JSON text that this service wrote or stored itself.
///
/// # Errors
/// Internal only.
pub fn raw_of_text(text: String) -> Result<Box<RawValue>> {
    RawValue::from_string(text).map_err(Error::internal)
}

/// Parses JSON; a struct is an object. All reading goes through here, and from bytes: each other reader of serde_json
/// would add all types to the upload once more.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(without_mark(bytes));
    let value = T::deserialize(Named(&mut deserializer))?;
    deserializer.end().map(|()| value)
}

/// Parses a message of this service that another build of it may have written, while a deploy rolls. Unknown fields are
/// skipped.
///
/// # Errors
/// 503 for a variant that this build does not know, or internal.
pub fn of_any_build<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    read(bytes).map_err(|error| {
        if error.to_string().starts_with("unknown variant") { being_deployed() } else { Error::internal(error) }
    })
}

/// Returns 503 for a message that only a later build understands.
pub fn being_deployed() -> Error {
    let detail = "A new version is being deployed. Try again in a minute.";
    Error { retry_after: Some(60), ..Error::new(Code::Deploying, detail) }
}

/// Returns 413 for a body above [`BODY_MAX`].
pub fn too_large() -> Error {
    Error::new(
        Code::BodyTooLarge,
        format!("The body is larger than {BODY_MAX} bytes. Send fewer members or operations at once."),
    )
}

/// Returns 413 for a body that holds too much of `what`.
fn too_many(what: &str) -> Error {
    Error::new(
        Code::BodyTooManyValues,
        format!(
            "The body holds too many {what}: at most {VALUES_MAX} JSON values are allowed, and {ELEMENTS_MAX} \
             elements under members and value. Send fewer members or operations at once."
        ),
    )
}

/// Returns the elements of a list, or the one value, which may be absent.
pub fn elements_of(value: Option<&Value>) -> impl Iterator<Item = Option<&Value>> {
    let (list, single) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        other => (Default::default(), Some(other)),
    };
    list.iter().map(Some).chain(single)
}

/// Returns the kind of a value with its article, for sentences.
pub fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => JsonShape::Null,
        Value::Bool(_) => JsonShape::Boolean,
        Value::Number(_) => JsonShape::Number,
        Value::String(_) => JsonShape::Text,
        Value::Array(_) => JsonShape::Array,
        Value::Object(_) => JsonShape::Object,
    }
    .name()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies() {
        let deep = |n: usize| format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
        for (text, expected) in [
            (r#"{"a":[1,-2,3.5,null,true,"x\n"]}"#.to_owned(), Ok(json!({"a":[1,-2,3.5,null,true,"x\n"]}))),
            (deep(32), Ok(serde_json::from_str(&deep(32)).unwrap_or_default())),
            (deep(33), Err("The body is not acceptable JSON: nested deeper than 32 levels at line 1 column 164.")),
            (
                r#"{"a":1,"A":2}"#.to_owned(),
                Err("The body is not acceptable JSON: the key \"A\" stands twice in one object at line 1 column 10."),
            ),
            (
                r#"{"name":{"givenName":"a\u0000b"}}"#.to_owned(),
                Err("The body is not acceptable JSON: \"givenName\" holds the character U+0000, which cannot be \
                     stored at line 1 column 32."),
            ),
            (
                r#"{"schemas":[["\u0000"]]}"#.to_owned(),
                Err("The body is not acceptable JSON: \"schemas\" holds the character U+0000, which cannot be stored \
                     at line 1 column 24."),
            ),
            (
                r#"{"\u0000":1}"#.to_owned(),
                Err("The body is not acceptable JSON: \"\\0\" holds the character U+0000, which cannot be stored at \
                     line 1 column 12."),
            ),
            ("[]".to_owned(), Err("The body must be a JSON object, not an array.")),
            (" ".to_owned(), Err("The body is empty; this request needs a JSON object.")),
            ("\u{feff}{\"a\":1}".to_owned(), Ok(json!({"a":1}))),
            ("\u{feff}".to_owned(), Err("The body is empty; this request needs a JSON object.")),
            (
                "\u{feff}\u{feff}{}".to_owned(),
                Err("The body is not acceptable JSON: expected value at line 1 column 1."),
            ),
            ("{}x".to_owned(), Err("The body is not acceptable JSON: trailing characters at line 1 column 3.")),
        ] {
            let found = read_object(text.as_bytes()).map(Value::Object);
            assert_eq!(found.as_ref().map_err(|e| e.detail.as_str()), expected.as_ref().map_err(|e| *e), "{text}");
        }
        assert_eq!(read_object(&vec![b' '; BODY_MAX + 1]).map_err(|e| e.code), Err(Code::BodyTooLarge));
    }

    #[test]
    fn serde_json_alone_would_keep_the_last_of_two_keys() {
        assert_eq!(serde_json::from_str::<Value>(r#"{"a":1,"a":2}"#).ok(), Some(json!({"a":2})));
    }
}
