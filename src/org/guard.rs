//! The deprovisioning guard: a group that was unassigned by mistake must not empty a company.
//!
//! What counts is each user deactivated or deleted and each member removed; a user who is deleted counts once, whatever
//! groups it leaves with it. The window is summed up once from the change rows and then kept in memory, so a guarded
//! organisation pays nothing more for a request, and one without a guard nothing at all.

use crate::directory::options::Guard;
use crate::error::{Code, Error, Result};
use crate::id::Timestamp;
use crate::store::{Sql, changes};

/// In how many parts a window is remembered. A part counts until its last change is out of the window.
const PARTS: i64 = 64;

/// What was lost in the window, oldest first: up to when, and how much.
#[derive(Debug, Default)]
pub(super) struct Lately {
    window: i64,
    losses: Vec<(Timestamp, i64)>,
}

impl Lately {
    /// The losses in a guard's window, read from the changes if they are not remembered.
    pub(super) fn of<'a>(
        remembered: &'a mut Option<Self>,
        sql: &dyn Sql,
        guard: Guard,
        now: Timestamp,
    ) -> Result<&'a mut Self> {
        let window = guard.window_seconds * 1000;
        if remembered.as_ref().is_none_or(|lately| lately.window != window) {
            let mut lately = Self { window, losses: Vec::new() };
            for (at, lost) in changes::losses(sql, now.plus(-window))? {
                lately.add(at, lost);
            }
            *remembered = Some(lately);
        }
        let lately = remembered.get_or_insert_default();
        lately.losses.retain(|(until, _)| *until > now.plus(-window));
        Ok(lately)
    }

    /// Counts what a request has lost.
    pub(super) fn add(&mut self, at: Timestamp, lost: i64) {
        if lost == 0 {
            return;
        }
        let part = (self.window / PARTS).max(1);
        match self.losses.last_mut() {
            Some((until, sum)) if until.0 / part == at.0 / part => {
                (*until, *sum) = ((*until).max(at), *sum + lost);
            }
            _ => self.losses.push((at, lost)),
        }
    }

    fn sum(&self) -> i64 {
        self.losses.iter().map(|(_, lost)| lost).sum()
    }

    /// In how many seconds `lost` more fit below the limit; the whole window if they never do.
    fn seconds(&self, guard: Guard, lost: i64, now: Timestamp) -> i64 {
        let mut excess = self.sum() + lost - guard.limit;
        let free = self.losses.iter().find(|(_, gone)| {
            excess -= gone;
            excess <= 0
        });
        free.map_or(guard.window_seconds, |(until, _)| (until.0 + self.window - now.0) / 1000 + 1)
    }
}

/// What one request is held against.
pub(super) struct Watch<'a> {
    pub(super) guard: Guard,
    pub(super) lately: &'a Lately,
    pub(super) now: Timestamp,
}

impl Watch<'_> {
    /// 429 if the guard does not let the request take out so many. Asked before anything is written.
    pub(super) fn check(&self, lost: i64) -> Result<()> {
        let Self { guard, lately, now } = self;
        if lost == 0 || lately.sum() + lost <= guard.limit {
            return Ok(());
        }
        // The sentence is the same each time, so that a provider that repeats itself is one row of the journal.
        let detail = format!(
            "The deprovisioning guard of this organisation lets at most {} users be deactivated or deleted and members be \
         removed within {} seconds. Nothing was changed. If it is meant, release the guard for a while in the Cloud \
         Console (POST /v1/orgs/ORG/guard/release) or raise its limit; the identity provider may then try again.",
            guard.limit, guard.window_seconds
        );
        Err(Error { retry_after: Some(lately.seconds(*guard, lost, *now)), ..Error::new(Code::Guard, detail) })
    }
}
