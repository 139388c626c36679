//! The cost of a call's work in units of the budget ([`UNITS_PER_SECOND`](crate::budget::UNITS_PER_SECOND) make a second of
//! object time), as far as it follows from bytes, rows, members and terms of a filter. The figures are measured; the
//! budget spends them and [`bucket`](super::bucket) charges them.

use crate::directory::reply::{Answer, Stored};

/// The units of a call besides those of its work: the way to the object and back.
pub(crate) const CALL_UNITS_LEAST: usize = 500;
/// The bytes of a call or of a document in an answer that are one unit.
const BYTES_A_UNIT: usize = 16;
/// The units of a resource in an answer, besides its bytes.
const RESOURCE_UNITS: usize = 100;
/// The units of a member or a group that is named in an answer.
const NAMED_UNITS: usize = 5;

/// Returns the units of reading a call of so many bytes.
pub(crate) fn reading_units(bytes: usize) -> usize {
    bytes / BYTES_A_UNIT
}

/// The units of a row that is skipped, or tested by a condition in SQL.
const ROW_UNITS: usize = 2;
/// The characters of documents that SQL reads for one unit, for each term of a filter.
const CHARACTERS_A_UNIT: usize = 128;
/// The bytes of a document that are one unit, for each term of a filter that is judged here.
const JUDGED_A_UNIT: usize = 256;

/// Returns the units of skipping so many rows.
pub(crate) fn skipping_units(rows: i64) -> usize {
    usize::try_from(rows).unwrap_or(0)
}

/// Returns the units of a piece that SQL reads for a filter of so many terms. A group or member weighs as many
/// characters as [`related_weight`] says.
pub(crate) fn looking_units(rows: i64, characters: i64, terms: usize) -> usize {
    let (rows, characters) = (usize::try_from(rows).unwrap_or(0), usize::try_from(characters).unwrap_or(0));
    // A row costs something even if its document is empty, and each term of the filter looks at the characters anew.
    rows * (ROW_UNITS + terms / 2) + characters.saturating_mul(terms) / CHARACTERS_A_UNIT
}

/// Returns the weight of a group or member in characters of documents, for a condition with so many passes over those
/// of a row and so many terms.
pub(crate) fn related_weight(passes: usize, terms: usize) -> i64 {
    // Without a condition on groups or members they are not read, so they weigh nothing.
    let weight = if passes == 0 { 0 } else { NAMED_UNITS * CHARACTERS_A_UNIT * passes / terms.max(1) + 32 };
    weight as i64
}

/// Returns the units of reading a document of so many bytes and judging it by so many terms.
pub(crate) fn judging_units(bytes: usize, terms: usize) -> usize {
    bytes / BYTES_A_UNIT + terms * (1 + bytes / JUDGED_A_UNIT)
}

/// Returns the units of reading so many groups or members and judging each by so many terms.
pub(crate) fn related_judging_units(count: usize, terms: usize) -> usize {
    count * (NAMED_UNITS + terms)
}

/// Returns the units of reading and writing so many groups or members.
pub(crate) fn naming_units(read: usize) -> usize {
    read * NAMED_UNITS
}

/// Returns the units of reading and writing an answer.
pub(crate) fn answering_units(answer: &Answer) -> usize {
    let stored = |one: &Stored| {
        // Members beyond those that are held are charged when they are read for the answer.
        let named = one.groups.len() + one.members.as_ref().map_or(0, Vec::len);
        RESOURCE_UNITS + one.doc.get().len() / BYTES_A_UNIT + named * NAMED_UNITS
    };
    match answer {
        Answer::Created(one) | Answer::Resource(one) => stored(one),
        Answer::List { resources, .. } => resources.iter().map(stored).sum(),
        Answer::Bulk(done) => done.len() * RESOURCE_UNITS,
        Answer::Json(text) | Answer::New(text) | Answer::Stale { schemas: text, .. } => text.get().len() / BYTES_A_UNIT,
        Answer::Tagged { body, .. } => body.as_ref().map_or(0, |text| text.get().len() / BYTES_A_UNIT),
        Answer::Preview { outcome, changes, .. } => {
            changes.get().len() / BYTES_A_UNIT + outcome.as_ref().as_ref().map_or(0, answering_units)
        }
        Answer::Nothing | Answer::Allowed | Answer::Piece { .. } => 0,
    }
}
