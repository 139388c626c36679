//! The number of requests of each identity provider that were applied, unchanged or refused, day by day: counted in
//! memory.

use crate::id::Timestamp;
use crate::store::journal::Traffic;

/// The most pairs of day and provider that are counted at once; further ones are counted as [`OTHER`].
const PAIRS_MAX: usize = 50;
const OTHER: &str = "other";

/// The outcome of a request that would change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It changed something.
    Applied,
    /// Nothing differed, or it was skipped.
    Unchanged,
    /// It was not done.
    Refused,
}

/// Counts one request.
pub(crate) fn count_request(counted: &mut Vec<Traffic>, idp: &str, outcome: Outcome, now: Timestamp) {
    let day = now.0.div_euclid(crate::store::journal::DAY);
    let known = |counted: &[Traffic], idp: &str| counted.iter().position(|one| one.day == day && one.idp == idp);
    // A client chooses the name of its provider, so the number of names is bounded.
    let idp = if counted.len() < PAIRS_MAX || known(counted, idp).is_some() { idp } else { OTHER };
    let at = known(counted, idp).unwrap_or(counted.len());
    if at == counted.len() {
        counted.push(Traffic { day, idp: idp.to_owned(), ..Traffic::default() });
    }
    if let Some(one) = counted.get_mut(at) {
        match outcome {
            Outcome::Applied => one.applied += 1,
            Outcome::Unchanged => one.unchanged += 1,
            Outcome::Refused => one.refused += 1,
        }
    }
}
