//! A snapshot over HTTP: the object is asked for one piece after the other, as the client takes them. So the directory
//! is never gathered, the object is free between two pieces, and a token that ends also ends its snapshots.

use super::Edge;
use crate::directory::call::{Ask, Call};
use crate::directory::query::Query;
use crate::directory::reply::Answer;
use crate::error::{Error, Result};
use crate::render::{self, Response};
use futures_util::stream::{LocalBoxStream, StreamExt, try_unfold};
use worker::Env;

/// The rest of a body.
pub(super) type Rest = LocalBoxStream<'static, worker::Result<Vec<u8>>>;

/// The part that is still to be sent.
struct Open {
    env: Env,
    call: Call,
    lines: Vec<u8>,
    next: Option<String>,
}

/// Returns the answer that begins with this piece. If a later one fails, the body breaks off without its last line.
pub(super) fn answer(edge: &Edge<'_>, call: Call, lines: String, next: Option<String>) -> Response {
    let mut response =
        Response { status: 200, headers: Vec::new(), body: lines.into_bytes(), content_type: render::NDJSON };
    if next.is_some() {
        let lines = std::mem::take(&mut response.body);
        let open = Open { env: edge.env.clone(), call, lines, next };
        let rest = try_unfold(open, |mut open| async move {
            if open.lines.is_empty() {
                let Some(position) = open.next.take() else { return Ok(None) };
                (open.lines, open.next) = open.piece(position).await.map_err(|error| {
                    worker::console_error!("{} {}", open.call.request, error.detail);
                    worker::Error::RustError(error.detail)
                })?;
            }
            Ok(Some((std::mem::take(&mut open.lines), open)))
        });
        edge.rest.set(Some(rest.boxed_local()));
    }
    response
}

impl Open {
    async fn piece(&mut self, position: String) -> Result<(Vec<u8>, Option<String>)> {
        self.call.ask = Ask::Read(Query::Snapshot { position: Some(position) });
        match Edge::new(&self.env, self.call.request.clone(), String::new()).object(&mut self.call).await? {
            Answer::Piece { lines, next } => Ok((lines.into_bytes(), next)),
            _ => Err(Error::internal("not a piece of a snapshot")),
        }
    }
}
