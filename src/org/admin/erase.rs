//! Erasing an organisation. Its own token table names the records that KV holds of it, so these go first, some at a time,
//! each with its row; when no row is left the platform deletes the whole storage. Whatever interrupts it, the next
//! call goes on from what is still there.

use crate::error::Result;
use crate::id::{Timestamp, TokenHash};
use crate::store::{Sql, tokens, transact};

/// How many tokens one call takes: the platform allows 1,000 operations on KV an invocation.
const AT_ONCE: i64 = 500;

/// Ends every token at once, so that nobody writes while the rest goes; answers whose records are to be deleted next, none
/// if no token is left.
pub(crate) fn begin(sql: &dyn Sql, now: Timestamp) -> Result<Vec<TokenHash>> {
    transact(sql, || {
        tokens::revoke_all(sql, now)?;
        tokens::hashes(sql, AT_ONCE)
    })
}

/// Forgets tokens whose records are deleted.
///
/// # Errors
/// Internal only.
pub fn forget(sql: &dyn Sql, hashes: &[TokenHash]) -> Result<()> {
    transact(sql, || hashes.iter().try_for_each(|hash| tokens::delete(sql, hash)))
}
