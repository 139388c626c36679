//! The order in which a reader gets the refusals: the newest first. No index has it, because it would be one more row
//! written for each refusal. So a reader's first page looks at every row and the next keys are remembered; the pages
//! after it read their rows by these keys.

use crate::directory::query::Journal;
use crate::error::Result;
use crate::store::Sql;
use crate::store::refused::{self as store, RefusalPosition};

/// The keys that are remembered: ten pages.
const KEYS: i64 = 2_000;

/// The next entries for the last reader.
#[derive(Debug)]
pub(crate) struct RefusalOrder {
    /// The parameters of its pages, the same for each.
    wanted: Journal,
    /// The place that the keys follow.
    place: RefusalPosition,
    pub(super) next: Vec<RefusalPosition>,
    /// True if nothing comes after the last key.
    is_whole: bool,
}

impl RefusalOrder {
    /// Reads the keys that come after `place`.
    pub(super) fn read(sql: &dyn Sql, wanted: &Journal, place: &RefusalPosition) -> Result<Self> {
        let next = store::positions_after(sql, wanted, place, KEYS)?;
        let is_whole = (next.len() as i64) < KEYS;
        Ok(Self { wanted: any_page(wanted), place: place.clone(), next, is_whole })
    }

    /// Returns true if the entries after `place` are remembered, or that there are none.
    pub(super) fn leads_on(&self, wanted: &Journal, place: &RefusalPosition) -> bool {
        let is_inside = self.place <= *place && (self.is_whole || self.next.last().is_some_and(|last| place < last));
        is_inside && self.wanted == any_page(wanted)
    }
}

/// Returns the parameters without the page.
fn any_page(wanted: &Journal) -> Journal {
    Journal { after: None, limit: 0, ..wanted.clone() }
}
