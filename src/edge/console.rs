//! The Console's API over HTTP: authentication, the registry, the organisation's object, KV.

use super::limits::{self, Limit};
use super::organisations::{self, home};
use super::{Edge, Known, body, header_text, import, now, preview, random, snapshot, spent, tokens};
use crate::auth::{self, Token, TokenKind, TokenRecord};
use crate::console;
use crate::directory::admin::{Admin, Rotation, TokenSettings};
use crate::directory::call::{Actor, Ask, Call, VERSION};
use crate::directory::console::{EndedToken, MintedToken, Organisations, RemainingTokens, ReplacedToken};
use crate::directory::precondition::Precondition;
use crate::directory::query::Query;
use crate::directory::registry;
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Kind, Result};
use crate::id::{Ids, OrgId, Timestamp, TokenId};
use crate::org::admin::records;
use crate::render::{self, Response};
use crate::route::{self, Console};
use crate::scim::etag::Tags;
use crate::scim::json;
use serde_json::value::RawValue;
use worker::Request;

/// Handles one Console request; a refusal is a problem (RFC 9457).
pub(super) async fn handle(edge: &Edge<'_>, route: Result<Console>, request: Request, query: &str) -> Response {
    let changes = !["GET", "HEAD"].contains(&request.inner().method().as_str());
    let outcome = match authenticate(edge, &request).await {
        Ok((Actor::Root, _)) => match route {
            Ok(route) => {
                let named = organisation(&route).cloned();
                let outcome = run_route(edge, route, (Actor::Root, None), request, query).await;
                outcome.map_err(|error| for_root(error, named.as_ref()))
            }
            Err(error) => Err(error),
        },
        Ok((actor, own)) => {
            let needs = match &route {
                Ok(Console::Preview(_)) | Err(_) => Ask::Read(Query::Organisation),
                Ok(_) if !changes => Ask::Read(Query::Organisation),
                Ok(_) => Ask::Admin(Admin::nothing()),
            };
            let outcome = match route {
                Ok(route) => run_route(edge, route, (actor.clone(), own.clone()), request, query).await,
                Err(error) => Err(error),
            };
            match outcome {
                Err(error) => Err(after_rights(edge, actor, own, needs, error).await),
                answer => answer,
            }
        }
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| edge.problem(&console::unauthorized(error)))
}

/// Returns the refusal of a request by a Console token. One that was refused before the object was asked may be of a token
/// that may not make it at all: then it is told that, whatever it sent. `needs` has the same right and changes nothing.
async fn after_rights(edge: &Edge<'_>, actor: Actor, own: Option<TokenRecord>, needs: Ask, error: Error) -> Error {
    let is_other =
        matches!(error.kind(), Kind::Unauthorized | Kind::TooManyRequests | Kind::Unavailable | Kind::Internal);
    let Some(record) = own.filter(|_| !edge.judged.get() && !is_other) else { return error };
    let home = Residency { jurisdiction: record.jurisdiction, location_hint: None };
    let asked = edge.object(&mut edge.call_of(record.org, home, actor, needs)).await;
    asked.err().filter(|refusal| matches!(refusal.kind(), Kind::Unauthorized | Kind::Forbidden)).unwrap_or(error)
}

/// Returns the refusal for a root key. Since the key is valid, an object that refuses it is one that the registry knows
/// and that was never set up.
fn for_root(error: Error, org: Option<&OrgId>) -> Error {
    match (error.kind(), org) {
        (Kind::Unauthorized, Some(org)) => Error::new(
            Code::RegistrationInterrupted,
            format!(
                "The registration of organisation {org} was interrupted. Repeat it: PUT /v1/orgs/{org} with its \
                 settings."
            ),
        ),
        _ => error,
    }
}

/// Returns the organisation that a route is about; `None` for the list of all.
fn organisation(route: &Console) -> Option<&OrgId> {
    match route {
        Console::ListOrgs => None,
        Console::PutOrg(org)
        | Console::PatchOrg(org)
        | Console::EraseOrg(org)
        | Console::GetOrg(org)
        | Console::ReleaseGuard(org)
        | Console::MintToken(org)
        | Console::ListTokens(org)
        | Console::RevokeToken(org, _)
        | Console::RotateToken(org, _)
        | Console::List(org, _)
        | Console::Get(org, ..)
        | Console::Members(org, _)
        | Console::Changes(org)
        | Console::Journal(org)
        | Console::Preview(org)
        | Console::Snapshot(org)
        | Console::BeginImport(org)
        | Console::GetImport(org)
        | Console::EndImport(org)
        | Console::PutImport(org, _)
        | Console::FinishImport(org)
        | Console::Schemas(org)
        | Console::GetSchema(org, _)
        | Console::PutSchema(org, _)
        | Console::DeleteSchema(org, _) => Some(org),
    }
}

/// Returns the caller: the root key, or a Console token with its record in KV. From an address with too many failures
/// no root key is compared.
async fn authenticate(edge: &Edge<'_>, request: &Request) -> Result<(Actor, Option<TokenRecord>)> {
    let secret = |name| edge.env.secret(name).map(|key| key.to_string()).unwrap_or_default();
    let keys = auth::root_keys(&secret("CONSOLE_KEY"), &secret("CONSOLE_KEY_NEXT"))?;
    let authorization = header_text(request, "Authorization");
    let over = limits::is_over(edge.env, Limit::Failures, &edge.client());
    if !over
        && auth::bearer_credentials(authorization.as_deref()).is_some_and(|presented| auth::is_root(presented, &keys))
    {
        return Ok((Actor::Root, None));
    }
    let Known { token, record, refusal } = edge.token(authorization.as_deref(), TokenKind::Console).await?;
    // The journal has no Console tokens, so the object has nothing to count.
    if refusal.is_some() {
        return Err(Error::unauthorized());
    }
    Ok((Actor::Token { hash: token.hash(), dialect: record.dialect }, Some(record)))
}

async fn run_route(
    edge: &Edge<'_>,
    route: Console,
    (actor, own): (Actor, Option<TokenRecord>),
    mut request: Request,
    query: &str,
) -> Result<Response> {
    let org = organisation(&route).cloned();
    // A Console token sees its own organisation only, and does not even learn whether others exist.
    match (&own, &org) {
        (Some(own), Some(org)) if own.org != *org => return Err(Error::unauthorized()),
        (Some(own), None) => {
            // Only the object decides whether the token is alive.
            let home = home(edge, Some(own), &own.org).await?;
            edge.object(&mut edge.call_of(own.org.clone(), home, actor, Ask::Read(Query::Organisation))).await?;
            return Err(console::only_root_lists(&own.org));
        }
        _ => {}
    }
    let asked = console::query(&route, &route::query(query))?;
    let Some(org) = org else {
        let (after, limit) = console::organisations(&route::query(query))?;
        let entries = edge.registry(&registry::page_call(after, limit)).await?;
        return Ok(render::json_document(200, &Organisations::page(entries, limit), render::JSON));
    };
    let accepted = matches!(route, Console::FinishImport(_));
    let ask = match asked {
        Some(query) => Ask::Read(query),
        None => match route {
            Console::PutOrg(_) | Console::PatchOrg(_) => {
                let registers = own.is_none() && matches!(route, Console::PutOrg(_));
                let admin = console::configure(&body(&mut request).await?)?;
                return organisations::configure(edge, (actor, own), org, admin, registers).await;
            }
            Console::EraseOrg(_) => {
                return organisations::erase(edge, (actor, own), org, &route::query(query)).await;
            }
            Console::MintToken(_) => {
                let settings = console::mint(&body(&mut request).await?)?;
                let home = home(edge, own.as_ref(), &org).await?;
                return mint(edge, &actor, &org, &home, settings, None).await;
            }
            Console::ReleaseGuard(_) => Ask::Admin(console::release(&body(&mut request).await?)?),
            Console::Preview(_) => {
                if let Actor::Token { hash, .. } = &actor {
                    spent::check_before_body(hash, &request).await?;
                }
                let body = body(&mut request).await?;
                let home = home(edge, own.as_ref(), &org).await?;
                let call = |ask| edge.call_of(org.clone(), home.clone(), actor.clone(), ask);
                return preview::run(edge, &org, &body, call).await;
            }
            Console::BeginImport(_) => Ask::Admin(Admin::BeginImport),
            Console::FinishImport(_) => Ask::Admin(Admin::FinishImport),
            Console::EndImport(_) => Ask::Admin(Admin::EndImport),
            Console::PutImport(_, part) => {
                let home = home(edge, own.as_ref(), &org).await?;
                let call = |ask| edge.call_of(org.clone(), home.clone(), actor.clone(), ask);
                return import::part(edge, request, part, call).await;
            }
            Console::RotateToken(_, id) => {
                let rotation = console::rotate(token_id(&id)?, &body(&mut request).await?)?;
                let home = home(edge, own.as_ref(), &org).await?;
                // The object decides the settings of the successor.
                let settings = edge.administer(&org, &home, &actor, Admin::RotateToken(rotation.clone())).await?;
                return mint(edge, &actor, &org, &home, json::read_own(settings.get())?, Some(rotation)).await;
            }
            Console::RevokeToken(_, id) => {
                let id = token_id(&id)?;
                let home = home(edge, own.as_ref(), &org).await?;
                // The object refuses the token from now on, and writes KV's record.
                let children = console::children(&route::query(query))?;
                let ended = edge.administer(&org, &home, &actor, Admin::RevokeToken { id, children }).await?;
                let ended: EndedToken = json::read_own(ended.get())?;
                tokens::forget_one(&ended.hash);
                return match ended.children {
                    Some(children) => Ok(render::json_document(200, &RemainingTokens { children }, render::JSON)),
                    None => render::console_response(Answer::Nothing),
                };
            }
            Console::PutSchema(_, urn) => Ask::Admin(console::schema(&urn, &body(&mut request).await?)?),
            Console::DeleteSchema(_, urn) => Ask::Admin(Admin::DeleteSchema { urn }),
            _ => return Err(Error::internal("a reading route gave no query")),
        },
    };
    let home = home(edge, own.as_ref(), &org).await?;
    let mut call = edge.call_of(org, home, actor, ask);
    if let (Ask::Read(_), Some(text)) = (&call.ask, header_text(&request, "If-None-Match")) {
        call.precondition.if_none_match = Some(Tags::parse("If-None-Match", &text)?);
    }
    match edge.object(&mut call).await? {
        Answer::Piece { lines, next } => Ok(snapshot::answer(edge, call, lines, next)),
        // The job has begun, and continues by itself.
        answer if accepted => Ok(Response { status: 202, ..render::console_response(answer)? }),
        answer => render::console_response(answer),
    }
}

/// Mints a token. The object stores the hash, then KV its record, and a token that is rotated to this one ends after
/// its grace; only then the token is shown, once. If one of the steps fails no one has the token, and it is revoked so
/// that it does not look as if it were in use.
async fn mint(
    edge: &Edge<'_>,
    actor: &Actor,
    org: &OrgId,
    home: &Residency,
    settings: TokenSettings,
    rotation: Option<Rotation>,
) -> Result<Response> {
    let token = Token::mint(settings.kind, random()?);
    let id = Ids::default().next_id(now(), random()?);
    let id = TokenId::parse(&id).ok_or_else(|| Error::internal("generated an invalid id"))?;
    let record = records::record_of(org, home.jurisdiction.as_deref(), &settings, None);
    let replaces = rotation.as_ref().map(|rotation| rotation.id.clone());
    let minting = Admin::MintToken { id: id.clone(), hash: token.hash(), token: settings, replaces };
    let shown = json::read_own(edge.administer(org, home, actor, minting).await?.get())?;
    let mut replaces = None;
    let mut outcome = tokens::put(edge.env, &token.hash(), &record).await;
    if let (Ok(()), Some(rotation)) = (&outcome, rotation) {
        let old = rotation.id.clone();
        let ended =
            edge.administer(org, home, actor, Admin::RotateToken(Rotation { by: Some(id.clone()), ..rotation })).await;
        outcome = match ended {
            Err(error) => Err(error),
            Ok(ended) => {
                let ended: EndedToken = json::read_own(ended.get())?;
                tokens::forget_one(&ended.hash);
                // An object of an earlier build does not say when: then it is now.
                let end = ended.ends_at.as_deref().and_then(Timestamp::parse).unwrap_or_else(now);
                replaces = Some(ReplacedToken { id: old, ends_at: end.into() });
                Ok(())
            }
        };
    }
    if let Err(error) = outcome {
        // The root key revokes it: the caller may lack the right, since an admin token's successor is another admin
        // token.
        edge.administer(org, home, &Actor::Root, Admin::RevokeToken { id, children: false }).await?;
        return Err(error);
    }
    Ok(render::json_document(201, &MintedToken { shown, token: token.reveal(), replaces }, render::JSON))
}

fn token_id(text: &str) -> Result<TokenId> {
    let missing = || Error::new(Code::TokenNotFound, "There is no such token in this organisation.");
    TokenId::parse(text).ok_or_else(missing)
}

impl Edge<'_> {
    async fn administer(&self, org: &OrgId, home: &Residency, actor: &Actor, admin: Admin) -> Result<Box<RawValue>> {
        match self.object(&mut self.call_of(org.clone(), home.clone(), actor.clone(), Ask::Admin(admin))).await? {
            Answer::Json(text) => Ok(text),
            _ => Err(Error::internal("not a Console answer")),
        }
    }

    /// Makes a call for the Console.
    pub(super) fn call_of(&self, org: OrgId, home: Residency, actor: Actor, ask: Ask) -> Call {
        let base = self.base(&org);
        let request = self.request_id.clone();
        let (idp, repairs, notes) = (String::new(), Vec::new(), Vec::new());
        Call {
            v: VERSION,
            org,
            request,
            base,
            actor,
            idp,
            address: self.address.clone(),
            repairs,
            notes,
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
