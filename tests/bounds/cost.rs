//! The cost of a request: memory, SQLite's steps, rows written, the answer. The same everywhere and every time, so a
//! test.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::support::Request;
use crate::support::native::Native;
use allocation_counter::measure;
use scim_edge::org::Memory;
use scim_edge::store::Sql;
use std::rc::Rc;

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
            true => server.console_answer(request, None),
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
