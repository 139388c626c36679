//! The platform as the exchange sees it: objects and schemas by the edge, and the rest for one Console request.

use super::limits::{self, Limit};
use super::{Edge, body, calls, now, random, schemas, spent, tokens, variable_text};
use crate::auth::TokenRecord;
use crate::directory::call::{Actor, Call};
use crate::directory::registry::{RegistryCall, RegistryEntry};
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Kind, Result};
use crate::exchange::{ObjectOutcome, Objects, Platform};
use crate::id::{OrgId, Timestamp, TokenHash};
use crate::org::bucket;
use crate::scim::schema::Types;
use futures_util::StreamExt;
use std::rc::Rc;
use worker::{ByteStream, Request, web_sys};

impl Objects for &Edge<'_> {
    type Final = web_sys::Response;

    fn known_types(&self, org: &OrgId) -> Rc<Types> {
        schemas::known(org)
    }

    fn learn_types(&mut self, org: &OrgId, generation: i64, documents: &str) -> Result<()> {
        schemas::learn(org, generation, documents)
    }

    fn has_asked(&self) -> bool {
        self.judged.get()
    }

    /// Calls the object. Its name is the organisation's, inside the jurisdiction that it was registered in.
    async fn ask(&mut self, call: &mut Call) -> Result<ObjectOutcome<web_sys::Response>> {
        call.v = call.lowest_version();
        if let (Actor::Token { hash, .. }, true) = (&call.actor, bucket::may_refuse(call)) {
            spent::check(hash)?;
        }
        self.judged.set(true);
        match self.ask_object(call).await? {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                if let Actor::Token { hash, .. } = &call.actor {
                    spent::learn(hash, &error);
                    if error.kind() == Kind::Unauthorized {
                        // KV did not know yet. A key over the limit is refused from the next request on.
                        let _over = limits::count(self.env, Limit::Ended, &self.token_at_client(hash)).await;
                    }
                }
                Err(error)
            }
        }
    }
}

/// The platform for one Console request.
pub(super) struct EdgeServices<'a> {
    edge: &'a Edge<'a>,
    request: Request,
    /// The body, if it is read as it comes.
    chunks: Option<ByteStream>,
}

impl<'a> EdgeServices<'a> {
    pub(super) fn new(edge: &'a Edge<'a>, request: Request) -> Self {
        Self { edge, request, chunks: None }
    }
}

impl Objects for EdgeServices<'_> {
    type Final = web_sys::Response;

    fn known_types(&self, org: &OrgId) -> Rc<Types> {
        self.edge.known_types(org)
    }

    fn learn_types(&mut self, org: &OrgId, generation: i64, documents: &str) -> Result<()> {
        self.edge.learn_types(org, generation, documents)
    }

    fn has_asked(&self) -> bool {
        self.edge.has_asked()
    }

    async fn ask(&mut self, call: &mut Call) -> Result<ObjectOutcome<web_sys::Response>> {
        self.edge.ask(call).await
    }
}

impl Platform for EdgeServices<'_> {
    fn time(&self) -> Timestamp {
        now()
    }

    fn random_bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        random()
    }

    async fn read_body(&mut self, spender: Option<&TokenHash>) -> Result<Vec<u8>> {
        if let Some(hash) = spender {
            spent::check_before_body(hash, &self.request).await?;
        }
        body::read_whole(&mut self.request).await
    }

    async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let broken = |_| Error::new(Code::BodyIncomplete, "The body did not arrive whole. Send the request again.");
        if self.chunks.is_none() && self.request.inner().body().is_some() {
            self.chunks = Some(self.request.stream().map_err(broken)?);
        }
        let Some(chunks) = &mut self.chunks else { return Ok(None) };
        chunks.next().await.transpose().map_err(broken)
    }

    async fn ask_registry(&mut self, call: &RegistryCall) -> Result<Vec<RegistryEntry>> {
        if matches!(call, RegistryCall::Forget { .. }) {
            self.edge.panic_if_asked("forget");
        }
        self.edge.ask_registry(call).await
    }

    async fn put_record(&mut self, hash: &TokenHash, record: &TokenRecord) -> Result<()> {
        tokens::put(self.edge.env, hash, record).await
    }

    fn forget_token(&mut self, hash: &TokenHash) {
        tokens::forget_one(hash);
    }

    fn forget_tokens(&mut self, org: &OrgId) {
        tokens::forget(org);
    }

    fn offered_jurisdictions(&self) -> String {
        variable_text(self.edge.env, "JURISDICTIONS")
    }

    fn check_home(&self, org: &OrgId, home: &Residency) -> Result<()> {
        calls::object_stub(self.edge.env, "ORG", org.as_str(), home).map(|_| ())
    }
}
