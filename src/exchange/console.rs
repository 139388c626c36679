//! A Console request: which calls it makes, in which order, and its response.

use super::organisations::{configure, erase};
use super::steps::{Steps, home_of};
use super::tokens::{mint, revoke, rotate};
use super::{Exchange, Platform, import, preview};
use crate::auth::TokenRecord;
use crate::console;
use crate::directory::admin::Admin;
use crate::directory::call::{Actor, Ask, Call};
use crate::directory::console::Organisations;
use crate::directory::query::Query;
use crate::directory::registry;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Kind, Result};
use crate::id::OrgId;
use crate::render::{self, Response};
use crate::route::{Console, QueryParameters};
use crate::scim::etag::Tags;

pub use super::steps::ConsoleCaller;

/// A Console request. Its body is read from the platform when it is needed.
#[derive(Clone, Debug)]
pub struct ConsoleRequest {
    /// The operation that is asked for, or why the address and method have no operation.
    pub route: Result<Console>,
    /// True if the method is one that only reads.
    pub reads: bool,
    /// The parameters of the query.
    pub query: QueryParameters,
    /// The header `If-None-Match`.
    pub if_none_match: Option<String>,
}

/// The response to a Console request.
#[derive(Debug)]
pub struct ConsoleResponse {
    /// The response; of a snapshot that goes on, its first piece.
    pub response: Response,
    /// The rest of a snapshot.
    pub rest: Option<SnapshotRest>,
}

/// The part of a snapshot that is still to be asked for.
#[derive(Debug)]
pub struct SnapshotRest {
    /// The call that brought the last piece.
    pub call: Call,
    /// The position of the next piece.
    pub position: String,
}

impl SnapshotRest {
    /// Asks for the next piece. Returns its lines and what follows.
    ///
    /// # Errors
    /// The object's refusal: a token that ends also ends its snapshots. 503, or internal.
    pub async fn next_piece(self, objects: &mut impl super::Objects) -> Result<(String, Option<Self>)> {
        let Self { mut call, position } = self;
        call.ask = Ask::Read(Query::Snapshot { position: Some(position) });
        match objects.ask_for_answer(&mut call).await? {
            Answer::Piece { lines, next } => Ok((lines, next.map(|position| Self { call, position }))),
            _ => Err(Error::internal("not a piece of a snapshot")),
        }
    }
}

impl From<Response> for ConsoleResponse {
    fn from(response: Response) -> Self {
        Self { response, rest: None }
    }
}

/// Returns the response to a Console request.
///
/// # Errors
/// The refusal with its status: of the request, of the registry, or of the object; 503, or internal.
pub async fn respond<P: Platform>(
    platform: &mut P,
    exchange: &Exchange,
    caller: &ConsoleCaller,
    request: ConsoleRequest,
) -> Result<ConsoleResponse> {
    let needed = needed_right(&request);
    let ConsoleRequest { route, query, if_none_match, .. } = request;
    let outcome = match route {
        Ok(route) => run_route(platform, exchange, caller, (route, query, if_none_match)).await,
        Err(error) => Err(error),
    };
    match (outcome, &caller.record) {
        (Err(error), Some(own)) => Err(after_rights(platform, exchange, caller, own, needed, error).await),
        (outcome, _) => outcome,
    }
}

/// Returns a question that needs the right of this request and changes nothing.
fn needed_right(request: &ConsoleRequest) -> Ask {
    match &request.route {
        Ok(Console::Preview(_)) | Err(_) => Ask::Read(Query::Organisation),
        Ok(_) if request.reads => Ask::Read(Query::Organisation),
        Ok(_) => Ask::Admin(Admin::nothing()),
    }
}

/// Returns the refusal of a request by a Console token. One that was refused before the object was asked may be of a
/// token that may not make it at all: then it is told that, whatever it sent.
async fn after_rights<P: Platform>(
    platform: &mut P,
    exchange: &Exchange,
    caller: &ConsoleCaller,
    own: &TokenRecord,
    needed: Ask,
    error: Error,
) -> Error {
    let is_other =
        matches!(error.kind(), Kind::Unauthorized | Kind::TooManyRequests | Kind::Unavailable | Kind::Internal);
    if is_other || platform.has_asked() {
        return error;
    }
    let mut call = exchange.call_of(own.org.clone(), home_of(own), caller.actor.clone(), needed);
    let asked = platform.ask_for_answer(&mut call).await;
    asked.err().filter(|refusal| matches!(refusal.kind(), Kind::Unauthorized | Kind::Forbidden)).unwrap_or(error)
}

async fn run_route<P: Platform>(
    platform: &mut P,
    exchange: &Exchange,
    caller: &ConsoleCaller,
    (route, query, if_none_match): (Console, QueryParameters, Option<String>),
) -> Result<ConsoleResponse> {
    let Some(org) = route.organisation().cloned() else {
        return list_organisations(platform, exchange, caller, &route, &query).await.map(ConsoleResponse::from);
    };
    // A Console token sees its own organisation only, and does not even learn whether others exist.
    if caller.record.as_ref().is_some_and(|own| own.org != org) {
        return Err(Error::unauthorized());
    }
    let mut steps = Steps { platform, exchange, caller, org };
    let outcome = steps.run(route, query, if_none_match).await;
    outcome.map_err(|error| if caller.record.is_none() { for_root(error, &steps.org) } else { error })
}

/// Lists organisations for the root key. A token gets the refusal that names its own organisation, if it is alive.
async fn list_organisations<P: Platform>(
    platform: &mut P,
    exchange: &Exchange,
    caller: &ConsoleCaller,
    route: &Console,
    query: &[(String, String)],
) -> Result<Response> {
    if let Some(own) = &caller.record {
        // Only the object decides whether the token is alive.
        let ask = Ask::Read(Query::Organisation);
        let mut call = exchange.call_of(own.org.clone(), home_of(own), caller.actor.clone(), ask);
        platform.ask_for_answer(&mut call).await?;
        return Err(console::only_root_lists(&own.org));
    }
    console::query(route, query)?;
    let (after, limit) = console::organisations_page(query)?;
    let entries = platform.ask_registry(&registry::page_call(after, limit)).await?;
    Ok(render::json_document(200, &Organisations::page(entries, limit), render::JSON))
}

/// Returns the refusal for a root key. Since the key is valid, an object that refuses it is one that the registry knows
/// and that was never set up.
fn for_root(error: Error, org: &OrgId) -> Error {
    match error.kind() {
        Kind::Unauthorized => Error::new(
            Code::RegistrationInterrupted,
            format!(
                "The registration of organisation {org} was interrupted. Repeat it: PUT /v1/orgs/{org} with its \
                 settings."
            ),
        ),
        _ => error,
    }
}

impl<P: Platform> Steps<'_, P> {
    async fn run(
        &mut self,
        route: Console,
        query: QueryParameters,
        if_none_match: Option<String>,
    ) -> Result<ConsoleResponse> {
        // Parameters are judged before a body is read and before the registry is asked.
        if let Some(query) = console::query(&route, &query)? {
            return self.read(query, if_none_match).await;
        }
        let response = match route {
            Console::PutOrg(_) => configure(self, self.caller.record.is_none()).await,
            Console::PatchOrg(_) => configure(self, false).await,
            Console::EraseOrg(_) => erase(self, &query).await,
            Console::MintToken(_) => mint(self).await,
            Console::RotateToken(_, id) => rotate(self, &id).await,
            Console::RevokeToken(_, id) => revoke(self, &id, &query).await,
            Console::Preview(_) => self.preview().await,
            Console::PutImport(_, part) => import::store_part(self, part).await,
            // The job has begun, and continues by itself.
            Console::FinishImport(_) => self.change(route).await.map(|begun| Response { status: 202, ..begun }),
            route => self.change(route).await,
        };
        response.map(ConsoleResponse::from)
    }

    /// Asks what changes nothing. The client's tag spares it a body that it has.
    async fn read(&mut self, query: Query, if_none_match: Option<String>) -> Result<ConsoleResponse> {
        let home = self.home().await?;
        let mut call = self.call_of(home, Ask::Read(query));
        if let Some(text) = if_none_match {
            call.precondition.if_none_match = Some(Tags::parse("If-None-Match", &text)?);
        }
        match self.platform.ask_for_answer(&mut call).await? {
            Answer::Piece { lines, next } => {
                let (headers, body, content_type) = (Vec::new(), lines.into_bytes(), render::NDJSON);
                let response = Response { status: 200, headers, body, content_type };
                Ok(ConsoleResponse { response, rest: next.map(|position| SnapshotRest { call, position }) })
            }
            answer => render::console_response(answer).map(ConsoleResponse::from),
        }
    }

    /// Makes a change that is one call.
    async fn change(&mut self, route: Console) -> Result<Response> {
        let admin = match route {
            Console::ReleaseGuard(_) => console::release(&self.platform.read_body(None).await?)?,
            Console::PutSchema(_, urn) => console::schema(&urn, &self.platform.read_body(None).await?)?,
            Console::DeleteSchema(_, urn) => Admin::DeleteSchema { urn },
            Console::BeginImport(_) => Admin::BeginImport,
            Console::FinishImport(_) => Admin::FinishImport,
            Console::EndImport(_) => Admin::EndImport,
            _ => return Err(Error::internal("a route of more steps than one")),
        };
        let home = self.home().await?;
        let answer = self.platform.ask_for_answer(&mut self.call_of(home, Ask::Admin(admin))).await?;
        render::console_response(answer)
    }

    async fn preview(&mut self) -> Result<Response> {
        let spender = match &self.caller.actor {
            Actor::Token { hash, .. } => Some(hash),
            Actor::Root => None,
        };
        let body = self.platform.read_body(spender).await?;
        let home = self.home().await?;
        let (exchange, actor) = (self.exchange, &self.caller.actor);
        let call_of = |ask| exchange.call_of(self.org.clone(), home.clone(), actor.clone(), ask);
        preview::respond(self.platform, exchange, &self.org, &body, call_of).await
    }
}
