//! Lists and searches (RFC 7644 section 3.4.2, RFC 9865).
//!
//! A query that one index answers is read at once. Any other is a [`Scan`]: it reads the rows in pieces, with other
//! requests between them, and ends with its request. It holds a position and the places of a page, never the rows.

mod judge;
mod page;
mod related;

use self::judge::{Candidate, Candidates};
use super::cursor::{Cursor, Mark};
use super::state;
use crate::budget::Budget;
use crate::directory::query::Page;
use crate::directory::reply::Answer;
use crate::directory::scim::{List, Members};
use crate::error::{Code, Error, Result};
use crate::id::{Timestamp, is_within};
use crate::org::{Pages, bucket};
use crate::scim::filter::Filter;
use crate::scim::schema::{Kinds, Types};
use crate::scim::sort;
use crate::store::filter::{self, Condition};
use crate::store::search::{self as store, Found, Most, Order, Range};
use crate::store::{Sql, changes};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The rows of a piece for a filter of one term: some 20 ms.
const PIECE: i64 = 2_000;
/// The fewest rows of a piece, and the rows of the first. Each next one may have four times as many as the one before,
/// so that few large documents are read for a piece that has room for a few.
const PIECE_LEAST: i64 = 20;
const PIECE_FIRST: i64 = 250;
/// The characters of documents in a piece for a filter of one term, and for any: one large document.
const PIECE_CHARACTERS: (i64, i64) = (8 * 1024 * 1024, 256 * 1024);
/// The units of object time that a step spends on candidates before it pauses: some 20 ms.
const STEP_UNITS: u64 = 100_000;
/// The longest time of a scan, in milliseconds.
const SCAN_MAX: i64 = 10_000;
/// The most resources that are sorted when no index serves it.
const SORTED_MAX: usize = 50_000;
/// The most users that are looked up at once by their addresses; beyond it, all users are read in pieces.
const ADDRESSED_MAX: i64 = 10_000;
/// The rows of a piece whose documents are read.
const READ_PIECE: i64 = 250;

/// One kind of resource of a query.
struct Source {
    kinds: Kinds,
    filter: Option<Filter>,
    condition: Condition,
    /// True if one statement finds all: the filter uses an index.
    look_up: bool,
    /// The number of users that it reads for their addresses.
    addressed: i64,
}

impl Source {
    fn new(sql: &dyn Sql, kinds: Kinds, filter: Option<&Filter>, types: &Types, base: &str) -> Result<Self> {
        let addresses = filter.and_then(|filter| filter::look_up(filter, kinds));
        let (is_served, mut addressed) = (addresses.is_some(), 0);
        if let Some(addresses) = addresses.filter(|addresses| !addresses.is_empty()) {
            addressed = store::count_addressed(sql, &addresses, ADDRESSED_MAX)?;
        }
        let look_up = is_served && addressed < ADDRESSED_MAX;
        let condition = match filter {
            Some(filter) => filter::compile(filter, kinds, types.of(kinds), base, look_up),
            None => Condition { text: "1".to_owned(), constants: "[]".to_owned(), exact: true, passes: 0 },
        };
        Ok(Self { kinds, filter: filter.cloned(), condition, look_up, addressed })
    }

    fn terms(&self) -> usize {
        self.filter.as_ref().map_or(1, Filter::terms).max(1)
    }
}

/// The found resources that are answered.
enum Window {
    Index {
        start: i64,
        count: i64,
    },
    Cursor {
        after: Option<Cursor>,
        count: i64,
    },
    /// A page of the Console's: no total, no cursor, and a page that takes too long ends early. The tag is the
    /// answer's.
    Keyset {
        count: i64,
        tag: String,
    },
}

/// A resource that was found.
struct Hit {
    key: i64,
    /// Its `id`, if the place of its mark is another text: a later read returns this resource or none, whatever has its
    /// key.
    id: Option<String>,
    mark: Mark,
}

impl Hit {
    fn new(source: usize, key: Value, found: Found) -> Self {
        Self { key: found.key, id: found.id, mark: Mark { source, key, place: found.place } }
    }

    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.mark.place)
    }
}

/// A query on its way.
pub(crate) struct Scan {
    base: String,
    query: String,
    sources: Vec<Source>,
    members: Members,
    order: Order,
    /// True for a descending order of the index, or of the sort here.
    descending: bool,
    sort: Option<sort::Sort>,
    window: Window,
    /// The source that is read, and the place up to which it was read.
    at: usize,
    place: Option<String>,
    /// The most rows of the next piece.
    rows: i64,
    /// The place up to which all candidates are judged.
    judged: Option<String>,
    /// The candidates of the last piece that are still to be read.
    candidates: Candidates,
    total: i64,
    hits: Vec<Hit>,
    started: Option<Timestamp>,
}

impl Scan {
    /// Makes a query over one kind of resource or both, each with its own filter, all with the page and order of the
    /// first.
    ///
    /// # Errors
    /// 400 `invalidCursor`.
    pub(crate) fn new(
        sql: &dyn Sql,
        lists: &[(Kinds, &List)],
        members: Members,
        base: &str,
        types: &Types,
    ) -> Result<Self> {
        let list = lists.first().map(|(_, list)| *list).ok_or_else(|| Error::internal("a search for nothing"))?;
        let (order, sort) = match (&list.sort, lists) {
            (None, _) => (Order::Id, None),
            (Some(sort), [(kinds, _)]) if is_indexed(sort, *kinds, "id") => (Order::Id, None),
            (Some(sort), [(kinds, _)]) if is_indexed(sort, *kinds, "name") => (Order::Name, None),
            (Some(sort), _) => (Order::Id, Some(sort.clone())),
        };
        let source = |(kinds, list): &(Kinds, &List)| Source::new(sql, *kinds, list.filter.as_ref(), types, base);
        let sources: Vec<Source> = lists.iter().map(source).collect::<Result<_>>()?;
        let query = fingerprint(&sources, list);
        let window = match &list.cursor {
            None => Window::Index { start: list.start_index, count: list.count },
            Some(text) if text.is_empty() => Window::Cursor { after: None, count: list.count },
            Some(text) => {
                let mut cursor = Cursor::read(text, &query)?;
                cursor.after.key = sort::cut_key(cursor.after.key);
                Window::Cursor { after: Some(cursor), count: list.count }
            }
        };
        let descending = list.sort.as_ref().is_some_and(|sort| sort.descending);
        let mut scan = Self {
            base: base.to_owned(),
            query,
            sources,
            members,
            order,
            descending,
            sort,
            window,
            at: 0,
            place: None,
            rows: PIECE_FIRST,
            judged: None,
            candidates: Candidates::default(),
            total: 0,
            hits: Vec::new(),
            started: None,
        };
        if let (Window::Cursor { after: Some(cursor), .. }, None) = (&scan.window, &scan.sort) {
            (scan.at, scan.place) = (cursor.after.source, Some(cursor.after.place.clone()));
        }
        Ok(scan)
    }

    /// Makes the scan for a page of the Console's, in the order of the ids.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn keyset(
        sql: &dyn Sql,
        kinds: Kinds,
        filter: Option<Filter>,
        page: &Page,
        tag: String,
        base: &str,
        types: &Types,
    ) -> Result<Self> {
        let list = List { filter, start_index: 1, count: page.limit, sort: None, cursor: None };
        let scan = Self::new(sql, &[(kinds, &list)], Members::Hidden, base, types)?;
        Ok(Self {
            window: Window::Keyset { count: page.limit, tag },
            place: page.after.clone(),
            judged: page.after.clone(),
            ..scan
        })
    }

    /// Answers the page of [`Scan::keyset`], if it has no filter.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn keyset_at_once(&self, sql: &dyn Sql) -> Result<Option<Answer>> {
        let ([Source { kinds, filter: None, .. }], Window::Keyset { count, tag }) =
            (self.sources.as_slice(), &self.window)
        else {
            return Ok(None);
        };
        let range = Range { kinds: *kinds, order: Order::Id, descending: false, after: self.place.as_deref() };
        let found = store::page(sql, &range, 0, count + 1)?;
        state::page(sql, *kinds, &found, bound(*count), None, tag).map(Some)
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
        let totals = changes::head(sql)?.totals;
        let total = if *kinds == Kinds::Users { totals.users } else { totals.groups };
        let mut range = Range { kinds: *kinds, order: self.order, descending: self.descending, after: None };
        let hit = |found| Hit::new(0, Value::Null, found);
        let (hits, start) = match &self.window {
            Window::Cursor { count, .. } => {
                range.after = self.place.as_deref();
                (store::page(sql, &range, 0, count + 1)?, 1)
            }
            Window::Index { start, count } => {
                // A reader that continues where its last page ended pays for no skipped row.
                let known = pages.end(token, &self.query, *start);
                range.after = known.as_deref();
                let skip = if known.is_some() { 0 } else { start - 1 };
                budget.charge(bucket::skipping(skip.min(total)));
                (store::page(sql, &range, skip, *count)?, *start)
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
                return self.finish(sql).map(Some);
            }
            let detail =
                "The search took longer than 10 seconds. Narrow the filter, best by eq on userName, externalId or id.";
            return Err(Error::new(Code::SearchTooLong, detail));
        }
        if self.candidates.is_empty() {
            self.read_piece(sql, budget)?;
        }
        self.read_candidates(sql, types, budget)?;
        let is_over = self.has_enough() || self.candidates.is_empty() && self.at >= self.sources.len();
        if is_over { self.finish(sql).map(Some) } else { Ok(None) }
    }

    /// Finds the candidates of the next piece, and moves behind it.
    fn read_piece(&mut self, sql: &dyn Sql, budget: &Budget) -> Result<()> {
        let Some(source) = self.sources.get(self.at) else { return Ok(()) };
        let range = Range {
            kinds: source.kinds,
            order: self.order,
            descending: self.descending && self.sort.is_none(),
            after: self.place.as_deref(),
        };
        let until = match source.look_up {
            true => None,
            false => {
                let rows = if source.condition.exact && self.sort.is_none() { PIECE } else { READ_PIECE };
                let rows = (rows / source.terms() as i64).min(self.rows).max(PIECE_LEAST);
                // Each term of the filter looks at each document anew.
                let (terms, (most, least)) = (source.terms() as i64, PIECE_CHARACTERS);
                let most = Most {
                    rows,
                    weight: (most / terms).max(least),
                    related: bucket::related_weight(source.condition.passes, source.terms()),
                };
                let piece = store::piece(sql, &range, most)?;
                budget.charge(bucket::looking(piece.rows, piece.weight, source.terms()));
                self.rows = piece.rows * 4;
                piece.until
            }
        };
        let found = store::places(sql, &range, until.as_deref(), &source.condition)?;
        if source.look_up {
            budget.charge(bucket::looking(source.addressed + found.len() as i64, 0, source.terms()));
        }
        let (exact, sorted) = (source.condition.exact, self.sort.is_some());
        self.candidates.source = self.at;
        for found in found {
            let judged = !exact || found.open;
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

    fn take(&mut self, hit: Hit) -> Result<()> {
        self.total += 1;
        if self.sort.is_some() {
            self.hits.push(hit);
            if self.hits.len() > SORTED_MAX {
                let detail = format!(
                    "More than {SORTED_MAX} resources would need sorting. Narrow the filter, or sort by id, userName, \
                     or a group's displayName."
                );
                return Err(Error::new(Code::SortTooLarge, detail));
            }
        } else if match self.window {
            Window::Index { start, count } => self.total >= start && (self.hits.len() as i64) < count,
            Window::Cursor { count, .. } | Window::Keyset { count, .. } => (self.hits.len() as i64) <= count,
        } {
            self.hits.push(hit);
        }
        Ok(())
    }

    /// Returns true if the page is full and the total known: a page after the first knows it.
    fn has_enough(&self) -> bool {
        match &self.window {
            Window::Cursor { after: Some(_), count } if self.sort.is_none() => self.hits.len() as i64 > *count,
            Window::Keyset { count, .. } => self.hits.len() as i64 > *count,
            _ => false,
        }
    }

    fn finish(&mut self, sql: &dyn Sql) -> Result<Answer> {
        let mut hits = std::mem::take(&mut self.hits);
        if let Window::Keyset { count, tag } = &self.window {
            let kinds = self.sources.first().map_or(Kinds::Users, |source| source.kinds);
            let place = |hit: Hit| Found { key: hit.key, id: hit.id, place: hit.mark.place, open: false };
            let found: Vec<Found> = hits.into_iter().map(place).collect();
            let is_over = self.candidates.is_empty() && self.at >= self.sources.len();
            let rest = (!is_over).then(|| self.judged.as_deref().unwrap_or_default());
            return state::page(sql, kinds, &found, bound(*count), rest, tag);
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

    fn compare(&self, a: &Mark, b: &Mark) -> std::cmp::Ordering {
        let keys = sort::compare(&a.key, &b.key);
        let keys = if self.descending { keys.reverse() } else { keys };
        keys.then(a.source.cmp(&b.source)).then_with(|| a.place.cmp(&b.place))
    }
}

/// Returns true if an index has that order: by `id`, or by the kind's unique name.
fn is_indexed(sort: &sort::Sort, kinds: Kinds, by: &str) -> bool {
    let name = match (by, kinds) {
        ("name", Kinds::Users) => "userName",
        ("name", Kinds::Groups) => "displayName",
        _ => "id",
    };
    sort.by.urn.is_none() && sort.by.sub.is_none() && sort.by.name == name
}

/// Returns the fingerprint of a query without its page: a cursor is valid for this query alone.
fn fingerprint(sources: &[Source], list: &List) -> String {
    let filters: Vec<Value> = sources
        .iter()
        .map(|source| json!([source.kinds.name(), source.filter.as_ref().map(Filter::to_string)]))
        .collect();
    let text = json!([filters, list.sort]).to_string();
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    crate::id::TokenHash(digest).hex().chars().take(16).collect()
}

fn bound(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
