//! The alarm of an organisation's object: its jobs, and the tokens' records in KV that are due.

use super::Org;
use crate::edge::measure::Busy;
use crate::edge::{now, platform, tokens};
use crate::error::{Error, Result};
use crate::id::{OrgId, Timestamp};
use crate::org::Memory;
use crate::org::admin::records;
use crate::org::alarm::{self, Failure};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;
use worker::Delay;

/// The records in KV that are written after a call that ended a token, and after an alarm.
pub(super) const RECORDS_NOW: i64 = 5;
const RECORDS_LATER: i64 = 50;
/// The time that KV may take for them, in milliseconds.
const RECORDS_TIME: u64 = 10_000;
/// The time after a failure until they are tried again, in milliseconds; tests do not wait for it.
const RECORDS_AGAIN: i64 = if cfg!(feature = "test-hooks") { 1_000 } else { 60_000 };

impl Org {
    /// Does the work of an alarm: saves counters, takes one step of a job, sets the next alarm.
    pub(super) async fn work_on_jobs(&self) {
        let busy = Busy::begin();
        let begun = self.run_guarded(|memory| alarm::begin_alarm(&self.storage, memory, now()));
        busy.end();
        let (attempt, failure) = begun.unwrap_or_else(|error| (None, Some(Failure { job: "begin", error })));
        let (mut failures, mut stepped) = (failure.into_iter().collect::<Vec<_>>(), None);
        if let Some(attempt) = attempt {
            // The attempt is committed before its step, which may kill this object. Only the storage is awaited here.
            stepped = match self.state.storage().sync().await {
                Ok(()) => {
                    let busy = Busy::begin();
                    let stepped = self.run_guarded(|memory| {
                        if cfg!(feature = "test-hooks") {
                            self.storage.step(&attempt.to_string());
                        }
                        Ok(attempt.take_step(&self.storage, memory, now()))
                    });
                    busy.end();
                    stepped.unwrap_or_else(|error| Some(Failure { job: "step", error }))
                }
                Err(error) => Some(Failure { job: "commit", error: platform::failed(&error.into(), "from sync") }),
            };
        }
        failures.extend(stepped);
        self.wake_waiters(false);
        // Work that needs other services comes after the step: bounded in time, and with its panics caught.
        failures.extend(self.write_records(RECORDS_LATER).await);
        self.armed.set(None);
        let next = self.run_guarded(|memory| alarm::wanted_time(&self.storage, memory, None, true, now()));
        let next = next.unwrap_or_else(|error| {
            failures.push(Failure { job: "next", error });
            None
        });
        // Without an answer it looks again in a minute.
        let next = next.or_else(|| (!failures.is_empty()).then(|| now().plus(alarm::RETRY)));
        if let Err(error) = self.set_alarm(next).await {
            failures.push(Failure { job: "set", error });
        }
        for Failure { job, error } in failures {
            self.log_failure(job, &error);
        }
    }

    pub(super) fn log_failure(&self, job: &str, error: &Error) {
        let name = self.name.as_ref().map(OrgId::as_str).unwrap_or_default();
        worker::console_error!("organisation {name:?}: job {job}: {}", error.detail);
    }

    /// Writes records in KV that are due. A record that KV does not take fails nothing: it is due again later, as its
    /// row says, and the alarm is set for that. Returns the failure of this object, if any.
    pub(super) async fn write_records(&self, count: i64) -> Option<Failure> {
        let writing = async {
            let Some(org) = &self.name else { return Ok(()) };
            for due in records::take_due_records(&self.storage, org, now(), count, now().plus(RECORDS_AGAIN))? {
                match tokens::put(&self.env, &due.hash, &due.record).await {
                    Ok(()) => records::note_written(&self.storage, &due)?,
                    Err(error) => worker::console_warn!("a token's record in KV: {}", error.detail),
                }
            }
            Ok(())
        };
        let late = Delay::from(Duration::from_millis(RECORDS_TIME));
        let error = match select(pin!(AssertUnwindSafe(writing).catch_unwind()), late).await {
            Either::Left((Ok(written), _)) => written.err()?,
            Either::Left((Err(_), _)) => Error::internal("a panic"),
            Either::Right(_) => Error::internal(format!("KV gave no answer in {RECORDS_TIME} ms")),
        };
        Some(Failure { job: "records", error })
    }

    /// Returns true if the alarm is long overdue, so that a call does its work until it goes off. An alarm that ends
    /// its instance, but not itself, still runs for the platform and delays the next one.
    pub(super) fn is_late(&self) -> bool {
        let Some(passed) = self.armed.get().filter(|at| *at <= now()) else { return false };
        let since = self.late_since.get().unwrap_or(passed);
        self.late_since.set(Some(since));
        since.plus(alarm::LATE) <= now()
    }

    /// Sets the alarm if it must go off sooner, or if its time has passed.
    pub(super) async fn set_due_alarm(&self) -> Result<()> {
        let changed = self.storage.due_was_set();
        let wanted = alarm::wanted_time(&self.storage, &self.memory.borrow(), self.armed.get(), changed, now());
        self.set_alarm(wanted?).await
    }

    pub(super) async fn set_alarm(&self, at: Option<Timestamp>) -> Result<()> {
        if let Some(at) = at {
            let ahead = (at.0 - now().0).max(alarm::AHEAD);
            let set = self.state.storage().set_alarm(Duration::from_millis(ahead.unsigned_abs())).await;
            set.map_err(|error| platform::failed(&error.into(), "from setAlarm"))?;
            self.armed.set(Some(at));
        }
        Ok(())
    }

    /// Runs a part of the alarm; a panic becomes an error.
    pub(super) fn run_guarded<T>(&self, part: impl FnOnce(&mut Memory) -> Result<T>) -> Result<T> {
        let run = || part(&mut self.memory.borrow_mut());
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Error::internal("a panic")))
    }
}
