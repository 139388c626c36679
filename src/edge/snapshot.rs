//! A snapshot over HTTP: the object is asked for one piece after the other, as the client takes them. So the directory
//! is never gathered, the object is free between two pieces, and a token that ends also ends its snapshots.

use super::Edge;
use crate::exchange::Exchange;
use crate::exchange::console::SnapshotRest;
use crate::render::Response;
use futures_util::stream::{LocalBoxStream, StreamExt, try_unfold};
use worker::Env;

/// The rest of a body.
pub(super) type RestOfBody = LocalBoxStream<'static, worker::Result<Vec<u8>>>;

/// The part that is still to be sent.
struct OpenSnapshot {
    env: Env,
    lines: Vec<u8>,
    rest: Option<SnapshotRest>,
}

/// Returns the answer that begins with this piece, and keeps the rest for its body. If a later piece fails, the body
/// breaks off without its last line.
pub(super) fn send_pieces(edge: &Edge<'_>, mut first: Response, rest: SnapshotRest) -> Response {
    let open = OpenSnapshot { env: edge.env.clone(), lines: std::mem::take(&mut first.body), rest: Some(rest) };
    let body = try_unfold(open, |mut open| async move {
        if open.lines.is_empty() {
            let Some(rest) = open.rest.take() else { return Ok(None) };
            let (origin, request) = (String::new(), rest.call.request.clone());
            // The object charges the token, not the address; the first piece has let this client in.
            let exchange = Exchange { request: request.clone(), origin, address: None };
            let (lines, rest) = rest.next_piece(&mut &Edge::new(&open.env, exchange)).await.map_err(|error| {
                worker::console_error!("{request} {}", error.detail);
                worker::Error::RustError(error.detail)
            })?;
            (open.lines, open.rest) = (lines.into_bytes(), rest);
        }
        Ok(Some((std::mem::take(&mut open.lines), open)))
    });
    edge.rest.set(Some(body.boxed_local()));
    first
}
