//! Tokens as the Console sees and changes them.

use super::rights;
use crate::auth::{Dialect, TokenKind};
use crate::directory::admin::{Rotation, TokenSettings};
use crate::directory::console::{self, ChildToken, EndedToken, Time, Tokens};
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, TokenHash, TokenId};
use crate::org::connection::usage;
use crate::org::memory::Memory;
use crate::scim::json;
use crate::store::tokens::{self, ROOT, StoredToken};
use crate::store::{Sql, journal::DAY};

/// The most tokens of an organisation, ended ones included: 1,000 of the largest are listed in 4 MB.
const TOKENS_MAX: i64 = 1_000;
/// The time after its end from which a token may be forgotten, in milliseconds: KV's record of it is gone by then, and
/// its requests are gone from the journal.
const FORGOTTEN_AFTER: i64 = 31 * DAY;

/// Returns all tokens, as the Console sees them.
///
/// # Errors
/// Internal only.
pub(crate) fn list_tokens(sql: &dyn Sql, memory: &Memory, now: Timestamp) -> Result<Answer> {
    let tokens = usage::tokens(sql, memory)?;
    Answer::console_answer(&Tokens { tokens: tokens.iter().map(|token| show_token(token, &tokens, now)).collect() })
}

/// Makes room for one more token.
///
/// # Errors
/// 400, if there is none.
fn make_room(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    if tokens::count_tokens(sql)? < TOKENS_MAX {
        return Ok(());
    }
    // Ended tokens are kept as long as there is room: the journal still names them.
    tokens::forget_ended(sql, now.plus(-FORGOTTEN_AFTER))?;
    if tokens::count_tokens(sql)? < TOKENS_MAX {
        return Ok(());
    }
    let detail = format!(
        "The organisation has {TOKENS_MAX} tokens, the most that are allowed. Revoke those that are no longer used: \
         one is forgotten 31 days after its end, when a new one needs its place."
    );
    Err(Error::new(Code::TooManyTokens, detail))
}

/// Stores a new token, minted with the Console token `by` or with the root key. `replaces` is the token whose successor
/// it becomes, which differs in its end alone.
///
/// # Errors
/// 400 that names the field, 403 for a token that the caller may not mint.
pub(crate) fn mint_token(
    sql: &dyn Sql,
    by: Option<&StoredToken>,
    (id, hash): (&TokenId, &TokenHash),
    settings: &TokenSettings,
    replaces: Option<&TokenId>,
    now: Timestamp,
) -> Result<Answer> {
    // A successor was judged when its settings were made; here it must only be what was promised then.
    match replaces {
        None => rights::may_mint(by, settings)?,
        Some(old) => {
            let alike = TokenSettings { expires_at: settings.expires_at, ..replaceable_token(sql, old, now)?.settings };
            if alike != *settings {
                return Err(Error::internal("a successor is not like its token"));
            }
            rights::may_rotate(by, old, settings)?;
        }
    }
    check_settings(settings, now)?;
    make_room(sql, now)?;
    tokens::insert_token(sql, id, hash, settings, by.map_or(ROOT, |by| by.id.as_str()), now)?;
    Answer::console_answer(&show_token(&stored_token(sql, id)?, &[], now))
}

/// The most remaining tokens that are listed.
const CHILDREN_SHOWN: usize = 1000;

/// Revokes a token, in the call's transaction. With `children` it also revokes the tokens that it minted, and those
/// that they minted. Otherwise the answer lists those that stay and are alive, with their `id`, `name` and `kind`.
///
/// # Errors
/// 403 if one of them is another admin token than the caller; then none is revoked.
pub(crate) fn revoke_token(
    sql: &dyn Sql,
    by: Option<&StoredToken>,
    id: &TokenId,
    children: bool,
    now: Timestamp,
) -> Result<Answer> {
    let token = stored_token(sql, id)?;
    rights::may_end(by, &token)?;
    let minted = tokens::descendants(sql, id)?;
    tokens::revoke_token(sql, id, now)?;
    if children {
        for child in &minted {
            // In the transaction of the call: one that may not be ended takes all of it back.
            rights::may_end(by, child)?;
            tokens::revoke_token(sql, &child.id, now)?;
        }
        return ended_answer(&token, now, &[]);
    }
    let stay: Vec<ChildToken<'_>> = minted
        .iter()
        .filter(|child| child.is_alive(now))
        .take(CHILDREN_SHOWN)
        .map(|child| ChildToken { id: &child.id, name: &child.settings.name, kind: child.settings.kind })
        .collect();
    ended_answer(&token, now, &stay)
}

/// Returns the answer that tells the edge which token it must forget, and which of its children stay.
fn ended_answer(token: &StoredToken, end: Timestamp, children: &[ChildToken<'_>]) -> Result<Answer> {
    let children = if children.is_empty() { None } else { Some(json::to_raw(children)?) };
    Answer::console_answer(&EndedToken { hash: token.hash, ends_at: Some(end.rfc3339()), children })
}

/// Returns the settings of a token's successor, or, once the successor is there, the end of the token. If the request
/// names no end of the successor, it lives as long as the token was to, a Console token no longer than the Console
/// token `by`.
///
/// # Errors
/// 403 for a token that the caller may not rotate, 409 for a token that has ended or has a successor, 400 for an end
/// that has passed.
pub(crate) fn rotate_token(
    sql: &dyn Sql,
    by: Option<&StoredToken>,
    rotation: &Rotation,
    now: Timestamp,
) -> Result<Answer> {
    let id = &rotation.id;
    let token = replaceable_token(sql, id, now)?;
    let old = token.settings.expires_at;
    if let Some(successor) = &rotation.by {
        rights::may_rotate(by, id, &stored_token(sql, successor)?.settings)?;
        // The old token never ends later than it was to: rotating it must not make it live longer.
        let grace = now.plus(rotation.grace_seconds.saturating_mul(1000));
        let end = old.map_or(grace, |end| end.min(grace));
        tokens::replace_token(sql, id, successor, end, now)?;
        return ended_answer(&token, end, &[]);
    }
    // The successor lives as long as the old token was to live from its creation.
    let lifetime = old.map(|end| now.plus(end.0 - token.created.0).min(Timestamp::LAST));
    let expires_at = rotation.expires_at.or_else(|| rights::bounded_end(by, token.settings.kind, lifetime));
    let settings = TokenSettings { expires_at, ..token.settings };
    rights::may_rotate(by, id, &settings)?;
    check_settings(&settings, now)?;
    Answer::console_answer(&settings)
}

/// Returns the token of that id, if it may have a successor.
///
/// # Errors
/// 404, and 409 for one that has ended or has a successor.
fn replaceable_token(sql: &dyn Sql, id: &TokenId, now: Timestamp) -> Result<StoredToken> {
    let token = stored_token(sql, id)?;
    let refuse = |code, detail: String| Err(Error::new(code, detail));
    if let Some(successor) = &token.replaced_by {
        return refuse(
            Code::TokenRotated,
            format!("Token {id} was rotated already: rotate its successor {successor}, or mint a new token."),
        );
    }
    if !token.is_alive(now) {
        let how = if token.revoked.is_some() { "was revoked" } else { "has expired" };
        return refuse(
            Code::TokenEnded,
            format!("Token {id} {how}, so nothing can be kept working: mint a new token."),
        );
    }
    Ok(token)
}

/// Returns the token of that id.
fn stored_token(sql: &dyn Sql, id: &TokenId) -> Result<StoredToken> {
    let missing = || Error::new(Code::TokenNotFound, format!("There is no token {id} in this organisation."));
    tokens::by_id(sql, id)?.ok_or_else(missing)
}

fn check_settings(token: &TokenSettings, now: Timestamp) -> Result<()> {
    let refuse = |detail: &str| Err(Error::new(Code::InvalidField, detail));
    match token {
        _ if token.name.trim().is_empty() || token.name.chars().count() > 200 => {
            refuse("name must be 1 to 200 characters.")
        }
        _ if token.expires_at.is_some_and(|end| end <= now) => refuse("expiresAt must be in the future."),
        TokenSettings { kind: TokenKind::Scim, scope: Some(_), .. } => {
            refuse("scope is allowed for kind console only.")
        }
        TokenSettings { kind: TokenKind::Console, scope: None, .. } => {
            refuse("scope must be admin or read for kind console.")
        }
        TokenSettings { kind: TokenKind::Console, dialect, .. } if *dialect != Dialect::Auto => {
            refuse("dialect is allowed for kind scim only.")
        }
        _ => Ok(()),
    }
}

/// Returns a token as the Console sees it: never its secret. `all` are the tokens of the organisation.
fn show_token<'a>(token: &'a StoredToken, all: &[StoredToken], now: Timestamp) -> console::TokenAnswer<'a> {
    let settings = &token.settings;
    console::TokenAnswer {
        id: &token.id,
        name: &settings.name,
        kind: settings.kind,
        dialect: settings.dialect,
        scope: settings.scope,
        address_ranges: &settings.address_ranges,
        created_at: token.created.into(),
        expires_at: settings.expires_at.map(Time),
        revoked_at: token.revoked.map(Time),
        replaced_by: token.replaced_by.as_deref(),
        minted_by: token.minted_by.as_deref(),
        last_used_at: token.usage.last_used.map(Time),
        last_address: token.usage.address.as_deref(),
        idp: token.usage.idp.as_deref(),
        used_since_rotation: token.replaced_by.as_ref().map(|_| usage::used_since_rotation(token, all).is_some()),
        alive: token.is_alive(now),
        days_left: days_left(token, now),
    }
}

/// Returns the whole days until its end; `None` without an end, 0 after it.
fn days_left(token: &StoredToken, now: Timestamp) -> Option<i64> {
    match token.settings.expires_at {
        _ if !token.is_alive(now) => Some(0),
        end => end.map(|end| (end.0 - now.0) / DAY),
    }
}
