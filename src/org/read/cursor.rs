//! Cursors (RFC 9865): a place in a query's order, so that a page starts after the last resource of the page before,
//! whatever was created or deleted meanwhile. Nothing is stored for them, so they do not expire.

use crate::error::{Code, Error, Result};
use crate::scim::json;
use serde_json::{Value, json};

/// A place in the order of a query's results.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// The index of the query's kind of resource.
    pub(crate) source: usize,
    /// The key by which the query sorts; `null` where an index gives the order.
    pub(crate) key: Value,
    /// The place in the index.
    pub(crate) place: String,
}

/// The content of a cursor: where to continue, and how many resources the first page found.
#[derive(Debug, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) after: Mark,
    pub(crate) total: i64,
}

impl Cursor {
    /// Writes unreserved characters only (RFC 9865 section 2). `query` is the fingerprint of everything else in the
    /// request.
    pub(crate) fn write(&self, query: &str) -> String {
        let Mark { source, key, place } = &self.after;
        // Hexadecimal digits need no escape in an address, whatever the place holds.
        let text = json!([query, source, key, place, self.total]).to_string();
        text.bytes().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(d.into(), 16)).collect()
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// 400 `invalidCursor` for a text that [`Cursor::write`] did not write for this query.
    pub(crate) fn read(text: &str, query: &str) -> Result<Self> {
        let invalid = |why: &str| {
            let detail =
                format!("The cursor {why}. Start again with an empty cursor, then send each nextCursor as it is.");
            Error::new(Code::InvalidCursor, detail)
        };
        let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
        let bytes: Vec<u8> = digits
            .unwrap_or_default()
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        let parts: Vec<Value> = json::read::<Value>(&bytes)
            .ok()
            .and_then(|value| if let Value::Array(parts) = value { Some(parts) } else { None })
            .ok_or_else(|| invalid("is not valid"))?;
        match parts.as_slice() {
            [Value::String(made_for), ..] if made_for != query => {
                Err(invalid("belongs to another query: filter, sorting and address must stay the same"))
            }
            [_, source, key, Value::String(place), total] => {
                let source = source.as_u64().and_then(|source| usize::try_from(source).ok());
                let (Some(source), Some(total)) = (source, total.as_i64()) else {
                    return Err(invalid("is not valid"));
                };
                Ok(Self { after: Mark { source, key: key.clone(), place: place.clone() }, total })
            }
            _ => Err(invalid("is not valid")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn written_and_read() {
        let cursor = Cursor { after: Mark { source: 1, key: json!("é"), place: "id-1".to_owned() }, total: 7 };
        let text = cursor.write("q");
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(Cursor::read(&text, "q"), Ok(cursor));
        for (text, query, says) in [
            (text.as_str(), "another", "another query"),
            ("", "q", "is not valid"),
            ("zz", "q", "is not valid"),
            (&text[2..], "q", "is not valid"),
            ("5b5d", "q", "is not valid"),
        ] {
            let error = Cursor::read(text, query).unwrap_err();
            assert!(error.kind() == Kind::InvalidCursor && error.detail.contains(says), "{text}: {error}");
        }
    }
}
