//! A part of an import over HTTP: its body is read as it comes and handed on in pieces of whole lines, so that neither
//! this isolate nor the object ever holds it whole.

use super::Edge;
use super::body::DRAINED_MAX;
use crate::directory::admin::Admin;
use crate::directory::call::{Ask, Call};
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::render::{self, Response};
use crate::scim::json::BODY_MAX;
use crate::store::TEXT_MAX;
use futures_util::StreamExt;
use worker::Request;

/// The size of a piece that is handed on, in bytes; a longer line goes whole.
const PIECE: usize = 96 * 1024;

/// Hands a part on, and returns the answer. `call` makes the call of a Console request.
pub(super) async fn part(
    edge: &Edge<'_>,
    mut request: Request,
    part: i64,
    call: impl Fn(Ask) -> Call,
) -> Result<Response> {
    let broken = |_| Error::new(Code::BodyIncomplete, format!("Part {part} did not arrive whole. Send it again."));
    let (mut piece, mut read, mut line, mut failed) = (Vec::new(), 0, 1, None);
    if request.inner().body().is_some() {
        let mut stream = request.stream().map_err(broken)?;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(broken)?;
            read += chunk.len();
            if read > DRAINED_MAX {
                break;
            }
            if read > BODY_MAX && failed.is_none() {
                let detail = format!("Part {part} is larger than {BODY_MAX} bytes. Split it at the end of a line.");
                failed = Some(Error::new(Code::ImportPartTooLarge, detail));
            }
            // A refused part is read to its end: an answer that comes while the client still writes does not reach it.
            if failed.is_some() {
                continue;
            }
            piece.extend_from_slice(&chunk);
            if piece.len() >= PIECE
                && let Some(end) = piece.iter().rposition(|byte| *byte == b'\n')
            {
                let rest = piece.split_off(end + 1);
                let count = piece.iter().filter(|byte| **byte == b'\n').count() as i64;
                let whole = std::mem::replace(&mut piece, rest);
                failed = send_piece(edge, &call, lines_ask(part, line, whole, false)).await.err();
                line += count;
            }
            if failed.is_none() && piece.len() > PIECE + TEXT_MAX {
                let detail = format!("Part {part}, line {line} has more than 1 MiB.");
                failed = Some(Error::new(Code::ImportLineTooLarge, detail));
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => render::console_response(send_piece(edge, &call, lines_ask(part, line, piece, true)).await?),
    }
}

async fn send_piece(edge: &Edge<'_>, call: &impl Fn(Ask) -> Call, ask: Result<Ask>) -> Result<Answer> {
    edge.object(&mut call(ask?)).await
}

fn lines_ask(part: i64, line: i64, bytes: Vec<u8>, last: bool) -> Result<Ask> {
    let lines = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = line + before.iter().filter(|byte| **byte == b'\n').count() as i64;
        Error::new(Code::ImportNotUtf8, format!("Part {part}, line {line}: this is not UTF-8."))
    })?;
    Ok(Ask::Admin(Admin::ImportLines { part, line, lines, last }))
}
