//! How much work one call may cause. An organisation's object has one thread. So work that is done in one piece is
//! counted, and a call that needs too much is refused instead of holding up all other callers.
//!
//! The unit is one comparison of a stored value with one that a client sent. Other work is priced in it: a loop over a
//! client's values spends its elements times the terms that judge each of them, before it begins.

use crate::error::{Code, Error, Result};
use std::cell::Cell;

/// Units that are one second of the object's thread.
///
/// Measured in workerd 1.20261117.1 with the release profile, on two cores that were busy with other things too: filters
/// of 220 terms on 1,000 elements, twenty times, 4.6 million units in 0.74 s; filters of one term, a thousand times, 2.1
/// million in 0.34 s; lists of 1,000 values against 1,000 stored ones, fifty times, 2.4 million in 0.3 s; 1,000 creates of
/// 2 KB, 1.2 million in 0.2 s; 150 changes of a document of 256 KiB, 5 million in 1.25 to 1.5 s, which is why a document
/// weighs a third more since then. Beside much other work 116 changes of a document of one text of 250 KB took 0.45 s of the
/// processor, and 122 of one of 1,000 roles, 226 KB, 2.8 s: since then each value of a document weighs too.
pub const UNITS_PER_SECOND: u64 = 5_000_000;

/// Units that one call may spend: one second.
pub const CALL_UNITS: u64 = UNITS_PER_SECOND;

/// The units that one call may spend. All work for the call shares it. It is not rolled back with a transaction,
/// because the work was done.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    spent: Cell<u64>,
    exceeded: Cell<bool>,
}

impl Budget {
    /// Returns the budget of one call: [`CALL_UNITS`].
    pub const fn new() -> Self {
        Self::with_limit(CALL_UNITS)
    }

    /// Returns a budget of `limit` units.
    pub const fn with_limit(limit: u64) -> Self {
        Self { limit, spent: Cell::new(0), exceeded: Cell::new(false) }
    }

    /// Spends units, before the work that they stand for is done.
    ///
    /// # Errors
    /// 400 `tooMany`, if fewer units are left. Then nothing is spent, and [`Budget::is_exceeded`] is true from then on.
    pub fn spend(&self, units: usize) -> Result<()> {
        // A product of two sizes may be beyond 64 bits; at the largest number it is refused like any other.
        let spent = self.spent.get().saturating_add(units as u64);
        if spent > self.limit {
            // Noted apart: a Bulk request must end at once and not try its other operations.
            self.exceeded.set(true);
            return Err(Error::new(
                Code::TooMuchWork,
                "The request needs more work than one request may cause: it compares too many values with too many \
                 others. Nothing was changed. Send fewer operations, shorter lists or shorter filters in each request.",
            ));
        }
        self.spent.set(spent);
        Ok(())
    }

    /// Spends the product of two sizes, as [`Budget::spend`] does.
    ///
    /// # Errors
    /// As [`Budget::spend`].
    pub fn spend_each(&self, elements: usize, terms: usize) -> Result<()> {
        self.spend(elements.saturating_mul(terms))
    }

    /// Adds units of work that is already done and cannot be refused.
    pub fn charge(&self, units: usize) {
        self.spent.set(self.spent.get().saturating_add(units as u64));
    }

    /// Returns the units spent so far and sets them to zero.
    pub fn take_spent(&self) -> u64 {
        self.spent.take()
    }

    /// Returns the units spent so far.
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// Returns true if a refusal was made because the budget was too small.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded.get()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_cost_too_much_is_refused_before_it_is_done() {
        let budget = Budget::with_limit(10);
        assert_eq!(budget.spend(4), Ok(()));
        assert_eq!(budget.spend_each(2, 3), Ok(()));
        assert!(!budget.is_exceeded());
        assert_eq!(budget.spend(1).map_err(|error| error.code), Err(Code::TooMuchWork));
        assert_eq!(budget.spend_each(usize::MAX, 2).map_err(|error| error.code), Err(Code::TooMuchWork));
        assert_eq!((budget.spent(), budget.is_exceeded()), (10, true));
        budget.charge(5);
        assert_eq!(budget.spent(), 15);
    }
}
