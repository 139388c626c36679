//! Access: the edge has only sorted out the tokens that KV does not know; here the token's own row decides.

use crate::auth::{TokenKind, range};
use crate::directory::admin::{Admin, Right, Scope};
use crate::directory::call::{Actor, Ask, Call};
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, Timestamp};
use crate::org::settings::{self, Settings};
use crate::store::{Sql, tokens};

/// An admitted caller.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The token's public id; `None` for the root key.
    pub(crate) token: Option<String>,
    /// True if the token was rotated.
    pub(crate) is_rotated: bool,
    /// The Console token that changes something; `None` for the root key, and where nothing is administered.
    pub(crate) console: Option<tokens::StoredToken>,
    /// The settings of the organisation.
    pub(crate) settings: Settings,
}

/// A caller whose token is alive. Its request is not judged yet.
pub(crate) struct KnownCaller {
    token: Option<tokens::StoredToken>,
    settings: Settings,
}

/// Checks the caller alone; its request need not have been read.
///
/// # Errors
/// 401, one sentence for all.
pub(crate) fn check_caller<A>(sql: &dyn Sql, call: &Call<A>, now: Timestamp) -> Result<KnownCaller> {
    let settings = settings::read_settings(sql)?;
    let Actor::Token { hash, dialect } = &call.actor else { return Ok(KnownCaller { token: None, settings }) };
    // The row decides alone. KV may still know a token that ended here a minute ago, and its copy of the ranges may be
    // old.
    let token = tokens::by_hash(sql, hash)?
        .filter(|token| token.is_alive(now) && token.settings.dialect == *dialect && is_inside(token, call))
        .ok_or_else(Error::unauthorized)?;
    Ok(KnownCaller { token: Some(token), settings })
}

/// Checks the request of a known caller.
///
/// # Errors
/// 401 for a token of the other kind, and for the root key in SCIM; 403 if its scope does not allow the request.
pub(crate) fn check_request(known: KnownCaller, ask: &Ask) -> Result<Caller> {
    let KnownCaller { token, settings } = known;
    // The root key administers and reads, but never pushes: a change must name the token that made it.
    match (token.as_ref().map(|token| token.settings.kind), ask) {
        (None, Ask::Read(_) | Ask::Preview(_) | Ask::Admin(_)) | (Some(TokenKind::Scim), Ask::Scim(_)) => {}
        (Some(TokenKind::Console), Ask::Read(_) | Ask::Preview(_)) => {}
        (Some(TokenKind::Console), Ask::Admin(admin)) => {
            may_administer(token.as_ref().and_then(|token| token.settings.scope), admin)?;
        }
        (None | Some(TokenKind::Console), Ask::Scim(_)) | (Some(TokenKind::Scim), _) => {
            return Err(Error::unauthorized());
        }
    }
    // Only an admin call needs the row later, to bound what it may mint and end.
    let console = token.as_ref().filter(|_| matches!(ask, Ask::Admin(_))).cloned();
    let is_rotated = token.as_ref().is_some_and(|token| token.replaced_by.is_some());
    Ok(Caller { token: token.map(|token| token.id.to_string()), is_rotated, console, settings })
}

/// Returns true for the token of an identity provider.
pub(crate) fn is_for_scim(token: &tokens::StoredToken) -> bool {
    token.settings.kind == TokenKind::Scim
}

/// Returns true if the token may be used from the address of the call.
pub(crate) fn is_inside<A>(token: &tokens::StoredToken, call: &Call<A>) -> bool {
    range::allows_address(&token.settings.address_ranges, call.address.as_deref())
}

/// Returns why a token is refused, for the admin who reads the journal; the caller gets the one sentence for all.
pub(crate) fn why_not<A>(token: &tokens::StoredToken, call: &Call<A>, now: Timestamp) -> Error {
    let revoked = token.revoked.map(Timestamp::rfc3339);
    let expired = token.settings.expires_at.filter(|end| *end <= now).map(Timestamp::rfc3339);
    let instead = "mint a new one and paste it into the identity provider";
    // A revocation comes first: a token that was revoked and then expired was ended by an admin.
    let (code, detail) = match (revoked, expired) {
        (Some(at), _) => (Code::TokenRevoked, format!("This token was revoked at {at}: {instead}.")),
        (None, Some(at)) => (Code::TokenExpired, format!("This token expired at {at}: {instead}.")),
        (None, None) if !is_inside(token, call) => (
            Code::AddressOutside,
            format!(
                "The address {} is outside the address ranges of this token. If the identity provider calls from there, \
                 mint a token that has it in addressRanges.",
                call.address.as_deref().unwrap_or("(unknown)")
            ),
        ),
        (None, None) => (
            Code::TokenRecordChanged,
            format!("This token's record in KV is not the one that was made when it was minted: {instead}."),
        ),
    };
    Error::new(code, detail)
}

fn may_administer(scope: Option<Scope>, admin: &Admin) -> Result<()> {
    match (scope, admin.needs()) {
        (Some(Scope::Admin), Right::AdminScope) => Ok(()),
        (Some(Scope::Admin), Right::RootOnly(what)) => Err(scope_too_narrow(what)),
        (Some(Scope::Read) | None, _) => Err(scope_too_narrow("change anything")),
    }
}

pub(crate) fn scope_too_narrow(what: &str) -> Error {
    Error::new(Code::ScopeTooNarrow, format!("This token may not {what}; use one of a wider scope, or the root key."))
}

/// Returns 403 for an organisation that has SCIM switched off.
pub(crate) fn switched_off(org: &OrgId) -> Error {
    Error::new(
        Code::ScimOff,
        format!(
            "SCIM is switched off for organisation {org}. An administrator turns it on in the Cloud Console, under the \
             organisation's provisioning settings (PATCH /v1/orgs/{org} {{\"scim\": {{\"enabled\": true}}}})."
        ),
    )
}
