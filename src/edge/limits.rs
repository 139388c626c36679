//! Rate limits, which the platform counts. One that is not bound, or that fails, limits nothing.

use crate::error::{Error, Kind, Result};
use js_sys::futures::JsFuture;
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use worker::Env;

#[wasm_bindgen]
extern "C" {
    /// `RateLimit`.
    #[wasm_bindgen(extends = Object)]
    type JsLimiter;

    #[wasm_bindgen(method, catch)]
    fn limit(this: &JsLimiter, options: &Object) -> std::result::Result<Promise, JsValue>;
}

/// By token, for those that KV knows.
pub(super) const TOKENS: (&str, &str) =
    ("TOKEN_LIMIT", "More requests come with this token than are let through in a minute. Try again in a minute.");
/// By client, for who has none of them. A known token is never held up by it: providers push for all their customers
/// from the same addresses.
pub(super) const FAILURES: (&str, &str) = (
    "FAILURE_LIMIT",
    "Too many requests without a valid token come from this address. Copy the organisation's token into the identity \
     provider again, or mint a new one; then try again in a minute.",
);
/// The period of both in wrangler.toml, in seconds.
const PERIOD: i64 = 60;

/// Counts one more, or answers 429.
pub(super) async fn check(env: &Env, (binding, detail): (&str, &str), key: &str) -> Result<()> {
    if counted(env, binding, key).await == Some(false) {
        return Err(Error { retry_after: Some(PERIOD), ..Error::new(Kind::TooManyRequests, detail) });
    }
    Ok(())
}

/// Whether it is within the limit, if there is one.
async fn counted(env: &Env, binding: &str, key: &str) -> Option<bool> {
    let limiter = Reflect::get(env, &binding.into()).ok()?.dyn_into::<Object>().ok()?;
    let options = Object::new();
    Reflect::set(&options, &"key".into(), &key.into()).ok()?;
    let promise = limiter.unchecked_into::<JsLimiter>().limit(&options).ok()?;
    let outcome = JsFuture::from(promise).await.ok()?;
    Reflect::get(&outcome, &"success".into()).ok()?.as_bool()
}
