//! Every state and every warning, with what brings it and what ends it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::auth::{Dialect, TokenKind};
use crate::directory::admin::TokenSettings;
use crate::id::{TokenHash, TokenId};
use crate::org::connection::facts::{Hour, Push, Request};
use crate::store::token_use::TokenUse;

/// Not the beginning of an hour.
const NOW: Timestamp = Timestamp(1_795_000_000_000);
const MINUTE: i64 = 60_000;

struct Scene {
    enabled: bool,
    switched: Timestamp,
    tokens: Vec<StoredToken>,
    facts: Facts,
    stored: Vec<Finding>,
}

/// A token that was last let in so long ago, and ends in so long.
fn token(id: &str, used: Option<i64>, end: Option<i64>) -> StoredToken {
    let settings = TokenSettings {
        name: format!("token {id}"),
        kind: TokenKind::Scim,
        dialect: Dialect::Auto,
        scope: None,
        expires_at: end.map(|end| NOW.plus(end)),
        address_ranges: Vec::new(),
    };
    let last = used.map(|ago| NOW.plus(-ago));
    let usage = TokenUse {
        first_used: last.map(|last| last.plus(-30 * DAY)),
        last_used: last,
        last_request: last,
        last_status: last.map(|_| 200),
        ..TokenUse::default()
    };
    let (hash, id) = (TokenHash([0; 32]), TokenId::parse(id).unwrap());
    let (revoked, replaced_by, minted_by) = (None, None, None);
    StoredToken { hash, id, settings, created: NOW.plus(-100 * DAY), revoked, usage, replaced_by, minted_by }
}

/// The token `old` as it is after it was rotated to `new` so long ago, with so long a grace.
fn rotated(old: StoredToken, new: &mut StoredToken, ago: i64, grace: i64) -> StoredToken {
    new.created = NOW.plus(-ago);
    let settings = TokenSettings { expires_at: Some(NOW.plus(grace - ago)), ..old.settings };
    StoredToken { settings, replaced_by: Some(new.id.to_string()), ..old }
}

/// The token after a request that was answered so long ago, and not let in unless the status says so.
fn refused(mut token: StoredToken, status: i64, ago: i64) -> StoredToken {
    (token.usage.last_request, token.usage.last_status) = (Some(NOW.plus(-ago)), Some(status));
    token
}

fn request(ago: i64) -> Request {
    let (id, path) = ("r".to_owned(), "/Users".to_owned());
    Request {
        at: NOW.plus(-ago),
        id,
        method: "POST".to_owned(),
        path,
        status: 201,
        token: "a".to_owned(),
        address: None,
    }
}

/// A provider that pushes: a minute ago for the last time, and for 60 days.
fn scene() -> Scene {
    let facts = Facts {
        first: Some(NOW.plus(-60 * DAY)),
        last: Some(request(MINUTE)),
        hours: vec![Hour { hour: NOW.0 / HOUR, pushes: 40, refused: 0, blocked: 0 }],
        gaps: vec![(NOW.0 / DAY, 60 * HOUR)],
        recent: vec![false; 20],
        ..Facts::default()
    };
    let tokens = vec![token("a", Some(MINUTE), None)];
    Scene { enabled: true, switched: Timestamp(0), tokens, facts, stored: Vec::new() }
}

fn pushed(facts: &mut Facts, refused: usize, accepted: usize) {
    facts.recent.clear();
    facts.hours.clear();
    facts.add_pushes(&vec![Push::Refused; refused], NOW.plus(-MINUTE));
    facts.add_pushes(&vec![Push::Accepted; accepted], NOW.plus(-MINUTE));
}

type Row = (&'static str, fn(&mut Scene), i64, State, &'static [Warning]);

use State::{Connected, Failing, Off, Waiting, Warning as Warned};
use Warning::{
    EndedTokenUsed, GroupsToFlatten, GuardBlocks, LastRequestRefused, NoLiveToken, PushesRefused, PushesWhileOff,
    RotatedTokenUsed, Silence, TokenEnding,
};

const TABLE: &[Row] = &[
    ("a provider pushes", |_| {}, 0, Connected, &[]),
    ("SCIM is off", |s| s.enabled = false, 0, Off, &[]),
    ("no token yet", |s| s.tokens.clear(), 0, Waiting, &[NoLiveToken]),
    ("a token that was never sent", |s| s.tokens = vec![token("a", None, None)], 0, Waiting, &[]),
    ("such a token's end", |s| s.tokens = vec![token("a", None, Some(DAY))], DAY, Waiting, &[NoLiveToken]),
    ("switched on after the last request", |s| s.switched = NOW, 0, Waiting, &[]),
    ("switched on before it", |s| s.switched = NOW.plus(-2 * MINUTE), 0, Connected, &[]),
    // The six situations in which no user is provisioned, or soon none.
    (
        "the token in use ends in 3 days beside an endless spare",
        |s| s.tokens = vec![token("a", Some(MINUTE), Some(3 * DAY)), token("b", None, None)],
        0,
        Warned,
        &[TokenEnding],
    ),
    (
        "rotated, and the old token is sent",
        |s| {
            let mut new = token("b", None, None);
            s.tokens = vec![rotated(token("a", Some(MINUTE), None), &mut new, HOUR, DAY), new];
        },
        0,
        Warned,
        &[TokenEnding, RotatedTokenUsed],
    ),
    (
        "the grace is over, and the old token is refused",
        |s| {
            let mut new = token("b", None, None);
            let old = rotated(token("a", Some(2 * DAY), None), &mut new, 3 * DAY, DAY);
            s.tokens = vec![refused(old, 401, MINUTE), new];
        },
        0,
        Failing,
        &[NoLiveToken, EndedTokenUsed],
    ),
    ("the guard blocks", |s| s.facts.add_pushes(&[Push::Blocked], NOW.plus(-MINUTE)), 0, Failing, &[GuardBlocks]),
    (
        "pushes while SCIM is off",
        |s| {
            s.enabled = false;
            s.facts.add_push_while_off(NOW.plus(-20 * DAY));
        },
        0,
        Off,
        &[PushesWhileOff],
    ),
    ("five of five refused", |s| pushed(&mut s.facts, 5, 0), 0, Failing, &[PushesRefused]),
    // Tokens.
    ("15 days before the end", |s| s.tokens = vec![token("a", Some(MINUTE), Some(15 * DAY))], 0, Connected, &[]),
    ("14 days before it", |s| s.tokens = vec![token("a", Some(MINUTE), Some(15 * DAY))], DAY, Warned, &[TokenEnding]),
    ("after it", |s| s.tokens = vec![token("a", Some(MINUTE), Some(DAY))], DAY, Failing, &[NoLiveToken]),
    (
        "an unused spare ends",
        |s| s.tokens = vec![token("a", Some(MINUTE), None), token("b", None, Some(DAY))],
        0,
        Connected,
        &[],
    ),
    (
        "one that was used 15 days ago ends",
        |s| s.tokens = vec![token("a", Some(MINUTE), None), token("b", Some(15 * DAY), Some(DAY))],
        0,
        Connected,
        &[],
    ),
    (
        "the only one that was ever used, 15 days ago, ends",
        |s| s.tokens = vec![token("a", None, None), token("b", Some(15 * DAY), Some(DAY))],
        0,
        Warned,
        &[TokenEnding],
    ),
    (
        "one of two in use has ended",
        |s| s.tokens = vec![token("a", Some(MINUTE), None), token("b", Some(2 * DAY), Some(-DAY))],
        0,
        Connected,
        &[],
    ),
    (
        "rotated, and the new token is sent",
        |s| {
            let mut new = refused(token("b", Some(MINUTE), None), 200, MINUTE);
            new.usage.first_used = Some(NOW.plus(-MINUTE));
            s.tokens = vec![rotated(token("a", Some(2 * MINUTE), None), &mut new, HOUR, DAY), new];
        },
        0,
        Connected,
        &[],
    ),
    (
        "rotated, and both are sent in turn",
        |s| {
            let mut new = token("b", Some(MINUTE), None);
            new.usage.first_used = Some(NOW.plus(-HOUR));
            s.tokens = vec![rotated(token("a", Some(2 * MINUTE), None), &mut new, 2 * HOUR, DAY), new];
        },
        0,
        Warned,
        &[TokenEnding, RotatedTokenUsed],
    ),
    (
        "an ended predecessor is sent, and its successor after it",
        |s| {
            let mut new = token("b", Some(MINUTE), None);
            let old = rotated(token("a", Some(9 * DAY), None), &mut new, 5 * DAY, DAY);
            s.tokens = vec![refused(old, 401, 2 * MINUTE), new];
        },
        0,
        Warned,
        &[EndedTokenUsed],
    ),
    (
        "the same a day later",
        |s| {
            let mut new = token("b", Some(MINUTE), None);
            let old = rotated(token("a", Some(9 * DAY), None), &mut new, 5 * DAY, DAY);
            s.tokens = vec![refused(old, 401, 2 * MINUTE), new];
        },
        DAY,
        Connected,
        &[],
    ),
    (
        "an ended predecessor is sent after its successor",
        |s| {
            let mut new = token("b", Some(2 * MINUTE), None);
            let old = rotated(token("a", Some(9 * DAY), None), &mut new, 5 * DAY, DAY);
            s.tokens = vec![refused(old, 401, MINUTE), new];
        },
        2 * DAY,
        Failing,
        &[EndedTokenUsed],
    ),
    (
        "another ended token is sent after the one in use",
        |s| {
            let other = refused(token("c", Some(40 * DAY), Some(-20 * DAY)), 401, 0);
            s.tokens.push(other);
        },
        0,
        Warned,
        &[EndedTokenUsed],
    ),
    (
        "the token in use is sent from outside its ranges",
        |s| s.tokens = vec![refused(token("a", Some(HOUR), None), 401, MINUTE)],
        0,
        Failing,
        &[LastRequestRefused],
    ),
    (
        "a refusal of the content",
        |s| s.tokens = vec![refused(token("a", Some(MINUTE), None), 409, MINUTE)],
        0,
        Connected,
        &[],
    ),
    // Pushes.
    ("two of two refused", |s| pushed(&mut s.facts, 2, 0), 0, Connected, &[]),
    ("half of four refused", |s| pushed(&mut s.facts, 2, 2), 0, Failing, &[PushesRefused]),
    ("less than half of five refused", |s| pushed(&mut s.facts, 2, 3), 0, Connected, &[]),
    ("the last 20 were accepted, of 200 before 100", |s| pushed(&mut s.facts, 100, 120), 0, Warned, &[PushesRefused]),
    ("two of 20 refused", |s| pushed(&mut s.facts, 2, 18), 0, Connected, &[]),
    ("three of 20 refused", |s| pushed(&mut s.facts, 3, 17), 0, Warned, &[PushesRefused]),
    ("three of 19 refused", |s| pushed(&mut s.facts, 3, 16), 0, Connected, &[]),
    ("the same of 20 a day later", |s| pushed(&mut s.facts, 3, 17), DAY, Connected, &[]),
    ("20 that were not let in", |s| s.facts.add_pushes(&[Push::NotLetIn; 20], NOW), 0, Warned, &[PushesRefused]),
    ("the guard an hour ago", |s| s.facts.add_pushes(&[Push::Blocked], NOW), HOUR, Warned, &[GuardBlocks]),
    ("the guard a day ago", |s| s.facts.add_pushes(&[Push::Blocked], NOW), DAY, Connected, &[]),
    // Silence: the longest gap was 60 hours.
    ("silent for 179 hours", |_| {}, 179 * HOUR, Connected, &[]),
    ("silent for 180 hours", |_| {}, 180 * HOUR, Warned, &[Silence]),
    ("short gaps, silent for a day", |s| s.facts.gaps = vec![(NOW.0 / DAY, HOUR)], DAY, Warned, &[Silence]),
    ("short gaps, silent for less", |s| s.facts.gaps = vec![(NOW.0 / DAY, HOUR)], DAY - 2 * MINUTE, Connected, &[]),
    (
        "6 days of history",
        |s| (s.facts.gaps, s.facts.first) = (Vec::new(), Some(NOW.plus(-6 * DAY))),
        30 * DAY,
        Connected,
        &[],
    ),
    ("silent, and off", |s| s.enabled = false, 30 * DAY, Off, &[]),
    // Found elsewhere.
    (
        "groups to flatten",
        |s| s.stored.push(Finding::new(GroupsToFlatten, NOW, String::new())),
        0,
        Warned,
        &[GroupsToFlatten],
    ),
];

#[test]
fn states_and_warnings() {
    for (name, change, later, state, codes) in TABLE {
        let Scene { enabled, switched, tokens, facts, stored } = {
            let mut scene = scene();
            change(&mut scene);
            scene
        };
        let judged = |now: Timestamp| {
            let known =
                Known { enabled, switched, tokens: &tokens, facts: &facts, refusals: &[], stored: stored.clone() };
            judge(known, now)
        };
        let at = NOW.plus(*later);
        let found = judged(at);
        let held: Vec<Warning> = found.findings.iter().filter(|one| one.holds(at)).map(|one| one.code).collect();
        assert_eq!((found.state(at), held.as_slice()), (*state, *codes), "{name}: {:?}", found.findings);
        for one in &found.findings {
            assert!(one.code == GroupsToFlatten || one.detail.len() > 60, "{name}: {}", one.detail);
        }
        // Without a request the earlier judgement gives the later state, as an overview reads it.
        assert_eq!(judged(NOW).state(at), *state, "{name}, foreseen");
    }
    let listed: Vec<Warning> = TABLE.iter().flat_map(|row| row.4.iter().copied()).collect();
    let elsewhere = [Warning::QuotaNearlyUsed, Warning::HistoryFull, Warning::JobSetAside];
    let missing: Vec<_> = Warning::ALL.iter().filter(|one| !listed.contains(one) && !elsewhere.contains(one)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn facts_of_requests() {
    let mut facts = Facts::default();
    let at = |hours: i64| Request { at: NOW.plus(hours * HOUR), ..request(0) };
    for hour in [0, 1, 62, 63, 7 * 24 - 1] {
        facts.add_request(at(hour), "");
    }
    assert_eq!(facts.silent_after(), None, "less than 7 days");
    facts.add_request(at(7 * 24), "Okta");
    assert_eq!(facts.silent_after(), Some(3 * (7 * 24 - 64) * HOUR));
    // A gap is forgotten 14 days after the day on which it ended; a longer one counts as 14 days.
    for hour in (7 * 24..22 * 24).step_by(10) {
        facts.add_request(at(hour), "");
    }
    assert_eq!((facts.silent_after(), facts.idp.as_str()), (Some(30 * HOUR), "Okta"));
    facts.add_request(at(60 * 24), "Entra");
    assert_eq!((facts.silent_after(), facts.idp.as_str()), (Some(3 * 14 * DAY), "Entra"));
    // A clock that goes back makes no gap.
    facts.add_request(at(0), "");
    assert!(facts.gaps.iter().all(|(_, gap)| *gap == 0), "{:?}", facts.gaps);

    for hour in 0..60 {
        facts.add_pushes(&[Push::Accepted, Push::Refused, Push::Blocked, Push::NotLetIn], NOW.plus(hour * HOUR));
    }
    let (sum, since) = facts.last_day(NOW.plus(59 * HOUR));
    assert_eq!((sum.pushes, sum.refused, sum.blocked), (96, 72, 24));
    assert_eq!(since, Some(Timestamp((NOW.0 / HOUR + 36) * HOUR)));
    assert!(facts.hours.len() <= 26 && facts.recent.len() == 20 && facts.is_mostly_refused());
    assert_eq!(facts.last_day(NOW.plus(200 * HOUR)), (Hour::default(), None));
    let text = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    assert!(text.len() < 4096, "{}", text.len());
}
