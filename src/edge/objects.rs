//! The two Durable Object classes, and how the edge calls them: one JSON body there, one back.

use super::sql::Storage;
use super::{Edge, now, random};
use crate::directory::command::{Call, VERSION};
use crate::directory::reply::{Answer, Reply};
use crate::error::{Error, Kind, Result};
use crate::id::{OrgId, Timestamp};
use crate::org::{self, Context, Memory, Progress, registry};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind};
use std::time::Duration;
use worker::js_sys::{Reflect, Uint8Array};
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{Request, RequestInit};
use worker::{Delay, DurableObject, Env, Response, State, durable_object};

/// The registry's object has this name; it must never change.
const REGISTRY: &str = "registry";

impl Edge<'_> {
    /// Calls the organisation's object. Its name is the organisation's.
    pub(super) async fn object(&self, call: &Call) -> Result<Answer> {
        let reply: Reply = self.call("ORG", call.org.as_str(), call).await?;
        reply.outcome
    }

    /// Calls the registry.
    pub(super) async fn registry(&self, ask: &registry::Ask) -> Result<Vec<registry::Entry>> {
        self.call::<_, registry::Reply>("REGISTRY", REGISTRY, ask).await?
    }

    async fn call<C: Serialize, R: DeserializeOwned>(&self, class: &str, name: &str, call: &C) -> Result<R> {
        let bytes = serde_json::to_vec(call).map_err(Error::internal)?;
        let namespace = self.env.durable_object(class).map_err(Error::internal)?;
        let stub = namespace.get_by_name(name).map_err(Error::internal)?;
        let failed_here = |error: JsValue| Error::internal(format!("{error:?}"));
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&Uint8Array::from(bytes.as_slice()));
        let request = Request::new_with_str_and_init("https://object/", &init).map_err(failed_here)?;
        if let Some(at) = &self.panic_at {
            request.headers().set("X-Test-Panic", at).map_err(failed_here)?;
        }
        let request = worker::Request::from(request);
        let mut response = stub.fetch_with_request(request).await.map_err(failed)?;
        if cfg!(feature = "test-hooks") {
            self.rows.set(response.headers().get("X-Test-Rows").ok().flatten());
        }
        let bytes = response.bytes().await.map_err(failed)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::internal(format!("{error} in the reply of {class} {name}")))
    }
}

/// A call that did not come back: overload is 503, anything else ours.
fn failed(error: worker::Error) -> Error {
    let says = |name: &str| match &error {
        worker::Error::UnknownJsError { original, .. } => {
            Reflect::get(original, &name.into()).is_ok_and(|value| value.is_truthy())
        }
        _ => false,
    };
    if says("overloaded") || says("retryable") {
        return Error::new(Kind::Unavailable, "The organisation's directory is busy. Try again in half a minute.");
    }
    Error::internal(error)
}

/// An organisation's object.
#[durable_object(alarm)]
pub struct Org {
    state: State,
    name: Option<OrgId>,
    storage: Storage,
    memory: RefCell<Memory>,
    /// When the alarm goes off, as far as this instance knows.
    armed: Cell<Option<Timestamp>>,
}

// A panic is caught between two calls. The memory holds counters and a generator of ids: every value is valid, and
// what belongs to a call that panicked was rolled back with it or is lost as an eviction would lose it.
impl RefUnwindSafe for Org {}

impl DurableObject for Org {
    fn new(state: State, _env: Env) -> Self {
        let name = state.id().name().and_then(|name| OrgId::parse(&name));
        let storage = Storage::new(&state);
        Self { state, name, storage, memory: RefCell::default(), armed: Cell::new(None) }
    }

    async fn fetch(&self, mut request: worker::Request) -> worker::Result<Response> {
        let panic_at = request.headers().get("X-Test-Panic")?.and_then(|at| at.parse().ok());
        let body = request.bytes().await?;
        if cfg!(feature = "test-hooks") {
            self.storage.test(panic_at);
        }
        let reply = self.reply(&body).await;
        let rows = self.storage.rows();
        self.arm().await?;
        answer(&reply.unwrap_or_else(|error| Reply { v: VERSION, outcome: Err(error) }), rows)
    }

    async fn alarm(&self) -> worker::Result<Response> {
        let next = org::journal::alarm(&self.storage, &mut self.memory.borrow_mut(), now());
        self.armed.set(None);
        self.set_alarm(next.map_err(|error| worker::Error::RustError(error.detail))?).await?;
        Response::empty()
    }
}

impl Org {
    /// One call, step by step. Between two steps other requests run: nothing is borrowed and no transaction is open.
    async fn reply(&self, body: &[u8]) -> Result<Reply> {
        let caught = |step: &dyn Fn() -> Result<Progress>| {
            catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| Err(Error::internal("a panic in the object")))
        };
        let mut progress = caught(&|| self.execute(body))?;
        loop {
            let pending = match progress {
                Progress::Done(reply) => return Ok(reply),
                Progress::Scan(pending) => RefCell::new(Some(pending)),
            };
            Delay::from(Duration::ZERO).await;
            progress = caught(&|| {
                let pending = pending.take().ok_or_else(|| Error::internal("a step was taken twice"))?;
                Ok(org::resume(&self.storage, &mut self.memory.borrow_mut(), *pending, now()))
            })?;
        }
    }

    fn execute(&self, body: &[u8]) -> Result<Progress> {
        let call: Call = serde_json::from_slice(body).map_err(Error::internal)?;
        let random = || random().unwrap_or_default();
        let context = Context { org: self.name.as_ref(), now: now(), random: &random };
        Ok(org::execute(&self.storage, &mut self.memory.borrow_mut(), call, &context))
    }

    /// One alarm serves everything; it is set again when the object starts.
    async fn arm(&self) -> worker::Result<()> {
        let armed = self.armed.get();
        let wanted = org::journal::wanted(&self.storage, &self.memory.borrow(), now(), armed.is_none());
        let wanted = wanted.map_err(|error| worker::Error::RustError(error.detail))?;
        self.set_alarm(wanted.filter(|at| armed.is_none_or(|armed| *at < armed))).await
    }

    async fn set_alarm(&self, at: Option<Timestamp>) -> worker::Result<()> {
        if let Some(at) = at {
            let offset = Duration::from_millis((at.0 - now().0).max(0).unsigned_abs());
            self.state.storage().set_alarm(offset).await?;
            self.armed.set(Some(at));
        }
        Ok(())
    }
}

/// The object that knows which organisations exist.
#[durable_object(fetch)]
pub struct Registry {
    storage: Storage,
}

// As for `Org`: the storage's cells are counters of test builds.
impl RefUnwindSafe for Registry {}

impl DurableObject for Registry {
    fn new(state: State, _env: Env) -> Self {
        Self { storage: Storage::new(&state) }
    }

    async fn fetch(&self, mut request: worker::Request) -> worker::Result<Response> {
        let body = request.bytes().await?;
        let reply = catch_unwind(AssertUnwindSafe(|| {
            let ask = serde_json::from_slice(&body).map_err(Error::internal)?;
            registry::execute(&self.storage, &ask, now())
        }));
        answer(&reply.unwrap_or_else(|_| Err(Error::internal("a panic in the registry"))), self.storage.rows())
    }
}

fn answer(reply: &impl Serialize, rows: String) -> worker::Result<Response> {
    let mut builder = Response::builder();
    if cfg!(feature = "test-hooks") {
        builder = builder.with_header("X-Test-Rows", &rows)?;
    }
    let bytes = serde_json::to_vec(reply).map_err(|error| worker::Error::RustError(error.to_string()))?;
    Ok(builder.fixed(bytes))
}
