//! Tokens whose object time is used up, as far as this isolate knows: they are refused before their bodies are read, so that
//! what a refused load costs is not taken from the other organisations of the isolate.

use super::{body, now};
use crate::auth::remembered::Remembered;
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, TokenHash};
use crate::org::bucket;
use std::cell::RefCell;
use worker::Request;

/// How many tokens are remembered: some 100 KB.
const TOKENS: usize = 1000;
/// How long a refusal is believed at most, in seconds. An object that starts anew has full buckets.
const LONGEST: i64 = 60;

thread_local! {
    /// Until when a token is refused.
    static SPENT: RefCell<Remembered<TokenHash, Timestamp>> = const { RefCell::new(Remembered::new(TOKENS)) };
}

/// Refuses a token that an object refused, until the time that the object named.
///
/// # Errors
/// 429 with `Retry-After`.
pub(super) fn check(hash: &TokenHash) -> Result<()> {
    let now = now();
    match SPENT.with_borrow(|spent| spent.get(hash, now).copied()) {
        Some(until) => Err(bucket::still_spent((until.0 - now.0 + 999) / 1000)),
        None => Ok(()),
    }
}

/// [`check`]s the token of a request whose body was not read. If it is refused its body is dropped unread.
///
/// # Errors
/// 429 with `Retry-After`.
pub(super) async fn check_before_body(hash: &TokenHash, request: &Request) -> Result<()> {
    let checked = check(hash);
    if checked.is_err() {
        body::discard(request).await;
    }
    checked
}

/// Learns from an object's refusal; any other error says nothing.
pub(super) fn learn(hash: &TokenHash, error: &Error) {
    if error.code != Code::ObjectTimeSpent {
        return;
    }
    let now = now();
    let until = now.plus(error.retry_after.unwrap_or(1).clamp(1, LONGEST) * 1000);
    SPENT.with_borrow_mut(|spent| spent.insert(*hash, until, true, now, until));
}
