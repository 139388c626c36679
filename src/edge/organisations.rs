//! Organisations over HTTP: registered, configured, found, erased.

use super::{Edge, objects, tokens, variable_text};
use crate::auth::TokenRecord;
use crate::console;
use crate::directory::admin::Admin;
use crate::directory::call::{Actor, Ask};
use crate::directory::registry::{RegistryCall, RegistryEntry};
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::error::{Error, Kind, Result};
use crate::id::OrgId;
use crate::org::check_saml_first;
use crate::render::{self, Response};

/// Returns where the organisation's object is. The root key may name any organisation, so the registry is asked before
/// an object is called into being; a Console token's record says it.
pub(super) async fn home(edge: &Edge<'_>, own: Option<&TokenRecord>, org: &OrgId) -> Result<Residency> {
    match own {
        Some(record) => Ok(Residency { jurisdiction: record.jurisdiction.clone(), location_hint: None }),
        None => residency_of(edge, &RegistryCall::Get { org: org.clone() }).await,
    }
}

async fn residency_of(edge: &Edge<'_>, ask: &RegistryCall) -> Result<Residency> {
    let missing = || Error::internal("the registry answered no entry");
    edge.registry(ask).await?.pop().map(RegistryEntry::residency).ok_or_else(missing)
}

/// Handles `PUT` and `PATCH /v1/orgs/{org}`. With `registers` the root key makes an organisation that does not exist
/// yet. Everything that could refuse that is checked before, so that a refusal leaves no organisation behind.
pub(super) async fn configure(
    edge: &Edge<'_>,
    (actor, own): (Actor, Option<TokenRecord>),
    org: OrgId,
    mut admin: Admin,
    registers: bool,
) -> Result<Response> {
    let Admin::Configure { display_name, saml, scim, residency, .. } = &mut admin else {
        return Err(Error::internal("not the settings of an organisation"));
    };
    let mut is_new = false;
    let home = match home(edge, own.as_ref(), &org).await {
        Err(error) if registers && error.kind() == Kind::NotFound => {
            residency.check_offered(&variable_text(edge.env, "JURISDICTIONS"))?;
            check_saml_first(*scim == Some(true), *saml == Some(true))?;
            objects::stub(edge.env, "ORG", org.as_str(), residency)?;
            let (display_name, residency) = (display_name.clone(), residency.clone());
            is_new = true;
            residency_of(edge, &RegistryCall::Put { org: org.clone(), display_name, residency }).await?
        }
        home => home?,
    };
    if own.is_none() {
        home.check_agrees(residency, &org)?;
        *residency = home.clone();
    }
    let renamed = display_name.clone();
    let location = format!("{}/v1/orgs/{org}", edge.origin);
    let answer = edge.object(&mut edge.call_of(org.clone(), home, actor, Ask::Admin(admin))).await?;
    if let Some(display_name) = renamed {
        edge.registry(&RegistryCall::Rename { org, display_name }).await?;
    }
    let mut response = render::console_response(answer)?;
    if is_new {
        // RFC 9110 section 9.3.4: a PUT that "has created" is answered with 201.
        response.status = 201;
        response.headers.push(("Location", location));
    }
    Ok(response)
}

/// Handles `DELETE /v1/orgs/{org}`: the registry marks the organisation, the object deletes KV's records and then
/// itself, the registry forgets it. Each step may come twice, so an interrupted caller asks again.
pub(super) async fn erase(
    edge: &Edge<'_>,
    (actor, own): (Actor, Option<TokenRecord>),
    org: OrgId,
    parameters: &[(String, String)],
) -> Result<Response> {
    let home = match &own {
        // The object refuses every token; it is asked, because only it knows which refusal is due.
        Some(record) => home(edge, Some(record), &org).await?,
        None => {
            console::confirmed(&org, parameters)?;
            residency_of(edge, &RegistryCall::Erase { org: org.clone() }).await?
        }
    };
    let mut call = edge.call_of(org.clone(), home, actor, Ask::Admin(Admin::Erase));
    // Each call ends some tokens, and the last one deletes everything.
    while !matches!(edge.object(&mut call).await?, Answer::Nothing) {}
    edge.tested("forget");
    edge.registry(&RegistryCall::Forget { org: org.clone() }).await?;
    tokens::forget(&org);
    render::console_response(Answer::Nothing)
}
