//! The alarm: the platform calls an object once at a chosen time, and an organisation does all work without a request
//! then. The alarm saves the counters that are in memory, then takes one step of the job that is due the longest.
//!
//! A job only sets a time in `due`: the storage notes it, and the object checks its alarm after the call. The platform
//! may lose an alarm, run it twice or a day late; every step is one transaction that starts from the stored state, so
//! each of these only costs time. A step may kill its object: its attempt is counted and committed before, and after
//! three attempts without an end the job is set aside, so the others continue.
//!
//! Out of scope: setting the platform's alarm, waiting for the commit between [`begin_alarm`] and [`Attempt::take_step`], and the
//! log; `edge` does these.

use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::org::admin::records;
use crate::org::import::state::read_writing;
use crate::org::jobs::{Job, REST, waiting_jobs};
use crate::org::journal::{saving, warning};
use crate::org::memory::Memory;
use crate::org::start;
use crate::store::{Sql, due, schema, transact};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The shortest time from now for which the alarm is set, in milliseconds. An alarm for the current millisecond is lost
/// in workerd if it is set while an alarm runs.
pub const AHEAD: i64 = 10;
/// The time after which it is tried again when it could not even read the due jobs, in milliseconds.
pub const RETRY: i64 = 60_000;
/// The delay of an alarm after which a call does its work, in milliseconds; in workerd's tests less.
pub const LATE: i64 = if cfg!(feature = "test-hooks") { 3_000 } else { 30_000 };
/// The attempts without an end after which a job is set aside.
const ATTEMPTS: i64 = 3;
/// The delay of the next attempt after a step that never ends, after the first one and after the others, in
/// milliseconds; in workerd's tests less.
const PAUSES: (i64, i64) = if cfg!(feature = "test-hooks") { (1_000, 2_000) } else { (10_000, 60_000) };
/// Returns the time for which the platform's alarm must be set; `None` if it may stay as it is. `armed` is the time for
/// which it is set as far as the caller knows, `changed` says that a due time was set since. A time that has passed
/// counts as not set: the platform may have lost that alarm. An object that is not registered needs no alarm.
///
/// # Errors
/// Internal only.
pub fn wanted_time(
    sql: &dyn Sql,
    memory: &Memory,
    armed: Option<Timestamp>,
    changed: bool,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    // A time further ahead than any job asks for was set while the clock was wrong.
    let armed = armed.filter(|at| *at > now && *at <= now.plus(REST));
    // The due jobs are read only if one may have changed, so that most calls pay no row for the alarm.
    let looks = memory.migrated && (changed || armed.is_none());
    let stored = if looks { waiting_jobs(sql, now)? } else { Vec::new() };
    let records = if looks { records::next_due_at(sql)? } else { None };
    let records = records.map(|at| if at > now.plus(REST) { now } else { at });
    // Jobs, counters in memory and token records share the one alarm of an object: the earliest wins.
    let times = stored.into_iter().map(|(_, at, _)| at).chain(memory.unsaved.save_due_at(now)).chain(records);
    let next = times.min().map(|at| at.max(now.plus(AHEAD)));
    Ok(next.filter(|at| armed.is_none_or(|armed| *at < armed)))
}

/// A step that was begun: its attempt is counted. It must be committed before [`Attempt::take_step`].
pub struct Attempt {
    job: &'static Job,
    made: i64,
}

/// The failure of an alarm, for the log.
#[derive(Debug)]
pub struct Failure {
    /// The job's name.
    pub job: &'static str,
    /// The reason.
    pub error: Error,
}

/// Begins an alarm: saves the counters, then counts an attempt at the job that is due the longest. A job whose attempts
/// are used up is set aside instead. Also returns a failure that stops nothing else.
///
/// # Errors
/// Internal only.
pub fn begin_alarm(sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Result<(Option<Attempt>, Option<Failure>)> {
    if !schema::exists(sql)? {
        return Ok((None, None));
    }
    start::load_memory(sql, memory, now)?;
    // Step 1: counters are saved first, and a failure of that must not keep any job from its step.
    let saved = catch_panic(|| saving::save_counters(sql, memory, now));
    let failure = saved.err().map(|error| Failure { job: "save", error });
    // Step 2: the job that has waited longest, so that a busy job never starves another one.
    let due = waiting_jobs(sql, now)?.into_iter().filter(|(_, at, _)| *at <= now).min_by_key(|(_, at, _)| *at);
    let Some((job, _, made)) = due else { return Ok((None, failure)) };
    if made >= ATTEMPTS {
        set_aside(sql, memory, job, "ended before they were done: out of memory, or out of time", now)?;
        return Ok((None, failure));
    }
    // The attempt is counted before the step runs. If the step kills the object, the count is what remains of it.
    let pause = if made == 0 { PAUSES.0 } else { PAUSES.1 };
    let made = transact(sql, || due::count_attempt(sql, job.name, now.plus(pause)))?;
    Ok((Some(Attempt { job, made }), failure))
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "attempt {} at a step of {}", self.made, self.job.name)
    }
}

impl Attempt {
    /// Takes the step. A step that fails or panics is rolled back, and tried again after a pause; the last attempt sets
    /// the job aside. A step that ends because the platform restarts the object was no attempt. Returns its failure.
    pub fn take_step(self, sql: &dyn Sql, memory: &mut Memory, now: Timestamp) -> Option<Failure> {
        let Self { job, made } = self;
        let stepped = catch_panic(|| {
            transact(sql, || {
                let next = (job.step)(sql, memory, now)?;
                due::set_due(sql, job.name, next)
            })
        });
        let error = stepped.err()?;
        // Only the stored state counts: the step may have noted in memory what was rolled back.
        memory.forget_stored();
        // A passing fault, such as a restart of the object, gives the attempt back: it says nothing about the job.
        let again = start::load_memory(sql, memory, now).and_then(|()| match made >= ATTEMPTS {
            _ if error.code.is_passing() => transact(sql, || due::withdraw_attempt(sql, job.name, now.plus(PAUSES.1))),
            true => set_aside(sql, memory, job, "failed", now),
            false => Ok(()),
        });
        let error = again.err().map_or(error.clone(), |second| Error::internal(format!("{error}; then {second}")));
        Some(Failure { job: job.name, error })
    }
}

/// Sets a job aside, with a warning in the journal. `how` says how its attempts ended. If even that note fails, the job
/// rests for a day like the others, so it never blocks them.
fn set_aside(sql: &dyn Sql, memory: &mut Memory, job: &Job, how: &str, now: Timestamp) -> Result<()> {
    let why = format!("{ATTEMPTS} attempts at a step {how}");
    let noted = catch_panic(|| transact(sql, || (job.set_aside)(sql, &why, now)));
    // The job's own note may be what fails. It then rests for a day without one.
    let (then, next) = noted.unwrap_or_else(|_| ("It is tried again in a day.".to_owned(), Some(now.plus(REST))));
    let sentence = format!("The job \"{}\" was set aside: {why}. {then}", job.name);
    transact(sql, || {
        due::set_due(sql, job.name, next)?;
        warning::warn_of_job(sql, job.name, &sentence, now)
    })?;
    // A job of an import that is set aside may leave the directory between two states.
    memory.importing = read_writing(sql)?;
    Ok(())
}

/// Runs `body`; a panic becomes an error. `body` changes the storage, whose transaction rolls back, and memory, which
/// its caller then reads from the storage again.
fn catch_panic<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err(Error::internal("a panic")))
}
