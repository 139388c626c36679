//! The alarm's jobs: a row for each with its next time. [`set_due`] is the only place that writes a time, and tells the
//! storage so: then the object checks its alarm after the call.

use super::{Sql, first_row, read_rows};
use crate::error::Result;
use crate::id::Timestamp;

/// One job's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueJob {
    /// The job's name.
    pub what: String,
    /// The time at which its next step is due.
    pub at: Timestamp,
    /// The steps that were begun since the last one that ended.
    pub attempts: i64,
}

/// Returns all rows; there are few.
pub fn all_jobs(sql: &dyn Sql) -> Result<Vec<DueJob>> {
    let rows = sql.query("SELECT what, at, attempts FROM due ORDER BY what", &[])?;
    read_rows(rows, |mut row| Ok(DueJob { what: row.text()?, at: Timestamp(row.integer()?), attempts: row.integer()? }))
}

/// Sets when a job is due, with no attempt made yet; `None` ends it.
pub fn set_due(sql: &dyn Sql, what: &str, at: Option<Timestamp>) -> Result<()> {
    sql.due_changed();
    let Some(at) = at else {
        return sql.query("DELETE FROM due WHERE what = ?", &[what.into()]).map(|_| ());
    };
    let text = "INSERT INTO due (what, at, attempts) VALUES (?, ?, 0) \
                ON CONFLICT (what) DO UPDATE SET at = excluded.at, attempts = 0";
    sql.query(text, &[what.into(), at.0.into()]).map(|_| ())
}

/// Takes back an attempt that failed for no fault of the step's; it is due again at that time.
pub fn withdraw_attempt(sql: &dyn Sql, what: &str, again: Timestamp) -> Result<()> {
    sql.due_changed();
    let text = "UPDATE due SET attempts = max(attempts - 1, 0), at = ? WHERE what = ?";
    sql.query(text, &[again.0.into(), what.into()]).map(|_| ())
}

/// Counts an attempt at a job's step, which is due again at that time if it never ends. Returns the number of attempts.
pub fn count_attempt(sql: &dyn Sql, what: &str, again: Timestamp) -> Result<i64> {
    let text = "UPDATE due SET attempts = attempts + 1, at = ? WHERE what = ? RETURNING attempts";
    first_row(sql, text, &[again.0.into(), what.into()])?.map_or(Ok(0), |mut row| row.integer())
}
