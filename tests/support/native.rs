//! The service without its platform: an organisation's object, the registry and KV in memory, and the calls of the object.
//! [`super::exchanges`] sends it requests.

use super::sqlite::Sqlite;
use scim_edge::auth::{Dialect, Token, TokenKind, TokenRecord};
use scim_edge::directory::admin::{Admin, TokenSettings};
use scim_edge::directory::call::{Actor, Ask, Call, CallEnvelope, Rendering, VERSION};
use scim_edge::directory::options::Options;
use scim_edge::directory::query::Query;
use scim_edge::directory::registry::RegistryCall;
use scim_edge::directory::reply::{Answer, Reply};
use scim_edge::directory::residency::Residency;
use scim_edge::error::Code;
use scim_edge::exchange::Exchange;
use scim_edge::id::{OrgId, RequestId, Timestamp, TokenHash, TokenId};
use scim_edge::org::alarm::{self, Failure};
use scim_edge::org::{self, Context, Memory, Progress};
use scim_edge::render;
use scim_edge::scim::schema::Types;
use scim_edge::{dialect, error, registry};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Scheme and host of the service.
pub const ORIGIN: &str = "https://edge.test";
/// The SCIM base URL.
pub const BASE: &str = "https://edge.test/acme/scim/v2";

pub struct Native {
    pub sql: Sqlite,
    /// The storage of the registry, which knows this organisation.
    pub registry: Sqlite,
    /// The tokens' records in KV.
    pub records: BTreeMap<TokenHash, TokenRecord>,
    /// KV takes no record.
    pub kv_fails: bool,
    /// The body of the Console request that is being answered, and how much of it was read.
    pub(super) body: (Vec<u8>, usize),
    /// True once the object was asked by that request.
    pub(super) judged: bool,
    /// How many bytes of a body arrive at once.
    pub chunk: usize,
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
            registry: Sqlite::new(),
            records: BTreeMap::new(),
            kv_fails: false,
            body: (Vec::new(), 0),
            judged: false,
            chunk: 64 * 1024,
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
        let (org, display_name, residency) = (native.org.clone(), None, Residency::default());
        registry::execute(&native.registry, &RegistryCall::Put { org, display_name, residency }, now).unwrap();
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
        let call = Call { v: call.lowest_version(), ..call };
        let reply = self.object(serde_json::to_vec(&call).unwrap());
        self.received(reply)
    }

    /// A reply as the edge reads it.
    pub(super) fn received(&self, mut reply: Reply) -> Reply {
        if let Ok(answer) = &mut reply.outcome {
            org::gather(&self.sql, answer).unwrap();
        }
        serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap()
    }

    /// A call, as the edge makes it.
    pub fn made(&self, actor: Actor, ask: Ask) -> Call {
        Call {
            idp: dialect::caller_name(self.dialect, "", false, &[]),
            generation: self.types.generation,
            ..self.exchange().call_of(self.org.clone(), Residency::default(), actor, ask)
        }
    }

    /// A request, whatever it asks for.
    pub fn exchange(&self) -> Exchange {
        let (request, origin) = (RequestId::parse("r-1").unwrap(), ORIGIN.to_owned());
        Exchange { request, origin, address: self.address.clone() }
    }

    /// Bytes that no other call gets.
    pub(super) fn next_random<const N: usize>(&self) -> [u8; N] {
        self.random.set(self.random.get() + 1);
        let mut bytes = [0; N];
        bytes[N - 6..].copy_from_slice(&self.random.get().to_be_bytes()[2..]);
        bytes
    }

    /// Returns the object's outcome, step by step.
    pub(super) fn object(&mut self, sent: Vec<u8>) -> Reply {
        if !self.measured {
            let read: Call = serde_json::from_slice(&sent).unwrap();
            assert!(serde_json::to_vec(&read).unwrap() == sent, "a call is read as it was written");
        }
        let (bytes, call) = (sent.len(), CallEnvelope::read_envelope(&sent).unwrap());
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
                Progress::Erase(hashes) => return Reply { v: VERSION, outcome: self.erase(&hashes) },
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

    /// Takes one step of erasing, as the platform does: KV's records of these tokens, then their rows; without any token,
    /// everything.
    fn erase(&mut self, hashes: &[TokenHash]) -> error::Result<Answer> {
        self.records.retain(|hash, _| !hashes.contains(hash));
        if !hashes.is_empty() {
            org::admin::erase::forget_tokens(&self.sql, hashes)?;
            return Ok(Answer::Allowed);
        }
        (self.sql, self.memory) = (Sqlite::new(), Memory::default());
        Ok(Answer::Nothing)
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
    pub(super) fn rendered(&mut self, answer: Answer, Rendering { kinds, projection }: &Rendering) -> render::Response {
        let shown = render::scim_answer(answer, *kinds, BASE, projection, &self.memory.types()).unwrap();
        let render::RenderedAnswer { status, headers, mut body } = shown;
        self.memory.answered_with(status);
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

    /// The generation of the registered schemas that the storage has.
    pub fn generation(&self) -> i64 {
        scim_edge::store::schemas::read_generation(&self.sql).unwrap()
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
