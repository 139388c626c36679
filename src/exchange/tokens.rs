//! Tokens: minted, rotated, revoked, in the organisation's object and in KV.

use super::Platform;
use super::steps::Steps;
use crate::auth::Token;
use crate::console;
use crate::directory::admin::{Admin, Rotation, TokenSettings};
use crate::directory::call::Actor;
use crate::directory::console::{EndedToken, MintedToken, RemainingTokens, ReplacedToken};
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Result};
use crate::id::{Ids, Timestamp, TokenId};
use crate::org::admin::records;
use crate::render::{self, Response};
use crate::scim::json;

/// Handles `POST /v1/orgs/{org}/tokens`.
pub(super) async fn mint<P: Platform>(steps: &mut Steps<'_, P>) -> Result<Response> {
    let settings = console::mint(&steps.platform.read_body(None).await?)?;
    let home = steps.home().await?;
    mint_with(steps, &home, settings, None).await
}

/// Handles `POST /v1/orgs/{org}/tokens/{id}/rotate`.
pub(super) async fn rotate<P: Platform>(steps: &mut Steps<'_, P>, id: &str) -> Result<Response> {
    let rotation = console::rotate(token_id(id)?, &steps.platform.read_body(None).await?)?;
    let home = steps.home().await?;
    // The object decides the settings of the successor.
    let actor = &steps.caller.actor;
    let settings = steps.administer(&home, actor, Admin::RotateToken(rotation.clone())).await?;
    mint_with(steps, &home, json::read_own(settings.get())?, Some(rotation)).await
}

/// Handles `DELETE /v1/orgs/{org}/tokens/{id}`.
pub(super) async fn revoke<P: Platform>(
    steps: &mut Steps<'_, P>,
    id: &str,
    query: &[(String, String)],
) -> Result<Response> {
    let id = token_id(id)?;
    let home = steps.home().await?;
    let children = console::children(query)?;
    // The object refuses the token from now on, and writes KV's record.
    let ended = steps.administer(&home, &steps.caller.actor, Admin::RevokeToken { id, children }).await?;
    let ended: EndedToken = json::read_own(ended.get())?;
    steps.platform.forget_token(&ended.hash);
    match ended.children {
        Some(children) => Ok(render::json_document(200, &RemainingTokens { children }, render::JSON)),
        None => render::console_response(Answer::Nothing),
    }
}

/// Mints a token.
///
/// 1. The object stores the hash.
/// 2. KV gets the record.
/// 3. A token that is rotated to this one ends after its grace.
/// 4. Only then the token is shown, once. If step 2 or 3 fails no one has the token, and it is revoked so that it does
///    not look as if it were in use.
async fn mint_with<P: Platform>(
    steps: &mut Steps<'_, P>,
    home: &Residency,
    settings: TokenSettings,
    rotation: Option<Rotation>,
) -> Result<Response> {
    // 1.
    let token = Token::mint(settings.kind, steps.platform.random_bytes()?);
    let id = Ids::default().next_id(steps.platform.time(), steps.platform.random_bytes()?);
    let id = TokenId::parse(&id).ok_or_else(|| Error::internal("generated an invalid id"))?;
    let record = records::record_of(&steps.org, home.jurisdiction.as_deref(), &settings, None);
    let replaces = rotation.as_ref().map(|rotation| rotation.id.clone());
    let minting = Admin::MintToken { id: id.clone(), hash: token.hash(), token: settings, replaces };
    let shown = json::read_own(steps.administer(home, &steps.caller.actor, minting).await?.get())?;
    // 2.
    let mut outcome = steps.platform.put_record(&token.hash(), &record).await.map(|()| None);
    // 3.
    if let (Ok(_), Some(rotation)) = (&outcome, rotation) {
        outcome = end_replaced(steps, home, Rotation { by: Some(id.clone()), ..rotation }).await.map(Some);
    }
    // 4.
    match outcome {
        Ok(replaces) => {
            Ok(render::json_document(201, &MintedToken { shown, token: token.reveal(), replaces }, render::JSON))
        }
        Err(error) => {
            // The root key revokes it: the caller may lack the right, since an admin token's successor is another admin
            // token.
            steps.administer(home, &Actor::Root, Admin::RevokeToken { id, children: false }).await?;
            Err(error)
        }
    }
}

/// Ends the token that another one replaces, after its grace.
async fn end_replaced<P: Platform>(
    steps: &mut Steps<'_, P>,
    home: &Residency,
    rotation: Rotation,
) -> Result<ReplacedToken> {
    let id = rotation.id.clone();
    let ended = steps.administer(home, &steps.caller.actor, Admin::RotateToken(rotation)).await?;
    let ended: EndedToken = json::read_own(ended.get())?;
    steps.platform.forget_token(&ended.hash);
    // An object of an earlier build does not say when: then it is now.
    let end = ended.ends_at.as_deref().and_then(Timestamp::parse).unwrap_or_else(|| steps.platform.time());
    Ok(ReplacedToken { id, ends_at: end.into() })
}

fn token_id(text: &str) -> Result<TokenId> {
    let missing = || Error::new(Code::TokenNotFound, "There is no such token in this organisation.");
    TokenId::parse(text).ok_or_else(missing)
}
