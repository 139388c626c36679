//! The journal: what was pushed and what became of it.

use super::Time;
use crate::error::Subject;
use crate::id::Seq;
use serde::Serialize;

/// A page of the journal, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct JournalPage<'a> {
    /// The entries.
    #[cfg_attr(native, schemars(with = "Vec<JournalEntry<'a>>"))]
    pub entries: Vec<Box<serde_json::value::RawValue>>,
    /// `after` of the next page; null on the last one.
    pub next: Option<String>,
    /// The outcomes of requests, day by day; on the first page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "Vec<Day<'a>>"))]
    pub days: Option<Vec<Day<'a>>>,
}

/// The outcome of a request, or of equal refusals; or a warning, which belongs to no request.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry<'a> {
    /// The outcome.
    #[cfg_attr(native, schemars(with = "JournalOutcome"))]
    pub outcome: &'a str,
    /// When it came first.
    pub first_at: Time,
    /// When it came last.
    pub last_at: Time,
    /// How often it came.
    pub count: i64,
    /// The first request; null for a warning.
    pub request_id: Option<&'a str>,
    /// The token that it came with.
    pub token: Option<EntryToken<'a>>,
    /// The provider's name.
    pub idp: Option<&'a str>,
    /// The method.
    pub method: Option<&'a str>,
    /// The path below the SCIM base URL.
    pub resource: Option<String>,
    /// The status that was answered.
    pub status: Option<i64>,
    /// Why it was refused, as the answer said, or what is warned of; of a token that was not let in the true reason. docs/errors.md lists them. null for what was applied or ignored, and for refusals that an earlier build stored.
    #[cfg_attr(native, schemars(example = "user-name-taken"))]
    pub code: Option<String>,
    /// The `scimType` that was answered (RFC 7644 section 3.12).
    pub scim_type: Option<String>,
    /// The error, and the way out.
    pub detail: Option<String>,
    /// The repairs of forms that the provider sent wrongly.
    pub repairs: Vec<String>,
    /// The skipped parts, a sentence each.
    pub notes: Vec<String>,
    /// The ids or names that a refusal is about.
    pub names: Vec<String>,
    /// The user or group that it is about, as far as the request or the directory says; null for what is refused whomever it is about, for a Bulk request and for an import.
    pub about: Option<About>,
    /// The group that was to hold groups.
    pub nested_in: Option<NestedIn>,
    /// The position of its last change in the feed.
    pub seq: Option<Seq>,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum JournalOutcome {
    /// It changed something.
    Applied,
    /// It was refused.
    Refused,
    /// It was accepted and changed nothing.
    Ignored,
    /// No request: a warning.
    Warning,
}

/// The token of an entry.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct EntryToken<'a> {
    /// Its public name.
    #[cfg_attr(native, schemars(with = "crate::id::TokenId"))]
    pub id: &'a str,
    /// The name for people.
    pub name: Option<&'a str>,
}

/// The user or group that an entry is about: as the request names it where it was refused, as the directory knows it where it was applied. Each text has at most 128 characters.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// Its `userName`.
    pub user_name: Option<String>,
    /// Its `displayName`.
    pub display_name: Option<String>,
    /// Its `externalId`.
    pub external_id: Option<String>,
    /// Its `id`.
    pub id: Option<String>,
}

impl About {
    /// Returns a subject as it is shown; `None` if nothing is known of it.
    pub fn of(subject: Subject) -> Option<Self> {
        let is_known = !subject.is_empty();
        let Subject { user_name, display_name, external_id, id } = subject;
        is_known.then_some(Self { user_name, display_name, external_id, id })
    }
}

/// A group that was to hold groups.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NestedIn {
    /// Its `id`; null if it was to be made.
    pub id: Option<String>,
    /// Its name.
    pub display_name: Option<String>,
}

/// How many requests that would change something a provider made on one day.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Day<'a> {
    /// The day, in UTC.
    #[cfg_attr(native, schemars(extend("format" = "date")))]
    pub day: String,
    /// The provider's name.
    pub idp: Option<&'a str>,
    /// Those that changed something.
    pub applied: i64,
    /// Those after which all was as before.
    pub unchanged: i64,
    /// Those that were refused.
    pub refused: i64,
}
