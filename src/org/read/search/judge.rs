//! Candidates are read in portions of a bounded size, and judged.

use super::candidates::{Candidate, Judging};
use super::scan::{Hit, Scan};
use crate::budget::Budget;
use crate::directory::view;
use crate::error::{Error, Result};
use crate::org::cost;
use crate::scim::schema::Types;
use crate::scim::{extension, sort};
use crate::store::Sql;
use crate::store::search::FoundRow;
use serde_json::Value;

/// The units of object time that a step spends on candidates before it pauses: some 20 ms.
const STEP_UNITS: u64 = 100_000;

impl Scan {
    /// Reads and judges candidates for a step, and keeps those that fit.
    pub(super) fn read_candidates(&mut self, sql: &dyn Sql, types: &Types, budget: &Budget) -> Result<()> {
        let begun = budget.spent();
        while budget.spent() - begun < STEP_UNITS && !self.has_enough() {
            if let Some((found, sorted, mut judging)) = self.candidates.open.take() {
                let source = self.sources.get(self.candidates.source);
                let fits = match source.and_then(|source| source.filter.as_ref()) {
                    Some(filter) => judging.step(sql, filter, &self.base, budget)?,
                    None => Some(true),
                };
                match fits {
                    None => self.candidates.open = Some((found, sorted, judging)),
                    Some(fits) => self.passed(found, sorted, fits)?,
                }
                continue;
            }
            match self.candidates.first() {
                None => {
                    // The whole piece is judged.
                    self.judged.clone_from(&self.place);
                    break;
                }
                Some(first) if first.read => self.read_portion(sql, types, budget)?,
                Some(_) => {
                    if let Some(candidate) = self.candidates.pop() {
                        self.passed(candidate.found, Value::Null, true)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a judged candidate.
    pub(super) fn passed(&mut self, found: FoundRow, sorted: Value, fits: bool) -> Result<()> {
        self.judged = Some(found.place.clone());
        if fits { self.take(Hit::new(self.candidates.source, sorted, found)) } else { Ok(()) }
    }

    /// Reads the next candidates, and judges them up to the first that continues in pieces.
    fn read_portion(&mut self, sql: &dyn Sql, types: &Types, budget: &Budget) -> Result<()> {
        let Some(source) = self.sources.get(self.candidates.source) else { return Ok(()) };
        let (kinds, kind, terms) = (source.kinds, types.of_kind(source.kinds), source.terms());
        let judged = self.candidates.first().is_some_and(|first| first.judged);
        let wanted = self.candidates.next_wanted(kinds);
        let read = self.complete(sql, kinds, &wanted, judged, true)?;
        if read.is_empty() {
            return Err(Error::internal("no candidate was read"));
        }
        // The size of these decides how many are read next.
        let bytes = read.iter().flatten().map(|one| one.stored.doc.get().len()).sum();
        self.candidates.were_read(read.len(), bytes);
        for one in read {
            let Some(Candidate { found, .. }) = self.candidates.pop() else { return Ok(()) };
            // It is gone meanwhile.
            let Some(one) = one else { continue };
            let related = one.stored.groups.len() + one.stored.members.as_ref().map_or(0, Vec::len);
            let terms = if judged { terms } else { 0 };
            budget.charge(
                cost::judging_units(one.stored.doc.get().len(), terms) + cost::related_judging_units(related, terms),
            );
            let whole = extension::read(kind, view::whole_resource(&one.stored, kinds, &self.base)?);
            let sorted = self.sort.as_ref().map_or(Value::Null, |sort| sort::sort_key(&sort.by, kind, &whole));
            let filter = self.sources.get(self.candidates.source).and_then(|source| source.filter.as_ref());
            match filter.filter(|_| judged) {
                // It has more groups or members than memory holds: they are judged in pieces, over several steps.
                Some(filter) if one.stored.rest.is_some() || one.left_out => {
                    let judging = Judging::new(filter, kinds, &found, &one, whole);
                    self.candidates.open = Some((found, sorted, judging));
                    // Those behind it are read again later.
                    return Ok(());
                }
                Some(filter) => {
                    let fits = filter.matches(&whole);
                    self.passed(found, sorted, fits)?;
                }
                None => self.passed(found, sorted, true)?,
            }
        }
        Ok(())
    }
}
