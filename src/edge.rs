//! The platform: HTTP, KV, objects, clock, randomness. It decides nothing; the modules that it calls do.

mod body;
mod console;
mod import;
mod limits;
mod measure;
mod objects;
mod organisations;
mod platform;
mod preview;
mod respond;
mod schemas;
mod snapshot;
mod spent;
mod sql;
mod tokens;

use self::body::body;
use self::limits::Limit;
use self::objects::Came;
use crate::auth::{self, Refusal, Token, TokenKind, TokenRecord};
use crate::console::cors;
use crate::directory::call::{Actor, Ask, Call, Rendering, VERSION};
use crate::directory::console::{Always, Running};
use crate::directory::precondition::Precondition;
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::directory::scim::Command;
use crate::error::{Code, Error, Kind, Result};
use crate::id::{Ids, OrgId, RequestId, Timestamp, TokenHash};
use crate::ingest::{self, Ingested};
use crate::render::{self, Response};
use crate::route::{self, Open, Route, Scim};
use crate::scim::projection::Projection;
use crate::scim::schema::Types;
use futures_util::FutureExt;

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use worker::{Context, Env, Headers, Request, event, web_sys};

/// The state of handling one request.
struct Edge<'a> {
    env: &'a Env,
    request_id: RequestId,
    /// Scheme and host with which addresses in answers begin.
    origin: String,
    /// The client's address, as the platform says.
    address: Option<String>,
    /// The part that follows the answer's body, if the body is not known whole.
    rest: Cell<Option<snapshot::Rest>>,
    /// An object's answer that goes to the client as it is.
    passed: Cell<Option<web_sys::Response>>,
    /// True once an object was asked, which judges the caller's rights.
    judged: Cell<bool>,
    /// The rows that the organisation's object counted; shown by test builds only.
    rows: Cell<Option<String>>,
    /// The place where the object must panic; read by test builds only.
    panic_at: Option<String>,
    /// The error that the platform must throw, and where; read by test builds only.
    fault: Option<String>,
}

/// The longest part of a path that the journal gets, in characters.
const PATH_MAX: usize = 300;

/// A caller with a token that KV knows.
struct Known {
    token: Token,
    record: TokenRecord,
    /// Why the record alone refuses it.
    refusal: Option<Refusal>,
}

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Handles every request. A panic is a 500 for this request alone.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<web_sys::Response> {
    let request_id = new_request_id();
    let origin = public_origin(&request, &env);
    let asked = |name| if cfg!(feature = "test-hooks") { header_text(&request, name) } else { None };
    let (panic_at, fault) = (asked("X-Test-Panic"), asked("X-Test-Fault"));
    let address = header_text(&request, "CF-Connecting-IP");
    let edge = Edge { address, panic_at, fault, ..Edge::new(&env, request_id, origin) };
    let url = request.inner().url();
    let is_head = request.inner().method() == "HEAD";
    // The request's own state is dropped with it, and state that the isolate shares is replaced whole: nothing
    // half-changed is seen.
    let response = match AssertUnwindSafe(edge.handle(request, &url)).catch_unwind().await {
        Ok(response) => response,
        Err(_) if route::parts(&url).1.starts_with("/v1/") => edge.problem(&Error::internal("panic")),
        Err(_) => edge.scim_error(&Error::internal("panic")),
    };
    let response = edge.send(response)?;
    if is_head { without_body(response) } else { Ok(response) }
}

/// Returns the answer to a HEAD: that of a GET without its body (RFC 9110 section 9.3.2). The source of the body is
/// released.
fn without_body(response: web_sys::Response) -> worker::Result<web_sys::Response> {
    if let Some(body) = response.body() {
        let _ended = body.cancel();
    }
    let response = worker::Response::from(response);
    let builder = worker::Response::builder().with_status(response.status_code());
    Ok(web_sys::Response::from(builder.with_headers(response.headers().clone()).empty()))
}

impl<'a> Edge<'a> {
    fn new(env: &'a Env, request_id: RequestId, origin: String) -> Self {
        Self {
            env,
            request_id,
            origin,
            address: None,
            rest: Cell::new(None),
            passed: Cell::new(None),
            judged: Cell::new(false),
            rows: Cell::new(None),
            panic_at: None,
            fault: None,
        }
    }
}

impl Edge<'_> {
    async fn handle(&self, request: Request, url: &str) -> Response {
        self.tested("edge");
        // The method is read as it was sent: the crate's own type reads an unknown method as GET.
        let method = request.inner().method();
        let (_, path, query) = route::parts(url);
        let suffix = variable_text(self.env, "ORG_HOST_SUFFIX");
        let host_org = header_text(&request, "Host").and_then(|host| route::host_org(&host, &suffix));
        let route = route::route(&method, path, query, host_org);
        let origin = header_text(&request, "Origin");
        let is_preflight =
            method == "OPTIONS" && origin.is_some() && header_text(&request, "Access-Control-Request-Method").is_some();
        let shared = match &route {
            Route::Open(_) | Route::Console(_) => {
                cors::headers(origin.as_deref(), &variable_text(self.env, "CONSOLE_ORIGINS"))
            }
            Route::Scim(..) | Route::Nowhere(_) => Vec::new(),
        };
        let in_clear = route::is_in_clear(url) && header_text(&request, "Authorization").is_some();
        let mut response = match route {
            Route::Console(_) if in_clear => self.problem(&auth::in_clear()),
            Route::Scim(..) | Route::Nowhere(_) if in_clear => self.scim_error(&auth::in_clear()),
            _ if method == "OPTIONS" && !shared.is_empty() => {
                Response { status: 204, headers: cors::preflight(), body: Vec::new(), content_type: render::JSON }
            }
            Route::Open(_) | Route::Console(_) if is_preflight => {
                self.problem(&cors::not_listed(&origin.unwrap_or_default()))
            }
            Route::Open(Ok(Open::Health)) => health_response(),
            Route::Open(Ok(Open::OpenApi)) => crate::console::openapi(),
            Route::Open(Err(error)) => self.problem(&error),
            Route::Nowhere(error) => self.scim_error(&error),
            Route::Console(route) => console::handle(self, route, request, query).await,
            Route::Scim(org, route, query) => match self.scim(&org, route, request, &method, path, &query).await {
                Ok(response) => response,
                Err(error) => self.scim_error(&error),
            },
        };
        response.headers.extend(shared);
        response
    }

    /// Panics at a place where a test build asks for it.
    fn tested(&self, place: &str) {
        if cfg!(feature = "test-hooks") && self.panic_at.as_deref() == Some(place) {
            #[allow(clippy::panic, reason = "what the tests ask for, in a test build")]
            {
                panic!("asked for");
            }
        }
    }

    /// Returns the SCIM base URL of an organisation, without a slash at its end.
    fn base(&self, org: &OrgId) -> String {
        format!("{}/{org}/scim/v2", self.origin)
    }

    /// Handles one SCIM request.
    ///
    /// 1. Discovery without a token is the same for every caller.
    /// 2. The token's form, then KV: unknown callers get 401; no object is called and nothing is stored.
    /// 3. A token that has ended, as far as KV knows, is refused before the body is read; the object counts it. So is a
    ///    token whose object time is used up, as far as this isolate knows.
    /// 4. The request is read; a refusal goes to the object too, which checks the token first and writes it down.
    /// 5. One object call; if the organisation's schemas are not those that this isolate knew, the request is read
    ///    again under the object's, and there is a second call.
    /// 6. The answer, which the object has written: it is passed on unread. The answers that it leaves to the edge, and
    ///    those of an earlier build's object, are written here.
    async fn scim(
        &self,
        org: &OrgId,
        route: Result<Scim>,
        mut request: Request,
        method: &str,
        path: &str,
        query: &[(String, String)],
    ) -> Result<Response> {
        let base = self.base(org);
        let authorization = header_text(&request, "Authorization");
        if let (None, Ok(found)) = (&authorization, &route)
            && found.is_discovery()
        {
            return render::answer_discovery(found, query, &base, &Types::default());
        }
        let Known { token, record, refusal } = self.token(authorization.as_deref(), TokenKind::Scim).await?;
        if record.org != *org {
            return Err(Error::unauthorized());
        }
        if refusal.is_some() {
            self.count_ended(org, &token, &record, method, path).await;
            body::discard(&request).await;
            return Err(Error::unauthorized());
        }
        spent::check_before_body(&token.hash(), &request).await?;
        let body = match &route {
            Ok(_) => body(&mut request).await,
            Err(_) => Ok(Vec::new()),
        };
        let [content_type, content_encoding, if_match, if_none_match] =
            ["Content-Type", "Content-Encoding", "If-Match", "If-None-Match"].map(|name| header_text(&request, name));
        let user_agent = header_text(&request, "User-Agent").unwrap_or_default();
        let has_adscim_version = header_text(&request, "ADSCIMVersion").is_some();
        for _ in 0..2 {
            let types = schemas::known(org);
            let ingested = match (&route, &body) {
                (Ok(route), Ok(body)) => ingest::ingest(
                    route,
                    &ingest::Request {
                        id: &self.request_id,
                        base: &base,
                        types: &types,
                        query,
                        content_type: content_type.as_deref(),
                        content_encoding: content_encoding.as_deref(),
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
                command: self.refused(error, method, path),
                precondition: Precondition::default(),
                projection: Projection::default(),
                repairs: Vec::new(),
                notes: Vec::new(),
            };
            let Ingested { command, precondition, projection, repairs, notes } = ingested.unwrap_or_else(refused);
            let mut call = Call {
                v: VERSION,
                org: org.clone(),
                request: self.request_id.clone(),
                base: base.clone(),
                actor: Actor::Token { hash: token.hash(), dialect: record.dialect },
                idp: crate::dialect::caller_name(
                    record.dialect,
                    &user_agent,
                    has_adscim_version,
                    body.as_deref().unwrap_or_default(),
                ),
                address: self.address.clone(),
                repairs,
                notes,
                idempotency_key: header_text(&request, "Idempotency-Key").filter(|key| key.len() <= 256),
                generation: types.generation,
                precondition,
                render: route
                    .as_ref()
                    .ok()
                    .map(|route| Rendering { kinds: route.kinds(), projection: projection.clone() }),
                home: Residency { jurisdiction: record.jurisdiction.clone(), location_hint: None },
                method: method.to_owned(),
                path: path.chars().take(PATH_MAX).collect(),
                ask: Ask::Scim(command),
            };
            let answer = match self.ask(&mut call).await? {
                Came::Final(response) => return Ok(self.pass(response)),
                Came::Answer(answer) => answer,
            };
            return match (answer, &route) {
                (Answer::Stale { generation, schemas }, _) => {
                    schemas::learn(org, generation, schemas.get())?;
                    continue;
                }
                (Answer::Allowed, Ok(route)) => render::answer_discovery(route, query, &base, &types),
                (answer, Ok(route)) => {
                    render::scim_answer(answer, route.kinds(), &base, &projection, &types)?.into_response()
                }
                (_, Err(_)) => Err(Error::internal("a refused request was answered")),
            };
        }
        let detail = "The organisation's schemas are being changed. Try again in half a minute.";
        Err(Error::new(Code::SchemasChanging, detail))
    }

    /// Returns the token of a header with its record in KV, within the limits.
    ///
    /// - Malformed credentials count against the client's address. From an address with too many failures they are
    ///   refused without being counted.
    /// - A well-formed token is looked up, even from an address with too many failures. An unknown one counts against
    ///   the address.
    /// - One that KV says is refused counts against its own hash, and from outside its ranges against both together:
    ///   the provider that uses it from inside is not held up.
    /// - A live one counts for itself.
    ///
    /// # Errors
    /// 401, 429, or internal.
    async fn token(&self, authorization: Option<&str>, kind: TokenKind) -> Result<Known> {
        let client = self.client();
        let Some(credentials) = auth::bearer_credentials(authorization) else {
            return Err(self.failed(Error::unauthorized(), true).await);
        };
        let Some(token) = Token::parse(credentials) else {
            return Err(self.failed(auth::malformed_token(credentials), true).await);
        };
        let hash = token.hash();
        let found = if token.kind() == kind {
            tokens::look_up(self.env, &hash, &client, self.fault.as_deref() == Some("kv")).await?
        } else {
            None
        };
        let Some(record) = found.filter(|record| record.kind == kind) else {
            return Err(self.failed(Error::unauthorized(), false).await);
        };
        let refusal = record.refusal_at(now(), self.address.as_deref());
        let ended = match refusal {
            Some(Refusal::Ended) => hash.hex(),
            Some(Refusal::Outside) | None => self.at_client(&hash),
        };
        limits::check(self.env, Limit::Ended, &ended)?;
        match refusal {
            Some(_) => limits::count(self.env, Limit::Ended, &ended).await?,
            None => limits::count(self.env, Limit::Tokens, &hash.hex()).await?,
        }
        Ok(Known { token, record, refusal })
    }

    /// Counts a failure against the client's address, and returns its refusal. Malformed credentials are not counted
    /// where the address is over its limit already.
    async fn failed(&self, refusal: Error, malformed: bool) -> Error {
        let client = self.client();
        let outcome = match limits::check(self.env, Limit::Failures, &client) {
            Err(error) if malformed => Err(error),
            _ => limits::count(self.env, Limit::Failures, &client).await,
        };
        outcome.err().unwrap_or(refusal)
    }

    /// Returns the key under which the client's address is counted. All clients whose address the platform does not say
    /// share one.
    fn client(&self) -> String {
        self.address.as_deref().map_or_else(|| "unknown".to_owned(), auth::range::client_key)
    }

    /// Returns the key of a token that only this client may have used wrongly.
    fn at_client(&self, hash: &TokenHash) -> String {
        format!("{}/{}", hash.hex(), self.client())
    }

    /// Lets the object count and note a token that KV refuses. The object gets nothing of the request's body, and the
    /// answer is 401 in any case.
    async fn count_ended(&self, org: &OrgId, token: &Token, record: &TokenRecord, method: &str, path: &str) {
        let home = Residency { jurisdiction: record.jurisdiction.clone(), location_hint: None };
        let actor = Actor::Token { hash: token.hash(), dialect: record.dialect };
        let refused = self.refused(Error::unauthorized(), method, path);
        let mut call = self.call_of(org.clone(), home, actor, Ask::Scim(refused));
        (call.method, call.path) = (method.to_owned(), path.chars().take(PATH_MAX).collect());
        match self.object(&mut call).await {
            Err(error) if error.kind() == Kind::Internal => self.log(&error),
            _ => {}
        }
    }

    /// Returns the command with a refusal of the edge, for the object to write down.
    fn refused(&self, error: Error, method: &str, path: &str) -> Command {
        Command::Refused { error, method: method.to_owned(), resource: path.chars().take(PATH_MAX).collect() }
    }

    fn scim_error(&self, error: &Error) -> Response {
        self.log(error);
        render::scim_error(error, &self.request_id)
    }

    fn problem(&self, error: &Error) -> Response {
        self.log(error);
        render::console_problem(error, &self.request_id)
    }

    fn log(&self, error: &Error) {
        if error.kind() == Kind::Internal {
            worker::console_error!("{} {}", self.request_id, error.detail);
        }
    }

    /// Passes an object's answer on. The returned response stands in for it.
    fn pass(&self, response: web_sys::Response) -> Response {
        self.passed.set(Some(response));
        Response { status: 200, headers: Vec::new(), body: Vec::new(), content_type: render::SCIM_JSON }
    }

    fn send(&self, response: Response) -> worker::Result<web_sys::Response> {
        match self.passed.take() {
            Some(response) => Ok(response),
            None => self.made(response).map(web_sys::Response::from),
        }
    }

    /// Writes an answer that is made here.
    fn made(&self, response: Response) -> worker::Result<worker::Response> {
        let headers = Headers::new();
        headers.set("X-Request-Id", self.request_id.as_str())?;
        for (name, value) in render::ALWAYS {
            headers.set(name, value)?;
        }
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

fn health_response() -> Response {
    let mut response = render::json_document(200, &Running { status: Always::Ok }, render::JSON);
    if cfg!(feature = "test-hooks") {
        response.headers.push(("X-Test-Isolate", measure::shown()));
    }
    response
}

fn header_text(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

fn variable_text(env: &Env, name: &str) -> String {
    env.var(name).map(|value| value.to_string()).unwrap_or_default()
}

/// Returns the configured public origin, else the request's.
fn public_origin(request: &Request, env: &Env) -> String {
    let configured = variable_text(env, "PUBLIC_ORIGIN");
    if !configured.is_empty() {
        return configured.trim_end_matches('/').to_owned();
    }
    route::parts(&request.inner().url()).0.to_owned()
}

/// Reads the clock. In an object it stands still while it computes.
fn now() -> Timestamp {
    Timestamp(js_sys::Date::now() as i64)
}

/// Returns random bytes from the platform's generator.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

fn new_request_id() -> RequestId {
    let text = Ids::default().next_id(now(), random().unwrap_or_default());
    RequestId::parse(&text).unwrap_or_else(RequestId::nil)
}
