//! The effects that a SCIM request would have.

use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The effects that a SCIM request would have. None of them took place.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PreviewAnswer<'a> {
    /// The request as it was understood; null if it was refused before, or is too long to be shown.
    #[cfg_attr(native, schemars(with = "Option<super::super::described::AnyObject>"))]
    pub command: Option<&'a RawValue>,
    /// The repairs that the request needed.
    pub repairs: Vec<String>,
    /// The parts that would be skipped, a sentence each.
    pub notes: Vec<String>,
    /// The answer that the request would get.
    pub answer: PreviewedResponse<'a>,
    /// The changes that the feed would show, the first 1,000.
    #[cfg_attr(native, schemars(with = "Vec<super::FeedChange<'a>>"))]
    pub changes: &'a RawValue,
    /// How many changes there would be.
    pub change_count: i64,
}

/// The answer that a SCIM request would get.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct PreviewedResponse<'a> {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: BTreeMap<&'static str, String>,
    /// The body; null if the answer has no body.
    #[cfg_attr(native, schemars(with = "Option<super::super::described::AnyObject>"))]
    pub body: Option<&'a RawValue>,
}
