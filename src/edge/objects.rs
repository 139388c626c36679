//! The two Durable Object classes, and the calls of the edge to them: one JSON body there, one back.

use super::limits::{self, Limit};
use super::measure::Busy;
use super::platform::{self, failed};
use super::respond::{self, Wanted};
use super::sql::Storage;
use super::{Edge, now, random, spent, tokens};
use crate::directory::call::{Actor, Call, CallEnvelope, VERSION};
use crate::directory::registry::{RegistryCall, RegistryEntry, RegistryForm, RegistryReply, read_message};
use crate::directory::reply::{Answer, Reply};
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Kind, Result, quoted};
use crate::id::{OrgId, Seq, Timestamp, TokenHash};
use crate::org::admin::records;
use crate::org::alarm::{self, Failure};
use crate::org::read::feed;
use crate::org::{self, Context, Memory, Progress, bucket};
use crate::registry;
use crate::render;
use crate::scim::json;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;
use worker::js_sys::{self, Function, Object, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, Request, RequestInit};
use worker::{Delay, DurableObject, Env, Response, State, durable_object};

/// The name of the registry's object; it must never change.
const REGISTRY: &str = "registry";

impl Edge<'_> {
    /// Calls the organisation's object. Its name is the organisation's, inside the jurisdiction that it was registered in.
    pub(super) async fn object(&self, call: &mut Call) -> Result<Answer> {
        match self.ask(call).await? {
            Came::Answer(answer) => Ok(answer),
            Came::Final(_) => Err(Error::internal("an object wrote an answer that was not asked for")),
        }
    }

    /// Calls the organisation's object with a call whose answer it may write.
    pub(super) async fn ask(&self, call: &mut Call) -> Result<Came> {
        call.v = call.lowest_version();
        let call = &*call;
        if let (Actor::Token { hash, .. }, true) = (&call.actor, bucket::may_refuse(call)) {
            spent::check(hash)?;
        }
        self.judged.set(true);
        let (class, name) = ("ORG", call.org.as_str());
        let response = self.call(class, name, &call.home, call).await?;
        if response.headers().has(respond::FINAL).unwrap_or_default() {
            return Ok(Came::Final(response));
        }
        let reply: Reply = read_answer(&response, class, name, |bytes| json::of_any_build(bytes)).await?;
        if let (Err(error), Actor::Token { hash, .. }) = (&reply.outcome, &call.actor) {
            spent::learn(hash, error);
            if error.kind() == Kind::Unauthorized {
                // KV did not know yet. A key over the limit is refused from the next request on.
                let _over = limits::count(self.env, Limit::Ended, &self.at_client(hash)).await;
            }
        }
        reply.outcome.map(Came::Answer)
    }

    /// Calls the registry.
    pub(super) async fn registry(&self, ask: &RegistryCall) -> Result<Vec<RegistryEntry>> {
        let form = RegistryForm::with_version(ask.lowest_version(), ask);
        let response = self.call("REGISTRY", REGISTRY, &Residency::default(), &form).await?;
        let reply: (_, RegistryReply) = read_answer(&response, "REGISTRY", REGISTRY, read_message).await?;
        reply.1
    }

    async fn call<C: Serialize>(
        &self,
        class: &str,
        name: &str,
        home: &Residency,
        call: &C,
    ) -> Result<web_sys::Response> {
        let bytes = serde_json::to_vec(call).map_err(Error::internal)?;
        let stub = stub(self.env, class, name, home)?;
        let failed_here = |error: JsValue| Error::internal(format!("{error:?}"));
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&Uint8Array::from(bytes.as_slice()));
        drop(bytes);
        let request = Request::new_with_str_and_init("https://object/", &init).map_err(failed_here)?;
        if let Some(at) = &self.panic_at {
            request.headers().set("X-Test-Panic", at).map_err(failed_here)?;
        }
        if let Some(fault) = &self.fault {
            request.headers().set("X-Test-Fault", fault).map_err(failed_here)?;
        }
        let place = format!("from {class} {name}");
        let failed = |error: JsValue| failed(&error, &place);
        self.faulty("before").map_err(failed)?;
        let response = JsFuture::from(stub.fetch(&request).map_err(failed)?).await.map_err(failed)?;
        self.faulty("after").map_err(failed)?;
        let response: web_sys::Response = response.unchecked_into();
        if cfg!(feature = "test-hooks") {
            self.rows.set(response.headers().get("X-Test-Rows").ok().flatten());
        }
        Ok(response)
    }
}

impl Edge<'_> {
    /// Throws the error that a test asks for: instead of calling an object (`before`), or in the place of its answer
    /// (`after`).
    fn faulty(&self, place: &str) -> std::result::Result<(), JsValue> {
        match self.fault.as_deref().and_then(|fault| fault.split_once(' ')) {
            Some((what, at)) if at == place => Err(platform::pretended(what)),
            _ => Ok(()),
        }
    }
}

/// The outcome of a call.
pub(super) enum Came {
    /// The answer to the client.
    Final(web_sys::Response),
    /// The answer that the edge is to write.
    Answer(Answer),
}

/// Reads the reply of an object with `parse`.
async fn read_answer<R>(
    response: &web_sys::Response,
    class: &str,
    name: &str,
    parse: impl Fn(&[u8]) -> Result<R>,
) -> Result<R> {
    let place = format!("in the reply of {class} {name}");
    let failed = |error: JsValue| failed(&error, &place);
    let buffer = JsFuture::from(response.array_buffer().map_err(failed)?).await.map_err(failed)?;
    let bytes = Uint8Array::new(&buffer).to_vec();
    // An object of a later build may answer with a variant that this one does not know.
    parse(&bytes).map_err(|error| match error.kind() {
        Kind::Internal => Error::internal(format!("{} in the reply of {class} {name}", error.detail)),
        _ => error,
    })
}

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectNamespace`, where the `worker` crate lacks it.
    type JsNamespace;

    #[wasm_bindgen(method, catch)]
    fn jurisdiction(this: &JsNamespace, name: &str) -> std::result::Result<JsNamespace, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getByName)]
    fn get_by_name(this: &JsNamespace, name: &str, options: &Object) -> std::result::Result<JsStub, JsValue>;

    /// `DurableObjectStub`. The `worker` crate's own takes every response apart.
    pub(super) type JsStub;

    #[wasm_bindgen(method, catch)]
    fn fetch(this: &JsStub, request: &Request) -> std::result::Result<Promise, JsValue>;
}

/// Returns the address of an object.
///
/// # Errors
/// 503, if the platform has no such jurisdiction.
pub(super) fn stub(env: &Env, class: &str, name: &str, home: &Residency) -> Result<JsStub> {
    let failed_here = |error: JsValue| Error::internal(format!("{error:?}"));
    let namespace = env.durable_object(class).map_err(Error::internal)?;
    let mut namespace: JsNamespace = JsValue::from(namespace).unchecked_into();
    if let Some(jurisdiction) = &home.jurisdiction {
        let detail = || {
            format!(
                "The platform offers no jurisdiction {jurisdiction} here; {name} is not kept elsewhere.",
                jurisdiction = quoted(jurisdiction)
            )
        };
        namespace =
            namespace.jurisdiction(jurisdiction).map_err(|_| Error::new(Code::JurisdictionUnavailable, detail()))?;
    }
    let options = Object::new();
    if let Some(hint) = &home.location_hint {
        Reflect::set(&options, &"locationHint".into(), &hint.as_str().into()).map_err(failed_here)?;
    }
    namespace.get_by_name(name, &options).map_err(failed_here)
}

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

/// The records in KV that are written after a call that ended a token, and after an alarm.
const RECORDS_NOW: i64 = 5;
const RECORDS_LATER: i64 = 50;
/// The time that KV may take for them, in milliseconds.
const RECORDS_TIME: u64 = 10_000;
/// The time after a failure until they are tried again, in milliseconds; tests do not wait for it.
const RECORDS_AGAIN: i64 = if cfg!(feature = "test-hooks") { 1_000 } else { 60_000 };

/// A request that waits for a change after a position.
struct Waiter {
    actor: Actor,
    after: Seq,
    woken: Cell<bool>,
    waker: RefCell<Option<Waker>>,
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
        let sent = match self.reply(&body).await {
            Ok(sent) => sent,
            Err(error) => self.sent(&Reply { v: VERSION, outcome: Err(error) })?,
        };
        if self.ended.take()
            && let Some(Failure { job, error }) = self.write_records(RECORDS_NOW).await
        {
            self.log(job, &error);
        }
        if self.is_late() {
            self.work().await;
        } else if let Err(error) = self.arm().await {
            // The call is done even if the alarm fails; the next one sets it.
            self.log("set", &error);
        }
        Ok(sent)
    }

    /// Handles the alarm. It never throws to the platform, which would run the alarm again some times and then give it
    /// up: a failure is logged, and a next time is always set.
    async fn alarm(&self) -> worker::Result<Response> {
        self.late_since.set(None);
        self.work().await;
        Response::empty()
    }
}

impl Org {
    /// Does the work of an alarm: saves counters, takes one step of a job, sets the next alarm.
    async fn work(&self) {
        let busy = Busy::begin();
        let begun = self.guarded(|memory| alarm::begin_alarm(&self.storage, memory, now()));
        busy.end();
        let (attempt, failure) = begun.unwrap_or_else(|error| (None, Some(Failure { job: "begin", error })));
        let (mut failures, mut stepped) = (failure.into_iter().collect::<Vec<_>>(), None);
        if let Some(attempt) = attempt {
            // The attempt is committed before its step, which may kill this object. Only the storage is awaited here.
            stepped = match self.state.storage().sync().await {
                Ok(()) => {
                    let busy = Busy::begin();
                    let stepped = self.guarded(|memory| {
                        if cfg!(feature = "test-hooks") {
                            self.storage.step(&attempt.to_string());
                        }
                        Ok(attempt.take_step(&self.storage, memory, now()))
                    });
                    busy.end();
                    stepped.unwrap_or_else(|error| Some(Failure { job: "step", error }))
                }
                Err(error) => Some(Failure { job: "commit", error: platform::failed(&error.into(), "from sync") }),
            };
        }
        failures.extend(stepped);
        self.wake(false);
        // Work that needs other services comes after the step: bounded in time, and with its panics caught.
        failures.extend(self.write_records(RECORDS_LATER).await);
        self.armed.set(None);
        let next = self.guarded(|memory| alarm::wanted_time(&self.storage, memory, None, true, now()));
        let next = next.unwrap_or_else(|error| {
            failures.push(Failure { job: "next", error });
            None
        });
        // Without an answer it looks again in a minute.
        let next = next.or_else(|| (!failures.is_empty()).then(|| now().plus(alarm::RETRY)));
        if let Err(error) = self.set_alarm(next).await {
            failures.push(Failure { job: "set", error });
        }
        for Failure { job, error } in failures {
            self.log(job, &error);
        }
    }

    fn log(&self, job: &str, error: &Error) {
        let name = self.name.as_ref().map(OrgId::as_str).unwrap_or_default();
        worker::console_error!("organisation {name:?}: job {job}: {}", error.detail);
    }

    /// Handles one call, step by step. Between two steps other requests run: nothing is borrowed and no transaction is
    /// open.
    async fn reply(&self, body: &[u8]) -> Result<Response> {
        let wanted = Cell::new(None);
        let caught = |step: &dyn Fn() -> Result<Progress>| {
            let busy = Busy::begin();
            let progress = catch_unwind(AssertUnwindSafe(step));
            busy.end();
            progress.unwrap_or_else(|_| Err(Error::internal("a panic in the object")))
        };
        let mut progress = caught(&|| self.execute(body, &wanted))?;
        loop {
            let pending = match progress {
                Progress::Done(reply) => {
                    // This is in the same event as the step that answered: nothing has changed since.
                    let busy = Busy::again();
                    let reply = Cell::new(Some(reply));
                    let written = catch_unwind(AssertUnwindSafe(|| self.written(reply.take(), wanted.take())));
                    busy.end();
                    return written.unwrap_or_else(|_| Err(Error::internal("a panic in the object")));
                }
                Progress::Wait(waiting) => {
                    let waiting = self.wait(*waiting).await;
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
                    let answer = self.erase(&hashes).await?;
                    return self.sent(&Reply { v: VERSION, outcome: Ok(answer) }).map_err(Error::internal);
                }
            };
            if cfg!(feature = "test-hooks") && self.aborts.take() {
                self.abort().map_err(|error| failed(&error, "from abort"))?;
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
    fn abort(&self) -> std::result::Result<(), JsValue> {
        let state: &JsValue = self.state.as_raw();
        let abort = Reflect::get(state, &"abort".into())?.dyn_into::<Function>()?.bind1(state, &"asked for".into());
        let later = Reflect::get(&js_sys::global(), &"setTimeout".into())?.dyn_into::<Function>()?;
        later.call2(&JsValue::UNDEFINED, &abort, &0.into()).map(|_| ())
    }

    /// Writes the object's response: the answer itself if the edge asked for it and it needs nothing more of the edge.
    fn written(&self, reply: Option<Reply>, wanted: Option<Wanted>) -> Result<Response> {
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
        self.sent(&reply).map_err(Error::internal)
    }

    /// Writes a reply for the edge to read.
    fn sent(&self, reply: &Reply) -> worker::Result<Response> {
        answer(reply, self.storage.rows())
    }

    fn execute(&self, body: &[u8], wanted: &Cell<Option<Wanted>>) -> Result<Progress> {
        let mut call = CallEnvelope::read_envelope(body)?;
        wanted.set(call.render.take().map(|rendering| Wanted {
            rendering,
            base: call.base.clone(),
            request: call.request.clone(),
        }));
        let random = || random().unwrap_or_default();
        let context = Context { org: self.name.as_ref(), now: now(), random: &random, bytes: body.len() };
        let progress = org::execute(&self.storage, &mut self.memory.borrow_mut(), call, &context);
        let administered = std::mem::take(&mut self.memory.borrow_mut().administered);
        self.ended.set(administered);
        self.wake(administered);
        Ok(progress)
    }

    /// Takes one step of erasing: KV's records of these tokens, then their rows; without any token, everything that is
    /// stored here.
    async fn erase(&self, hashes: &[TokenHash]) -> Result<Answer> {
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
        self.wake(true);
        Ok(Answer::Nothing)
    }

    /// Writes records in KV that are due. A record that KV does not take fails nothing: it is due again later, as its
    /// row says, and the alarm is set for that. Returns the failure of this object, if any.
    async fn write_records(&self, count: i64) -> Option<Failure> {
        let writing = async {
            let Some(org) = &self.name else { return Ok(()) };
            for due in records::take_due_records(&self.storage, org, now(), count, now().plus(RECORDS_AGAIN))? {
                match tokens::put(&self.env, &due.hash, &due.record).await {
                    Ok(()) => records::note_written(&self.storage, &due)?,
                    Err(error) => worker::console_warn!("a token's record in KV: {}", error.detail),
                }
            }
            Ok(())
        };
        let late = Delay::from(Duration::from_millis(RECORDS_TIME));
        let error = match select(pin!(AssertUnwindSafe(writing).catch_unwind()), late).await {
            Either::Left((Ok(written), _)) => written.err()?,
            Either::Left((Err(_), _)) => Error::internal("a panic"),
            Either::Right(_) => Error::internal(format!("KV gave no answer in {RECORDS_TIME} ms")),
        };
        Some(Failure { job: "records", error })
    }

    /// Waits until there is a change, or the time is over; does not wait if too many do ([`feed::may_wait`]).
    async fn wait(&self, mut waiting: feed::Waiting) -> feed::Waiting {
        let milliseconds = (waiting.until.0 - now().0).max(0).unsigned_abs();
        if !feed::may_wait(self.waiters.borrow().iter().map(|waiter| &waiter.actor), waiting.actor()) {
            waiting.until = now();
            return waiting;
        }
        let (actor, after) = (waiting.actor().clone(), waiting.after);
        let waiter = Rc::new(Waiter { actor, after, woken: Cell::new(false), waker: RefCell::new(None) });
        self.waiters.borrow_mut().push(Rc::clone(&waiter));
        let woken = poll_fn(|context| {
            if waiter.woken.get() {
                return Poll::Ready(());
            }
            waiter.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        });
        select(woken, Delay::from(Duration::from_millis(milliseconds))).await;
        self.waiters.borrow_mut().retain(|other| !Rc::ptr_eq(other, &waiter));
        waiting
    }

    /// Wakes the requests whose change is there. With `all` it wakes every one, because a token may have ended.
    fn wake(&self, all: bool) {
        if self.waiters.borrow().is_empty() {
            return;
        }
        // If the position cannot be read, wake every waiter; each checks for itself.
        let position = feed::position(&self.storage).ok().filter(|_| !all);
        for waiter in self.waiters.borrow().iter() {
            if position.is_none_or(|position| position > waiter.after) {
                waiter.woken.set(true);
                if let Some(waker) = waiter.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// Returns true if the alarm is long overdue, so that a call does its work until it goes off. An alarm that ends
    /// its instance, but not itself, still runs for the platform and delays the next one.
    fn is_late(&self) -> bool {
        let Some(passed) = self.armed.get().filter(|at| *at <= now()) else { return false };
        let since = self.late_since.get().unwrap_or(passed);
        self.late_since.set(Some(since));
        since.plus(alarm::LATE) <= now()
    }

    /// Sets the alarm if it must go off sooner, or if its time has passed.
    async fn arm(&self) -> Result<()> {
        let changed = self.storage.due_was_set();
        let wanted = alarm::wanted_time(&self.storage, &self.memory.borrow(), self.armed.get(), changed, now());
        self.set_alarm(wanted?).await
    }

    async fn set_alarm(&self, at: Option<Timestamp>) -> Result<()> {
        if let Some(at) = at {
            let ahead = (at.0 - now().0).max(alarm::AHEAD);
            let set = self.state.storage().set_alarm(Duration::from_millis(ahead.unsigned_abs())).await;
            set.map_err(|error| platform::failed(&error.into(), "from setAlarm"))?;
            self.armed.set(Some(at));
        }
        Ok(())
    }

    /// Runs a part of the alarm; a panic becomes an error.
    fn guarded<T>(&self, part: impl FnOnce(&mut Memory) -> Result<T>) -> Result<T> {
        let run = || part(&mut self.memory.borrow_mut());
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Error::internal("a panic")))
    }
}

/// Returns the variable `OBJECT_SECONDS`; empty if it is not set.
fn object_seconds(env: &Env) -> String {
    env.var("OBJECT_SECONDS").map(|text| text.to_string()).unwrap_or_default()
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
        let mut v = 1;
        let reply = catch_unwind(AssertUnwindSafe(|| {
            let (version, call) = read_message(&body)?;
            v = version;
            registry::execute(&self.storage, &call, now())
        }));
        let reply: RegistryReply = reply.unwrap_or_else(|_| Err(Error::internal("a panic in the registry")));
        answer(&RegistryForm::with_version(v, &reply), self.storage.rows())
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
