//! The steps of a query: what one index answers is read at once, anything else in pieces.

use super::candidates::Candidate;
use super::scan::{Hit, Scan, Source, Window, bound};
use crate::budget::Budget;
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, is_within};
use crate::org::cost;
use crate::org::read::page;
use crate::org::read::pages::Pages;
use crate::scim::schema::{Kinds, ResourceType, Types};
use crate::store::search::{self as store, FoundRow, IndexOrder, Most, SearchRange};
use crate::store::{Sql, changes};
use serde_json::Value;

/// The rows of a piece for a filter of one term: some 20 ms.
const PIECE: i64 = 2_000;
/// How many rows a piece goes through at least: each may have four times as many as the one before, so that not very many
/// large documents are looked through for a piece that has room for a few.
const PIECE_LEAST: i64 = 20;
/// The characters of documents in a piece for a filter of one term, and for any: one large document.
const PIECE_CHARACTERS: (i64, i64) = (8 * 1024 * 1024, 256 * 1024);
/// The longest time of a scan, in milliseconds.
const SCAN_MAX: i64 = 10_000;
/// The rows of a piece whose documents are read.
const READ_PIECE: i64 = 250;

impl Scan {
    /// Answers the page of [`Scan::keyset`], if it has no filter.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn keyset_at_once(&self, sql: &dyn Sql, kind: &ResourceType) -> Result<Option<Answer>> {
        let ([Source { kinds, filter: None, .. }], Window::Keyset { count, tag }) =
            (self.sources.as_slice(), &self.window)
        else {
            return Ok(None);
        };
        let range =
            SearchRange { kinds: *kinds, order: IndexOrder::Id, descending: false, after: self.place.as_deref() };
        let found = store::find_page(sql, &range, 0, count + 1)?;
        page::page(sql, (*kinds, kind), &found, bound(*count), None, tag).map(Some)
    }

    /// Returns the whole answer, if the query has no filter and an index has the order.
    pub(crate) fn at_once(
        &self,
        sql: &dyn Sql,
        pages: &mut Pages,
        token: &str,
        budget: &Budget,
    ) -> Result<Option<Answer>> {
        let [Source { kinds, filter: None, .. }] = self.sources.as_slice() else { return Ok(None) };
        if self.sort.is_some() {
            return Ok(None);
        }
        let totals = changes::read_head(sql)?.totals;
        // The total is kept with the last change, so no row is counted.
        let total = if *kinds == Kinds::Users { totals.users } else { totals.groups };
        let mut range = SearchRange { kinds: *kinds, order: self.order, descending: self.descending, after: None };
        let hit = |found| Hit::new(0, Value::Null, found);
        let (hits, start) = match &self.window {
            Window::Cursor { count, .. } => {
                range.after = self.place.as_deref();
                (store::find_page(sql, &range, 0, count + 1)?, 1)
            }
            Window::Index { start, count } => {
                // A reader that continues where its last page ended pays for no skipped row.
                let known = pages.end(token, &self.query, *start);
                range.after = known.as_deref();
                let skip = if known.is_some() { 0 } else { start - 1 };
                budget.charge(cost::skipping_units(skip.min(total)));
                (store::find_page(sql, &range, skip, *count)?, *start)
            }
            Window::Keyset { .. } => return Ok(None),
        };
        let hits: Vec<Hit> = hits.into_iter().map(hit).collect();
        let (answer, last) = self.answer(sql, hits, total, start)?;
        if let (Window::Index { start, .. }, Some((shown, place))) = (&self.window, last) {
            pages.remember(token, &self.query, start + shown, place);
        }
        Ok(Some(answer))
    }

    /// Reads one piece, or some of the candidates of one. Returns the answer once none is left. Its work is charged to
    /// the budget, which never refuses it: its steps and [`SCAN_MAX`] bound it.
    ///
    /// # Errors
    /// 400 `tooMany` after [`SCAN_MAX`], or for more than [`SORTED_MAX`] resources to sort.
    pub(crate) fn step(
        &mut self,
        sql: &dyn Sql,
        types: &Types,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<Option<Answer>> {
        if !is_within(now, *self.started.get_or_insert(now), SCAN_MAX + 1) {
            if let Window::Keyset { .. } = self.window {
                return self.finish(sql, types).map(Some);
            }
            let detail =
                "The search took longer than 10 seconds. Narrow the filter, best by eq on userName, externalId or id.";
            return Err(Error::new(Code::SearchTooLong, detail));
        }
        // Another piece is found only after the candidates of the last one are judged: memory holds one piece.
        if self.candidates.is_empty() {
            self.read_piece(sql, budget)?;
        }
        self.read_candidates(sql, types, budget)?;
        let is_over = self.has_enough() || self.candidates.is_empty() && self.at >= self.sources.len();
        if is_over { self.finish(sql, types).map(Some) } else { Ok(None) }
    }

    /// Finds the candidates of the next piece, and moves behind it.
    fn read_piece(&mut self, sql: &dyn Sql, budget: &Budget) -> Result<()> {
        let Some(source) = self.sources.get(self.at) else { return Ok(()) };
        let range = SearchRange {
            kinds: source.kinds,
            order: self.order,
            descending: self.descending && self.sort.is_none(),
            after: self.place.as_deref(),
        };
        let until = match source.look_up {
            true => None,
            false => {
                // Rows whose documents are read here cost more than those that SQL judges alone.
                let rows = if source.condition.exact && self.sort.is_none() { PIECE } else { READ_PIECE };
                let rows = (rows / source.terms() as i64).min(self.rows).max(PIECE_LEAST);
                // Each term of the filter looks at each document anew.
                let (terms, (most, least)) = (source.terms() as i64, PIECE_CHARACTERS);
                let most = Most {
                    rows,
                    weight: (most / terms).max(least),
                    related: cost::related_weight(source.condition.passes, source.terms()),
                };
                let piece = store::find_piece(sql, &range, most)?;
                budget.charge(cost::looking_units(piece.rows, piece.weight, source.terms()));
                self.rows = piece.rows * 4;
                piece.until
            }
        };
        let found = store::find_matches(sql, &range, until.as_deref(), &source.condition)?;
        if source.look_up {
            budget.charge(cost::looking_units(source.addressed + found.len() as i64, 0, source.terms()));
        }
        let (exact, sorted) = (source.condition.exact, self.sort.is_some());
        self.candidates.source = self.at;
        for found in found {
            let judged = !exact || found.open;
            // A row that SQL judged is a hit at once, unless rows before it still wait: the order must stay.
            match judged || sorted || !self.candidates.is_empty() {
                true => self.candidates.push(Candidate { found, judged, read: judged || sorted }),
                false => self.passed(found, Value::Null, true)?,
            }
        }
        match until {
            Some(place) => self.place = Some(place),
            None => (self.at, self.place) = (self.at + 1, None),
        }
        Ok(())
    }

    fn finish(&mut self, sql: &dyn Sql, types: &Types) -> Result<Answer> {
        let mut hits = std::mem::take(&mut self.hits);
        if let Window::Keyset { count, tag } = &self.window {
            let kinds = self.sources.first().map_or(Kinds::Users, |source| source.kinds);
            let place = |hit: Hit| FoundRow { key: hit.key, id: hit.id, place: hit.mark.place, open: false };
            let found: Vec<FoundRow> = hits.into_iter().map(place).collect();
            let is_over = self.candidates.is_empty() && self.at >= self.sources.len();
            // A page that ended early continues where the candidates were judged to the end.
            let rest = (!is_over).then(|| self.judged.as_deref().unwrap_or_default());
            return page::page(sql, (kinds, types.of_kind(kinds)), &found, bound(*count), rest, tag);
        }
        let mut total = self.total;
        if self.sort.is_some() {
            hits.sort_by(|a, b| self.compare(&a.mark, &b.mark));
            match &self.window {
                Window::Index { start, .. } => drop(hits.drain(..bound(start - 1).min(hits.len()))),
                Window::Cursor { after: Some(cursor), .. } => {
                    hits.retain(|hit| self.compare(&hit.mark, &cursor.after).is_gt());
                }
                Window::Cursor { after: None, .. } | Window::Keyset { .. } => {}
            }
        }
        let start = match &self.window {
            Window::Index { start, .. } => *start,
            Window::Cursor { after: Some(cursor), .. } => {
                total = cursor.total;
                1
            }
            Window::Cursor { after: None, .. } | Window::Keyset { .. } => 1,
        };
        Ok(self.answer(sql, hits, total, start)?.0)
    }
}
