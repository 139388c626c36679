//! Which tokens the identity provider uses.

use crate::auth::TokenKind;
use crate::error::Result;
use crate::id::{Timestamp, is_within};
use crate::org::memory::Memory;
use crate::store::Sql;
use crate::store::journal::DAY;
use crate::store::tokens::{self, StoredToken};

/// The time after its last use for which a token counts as in use, in milliseconds.
const IN_USE: i64 = 14 * DAY;

/// Returns all tokens, with the use that memory has not saved yet.
///
/// # Errors
/// Internal only.
pub(crate) fn tokens(sql: &dyn Sql, memory: &Memory) -> Result<Vec<StoredToken>> {
    let mut all = tokens::all_tokens(sql)?;
    for token in &mut all {
        if let Some(later) = memory.unsaved.used.get(token.id.as_str()) {
            token.usage.add(later);
        }
    }
    Ok(all)
}

/// Returns true for the token of an identity provider.
pub(crate) fn is_for_scim(token: &&StoredToken) -> bool {
    token.settings.kind == TokenKind::Scim
}

/// Returns the tokens that the identity provider uses: those that were let in within 14 days, or else the one that was
/// let in last. A token that was rotated is not one of them once the provider sends a successor instead.
pub(crate) fn in_use(tokens: &[StoredToken], now: Timestamp) -> Vec<&StoredToken> {
    let used = |token: &&StoredToken| {
        token.usage.last_used.is_some() && is_for_scim(token) && !is_superseded(token, tokens, now)
    };
    let lately = |token: &&StoredToken| token.usage.last_used.is_some_and(|at| is_within(now, at, IN_USE));
    let found: Vec<&StoredToken> = tokens.iter().filter(used).filter(lately).collect();
    if !found.is_empty() {
        return found;
    }
    tokens.iter().filter(used).max_by_key(|token| token.usage.last_used).into_iter().collect()
}

/// Returns the token that this one was rotated to, the one that this was rotated to, and so on.
pub(crate) fn successors<'a>(token: &'a StoredToken, tokens: &'a [StoredToken]) -> Vec<&'a StoredToken> {
    let (mut found, mut last): (Vec<&StoredToken>, _) = (Vec::new(), token);
    while let Some(next) = tokens.iter().find(|one| last.replaced_by.as_deref() == Some(one.id.as_str())) {
        // A chain is never longer than the list, whatever is stored.
        if found.len() >= tokens.len() {
            break;
        }
        found.push(next);
        last = next;
    }
    found
}

/// Returns true for a rotated token whose successor the provider has begun to use, and that it has not used since;
/// where both came in turn, not for a day.
fn is_superseded(token: &StoredToken, tokens: &[StoredToken], now: Timestamp) -> bool {
    let Some(used) = token.usage.last_used else { return false };
    let successors = successors(token, tokens);
    let first = successors.iter().filter_map(|one| one.usage.first_used.or(one.usage.last_used)).min();
    let last = successors.iter().filter_map(|one| one.usage.last_used).max();
    match (first, last) {
        (Some(first), Some(last)) => used <= first || (used < last && !is_within(now, used, DAY)),
        _ => false,
    }
}

/// Returns the time at which a token was rotated, if the provider has used it since and uses it still.
pub(crate) fn used_since_rotation(token: &StoredToken, tokens: &[StoredToken]) -> Option<Timestamp> {
    let rotated = successors(token, tokens).first()?.created;
    token.usage.last_used.filter(|used| *used > rotated).map(|_| rotated)
}
