//! Tokens whose object time is used up, as far as this isolate knows. They are refused before their bodies are read, so
//! that refused load takes nothing from the other organisations of the isolate.

use super::{body, now};
use crate::auth::remembered::Remembered;
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, TokenHash};
use crate::org::bucket;
use std::cell::RefCell;
use worker::Request;

/// The most tokens that are remembered: some 100 KB.
const TOKENS: usize = 1000;
/// The longest time that a refusal is believed, in seconds. An object that starts anew has full buckets.
const LONGEST: i64 = 60;

thread_local! {
    /// The tokens that are refused, each with the end of its refusal.
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

/// Refuses a token as [`check`] does, before the body is read. The body of a refused request is dropped unread.
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

/// Remembers an object's refusal; any other error says nothing.
pub(super) fn learn(hash: &TokenHash, error: &Error) {
    if error.code != Code::ObjectTimeSpent {
        return;
    }
    let now = now();
    let until = now.plus(error.retry_after.unwrap_or(1).clamp(1, LONGEST) * 1000);
    SPENT.with_borrow_mut(|spent| spent.insert(*hash, until, true, now, until));
}
