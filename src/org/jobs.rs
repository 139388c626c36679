//! The table of jobs: everything that an organisation does without a request. A job is a row here and a time in `due`, which
//! is all that makes it go; [`alarm`](super::alarm) takes the steps.

use crate::error::Result;
use crate::id::Timestamp;
use crate::org::import::job as import;
use crate::org::journal::{copying, prune};
use crate::org::memory::Memory;
use crate::org::provision::{clearing, spelling};
use crate::store::Sql;
use crate::store::due::{self, DueJob};

/// The rest of a job that was set aside before it is tried again, in milliseconds.
pub(crate) const REST: i64 = 24 * 3_600_000;

/// A job that is done without a request, in steps.
pub(crate) struct Job {
    /// Its row in `due`; stored, so it never changes.
    pub(crate) name: &'static str,
    /// The time of its first step without a row, in milliseconds after the registration; `None` if a call makes it due.
    first: fn(&dyn Sql) -> Result<Option<i64>>,
    /// The furthest time ahead for which it is ever due, in milliseconds. A later time was set while the clock was
    /// wrong, and counts as now.
    furthest: i64,
    /// Takes one bounded step. Returns when the next one is due, `None` if there is no more to do.
    pub(crate) step: fn(&dyn Sql, &mut Memory, Timestamp) -> Result<Option<Timestamp>>,
    /// Notes that it was set aside, and why.
    pub(crate) set_aside: fn(&dyn Sql, &str, Timestamp) -> Result<SetAside>,
}

/// A sentence that says what being set aside means and what to do, and when the job is due again.
pub(crate) type SetAside = (String, Option<Timestamp>);

const JOBS: [Job; 5] = [
    Job {
        name: clearing::CLEAR,
        first: |_| Ok(None),
        furthest: REST,
        step: clearing::step,
        set_aside: |_, _, now| {
            let then = "Memberships of users and groups that were deleted are still stored; no answer shows them. \
                        Removing them is tried again in a day.";
            Ok((then.to_owned(), Some(now.plus(REST))))
        },
    },
    Job {
        name: import::IMPORT,
        first: |_| Ok(None),
        furthest: REST,
        step: import::step,
        set_aside: |sql, why, now| import::set_aside(sql, why, now, now.plus(REST)),
    },
    Job {
        name: prune::PRUNE,
        first: |_| Ok(Some(prune::PRUNE_EVERY)),
        furthest: REST,
        step: prune::step,
        set_aside: |_, _, now| {
            let then =
                "It is tried again in a day. Until then what is older than 30 days is kept, and no token is warned of.";
            Ok((then.to_owned(), Some(now.plus(REST))))
        },
    },
    Job {
        name: spelling::SPELL,
        first: |_| Ok(None),
        furthest: REST,
        step: spelling::step,
        set_aside: |_, _, now| {
            let then = "Values that were stored in another spelling than the registered schemas' are spelled whenever \
                        they are read, so filters are slow. Writing them anew is tried again in a day.";
            Ok((then.to_owned(), Some(now.plus(REST))))
        },
    },
    Job {
        name: copying::COPY,
        first: |sql| Ok(copying::is_needed(sql)?.then_some(0)),
        furthest: REST,
        step: copying::step,
        set_aside: |_, _, now| {
            let then = "It is tried again in a day. Until then the journal shows the refusals of the build before \
                        from where that one stored them.";
            Ok((then.to_owned(), Some(now.plus(REST))))
        },
    },
];

impl Job {
    /// Returns the time that counts.
    fn due_at(&self, due: &DueJob, now: Timestamp) -> Timestamp {
        // One step too early does no harm; a job that waits for a wrong clock could wait for years.
        if due.at > now.plus(self.furthest) { now } else { due.at }
    }
}

/// Returns the jobs that have a row, each with its due time. A row of another version's job is skipped.
pub(crate) fn waiting_jobs(sql: &dyn Sql, now: Timestamp) -> Result<Vec<(&'static Job, Timestamp, i64)>> {
    let all = due::all_jobs(sql)?;
    let known = all.iter().filter_map(|due| {
        // After a rollback a newer build's row stays, and is found again once that build runs.
        let job = JOBS.iter().find(|job| job.name == due.what)?;
        Some((job, job.due_at(due, now), due.attempts))
    });
    Ok(known.collect())
}

/// Makes every periodic job due that has no row: after the registration, and where a version added the job.
///
/// # Errors
/// Internal only.
pub(crate) fn begin_periodic(sql: &dyn Sql, now: Timestamp) -> Result<()> {
    let all = due::all_jobs(sql)?;
    for job in JOBS.iter().filter(|job| !all.iter().any(|due| due.what == job.name)) {
        // A job whose first time is `None` waits for a call that needs it.
        if let Some(first) = (job.first)(sql)? {
            due::set_due(sql, job.name, Some(now.plus(first)))?;
        }
    }
    Ok(())
}
