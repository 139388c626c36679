//! An answer as SCIM JSON (RFC 7644 sections 3.1 and 3.9 to 3.14). The organisation's object writes it, and the edge
//! passes it on unread. For objects of an earlier build, which do not write yet, the edge does it.

mod body;
mod bulk;
mod discovery;
mod resource;

pub use body::BodyWriter;
pub use discovery::{answer_discovery, check_query};

use crate::directory::console::Problem;
use crate::directory::reply::{Answer, Stored};
use crate::directory::view;
use crate::error::{Error, Kind, Result};
use crate::id::RequestId;
use crate::scim::discovery::LIST_RESPONSE;
use crate::scim::projection::Projection;
use crate::scim::schema::{Kinds, Types};
use serde::Serialize;
use serde_json::{Value, json};

/// An HTTP answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers besides content type and request id, which every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for 204 and 304.
    pub body: Vec<u8>,
    /// The media type of the body.
    pub content_type: &'static str,
}

/// The media type of SCIM (RFC 7644 section 8.1).
pub const SCIM_JSON: &str = "application/scim+json";
/// The media type of the Console's API.
pub const JSON: &str = "application/json";
/// The media type of a snapshot: one JSON text a line.
pub const NDJSON: &str = "application/x-ndjson";
/// The media type of the Console's problems (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The headers that every answer has: no cache keeps its personal data, and no browser takes it for a page.
pub const ALWAYS: [(&str, &str); 2] = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")];

/// The answer to a SCIM request, its body still in pieces.
#[derive(Debug)]
pub struct RenderedAnswer {
    /// The status.
    pub status: u16,
    /// The headers besides content type and request id.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for 204 and 304.
    pub body: BodyWriter,
}

impl RenderedAnswer {
    fn with_headers(status: u16, headers: Vec<(&'static str, String)>) -> Self {
        Self { status, headers, body: BodyWriter::default() }
    }

    /// Returns the answer as it is sent at once.
    ///
    /// # Errors
    /// Internal, if a part of it is still to be read from the storage.
    pub fn into_response(self) -> Result<Response> {
        let Self { status, headers, body } = self;
        Ok(Response { status, headers, body: body.into_text()?.into_bytes(), content_type: SCIM_JSON })
    }
}

/// Writes the answer to a SCIM request. `base` is the SCIM base URL without a slash at its end.
///
/// # Errors
/// Internal only.
pub fn scim_answer(
    answer: Answer,
    kinds: Kinds,
    base: &str,
    projection: &Projection,
    types: &Types,
) -> Result<RenderedAnswer> {
    match answer {
        Answer::Created(stored) => shown_resource(201, *stored, kinds, base, projection, types),
        // RFC 9110 section 13.1.2: the client has this version already. Its tag knows the groups too, so it is compared
        // here.
        Answer::Resource(stored)
            if projection.known.as_ref().is_some_and(|known| known.lists_tag(&view::etag(&stored))) =>
        {
            Ok(RenderedAnswer::with_headers(304, vec![("ETag", view::etag(&stored))]))
        }
        Answer::Resource(stored) => shown_resource(200, *stored, kinds, base, projection, types),
        Answer::List { total, start_index, resources, next_cursor, groups_left_out } => {
            let mut shown = RenderedAnswer::with_headers(200, Vec::new());
            // Written by hand, member by member: a list of 1,000 users is never one value in memory.
            if groups_left_out && projection.shows_core("groups") {
                shown.headers.push((NOTE, GROUPS_LEFT_OUT.to_owned()));
            }
            // RFC 9865 section 2: no `nextCursor` on the last page. A cursor is base64url and needs no escape.
            let next = next_cursor.map_or_else(String::new, |cursor| format!(r#""nextCursor":"{cursor}","#));
            shown.body.push_text(&format!(
                r#"{{"schemas":["{LIST_RESPONSE}"],"totalResults":{total},"startIndex":{start_index},"itemsPerPage":{},{next}"Resources":["#,
                resources.len(),
            ));
            for (at, stored) in resources.into_iter().enumerate() {
                if at > 0 {
                    shown.body.push_text(",");
                }
                // A search at the root mixes both kinds in one list.
                let kinds = if stored.group { Kinds::Groups } else { kinds };
                resource::write_resource(&mut shown.body, stored, (kinds, types.of_kind(kinds)), base, projection)?;
            }
            shown.body.push_text("]}");
            Ok(shown)
        }
        Answer::Bulk(operations) => {
            let mut shown = RenderedAnswer::with_headers(200, Vec::new());
            bulk::write_bulk(&mut shown.body, operations, base);
            Ok(shown)
        }
        Answer::Nothing => Ok(RenderedAnswer::with_headers(204, Vec::new())),
        Answer::Allowed
        | Answer::Json(_)
        | Answer::New(_)
        | Answer::Tagged { .. }
        | Answer::Piece { .. }
        | Answer::Preview { .. }
        | Answer::Stale { .. } => Err(Error::internal("not the answer to a SCIM request")),
    }
}

/// The header which says that a list leaves out the groups of a user who has very many.
const NOTE: &str = "X-Scim-Edge-Note";
const GROUPS_LEFT_OUT: &str = "groups-left-out";

fn shown_resource(
    status: u16,
    stored: Stored,
    kinds: Kinds,
    base: &str,
    projection: &Projection,
    types: &Types,
) -> Result<RenderedAnswer> {
    let headers = vec![("Location", view::location_of(&stored.id, kinds, base)), ("ETag", view::etag(&stored))];
    let mut shown = RenderedAnswer::with_headers(status, headers);
    resource::write_resource(&mut shown.body, stored, (kinds, types.of_kind(kinds)), base, projection)?;
    Ok(shown)
}

/// Returns true for an answer that the edge must read, because it asks something of the edge.
pub fn is_for_the_edge(answer: &Answer) -> bool {
    !matches!(
        answer,
        Answer::Created(_) | Answer::Resource(_) | Answer::List { .. } | Answer::Bulk(_) | Answer::Nothing
    )
}

/// Writes the answer to a Console request.
///
/// # Errors
/// Internal only.
pub fn console_response(answer: Answer) -> Result<Response> {
    let mut headers = Vec::new();
    let (status, body) = match &answer {
        Answer::Json(text) => (200, text.get()),
        Answer::New(text) => (201, text.get()),
        Answer::Nothing => (204, ""),
        Answer::Tagged { etag, body } => {
            headers.push(("ETag", etag.clone()));
            body.as_ref().map_or((304, ""), |text| (200, text.get()))
        }
        _ => return Err(Error::internal("not a Console answer")),
    };
    Ok(Response { status, headers, body: body.as_bytes().to_vec(), content_type: JSON })
}

/// Writes a document of this service itself, of a type that can always be written.
pub fn json_document(status: u16, body: &impl Serialize, content_type: &'static str) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    Response { status, headers: Vec::new(), body, content_type }
}

/// Writes a refusal in SCIM's form (RFC 7644 section 3.12). For a fault of the service it says the request id and
/// nothing else.
pub fn scim_error(error: &Error, request: &RequestId) -> Response {
    let status = error.kind().status();
    let body = error_body(error, &shown_detail(error, request));
    Response { headers: error_headers(error), ..json_document(status, &body, SCIM_JSON) }
}

fn error_body(error: &Error, detail: &str) -> Value {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": error.kind().status().to_string(),
        "detail": detail,
    });
    if let (Some(scim_type), Some(map)) = (error.kind().scim_type(), body.as_object_mut()) {
        map.insert("scimType".to_owned(), Value::from(scim_type));
    }
    body
}

/// Writes a refusal of the Console's API (RFC 9457).
pub fn console_problem(error: &Error, request: &RequestId) -> Response {
    let status = error.kind().status();
    let body = Problem {
        kind: format!("urn:scim-edge:error:{}", error.code),
        title: error.kind(),
        status,
        code: error.code.as_str(),
        detail: shown_detail(error, request),
        request_id: request,
    };
    Response { headers: error_headers(error), ..json_document(status, &body, PROBLEM_JSON) }
}

fn shown_detail(error: &Error, request: &RequestId) -> String {
    match error.kind() {
        // The cause may hold SQL or a stored value; the request id leads to it in the log.
        Kind::Internal => format!("Internal error. Give support the request id {request}. [{}]", error.code),
        _ => error.sentence_with_code(),
    }
}

/// Seconds after which to try again, if the refusal names none.
const RETRY_AFTER: i64 = 30;

fn error_headers(error: &Error) -> Vec<(&'static str, String)> {
    let more = match error.kind() {
        // RFC 9110 section 15.5.2 requires it. No realm and no error: all unknown callers get the same.
        Kind::Unauthorized => Some(("WWW-Authenticate", "Bearer".to_owned())),
        // RFC 9110 section 15.5.6 requires it.
        Kind::MethodNotAllowed => Some(("Allow", error.names.join(", "))),
        Kind::Unavailable | Kind::TooManyRequests => {
            Some(("Retry-After", error.retry_after.unwrap_or(RETRY_AFTER).to_string()))
        }
        _ => None,
    };
    [("X-Error-Code", error.code.as_str().to_owned())].into_iter().chain(more).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::id::Timestamp;
    use serde_json::value::RawValue;

    fn stored() -> Stored {
        let doc = r#"{"emails":[{"type":"work","value":"a@b"}],"name":{"familyName":"B","givenName":"A"},"schemas":["x"],"userName":"a"}"#;
        let doc = RawValue::from_string(doc.to_owned()).unwrap();
        let time = Timestamp(0);
        Stored {
            id: "1".into(),
            doc,
            version: 3,
            created: time,
            modified: time,
            group: false,
            groups: Vec::new(),
            members: None,
            rest: None,
        }
    }

    #[test]
    fn projections() {
        let all = r#"{"id":"1","emails":[{"type":"work","value":"a@b"}],"name":{"familyName":"B","givenName":"A"},"schemas":["x"],"userName":"a","meta":{"created":"1970-01-01T00:00:00.000Z","lastModified":"1970-01-01T00:00:00.000Z","location":"https://h/Users/1","resourceType":"User","version":"W/\"3\""}}"#;
        for (query, expected) in [
            ("", all),
            ("attributes=USERNAME", r#"{"id":"1","schemas":["x"],"userName":"a"}"#),
            ("attributes=name.givenName", r#"{"id":"1","name":{"givenName":"A"},"schemas":["x"]}"#),
            (
                "attributes=urn:ietf:params:scim:schemas:core:2.0:User:emails.value",
                r#"{"emails":[{"value":"a@b"}],"id":"1","schemas":["x"]}"#,
            ),
            (
                "excludedAttributes=meta,emails,id,name.familyName",
                r#"{"id":"1","name":{"givenName":"A"},"schemas":["x"],"userName":"a"}"#,
            ),
        ] {
            let projection = Projection::parse(&crate::route::query(query));
            let types = Types::default();
            let stored = Answer::Resource(Box::new(stored()));
            let found = scim_answer(stored, Kinds::Users, "https://h", &projection, &types).unwrap();
            assert_eq!(found.body.into_text().unwrap(), expected, "{query}");
        }
    }

    #[test]
    fn errors() {
        let request = RequestId::parse("r-1").unwrap();
        let text = |response: Response| String::from_utf8(response.body).unwrap();
        assert_eq!(
            text(scim_error(&Error::new(Code::WrongType, "x"), &request)),
            r#"{"detail":"x [wrong-type]","schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"invalidValue","status":"400"}"#
        );
        let ours = text(scim_error(&Error::internal("secret cause"), &request));
        assert!(ours.contains("r-1") && !ours.contains("secret"), "{ours}");
        let headers = [("X-Error-Code", "unauthorized".to_owned()), ("WWW-Authenticate", "Bearer".to_owned())];
        assert_eq!(scim_error(&Error::unauthorized(), &request).headers, headers);
        let problem: Value =
            serde_json::from_slice(&console_problem(&Error::new(Code::ScimOff, "x"), &request).body).unwrap();
        let expected = json!({
            "type": "urn:scim-edge:error:scim-off", "title": "forbidden", "status": 403, "code": "scim-off",
            "detail": "x [scim-off]", "requestId": "r-1",
        });
        assert_eq!(problem, expected);
    }
}
