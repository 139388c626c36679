//! The streams of an organisation: snapshots and parts of imports, which continue in many calls. They are not charged to
//! a bucket; their number is bounded instead.

use crate::directory::admin::Admin;
use crate::directory::call::{Actor, Ask, Call};
use crate::directory::query::Query;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, is_within};
use std::collections::BTreeMap;

/// The running snapshots and parts of imports. Each is identified by its request; all its calls have that id.
#[derive(Debug, Default)]
pub(super) struct Streams(BTreeMap<String, Timestamp>);

/// The most that may run at once.
const STREAMS: usize = 2;
/// The time after its last call for which one is believed to continue, in milliseconds: the client may have hung up.
const FORGOTTEN_AFTER: i64 = 30_000;

impl Streams {
    /// Admits a call that begins a stream or continues one. A continuing one is never refused: its answer has begun.
    ///
    /// # Errors
    /// 429 with `Retry-After`, if enough are running.
    pub(super) fn enter(&mut self, call: &Call, now: Timestamp) -> Result<()> {
        // Later calls of a stream say so themselves: a position, or a line above the first.
        let goes_on = match &call.ask {
            Ask::Read(Query::Snapshot { position }) => position.is_some(),
            Ask::Admin(Admin::ImportLines { line, .. }) => *line > 1,
            _ => return Ok(()),
        };
        // A stream that a client broke off sends no end, so silence ends it.
        self.0.retain(|_, last| is_within(now, *last, FORGOTTEN_AFTER));
        let id = call.request.as_str();
        // A stream that is running already takes no second place.
        let known = goes_on || call.actor == Actor::Root || self.0.contains_key(id);
        if !known && self.0.len() >= STREAMS {
            let error = Error::new(
                Code::TooManyStreams,
                "Two snapshots or parts of an import are under way for this organisation already. Try again when one of \
                 them has ended; one that was broken off is forgotten after 30 seconds.",
            );
            return Err(Error { retry_after: Some(FORGOTTEN_AFTER / 1000), ..error });
        }
        self.0.insert(id.to_owned(), now);
        Ok(())
    }

    /// Forgets a stream that has ended.
    pub(super) fn leave(&mut self, call: &Call, outcome: &Result<Answer>) {
        let goes_on = match (&call.ask, outcome) {
            (_, Err(_)) => false,
            (Ask::Read(Query::Snapshot { .. }), Ok(Answer::Piece { next, .. })) => next.is_some(),
            (Ask::Admin(Admin::ImportLines { last, .. }), _) => !last,
            _ => return,
        };
        if !goes_on {
            self.0.remove(call.request.as_str());
        }
    }
}
