//! `POST /v1/orgs/{org}/preview`: a SCIM request in a body, and the response and changes that it would get.

use super::scim::{ScimHeaders, ScimRequest};
use super::{Exchange, ObjectOutcome, Objects, ask_under_schemas};
use crate::console::PreviewBody;
use crate::directory::call::{Ask, Call};
use crate::directory::console::{PreviewAnswer, PreviewedResponse};
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result, excerpt};
use crate::id::OrgId;
use crate::ingest::Ingested;
use crate::render::{self, Response};
use crate::route;
use crate::scim::json::{self, Checked};
use crate::scim::projection::Projection;
use crate::scim::schema::Types;
use serde_json::Value;
use serde_json::value::RawValue;

/// The longest command that is shown, in bytes. With the changes, and with the longest answer, the preview stays below
/// 8 MiB.
const COMMAND_MAX: usize = 1024 * 1024;

/// How the response to a request is shown.
struct PreviewReading {
    /// The command that the request became, as the preview shows it; `None` for a refused request.
    command: Option<Box<RawValue>>,
    projection: Projection,
}

/// Reads the body of a preview. `base` is the SCIM base URL; the path in the body may begin with it.
///
/// # Errors
/// 400 that names the field.
pub fn read_request(body: &[u8], base: &str) -> Result<ScimRequest> {
    let body = PreviewBody::read(body)?;
    let method = body.method.to_ascii_uppercase();
    // A query may stand in the path, in a field of its own, or in both.
    let mut address = body.path.clone();
    if let Some(query) = body.query.filter(|query| !query.is_empty()) {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(query.trim_start_matches('?'));
    }
    let (route, query) = route::relative(&method, &address, base);
    let path = body.path.split('?').next().unwrap_or_default().to_owned();
    let header = |(name, value): (String, Value)| match value {
        Value::String(value) => Ok((name, value)),
        other => Err(Error::new(
            Code::InvalidField,
            format!("The header {} must be a string, not {}.", excerpt(name), excerpt(other)),
        )),
    };
    let headers: Vec<(String, String)> =
        body.headers.unwrap_or_default().into_iter().map(header).collect::<Result<_>>()?;
    let named = |wanted: &str| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let sent = match body.body {
        None => Vec::new(),
        // A body may be no JSON, or is to be sent as it stands.
        Some(raw) => match Checked::new(raw.get()).text() {
            Some(text) => text.into_owned().into_bytes(),
            None if raw.get() == "null" => Vec::new(),
            None => raw.get().as_bytes().to_vec(),
        },
    };
    Ok(ScimRequest {
        route,
        method,
        path,
        query,
        headers: ScimHeaders::read(|wanted| named(wanted).map(|(_, value)| value.clone())),
        body: Ok(sent),
        dialect: body.dialect.unwrap_or_default(),
    })
}

/// Returns the response to a preview with this body. `call_of` makes a Console request's call, which gets what the
/// previewed request says of itself.
///
/// # Errors
/// 400 that names the field, the object's refusal of the caller, 503, or internal.
pub async fn respond<O: Objects>(
    objects: &mut O,
    exchange: &Exchange,
    org: &OrgId,
    body: &[u8],
    call_of: impl Fn(Ask) -> Call,
) -> Result<Response> {
    let base = exchange.scim_base(org);
    let request = read_request(body, &base)?;
    let read = |types: &Types| read_call(&request, exchange, &base, types, &call_of);
    let (outcome, reading, types) = ask_under_schemas(objects, org, read).await?;
    match outcome {
        ObjectOutcome::Answer(answer) => write_response(&request, answer, reading, exchange, &base, &types),
        ObjectOutcome::Final(_) => Err(Error::internal("an object wrote an answer that was not asked for")),
    }
}

/// Reads the request as it would be read if it were sent, and makes the call that previews it.
fn read_call(
    request: &ScimRequest,
    exchange: &Exchange,
    base: &str,
    types: &Types,
    call_of: &impl Fn(Ask) -> Call,
) -> Result<(Call, PreviewReading)> {
    let ingested = request.ingest(exchange, base, types);
    let command = match &ingested {
        Ok(ingested) => Some(json::to_raw(&ingested.command)?),
        Err(_) => None,
    };
    let ingested = ingested.unwrap_or_else(|error| request.refused(error));
    let Ingested { command: previewed, precondition, projection, repairs, notes } = ingested;
    let call = Call { precondition, repairs, notes, ..call_of(Ask::Preview(previewed)) };
    Ok((call, PreviewReading { command, projection }))
}

/// Writes the response to the preview from the object's answer.
fn write_response(
    request: &ScimRequest,
    answer: Answer,
    reading: PreviewReading,
    exchange: &Exchange,
    base: &str,
    types: &Types,
) -> Result<Response> {
    let Answer::Preview { outcome, repairs, mut notes, changes, count, spelled_on_reading } = answer else {
        return Err(Error::internal("not the answer to a preview"));
    };
    // Only the object knows which documents still have an old spelling.
    let types = &mut types.clone();
    types.spell_on_reading(spelled_on_reading);
    // A refusal is a response like any other. Only a fault in writing one fails the preview.
    let response = match *outcome {
        Err(error) => render::scim_error(&error, &exchange.request),
        Ok(Answer::Allowed) => request
            .response(Answer::Allowed, base, &reading.projection, types)
            .unwrap_or_else(|error| render::scim_error(&error, &exchange.request)),
        Ok(answer) => request.response(answer, base, &reading.projection, types)?,
    };
    let body = (!response.body.is_empty()).then(|| json::read(&response.body)).transpose();
    // The command is as long as the request was; the preview holds the response and the changes too.
    let mut command = reading.command;
    if let Some(length) = command.as_ref().map(|text| text.get().len()).filter(|length| *length > COMMAND_MAX) {
        notes.push(format!("The command is left out here: it has {length} bytes, more than {COMMAND_MAX}."));
        command = None;
    }
    let answer = PreviewAnswer {
        command: command.as_deref(),
        repairs,
        notes,
        answer: PreviewedResponse {
            status: response.status,
            headers: response.headers.into_iter().collect(),
            body: body.map_err(Error::internal)?,
        },
        changes: &changes,
        change_count: count,
    };
    Ok(render::json_document(200, &answer, render::JSON))
}
