//! The order in which a reader gets the refusals: the newest first. No index has it, because it would be one more row
//! written for each refusal. So a reader's first page looks at every row and the next keys are remembered; the pages
//! after it read their rows by these keys.

use super::evidence::Evidence;
use crate::budget::Budget;
use crate::directory::query::Journal;
use crate::error::Result;
use crate::store::Sql;
use crate::store::refused::{self as store, Position, Refused};

/// The keys that are remembered: ten pages.
const KEYS: i64 = 2_000;

/// The next entries for the last reader.
#[derive(Debug)]
pub(crate) struct Order {
    /// The parameters of its pages, the same for each.
    wanted: Journal,
    /// The place that the keys follow.
    place: Position,
    next: Vec<Position>,
    /// True if nothing comes after the last key.
    is_whole: bool,
}

impl Order {
    fn read(sql: &dyn Sql, wanted: &Journal, place: &Position) -> Result<Self> {
        let next = store::order(sql, wanted, place, KEYS)?;
        let is_whole = (next.len() as i64) < KEYS;
        Ok(Self { wanted: any_page(wanted), place: place.clone(), next, is_whole })
    }

    /// Returns true if the entries after `place` are remembered, or that there are none.
    fn leads_on(&self, wanted: &Journal, place: &Position) -> bool {
        let is_inside = self.place <= *place && (self.is_whole || self.next.last().is_some_and(|last| place < last));
        is_inside && self.wanted == any_page(wanted)
    }
}

/// Returns the parameters without the page.
fn any_page(wanted: &Journal) -> Journal {
    Journal { after: None, limit: 0, ..wanted.clone() }
}

/// Returns the units of looking at all rows. SQLite 3.40 looked at 150,000 rows in 31 ms, a unit each. With names to
/// compare it took 87 ms for 17,000 rows of 4 KiB and 93 ms for 150,000 small ones, either of them nearly 64 MiB.
fn looking(rows: usize, wanted: &Journal) -> usize {
    if wanted.resource.is_some() || wanted.nested { (rows * 25).min(450_000) } else { rows }
}

/// Returns the entries after `place`, at most `limit`. An entry that is seen again during the reading moves before that
/// place, so it is left out.
pub(crate) fn next(
    sql: &dyn Sql,
    evidence: &mut Evidence,
    wanted: &Journal,
    place: &Position,
    limit: i64,
    budget: &Budget,
) -> Result<Vec<Refused>> {
    if wanted.after.is_none() {
        // There may be newer ones.
        evidence.order = None;
    }
    let (mut found, mut place) = (Vec::new(), place.clone());
    // Each turn passes at least one key.
    while let Some(left) = usize::try_from(limit).unwrap_or_default().checked_sub(found.len()).filter(|left| *left > 0)
    {
        let order = match evidence.order.take().filter(|order| order.leads_on(wanted, &place)) {
            Some(order) => order,
            None => {
                budget.charge(looking(evidence.rows(sql)?, wanted));
                Order::read(sql, wanted, &place)?
            }
        };
        let begin = order.next.partition_point(|at| *at <= place);
        let places: Vec<Position> = order.next.iter().skip(begin).take(left).cloned().collect();
        evidence.order = Some(order);
        let Some(last) = places.last() else { break };
        place = last.clone();
        found.extend(store::load(sql, &places)?);
    }
    Ok(found)
}
