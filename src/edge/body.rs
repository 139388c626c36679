//! Bounded reading of a request's body.

use super::header_text;
use crate::error::{Code, Error, Result};
use crate::exchange::DRAINED_MAX;
use crate::ingest::{LOOKED_AT, subject_in};
use crate::scim::json;
use js_sys::futures::JsFuture;
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use worker::Request;
use worker::web_sys::ReadableStream;

/// The longest time that the body of a refused request is waited for, in milliseconds.
const DISCARDED_WITHIN: u32 = 1000;

// A body that arrives piece by piece is gathered outside the wasm memory, which never shrinks: a client that hangs up
// in the middle leaves nothing there.
#[wasm_bindgen(inline_js = r#"
export async function gather(body, most, drained, shown) {
  const reader = body.getReader();
  let chunks = [];
  const head = new Uint8Array(shown);
  let read = 0;
  while (read <= drained) {
    const { done, value } = await reader.read();
    if (done) break;
    if (read < shown) head.set(value.subarray(0, shown - read), read);
    read += value.byteLength;
    if (read <= most) chunks.push(value);
    else chunks = [];
  }
  if (read > most) return [head.subarray(0, Math.min(read, shown))];
  const whole = new Uint8Array(read);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

export async function drop(body, most, milliseconds) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds, { done: true })));
  const reader = body.getReader();
  try {
    for (let read = 0; read <= most; ) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) break;
      read += value.byteLength;
    }
  } finally {
    clearTimeout(timer);
  }
}
"#)]
extern "C" {
    /// Returns the whole body, or for more than `most` bytes a list of its first `shown` bytes; of a larger one, up to
    /// `drained` bytes are read and dropped.
    fn gather(body: &ReadableStream, most: u32, drained: u32, shown: u32) -> Promise;

    /// Reads the body to its end and drops it, within so many bytes and milliseconds.
    #[wasm_bindgen(js_name = drop)]
    fn drop_whole(body: &ReadableStream, most: u32, milliseconds: u32) -> Promise;
}

/// Reads the body of a refused request and drops it outside the wasm memory, so that the refusal reaches a client that
/// still writes. It takes at most [`DRAINED_MAX`] bytes and a second: a client that writes no more gets its answer too.
pub(super) async fn discard(request: &Request) {
    if let Some(stream) = request.inner().body() {
        let _broken_off = JsFuture::from(drop_whole(&stream, DRAINED_MAX as u32, DISCARDED_WITHIN)).await;
    }
}

/// Reads the body, up to [`json::BODY_MAX`].
///
/// # Errors
/// 413 for a longer one, with the names that its beginning has; 400 for one that did not arrive whole.
pub(super) async fn read_whole(request: &mut Request) -> Result<Vec<u8>> {
    let broken = || Error::new(Code::BodyIncomplete, "The body did not arrive whole. Send the request again.");
    let announced = header_text(request, "Content-Length").and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length <= json::BODY_MAX) {
        return request.bytes().await.map_err(|_| broken());
    }
    // The body is of unknown length, or too long.
    let Some(stream) = request.inner().body() else { return Ok(Vec::new()) };
    let gathering = gather(&stream, json::BODY_MAX as u32, DRAINED_MAX as u32, LOOKED_AT as u32);
    let gathered = JsFuture::from(gathering).await.map_err(|_| broken())?;
    gathered.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).ok_or_else(|| {
        let head = gathered.dyn_ref::<Array>().and_then(|list| list.get(0).dyn_into::<Uint8Array>().ok());
        json::too_large().with_about(subject_in(&head.map(|head| head.to_vec()).unwrap_or_default()))
    })
}
