//! A part of an import: its body is read as it comes and handed on in pieces of whole lines, so that neither the edge
//! nor the object ever holds it whole.

use super::steps::Steps;
use super::{DRAINED_MAX, Platform};
use crate::directory::admin::Admin;
use crate::directory::call::Ask;
use crate::directory::reply::Answer;
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Result};
use crate::render::{self, Response};
use crate::scim::json::BODY_MAX;
use crate::store::TEXT_MAX;

/// The size of a piece that is handed on, in bytes; a longer line goes whole.
const PIECE: usize = 96 * 1024;

/// Handles `PUT /v1/orgs/{org}/import/{part}`. Its client may send at most [`DRAINED_MAX`] bytes, which bounds the loop.
pub(super) async fn store_part<P: Platform>(steps: &mut Steps<'_, P>, part: i64) -> Result<Response> {
    let home = steps.home().await?;
    let broken = |_| Error::new(Code::BodyIncomplete, format!("Part {part} did not arrive whole. Send it again."));
    let (mut piece, mut read, mut line, mut failed) = (Vec::new(), 0, 1, None);
    while let Some(chunk) = steps.platform.next_chunk().await.map_err(broken)? {
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
        // A piece ends behind its last whole line, and what follows begins the next one.
        if piece.len() >= PIECE
            && let Some(end) = piece.iter().rposition(|byte| *byte == b'\n')
        {
            let rest = piece.split_off(end + 1);
            let whole = std::mem::replace(&mut piece, rest);
            let count = count_lines(&whole);
            failed = send_piece(steps, &home, lines_ask(part, line, whole, false)).await.err();
            line += count;
        }
        if failed.is_none() && piece.len() > PIECE + TEXT_MAX {
            let detail = format!("Part {part}, line {line} has more than 1 MiB.");
            failed = Some(Error::new(Code::ImportLineTooLarge, detail));
        }
    }
    match failed {
        Some(error) => Err(error),
        None => render::console_response(send_piece(steps, &home, lines_ask(part, line, piece, true)).await?),
    }
}

async fn send_piece<P: Platform>(steps: &mut Steps<'_, P>, home: &Residency, ask: Result<Ask>) -> Result<Answer> {
    steps.platform.ask_for_answer(&mut steps.call_of(home.clone(), ask?)).await
}

fn lines_ask(part: i64, line: i64, bytes: Vec<u8>, last: bool) -> Result<Ask> {
    let lines = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = line + count_lines(before);
        Error::new(Code::ImportNotUtf8, format!("Part {part}, line {line}: this is not UTF-8."))
    })?;
    Ok(Ask::Admin(Admin::ImportLines { part, line, lines, last }))
}

fn count_lines(bytes: &[u8]) -> i64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as i64
}
