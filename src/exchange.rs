//! A request and its response, without the platform: the request becomes a call, the reply becomes the response, or the
//! request is read again because the organisation's schemas are others by now.
//!
//! [`scim`] and [`preview`] read a SCIM request, [`console`] a Console request and its steps: [`organisations`],
//! [`tokens`], [`import`]. All of them reach objects, KV and the client's body through [`Objects`] and [`Platform`]. The
//! edge implements these with Cloudflare's, the native tests with SQLite in memory, so both run the same steps.

pub mod console;
mod import;
mod organisations;
pub mod preview;
pub mod scim;
mod steps;
mod tokens;

use crate::auth::TokenRecord;
use crate::directory::call::{Actor, Ask, Call, VERSION};
use crate::directory::precondition::Precondition;
use crate::directory::registry::{RegistryCall, RegistryEntry};
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, RequestId, Timestamp, TokenHash};
use crate::scim::json;
use crate::scim::schema::Types;
use std::rc::Rc;

/// The bytes of a too large body that are read before the answer: an answer that comes while the client still writes
/// would reach it as a broken connection.
pub const DRAINED_MAX: usize = 4 * json::BODY_MAX;

/// One request of a client, whatever it asks for.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request's own id.
    pub request: RequestId,
    /// Scheme and host with which addresses in answers begin.
    pub origin: String,
    /// The client's address, if the platform says it.
    pub address: Option<String>,
}

impl Exchange {
    /// Returns the SCIM base URL of an organisation, without a slash at its end.
    pub fn scim_base(&self, org: &OrgId) -> String {
        format!("{}/{org}/scim/v2", self.origin)
    }

    /// Makes a call as a Console request has it. A SCIM request adds what it says of itself.
    pub fn call_of(&self, org: OrgId, home: Residency, actor: Actor, ask: Ask) -> Call {
        Call {
            v: VERSION,
            base: self.scim_base(&org),
            org,
            request: self.request.clone(),
            actor,
            idp: String::new(),
            address: self.address.clone(),
            repairs: Vec::new(),
            notes: Vec::new(),
            idempotency_key: None,
            // Console requests are not read under the schemas.
            generation: 0,
            precondition: Precondition::default(),
            render: None,
            home,
            method: String::new(),
            path: String::new(),
            ask,
        }
    }
}

/// The outcome of a call that did not fail.
#[derive(Debug)]
pub enum ObjectOutcome<F> {
    /// The response to the client, written by the object.
    Final(F),
    /// The answer from which the response is to be written.
    Answer(Answer),
}

/// The organisations' objects, and the schemas that are known of them here.
pub trait Objects {
    /// A response that an object wrote for the client.
    type Final;

    /// Returns the resource types of an organisation, as far as they are known here.
    fn known_types(&self, org: &OrgId) -> Rc<Types>;

    /// Remembers the types of an organisation: their generation, and their documents as an array.
    ///
    /// # Errors
    /// Internal only.
    fn learn_types(&mut self, org: &OrgId, generation: i64, documents: &str) -> Result<()>;

    /// Calls the organisation's object.
    ///
    /// # Errors
    /// The object's refusal, 503 if the platform fails, or internal.
    fn ask(&mut self, call: &mut Call) -> impl Future<Output = Result<ObjectOutcome<Self::Final>>>;

    /// Returns true once an object was asked, which judges the caller's rights.
    fn has_asked(&self) -> bool;

    /// Calls the organisation's object with a call that asks for no response.
    ///
    /// # Errors
    /// As [`Objects::ask`].
    fn ask_for_answer(&mut self, call: &mut Call) -> impl Future<Output = Result<Answer>> {
        async move {
            match self.ask(call).await? {
                ObjectOutcome::Answer(answer) => Ok(answer),
                ObjectOutcome::Final(_) => Err(Error::internal("an object wrote an answer that was not asked for")),
            }
        }
    }
}

/// All that a Console request needs of the platform.
pub trait Platform: Objects {
    /// Returns the time.
    fn time(&self) -> Timestamp;

    /// Returns random bytes.
    ///
    /// # Errors
    /// Internal only.
    fn random_bytes<const N: usize>(&mut self) -> Result<[u8; N]>;

    /// Reads the request's body. With `spender`, a token whose object time is used up is refused before that.
    ///
    /// # Errors
    /// 429, 413 for a body that is too long, 400 for one that did not arrive whole.
    fn read_body(&mut self, spender: Option<&TokenHash>) -> impl Future<Output = Result<Vec<u8>>>;

    /// Reads the next bytes of the request's body as they come; `None` at its end.
    ///
    /// # Errors
    /// 400 for a body that broke off.
    fn next_chunk(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>>>;

    /// Calls the registry.
    ///
    /// # Errors
    /// As [`crate::registry::execute`], or 503 if the platform fails.
    fn ask_registry(&mut self, call: &RegistryCall) -> impl Future<Output = Result<Vec<RegistryEntry>>>;

    /// Writes a token's record in KV.
    ///
    /// # Errors
    /// 503.
    fn put_record(&mut self, hash: &TokenHash, record: &TokenRecord) -> impl Future<Output = Result<()>>;

    /// Forgets what is cached here of a token.
    fn forget_token(&mut self, hash: &TokenHash);

    /// Forgets what is cached here of an organisation's tokens.
    fn forget_tokens(&mut self, org: &OrgId);

    /// Returns the jurisdictions that this deployment offers, as [`Residency::check`] reads them.
    fn offered_jurisdictions(&self) -> String;

    /// Checks that the platform can place an object there.
    ///
    /// # Errors
    /// 503.
    fn check_home(&self, org: &OrgId, home: &Residency) -> Result<()>;
}

/// Calls the organisation's object with a request that is read under its schemas. `read` makes the call, and what is
/// needed to write the response. Returns both with the types that hold.
///
/// If the object has other schemas than those known here, it did nothing and sent them: the request is read once more
/// under these. Two turns are enough unless the schemas change while the request runs.
///
/// # Errors
/// Those of `read` and of the call; 503 if the schemas changed twice.
async fn ask_under_schemas<O: Objects, R>(
    objects: &mut O,
    org: &OrgId,
    read: impl Fn(&Types) -> Result<(Call, R)>,
) -> Result<(ObjectOutcome<O::Final>, R, Rc<Types>)> {
    for _ in 0..2 {
        let types = objects.known_types(org);
        let (mut call, reading) = read(&types)?;
        call.generation = types.generation;
        match objects.ask(&mut call).await? {
            ObjectOutcome::Answer(Answer::Stale { generation, schemas }) => {
                objects.learn_types(org, generation, schemas.get())?;
            }
            outcome => return Ok((outcome, reading, types)),
        }
    }
    let detail = "The organisation's schemas are being changed. Try again in half a minute.";
    Err(Error::new(Code::SchemasChanging, detail))
}
