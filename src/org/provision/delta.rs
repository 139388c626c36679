//! The net effect of a request's operations on the members of one group, as far as the operations alone decide it. The
//! rest are questions to the storage, which [`membership`](super::membership) answers.

use crate::budget::Budget;
use crate::error::Result;
use crate::id::MemberId;
use crate::scim::filter::Filter;
use crate::scim::member::{self, Judge};
use std::collections::BTreeMap;

/// The net effect of a request's operations on one group's members.
#[derive(Debug, Default)]
pub(crate) struct Delta<'a> {
    /// The number of the operation, from 1.
    step: u32,
    /// The operation that named the whole list: earlier ones no longer count, and a member that is not wanted since
    /// must go.
    pub(super) whole: Option<u32>,
    /// The ids that operations named; a request may name very many, in many operations.
    pub(super) said: BTreeMap<&'a str, NamedMember>,
    /// Filters that remove stored members which were not named.
    pub(super) unwanted: Vec<Judge<'a>>,
    /// Questions that only the storage can answer.
    pub(super) questions: Vec<Question<'a>>,
}

#[derive(Debug)]
pub(super) struct NamedMember {
    /// The first operation that named the id, and the last.
    first: u32,
    last: u32,
    /// True if it is a member after the last one.
    pub(super) wanted: bool,
    /// True if any operation added it, even if it was removed later: it must be a user.
    pub(super) added: bool,
}

/// A question: did a filter find a member who was stored and not named before that operation?
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) step: u32,
    pub(super) filter: &'a Filter,
    /// The ids that the filter names; `None` if it is the filter after the first `before` of [`Delta::unwanted`].
    pub(super) named: Option<Vec<&'a str>>,
    pub(super) before: usize,
}

impl<'a> Delta<'a> {
    pub(crate) fn add_members(&mut self, ids: &'a [MemberId]) {
        self.step += 1;
        ids.iter().for_each(|id| self.note_id(id.as_str(), true));
    }

    pub(crate) fn remove_members(&mut self, ids: &'a [MemberId]) {
        self.step += 1;
        ids.iter().for_each(|id| self.note_id(id.as_str(), false));
    }

    pub(crate) fn replace_members(&mut self, ids: &'a [MemberId]) {
        self.add_members(ids);
        self.whole = Some(self.step);
        // Filters before the whole list have no effect on it, but a question counts them by their number.
        if self.questions.is_empty() {
            self.unwanted.clear();
        }
    }

    /// Removes the members that a filter finds.
    ///
    /// # Errors
    /// 400 `tooMany` beyond the budget.
    pub(crate) fn remove_matching(&mut self, filter: &'a Filter, budget: &Budget) -> Result<()> {
        self.step += 1;
        // A filter that names ids removes them like a list of ids: no stored member is looked at.
        if let Some(ids) = member::named_ids(filter) {
            ids.into_iter().for_each(|id| self.note_id(id, false));
            return Ok(());
        }
        let judge = Judge::new(filter);
        budget.spend_each(self.said.len(), judge.count_terms())?;
        let (step, whole) = (self.step, self.whole);
        // Members that earlier operations added are not stored yet, so the filter is tried on them here.
        for (id, said) in &mut self.said {
            if said.still_counts(whole) && said.wanted && judge.fits_id(id) {
                (said.last, said.wanted) = (step, false);
            }
        }
        // Stored members are tried later, all filters in one pass.
        if self.whole.is_none() {
            self.unwanted.push(judge);
        }
        Ok(())
    }

    /// Replaces the members that a filter finds; [`judge_delta`] refuses if there are none.
    ///
    /// # Errors
    /// 400 `tooMany` beyond the budget.
    pub(crate) fn replace_matching(&mut self, filter: &'a Filter, ids: &'a [MemberId], budget: &Budget) -> Result<()> {
        let (named, judge) = (member::named_ids(filter), Judge::new(filter));
        let is_member = |said: &NamedMember| said.still_counts(self.whole) && said.wanted;
        // A member that an earlier operation added answers the question at once.
        let found = match &named {
            Some(ids) => ids.iter().any(|id| self.said.get(id).is_some_and(is_member)),
            None => {
                budget.spend_each(self.said.len(), judge.count_terms())?;
                self.said.iter().any(|(id, said)| is_member(said) && judge.fits_id(id))
            }
        };
        if !found {
            // No stored member is left after an operation that named the whole list.
            let named = if self.whole.is_some() { Some(Vec::new()) } else { named };
            self.questions.push(Question { step: self.step + 1, filter, named, before: self.unwanted.len() });
        }
        self.remove_matching(filter, budget)?;
        ids.iter().for_each(|id| self.note_id(id.as_str(), true));
        Ok(())
    }

    fn note_id(&mut self, id: &'a str, wanted: bool) {
        let step = self.step;
        // `added` stays: an id that cannot be a member is refused, even if a later operation takes it back.
        let said = self.said.entry(id).or_insert(NamedMember { first: step, last: step, wanted, added: false });
        (said.last, said.wanted, said.added) = (step, wanted, said.added || wanted);
    }

    /// Returns true if a stored member is decided, because an operation before that one named it.
    pub(super) fn named_before(&self, id: &str, step: u32) -> bool {
        self.said.get(id).is_some_and(|said| said.first < step)
    }
}

impl NamedMember {
    /// Returns false if an operation named the whole list since.
    pub(super) fn still_counts(&self, whole: Option<u32>) -> bool {
        whole.is_none_or(|whole| self.last >= whole)
    }
}
