//! The two Durable Object classes.

mod alarm;
mod registry;
mod wait;

use self::alarm::RECORDS_NOW;
use self::wait::Waiter;
use super::measure::Busy;
use super::platform::{self, failed};
use super::respond::{self, WantedResponse};
use super::sql::Storage;
use super::{now, random, tokens};
use crate::directory::call::{CallEnvelope, VERSION};
use crate::directory::reply::{Answer, Reply};
use crate::error::{Error, Result};
use crate::id::{OrgId, Timestamp, TokenHash};
use crate::org::alarm::Failure;
use crate::org::{self, Context, Memory, Progress};
use crate::render;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;
use worker::js_sys::{self, Function, Reflect};
use worker::wasm_bindgen::prelude::*;
use worker::{Delay, DurableObject, Env, Response, State, durable_object};

/// An organisation's object.
#[durable_object(alarm)]
pub struct Org {
    state: State,
    env: Env,
    name: Option<OrgId>,
    storage: Storage,
    /// Shared with answers that are still written in pieces.
    memory: Rc<RefCell<Memory>>,
    /// The time at which the alarm goes off, as far as this instance knows.
    armed: Cell<Option<Timestamp>>,
    /// The first time for which it was set without going off; cleared when it does.
    late_since: Cell<Option<Timestamp>>,
    /// The requests that wait for a change.
    waiters: RefCell<Vec<Rc<Waiter>>>,
    /// True if a call may have ended a token, whose record in KV is to be written.
    ended: Cell<bool>,
    /// True if the object aborts itself at the next pause: test builds only.
    aborts: Cell<bool>,
}

// A panic is caught between two calls. The memory holds counters and a generator of ids: every value is valid. The
// state of a call that panicked was rolled back with it, or is lost as an eviction would lose it.
impl RefUnwindSafe for Org {}

impl DurableObject for Org {
    fn new(state: State, env: Env) -> Self {
        let name = state.id().name().and_then(|name| OrgId::parse(&name));
        let storage = Storage::new(&state);
        let (armed, late_since, waiters, ended, aborts) = Default::default();
        let memory = Rc::new(RefCell::new(Memory::new(&object_seconds(&env))));
        Self { state, env, name, storage, memory, armed, late_since, waiters, ended, aborts }
    }

    async fn fetch(&self, mut request: worker::Request) -> worker::Result<Response> {
        let asked = request.headers().get("X-Test-Panic")?;
        let panic_at = asked.as_ref().and_then(|at| at.parse().ok());
        let fault = request.headers().get("X-Test-Fault")?;
        let body = request.bytes().await?;
        if cfg!(feature = "test-hooks") {
            self.storage.test(panic_at, fault.as_deref());
            self.aborts.set(fault.as_deref() == Some("abort"));
            if asked.as_deref() == Some("exhaust") {
                self.storage.exhaust();
            }
        }
        let sent = match self.reply_to(&body).await {
            Ok(sent) => sent,
            Err(error) => self.send_reply(&Reply { v: VERSION, outcome: Err(error) })?,
        };
        if self.ended.take()
            && let Some(Failure { job, error }) = self.write_records(RECORDS_NOW).await
        {
            self.log_failure(job, &error);
        }
        if self.is_late() {
            self.work_on_jobs().await;
        } else if let Err(error) = self.set_due_alarm().await {
            // The call is done even if the alarm fails; the next one sets it.
            self.log_failure("set", &error);
        }
        Ok(sent)
    }

    /// Handles the alarm. It never throws to the platform, which would run the alarm again some times and then give it
    /// up: a failure is logged, and a next time is always set.
    async fn alarm(&self) -> worker::Result<Response> {
        self.late_since.set(None);
        self.work_on_jobs().await;
        Response::empty()
    }
}

impl Org {
    /// Handles one call, step by step. Between two steps other requests run: nothing is borrowed and no transaction is
    /// open.
    async fn reply_to(&self, body: &[u8]) -> Result<Response> {
        let wanted = Cell::new(None);
        let caught = |step: &dyn Fn() -> Result<Progress>| {
            let busy = Busy::begin();
            let progress = catch_unwind(AssertUnwindSafe(step));
            busy.end();
            progress.unwrap_or_else(|_| Err(Error::internal("a panic in the object")))
        };
        let mut progress = caught(&|| self.begin_call(body, &wanted))?;
        loop {
            let pending = match progress {
                Progress::Done(reply) => {
                    // This is in the same event as the step that answered: nothing has changed since.
                    let busy = Busy::again();
                    let reply = Cell::new(Some(reply));
                    let written = catch_unwind(AssertUnwindSafe(|| self.write_reply(reply.take(), wanted.take())));
                    busy.end();
                    return written.unwrap_or_else(|_| Err(Error::internal("a panic in the object")));
                }
                Progress::Wait(waiting) => {
                    let waiting = self.wait_for_change(*waiting).await;
                    let waiting = Cell::new(Some(waiting));
                    progress = caught(&|| {
                        let waiting = waiting.take().ok_or_else(|| Error::internal("a wait ended twice"))?;
                        let random = || random().unwrap_or_default();
                        let context = Context { org: self.name.as_ref(), now: now(), random: &random, bytes: 0 };
                        Ok(org::run_again(&self.storage, &mut self.memory.borrow_mut(), waiting, &context))
                    })?;
                    continue;
                }
                Progress::Scan(pending) => RefCell::new(Some(pending)),
                Progress::Erase(hashes) => {
                    let answer = self.erase_step(&hashes).await?;
                    return self.send_reply(&Reply { v: VERSION, outcome: Ok(answer) }).map_err(Error::internal);
                }
            };
            if cfg!(feature = "test-hooks") && self.aborts.take() {
                self.abort_later().map_err(|error| failed(&error, "from abort"))?;
            }
            Delay::from(Duration::ZERO).await;
            progress = caught(&|| {
                let pending = pending.take().ok_or_else(|| Error::internal("a step was taken twice"))?;
                Ok(org::resume(&self.storage, &mut self.memory.borrow_mut(), *pending, now()))
            })?;
        }
    }

    /// Makes the platform abort this object at the next pause, as it does when it restarts one: test builds only. No
    /// frame of wasm may be under it then, because its errors cannot be caught.
    fn abort_later(&self) -> std::result::Result<(), JsValue> {
        let state: &JsValue = self.state.as_raw();
        let abort = Reflect::get(state, &"abort".into())?.dyn_into::<Function>()?.bind1(state, &"asked for".into());
        let later = Reflect::get(&js_sys::global(), &"setTimeout".into())?.dyn_into::<Function>()?;
        later.call2(&JsValue::UNDEFINED, &abort, &0.into()).map(|_| ())
    }

    /// Writes the object's response: the answer itself if the edge asked for it and it needs nothing more of the edge.
    fn write_reply(&self, reply: Option<Reply>, wanted: Option<WantedResponse>) -> Result<Response> {
        let mut reply = reply.ok_or_else(|| Error::internal("a call ended twice"))?;
        match (reply.outcome, wanted) {
            (Ok(answer), Some(wanted)) if !render::is_for_the_edge(&answer) => {
                let types = self.memory.borrow().types();
                return respond::write(&self.storage, &self.memory, &types, answer, &wanted);
            }
            (outcome, _) => reply.outcome = outcome,
        }
        if let Ok(answer) = &mut reply.outcome {
            org::gather(&self.storage, answer)?;
        }
        self.send_reply(&reply).map_err(Error::internal)
    }

    /// Writes a reply for the edge to read.
    fn send_reply(&self, reply: &Reply) -> worker::Result<Response> {
        json_response(reply, self.storage.rows())
    }

    fn begin_call(&self, body: &[u8], wanted: &Cell<Option<WantedResponse>>) -> Result<Progress> {
        let mut call = CallEnvelope::read_envelope(body)?;
        wanted.set(call.render.take().map(|rendering| WantedResponse {
            rendering,
            base: call.base.clone(),
            request: call.request.clone(),
        }));
        let random = || random().unwrap_or_default();
        let context = Context { org: self.name.as_ref(), now: now(), random: &random, bytes: body.len() };
        let progress = org::execute(&self.storage, &mut self.memory.borrow_mut(), call, &context);
        let administered = std::mem::take(&mut self.memory.borrow_mut().administered);
        self.ended.set(administered);
        self.wake_waiters(administered);
        Ok(progress)
    }

    /// Takes one step of erasing: KV's records of these tokens, then their rows; without any token, everything that is
    /// stored here.
    async fn erase_step(&self, hashes: &[TokenHash]) -> Result<Answer> {
        for hash in hashes {
            tokens::delete(&self.env, hash).await?;
        }
        if !hashes.is_empty() {
            let forgotten = catch_unwind(AssertUnwindSafe(|| org::admin::erase::forget_tokens(&self.storage, hashes)));
            forgotten.unwrap_or_else(|_| Err(Error::internal("a panic in the object")))?;
            return Ok(Answer::Allowed);
        }
        // The alarm goes with the rest.
        let deleted = self.state.storage().delete_all().await;
        deleted.map_err(|error| platform::failed(&error.into(), "from deleteAll"))?;
        // No code ran since that could have remembered anything: the platform holds events back while it waits for the
        // storage.
        self.memory.replace(Memory::new(&object_seconds(&self.env)));
        self.armed.set(None);
        self.late_since.set(None);
        self.wake_waiters(true);
        Ok(Answer::Nothing)
    }
}

/// Returns the variable `OBJECT_SECONDS`; empty if it is not set.
fn object_seconds(env: &Env) -> String {
    env.var("OBJECT_SECONDS").map(|text| text.to_string()).unwrap_or_default()
}

fn json_response(reply: &impl Serialize, rows: String) -> worker::Result<Response> {
    let mut builder = Response::builder();
    if cfg!(feature = "test-hooks") {
        builder = builder.with_header("X-Test-Rows", &rows)?;
    }
    let bytes = serde_json::to_vec(reply).map_err(|error| worker::Error::RustError(error.to_string()))?;
    Ok(builder.fixed(bytes))
}
