//! The platform, thinly: HTTP, KV, objects, clock, randomness. It decides nothing; what it calls does.

mod console;
mod import;
mod limits;
mod measure;
mod objects;
mod organisations;
mod preview;
mod schemas;
mod snapshot;
mod sql;
mod tokens;

use crate::auth::{self, Record, Token, TokenKind};
use crate::console::cors;
use crate::directory::command::{Actor, Ask, Call, Command, Precondition, VERSION};
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::error::{Error, Kind, Result};
use crate::id::{Ids, OrgId, RequestId, Timestamp};
use crate::ingest::{self, Ingested};
use crate::render::{self, Projection, Response};
use crate::route::{self, Open, Route, Scim};
use crate::scim::{json, schema::Types};
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use worker::{Context, Env, Headers, Request, event};

/// What a request is handled with.
struct Edge<'a> {
    env: &'a Env,
    request_id: RequestId,
    /// Scheme and host that addresses in answers begin with.
    origin: String,
    /// The client's, as the platform says.
    address: Option<String>,
    /// What follows the answer's body, if the body is not known whole.
    rest: Cell<Option<snapshot::Rest>>,
    /// What the organisation's object counted; shown by test builds only.
    rows: Cell<Option<String>>,
    /// Where the object is to panic; read by test builds only.
    panic_at: Option<String>,
}

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Every request comes in here. A panic is a 500 for this request alone.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<worker::Response> {
    let request_id = new_request_id();
    let origin = origin(&request, &env);
    let panic_at = if cfg!(feature = "test-hooks") { header(&request, "X-Test-Panic") } else { None };
    let address = header(&request, "CF-Connecting-IP");
    let edge = Edge { address, panic_at, ..Edge::new(&env, request_id, origin) };
    let url = request.inner().url();
    // The request's own state is dropped with it, and what isolates share is replaced whole: nothing half-changed is seen.
    let response = match AssertUnwindSafe(edge.handle(request, &url)).catch_unwind().await {
        Ok(response) => response,
        Err(_) if route::parts(&url).1.starts_with("/v1/") => edge.problem(&Error::internal("panic")),
        Err(_) => edge.scim_error(&Error::internal("panic")),
    };
    edge.send(response)
}

impl<'a> Edge<'a> {
    fn new(env: &'a Env, request_id: RequestId, origin: String) -> Self {
        Self { env, request_id, origin, address: None, rest: Cell::new(None), rows: Cell::new(None), panic_at: None }
    }
}

impl Edge<'_> {
    async fn handle(&self, request: Request, url: &str) -> Response {
        self.tested("edge");
        // As it was sent: the crate's own type reads a method that it does not know as GET.
        let method = request.inner().method();
        let (_, path, query) = route::parts(url);
        let suffix = variable(self.env, "ORG_HOST_SUFFIX");
        let host_org = header(&request, "Host").and_then(|host| route::host_org(&host, &suffix));
        let route = route::route(&method, path, query, host_org);
        let shared = match &route {
            Route::Open(_) | Route::Console(_) => {
                cors::headers(header(&request, "Origin").as_deref(), &variable(self.env, "CONSOLE_ORIGINS"))
            }
            Route::Scim(..) | Route::Nowhere(_) => Vec::new(),
        };
        let mut response = match route {
            _ if method == "OPTIONS" && !shared.is_empty() => {
                Response { status: 204, headers: cors::preflight(), body: Vec::new(), content_type: render::JSON }
            }
            Route::Open(Ok(Open::Health)) => health(),
            Route::Open(Ok(Open::OpenApi)) => crate::console::openapi(),
            Route::Open(Err(error)) => self.problem(&error),
            Route::Nowhere(error) => self.scim_error(&error),
            Route::Console(route) => console::handle(self, route, request, query).await,
            Route::Scim(org, route) => match self.scim(&org, route, request, &method, path, query).await {
                Ok(response) => response,
                Err(error) => self.scim_error(&error),
            },
        };
        response.headers.extend(shared);
        response
    }

    /// A place where a test build can be asked to panic.
    fn tested(&self, place: &str) {
        if cfg!(feature = "test-hooks") && self.panic_at.as_deref() == Some(place) {
            #[allow(clippy::panic, reason = "what the tests ask for, in a test build")]
            {
                panic!("asked for");
            }
        }
    }

    /// The SCIM base URL of an organisation, without a slash at its end.
    fn base(&self, org: &OrgId) -> String {
        format!("{}/{org}/scim/v2", self.origin)
    }

    /// One SCIM request.
    ///
    /// 1. Discovery without a token is the same for everybody.
    /// 2. The token's form, then KV: who is not known goes no further, and nothing is stored of it. Nor does who asks too
    ///    often.
    /// 3. The request is read; a refusal goes to the object too, which checks the token first and writes it down.
    /// 4. One object call; if the organisation's schemas are not those that this isolate knew, the request is read again
    ///    under the object's, and there is a second call.
    /// 5. The answer.
    async fn scim(
        &self,
        org: &OrgId,
        route: Result<Scim>,
        mut request: Request,
        method: &str,
        path: &str,
        query: &str,
    ) -> Result<Response> {
        let base = self.base(org);
        let authorization = header(&request, "Authorization");
        if let (None, Ok(found)) = (&authorization, &route)
            && found.is_discovery()
        {
            return render::discovery(found, &route::query(query), &base, &Types::default());
        }
        let (token, record) = self.token(authorization.as_deref(), TokenKind::Scim).await?;
        if record.org != *org {
            return Err(Error::unauthorized());
        }
        let query = route::query(query);
        let body = match &route {
            Ok(_) => body(&mut request).await,
            Err(_) => Ok(Vec::new()),
        };
        let [content_type, if_match, if_none_match] =
            ["Content-Type", "If-Match", "If-None-Match"].map(|name| header(&request, name));
        let user_agent = header(&request, "User-Agent").unwrap_or_default();
        let has_adscim_version = header(&request, "ADSCIMVersion").is_some();
        for _ in 0..2 {
            let types = schemas::known(org);
            let ingested = match (&route, &body) {
                (Ok(route), Ok(body)) => ingest::ingest(
                    route,
                    &ingest::Request {
                        id: &self.request_id,
                        base: &base,
                        types: &types,
                        query: &query,
                        content_type: content_type.as_deref(),
                        user_agent: &user_agent,
                        if_match: if_match.as_deref(),
                        if_none_match: if_none_match.as_deref(),
                        body,
                        dialect: record.dialect,
                    },
                ),
                (Err(error), _) | (_, Err(error)) => Err(error.clone()),
            };
            let refused = |error| Ingested {
                command: Command::Refused {
                    error,
                    method: method.to_owned(),
                    resource: path.chars().take(300).collect(),
                },
                precondition: Precondition::default(),
                projection: Projection::default(),
                repairs: Vec::new(),
                notes: Vec::new(),
            };
            let Ingested { command, precondition, projection, repairs, notes } = ingested.unwrap_or_else(refused);
            let call = Call {
                v: VERSION,
                org: org.clone(),
                request: self.request_id.clone(),
                base: base.clone(),
                actor: Actor::Token { hash: token.hash(), dialect: record.dialect },
                idp: crate::dialect::caller(
                    record.dialect,
                    &user_agent,
                    has_adscim_version,
                    body.as_deref().unwrap_or_default(),
                ),
                address: self.address.clone(),
                repairs,
                notes,
                idempotency_key: header(&request, "Idempotency-Key").filter(|key| key.len() <= 256),
                generation: types.generation,
                precondition,
                home: Residency { jurisdiction: record.jurisdiction.clone(), location_hint: None },
                ask: Ask::Scim(command),
            };
            return match (self.object(&call).await?, &route) {
                (Answer::Stale { generation, schemas }, _) => {
                    schemas::learn(org, generation, schemas.get())?;
                    continue;
                }
                (Answer::Allowed, Ok(route)) => render::discovery(route, &query, &base, &types),
                (answer, Ok(route)) => render::answer(answer, route.kinds(), &base, &projection, &types),
                (_, Err(_)) => Err(Error::internal("a refused request was answered")),
            };
        }
        let detail = "The organisation's schemas are being changed. Try again in half a minute.";
        Err(Error::new(Kind::Unavailable, detail))
    }

    /// The token of a header and what KV knows of it, within the limits for tokens and for failing without one.
    async fn token(&self, authorization: Option<&str>, kind: TokenKind) -> Result<(Token, Record)> {
        match self.known(authorization, kind).await {
            Ok((token, record)) => {
                limits::check(self.env, limits::TOKENS, &token.hash().hex()).await?;
                Ok((token, record))
            }
            Err(error) if error.kind == Kind::Unauthorized => {
                if let Some(address) = &self.address {
                    limits::check(self.env, limits::FAILURES, &auth::range::client(address)).await?;
                }
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn known(&self, authorization: Option<&str>, kind: TokenKind) -> Result<(Token, Record)> {
        let credentials = auth::credentials(authorization).ok_or_else(Error::unauthorized)?;
        let token = Token::parse(credentials).ok_or_else(|| Error::new(Kind::Unauthorized, auth::INCOMPLETE))?;
        let known = tokens::look_up(self.env, &token.hash(), now()).await?;
        let record = known.filter(|record| record.kind == kind && token.kind() == kind);
        record.map(|record| (token, record)).ok_or_else(Error::unauthorized)
    }

    fn scim_error(&self, error: &Error) -> Response {
        self.log(error);
        render::error(error, &self.request_id)
    }

    fn problem(&self, error: &Error) -> Response {
        self.log(error);
        render::problem(error, &self.request_id)
    }

    fn log(&self, error: &Error) {
        if error.kind == Kind::Internal {
            worker::console_error!("{} {}", self.request_id, error.detail);
        }
    }

    fn send(&self, response: Response) -> worker::Result<worker::Response> {
        let headers = Headers::new();
        headers.set("X-Request-Id", self.request_id.as_str())?;
        for (name, value) in &response.headers {
            headers.set(name, value)?;
        }
        if let Some(rows) = self.rows.take() {
            headers.set("X-Test-Rows", &rows)?;
        }
        let builder = worker::Response::builder().with_status(response.status);
        if let Some(rest) = self.rest.take() {
            headers.set("Content-Type", response.content_type)?;
            return builder.with_headers(headers).from_stream(rest);
        }
        if response.body.is_empty() {
            return Ok(builder.with_headers(headers).empty());
        }
        headers.set("Content-Type", response.content_type)?;
        Ok(builder.with_headers(headers).fixed(response.body))
    }
}

fn health() -> Response {
    let mut response = render::document(200, &json!({ "status": "ok" }), render::JSON);
    if cfg!(feature = "test-hooks") {
        response.headers.push(("X-Test-Isolate", measure::shown()));
    }
    response
}

/// The body, at most [`json::BODY_MAX`] of it.
async fn body(request: &mut Request) -> Result<Vec<u8>> {
    let announced = header(request, "Content-Length").and_then(|length| length.parse::<usize>().ok());
    let broken = |_| Error::invalid_syntax("The body did not arrive whole.");
    if announced.is_some_and(|length| length <= json::BODY_MAX) {
        return request.bytes().await.map_err(broken);
    }
    // Of unknown length, or too long. What is too much is read and dropped, up to a bound: an answer that comes while
    // the client still writes would reach it as a broken connection.
    if request.inner().body().is_none() {
        return Ok(Vec::new());
    }
    let mut stream = request.stream().map_err(broken)?;
    let (mut bytes, mut read) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(broken)?;
        read += chunk.len();
        if read <= json::BODY_MAX {
            bytes.extend_from_slice(&chunk);
        } else if read > DRAINED_MAX {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    if read > json::BODY_MAX { Err(json::too_large()) } else { Ok(bytes) }
}

/// How much of a body that is too large is read to its end, in bytes.
const DRAINED_MAX: usize = 4 * json::BODY_MAX;

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

fn variable(env: &Env, name: &str) -> String {
    env.var(name).map(|value| value.to_string()).unwrap_or_default()
}

/// The configured public origin, else the request's.
fn origin(request: &Request, env: &Env) -> String {
    let configured = variable(env, "PUBLIC_ORIGIN");
    if !configured.is_empty() {
        return configured.trim_end_matches('/').to_owned();
    }
    route::parts(&request.inner().url()).0.to_owned()
}

/// The clock. In an object it stands still while it computes.
fn now() -> Timestamp {
    Timestamp(js_sys::Date::now() as i64)
}

/// Random bytes from the platform's generator.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

fn new_request_id() -> RequestId {
    let text = Ids::default().next(now(), random().unwrap_or_default());
    RequestId::parse(&text).unwrap_or_else(RequestId::nil)
}
