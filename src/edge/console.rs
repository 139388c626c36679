//! The Console's API over HTTP: the caller, then the exchange.

use super::services::EdgeServices;
use super::{Edge, header_text, snapshot};
use crate::console;
use crate::error::Result;
use crate::exchange::console::{ConsoleRequest, respond};
use crate::render::Response;
use crate::route::{self, Console};
use worker::Request;

/// Handles one Console request; a refusal is a problem (RFC 9457).
pub(super) async fn handle(edge: &Edge<'_>, route: Result<Console>, request: Request, query: &str) -> Response {
    let outcome = handle_known(edge, route, request, query).await;
    outcome.unwrap_or_else(|error| edge.problem(&console::unauthorized(error)))
}

/// Handles a request whose caller is checked first: an unknown one does not learn which addresses there are.
async fn handle_known(edge: &Edge<'_>, route: Result<Console>, request: Request, query: &str) -> Result<Response> {
    let caller = edge.console_caller(&request).await?;
    let if_none_match = header_text(&request, "If-None-Match");
    let reads = ["GET", "HEAD"].contains(&request.inner().method().as_str());
    let asked = ConsoleRequest { route, reads, query: route::query(query), if_none_match };
    let mut services = EdgeServices::new(edge, request);
    let answered = respond(&mut services, &edge.exchange, &caller, asked).await?;
    Ok(match answered.rest {
        Some(rest) => snapshot::send_pieces(edge, answered.response, rest),
        None => answered.response,
    })
}
