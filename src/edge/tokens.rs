//! Token records in KV, with a small cache in the isolate.

use super::limits::{self, Limit};
use super::now;
use crate::auth::remembered::Remembered;
use crate::auth::{Record, record_key};
use crate::error::{Error, Result};
use crate::id::{OrgId, TokenHash};
use crate::scim::json;
use std::cell::RefCell;
use worker::Env;

/// How long a known token is believed without asking KV, in milliseconds. The object decides at every request anyway.
const KNOWN: i64 = 60_000;
/// How long an unknown one is: a token that was just minted may be on its way.
const UNKNOWN: i64 = 10_000;
/// How many tokens are cached: some 300 KB, and up to 2 MB if all have address ranges.
const CACHED: usize = 1000;

thread_local! {
    static CACHE: RefCell<Remembered<TokenHash, Option<Record>>> = const { RefCell::new(Remembered::new(CACHED)) };
}

/// Returns what KV knows of a token; `None` for nothing. A look-up that the cache does not answer counts for the client.
///
/// # Errors
/// 429 for a client with too many of those, or internal.
pub(super) async fn look_up(env: &Env, hash: &TokenHash, client: Option<&str>) -> Result<Option<Record>> {
    if let Some(record) = CACHE.with_borrow(|cache| cache.get(hash, now()).cloned()) {
        return Ok(record);
    }
    if let Some(client) = client {
        limits::check(Limit::Misses, client)?;
        limits::count(env, Limit::Misses, client).await?;
    }
    let kv = env.kv("TOKENS").map_err(Error::internal)?;
    let text = kv.get(&record_key(hash)).text().await.map_err(Error::internal)?;
    // A record that cannot be read, or is of a later version, opens nothing.
    let record = text.and_then(|text| json::own::<Record>(&text).ok()).filter(|record| record.v == 1);
    let until = now().plus(if record.is_some() { KNOWN } else { UNKNOWN });
    CACHE.with_borrow_mut(|cache| cache.insert(*hash, record.clone(), record.is_some(), now(), until));
    Ok(record)
}

/// Writes a token's record whole.
///
/// # Errors
/// Internal: KV failed, or takes no second write of one key within a second.
pub(super) async fn put(env: &Env, hash: &TokenHash, record: &Record) -> Result<()> {
    let text = serde_json::to_string(record).map_err(Error::internal)?;
    let kv = env.kv("TOKENS").map_err(Error::internal)?;
    let mut put = kv.put(&record_key(hash), text).map_err(Error::internal)?;
    if let Some(until) = record.kept_until() {
        put = put.expiration(until);
    }
    put.execute().await.map_err(Error::internal)?;
    forget_one(hash);
    Ok(())
}

/// Deletes a token's record.
///
/// # Errors
/// Internal: KV failed.
pub(super) async fn delete(env: &Env, hash: &TokenHash) -> Result<()> {
    let kv = env.kv("TOKENS").map_err(Error::internal)?;
    kv.delete(&record_key(hash)).await.map_err(Error::internal)
}

/// Forgets what this isolate knows of a token.
pub(super) fn forget_one(hash: &TokenHash) {
    CACHE.with_borrow_mut(|cache| cache.remove(hash));
}

/// Forgets what this isolate knows of an organisation's tokens.
pub(super) fn forget(org: &OrgId) {
    CACHE.with_borrow_mut(|cache| {
        cache.retain(|record| record.as_ref().is_none_or(|record| record.org != *org));
    });
}
