//! Values of the type binary, which are base64 (RFC 7643 section 2.3.6): of the core and of every extension alike, in
//! lists and in complex values.
//!
//! A value that equals the stored one is not judged, so one that was stored before never stands in the way of another
//! change.

use super::Attributes;
use super::constraints::{changed_objects, present_extensions};
use super::limits::added_elements;
use super::schema::{Attribute, ResourceType, Type};
use crate::error::{Code, Error, Result, quoted};
use serde_json::Value;
use std::slice;

/// How long a value is that a sentence repeats whole, in bytes.
const SHOWN_MAX: usize = 64;

/// Judges the binary values that differ between the stored attributes of a resource and those that it is to have. A new
/// resource has none stored.
///
/// # Errors
/// 400 `invalidValue` that names the attribute.
pub fn check_encoding(kind: &ResourceType, stored: &Attributes, new: &Attributes) -> Result<()> {
    check_inside(&kind.schema.attributes, Some(stored), new, "")?;
    present_extensions(kind, new).try_for_each(|(schema, object)| {
        let stored = stored.get(schema.id.as_ref()).and_then(Value::as_object);
        check_inside(&schema.attributes, stored, object, &format!("{}:", schema.id))
    })
}

/// Judges one object. It goes as deep as the schema, which is two levels.
fn check_inside(attributes: &[Attribute], stored: Option<&Attributes>, new: &Attributes, prefix: &str) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| has_binary(attribute)) {
        let name = attribute.name.as_ref();
        let (was, is) = (stored.and_then(|stored| stored.get(name)), new.get(name));
        // An absent value has nothing to judge, and an unchanged one was judged before.
        let Some(is) = is.filter(|is| was != Some(*is)) else { continue };
        let path = format!("{prefix}{name}");
        if attribute.kind == Type::Complex {
            let prefix = format!("{path}.");
            let mut changed = changed_objects(attribute, was, is).into_iter();
            changed.try_for_each(|(was, is)| check_inside(&attribute.sub, was, is, &prefix))?;
            continue;
        }
        let was = was.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let values = match is {
            Value::Array(items) => added_elements(was, items),
            one => slice::from_ref(one).iter().collect(),
        };
        // A value that is no text is refused by its type, or was stored before the attribute had one.
        values.into_iter().filter_map(Value::as_str).try_for_each(|text| check_base64(&path, text))?;
    }
    Ok(())
}

fn has_binary(attribute: &Attribute) -> bool {
    attribute.kind == Type::Binary || attribute.sub.iter().any(has_binary)
}

fn check_base64(path: &str, text: &str) -> Result<()> {
    if is_base64(text) && !is_pem(text) {
        return Ok(());
    }
    // The usual mistake has its own sentence: a certificate is copied with its armour.
    let found = if is_pem(text) {
        "PEM. Send what stands between the BEGIN and the END line, without these two lines".to_owned()
    } else if text.len() <= SHOWN_MAX {
        format!("the text {}", quoted(text))
    } else {
        format!("a text that {}", describe_fault(text))
    };
    Err(Error::new(Code::WrongType, format!("{path} must be base64 (RFC 4648), not {found}.")))
}

/// Returns true for the armour of RFC 7468. A hyphen is a digit of the second alphabet, so its lines look like base64.
fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN ") || text.contains("-----END ")
}

/// Says what is wrong with a long text that is not base64.
fn describe_fault(text: &str) -> String {
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "+/-_=".contains(*c))) {
        Some(other) => format!("holds {}", quoted(other.to_string())),
        None => "is cut off, is padded wrongly, or mixes the two alphabets".to_owned(),
    }
}

/// Returns true for base64 in either alphabet (RFC 4648 sections 4 and 5), with its padding or without any. White space
/// may stand anywhere: certificates are often sent in lines of 64 characters.
fn is_base64(text: &str) -> bool {
    let (mut digits, mut padding, mut standard, mut url_safe) = (0_usize, 0_usize, false, false);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        match byte {
            b'=' => {
                padding += 1;
                continue;
            }
            b'+' | b'/' => standard = true,
            b'-' | b'_' => url_safe = true,
            _ if byte.is_ascii_alphanumeric() => {}
            _ => return false,
        }
        // Nothing follows the padding.
        if padding > 0 {
            return false;
        }
        digits += 1;
    }
    let is_whole = match padding {
        // Six bits alone are no byte.
        0 => digits % 4 != 1,
        padding => padding <= 2 && (digits + padding) % 4 == 0,
    };
    digits > 0 && is_whole && !(standard && url_safe)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scim::schema::Types;
    use crate::scim::schema::document::SchemaDocument;
    use serde_json::json;

    #[test]
    fn base64() {
        for text in
            ["QQ==", "QQ", "QUE=", "QUE", "QUFB", "+/+/", "-_-_", "TUlJ\r\nRFF6 Q0N\tBcQ\n", "QQ\n==\n", " QQ= = "]
        {
            assert!(is_base64(text), "{text:?}");
        }
        for text in [
            "", " ", "=", "==", "====", "Q", "Q=", "Q===", "QQ=", "QQ===", "QUE==", "QUFB=", "QUFB====", "QQ==QQ==",
            "=QQ=",
        ] {
            assert!(!is_base64(text), "{text:?}");
        }
        for text in
            ["+_+_", "QQ.Q", "QQ\u{a0}QQ", "QQ\u{2028}Q", "QÜ==", "not base64!", "data:;base64,QQ==", "QQ==,QQ=="]
        {
            assert!(!is_base64(text), "{text:?}");
        }
    }

    #[test]
    fn what_changes_is_judged() {
        const URN: &str = "urn:acme:Badge";
        let subs = json!([{"name": "seal", "type": "binary"}, {"name": "room"}]);
        let body = json!({"attributes": [
            {"name": "seal", "type": "binary"},
            {"name": "seals", "type": "binary", "multiValued": true},
            {"name": "desk", "type": "complex", "subAttributes": subs},
            {"name": "desks", "type": "complex", "multiValued": true, "subAttributes": subs},
        ]});
        let kind =
            Types::with_documents(1, vec![SchemaDocument::parse(URN, body.to_string().as_bytes()).unwrap()]).user;
        let long = format!("{}\u{e9}", "Q".repeat(80));
        let pem = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n";
        for (stored, new, says) in [
            (json!({}), json!({"x509Certificates": [{"value": "TUlJ"}, {"value": "?"}]}), "x509Certificates.value"),
            (json!({}), json!({"x509Certificates": [{"value": pem}]}), "without these two lines"),
            (json!({}), json!({"x509Certificates": [{"value": long}]}), "a text that holds \"é\""),
            (json!({}), json!({"x509Certificates": [{"value": "Q".repeat(81)}]}), "a text that is cut off"),
            (
                json!({"x509Certificates": [{"value": "?"}]}),
                json!({"x509Certificates": [{"value": "?", "type": "x"}]}),
                "",
            ),
            (
                json!({"x509Certificates": [{"value": "?"}]}),
                json!({"x509Certificates": [{"value": "TUlJ"}, {"value": "?"}]}),
                "",
            ),
            (json!({"x509Certificates": [{"value": "?"}]}), json!({"title": "t"}), ""),
            (
                json!({}),
                json!({URN: {"seal": "?"}}),
                "urn:acme:Badge:seal must be base64 (RFC 4648), not the text \"?\".",
            ),
            (json!({}), json!({URN: {"seals": ["QQ==", "?"]}}), "urn:acme:Badge:seals must"),
            (json!({URN: {"seals": ["?"]}}), json!({URN: {"seals": ["QQ==", "?"]}}), ""),
            (json!({URN: {"seals": ["?"]}}), json!({URN: {"seals": ["?", "?"]}}), "urn:acme:Badge:seals must"),
            (json!({URN: {"seals": "?"}}), json!({URN: {"seals": "!"}}), "urn:acme:Badge:seals must"),
            (json!({}), json!({URN: {"desk": {"seal": "?"}}}), "urn:acme:Badge:desk.seal must"),
            (json!({URN: {"desk": {"seal": "?"}}}), json!({URN: {"desk": {"seal": "?", "room": "r"}}}), ""),
            (json!({}), json!({URN: {"desks": [{"seal": "?"}]}}), "urn:acme:Badge:desks.seal must"),
            (json!({URN: {"desks": [{"seal": "?"}]}}), json!({URN: {"desks": [{"seal": "?", "room": "r"}]}}), ""),
            (json!({URN: 5}), json!({URN: {"seal": "QQ"}}), ""),
        ] {
            let found = check_encoding(&kind, stored.as_object().unwrap(), new.as_object().unwrap());
            let found = found.err().map(|error| error.detail).unwrap_or_default();
            assert!(found.contains(says) && found.is_empty() == says.is_empty(), "{stored} {new}: {found}");
        }
    }
}
