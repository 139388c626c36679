//! The service without its platform: the same functions in the same order as the edge calls them.

use super::sqlite::Sqlite;
use super::{Request, Response, Server};
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::console::preview::Preview;
use scim_edge::directory::admin::{Admin, TokenSettings};
use scim_edge::directory::call::{Actor, Ask, Call, CallEnvelope, Rendering, VERSION};
use scim_edge::directory::options::Options;
use scim_edge::directory::precondition::Precondition;
use scim_edge::directory::query::Query;
use scim_edge::directory::reply::{Answer, Reply};
use scim_edge::directory::residency::Residency;
use scim_edge::directory::scim::Command;
use scim_edge::error::Code;
use scim_edge::id::{OrgId, RequestId, Timestamp, TokenId};
use scim_edge::ingest::{self, Ingested};
use scim_edge::org::alarm::{self, Failure};
use scim_edge::org::{self, Context, Memory, Progress};
use scim_edge::render;
use scim_edge::route::{self, Console, Route, Scim};
use scim_edge::scim::etag::Tags;
use scim_edge::scim::projection::Projection;
use scim_edge::scim::schema::{Kinds, Types};
use scim_edge::{console, dialect, error};
use serde_json::Value;
use std::cell::Cell;
use std::rc::Rc;

/// The SCIM base URL.
pub const BASE: &str = "https://edge.test/acme/scim/v2";

pub struct Native {
    pub sql: Sqlite,
    pub memory: Memory,
    pub org: OrgId,
    pub token: Token,
    pub dialect: Dialect,
    pub now: Timestamp,
    /// Where requests come from.
    pub address: Option<String>,
    /// The organisation's resource types, as this edge knows them.
    pub types: Rc<Types>,
    /// How often the object was called for SCIM requests.
    pub calls: u32,
    /// How long each further step of a scan takes, in milliseconds.
    pub step_takes: i64,
    /// Where memory is measured: calls are not written once more to be compared, and an answer's pieces are counted and
    /// dropped, as when they are sent.
    pub measured: bool,
    /// How many bytes the last answer had that was dropped.
    pub answered: usize,
    /// The most steps of SQLite that the object took at once, without a pause in which others run, while it answered the
    /// calls since this was last set to zero.
    pub at_once: i64,
    /// A clock, where it is measured how long the object works at once, and the longest time by it.
    pub clock: Option<fn() -> f64>,
    pub longest: f64,
    /// The requests of others between the steps of one request or answer: one for each step, from the last to the
    /// first.
    pub between: Vec<fn(&mut Native)>,
    random: Rc<Cell<u64>>,
}

impl Native {
    pub fn new(dialect: Dialect) -> Self {
        let token = Token::mint(TokenKind::Scim, [7; 32]);
        let org = OrgId::parse("acme").unwrap();
        let now = Timestamp(1_795_000_000_000);
        let mut native = Self {
            sql: Sqlite::new(),
            memory: Memory::default(),
            org,
            token,
            dialect,
            now,
            address: Some("203.0.113.7".to_owned()),
            types: Rc::default(),
            calls: 0,
            step_takes: 0,
            measured: false,
            answered: 0,
            at_once: 0,
            clock: None,
            longest: 0.0,
            between: Vec::new(),
            random: Rc::default(),
        };
        let settings = Admin::Configure {
            display_name: Some("Acme".into()),
            saml: Some(true),
            scim: Some(true),
            options: Options::default(),
            residency: Residency::default(),
        };
        native.call(Actor::Root, Ask::Admin(settings)).outcome.unwrap();
        let settings = TokenSettings {
            name: "t".into(),
            kind: TokenKind::Scim,
            dialect,
            scope: None,
            expires_at: None,
            address_ranges: Vec::new(),
        };
        native.mint("t-1", &settings);
        native
    }

    pub fn mint(&mut self, id: &str, token: &TokenSettings) {
        let id = TokenId::parse(id).unwrap();
        let admin = Admin::MintToken { id, hash: self.token.hash(), token: token.clone(), replaces: None };
        self.call(Actor::Root, Ask::Admin(admin)).outcome.unwrap();
    }

    /// A call of the object, through both of its formats.
    pub fn call(&mut self, actor: Actor, ask: Ask) -> Reply {
        let call = self.made(actor, ask);
        self.send_call(call)
    }

    /// A call as it is, through both of its formats: what an edge reads that does not ask for the answer itself.
    pub fn send_call(&mut self, call: Call) -> Reply {
        let mut reply = self.object(call);
        if let Ok(answer) = &mut reply.outcome {
            org::gather(&self.sql, answer).unwrap();
        }
        serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap()
    }

    /// A call, as the edge makes it.
    pub fn made(&self, actor: Actor, ask: Ask) -> Call {
        Call {
            v: VERSION,
            org: self.org.clone(),
            request: RequestId::parse("r-1").unwrap(),
            base: BASE.to_owned(),
            actor,
            idp: dialect::caller_name(self.dialect, "", false, &[]),
            address: self.address.clone(),
            repairs: Vec::new(),
            notes: Vec::new(),
            idempotency_key: None,
            generation: self.types.generation,
            precondition: Precondition::default(),
            render: None,
            home: Residency::default(),
            method: String::new(),
            path: String::new(),
            ask,
        }
    }

    /// Returns the object's outcome, step by step.
    fn object(&mut self, call: Call) -> Reply {
        let call = Call { v: call.lowest_version(), ..call };
        let sent = serde_json::to_string(&call).unwrap();
        if !self.measured {
            let read: Call = serde_json::from_str(&sent).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), sent, "a call is read as it was written");
        }
        let (bytes, call) = (sent.len(), CallEnvelope::read_envelope(sent.as_bytes()).unwrap());
        let (counter, org) = (Rc::clone(&self.random), self.org.clone());
        let random = || {
            counter.set(counter.get() + 1);
            let [_, _, rest @ ..] = counter.get().to_be_bytes();
            rest
        };
        let context = Context { org: Some(&org), now: self.now, random: &random, bytes };
        let steps = self.sql.steps.get();
        let time = |server: &Self| server.clock.map_or(0.0, |clock| clock());
        let mut paused = (self.sql.steps.get(), time(self));
        let mut progress = org::execute(&self.sql, &mut self.memory, call, &context);
        loop {
            self.at_once = self.at_once.max(self.sql.steps.get() - paused.0);
            self.longest = self.longest.max(time(self) - paused.1);
            paused = (self.sql.steps.get(), time(self));
            match progress {
                Progress::Done(reply) => {
                    assert!(self.sql.steps.get() > steps || !is_let_in(&reply), "a call that reads no storage");
                    return reply;
                }
                Progress::Erase(_) => panic!("erasing needs the platform"),
                Progress::Scan(pending) => {
                    self.now = self.now.plus(self.step_takes);
                    self.others();
                    progress = org::resume(&self.sql, &mut self.memory, *pending, self.now);
                }
                // No other client is here to change anything.
                Progress::Wait(waiting) => {
                    self.now = self.now.max(waiting.until);
                    let context = Context { org: Some(&org), now: self.now, random: &random, bytes: 0 };
                    progress = org::run_again(&self.sql, &mut self.memory, *waiting, &context);
                }
            }
        }
    }

    /// Lets others do what they do between two steps.
    fn others(&mut self) {
        if let Some(write) = self.between.pop() {
            write(self);
        }
    }

    /// Returns the answer to a SCIM request.
    pub fn answer(&mut self, request: Request) -> render::Response {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let path = format!("/acme/scim/v2{path}");
        let header = |wanted: &str| {
            request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
        };
        let id = RequestId::parse("r-1").unwrap();
        let Route::Scim(_, route, query) = route::route(&request.method, &path, query, None) else {
            panic!("{path} is not SCIM's");
        };
        let kinds = route.as_ref().map_or(Kinds::Users, Scim::kinds);
        for _ in 0..2 {
            let types = Rc::clone(&self.types);
            let ingested = route.clone().and_then(|route| {
                let body = request.body.as_deref().unwrap_or_default();
                let dialect = self.dialect;
                let content_type = header("Content-Type");
                let content_encoding = header("Content-Encoding");
                let user_agent = header("User-Agent").unwrap_or_default();
                let (if_match, if_none_match) = (header("If-Match"), header("If-None-Match"));
                let request = ingest::Request {
                    id: &id,
                    base: BASE,
                    types: &types,
                    query: &query,
                    content_type,
                    content_encoding,
                    user_agent,
                    if_match,
                    if_none_match,
                    body,
                    dialect,
                };
                ingest::ingest(&route, &request)
            });
            let Ingested { command, precondition, projection, repairs, notes } =
                ingested.unwrap_or_else(|error| Ingested {
                    command: Command::Refused { error, method: request.method.clone(), resource: path.clone() },
                    precondition: Precondition::default(),
                    projection: Projection::default(),
                    repairs: Vec::new(),
                    notes: Vec::new(),
                });
            let actor = Actor::Token { hash: self.token.hash(), dialect: self.dialect };
            let key = header("Idempotency-Key").map(str::to_owned);
            self.calls += 1;
            let rendering = Rendering { kinds, projection };
            let call = Call {
                precondition,
                repairs,
                notes,
                idempotency_key: key,
                render: Some(rendering.clone()),
                method: request.method.clone(),
                path: path.clone(),
                ..self.made(actor, Ask::Scim(command))
            };
            match (self.object(call).outcome, &route) {
                (Ok(answer), _) if !render::is_for_the_edge(&answer) => return self.rendered(answer, &rendering),
                (Ok(Answer::Stale { generation, schemas }), _) => {
                    self.types = Rc::new(Types::read_registered(generation, schemas.get()).unwrap());
                }
                (Ok(Answer::Allowed), Ok(route)) => {
                    return render::answer_discovery(route, &query, BASE, &types)
                        .unwrap_or_else(|error| render::scim_error(&error, &id));
                }
                (Ok(answer), _) => panic!("{answer:?} was not rendered"),
                (Err(error), _) => return render::scim_error(&error, &id),
            }
        }
        panic!("stale twice")
    }

    /// The alarm goes off.
    pub fn alarm(&mut self) {
        let failures = self.alarm_fails();
        assert!(failures.is_empty(), "{failures:?}");
    }

    /// The alarm goes off, and says what failed.
    pub fn alarm_fails(&mut self) -> Vec<Failure> {
        match alarm::begin_alarm(&self.sql, &mut self.memory, self.now) {
            Ok((attempt, failure)) => {
                let stepped = attempt.and_then(|attempt| attempt.take_step(&self.sql, &mut self.memory, self.now));
                failure.into_iter().chain(stepped).collect()
            }
            Err(error) => vec![Failure { job: "begin", error }],
        }
    }

    /// The bytes that the object sends, its pieces put together.
    fn rendered(&mut self, answer: Answer, Rendering { kinds, projection }: &Rendering) -> render::Response {
        let shown = render::scim_answer(answer, *kinds, BASE, projection, &self.memory.types()).unwrap();
        let render::RenderedAnswer { status, headers, mut body } = shown;
        let mut whole = Vec::new();
        while let Some(piece) = body.next_piece(&self.sql).unwrap() {
            assert!(piece.len() <= 1024 * 1024, "{}", piece.len());
            self.answered += piece.len();
            if !self.measured || whole.is_empty() {
                whole.extend(piece.into_bytes());
            }
            self.others();
        }
        self.memory.charge_written(body.entries_read(), self.now);
        render::Response { status, headers, body: whole, content_type: render::SCIM_JSON }
    }

    /// `POST /v1/orgs/acme/preview` with the root key.
    pub fn preview(&mut self, body: &Value) -> Response {
        let id = RequestId::parse("r-1").unwrap();
        let preview = Preview::read(body.to_string().as_bytes(), BASE);
        let answer = preview.and_then(|preview| self.previewed(&preview, &id));
        let response = answer.unwrap_or_else(|error| render::console_problem(&error, &id));
        let body = serde_json::from_slice(&response.body).unwrap();
        Response { status: response.status, body, rows_written: 0 }
    }

    /// The answer to a preview, as the edge makes it.
    pub fn previewed(&mut self, preview: &Preview, id: &RequestId) -> error::Result<render::Response> {
        loop {
            let types = Rc::clone(&self.types);
            let (Ingested { command, precondition, repairs, notes, .. }, shown) = preview.ingest(id, BASE, &types)?;
            let call = Call { precondition, repairs, notes, ..self.made(Actor::Root, Ask::Preview(command)) };
            match self.send_call(call).outcome? {
                Answer::Stale { generation, schemas } => {
                    self.types = Rc::new(Types::read_registered(generation, schemas.get()).unwrap());
                }
                answer => return preview.answer(answer, shown, id, BASE, &types),
            }
        }
    }

    /// A Console request with the entity tag that the client has: the status, its tag, the body.
    pub fn tagged(&mut self, path: &str, known: Option<&str>) -> (u16, String, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let Route::Console(route) = route::route("GET", &format!("/v1/orgs/acme{path}"), query, None) else {
            panic!("{path} is not the Console's");
        };
        let if_none_match = known.map(|known| Tags::parse("If-None-Match", known).unwrap());
        let precondition = Precondition { if_match: None, if_none_match };
        let query = console::query(&route.unwrap(), &route::query(query));
        let answer = query.and_then(|query| {
            let call = Call { precondition, ..self.made(Actor::Root, Ask::Read(query.unwrap())) };
            self.send_call(call).outcome
        });
        let id = RequestId::parse("r-1").unwrap();
        let response =
            answer.and_then(render::console_response).unwrap_or_else(|error| render::console_problem(&error, &id));
        let etag = response.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, tag)| tag.clone());
        (response.status, etag.unwrap_or_default(), serde_json::from_slice(&response.body).unwrap_or_default())
    }

    /// The generation of the registered schemas that the storage has.
    pub fn generation(&self) -> i64 {
        scim_edge::store::schemas::read_generation(&self.sql).unwrap()
    }

    /// A Console request, as its route and body make it.
    pub fn admin(&mut self, method: &str, path: &str, body: &Value) -> Response {
        let Route::Console(route) = route::route(method, &format!("/v1/orgs/acme{path}"), "", None) else {
            panic!("{path} is not the Console's");
        };
        let ask = match route.unwrap() {
            Console::PutSchema(_, urn) => console::schema(&urn, body.to_string().as_bytes()).map(Ask::Admin),
            Console::PutOrg(_) => console::configure(body.to_string().as_bytes()).map(Ask::Admin),
            Console::ReleaseGuard(_) => console::release(body.to_string().as_bytes()).map(Ask::Admin),
            Console::BeginImport(_) => Ok(Ask::Admin(Admin::BeginImport)),
            Console::FinishImport(_) => Ok(Ask::Admin(Admin::FinishImport)),
            Console::EndImport(_) => Ok(Ask::Admin(Admin::EndImport)),
            Console::DeleteSchema(_, urn) => Ok(Ask::Admin(Admin::DeleteSchema { urn })),
            route => console::query(&route, &[]).map(|query| Ask::Read(query.unwrap())),
        };
        let before = self.sql.written();
        let answer = ask.and_then(|ask| self.call(Actor::Root, ask).outcome).and_then(render::console_response);
        let response =
            answer.unwrap_or_else(|error| render::console_problem(&error, &RequestId::parse("r-1").unwrap()));
        let body = serde_json::from_slice(&response.body).unwrap_or_default();
        Response { status: response.status, body, rows_written: self.sql.written() - before }
    }

    pub fn query(&mut self, query: Query) -> error::Result<Value> {
        match self.call(Actor::Root, Ask::Read(query)).outcome? {
            Answer::Json(text) | Answer::Tagged { body: Some(text), .. } => {
                Ok(serde_json::from_str(text.get()).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }
}

/// False for a call that ended before its token was looked at, or with a fault. All others must read the storage: only that
/// keeps them out of an object that has been replaced.
fn is_let_in(reply: &Reply) -> bool {
    let not_judged = |code: Code| code.is_fault() || matches!(code, Code::Unauthorized | Code::Deploying);
    reply.outcome.as_ref().err().is_none_or(|error| !not_judged(error.code))
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
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let Route::Console(route) = route::route("GET", &format!("/v1/orgs/acme{path}"), query, None) else {
            panic!("{path} is not the Console's");
        };
        let query = console::query(&route.unwrap(), &route::query(query)).unwrap().unwrap();
        self.query(query).unwrap()
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
