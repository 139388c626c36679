//! The calls of the edge to the objects: one JSON body there, one back.

use super::platform::{self, failed};
use super::{Edge, respond};
use crate::directory::call::Call;
use crate::directory::registry::{RegistryCall, RegistryEntry, RegistryForm, RegistryReply, read_message};
use crate::directory::reply::Reply;
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Kind, Result, quoted};
use crate::exchange::ObjectOutcome;
use crate::scim::json;
use serde::Serialize;
use worker::Env;
use worker::js_sys::{Object, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, Request, RequestInit};

/// The name of the registry's object; it must never change.
const REGISTRY: &str = "registry";

impl Edge<'_> {
    /// Calls an organisation's object, and reads its reply unless that is the response to the client.
    ///
    /// # Errors
    /// 503 if the platform fails, or internal. The object's own refusal is inside.
    pub(super) async fn ask_object(&self, call: &Call) -> Result<Result<ObjectOutcome<web_sys::Response>>> {
        let (class, name) = ("ORG", call.org.as_str());
        let response = self.fetch_object(class, name, &call.home, call).await?;
        if response.headers().has(respond::FINAL).unwrap_or_default() {
            return Ok(Ok(ObjectOutcome::Final(response)));
        }
        let reply: Reply = read_answer(&response, class, name, |bytes| json::of_any_build(bytes)).await?;
        Ok(reply.outcome.map(ObjectOutcome::Answer))
    }

    /// Calls the registry.
    pub(super) async fn ask_registry(&self, ask: &RegistryCall) -> Result<Vec<RegistryEntry>> {
        let form = RegistryForm::with_version(ask.lowest_version(), ask);
        let response = self.fetch_object("REGISTRY", REGISTRY, &Residency::default(), &form).await?;
        let reply: (_, RegistryReply) = read_answer(&response, "REGISTRY", REGISTRY, read_message).await?;
        reply.1
    }

    /// Sends a message to an object and returns its response.
    async fn fetch_object<C: Serialize>(
        &self,
        class: &str,
        name: &str,
        home: &Residency,
        call: &C,
    ) -> Result<web_sys::Response> {
        let bytes = serde_json::to_vec(call).map_err(Error::internal)?;
        let stub = object_stub(self.env, class, name, home)?;
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
        self.fail_if_asked("before").map_err(failed)?;
        let response = JsFuture::from(stub.fetch(&request).map_err(failed)?).await.map_err(failed)?;
        self.fail_if_asked("after").map_err(failed)?;
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
    fn fail_if_asked(&self, place: &str) -> std::result::Result<(), JsValue> {
        match self.fault.as_deref().and_then(|fault| fault.split_once(' ')) {
            Some((what, at)) if at == place => Err(platform::pretended(what)),
            _ => Ok(()),
        }
    }
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
pub(super) fn object_stub(env: &Env, class: &str, name: &str, home: &Residency) -> Result<JsStub> {
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
