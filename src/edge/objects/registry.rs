//! The registry's object.

use super::json_response;
use crate::directory::registry::{RegistryForm, RegistryReply, read_message};
use crate::edge::now;
use crate::edge::sql::Storage;
use crate::error::Error;
use crate::registry;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind};
use worker::wasm_bindgen::prelude::*;
use worker::{DurableObject, Env, Response, State, durable_object};

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
        json_response(&RegistryForm::with_version(v, &reply), self.storage.rows())
    }
}
