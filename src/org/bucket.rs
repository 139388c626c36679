//! Buckets of object time: the share of its one thread that an organisation's callers may take over time.
//!
//! There are two, one for the tokens of identity providers and one for the Console's, so that neither blocks the other.
//! Each refills with time and is charged after a call with the units that it spent, whatever the answer was. While a
//! bucket is below zero its callers are refused. Buckets live in memory: an eviction fills them.
//!
//! A call that takes access away is never refused, nor is the root key ([`may_refuse`]). Streams that continue in steps
//! are not charged; [`streams`](super::streams) bounds their number.

use crate::auth::TokenKind;
use crate::budget::UNITS_PER_SECOND;
use crate::directory::call::{Actor, Ask, Call};
use crate::error::{Code, Error, Result};
use crate::id::Timestamp;
use crate::scim::json;
use std::collections::BTreeMap;

/// The size of a bucket and the speed at which it refills, in units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub(super) a_millisecond: f64,
    pub(super) most: f64,
}

/// The share of one token in its organisation's bucket: the rest is for the others, whatever it does.
const ONE_TOKEN: f64 = 0.8;
/// The number of tokens from which on those with full buckets are forgotten.
const TOKENS: usize = 1000;

impl Rate {
    /// Reads the variable `OBJECT_SECONDS`: the seconds of object time that a bucket gets in a second, and its size.
    /// Returns `None` for an empty text: there are no buckets. An invalid text stands for `0.5 5`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text
            .split_whitespace()
            .map(|number| json::read(number.as_bytes()).ok().filter(|number: &f64| *number > 0.0));
        // An invalid variable must not switch the protection off, so it counts as the default.
        let (refill, most) = match (numbers.next(), numbers.next(), numbers.next()) {
            (None, _, _) => return None,
            (Some(Some(refill)), Some(Some(most)), None) => (refill, most),
            _ => (0.5, 5.0),
        };
        let units = UNITS_PER_SECOND as f64;
        Some(Self { a_millisecond: refill * units / 1000.0, most: most * units })
    }

    fn of_one_token(self) -> Self {
        Self { a_millisecond: self.a_millisecond * ONE_TOKEN, most: self.most * ONE_TOKEN }
    }
}

/// The content of one bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    units: f64,
    at: Timestamp,
}

impl Level {
    /// Returns the content after `units` were taken out, of a full bucket if there was none.
    pub(super) fn after(level: Option<Self>, rate: Rate, units: f64, now: Timestamp) -> Self {
        Self { units: level.map_or(rate.most, |level| level.units_at(now, rate)) - units, at: now }
    }

    /// Returns the seconds until it is no longer below zero; `None` if it is not.
    pub(super) fn seconds_to_wait(self, rate: Rate, now: Timestamp) -> Option<i64> {
        let units = self.units_at(now, rate);
        (units < 0.0).then(|| (-units / rate.a_millisecond / 1000.0).ceil().max(1.0) as i64)
    }

    /// Returns true if it has refilled completely.
    pub(super) fn is_full(self, rate: Rate, now: Timestamp) -> bool {
        self.units_at(now, rate) >= rate.most
    }

    fn units_at(self, now: Timestamp, rate: Rate) -> f64 {
        // A clock that went back counts as time that passed; otherwise nothing would be refilled until it has caught
        // up.
        let passed = now.0.abs_diff(self.at.0) as f64;
        (self.units + passed * rate.a_millisecond).min(rate.most)
    }
}

/// The buckets of one kind of tokens: one for all of them, and one for each.
#[derive(Debug, Default)]
struct Bucket {
    all: Option<Level>,
    each: BTreeMap<String, Level>,
}

/// Both buckets of an organisation.
#[derive(Debug)]
pub struct Buckets {
    rate: Rate,
    scim: Bucket,
    console: Bucket,
}

impl Buckets {
    /// Makes full buckets.
    pub fn new(rate: Rate) -> Self {
        Self { rate, scim: Bucket::default(), console: Bucket::default() }
    }

    /// Refuses a call with this token while its own bucket or that of all tokens of its kind is below zero.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn check(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<()> {
        let bucket = self.bucket(kind);
        // The token's own bucket is asked first: its sentence names the caller that can do something about it.
        let own = bucket.each.get(token).and_then(|level| level.seconds_to_wait(self.rate.of_one_token(), now));
        let all = || bucket.all.and_then(|level| level.seconds_to_wait(self.rate, now));
        let own = own.map(|seconds| (seconds, "this token"));
        let Some((seconds, caller)) = own.or_else(|| Some((all()?, "the tokens of this organisation"))) else {
            return Ok(());
        };
        let error = Error::new(
            Code::ObjectTimeSpent,
            format!(
                "The requests of {caller} have used up the computing time that an organisation gets. Nothing was done. Try \
                 again in {seconds} seconds, with smaller requests or fewer of them."
            ),
        );
        Err(Error { retry_after: Some(seconds), ..error })
    }

    /// Takes out the units that a call with this token has spent.
    pub fn charge(&mut self, kind: TokenKind, token: &str, units: u64, now: Timestamp) {
        let (all, one) = (self.rate, self.rate.of_one_token());
        let bucket = match kind {
            TokenKind::Scim => &mut self.scim,
            TokenKind::Console => &mut self.console,
        };
        let left = |level: Option<Level>, rate: Rate| Level::after(level, rate, units as f64, now);
        // Both buckets pay: the token's bounds that token, the common one bounds all of them together.
        bucket.all = Some(left(bucket.all, all));
        // A full bucket is the same as none, so forgetting it changes no decision.
        if bucket.each.len() >= TOKENS {
            bucket.each.retain(|_, level| !level.is_full(one, now));
        }
        let level = left(bucket.each.get(token).copied(), one);
        bucket.each.insert(token.to_owned(), level);
    }

    /// Returns the seconds of object time that are left for all tokens of that kind; below zero while they are refused.
    pub fn seconds_left(&self, kind: TokenKind, now: Timestamp) -> f64 {
        let units = self.bucket(kind).all.map_or(self.rate.most, |level| level.units_at(now, self.rate));
        units / UNITS_PER_SECOND as f64
    }

    fn bucket(&self, kind: TokenKind) -> &Bucket {
        match kind {
            TokenKind::Scim => &self.scim,
            TokenKind::Console => &self.console,
        }
    }
}

/// Returns the refusal of a token that was refused a moment ago, for so many more seconds. Nothing of the request was
/// read.
pub fn still_spent(seconds: i64) -> Error {
    let error = Error::new(
        Code::ObjectTimeSpent,
        format!(
            "The requests of this token, or of all tokens of this organisation, have used up the computing time that an \
             organisation gets. Nothing was done. Try again in {seconds} seconds, with smaller requests or fewer of them."
        ),
    );
    Error { retry_after: Some(seconds), ..error }
}

/// Returns true for a call that the buckets may refuse: it is neither exempt nor one of the streams, which are not
/// charged.
pub fn may_refuse(call: &Call) -> bool {
    !is_exempt(call) && !call.ask.is_stream()
}

/// Returns true for a call that the buckets never refuse: with the root key, or one that takes access away.
fn is_exempt(call: &Call) -> bool {
    let exempt = matches!(&call.ask, Ask::Admin(admin) if admin.is_exempt_from_budget());
    call.actor == Actor::Root || exempt
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const SECOND: u64 = UNITS_PER_SECOND;

    fn buckets() -> Buckets {
        Buckets::new(Rate::parse("0.5 5").unwrap())
    }

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp(1_795_000_000_000 + milliseconds)
    }

    #[test]
    fn what_the_variable_says() {
        let ours = Rate::parse("0.5 5");
        assert!(ours.is_some());
        for (text, rate) in [
            ("", None),
            ("  ", None),
            (" 0.5  5.0 ", ours),
            ("much", ours),
            ("1", ours),
            ("1 -2", ours),
            ("1e999 5", ours),
        ] {
            assert_eq!(Rate::parse(text), rate, "{text:?}");
        }
        assert_ne!(Rate::parse("1 10"), ours);
    }

    #[test]
    fn a_token_is_refused_until_its_debt_is_refilled() {
        let mut buckets = buckets();
        let check = |buckets: &Buckets, token: &str, ms: i64| {
            buckets.check(TokenKind::Scim, token, at(ms)).map_err(|error| (error.kind(), error.retry_after.unwrap()))
        };
        buckets.charge(TokenKind::Scim, "a", 4 * SECOND, at(0));
        assert_eq!(check(&buckets, "a", 0), Ok(()), "at zero, not below it");
        buckets.charge(TokenKind::Scim, "a", SECOND, at(0));
        // One second of debt, 0.4 a second for one token.
        assert_eq!(check(&buckets, "a", 0), Err((Kind::TooManyRequests, 3)));
        assert_eq!(check(&buckets, "b", 0), Ok(()), "another token has what is left");
        assert_eq!(check(&buckets, "a", 2400), Err((Kind::TooManyRequests, 1)));
        assert_eq!(check(&buckets, "a", 2500), Ok(()));
        assert_eq!(buckets.check(TokenKind::Console, "a", at(0)), Ok(()), "the Console's is another bucket");
        // Together they can come below zero.
        buckets.charge(TokenKind::Scim, "b", 4 * SECOND, at(2500));
        assert_eq!(check(&buckets, "c", 2500).map_err(|error| error.0), Err(Kind::TooManyRequests));
        assert!(buckets.seconds_left(TokenKind::Scim, at(2500)) < 0.0);
        assert_eq!(buckets.seconds_left(TokenKind::Scim, at(3_600_000)).round(), 5.0);
    }

    /// One token asks whenever it is admitted, for a second of work each time; the other for 2 ms, ten times a second.
    #[test]
    fn one_token_at_its_worst_refuses_only_itself() {
        let mut buckets = buckets();
        let (mut refused, mut done) = (0, 0);
        for ms in (0..600_000).step_by(100) {
            if buckets.check(TokenKind::Scim, "worst", at(ms)).is_ok() {
                buckets.charge(TokenKind::Scim, "worst", SECOND, at(ms));
                done += 1;
            }
            match buckets.check(TokenKind::Scim, "other", at(ms)) {
                Ok(()) => buckets.charge(TokenKind::Scim, "other", SECOND / 500, at(ms)),
                Err(_) => refused += 1,
            }
        }
        assert_eq!(refused, 0);
        assert!((240..=250).contains(&done), "0.4 s a second and what the bucket held: {done}");
    }

    #[test]
    fn tokens_that_are_full_again_are_forgotten() {
        let mut buckets = buckets();
        let mut charge = |n: i64| {
            buckets.charge(TokenKind::Scim, &n.to_string(), 1, at(n * 1000));
            buckets.scim.each.len()
        };
        // Looking through all of them is work, so it waits until there are many.
        assert_eq!((0..TOKENS as i64).map(&mut charge).last(), Some(TOKENS));
        assert_eq!(charge(TOKENS as i64), 1);
    }

    #[test]
    fn a_clock_that_was_ahead_holds_no_token_up() {
        let (now, ahead) = (Timestamp(1_795_000_000_000), Timestamp(1_826_536_000_000));
        let mut buckets = Buckets::new(Rate::parse("0.5 5").unwrap());
        buckets.charge(TokenKind::Scim, "t", 100 * UNITS_PER_SECOND, ahead);
        assert!(buckets.check(TokenKind::Scim, "t", ahead).is_err());
        assert!(buckets.check(TokenKind::Scim, "t", now).is_ok());
    }
}
