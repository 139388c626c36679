//! The headers `If-Match` and `If-None-Match` (RFC 9110 section 13.1), for requests on one resource.

use super::Request;
use crate::directory::precondition::Precondition;
use crate::error::Result;
use crate::route::Scim;
use crate::scim::etag::Tags;

/// Reads the condition that the object must check, and for a GET the tags that the client has: only the answer knows
/// its whole tag.
pub(super) fn read_conditions(route: &Scim, request: &Request<'_>) -> Result<(Precondition, Option<Tags>)> {
    let tags = |name: &str, text: Option<&str>| text.map(|text| Tags::parse(name, text)).transpose();
    let if_match = || tags("If-Match", request.if_match);
    let if_none_match = || tags("If-None-Match", request.if_none_match);
    Ok(match route {
        Scim::Get(..) => (Precondition { if_match: if_match()?, if_none_match: None }, if_none_match()?),
        Scim::Replace(..) | Scim::Patch(..) | Scim::Delete(..) => {
            (Precondition { if_match: if_match()?, if_none_match: if_none_match()? }, None)
        }
        // Nothing exists yet that a tag could name: only "*" has a meaning, that the resource may not exist.
        Scim::Create(_) => {
            let only_create = if_none_match()?.filter(|tags| *tags == Tags::Any);
            (Precondition { if_match: None, if_none_match: only_create }, None)
        }
        _ => (Precondition::default(), None),
    })
}
