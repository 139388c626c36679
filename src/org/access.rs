//! Who is let in. The edge has only sorted out what KV does not know; here the token's own row decides.

use super::admin::Settings;
use crate::auth::{TokenKind, range};
use crate::directory::command::{Actor, Admin, Ask, Call, Scope};
use crate::error::{Error, Kind, Result};
use crate::id::Timestamp;
use crate::store::{Sql, tokens};

/// Who was let in.
#[derive(Debug)]
pub(super) struct Caller {
    /// The token's public id; `None` for the root key.
    pub(super) token: Option<String>,
    /// What the organisation is set to.
    pub(super) settings: Settings,
}

/// Lets the caller in, or answers 401 (one sentence for all), or 403 for what its scope does not allow.
pub(super) fn check(sql: &dyn Sql, call: &Call, now: Timestamp) -> Result<Caller> {
    let settings = super::admin::settings(sql)?;
    let (hash, dialect) = match &call.actor {
        Actor::Root if matches!(call.ask, Ask::Scim(_)) => return Err(Error::unauthorized()),
        Actor::Root => return Ok(Caller { token: None, settings }),
        Actor::Token { hash, dialect } => (hash, dialect),
    };
    let token = tokens::by_hash(sql, hash)?
        .filter(|token| token.is_alive(now) && token.settings.dialect == *dialect && is_inside(token, call))
        .ok_or_else(Error::unauthorized)?;
    match (token.settings.kind, &call.ask) {
        (TokenKind::Scim, Ask::Scim(_)) | (TokenKind::Console, Ask::Read(_) | Ask::Preview(_)) => {}
        (TokenKind::Console, Ask::Admin(admin)) => may_administer(token.settings.scope, admin)?,
        (TokenKind::Scim, _) | (TokenKind::Console, Ask::Scim(_)) => return Err(Error::unauthorized()),
    }
    Ok(Caller { token: Some(token.id.to_string()), settings })
}

/// True for a token that an identity provider pushes with.
pub(super) fn is_for_scim(token: &tokens::Token) -> bool {
    token.settings.kind == TokenKind::Scim
}

/// True if the token may be used from where the call comes from.
pub(super) fn is_inside(token: &tokens::Token, call: &Call) -> bool {
    range::allow(&token.settings.address_ranges, call.address.as_deref())
}

/// Why a token is not let in, for the admin who reads the journal; who sent it is told what everybody is told.
pub(super) fn why_not(token: &tokens::Token, call: &Call, now: Timestamp) -> String {
    let ended = |end: Option<Timestamp>| end.filter(|end| *end <= now).map(Timestamp::rfc3339);
    let instead = "mint a new one and paste it into the identity provider";
    match (ended(token.revoked), ended(token.settings.expires_at)) {
        (Some(at), _) => format!("This token was revoked at {at}: {instead}."),
        (None, Some(at)) => format!("This token expired at {at}: {instead}."),
        (None, None) if !is_inside(token, call) => format!(
            "The address {} is outside the address ranges of this token. If the identity provider calls from there, mint \
             a token that has it in addressRanges.",
            call.address.as_deref().unwrap_or("(unknown)")
        ),
        (None, None) => {
            format!("This token's record in KV is not the one that was made when it was minted: {instead}.")
        }
    }
}

fn may_administer(scope: Option<Scope>, admin: &Admin) -> Result<()> {
    match (scope, admin) {
        (Some(Scope::Admin), Admin::Configure { saml: Some(_), .. }) => Err(forbidden("mark SAML as configured")),
        (Some(Scope::Admin), Admin::Configure { residency, .. }) if !residency.is_empty() => {
            Err(forbidden("set where an organisation's data is"))
        }
        (Some(Scope::Admin), Admin::Erase) => Err(forbidden("erase an organisation")),
        (Some(Scope::Admin), Admin::MintToken { token, .. }) if token.scope == Some(Scope::Admin) => {
            Err(forbidden("mint an admin token"))
        }
        (Some(Scope::Admin), _) => Ok(()),
        _ => Err(forbidden("change anything")),
    }
}

fn forbidden(what: &str) -> Error {
    Error::new(Kind::Forbidden, format!("This token may not {what}; use one of a wider scope, or the root key."))
}

/// 403 for an organisation that has SCIM switched off.
pub(super) fn switched_off() -> Error {
    Error::new(
        Kind::Forbidden,
        "SCIM is switched off for this organisation. An administrator turns it on in the Cloud Console, under the \
         organisation's provisioning settings.",
    )
}
