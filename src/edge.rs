//! The platform: HTTP, KV, objects, clock, randomness. It decides nothing; the modules that it calls do.

mod body;
mod callers;
mod calls;
mod console;
mod limits;
mod measure;
mod objects;
mod platform;
mod respond;
mod schemas;
mod services;
mod snapshot;
mod spent;
mod sql;
mod tokens;

use self::callers::KnownToken;
use crate::auth::{self, TokenKind};
use crate::console::cors;
use crate::directory::console::{Always, Running};
use crate::directory::residency::Residency;
use crate::error::{Error, Kind, Result};
use crate::exchange::scim::{ScimCaller, ScimHeaders, ScimRequest, ScimResponse};
use crate::exchange::{self, Exchange};
use crate::id::{Ids, OrgId, RequestId, Timestamp};
use crate::render::{self, Response};
use crate::route::{self, Open, QueryParameters, Route, Scim};
use crate::scim::schema::Types;
use futures_util::FutureExt;

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use worker::{Context, Env, Headers, Request, event, web_sys};

/// The state of handling one request.
struct Edge<'a> {
    env: &'a Env,
    /// The request's id, the service's origin, and the client's address.
    exchange: Exchange,
    /// The part that follows the answer's body, if the body is not known whole.
    rest: Cell<Option<snapshot::RestOfBody>>,
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

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Handles every request. A panic is a 500 for this request alone.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<web_sys::Response> {
    let asked = |name| if cfg!(feature = "test-hooks") { header_text(&request, name) } else { None };
    let (panic_at, fault) = (asked("X-Test-Panic"), asked("X-Test-Fault"));
    let exchange = Exchange {
        request: new_request_id(),
        origin: public_origin(&request, &env),
        address: header_text(&request, "CF-Connecting-IP"),
    };
    let edge = Edge { panic_at, fault, ..Edge::new(&env, exchange) };
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
    fn new(env: &'a Env, exchange: Exchange) -> Self {
        let (rest, passed, judged, rows, panic_at, fault) = Default::default();
        Self { env, exchange, rest, passed, judged, rows, panic_at, fault }
    }
}

impl Edge<'_> {
    async fn handle(&self, request: Request, url: &str) -> Response {
        self.panic_if_asked("edge");
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
            Route::Nowhere(error) => {
                self.note_miss(header_text(&request, "Authorization").as_deref(), &method, path).await;
                self.scim_error(&error)
            }
            Route::Console(route) => console::handle(self, route, request, query).await,
            Route::Scim(org, route, query) => match self.scim(&org, route, request, method, path, query).await {
                Ok(response) => response,
                Err(error) => self.scim_error(&error),
            },
        };
        response.headers.extend(shared);
        response
    }

    /// Panics at a place where a test build asks for it.
    fn panic_if_asked(&self, place: &str) {
        if cfg!(feature = "test-hooks") && self.panic_at.as_deref() == Some(place) {
            #[allow(clippy::panic, reason = "what the tests ask for, in a test build")]
            {
                panic!("asked for");
            }
        }
    }

    /// Handles one SCIM request.
    ///
    /// 1. Discovery without a token is the same for every caller.
    /// 2. The token's form, then KV: unknown callers get 401; no object is called and nothing is stored.
    /// 3. A token that has ended, as far as KV knows, is refused before the body is read; the object counts it. So is a
    ///    token whose object time is used up, as far as this isolate knows.
    /// 4. The exchange reads the request and calls the object. A refusal goes to the object too, which checks the token
    ///    first and writes it down.
    /// 5. The response that the object wrote is passed on unread. The exchange writes those that it leaves to the edge.
    async fn scim(
        &self,
        org: &OrgId,
        route: Result<Scim>,
        mut request: Request,
        method: String,
        path: &str,
        query: QueryParameters,
    ) -> Result<Response> {
        // 1.
        let authorization = header_text(&request, "Authorization");
        if let (None, Ok(found)) = (&authorization, &route)
            && found.is_discovery()
        {
            return render::answer_discovery(found, &query, &self.exchange.scim_base(org), &Types::default());
        }
        // 2.
        let KnownToken { token, record, refusal } = self.known_token(authorization.as_deref(), TokenKind::Scim).await?;
        if record.org != *org {
            self.tell_wrong_address(&token, record, &method, path).await;
            return Err(Error::unauthorized());
        }
        let home = Residency { jurisdiction: record.jurisdiction, location_hint: None };
        let caller = ScimCaller { org: record.org, hash: token.hash(), dialect: record.dialect, home };
        // 3.
        if refusal.is_some() {
            self.count_ended(&caller, &method, path).await;
            body::discard(&request).await;
            return Err(Error::unauthorized());
        }
        spent::check_before_body(&caller.hash, &request).await?;
        // 4.
        let body = match &route {
            Ok(_) => body::read_whole(&mut request).await,
            Err(_) => Ok(Vec::new()),
        };
        let headers = ScimHeaders::read(|name| header_text(&request, name));
        let (path, dialect) = (path.to_owned(), record.dialect);
        let request = ScimRequest { route, method, path, query, headers, body, dialect };
        // 5.
        match exchange::scim::respond(&mut &*self, &self.exchange, &caller, &request).await? {
            ScimResponse::Final(response) => Ok(self.pass_on(response)),
            ScimResponse::Written(response) => Ok(response),
        }
    }

    fn scim_error(&self, error: &Error) -> Response {
        self.log_fault(error);
        render::scim_error(error, &self.exchange.request)
    }

    fn problem(&self, error: &Error) -> Response {
        self.log_fault(error);
        render::console_problem(error, &self.exchange.request)
    }

    fn log_fault(&self, error: &Error) {
        if error.kind() == Kind::Internal {
            worker::console_error!("{} {}", self.exchange.request, error.detail);
        }
    }

    /// Passes an object's answer on. The returned response stands in for it.
    fn pass_on(&self, response: web_sys::Response) -> Response {
        self.passed.set(Some(response));
        Response { status: 200, headers: Vec::new(), body: Vec::new(), content_type: render::SCIM_JSON }
    }

    fn send(&self, response: Response) -> worker::Result<web_sys::Response> {
        match self.passed.take() {
            Some(response) => Ok(response),
            None => self.write_response(response).map(web_sys::Response::from),
        }
    }

    /// Writes an answer that is made here.
    fn write_response(&self, response: Response) -> worker::Result<worker::Response> {
        let headers = Headers::new();
        headers.set("X-Request-Id", self.exchange.request.as_str())?;
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
