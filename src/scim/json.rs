//! Reading a request's JSON strictly, before anything looks at it.
//!
//! `serde_json` keeps the last of two equal keys and nests to 128 levels; a SCIM request may do neither (attribute
//! names are case-insensitive, RFC 7643 section 2.1, so `Active` beside `active` is a duplicate). Nor may a text hold
//! U+0000: the text functions of SQLite stop there, so such a value would be found under a shorter one's name.

mod named;

use self::named::Named;
use crate::error::{Code, Error, Result, quoted};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// The largest request body, in bytes: a group PUT of 100,000 members, 80 bytes each.
pub const BODY_MAX: usize = 8 * 1024 * 1024;
/// The deepest nesting of a body. A Bulk request holding a PATCH of an extension's elements needs 10.
pub const DEPTH_MAX: usize = 32;

/// Parses a body that has to be a JSON object.
///
/// # Errors
/// 413 above [`BODY_MAX`]; 400 `invalidSyntax` for everything else that is wrong with it.
pub fn object(body: &[u8]) -> Result<Map<String, Value>> {
    match value(body)? {
        Value::Object(map) => Ok(map),
        other => {
            Err(Error::new(Code::BodyNotObject, format!("The body has to be a JSON object, not {}.", name(&other))))
        }
    }
}

/// Parses a body.
///
/// # Errors
/// As [`object`].
pub fn value(body: &[u8]) -> Result<Value> {
    if body.len() > BODY_MAX {
        return Err(too_large());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed =
        Strict { depth: DEPTH_MAX }.deserialize(&mut deserializer).and_then(|v| deserializer.end().map(|()| v));
    parsed.map_err(|error| {
        if body.iter().all(u8::is_ascii_whitespace) {
            Error::new(Code::BodyEmpty, "The body is empty; this request needs a JSON object.")
        } else {
            Error::new(Code::BodyNotJson, format!("The body is not acceptable JSON: {error}."))
        }
    })
}

/// Parses JSON text that this service wrote itself.
///
/// # Errors
/// Internal only.
pub fn own<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    read(text.as_bytes()).map_err(Error::internal)
}

/// Parses JSON; a struct is an object. All reading goes through here, and of bytes: each of serde_json's other readers
/// would bring into the upload all types a second time.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(Named(&mut deserializer))?;
    deserializer.end().map(|()| value)
}

/// Parses a message of this service that another build of it may have written, while a deploy rolls. Fields that are not
/// known are skipped.
///
/// # Errors
/// 503 for a variant that this build does not know, or internal.
pub fn of_any_build<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    read(bytes).map_err(|error| {
        if error.to_string().starts_with("unknown variant") { being_deployed() } else { Error::internal(error) }
    })
}

/// 503 for what only a build to come understands.
pub fn being_deployed() -> Error {
    let detail = "A new version is being deployed. Try again in a minute.";
    Error { retry_after: Some(60), ..Error::new(Code::Deploying, detail) }
}

/// 413 for a body above [`BODY_MAX`].
pub fn too_large() -> Error {
    Error::new(
        Code::BodyTooLarge,
        format!("The body is larger than {BODY_MAX} bytes. Send fewer members or operations at once."),
    )
}

/// What a value is, with its article, for sentences.
pub fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Strict {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        let depth =
            self.depth.checked_sub(1).ok_or_else(|| E::custom(format!("nested deeper than {DEPTH_MAX} levels")))?;
        Ok(Self { depth })
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.inner()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        // Not a set: maps of this type are in the upload already.
        let mut seen = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if seen.insert(key.to_ascii_lowercase(), Value::Null).is_some() {
                return Err(A::Error::custom(format!("the key {key} stands twice in one object", key = quoted(&key))));
            }
            let value = access.next_value_seed(self.inner()?)?;
            if key.contains('\0') || holds_nul(&value) {
                return Err(A::Error::custom(format!(
                    "{key} holds the character U+0000, which cannot be kept",
                    key = quoted(&key)
                )));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// What stands in an object of its own was looked at with that.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use serde_json::json;

    #[test]
    fn bodies() {
        let deep = |n: usize| format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
        for (text, expected) in [
            (r#"{"a":[1,-2,3.5,null,true,"x\n"]}"#.to_owned(), Ok(json!({"a":[1,-2,3.5,null,true,"x\n"]}))),
            (deep(32), Ok(value(deep(32).as_bytes()).unwrap_or_default())),
            (deep(33), Err("The body is not acceptable JSON: nested deeper than 32 levels at line 1 column 164.")),
            (
                r#"{"a":1,"A":2}"#.to_owned(),
                Err("The body is not acceptable JSON: the key \"A\" stands twice in one object at line 1 column 10."),
            ),
            (
                r#"{"name":{"givenName":"a\u0000b"}}"#.to_owned(),
                Err("The body is not acceptable JSON: \"givenName\" holds the character U+0000, which cannot be kept \
                     at line 1 column 32."),
            ),
            (
                r#"{"schemas":[["\u0000"]]}"#.to_owned(),
                Err("The body is not acceptable JSON: \"schemas\" holds the character U+0000, which cannot be kept \
                     at line 1 column 24."),
            ),
            (
                r#"{"\u0000":1}"#.to_owned(),
                Err("The body is not acceptable JSON: \"\\0\" holds the character U+0000, which cannot be kept \
                     at line 1 column 12."),
            ),
            ("[]".to_owned(), Err("The body has to be a JSON object, not an array.")),
            (" ".to_owned(), Err("The body is empty; this request needs a JSON object.")),
            ("{}x".to_owned(), Err("The body is not acceptable JSON: trailing characters at line 1 column 3.")),
        ] {
            let found = object(text.as_bytes()).map(Value::Object);
            assert_eq!(found.as_ref().map_err(|e| e.detail.as_str()), expected.as_ref().map_err(|e| *e), "{text}");
        }
        assert_eq!(object(&vec![b' '; BODY_MAX + 1]).map_err(|e| e.kind()), Err(Kind::TooLarge));
    }

    #[test]
    fn serde_json_alone_would_keep_the_last_of_two_keys() {
        assert_eq!(serde_json::from_str::<Value>(r#"{"a":1,"a":2}"#).ok(), Some(json!({"a":2})));
    }
}
