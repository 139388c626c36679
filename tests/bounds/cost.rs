//! The cost of a request: memory, SQLite's steps, rows written, the answer. The same everywhere and every time, so a
//! test.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::support::Request;
use crate::support::native::Native;
use allocation_counter::measure;
use scim_edge::console::{self, preview::Preview};
use scim_edge::directory::admin::Admin;
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::reply::{Answer, Reply};
use scim_edge::id::RequestId;
use scim_edge::org::Memory;
use scim_edge::route::{self, Console, Route};
use scim_edge::store::Sql;
use scim_edge::{error, render};
use std::rc::Rc;

/// How many bytes of an import's part the edge hands on at once; a longer line goes whole.
const IMPORT_PIECE: usize = 96 * 1024;

/// The cost of one request, in a service that has just started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// The most bytes that were allocated at one time, the request's own included. On this machine trees take nearly twice
    /// of what they take on wasm32. SQLite's are not in it: in the Worker it is not in the wasm memory either.
    pub peak: u64,
    /// How often memory was allocated: what work on values costs, roughly.
    pub allocations: u64,
    /// Steps of SQLite's machine.
    pub steps: i64,
    /// Those of them that SQLite took at once, without a pause in which other requests run.
    pub at_once: i64,
    /// Rows written, index rows left out.
    pub written: u64,
    /// Bytes that were sent, of address and body.
    pub sent: usize,
    /// Bytes that the storage has grown by, in whole pages of 4 KiB.
    pub stored: i64,
    /// Bytes of the answer's body.
    pub answer: usize,
    /// The answer's status.
    pub status: u16,
}

/// Sends a request, one of the Console's if its path begins with `/v1/`, and takes back what it changed.
pub(super) fn cost(server: &mut Native, request: &Request) -> (Cost, String) {
    (server.memory, server.types, server.answered, server.at_once) = (Memory::default(), Rc::default(), 0, 0);
    server.sql.connection.execute_batch("SAVEPOINT before").unwrap();
    let (steps, written, size) = (server.sql.steps.get(), server.sql.written(), server.sql.size().unwrap());
    let mut response = None;
    let memory = measure(|| {
        let request = request.clone();
        response = Some(match request.path.starts_with("/v1/") {
            true => console(server, request),
            false => server.answer(request),
        });
    });
    let response = response.unwrap();
    let cost = Cost {
        peak: memory.bytes_max,
        allocations: memory.count_total,
        steps: server.sql.steps.get() - steps,
        at_once: server.at_once,
        written: server.sql.written() - written,
        sent: request.path.len() + request.body.as_ref().map_or(0, Vec::len),
        stored: server.sql.size().unwrap() - size,
        answer: response.body.len().max(server.answered),
        status: response.status,
    };
    server.sql.connection.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    (cost, String::from_utf8_lossy(response.body.get(..600).unwrap_or(&response.body)).into_owned())
}

/// A Console request with the root key, as the edge handles it.
fn console(server: &mut Native, request: Request) -> render::Response {
    let id = RequestId::parse("r-1").unwrap();
    asked(server, request, &id).unwrap_or_else(|error| render::console_problem(&error, &id))
}

fn asked(server: &mut Native, request: Request, id: &RequestId) -> error::Result<render::Response> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let Route::Console(route) = route::route(&request.method, path, query, None) else { panic!("{path}") };
    let route = route?;
    let body = request.body.unwrap_or_default();
    let query = console::query(&route, &route::query(query))?;
    let ask = match (query, route) {
        (Some(query), _) => Ask::Read(query),
        (_, Console::Preview(_)) => return server.previewed(&Preview::read(&body, crate::support::native::BASE)?, id),
        (_, Console::PutImport(_, part)) => return render::console_response(import(server, part, &body)?),
        (_, Console::PutOrg(_)) => Ask::Admin(console::configure(&body)?),
        (_, Console::PutSchema(_, urn)) => Ask::Admin(console::schema(&urn, &body)?),
        (_, Console::BeginImport(_)) => Ask::Admin(Admin::BeginImport),
        (_, Console::MintToken(_)) => {
            let (id, token) = (scim_edge::id::TokenId::parse("t-2").unwrap(), console::mint(&body)?);
            let hash = scim_edge::auth::Token::mint(token.kind, [9; 32]).hash();
            Ask::Admin(Admin::MintToken { id, hash, token, replaces: None })
        }
        (_, route) => panic!("{route:?}"),
    };
    drop(body);
    let Reply { outcome, .. } = server.call(Actor::Root, ask);
    match outcome? {
        Answer::Piece { lines, .. } => Ok(render::Response {
            status: 200,
            headers: Vec::new(),
            body: lines.into_bytes(),
            content_type: render::NDJSON,
        }),
        answer => render::console_response(answer),
    }
}

/// The lines of an import's part in pieces, as the edge hands them on.
fn import(server: &mut Native, part: i64, body: &[u8]) -> error::Result<Answer> {
    let (mut rest, mut line) = (body, 1);
    loop {
        let end = rest.iter().skip(IMPORT_PIECE).position(|byte| *byte == b'\n').map(|at| IMPORT_PIECE + at + 1);
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        let lines = String::from_utf8(piece.to_vec()).unwrap();
        let count = lines.matches('\n').count() as i64;
        let ask = Ask::Admin(Admin::ImportLines { part, line, lines, last: after.is_empty() });
        let answer = server.call(Actor::Root, ask).outcome?;
        if after.is_empty() {
            return Ok(answer);
        }
        (rest, line) = (after, line + count);
    }
}
