//! Token records in KV, with a small cache in the isolate.

use super::limits::{self, Limit};
use super::now;
use super::platform::kv_failed;
use crate::auth::remembered::Remembered;
use crate::auth::{TokenRecord, record_key};
use crate::error::{Error, Result};
use crate::id::{OrgId, Timestamp, TokenHash};
use crate::scim::json;
use std::cell::RefCell;
use worker::Env;

/// The time that a known token is believed without asking KV, in milliseconds. The object decides at every request
/// anyway.
const KNOWN: i64 = 60_000;
/// The time that an unknown token is believed to be unknown: it may just have been minted.
const UNKNOWN: i64 = 10_000;
/// The time that a record which was read once still leads to its object if KV does not answer, in milliseconds.
const KEPT: i64 = 24 * 3_600_000;
/// The time after which KV is asked again if it did not answer, in milliseconds.
const AGAIN: i64 = 10_000;
/// The most tokens that are cached: some 300 KB, and up to 2 MB if all have address ranges.
const CACHED: usize = 1000;

/// The answer of KV for a token.
#[derive(Clone)]
struct Cached {
    /// `None` if KV has no record.
    record: Option<TokenRecord>,
    /// The time of the answer.
    read: Timestamp,
    /// The time until which KV is not asked again.
    fresh: Timestamp,
}

impl Cached {
    /// Caches it for as long as it is of use.
    fn keep(self, hash: &TokenHash) {
        let until = if self.record.is_some() { self.read.plus(KEPT) } else { self.fresh };
        CACHE.with_borrow_mut(|cache| cache.insert(*hash, self.clone(), self.record.is_some(), now(), until));
    }
}

thread_local! {
    static CACHE: RefCell<Remembered<TokenHash, Cached>> = const { RefCell::new(Remembered::new(CACHED)) };
}

/// Returns the record of a token in KV, if there is one. If KV fails, a record counts that it gave within 24 hours: a
/// record only leads to an object, which decides. A look-up of a token that the cache does not know counts for the
/// client. `fails` is a test's KV that does not answer.
///
/// # Errors
/// 429 for a client with too many of those; 503 if KV fails and the token is unknown here.
pub(super) async fn look_up(env: &Env, hash: &TokenHash, client: &str, fails: bool) -> Result<Option<TokenRecord>> {
    let known = CACHE.with_borrow(|cache| cache.get(hash, now()).cloned());
    let known = match known {
        Some(known) if known.fresh > now() && !fails => return Ok(known.record),
        known => known.filter(|known| known.record.is_some()),
    };
    if known.is_none() {
        limits::check(env, Limit::Misses, client)?;
        limits::count(env, Limit::Misses, client).await?;
    }
    let text = match (read_record(env, hash, fails).await, known) {
        (Ok(text), _) => text,
        (Err(_), Some(known)) => {
            let record = known.record.clone();
            Cached { fresh: now().plus(AGAIN), ..known }.keep(hash);
            return Ok(record);
        }
        (Err(error), None) => return Err(error),
    };
    // A record that cannot be read, or is of a later version, counts as absent.
    let record = text.and_then(|text| json::read_own::<TokenRecord>(&text).ok()).filter(|record| record.v == 1);
    let fresh = now().plus(if record.is_some() { KNOWN } else { UNKNOWN });
    Cached { record: record.clone(), read: now(), fresh }.keep(hash);
    Ok(record)
}

async fn read_record(env: &Env, hash: &TokenHash, fails: bool) -> Result<Option<String>> {
    let what = "The organisation of this token cannot be looked up, so the token was neither accepted nor refused";
    if fails {
        return Err(kv_failed("asked for", what));
    }
    let kv = env.kv("TOKENS").map_err(|error| kv_failed(error, what))?;
    kv.get(&record_key(hash)).text().await.map_err(|error| kv_failed(error, what))
}

/// Writes a token's record whole.
///
/// # Errors
/// 503: KV failed, or takes no second write of one key within a second.
pub(super) async fn put(env: &Env, hash: &TokenHash, record: &TokenRecord) -> Result<()> {
    let text = serde_json::to_string(record).map_err(Error::internal)?;
    let failed = |error: worker::Error| kv_failed(error, "The token's record cannot be written");
    let kv = env.kv("TOKENS").map_err(failed)?;
    let mut put = kv.put(&record_key(hash), text).map_err(|error| failed(error.into()))?;
    if let Some(until) = record.kept_until() {
        put = put.expiration(until);
    }
    put.execute().await.map_err(|error| failed(error.into()))?;
    forget_one(hash);
    Ok(())
}

/// Deletes a token's record.
///
/// # Errors
/// 503: KV failed.
pub(super) async fn delete(env: &Env, hash: &TokenHash) -> Result<()> {
    let failed = |error: worker::Error| kv_failed(error, "A token's record cannot be deleted");
    let kv = env.kv("TOKENS").map_err(failed)?;
    kv.delete(&record_key(hash)).await.map_err(|error| failed(error.into()))
}

/// Removes a token from this isolate's cache.
pub(super) fn forget_one(hash: &TokenHash) {
    CACHE.with_borrow_mut(|cache| cache.remove(hash));
}

/// Removes an organisation's tokens from this isolate's cache.
pub(super) fn forget(org: &OrgId) {
    CACHE.with_borrow_mut(|cache| {
        cache.retain(|known| known.record.as_ref().is_none_or(|record| record.org != *org));
    });
}
