//! The meaning of the platform's errors. Objects are restarted every day, by updates of the platform and of the code; a
//! call of an object, and a call of its storage, then fails with a property that says so. Nothing is tried again here:
//! the platform does that where it is safe.

use crate::error::{Code, Error};
use js_sys::Reflect;
use wasm_bindgen::prelude::*;

/// Seconds after which to send a request again that the platform failed.
const RETRY_AFTER: i64 = 60;

/// Parts of the messages of a storage that cannot be read or written: SQLite's result codes, the transaction that such
/// an error ended, the platform's own faults and its daily limits.
const STORAGE_FAILS: [&str; 8] = [
    "SQLITE_IOERR",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "due to an earlier SQL critical error",
    "internal error",
    "Exceeded allowed",
];

/// Reads an error that ended a call of an object, or of an object's storage. `place` is for the log.
///
/// Returns 503 with the time to try again for the platform's own interruptions, else internal.
pub(super) fn failed(error: &JsValue, place: &str) -> Error {
    let says = |name: &str| Reflect::get(error, &name.into()).is_ok_and(|value| value.is_truthy());
    let message = Reflect::get(error, &"message".into()).ok().and_then(|text| text.as_string()).unwrap_or_default();
    let (code, detail) = if says("overloaded") {
        (Code::DirectoryBusy, "The directory is busy. Send the request again in a minute.")
    } else if says("durableObjectReset") || says("retryable") {
        (
            Code::ObjectReset,
            "The platform restarted the directory in the middle of this request, as it does now and then. The request was \
             carried out whole or not at all; the answer that says which is lost. Send it again in a minute.",
        )
    } else if message.contains("SQLITE_FULL") {
        (
            Code::StorageFull,
            "The directory's storage is full, so nothing of this request was done. Requests that only read still work. Tell \
             the operator of this service, then send it again.",
        )
    } else if STORAGE_FAILS.iter().any(|text| message.contains(text)) {
        (
            Code::StorageFailed,
            "The directory's storage cannot be used at the moment, so nothing of this request was done. Send it again in a \
             minute.",
        )
    } else {
        return Error::internal(format!("{error:?} {place}"));
    };
    worker::console_error!("{code}: {error:?} {place}");
    unavailable(code, detail)
}

/// Reads an error of Workers KV. `what` begins the sentence: the action that failed.
pub(super) fn kv_failed(error: impl std::fmt::Display, what: &str) -> Error {
    worker::console_error!("{}: {error}", Code::TokenStoreFailed);
    unavailable(
        Code::TokenStoreFailed,
        format!("{what}: Workers KV does not answer. Send the request again in a minute."),
    )
}

fn unavailable(code: Code, detail: impl Into<String>) -> Error {
    Error { retry_after: Some(RETRY_AFTER), ..Error::new(code, detail) }
}

/// Makes the error that the platform would throw: with the property `what`, or as SQLite says it. Test builds only.
pub(super) fn pretended(what: &str) -> JsValue {
    let message = match what {
        "full" => "database or disk is full: SQLITE_FULL",
        "unreadable" => "disk I/O error: SQLITE_IOERR",
        "critical" => "Cannot commit transaction due to an earlier SQL critical error",
        _ => "asked for",
    };
    let error = js_sys::Error::new(message);
    if message == "asked for" {
        // A property that cannot be set shows in the test, whose answer is 500 then.
        let _set = Reflect::set(&error, &what.into(), &JsValue::TRUE);
    }
    error.into()
}
