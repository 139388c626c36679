//! The answer of a SCIM request on its way from the object to the client: the object writes it whole, status, headers
//! and body, and the edge passes it on unread. A response of an object with `X-Request-Id` is such an answer; any other
//! is a [`crate::directory::reply::Reply`] as JSON, for the edge to read.

use super::now;
use super::sql::Storage;
use crate::directory::call::Rendering;
use crate::directory::reply::Answer;
use crate::error::{Error, Result};
use crate::id::RequestId;
use crate::org::{Charged, Memory};
use crate::render::{self, BodyWriter, RenderedAnswer};
use crate::scim::schema::Types;
use futures_util::stream::{StreamExt, try_unfold};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use worker::js_sys::{Array, Uint8Array};
use worker::wasm_bindgen::prelude::*;
use worker::web_sys::ReadableStream;
use worker::{Headers, Response};

/// The header that an object's response has if it is final.
pub(super) const FINAL: &str = "X-Request-Id";

/// The most members and groups that are read without a pause. An answer with more has no entity tag: other requests run
/// while it is sent, so its end may be later than its beginning.
const AT_ONCE: usize = 100_000;

/// How a call's answer is written.
pub(super) struct WantedResponse {
    pub(super) rendering: Rendering,
    pub(super) base: String,
    pub(super) request: RequestId,
}

#[wasm_bindgen]
extern "C" {
    /// `Blob`: the pieces of a body outside the wasm memory, which never shrinks.
    type Blob;

    #[wasm_bindgen(constructor, catch)]
    fn new(parts: &Array) -> std::result::Result<Blob, JsValue>;

    #[wasm_bindgen(method)]
    fn stream(this: &Blob) -> ReadableStream;
}

/// Writes an answer as it is sent, and charges its caller with the groups and members that it reads for that. Nothing
/// may have changed since the answer was made: the rest of it is read here, except for a resource with more than
/// [`AT_ONCE`] groups or members.
///
/// # Errors
/// Internal only.
pub(super) fn write(
    storage: &Storage,
    memory: &Rc<RefCell<Memory>>,
    types: &Types,
    answer: Answer,
    wanted: &WantedResponse,
) -> Result<Response> {
    let Rendering { kinds, projection } = &wanted.rendering;
    let RenderedAnswer { status, headers: shown, mut body } =
        render::scim_answer(answer, *kinds, &wanted.base, projection, types)?;
    memory.borrow_mut().answered_with(status);
    let mut pieces: Vec<String> = Vec::new();
    let parts = Array::new();
    while body.entries_read() <= AT_ONCE {
        let Some(piece) = body.next_piece(storage)? else { break };
        // The first piece waits for a second one: most answers have one.
        pieces.push(piece);
        if parts.length() > 0 || pieces.len() > 1 {
            pieces.drain(..).for_each(|piece| _ = parts.push(&bytes(&piece)));
        }
    }
    let headers = Headers::new();
    let set = |name: &str, value: &str| headers.set(name, value).map_err(Error::internal);
    set(FINAL, wanted.request.as_str())?;
    render::ALWAYS.iter().try_for_each(|(name, value)| set(name, value))?;
    let streamed = !body.is_over();
    for (name, value) in shown.iter().filter(|(name, _)| !(streamed && *name == "ETag")) {
        set(name, value)?;
    }
    if cfg!(feature = "test-hooks") {
        set("X-Test-Rows", &storage.rows())?;
    }
    let builder = Response::builder().with_status(status);
    if parts.length() == 0 && pieces.is_empty() {
        return Ok(builder.with_headers(headers).empty());
    }
    set("Content-Type", render::SCIM_JSON)?;
    let builder = builder.with_headers(headers);
    let charged = memory.borrow_mut().charge_written(body.entries_read(), now());
    Ok(match pieces.pop() {
        Some(only) => builder.fixed(only.into_bytes()),
        None if streamed => {
            builder.from_stream(rest(storage, (Rc::clone(memory), charged), body, parts)).map_err(Error::internal)?
        }
        None => {
            let blob = Blob::new(&parts).map_err(|error| Error::internal(format!("{error:?}")))?;
            builder.stream(blob.stream())
        }
    })
}

fn bytes(piece: &str) -> Uint8Array {
    Uint8Array::from(piece.as_bytes())
}

/// Returns the pieces that were read, then those that follow, each when the client takes it and each charged to its
/// caller.
fn rest(
    storage: &Storage,
    charged: (Rc<RefCell<Memory>>, Option<Charged>),
    body: BodyWriter,
    read: Array,
) -> impl futures_util::Stream<Item = worker::Result<Vec<u8>>> + 'static {
    let read = futures_util::stream::iter(read.to_vec().into_iter().map(|piece| Ok(Uint8Array::from(piece).to_vec())));
    let more = try_unfold((storage.again(), charged, body), |(storage, charged, mut body)| async move {
        let before = body.entries_read();
        let piece = catch_unwind(AssertUnwindSafe(|| body.next_piece(&storage)));
        if let (memory, Some(caller)) = &charged {
            memory.borrow_mut().charge_piece(caller, body.entries_read() - before, now());
        }
        let piece = piece.unwrap_or_else(|_| Err(Error::internal("a panic in the object")));
        match piece {
            Ok(piece) => Ok(piece.map(|piece| (piece.into_bytes(), (storage, charged, body)))),
            Err(error) => Err(worker::Error::RustError(error.detail)),
        }
    });
    read.chain(more)
}
