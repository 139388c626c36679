//! Erasing an organisation. Its own token table names the records that KV holds of it, so these are deleted first, some
//! at a time, each with its row; when no row is left the platform deletes the whole storage. After any interruption the
//! next call continues from the remaining rows.

use crate::error::Result;
use crate::id::{Timestamp, TokenHash};
use crate::store::{Sql, tokens, transact};

/// The most tokens of one call: the platform allows 1,000 operations on KV an invocation.
const AT_ONCE: i64 = 500;

/// Ends every token at once, so that no caller writes while the rest is deleted. Returns the tokens whose records are
/// to be deleted next; none if no token is left.
pub(crate) fn begin_erasing(sql: &dyn Sql, now: Timestamp) -> Result<Vec<TokenHash>> {
    transact(sql, || {
        tokens::revoke_all(sql, now)?;
        tokens::token_hashes(sql, AT_ONCE)
    })
}

/// Deletes the rows of tokens whose records are deleted.
///
/// # Errors
/// Internal only.
pub fn forget_tokens(sql: &dyn Sql, hashes: &[TokenHash]) -> Result<()> {
    transact(sql, || hashes.iter().try_for_each(|hash| tokens::delete_token(sql, hash)))
}
