//! `POST /v1/orgs/{org}/preview`: a SCIM request in a body, and the answer and changes that it would get.

use crate::auth::Dialect;
use crate::directory::console::{PreviewAnswer, PreviewedResponse};
use crate::directory::precondition::Precondition;
use crate::directory::reply::Answer;
use crate::directory::scim::Command;
use crate::error::{Code, Error, Result, excerpt};
use crate::id::RequestId;
use crate::ingest::{self, Ingested};
use crate::render::{self, Response};
use crate::route::{self, Scim};
use crate::scim::json::{self, Checked};
use crate::scim::projection::Projection;
use crate::scim::schema::Types;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A SCIM request that is not executed.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "NewPreview"))]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewBody {
    /// The method.
    method: String,
    /// The path below the SCIM base URL.
    path: String,
    /// The query, where the path has none.
    query: Option<String>,
    /// The headers.
    #[cfg_attr(native, schemars(with = "Option<std::collections::BTreeMap<String, String>>"))]
    headers: Option<Map<String, Value>>,
    /// The body as a provider sends it; a string is sent as it is.
    #[cfg_attr(native, schemars(with = "Value"))]
    #[serde(default)]
    body: Option<Box<RawValue>>,
    /// The dialect in which the request is read; `auto` if left out.
    dialect: Option<Dialect>,
}

/// The longest command that is shown, in bytes. With the changes, and with the longest answer, the preview stays below
/// 8 MiB.
const COMMAND_MAX: usize = 1024 * 1024;

/// A SCIM request that is not executed.
#[derive(Debug)]
pub struct Preview {
    route: Result<Scim>,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    dialect: Dialect,
}

/// How the answer to a request is shown.
#[derive(Debug)]
pub struct Shown {
    command: Option<Box<RawValue>>,
    projection: Projection,
}

impl Preview {
    /// Reads the body. `base` is the SCIM base URL; the path may begin with it.
    ///
    /// # Errors
    /// 400 that names the field.
    pub fn read(body: &[u8], base: &str) -> Result<Self> {
        let body: PreviewBody = super::parse_body(body)?;
        let method = body.method.to_ascii_uppercase();
        let mut address = body.path.clone();
        if let Some(query) = body.query.filter(|query| !query.is_empty()) {
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(query.trim_start_matches('?'));
        }
        let (route, query) = route::relative(&method, &address, base);
        let path = body.path.split('?').next().unwrap_or_default();
        let header = |(name, value): (String, Value)| match value {
            Value::String(value) => Ok((name, value)),
            other => Err(Error::new(
                Code::InvalidField,
                format!("The header {} must be a string, not {}.", excerpt(name), excerpt(other)),
            )),
        };
        Ok(Self {
            route,
            path: path.chars().take(300).collect(),
            method,
            query,
            headers: body.headers.unwrap_or_default().into_iter().map(header).collect::<Result<_>>()?,
            body: match body.body {
                None => Vec::new(),
                // A body may be no JSON, or is to be sent as it stands.
                Some(raw) => match Checked::new(raw.get()).text() {
                    Some(text) => text.into_owned().into_bytes(),
                    None if raw.get() == "null" => Vec::new(),
                    None => raw.get().as_bytes().to_vec(),
                },
            },
            dialect: body.dialect.unwrap_or_default(),
        })
    }

    /// Returns a header of the previewed request.
    pub fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    }

    /// Reads the request into a command with its precondition and notes, and says how its answer is shown.
    pub fn ingest(&self, id: &RequestId, base: &str, types: &Types) -> Result<(Ingested, Shown)> {
        let ingested = self.route.as_ref().map_err(Error::clone).and_then(|route| {
            let request = ingest::Request {
                id,
                base,
                types,
                query: &self.query,
                content_type: self.header("Content-Type"),
                content_encoding: self.header("Content-Encoding"),
                user_agent: self.header("User-Agent").unwrap_or_default(),
                if_match: self.header("If-Match"),
                if_none_match: self.header("If-None-Match"),
                body: &self.body,
                dialect: self.dialect,
            };
            ingest::ingest(route, &request)
        });
        let command = match &ingested {
            Ok(ingested) => Some(json::to_raw(&ingested.command)?),
            Err(_) => None,
        };
        let mut ingested = ingested.unwrap_or_else(|error| Ingested {
            command: Command::Refused { error, method: self.method.clone(), resource: self.path.clone() },
            precondition: Precondition::default(),
            projection: Projection::default(),
            repairs: Vec::new(),
            notes: Vec::new(),
        });
        let projection = std::mem::take(&mut ingested.projection);
        Ok((ingested, Shown { command, projection }))
    }

    /// Writes the answer to the preview. `types` are those that the edge knows.
    ///
    /// # Errors
    /// Internal only.
    pub fn answer(&self, answer: Answer, shown: Shown, id: &RequestId, base: &str, types: &Types) -> Result<Response> {
        let Answer::Preview { outcome, repairs, mut notes, changes, count, spelled_on_reading } = answer else {
            return Err(Error::internal("not the answer to a preview"));
        };
        let types = &mut types.clone();
        types.spell_on_reading(spelled_on_reading);
        let response = match (*outcome, &self.route) {
            (Err(error), _) => render::scim_error(&error, id),
            (Ok(Answer::Allowed), Ok(route)) => render::answer_discovery(route, &self.query, base, types)
                .unwrap_or_else(|error| render::scim_error(&error, id)),
            (Ok(answer), Ok(route)) => {
                render::scim_answer(answer, route.kinds(), base, &shown.projection, types)?.into_response()?
            }
            (Ok(_), Err(_)) => return Err(Error::internal("a refused request was answered")),
        };
        let body = (!response.body.is_empty()).then(|| json::read(&response.body)).transpose();
        let mut command = shown.command;
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
}
