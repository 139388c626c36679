//! A list as it was, made of pieces of the list as it is now, in the order that it had:
//!
//! - `[start, count]`: so many values of the list as it is now, from that index (from 0) on;
//! - `[start, count, {...}]`: the same, each with a [difference](super::difference) of its own, which is the same for
//!   all;
//! - any other value is a value as it was. No value of a list is a list itself (RFC 7643 section 2.4).
//!
//! Every look-up uses a sorted vector, so the work is n log n of the two lists' size.

use super::super::order::Ordered;
use super::{difference_within, restore as restore_object, text_length};
use crate::budget::Budget;
use crate::error::Result;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The most values that may share a sub-attribute for it to lead from a changed value to its new form.
const SHARED_BY_FEW: usize = 8;
/// A sub-attribute of so many bytes leads there however many values share it: at most 256 of them fit into a resource.
const LARGE: usize = 1024;

/// The cost of looking for the new form of a value, in units of the budget. For 1,000 values of 270 bytes that had all
/// changed and moved it took 27 ms, natively with the release profile's `opt-level`.
const LOOKED_FOR_UNITS: usize = 150;
/// A difference of so many bytes is short enough: nothing shorter is looked for.
const SHORT: usize = 64;

/// A piece of the list as it was.
#[derive(Debug)]
enum ListPiece<'a> {
    Same { start: usize, count: usize },
    Changed { start: usize, count: usize, told: Map<String, Value> },
    Gone(&'a Value),
}

/// Returns the pieces of `old`; `None` if this form cannot hold them, because a value of `old` is a list.
///
/// # Errors
/// 400 `tooMany` beyond the budget.
pub(super) fn list_pieces(old: &[Value], new: &[Value], budget: &Budget) -> Result<Option<Vec<Value>>> {
    // An array among the pieces is a run, so a value must not be one.
    if old.iter().any(Value::is_array) {
        return Ok(None);
    }
    // Equal values are found by look-up: comparing each with each would be n² of 1,000 values.
    let mut places: Vec<(Ordered<'_>, usize)> = new.iter().map(Ordered).zip(0..).collect();
    places.sort_unstable();
    // Built at the first value that changed: most changes leave it unused.
    let mut likely = None;
    let (mut pieces, mut next, mut after_same) = (Vec::new(), 0, 0);
    for value in old {
        // 1. An equal value: mostly the next one, else the first anywhere.
        let found = (new.get(next) == Some(value)).then_some(next).or_else(|| first_place(&places, value));
        if let Some(start) = found {
            match pieces.last_mut() {
                // Neighbours that stayed together are one run.
                Some(ListPiece::Same { count, .. }) if start == next => *count += 1,
                _ => pieces.push(ListPiece::Same { start, count: 1 }),
            }
            (next, after_same) = (start + 1, start + 1);
            continue;
        }
        // A value that changed mostly stays where it was: behind the one before it, or behind the last equal one.
        let long = text_length(value);
        let mut told = change_from((value, long), new, next, budget)?;
        // 2. Its difference is long, so another value may be its new form: one that shares a sub-attribute.
        if value.is_object() && told.as_ref().is_none_or(|(_, _, length)| *length > SHORT) {
            budget.spend(LOOKED_FOR_UNITS)?;
            let by_attribute = likely.get_or_insert_with(|| Likely::new(new)).likely_place(value);
            let others = Some(after_same).into_iter().chain(by_attribute).filter(|at| *at != next);
            for at in others {
                let other = change_from((value, long), new, at, budget)?;
                told = told.into_iter().chain(other).min_by_key(|(_, _, length)| *length);
            }
        }
        // 3. No value of today tells it more briefly: it is kept as it was.
        let Some((start, told, _)) = told else {
            pieces.push(ListPiece::Gone(value));
            continue;
        };
        match pieces.last_mut() {
            // A change of all elements, such as a new domain, is told once.
            Some(ListPiece::Changed { count, told: same, .. }) if start == next && told == *same => *count += 1,
            _ => pieces.push(ListPiece::Changed { start, count: 1, told }),
        }
        next = start + 1;
        if start == after_same {
            after_same = next;
        }
    }
    Ok(Some(pieces.into_iter().flat_map(|piece| piece.into_values(new)).collect()))
}

/// Returns the first place of a value in the sorted list.
fn first_place(places: &[(Ordered<'_>, usize)], value: &Value) -> Option<usize> {
    let at = places.partition_point(|(other, _)| *other < Ordered(value));
    places.get(at).filter(|(other, _)| *other == Ordered(value)).map(|(_, place)| *place)
}

/// Returns the difference of a value of that length from the value of the list at that place now, and its length;
/// `None` if the value itself is shorter.
///
/// # Errors
/// 400 `tooMany` beyond the budget.
fn change_from((value, long): (&Value, usize), new: &[Value], at: usize, budget: &Budget) -> Result<Option<Told>> {
    let (Some(value), Some(now)) = (value.as_object(), new.get(at).and_then(Value::as_object)) else { return Ok(None) };
    let told = difference_within(value, now, budget)?;
    let told_long =
        told.iter().map(|(name, value)| name.len() + text_length(value)).sum::<usize>() + told.len() * "\"\":,".len();
    let told_long = told_long + text_length(&json!([at, 1])) + ",{}".len();
    Ok((told_long < long).then_some((at, told, told_long)))
}

/// The place of a value in the list as it is now, a difference from it, and how long a piece of both is.
type Told = (usize, Map<String, Value>, usize);

impl<'a> ListPiece<'a> {
    fn into_values(self, new: &[Value]) -> Vec<Value> {
        match self {
            ListPiece::Gone(value) => vec![value.clone()],
            ListPiece::Changed { start, count, told } => {
                let told = vec![json!([start, count, told])];
                let one = if count == 1 { restore_list(new, &told) } else { Vec::new() };
                // A difference that saves less than half of one value is not used.
                let long = one.first().map_or(usize::MAX, text_length);
                if told.first().is_some_and(|told| 2 * text_length(told) > long) { one } else { told }
            }
            ListPiece::Same { start, count } => {
                let run = json!([start, count]);
                // Short values are shorter than a run of them.
                let same = new.iter().skip(start).take(count);
                let long: usize = same.clone().map(|value| text_length(value) + ",".len()).sum();
                if long <= text_length(&run) { same.cloned().collect() } else { vec![run] }
            }
        }
    }
}

/// The sub-attributes that lead from a changed value to its likely new form.
struct Likely<'a>(Vec<((&'a str, Ordered<'a>), usize)>);

impl<'a> Likely<'a> {
    fn new(list: &'a [Value]) -> Self {
        let mut all = Vec::new();
        for (place, object) in list.iter().enumerate().filter_map(|(place, value)| Some((place, value.as_object()?))) {
            all.extend(object.iter().map(|(name, value)| ((name.as_str(), Ordered(value)), place)));
        }
        all.sort_unstable();
        Self(all)
    }

    /// Returns the place of the value that shares the most bytes.
    fn likely_place(&self, value: &Value) -> Option<usize> {
        let mut shared = BTreeMap::new();
        for (name, value) in value.as_object()? {
            let key = (name.as_str(), Ordered(value));
            let first = self.0.partition_point(|(other, _)| *other < key);
            let long = text_length(value);
            let most = if long < LARGE { SHARED_BY_FEW } else { usize::MAX };
            let same = self.0.iter().skip(first).take_while(|(other, _)| *other == key);
            let places: Vec<usize> = same.map(|(_, place)| *place).take(most.saturating_add(1)).collect();
            if places.len() <= most {
                places.into_iter().for_each(|place| *shared.entry(place).or_insert(0) += long);
            }
        }
        shared.into_iter().max_by_key(|(_, long)| *long).map(|(place, _)| place)
    }
}

/// Returns the list as it was. Places beyond the end of `new` have no value.
pub(super) fn restore_list(new: &[Value], pieces: &[Value]) -> Vec<Value> {
    let mut old = Vec::new();
    for piece in pieces {
        let Value::Array(run) = piece else {
            old.push(piece.clone());
            continue;
        };
        let number = |at: usize| run.get(at).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let (start, count) = (number(0).unwrap_or(usize::MAX), number(1).unwrap_or_default());
        let told = run.get(2).and_then(Value::as_object);
        old.extend(new.iter().skip(start).take(count).map(|value| match (told, value) {
            (Some(told), Value::Object(value)) => Value::Object(restore_object(value, told)),
            _ => value.clone(),
        }));
    }
    old
}
