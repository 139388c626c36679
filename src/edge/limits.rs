//! Rate limits, which the platform counts. A limit that is not bound, or that fails, limits nothing.
//!
//! Only failures count against an address: identity providers push for all their customers from the same ones, so other
//! requests from its address never hold a live token up.

use super::now;
use crate::auth::remembered::Remembered;
use crate::error::{Code, Error, Result};
use js_sys::futures::JsFuture;
use js_sys::{Object, Promise, Reflect};
use std::cell::RefCell;
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

/// The kinds of requests that are counted, each by a binding of its own in wrangler.toml.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// Requests with one live token.
    Tokens,
    /// Requests from one address whose credentials are missing, malformed, unknown, or a wrong root key.
    Failures,
    /// Requests with one token that has ended, or from one address outside its ranges.
    Ended,
    /// Tokens from one address for which KV was asked.
    Misses,
}

impl Limit {
    fn binding(self) -> &'static str {
        match self {
            Limit::Tokens => "TOKEN_LIMIT",
            Limit::Failures | Limit::Ended => "FAILURE_LIMIT",
            Limit::Misses => "MISS_LIMIT",
        }
    }

    /// Returns the key that is counted. The kinds share a binding's counter, and the isolate's memory; all Workers of
    /// an account that bind one `namespace_id` share the counter, so the Worker's name is in it.
    fn key(self, env: &Env, key: &str) -> String {
        let kind = match self {
            Limit::Tokens | Limit::Ended => "t",
            Limit::Failures => "f",
            Limit::Misses => "m",
        };
        let worker = Some(super::variable_text(env, "WORKER_NAME")).filter(|name| !name.is_empty());
        format!("scim-edge:{}:{kind}/{key}", worker.as_deref().unwrap_or("scim-edge"))
    }

    fn exceeded(self) -> Error {
        let (code, detail) = match self {
            Limit::Tokens => {
                (Code::TokenRate, "Too many requests with this token in the last minute. Try again in a minute.")
            }
            Limit::Failures => (
                Code::FailureRate,
                "Too many requests without a valid token or root key from this address in the last minute. Copy the \
                 token or key once more to where it is used, or mint a new token; then try again in a minute.",
            ),
            Limit::Ended => (
                Code::EndedTokenRate,
                "Too many requests with a token that was revoked, has expired, or may not be used from this address. \
                 Mint a new one and paste it where this one is used; then try again in a minute.",
            ),
            Limit::Misses => (
                Code::UnknownTokenRate,
                "Too many different tokens from this address in the last minute. Try again in a minute.",
            ),
        };
        Error { retry_after: Some(PERIOD), ..Error::new(code, detail) }
    }
}

/// The period of all of them in wrangler.toml, in seconds.
const PERIOD: i64 = 60;
/// The most keys over their limit that an isolate remembers: some 200 KB.
const OVER_MAX: usize = 1000;

thread_local! {
    /// The keys that were over their limit less than a minute ago.
    static OVER: RefCell<Remembered<String, ()>> = const { RefCell::new(Remembered::new(OVER_MAX)) };
}

/// Returns true if the key was over its limit less than a minute ago, as far as this isolate knows. Nothing is counted.
pub(super) fn is_over(env: &Env, limit: Limit, key: &str) -> bool {
    OVER.with_borrow(|over| over.get(&limit.key(env, key), now()).is_some())
}

/// Refuses a key that [`is_over`].
///
/// # Errors
/// 429.
pub(super) fn check(env: &Env, limit: Limit, key: &str) -> Result<()> {
    if is_over(env, limit, key) { Err(limit.exceeded()) } else { Ok(()) }
}

/// Counts one more. A key that is over its limit is remembered for a minute.
///
/// # Errors
/// 429, if it is over now.
pub(super) async fn count(env: &Env, limit: Limit, key: &str) -> Result<()> {
    let key = limit.key(env, key);
    if count_key(env, limit.binding(), &key).await != Some(false) {
        return Ok(());
    }
    if !matches!(limit, Limit::Tokens) {
        OVER.with_borrow_mut(|over| over.insert(key, (), true, now(), now().plus(PERIOD * 1000)));
    }
    Err(limit.exceeded())
}

/// Returns true if the key is within the limit; `None` without a limit.
async fn count_key(env: &Env, binding: &str, key: &str) -> Option<bool> {
    let limiter = Reflect::get(env, &binding.into()).ok()?.dyn_into::<Object>().ok()?;
    let options = Object::new();
    Reflect::set(&options, &"key".into(), &key.into()).ok()?;
    let promise = limiter.unchecked_into::<JsLimiter>().limit(&options).ok()?;
    let outcome = JsFuture::from(promise).await.ok()?;
    Reflect::get(&outcome, &"success".into()).ok()?.as_bool()
}
