//! A SCIM request: read into a call of the organisation's object, and answered with what the object says.

use super::{Exchange, ObjectOutcome, Objects, ask_under_schemas};
use crate::auth::Dialect;
use crate::dialect;
use crate::directory::call::{Actor, Ask, Call, Rendering};
use crate::directory::precondition::Precondition;
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::directory::scim::Command;
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, TokenHash};
use crate::ingest::{self, Ingested};
use crate::render::{self, Response};
use crate::route::{QueryParameters, Scim};
use crate::scim::projection::Projection;
use crate::scim::schema::Types;

/// The longest part of a path that the journal gets, in characters.
const PATH_MAX: usize = 300;

/// The longest `Idempotency-Key` that is kept, in bytes.
const KEY_MAX: usize = 256;

/// A SCIM request as it was sent, or as a preview tells it.
#[derive(Debug)]
pub struct ScimRequest {
    /// The operation that is asked for, or why the address and method have no operation.
    pub route: Result<Scim>,
    /// The method as it was sent.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The parameters of the query.
    pub query: QueryParameters,
    /// The headers that count.
    pub headers: ScimHeaders,
    /// The body, or why it did not arrive.
    pub body: Result<Vec<u8>>,
    /// The dialect of the token.
    pub dialect: Dialect,
}

/// The headers of a SCIM request that its answer depends on.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the headers' own names")]
pub struct ScimHeaders {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
    pub user_agent: Option<String>,
    pub idempotency_key: Option<String>,
    /// True if Entra ID's own header `ADSCIMVersion` is there.
    pub has_adscim_version: bool,
}

impl ScimHeaders {
    /// Reads them; `header` returns the value of a header by its name.
    pub fn read(header: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            content_type: header("Content-Type"),
            content_encoding: header("Content-Encoding"),
            if_match: header("If-Match"),
            if_none_match: header("If-None-Match"),
            user_agent: header("User-Agent"),
            idempotency_key: header("Idempotency-Key").filter(|key| key.len() <= KEY_MAX),
            has_adscim_version: header("ADSCIMVersion").is_some(),
        }
    }
}

/// A caller with a SCIM token, and where the token's record says that the organisation's object is.
#[derive(Clone, Debug)]
pub struct ScimCaller {
    /// The organisation of the token.
    pub org: OrgId,
    /// The token's hash.
    pub hash: TokenHash,
    /// The token's dialect.
    pub dialect: Dialect,
    /// The place of the object.
    pub home: Residency,
}

impl ScimRequest {
    /// Reads the request into a command. `base` is the SCIM base URL of its organisation.
    ///
    /// # Errors
    /// As [`ingest::ingest`]; why there is no such operation, or why the body did not arrive.
    pub fn ingest(&self, exchange: &Exchange, base: &str, types: &Types) -> Result<Ingested> {
        let (route, body) = (self.route.as_ref().map_err(Error::clone)?, self.body.as_ref().map_err(Error::clone)?);
        let request = ingest::Request {
            id: &exchange.request,
            base,
            types,
            query: &self.query,
            content_type: self.headers.content_type.as_deref(),
            content_encoding: self.headers.content_encoding.as_deref(),
            user_agent: self.headers.user_agent.as_deref().unwrap_or_default(),
            if_match: self.headers.if_match.as_deref(),
            if_none_match: self.headers.if_none_match.as_deref(),
            body,
            dialect: self.dialect,
        };
        ingest::ingest(route, &request)
    }

    /// Returns a refusal in the place of a command: the object checks the token, then writes the refusal down.
    pub(super) fn refused(&self, error: Error) -> Ingested {
        Ingested {
            command: refused_command(error, &self.method, &self.path),
            precondition: Precondition::default(),
            projection: Projection::default(),
            repairs: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Makes the call, and says which attributes the response shows.
    fn call(&self, exchange: &Exchange, caller: &ScimCaller, types: &Types) -> (Call, Projection) {
        let base = exchange.scim_base(&caller.org);
        let ingested = self.ingest(exchange, &base, types).unwrap_or_else(|error| self.refused(error));
        let Ingested { command, precondition, projection, repairs, notes } = ingested;
        let body = self.body.as_deref().unwrap_or_default();
        let user_agent = self.headers.user_agent.as_deref().unwrap_or_default();
        let call = Call {
            idp: dialect::caller_name(self.dialect, user_agent, self.headers.has_adscim_version, body),
            repairs,
            notes,
            idempotency_key: self.headers.idempotency_key.clone(),
            precondition,
            // An address that has nothing has no answer that an object could write.
            render: self
                .route
                .as_ref()
                .ok()
                .map(|route| Rendering { kinds: route.kinds(), projection: projection.clone() }),
            ..call_by(exchange, caller, command, &self.method, &self.path)
        };
        (call, projection)
    }
}

/// Returns the response to a SCIM request: the one that the object wrote, or one that is written here from an answer
/// that the object leaves to its caller, as an earlier build's object leaves all of them.
///
/// # Errors
/// The object's refusal, 503, or internal.
pub async fn respond<O: Objects>(
    objects: &mut O,
    exchange: &Exchange,
    caller: &ScimCaller,
    request: &ScimRequest,
) -> Result<ScimResponse<O::Final>> {
    let read = |types: &Types| Ok(request.call(exchange, caller, types));
    let (outcome, projection, types) = ask_under_schemas(objects, &caller.org, read).await?;
    let base = exchange.scim_base(&caller.org);
    Ok(match outcome {
        ObjectOutcome::Final(response) => ScimResponse::Final(response),
        ObjectOutcome::Answer(answer) => ScimResponse::Written(request.response(answer, &base, &projection, &types)?),
    })
}

impl ScimRequest {
    /// Writes the response from an answer. `types` are those under which the request was read.
    ///
    /// # Errors
    /// 404 for a schema or resource type that does not exist, or internal.
    pub(super) fn response(
        &self,
        answer: Answer,
        base: &str,
        projection: &Projection,
        types: &Types,
    ) -> Result<Response> {
        match (answer, &self.route) {
            (Answer::Allowed, Ok(route)) => render::answer_discovery(route, &self.query, base, types),
            (answer, Ok(route)) => render::scim_answer(answer, route.kinds(), base, projection, types)?.into_response(),
            (_, Err(_)) => Err(Error::internal("a refused request was answered")),
        }
    }
}

/// The response to a SCIM request.
#[derive(Debug)]
pub enum ScimResponse<F> {
    /// Written by the object.
    Final(F),
    /// Written here.
    Written(Response),
}

/// Makes the call which tells a token's own organisation that the token was sent to an address of another one, or of
/// none.
pub fn call_of_wrong_address(exchange: &Exchange, caller: &ScimCaller, method: &str, path: &str) -> Call {
    let error = Error::new(Code::WrongAddress, "");
    let refused = Command::Refused { error, method: String::new(), resource: String::new() };
    call_by(exchange, caller, refused, method, path)
}

/// Returns the call that lets the object count and note a token which KV's record refuses. It holds nothing of the
/// request's body.
pub fn call_of_ended(exchange: &Exchange, caller: &ScimCaller, method: &str, path: &str) -> Call {
    call_by(exchange, caller, refused_command(Error::unauthorized(), method, path), method, path)
}

fn call_by(exchange: &Exchange, caller: &ScimCaller, command: Command, method: &str, path: &str) -> Call {
    let actor = Actor::Token { hash: caller.hash, dialect: caller.dialect };
    let call = exchange.call_of(caller.org.clone(), caller.home.clone(), actor, Ask::Scim(command));
    Call { method: method.to_owned(), path: for_journal(path), ..call }
}

fn refused_command(error: Error, method: &str, path: &str) -> Command {
    Command::Refused { error, method: method.to_owned(), resource: for_journal(path) }
}

/// Returns the part of a path that the journal gets.
fn for_journal(path: &str) -> String {
    path.chars().take(PATH_MAX).collect()
}
