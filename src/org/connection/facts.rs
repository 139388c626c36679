//! The facts about an organisation's SCIM requests, as they live in memory and as one row stores them. Nothing here
//! depends on when it is read.

use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::scim::json;
use crate::store::{Sql, journal::DAY, settings as store};
use serde::{Deserialize, Serialize};

/// An hour, in milliseconds.
pub(crate) const HOUR: i64 = 3_600_000;
/// The pushes whose outcomes are remembered.
pub(crate) const RECENT: usize = 20;
/// The days of which the longest gap is remembered.
pub(crate) const GAP_DAYS: i64 = 14;
/// The hours of which pushes are counted: those that a window of 24 hours touches.
const HOURS: i64 = 25;

/// The row that holds them.
const ROW: &str = "connection";

/// The facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Facts {
    /// The time of the first request.
    pub(crate) first: Option<Timestamp>,
    /// The last request.
    pub(crate) last: Option<Request>,
    /// The time of the last push.
    pub(crate) last_push: Option<Timestamp>,
    /// The provider, as far as a request told it.
    pub(crate) idp: String,
    /// The last refusal, with its code.
    pub(crate) refusal: Option<(Request, String)>,
    /// The last request at a wrong address.
    pub(crate) miss: Option<Miss>,
    /// The outcomes of the last [`RECENT`] pushes that were judged, the oldest first: true if it was refused.
    pub(crate) recent: Vec<bool>,
    /// The pushes of the last hours, by hour.
    pub(crate) hours: Vec<Hour>,
    /// The longest time without a request that ended on a day, by day since 1970-01-01.
    pub(crate) gaps: Vec<(i64, i64)>,
    /// The time at which the guard refused a push last.
    pub(crate) guard_at: Option<Timestamp>,
    /// The first and the last time of a push since SCIM was switched off, and their number.
    pub(crate) off: Option<(Timestamp, Timestamp, i64)>,
}

/// A request, as the Console sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) at: Timestamp,
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    /// The token's public id.
    pub(crate) token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
}

/// Requests at a wrong address: the last one, the time of the first one, and their number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Miss {
    pub(crate) last: Request,
    pub(crate) first_at: Timestamp,
    pub(crate) count: i64,
}

/// The pushes of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hour {
    /// The hours since 1970-01-01.
    pub(crate) hour: i64,
    pub(crate) pushes: i64,
    pub(crate) refused: i64,
    /// Those of the refused that the guard refused.
    pub(crate) blocked: i64,
}

/// The outcome of one push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// It was done, or needed nothing.
    Accepted,
    /// It was judged and refused.
    Refused,
    /// The guard refused it.
    Blocked,
    /// Its token was not let in, so that it was not judged.
    NotLetIn,
}

impl Facts {
    /// Reads the stored facts.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn stored(sql: &dyn Sql) -> Result<Self> {
        // Facts that cannot be read are those of another build: the next request begins them anew.
        Ok(store::get_setting(sql, ROW)?.and_then(|text| json::read_own(&text).ok()).unwrap_or_default())
    }

    /// Stores them.
    ///
    /// # Errors
    /// Internal only.
    pub(crate) fn save(&self, sql: &dyn Sql) -> Result<()> {
        store::put_setting(sql, ROW, &serde_json::to_string(self).map_err(Error::internal)?)
    }

    /// Notes a request, and the provider that sent it.
    pub(crate) fn add_request(&mut self, request: Request, idp: &str) {
        let now = request.at;
        if let Some(last) = &self.last {
            let (day, gap) = (now.0.div_euclid(DAY), (now.0 - last.at.0).clamp(0, GAP_DAYS * DAY));
            match self.gaps.last_mut().filter(|(of, _)| *of == day) {
                Some((_, longest)) => *longest = gap.max(*longest),
                None => self.gaps.push((day, gap)),
            }
            self.gaps.retain(|(of, _)| (day - GAP_DAYS..=day).contains(of));
        }
        if !idp.is_empty() {
            idp.clone_into(&mut self.idp);
        }
        self.first = self.first.or(Some(now));
        self.last = Some(request);
    }

    /// Counts the pushes that a request was: several only of a Bulk request.
    pub(crate) fn add_pushes(&mut self, pushes: &[Push], now: Timestamp) {
        let hour = now.0.div_euclid(HOUR);
        self.hours.retain(|one| (hour - HOURS..=hour).contains(&one.hour));
        if self.hours.last().is_none_or(|last| last.hour != hour) {
            self.hours.push(Hour { hour, ..Hour::default() });
        }
        let Some(counted) = self.hours.last_mut() else { return };
        for push in pushes {
            counted.pushes += 1;
            counted.refused += i64::from(*push != Push::Accepted);
            counted.blocked += i64::from(*push == Push::Blocked);
            if *push == Push::Blocked {
                self.guard_at = Some(now);
            }
            if *push != Push::NotLetIn {
                self.recent.push(*push != Push::Accepted);
            }
        }
        self.recent.drain(..self.recent.len().saturating_sub(RECENT));
    }

    /// Counts a push that came while SCIM was off.
    pub(crate) fn add_push_while_off(&mut self, now: Timestamp) {
        let (since, _, count) = self.off.unwrap_or((now, now, 0));
        self.off = Some((since, now, count + 1));
    }

    /// Notes a request at a wrong address.
    pub(crate) fn add_miss(&mut self, last: Request) {
        let (first_at, count) = self.miss.as_ref().map_or((last.at, 0), |miss| (miss.first_at, miss.count));
        self.miss = Some(Miss { last, first_at, count: count + 1 });
    }

    /// Forgets the pushes that were judged under another setting, because SCIM was switched on or off. Returns true if
    /// there were any.
    pub(crate) fn forget_judged(&mut self) -> bool {
        let were_any = !self.recent.is_empty() || self.off.is_some();
        self.recent.clear();
        self.off = None;
        were_any
    }

    /// Returns the time without a request after which the provider counts as silent, in milliseconds: 3 times the
    /// longest gap, and at least a day. `None` before 7 days of history.
    pub(crate) fn silent_after(&self) -> Option<i64> {
        let history = self.last.as_ref()?.at.0 - self.first?.0;
        let longest = self.gaps.iter().map(|(_, gap)| *gap).max().unwrap_or_default();
        (history >= 7 * DAY).then_some((3 * longest).max(DAY))
    }

    /// Returns the sums of the hours that began in the 24 hours before `now`, and the beginning of the first of them in
    /// which a push was refused.
    pub(crate) fn last_day(&self, now: Timestamp) -> (Hour, Option<Timestamp>) {
        let (mut sum, mut since) = (Hour::default(), None);
        for hour in self.hours.iter().filter(|hour| hour.hour * HOUR > now.0 - DAY && hour.hour * HOUR <= now.0) {
            sum.pushes += hour.pushes;
            sum.refused += hour.refused;
            sum.blocked += hour.blocked;
            if hour.refused > 0 {
                since = since.or(Some(Timestamp(hour.hour * HOUR)));
            }
        }
        (sum, since)
    }

    /// Returns true if at least half of the last [`RECENT`] pushes were refused; of fewer, if there are at least 3.
    pub(crate) fn is_mostly_refused(&self) -> bool {
        let refused = self.recent.iter().filter(|refused| **refused).count();
        self.recent.len() >= 3 && 2 * refused >= self.recent.len()
    }
}
