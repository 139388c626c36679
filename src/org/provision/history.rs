//! The bounds on written history. A change is kept for a while after its resource is gone, so one token could fill the
//! storage although the directory stays small. Two bounds hold: the bytes of all kept changes (`store::changes`), and
//! here the speed at which one token may add to them. Removals are bounded by what is stored, so they are always
//! executed; they are charged like all others.
//!
//! The levels live in memory, as those of object time do (`org::bucket`): an eviction fills them.

use crate::id::Timestamp;
use crate::org::bucket::{Level, Rate};
use std::collections::BTreeMap;

/// The bytes that a token may add at once, 256 MiB, and in a millisecond from then on: 75 KB a second. A hundred
/// creates a second add some 35 KB.
const RATE: Rate = Rate { a_millisecond: 75.0, most: (256 << 20) as f64 };
/// The number of tokens from which on those with full levels are forgotten.
const TOKENS: usize = 1000;

/// The bytes that each token may still add.
#[derive(Debug, Default)]
pub struct Added(BTreeMap<String, Level>);

impl Added {
    /// Returns the seconds until a token may add more; `None` if it may now.
    pub fn seconds_to_wait(&self, token: &str, now: Timestamp) -> Option<i64> {
        self.0.get(token).and_then(|level| level.seconds_to_wait(RATE, now))
    }

    /// Takes out the bytes that a request has added, whatever it was.
    pub fn charge(&mut self, token: &str, bytes: i64, now: Timestamp) {
        if bytes == 0 {
            return;
        }
        // A full level is the same as none, so forgetting it changes no decision.
        if self.0.len() >= TOKENS {
            self.0.retain(|_, level| !level.is_full(RATE, now));
        }
        let level = Level::after(self.0.get(token).copied(), RATE, bytes as f64, now);
        self.0.insert(token.to_owned(), level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_000_000_000;
    const BURST: i64 = 256 << 20;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(START + seconds * 1000)
    }

    #[test]
    fn a_burst_and_then_a_rate() {
        let mut added = Added::default();
        added.charge("t", BURST, at(0));
        assert_eq!(added.seconds_to_wait("t", at(0)), None, "at zero, not below it");
        added.charge("t", 75_000 * 60, at(0));
        assert_eq!(added.seconds_to_wait("t", at(0)), Some(60));
        assert_eq!(added.seconds_to_wait("t", at(59)), Some(1));
        assert_eq!(added.seconds_to_wait("t", at(60)), None);
        assert_eq!(added.seconds_to_wait("other", at(0)), None);
        // It is full again after an hour, and no fuller.
        added.charge("t", BURST, at(4_000));
        assert_eq!(added.seconds_to_wait("t", at(4_000)), None);
        added.charge("t", 1, at(4_000));
        assert_eq!(added.seconds_to_wait("t", at(4_000)), Some(1));
    }

    /// A token that adds whenever it may: in a day it adds the burst and the rate, and one request more.
    #[test]
    fn the_rate_holds_for_a_day() {
        let (mut added, mut sum, request) = (Added::default(), 0, 8 << 20);
        for seconds in 0..86_400 {
            if added.seconds_to_wait("t", at(seconds)).is_none() {
                added.charge("t", request, at(seconds));
                sum += request;
            }
        }
        let most = BURST + 86_400 * 75_000 + request;
        assert!((most - 2 * request..=most).contains(&sum), "{sum} {most}");
    }

    #[test]
    fn a_clock_that_was_ahead_and_tokens_that_wait_no_longer() {
        let mut added = Added::default();
        added.charge("t", 4 * BURST, at(365 * 86_400));
        assert!(added.seconds_to_wait("t", at(365 * 86_400)).is_some());
        assert_eq!(added.seconds_to_wait("t", at(0)), None);
        for n in 0..=(TOKENS as i64) {
            added.charge(&n.to_string(), 1, at(n));
        }
        assert!(added.0.len() < 10, "{}", added.0.len());
    }
}
