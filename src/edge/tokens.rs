//! Token records in KV, with a small cache in the isolate.

use crate::auth::{RECORD_GRACE_SECONDS, Record, record_key};
use crate::error::{Error, Result};
use crate::id::{OrgId, Timestamp, TokenHash};
use crate::scim::json;
use crate::sorted::Sorted;
use std::cell::RefCell;
use worker::Env;

/// How long a known token is believed without asking KV, in milliseconds. The object decides at every request anyway.
const KNOWN: i64 = 60_000;
/// How long an unknown one is: a token that was just minted may be on its way.
const UNKNOWN: i64 = 10_000;
/// How many tokens are cached: some 300 KB.
const CACHED: usize = 1000;

thread_local! {
    static CACHE: RefCell<Sorted<TokenHash, (Timestamp, Option<Record>)>> = const { RefCell::new(Sorted::new()) };
}

/// What KV knows of a token; `None` for nothing.
pub(super) async fn look_up(env: &Env, hash: &TokenHash, now: Timestamp) -> Result<Option<Record>> {
    let cached = CACHE.with_borrow(|cache| cache.get(hash).filter(|(until, _)| *until > now).cloned());
    if let Some((_, record)) = cached {
        return Ok(record);
    }
    let kv = env.kv("TOKENS").map_err(Error::internal)?;
    let text = kv.get(&record_key(hash)).text().await.map_err(Error::internal)?;
    // A record that cannot be read, or is of a later version, opens nothing.
    let record = text.and_then(|text| json::own::<Record>(&text).ok()).filter(|record| record.v == 1);
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= CACHED {
            cache.clear();
        }
        let kept = if record.is_some() { KNOWN } else { UNKNOWN };
        cache.insert(*hash, (now.plus(kept), record.clone()));
    });
    Ok(record)
}

/// Writes a new token's record.
pub(super) async fn put(env: &Env, hash: &TokenHash, record: &Record) -> Result<()> {
    write(env, hash, record).await?;
    CACHE.with_borrow_mut(|cache| cache.remove(hash));
    Ok(())
}

async fn write(env: &Env, hash: &TokenHash, record: &Record) -> Result<()> {
    let text = serde_json::to_string(record).map_err(Error::internal)?;
    let kv = env.kv("TOKENS").map_err(Error::internal)?;
    let mut put = kv.put(&record_key(hash), text).map_err(Error::internal)?;
    let end = record.expires_at.map(|end| end.0 / 1000 + RECORD_GRACE_SECONDS);
    // The platform refuses an end that 32 bits cannot hold. The record of a token that lives beyond 2037 stays.
    if let Some(end) = end.filter(|end| *end <= i64::from(i32::MAX)) {
        put = put.expiration(end.unsigned_abs());
    }
    put.execute().await.map_err(Error::internal)
}

/// Deletes a token's record.
pub(super) async fn delete(env: &Env, hash: &TokenHash) -> Result<()> {
    let kv = env.kv("TOKENS").map_err(Error::internal)?;
    kv.delete(&record_key(hash)).await.map_err(Error::internal)
}

/// Forgets what this isolate knows of an organisation's tokens.
pub(super) fn forget(org: &OrgId) {
    CACHE.with_borrow_mut(|cache| {
        cache.retain(|(_, record)| record.as_ref().is_none_or(|record| record.org != *org));
    });
}

/// Lets the record of a token that ends at `end` end with it: late enough that the object still counts who uses it.
pub(super) async fn expire(env: &Env, hash: &TokenHash, end: Timestamp) -> Result<()> {
    let kv = env.kv("TOKENS").map_err(Error::internal)?;
    let text = kv.get(&record_key(hash)).text().await.map_err(Error::internal)?;
    let Some(record) = text.and_then(|text| json::own::<Record>(&text).ok()) else { return Ok(()) };
    let expires_at = Some(record.expires_at.map_or(end, |earlier| earlier.min(end)));
    write(env, hash, &Record { expires_at, ..record }).await
}
