//! The deprovisioning guard: a group that was unassigned by mistake must not empty a company.
//!
//! The guard counts each user deactivated or deleted, each member removed, also by the return of a user, and each
//! change of the `userName` (not of its case only) of a user with an `externalId`. A deleted user counts once, whatever
//! groups it leaves. Each change row holds its count. The window is summed up once from the rows and then kept in
//! memory, so a guarded organisation pays nothing more for a request, and one without a guard pays nothing at all.
//!
//! The clock may be wrong. A change's time never goes back, so once the clock was a year ahead all changes have that
//! time for a year; the row then holds the clock too. A time in the future counts as the time of the next change at the
//! latest, or as now if no change followed.

use crate::directory::options::Guard;
use crate::error::{Code, Error, Result};
use crate::id::{OrgId, Timestamp};
use crate::store::Sql;
use crate::store::changes::{self, Loss};

/// The parts in which a window is remembered. A part counts until its last change is out of the window.
const PARTS: i64 = 64;

/// The losses in the window, oldest first, in parts of it.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    window: i64,
    /// The latest time for which the window was read.
    asked: Timestamp,
    losses: Vec<Loss>,
}

impl Lately {
    /// Returns the losses in a guard's window, read from the changes if they are not remembered, or if the clock went
    /// back: its earlier time may have moved them out of the window.
    pub(crate) fn remembered<'a>(
        remembered: &'a mut Option<Self>,
        sql: &dyn Sql,
        guard: Guard,
        now: Timestamp,
    ) -> Result<&'a mut Self> {
        let window = guard.window_seconds * 1000;
        // The rows are read once after a start, after a new window, or when the clock went back.
        if remembered.as_ref().is_none_or(|lately| lately.window != window || now < lately.asked) {
            *remembered = Some(Self::read(sql, window, now)?);
        }
        let lately = remembered.get_or_insert_default();
        lately.asked = now;
        let since = now.plus(-window);
        // From the newest to the oldest, since a change cannot be later than those after it.
        let mut later = now;
        lately.losses = lately
            .losses
            .iter()
            .rev()
            .map(|loss| (made_at_latest(*loss, &mut later, now), loss))
            .take_while(|(made, _)| *made > since)
            // It ages from now on, also if no change follows.
            .map(|(made, loss)| Loss { clock: if loss.at > now { made } else { loss.clock }, ..*loss })
            .collect();
        lately.losses.reverse();
        Ok(lately)
    }

    fn read(sql: &dyn Sql, window: i64, now: Timestamp) -> Result<Self> {
        let (mut all, mut later) = (Vec::new(), now);
        changes::each_loss(sql, &mut |loss| {
            all.push(loss);
            made_at_latest(loss, &mut later, now) > now.plus(-window)
        })?;
        let mut lately = Self { window, asked: now, losses: Vec::new() };
        all.into_iter().rev().for_each(|loss| lately.add_loss(loss));
        Ok(lately)
    }

    /// Counts the loss of a change. One without a loss says when those before it were made at the latest.
    pub(crate) fn add_loss(&mut self, loss: Loss) {
        let part = (self.window / PARTS).max(1);
        let part = |loss: &Loss| (loss.at.0 / part, loss.clock.0 / part);
        match self.losses.last_mut() {
            Some(last) if loss.lost == 0 => last.clock = last.clock.min(loss.clock),
            // Losses of one part are added up, so that the memory is bounded whatever is removed.
            Some(last) if part(last) == part(&loss) => {
                let (at, clock) = (last.at.max(loss.at), last.clock.max(loss.clock));
                *last = Loss { at, clock, lost: last.lost + loss.lost };
            }
            None if loss.lost == 0 => {}
            _ => self.losses.push(loss),
        }
    }

    /// Returns the losses in the window.
    pub(crate) fn count_lost(&self) -> i64 {
        self.losses.iter().map(|loss| loss.lost).sum()
    }

    /// Returns the seconds until `lost` more fit below the limit; the whole window if they never do, and never longer.
    fn seconds_to_wait(&self, guard: Guard, lost: i64, now: Timestamp) -> i64 {
        // The oldest losses leave the window first; the one with which enough have left tells the time.
        let mut excess = self.count_lost() + lost - guard.limit;
        let free = self.losses.iter().find(|loss| {
            excess -= loss.lost;
            excess <= 0
        });
        let pause = |loss: &Loss| {
            let made = if loss.at > now { loss.clock.min(now) } else { loss.at };
            (made.0 + self.window - now.0) / 1000 + 1
        };
        free.map_or(guard.window_seconds, pause).clamp(1, guard.window_seconds)
    }
}

/// Returns when a change counts as made. Called for the newest change first; `later` begins as now and is when the
/// changes after it were made at the latest.
fn made_at_latest(loss: Loss, later: &mut Timestamp, now: Timestamp) -> Timestamp {
    if loss.at <= now {
        return loss.at;
    }
    *later = (*later).min(loss.clock);
    *later
}

/// The guard's state for one request.
pub(crate) struct Watch<'a> {
    pub(crate) guard: Guard,
    pub(crate) lately: &'a Lately,
    pub(crate) now: Timestamp,
    pub(crate) org: &'a OrgId,
}

impl Watch<'_> {
    /// Checks that the guard allows so many, before anything is written.
    ///
    /// # Errors
    /// 429 if it does not.
    pub(crate) fn check_loss(&self, lost: i64) -> Result<()> {
        let Self { guard, lately, now, org } = self;
        if lost == 0 || lately.count_lost() + lost <= guard.limit {
            return Ok(());
        }
        // The sentence is the same each time, so that a provider that repeats itself is one row of the journal.
        let detail = format!(
            "The deprovisioning guard of organisation {org} lets at most {} users be deactivated, deleted or given another \
         userName and members be removed within {} seconds. Nothing was changed. If it is meant, release the guard for a while in the Cloud \
         Console (POST /v1/orgs/{org}/guard/release) or raise its limit; the identity provider may then try again.",
            guard.limit, guard.window_seconds
        );
        Err(Error { retry_after: Some(lately.seconds_to_wait(*guard, lost, *now)), ..Error::new(Code::Guard, detail) })
    }
}
