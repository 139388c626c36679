//! Requests to the service without its platform, answered by the exchange as the edge runs it.

use super::native::Native;
use super::{Request, Response, Server};
use scim_edge::auth::TokenRecord;
use scim_edge::directory::admin::Admin;
use scim_edge::directory::call::{Actor, Ask, Call};
use scim_edge::directory::registry::{RegistryCall, RegistryEntry};
use scim_edge::directory::residency::Residency;
use scim_edge::error::{Code, Error, Result};
use scim_edge::exchange::console::{ConsoleCaller, ConsoleRequest, ConsoleResponse};
use scim_edge::exchange::scim::{ScimCaller, ScimHeaders, ScimRequest, ScimResponse};
use scim_edge::exchange::{self, ObjectOutcome, Objects, Platform};
use scim_edge::id::{OrgId, Timestamp, TokenHash};
use scim_edge::route::{self, Route};
use scim_edge::scim::schema::Types;
use scim_edge::{registry, render};
use serde_json::Value;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Nothing here waits, so a future is ready at once.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

impl Objects for Native {
    type Final = render::Response;

    fn known_types(&self, _org: &OrgId) -> Rc<Types> {
        Rc::clone(&self.types)
    }

    fn learn_types(&mut self, _org: &OrgId, generation: i64, documents: &str) -> Result<()> {
        self.types = Rc::new(Types::read_registered(generation, documents)?);
        Ok(())
    }

    fn has_asked(&self) -> bool {
        self.judged
    }

    async fn ask(&mut self, call: &mut Call) -> Result<ObjectOutcome<render::Response>> {
        self.judged = true;
        self.calls += u32::from(matches!(call.ask, Ask::Scim(_)));
        call.v = call.lowest_version();
        let sent = serde_json::to_vec(call).unwrap();
        let rendering = call.render.clone();
        let mut reply = self.object(sent);
        match (reply.outcome, rendering) {
            (Ok(answer), Some(rendering)) if !render::is_for_the_edge(&answer) => {
                return Ok(ObjectOutcome::Final(self.rendered(answer, &rendering)));
            }
            (outcome, _) => reply.outcome = outcome,
        }
        self.received(reply).outcome.map(ObjectOutcome::Answer)
    }
}

impl Platform for Native {
    fn time(&self) -> Timestamp {
        self.now
    }

    fn random_bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.next_random())
    }

    async fn read_body(&mut self, _spender: Option<&TokenHash>) -> Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.body.0))
    }

    async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let (body, read) = &mut self.body;
        let chunk = body[*read..].chunks(self.chunk).next().map(<[u8]>::to_vec);
        *read += chunk.as_ref().map_or(0, Vec::len);
        Ok(chunk)
    }

    async fn ask_registry(&mut self, call: &RegistryCall) -> Result<Vec<RegistryEntry>> {
        registry::execute(&self.registry, call, self.now)
    }

    async fn put_record(&mut self, hash: &TokenHash, record: &TokenRecord) -> Result<()> {
        if self.kv_fails {
            return Err(Error::new(Code::TokenStoreFailed, "asked for"));
        }
        self.records.insert(*hash, record.clone());
        Ok(())
    }

    fn forget_token(&mut self, _hash: &TokenHash) {}

    fn forget_tokens(&mut self, _org: &OrgId) {}

    fn offered_jurisdictions(&self) -> String {
        "eu".to_owned()
    }

    fn check_home(&self, _org: &OrgId, _home: &Residency) -> Result<()> {
        Ok(())
    }
}

impl Request {
    /// The request as the edge hands it to the exchange; its path is one below the SCIM base URL.
    pub fn into_scim(self, server: &Native) -> ScimRequest {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let path = format!("/acme/scim/v2{path}");
        let Route::Scim(_, route, query) = route::route(&self.method, &path, query, None) else {
            panic!("{path} is not SCIM's");
        };
        let named = |wanted: &str| self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let headers = ScimHeaders::read(|wanted| named(wanted).map(|(_, value)| value.clone()));
        let (method, body, dialect) = (self.method, Ok(self.body.unwrap_or_default()), server.dialect);
        ScimRequest { route, method, path, query, headers, body, dialect }
    }
}

impl Native {
    /// Returns the answer to a SCIM request.
    pub fn answer(&mut self, request: Request) -> render::Response {
        let (hash, dialect, home) = (self.token.hash(), self.dialect, Residency::default());
        let caller = ScimCaller { org: self.org.clone(), hash, dialect, home };
        let (request, exchange) = (request.into_scim(self), self.exchange());
        match ready(exchange::scim::respond(self, &exchange, &caller, &request)) {
            Ok(ScimResponse::Final(response) | ScimResponse::Written(response)) => response,
            Err(error) => render::scim_error(&error, &exchange.request),
        }
    }

    /// Returns the outcome of a Console request by this caller; its path begins with `/v1/orgs`.
    pub fn console_as(
        &mut self,
        caller: &ConsoleCaller,
        request: Request,
        if_none_match: Option<&str>,
    ) -> Result<ConsoleResponse> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let Route::Console(route) = route::route(&request.method, path, query, None) else {
            panic!("{path} is not the Console's");
        };
        let (query, if_none_match) = (route::query(query), if_none_match.map(str::to_owned));
        self.body = (request.body.unwrap_or_default(), 0);
        let exchange = self.exchange();
        self.judged = false;
        let reads = request.method == "GET";
        let answered = ConsoleRequest { route, reads, query, if_none_match };
        let outcome = ready(exchange::console::respond(self, &exchange, caller, answered));
        self.body = (Vec::new(), 0);
        outcome
    }

    /// Returns the answer to a Console request with the root key; of a snapshot, its first piece.
    pub fn console_answer(&mut self, request: Request, if_none_match: Option<&str>) -> render::Response {
        let root = ConsoleCaller { actor: Actor::Root, record: None };
        match self.console_as(&root, request, if_none_match) {
            Ok(answered) => answered.response,
            Err(error) => render::console_problem(&error, &self.exchange().request),
        }
    }

    /// `POST /v1/orgs/acme/preview` with the root key.
    pub fn preview(&mut self, body: &Value) -> Response {
        self.admin("POST", "/preview", body)
    }

    /// The same by this caller.
    pub fn preview_as(&mut self, actor: &Actor, body: &Value) -> Result<render::Response> {
        let (exchange, org, actor) = (self.exchange(), self.org.clone(), actor.clone());
        let call_of = |ask| exchange.call_of(org.clone(), Residency::default(), actor.clone(), ask);
        ready(exchange::preview::respond(self, &exchange, &org, body.to_string().as_bytes(), call_of))
    }

    /// A Console request with the entity tag that the client has: the status, its tag, the body.
    pub fn tagged(&mut self, path: &str, known: Option<&str>) -> (u16, String, Value) {
        let response = self.console_answer(Request::new("GET", &format!("/v1/orgs/acme{path}")), known);
        let etag = response.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, tag)| tag.clone());
        (response.status, etag.unwrap_or_default(), serde_json::from_slice(&response.body).unwrap_or_default())
    }

    /// A Console request with the root key.
    pub fn admin(&mut self, method: &str, path: &str, body: &Value) -> Response {
        let before = self.sql.written();
        let response = self.console_answer(Request::json(method, &format!("/v1/orgs/acme{path}"), body), None);
        let body = serde_json::from_slice(&response.body).unwrap_or_default();
        Response { status: response.status, body, rows_written: self.sql.written() - before }
    }
}

impl Server for Native {
    fn scim(&mut self, request: Request) -> Response {
        self.now = self.now.plus(7);
        let before = self.sql.written();
        let response = self.answer(request);
        let body = serde_json::from_slice(&response.body).unwrap_or_default();
        Response { status: response.status, body, rows_written: self.sql.written() - before }
    }

    fn console(&mut self, path: &str) -> Value {
        let response = self.admin("GET", path, &Value::Null);
        assert_eq!(response.status, 200, "{path}: {}", response.body);
        response.body
    }

    fn import(&mut self, lines: &[String]) {
        self.admin("PUT", "", &serde_json::json!({"scim": {"enabled": false}}));
        let sent = Admin::ImportLines { part: 1, line: 1, lines: lines.join("\n"), last: true };
        for admin in [Admin::BeginImport, sent, Admin::FinishImport] {
            self.call(Actor::Root, Ask::Admin(admin)).outcome.unwrap();
        }
        while self.console("/import")["state"] != "done" {
            self.alarm();
        }
        self.admin("PUT", "", &serde_json::json!({"scim": {"enabled": true}}));
    }
}
