//! Refusals and faults, split by whose fault they are.
//!
//! An [`Error`] is the caller's: an admin reads its `detail` in the identity provider's log, so it says what to change.
//! [`Kind::Internal`] is the service's: the wire carries a request id only, and the cause goes to the log. A [`Code`]
//! says why, a [`Kind`] says how that is answered. Neither carries values, so both can label a counter. `render` writes
//! an error to the wire.

mod code;
mod subject;

pub use code::{Code, Warning};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
pub use subject::{Subject, shortened};

/// How a refusal is answered: [`Kind::status`] and [`Kind::scim_type`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The filter cannot be parsed, or asks for something that is not supported.
    InvalidFilter,
    /// The answer would be larger than the server computes.
    TooMany,
    /// The cursor is invalid for this query (RFC 9865 section 2.1).
    InvalidCursor,
    /// The page size is invalid with a cursor (RFC 9865 section 2.1).
    InvalidCount,
    /// Another resource has the value of a unique attribute.
    Uniqueness,
    /// The attribute cannot be changed as asked.
    Mutability,
    /// The body is not what RFC 7644 describes.
    InvalidSyntax,
    /// A PATCH path that cannot be parsed.
    InvalidPath,
    /// A PATCH path that points at nothing.
    NoTarget,
    /// A value of the wrong type, or missing where one is required.
    InvalidValue,
    /// No token, or one that opens nothing here.
    Unauthorized,
    /// The token is valid and the organisation does not allow the request.
    Forbidden,
    /// No such resource or no such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The request contradicts the state, without a uniqueness rule behind it.
    Conflict,
    /// The data that the client asks for is no longer kept.
    Gone,
    /// `If-Match` names another version.
    PreconditionFailed,
    /// Body or resource above the limit.
    TooLarge,
    /// A content type that is plainly not JSON.
    UnsupportedMediaType,
    /// The caller sends more requests than its limit allows.
    TooManyRequests,
    /// RFC 7644 defines the feature, and the service does not offer it.
    NotImplemented,
    /// The caller may try again later.
    Unavailable,
    /// The service failed.
    Internal,
}

impl Kind {
    /// Returns the HTTP status (RFC 7644 section 3.12, tables 8 and 9).
    pub fn status(self) -> u16 {
        self.status_and_type().0
    }

    /// Returns the `scimType`, where RFC 7644 table 9 names one.
    pub fn scim_type(self) -> Option<&'static str> {
        self.status_and_type().1
    }

    fn status_and_type(self) -> (u16, Option<&'static str>) {
        match self {
            Kind::InvalidFilter => (400, Some("invalidFilter")),
            Kind::TooMany => (400, Some("tooMany")),
            Kind::InvalidCursor => (400, Some("invalidCursor")),
            Kind::InvalidCount => (400, Some("invalidCount")),
            Kind::Uniqueness => (409, Some("uniqueness")),
            Kind::Mutability => (400, Some("mutability")),
            Kind::InvalidSyntax => (400, Some("invalidSyntax")),
            Kind::InvalidPath => (400, Some("invalidPath")),
            Kind::NoTarget => (400, Some("noTarget")),
            Kind::InvalidValue => (400, Some("invalidValue")),
            Kind::Unauthorized => (401, None),
            Kind::Forbidden => (403, None),
            Kind::NotFound => (404, None),
            Kind::MethodNotAllowed => (405, None),
            Kind::Conflict => (409, None),
            Kind::Gone => (410, None),
            Kind::PreconditionFailed => (412, None),
            Kind::TooLarge => (413, None),
            Kind::UnsupportedMediaType => (415, None),
            Kind::TooManyRequests => (429, None),
            Kind::Internal => (500, None),
            Kind::NotImplemented => (501, None),
            Kind::Unavailable => (503, None),
        }
    }
}

/// How many names an error carries.
const NAMES_MAX: usize = 1000;
/// The longest sentence, in characters.
pub const SENTENCE_MAX: usize = 1000;
/// The longest client text that a sentence quotes, and the longest of an error's names, in characters.
pub const QUOTED_MAX: usize = 128;

/// Returns at most `most` characters of a text; one that is cut ends with an ellipsis.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    // This looks at no more than `most` characters, however long the text is.
    if text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).collect())
}

/// Returns a client's text in quotes, for a sentence: at most [`QUOTED_MAX`] characters of it.
pub fn quoted(text: impl AsRef<str>) -> String {
    format!("{:?}", cut(text.as_ref(), QUOTED_MAX))
}

/// Returns a client's value as it prints, without quotes, for a sentence: at most [`QUOTED_MAX`] characters of it.
pub fn excerpt(value: impl std::fmt::Display) -> String {
    cut(&value.to_string(), QUOTED_MAX).into_owned()
}

/// A refused request.
///
/// Between the edge and the object it travels with the `kind` of its code beside it: a build that does not know the code
/// answers by the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Wire", from = "Wire")]
pub struct Error {
    /// The reason. It decides the kind, and so status and `scimType`.
    pub code: Code,
    /// One or two sentences for the admin who reads the identity provider's log. For [`Kind::Internal`], the cause,
    /// which stays in the service's log.
    pub detail: String,
    /// Ids or names that the refusal is about. The journal keeps them apart from the sentence.
    pub names: Vec<String>,
    /// Seconds after which to try again. Two refusals that differ in it alone are the same.
    pub retry_after: Option<i64>,
    /// The group that was to hold the groups `names`: its id, or its display name in quotes if the request creates it.
    pub nested_in: Option<String>,
    /// The user or group that the refused request is about, as far as the edge could read it. Only the journal shows it.
    pub about: Option<Box<Subject>>,
}

impl Error {
    /// Returns a refusal with its sentence, cut to [`SENTENCE_MAX`] characters.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: String::new(), names: Vec::new(), retry_after: None, nested_in: None, about: None }
            .with_detail(detail)
    }

    /// Replaces the sentence, cut as in [`Error::new`].
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        // A sentence may quote several values of the client; the journal keeps it as one row.
        self.detail = match cut(&detail, SENTENCE_MAX) {
            Cow::Borrowed(_) => detail,
            Cow::Owned(cut) => cut,
        };
        self
    }

    /// Adds the ids or names that the refusal is about: the first 1,000, because they are one row of the journal, each
    /// cut to [`QUOTED_MAX`] characters.
    #[must_use]
    pub fn with_names(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        // A request may name 100,000 unknown members, and the journal keeps this as one row.
        self.names = names.into_iter().take(NAMES_MAX).map(|name| excerpt(name.as_ref())).collect();
        self
    }

    /// Adds whom the request is about, unless nothing is known of it.
    #[must_use]
    pub fn with_about(mut self, about: Subject) -> Self {
        self.about = (!about.is_empty()).then(|| Box::new(about));
        self
    }

    /// Returns how it is answered.
    pub fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// Returns the sentence with the code in brackets at its end, as callers see it. Not for [`Kind::Internal`], whose
    /// cause is never shown.
    pub fn sentence_with_code(&self) -> String {
        format!("{} [{}]", self.detail, self.code)
    }

    /// Returns a fault of the service. `cause` is logged and never sent.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, cause.to_string())
    }

    /// Returns the one answer to every unknown caller (RFC 6750 section 3). It is the same for all, so it does not tell
    /// which organisations exist.
    pub fn unauthorized() -> Self {
        Self::new(
            Code::Unauthorized,
            "Either the address or the bearer token is wrong. First compare the organisation in the SCIM base URL with the \
             Cloud Console: it may be misspelt. If it is right, the token is missing, unknown, revoked, expired or another \
             organisation's: mint a new one for this organisation and paste it into the identity provider.",
        )
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Error {}

/// An [`Error`] as it travels between edge and object. Names of fields are never changed.
#[derive(Serialize, Deserialize)]
struct Wire {
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<i64>,
    #[serde(default, rename = "nestedIn", skip_serializing_if = "Option::is_none")]
    nested_in: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<Box<Subject>>,
}

impl From<Error> for Wire {
    fn from(error: Error) -> Self {
        // The kind travels beside the code, for a build that does not know the code yet.
        let (kind, code) = (error.kind(), Some(error.code.as_str().to_owned()));
        let Error { detail, names, retry_after, nested_in, about, .. } = error;
        Self { kind, code, detail, names, retry_after, nested_in, about }
    }
}

impl From<Wire> for Error {
    /// Reads an error of any build. An earlier build sends no code, a later one may send an unknown one; the kind holds
    /// in both cases.
    fn from(wire: Wire) -> Self {
        // A code whose kind another build changed would be answered by another status than the object decided.
        let known = wire.code.as_deref().and_then(Code::parse).filter(|code| code.kind() == wire.kind);
        let Wire { kind, detail, names, retry_after, nested_in, about, .. } = wire;
        Self { code: known.unwrap_or(Code::fallback_for(kind)), detail, names, retry_after, nested_in, about }
    }
}

/// The result of a call that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_and_have_a_form() {
        let mut texts: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            let text = code.as_str();
            assert!(
                text.split('-')
                    .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            );
            assert_eq!(Code::parse(text), Some(*code));
            assert_eq!(Code::fallback_for(code.kind()).kind(), code.kind());
        }
    }

    #[test]
    fn what_a_client_sent_is_quoted_in_part_and_the_code_is_never_cut() {
        let long = "ü".repeat(5000);
        let error = Error::new(Code::ScimOff, &long).with_names((0..2000).map(|_| long.as_str()));
        assert_eq!(error.detail.chars().count(), SENTENCE_MAX);
        assert_eq!((error.names.len(), error.names[0].chars().count()), (NAMES_MAX, QUOTED_MAX));
        assert!(error.sentence_with_code().ends_with("ü… [scim-off]"));
        assert_eq!(quoted(&long).chars().count(), QUOTED_MAX + 2);
        assert_eq!((quoted("a\"b"), excerpt(5)), ("\"a\\\"b\"".to_owned(), "5".to_owned()));
    }

    #[test]
    fn between_two_builds() {
        let sent = serde_json::to_string(&Error::new(Code::ScimOff, "x")).unwrap();
        assert_eq!(sent, r#"{"kind":"forbidden","code":"scim-off","detail":"x"}"#);
        for (code, read) in [
            (r#","code":"scim-off""#, Code::ScimOff),
            ("", Code::Forbidden),
            (r#","code":"of-tomorrow""#, Code::Forbidden),
            (r#","code":"user-name-taken""#, Code::Forbidden),
        ] {
            let text = format!(r#"{{"kind":"forbidden"{code},"detail":"x","names":["a"]}}"#);
            let error: Error = serde_json::from_str(&text).unwrap();
            assert_eq!(error, Error::new(read, "x").with_names(["a"]), "{text}");
        }
    }
}
