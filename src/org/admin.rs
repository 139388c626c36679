//! What the Console configures: settings and tokens.

use crate::auth::{Dialect, TokenKind};
use crate::directory::command::{Admin, TokenSettings};
use crate::directory::options::Options;
use crate::directory::reply::Answer;
use crate::error::{Error, Kind, Result};
use crate::id::{OrgId, Timestamp, TokenId};
use crate::scim::json;
use crate::store::{Sql, settings as store, tokens, transact};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What an organisation is set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    /// For people.
    pub(super) display_name: String,
    /// Its SAML single sign-on is configured: SCIM cannot come first.
    pub(super) saml_configured: bool,
    /// It takes part in SCIM; off until it is turned on.
    pub(super) scim_enabled: bool,
    /// What of a push it takes, and the guard.
    #[serde(skip_serializing_if = "Options::is_empty")]
    pub(super) options: Options,
    /// Until when the guard lets everything through.
    pub(super) guard_released_until: Timestamp,
}

const SETTINGS: &str = "organisation";

/// The settings as they are stored.
pub(super) fn settings(sql: &dyn Sql) -> Result<Settings> {
    match store::get(sql, SETTINGS)? {
        Some(text) => json::own(&text),
        None => Ok(Settings::default()),
    }
}

/// Runs one of the Console's changes.
pub(super) fn run(sql: &dyn Sql, org: &OrgId, admin: &Admin, now: Timestamp) -> Result<Answer> {
    match admin {
        Admin::Configure { display_name, saml, scim, options } => {
            transact(sql, || configure(sql, display_name.as_deref(), *saml, *scim, options, now))?;
            super::read::organisation(sql, org, now)
        }
        Admin::ReleaseGuard { seconds } => {
            let guard_released_until = now.plus(seconds.saturating_mul(1000));
            transact(sql, || save(sql, &Settings { guard_released_until, ..settings(sql)? }))?;
            super::read::organisation(sql, org, now)
        }
        Admin::MintToken { id, hash, token } => {
            check_token(token, now)?;
            transact(sql, || tokens::insert(sql, id, hash, token, now))?;
            stored_token(sql, id, now)
        }
        Admin::RevokeToken { id } => {
            let token = tokens::by_id(sql, id)?.ok_or_else(|| no_token(id))?;
            transact(sql, || tokens::revoke(sql, id, now))?;
            // The edge learns the hash from it, to shorten the record in KV.
            super::read::answer(&json!({ "hash": token.hash.hex() }))
        }
        Admin::BeginImport
        | Admin::ImportLines { .. }
        | Admin::FinishImport
        | Admin::EndImport
        | Admin::PutSchema { .. }
        | Admin::DeleteSchema { .. } => Err(Error::internal("what changes with the memory is not run here")),
    }
}

fn configure(
    sql: &dyn Sql,
    display_name: Option<&str>,
    saml: Option<bool>,
    scim: Option<bool>,
    options: &Options,
    now: Timestamp,
) -> Result<()> {
    let old = settings(sql)?;
    let new = Settings {
        display_name: display_name.map_or_else(|| old.display_name.clone(), str::to_owned),
        saml_configured: saml.unwrap_or(old.saml_configured),
        scim_enabled: scim.unwrap_or(old.scim_enabled),
        options: old.options.clone().changed(options),
        guard_released_until: old.guard_released_until,
    };
    if new.scim_enabled && !new.saml_configured {
        return Err(Error::new(
            Kind::Conflict,
            "SCIM can be enabled only once the organisation's SAML single sign-on is configured: users that are pushed \
             before it could not sign in. Send \"saml\": {\"configured\": true} first, or with it.",
        ));
    }
    if store::next_due(sql)?.is_none() {
        store::set_due(sql, super::journal::PRUNE, Some(now.plus(super::journal::PRUNE_EVERY)))?;
    }
    if new == old {
        return Ok(());
    }
    save(sql, &new)
}

fn save(sql: &dyn Sql, settings: &Settings) -> Result<()> {
    store::put(sql, SETTINGS, &serde_json::to_string(settings).map_err(Error::internal)?)
}

fn check_token(token: &TokenSettings, now: Timestamp) -> Result<()> {
    let refuse = |detail: &str| Err(Error::invalid_value(detail));
    match token {
        _ if token.name.trim().is_empty() || token.name.len() > 200 => refuse("name has to be 1 to 200 bytes."),
        _ if token.expires_at.is_some_and(|end| end <= now) => refuse("expiresAt has to be in the future."),
        TokenSettings { kind: TokenKind::Scim, scope: Some(_), .. } => refuse("scope belongs to kind console only."),
        TokenSettings { kind: TokenKind::Console, scope: None, .. } => {
            refuse("scope has to be admin or read for kind console.")
        }
        TokenSettings { kind: TokenKind::Console, dialect, .. } if *dialect != Dialect::Auto => {
            refuse("dialect belongs to kind scim only.")
        }
        _ => Ok(()),
    }
}

fn stored_token(sql: &dyn Sql, id: &TokenId, now: Timestamp) -> Result<Answer> {
    let token = tokens::by_id(sql, id)?.ok_or_else(|| Error::internal("a token that was just stored is not there"))?;
    super::read::answer(&show_token(&token, now))
}

/// A token as the Console sees it: never its secret.
pub(super) fn show_token(token: &tokens::Token, now: Timestamp) -> Value {
    let time = |time: Option<Timestamp>| time.map(Timestamp::rfc3339);
    let settings = &token.settings;
    json!({
        "id": token.id, "name": settings.name, "kind": settings.kind, "dialect": settings.dialect,
        "scope": settings.scope, "createdAt": token.created.rfc3339(), "expiresAt": time(settings.expires_at),
        "revokedAt": time(token.revoked), "lastUsedAt": time(token.last_used), "alive": token.is_alive(now),
    })
}

fn no_token(id: &TokenId) -> Error {
    Error::new(Kind::NotFound, format!("There is no token {id} in this organisation."))
}
