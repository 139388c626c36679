//! The rights to mint, rotate and end tokens. The root key may do all of it, and scope `read` nothing.
//!
//! | with an admin token | mint | rotate | end |
//! | --- | --- | --- | --- |
//! | `scim` | yes | yes | yes |
//! | `read` | within its own ranges and end | likewise, as the successor will be | yes |
//! | `admin`, itself | | within its own end | yes |
//! | `admin`, another | no | no | no |
//!
//! A `scim` token is not held to the minter's ranges: the provider calls from elsewhere than the Console.

use crate::auth::{TokenKind, range};
use crate::directory::admin::{Scope, TokenSettings};
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, TokenId};
use crate::org::access::scope_too_narrow;
use crate::store::tokens::StoredToken;

/// Checks the right to mint a token.
///
/// # Errors
/// 403 for an admin token, and for a `read` token that may do more than its minter: it says what is allowed.
pub(crate) fn may_mint(by: Option<&StoredToken>, token: &TokenSettings) -> Result<()> {
    let Some(by) = by else { return Ok(()) };
    match token.scope {
        Some(Scope::Admin) => Err(scope_too_narrow("mint an admin token")),
        _ => is_within(by, token),
    }
}

/// Checks the right to give a token this successor.
///
/// # Errors
/// 403 for another admin token, and for a successor that may do more than the caller.
pub(crate) fn may_rotate(by: Option<&StoredToken>, id: &TokenId, successor: &TokenSettings) -> Result<()> {
    let Some(by) = by else { return Ok(()) };
    if successor.scope == Some(Scope::Admin) && by.id != *id {
        return Err(scope_too_narrow("rotate another admin token"));
    }
    is_within(by, successor)
}

/// Checks the right to end a token.
///
/// # Errors
/// 403 for another admin token.
pub(crate) fn may_end(by: Option<&StoredToken>, token: &StoredToken) -> Result<()> {
    match by {
        Some(by) if token.settings.scope == Some(Scope::Admin) && by.id != token.id => Err(scope_too_narrow(&format!(
            "revoke another admin token, such as {} ({}); nothing was revoked",
            token.id, token.settings.name
        ))),
        _ => Ok(()),
    }
}

/// Returns the end of a successor if the caller names none: never after the caller's own, if it is a Console token.
pub(crate) fn bounded_end(by: Option<&StoredToken>, kind: TokenKind, end: Option<Timestamp>) -> Option<Timestamp> {
    let own = by.filter(|_| kind == TokenKind::Console).and_then(|by| by.settings.expires_at);
    [own, end].into_iter().flatten().min()
}

/// Checks that a Console token may do at most what `by` may: its ranges and its end.
fn is_within(by: &StoredToken, token: &TokenSettings) -> Result<()> {
    let own = &by.settings;
    // A token without an end lives longer than any that has one.
    let ends_later = own.expires_at.filter(|own| token.expires_at.is_none_or(|end| end > *own));
    let is_wider = !range::is_within(&token.address_ranges, &own.address_ranges);
    if token.kind == TokenKind::Scim || (ends_later.is_none() && !is_wider) {
        return Ok(());
    }
    let end = own.expires_at.map(|end| format!("expiresAt must be {} or earlier", end.rfc3339()));
    let ranges = (!own.address_ranges.is_empty())
        .then(|| format!("each of addressRanges must be inside of {}", own.address_ranges.join(", ")));
    let needed: Vec<String> = [end, ranges].into_iter().flatten().collect();
    Err(Error::new(
        Code::ScopeTooNarrow,
        format!(
            "A Console token mints and rotates Console tokens that may do at most what it may itself: {}. Name both \
             so, or use the root key.",
            needed.join("; ")
        ),
    ))
}
