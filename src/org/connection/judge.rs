//! State and warnings of the connection: a pure function of facts and clock. Each [`Finding`] says from when until when it
//! holds, so the same findings give the state at a later time too.

use super::facts::{Facts, HOUR};
use super::usage::{in_use, is_for_scim, successors, used_since_rotation};
use crate::directory::console::ConnectionState as State;
use crate::error::Warning;
use crate::id::Timestamp;
use crate::org::address::PLACE;
use crate::store::journal::DAY;
use crate::store::tokens::StoredToken;

/// The time before the end of a token in use at which the warning begins, in milliseconds.
const ENDS_SOON: i64 = 14 * DAY;

/// The facts that a judgement is made of.
pub(crate) struct Known<'a> {
    /// True if SCIM is on.
    pub(crate) enabled: bool,
    /// The time at which SCIM was switched on or off.
    pub(crate) switched: Timestamp,
    /// All tokens of the organisation.
    pub(crate) tokens: &'a [StoredToken],
    pub(crate) facts: &'a Facts,
    /// The refused requests with tokens that have ended.
    pub(crate) refusals: &'a [EndedUse],
    /// The findings that need no judgement: full quotas, jobs that were set aside, nested groups.
    pub(crate) stored: Vec<Finding>,
}

/// The requests with a token after its end, as the journal counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndedUse {
    /// The token's public id.
    pub(crate) token: String,
    pub(crate) since: Timestamp,
    pub(crate) count: i64,
}

/// A warning, and the time in which it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) code: Warning,
    pub(crate) from: Timestamp,
    /// The time from which on it no longer holds.
    pub(crate) until: Timestamp,
    /// The time until which the connection fails because of it, if it does.
    pub(crate) fails_until: Option<Timestamp>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) count: Option<i64>,
    /// The sentence, as of now, with a place for the organisation's address.
    pub(crate) detail: String,
}

impl Finding {
    /// Makes a finding that holds from `from` on.
    pub(crate) fn new(code: Warning, from: Timestamp, detail: String) -> Self {
        let (until, fails_until, count) = (Timestamp::LAST, None, None);
        Self { code, from, until, fails_until, since: Some(from), count, detail }
    }

    /// Adds that the connection fails because of it, as long as it holds.
    fn failing(self) -> Self {
        Self { fails_until: Some(self.until), ..self }
    }

    pub(crate) fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    fn fails(&self, at: Timestamp) -> bool {
        self.holds(at) && self.fails_until.is_some_and(|until| at < until)
    }
}

/// A judgement.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) is_on: bool,
    pub(crate) is_waiting: bool,
    /// The findings that hold now or later, in the order of [`Warning::ALL`].
    pub(crate) findings: Vec<Finding>,
}

impl Judgement {
    /// Returns the state at that time, if no request comes until then.
    pub(crate) fn state(&self, at: Timestamp) -> State {
        match () {
            () if !self.is_on => State::Off,
            () if self.is_waiting => State::Waiting,
            () if self.findings.iter().any(|one| one.fails(at)) => State::Failing,
            () if self.findings.iter().any(|one| one.holds(at)) => State::Warning,
            () => State::Connected,
        }
    }
}

/// Judges the connection as of `now`.
pub(crate) fn judge(known: Known<'_>, now: Timestamp) -> Judgement {
    let let_in = known.tokens.iter().filter(is_for_scim).filter_map(|token| token.usage.last_used).max();
    let is_waiting = known.enabled && let_in.is_none_or(|at| at < known.switched);
    let used = in_use(known.tokens, now);
    let mut findings = tokens(&known, &used, now);
    findings.extend(refused_tokens(&known, &used, let_in, is_waiting, now));
    findings.extend(pushes(&known, is_waiting, now));
    findings.extend(known.stored);
    findings.retain(|one| one.until > now);
    findings.sort_by_key(|one| one.code);
    Judgement { is_on: known.enabled, is_waiting, findings }
}

/// Finds tokens that end, have ended or were rotated.
fn tokens(known: &Known<'_>, used: &[&StoredToken], now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_alive = |token: &&&StoredToken| token.is_alive(now);
    for token in used.iter().filter(is_alive) {
        found.extend(ending(token, known.tokens, now));
        let named = format!("{} ({})", token.settings.name, token.id);
        if let Some(rotated) = used_since_rotation(token, known.tokens) {
            let detail = format!(
                "The token {named} was rotated at {} and the identity provider still sends it. Paste its successor into \
                 the identity provider{}.",
                rotated.rfc3339(),
                token.settings.expires_at.map(|end| format!(" before {}", end.rfc3339())).unwrap_or_default()
            );
            let until = token.settings.expires_at.unwrap_or(Timestamp::LAST);
            let count = Some(token.usage.since_rotation).filter(|count| *count > 0);
            found.push(Finding { until, count, ..Finding::new(Warning::RotatedTokenUsed, rotated, detail) });
        }
    }
    if known.enabled {
        // Before the first request any live token will do.
        let any: Vec<&StoredToken> = known.tokens.iter().filter(is_for_scim).collect();
        let wanted = if used.is_empty() { &any } else { used };
        let ends = wanted.iter().filter(is_alive).map(|token| token.settings.expires_at.unwrap_or(Timestamp::LAST));
        let detail = format!(
            "SCIM is enabled and no token {} is alive: nothing can be pushed. Mint one (POST \
             {PLACE}/tokens) and paste it into the identity provider.",
            if used.is_empty() { "of kind scim" } else { "that the identity provider uses" }
        );
        let from = ends.max().unwrap_or(now);
        if from < Timestamp::LAST {
            found.push(Finding { since: None, ..Finding::new(Warning::NoLiveToken, from, detail).failing() });
        }
    }
    found
}

/// Finds the end of a token in use.
pub(crate) fn ending(token: &StoredToken, tokens: &[StoredToken], now: Timestamp) -> Option<Finding> {
    let end = token.settings.expires_at?;
    let days = (end.0 - now.0) / DAY;
    let when = if days == 0 { "in less than a day".to_owned() } else { format!("in {days} days") };
    let how = match successors(token, tokens).first() {
        Some(next) => format!(
            "It was rotated: paste its successor {} ({}) into the identity provider.",
            next.settings.name, next.id
        ),
        None => format!(
            "Rotate it (POST {PLACE}/tokens/{}/rotate) and paste the new one into the identity provider; until its grace \
             ends both work.",
            token.id
        ),
    };
    let detail = format!(
        "The identity provider uses the token {} ({}), which ends {when}, at {}. {how}",
        token.settings.name,
        token.id,
        end.rfc3339()
    );
    Some(Finding { until: end, ..Finding::new(Warning::TokenEnding, end.plus(-ENDS_SOON), detail) })
}

/// Finds tokens that were refused.
fn refused_tokens(
    known: &Known<'_>,
    used: &[&StoredToken],
    let_in: Option<Timestamp>,
    is_waiting: bool,
    now: Timestamp,
) -> Vec<Finding> {
    // Tokens in use, and ended ones whose successor is in use.
    let counts = |token: &&StoredToken| {
        let precedes = || successors(token, known.tokens).iter().any(|next| used.iter().any(|one| one.id == next.id));
        used.iter().any(|one| one.id == token.id) || (!token.is_alive(now) && precedes())
    };
    let request = |token: &StoredToken| Some((token.usage.last_request?, token.usage.last_status?));
    let last = known.tokens.iter().filter(is_for_scim).filter(counts).max_by_key(|token| token.usage.last_request);
    let last = last.filter(|token| {
        let is_refused = |(at, status)| matches!(status, 401 | 403) && let_in.is_none_or(|used| used <= at);
        known.enabled && !is_waiting && request(token).is_some_and(is_refused)
    });
    let mut found = Vec::new();
    for token in known.tokens.iter().filter(is_for_scim) {
        let Some((at, 401)) = request(token).filter(|_| !token.is_alive(now)) else { continue };
        let counted = known.refusals.iter().find(|one| one.token == token.id.as_str());
        let count = counted.map(|one| one.count);
        let detail = format!(
            "The token {} ({}) has ended and is still sent, last at {}: each of its requests is refused. Paste a live \
             token where it is used; POST {PLACE}/tokens mints one.",
            token.settings.name,
            token.id,
            at.rfc3339()
        );
        let ended = Finding::new(Warning::EndedTokenUsed, counted.map_or(at, |one| one.since), detail);
        found.push(match last.is_some_and(|last| last.id == token.id) {
            true => Finding { count, ..ended.failing() },
            false => Finding { count, until: at.plus(DAY), ..ended },
        });
    }
    if let Some((token, (at, status))) =
        last.filter(|token| token.is_alive(now)).and_then(|token| Some((token, request(token)?)))
    {
        let detail = format!(
            "The last request with the token {} ({}), at {}, was refused with {status}. GET \
             {PLACE}/journal?token={} says why and what to do.",
            token.settings.name,
            token.id,
            at.rfc3339(),
            token.id
        );
        found.push(Finding::new(Warning::LastRequestRefused, at, detail).failing());
    }
    found
}

/// Finds pushes that were refused, and pushes that no longer come.
fn pushes(known: &Known<'_>, is_waiting: bool, now: Timestamp) -> Vec<Finding> {
    let facts = known.facts;
    let mut found = Vec::new();
    let (day, _) = facts.last_day(now);
    // A time ahead was noted while the clock was wrong.
    if let Some(at) = facts.guard_at.filter(|at| *at <= now) {
        let detail = format!(
            "The deprovisioning guard has refused {} pushes in the last 24 hours, last at {}. GET \
             {PLACE}/journal?outcome=refused says whom they were about. If they are meant, release the guard for a \
             while (POST {PLACE}/guard/release) or raise its limit, and have the identity provider push again.",
            day.blocked,
            at.rfc3339()
        );
        let blocks = Finding::new(Warning::GuardBlocks, at, detail);
        let fails_until = Some(at.plus(HOUR));
        found.push(Finding { until: at.plus(DAY), fails_until, count: Some(day.blocked), ..blocks });
    }
    if !known.enabled {
        if let Some((since, last, count)) = facts.off {
            let detail = format!(
                "SCIM is switched off and its identity provider pushes: {count} pushes were refused \
                 since {}, the last one at {}. Switch SCIM on (PATCH {PLACE} {{\"scim\": {{\"enabled\": true}}}}), \
                 or stop provisioning in the identity provider.",
                since.rfc3339(),
                last.rfc3339()
            );
            found.push(Finding { count: Some(count), ..Finding::new(Warning::PushesWhileOff, since, detail) });
        }
        return found;
    }
    if facts.is_mostly_refused() {
        let refused = facts.recent.iter().filter(|refused| **refused).count();
        let detail = refused_pushes(refused as i64, facts.recent.len() as i64, "last");
        let mostly = Finding::new(Warning::PushesRefused, now, detail).failing();
        found.push(Finding { since: facts.last_day(now).1, count: Some(refused as i64), ..mostly });
    } else {
        found.extend(refused_today(known, now));
    }
    if let (Some(last), Some(after), false) = (&facts.last, facts.silent_after(), is_waiting) {
        let detail = format!(
            "The identity provider has sent nothing since {}, more than 3 times as long as ever in the 14 days before. \
             Look there whether provisioning was stopped or the connection removed.",
            last.at.rfc3339()
        );
        let silent = Finding::new(Warning::Silence, last.at.plus(after), detail);
        found.push(Finding { since: Some(last.at), ..silent });
    }
    found
}

/// Finds the hours from now on in which more than 10 % of at least 20 pushes of the 24 hours before were refused.
fn refused_today(known: &Known<'_>, now: Timestamp) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for hour in 0..25 {
        // An hour leaves the window a day after it began.
        let from = if hour == 0 { now } else { Timestamp((now.0.div_euclid(HOUR) + hour) * HOUR) };
        let (sum, since) = known.facts.last_day(from);
        if sum.pushes < 20 || sum.refused * 10 <= sum.pushes {
            continue;
        }
        let until = Timestamp((now.0.div_euclid(HOUR) + hour + 1) * HOUR);
        match found.last_mut().filter(|last| last.until == from) {
            Some(last) => last.until = until,
            None => {
                let detail = refused_pushes(sum.refused, sum.pushes, "last 24 hours'");
                let refused = Finding::new(Warning::PushesRefused, from, detail);
                found.push(Finding { until, since, count: Some(sum.refused), ..refused });
            }
        }
    }
    found
}

fn refused_pushes(refused: i64, pushes: i64, which: &str) -> String {
    format!(
        "{refused} of the {which} {pushes} pushes were refused. GET \
         {PLACE}/journal?outcome=refused lists why, each with what to do."
    )
}

/// Returns the whole days until the next token in use ends; before the first request, until the last live token ends.
/// `None` if none of them has an end, or none is alive.
pub(crate) fn token_days_left(tokens: &[StoredToken], now: Timestamp) -> Option<i64> {
    let used = in_use(tokens, now);
    let end = match used.is_empty() {
        false => used.iter().filter(|token| token.is_alive(now)).filter_map(|token| token.settings.expires_at).min(),
        true => {
            let alive = tokens.iter().filter(is_for_scim).filter(|token| token.is_alive(now));
            let ends = alive.map(|token| token.settings.expires_at.unwrap_or(Timestamp::LAST)).max();
            ends.filter(|end| *end != Timestamp::LAST)
        }
    };
    end.map(|end| (end.0 - now.0) / DAY)
}

#[cfg(test)]
mod tests;
