//! Organisations: registered, configured, erased.

use super::Platform;
use super::steps::Steps;
use crate::console;
use crate::directory::admin::Admin;
use crate::directory::call::Ask;
use crate::directory::registry::RegistryCall;
use crate::directory::reply::Answer;
use crate::error::{Error, Kind, Result};
use crate::org::check_saml_first;
use crate::render::{self, Response};

/// Handles `PUT` and `PATCH /v1/orgs/{org}`. With `registers` an organisation that does not exist yet is registered.
///
/// 1. The body.
/// 2. The registry says where the object is, or registers the organisation. All that could refuse that is checked
///    before, so that a refusal leaves no organisation behind.
/// 3. The object takes the settings.
/// 4. The registry learns the new name for people.
pub(super) async fn configure<P: Platform>(steps: &mut Steps<'_, P>, registers: bool) -> Result<Response> {
    // 1.
    let mut admin = console::configure(&steps.platform.read_body(None).await?)?;
    let Admin::Configure { display_name, saml, scim, residency, .. } = &mut admin else {
        return Err(Error::internal("not the settings of an organisation"));
    };
    // 2.
    let org = steps.org.clone();
    let mut is_new = false;
    let home = match steps.home().await {
        Err(error) if registers && error.kind() == Kind::NotFound => {
            residency.check_offered(&steps.platform.offered_jurisdictions())?;
            check_saml_first(*scim == Some(true), *saml == Some(true))?;
            steps.platform.check_home(&org, residency)?;
            let (display_name, residency) = (display_name.clone(), residency.clone());
            is_new = true;
            steps.registered_home(&RegistryCall::Put { org: org.clone(), display_name, residency }).await?
        }
        home => home?,
    };
    // A token's record does not say the place that was asked for, so only the root key's request is compared.
    if steps.caller.record.is_none() {
        home.check_agrees(residency, &org)?;
        *residency = home.clone();
    }
    // 3.
    let renamed = display_name.clone();
    let answer = steps.platform.ask_for_answer(&mut steps.call_of(home, Ask::Admin(admin))).await?;
    // 4.
    let location = format!("{}/v1/orgs/{org}", steps.exchange.origin);
    if let Some(display_name) = renamed {
        steps.platform.ask_registry(&RegistryCall::Rename { org, display_name }).await?;
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
pub(super) async fn erase<P: Platform>(steps: &mut Steps<'_, P>, query: &[(String, String)]) -> Result<Response> {
    let home = match &steps.caller.record {
        // The object refuses every token; it is asked, because only it knows which refusal is due.
        Some(_) => steps.home().await?,
        None => {
            console::confirmed(&steps.org, query)?;
            steps.registered_home(&RegistryCall::Erase { org: steps.org.clone() }).await?
        }
    };
    let mut call = steps.call_of(home, Ask::Admin(Admin::Erase));
    // Each call ends some tokens, and the last one deletes everything.
    while !matches!(steps.platform.ask_for_answer(&mut call).await?, Answer::Nothing) {}
    steps.platform.ask_registry(&RegistryCall::Forget { org: steps.org.clone() }).await?;
    steps.platform.forget_tokens(&steps.org);
    render::console_response(Answer::Nothing)
}
