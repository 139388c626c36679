//! The rights to mint, rotate and end a token: every pair of a caller and a token, held to the rule written out once
//! more; the minter of a token, and the tokens that end with it; and that a revoked token stays one whatever the clock
//! says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::native::Native;
use scim_edge::auth::{Dialect, Token, TokenKind};
use scim_edge::console;
use scim_edge::directory::admin::{Admin, Rotation, Scope, TokenSettings};
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::query::Query;
use scim_edge::directory::reply::Answer;
use scim_edge::error::Result;
use scim_edge::id::{Timestamp, TokenId};
use scim_edge::store::{Sql, tokens};
use serde_json::{Value, json};

const DAY: i64 = 24 * 3_600_000;
/// Each inside the one before it.
const RANGES: [&[&str]; 3] = [&[], &["203.0.113.0/24", "2001:db8::/32"], &["203.0.113.0/25"]];
/// In days from the start, each earlier than the one before it.
const ENDS: [Option<i64>; 3] = [None, Some(20), Some(10)];
const SCIM: (TokenKind, Option<Scope>) = (TokenKind::Scim, None);
const READ: (TokenKind, Option<Scope>) = (TokenKind::Console, Some(Scope::Read));
const ADMIN: (TokenKind, Option<Scope>) = (TokenKind::Console, Some(Scope::Admin));

/// A token as it may be asked for: what it is, and how far in [`RANGES`] and [`ENDS`].
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    what: (TokenKind, Option<Scope>),
    ranges: usize,
    end: usize,
}

fn kinds(what: (TokenKind, Option<Scope>)) -> impl Iterator<Item = Kind> {
    (0..3).flat_map(move |ranges| (0..3).map(move |end| Kind { what, ranges, end }))
}

struct World {
    server: Native,
    start: Timestamp,
    made: u32,
}

impl World {
    fn new() -> Self {
        let mut server = Native::new(Dialect::Auto);
        server.address = Some("203.0.113.7".to_owned());
        let start = server.now;
        Self { server, start, made: 0 }
    }

    fn admin(&mut self, by: &Actor, admin: Admin) -> Result<Value> {
        match self.server.call(by.clone(), Ask::Admin(admin)).outcome? {
            Answer::Json(text) => Ok(serde_json::from_str(text.get()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn end(&self, at: usize) -> Option<Timestamp> {
        ENDS[at].map(|days| self.start.plus(days * DAY))
    }

    fn settings(&self, kind: Kind) -> TokenSettings {
        let (of, scope) = kind.what;
        TokenSettings {
            name: "a token".into(),
            kind: of,
            dialect: Dialect::Auto,
            scope,
            expires_at: self.end(kind.end),
            address_ranges: RANGES[kind.ranges].iter().map(|range| (*range).to_owned()).collect(),
        }
    }

    /// Mints a token, as the edge does it.
    fn mint(&mut self, by: &Actor, token: TokenSettings, replaces: Option<TokenId>) -> Result<(TokenId, Actor)> {
        self.made += 1;
        let id = TokenId::parse(&format!("m-{}", self.made)).unwrap();
        let mut random = [0; 32];
        random[..4].copy_from_slice(&self.made.to_be_bytes());
        let hash = Token::mint(token.kind, random).hash();
        self.admin(by, Admin::MintToken { id: id.clone(), hash, token, replaces })?;
        Ok((id, Actor::Token { hash, dialect: Dialect::Auto }))
    }

    fn made(&mut self, kind: Kind) -> (TokenId, Actor) {
        let settings = self.settings(kind);
        self.mint(&Actor::Root, settings, None).unwrap()
    }

    /// Rotates a token in the three calls of the edge.
    fn rotate(&mut self, by: &Actor, id: &TokenId, end: Option<Timestamp>, grace: i64) -> Result<(TokenId, Actor)> {
        let rotation = Rotation { id: id.clone(), grace_seconds: grace, expires_at: end, by: None };
        let settings = self.admin(by, Admin::RotateToken(rotation.clone()))?;
        let settings: TokenSettings = serde_json::from_value(settings).unwrap();
        let (next, actor) = self.mint(by, settings, Some(id.clone()))?;
        self.admin(by, Admin::RotateToken(Rotation { by: Some(next.clone()), ..rotation }))?;
        Ok((next, actor))
    }

    fn revoke(&mut self, by: &Actor, id: &TokenId, children: bool) -> Result<Vec<String>> {
        let ended = self.admin(by, Admin::RevokeToken { id: id.clone(), children })?;
        let stay = ended["children"].as_array().cloned().unwrap_or_default();
        Ok(stay.iter().map(|child| child["id"].as_str().unwrap().to_owned()).collect())
    }

    fn stored(&self, id: &TokenId) -> tokens::StoredToken {
        tokens::by_id(&self.server.sql, id).unwrap().unwrap()
    }

    /// The token as the Console shows it.
    fn listed(&mut self, id: &TokenId) -> Value {
        let all = self.server.query(Query::Tokens).unwrap();
        all["tokens"].as_array().unwrap().iter().find(|one| one["id"] == id.as_str()).unwrap().clone()
    }

    fn alive(&mut self) -> Vec<String> {
        let all = self.server.query(Query::Tokens).unwrap();
        let alive = all["tokens"].as_array().unwrap().iter().filter(|one| one["alive"] == true);
        let mut ids: Vec<String> = alive.map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    }
}

fn status<T>(result: &Result<T>) -> u16 {
    result.as_ref().map_or_else(|error| error.kind().status(), |_| 200)
}

/// The status that a caller gets for whatever it tries; `None` for one that its scope lets try.
fn at_all(by: Option<Kind>) -> Option<u16> {
    match by.map(|by| by.what) {
        None => Some(200),
        Some(SCIM) => Some(401),
        Some(READ) => Some(403),
        _ => None,
    }
}

fn expected(by: Option<Kind>, allowed: impl Fn(Kind) -> bool) -> u16 {
    at_all(by).unwrap_or_else(|| if allowed(by.unwrap()) { 200 } else { 403 })
}

/// The callers: the root key, and tokens of each kind.
fn callers() -> Vec<Option<Kind>> {
    let one = |what| kinds(what).take(1).map(Some);
    [None].into_iter().chain(one(SCIM)).chain(one(READ)).chain(kinds(ADMIN).map(Some)).collect()
}

fn targets() -> impl Iterator<Item = Kind> {
    [SCIM, READ, ADMIN].into_iter().flat_map(kinds)
}

#[test]
fn what_each_may_mint_rotate_and_end() {
    for by in callers() {
        let mut world = World::new();
        for token in targets() {
            let (own, actor) = by.map_or_else(
                || (None, Actor::Root),
                |kind| {
                    let (id, actor) = world.made(kind);
                    (Some(id), actor)
                },
            );
            let minter = own.as_ref().map_or("root", TokenId::as_str);
            let what = format!("{token:?} by {by:?}");
            let settings = world.settings(token);
            let minted = world.mint(&actor, settings, None);
            let may = |by: Kind| {
                token.what == SCIM || (token.what == READ && token.ranges >= by.ranges && token.end >= by.end)
            };
            assert_eq!(status(&minted), expected(by, may), "minted: {what}");
            if let Ok((id, _)) = minted {
                assert_eq!(world.stored(&id).minted_by.as_deref(), Some(minter), "{what}");
            }
            // Without an end said, and with each of them.
            for end in [None, Some(1), Some(2)] {
                let (id, _) = world.made(token);
                let asked = end.and_then(|end| world.end(end));
                let rotated = world.rotate(&actor, &id, asked, 60);
                let may = |by: Kind| {
                    token.what == SCIM
                        || (token.what == READ && token.ranges >= by.ranges && end.is_none_or(|end| end >= by.end))
                };
                assert_eq!(status(&rotated), expected(by, may), "rotated: {what} until {end:?}");
                let old = world.stored(&id);
                assert_eq!(old.replaced_by.is_none(), rotated.is_err(), "{what}");
                if let Ok((next, _)) = rotated {
                    let next = world.stored(&next);
                    assert_eq!(next.minted_by.as_deref(), Some(minter), "{what}");
                    let expires_at = next.settings.expires_at;
                    assert_eq!(next.settings, TokenSettings { expires_at, ..old.settings }, "{what}");
                }
            }
            let (id, _) = world.made(token);
            let ended = world.revoke(&actor, &id, false);
            assert_eq!(status(&ended), expected(by, |_| token.what != ADMIN), "ended: {what}");
            assert_eq!(world.stored(&id).revoked.is_none(), ended.is_err(), "{what}");
        }
    }
}

#[test]
fn what_an_admin_token_does_with_itself() {
    let mut world = World::new();
    for kind in kinds(ADMIN) {
        for (end, status_expected) in [(None, 200), (Some(1), if kind.end <= 1 { 200 } else { 403 }), (Some(2), 200)] {
            let (id, actor) = world.made(kind);
            let asked = end.and_then(|end| world.end(end));
            let rotated = world.rotate(&actor, &id, asked, 60);
            assert_eq!(status(&rotated), status_expected, "{kind:?} until {end:?}");
            if let Err(error) = &rotated {
                let until = world.end(kind.end).unwrap().rfc3339();
                assert!(error.detail.contains(&format!("expiresAt must be {until} or earlier")), "{error}");
            }
            if let Ok((next, successor)) = rotated {
                let (old, new) = (world.listed(&id), world.listed(&next));
                let until = asked.or_else(|| world.end(kind.end)).map(Timestamp::rfc3339);
                assert_eq!([&new["scope"], &new["expiresAt"]], [&json!("admin"), &json!(until)], "{kind:?}");
                assert_eq!([&new["addressRanges"], &new["mintedBy"]], [&old["addressRanges"], &json!(id)], "{kind:?}");
                // From now on they are two: neither ends the other.
                assert_eq!(status(&world.revoke(&actor, &next, false)), 403);
                assert_eq!(status(&world.revoke(&successor, &id, false)), 403);
                assert_eq!(status(&world.revoke(&successor, &next, false)), 200);
            }
            assert_eq!(status(&world.revoke(&actor, &id, false)), 200, "{kind:?}");
        }
    }
}

#[test]
fn the_refusal_says_what_is_allowed() {
    let mut world = World::new();
    let (_, actor) = world.made(Kind { what: ADMIN, ranges: 1, end: 1 });
    let settings = world.settings(Kind { what: READ, ranges: 0, end: 0 });
    let error = world.mint(&actor, settings, None).unwrap_err();
    let until = world.end(1).unwrap().rfc3339();
    let detail = format!(
        "A Console token mints and rotates Console tokens that may do at most what it may itself: expiresAt must be {until} \
         or earlier; each of addressRanges must be inside of 203.0.113.0/24, 2001:db8::/32. Name both so, or use the root key."
    );
    assert_eq!(error.detail, detail);
}

/// One admin token mints a scim and a read token and rotates itself; the successor mints another scim token.
#[test]
fn what_was_minted_goes_along_or_is_listed() {
    let family = || {
        let mut world = World::new();
        let (first, by_first) = world.made(Kind { what: ADMIN, ranges: 0, end: 0 });
        let scim = world.settings(Kind { what: SCIM, ranges: 0, end: 0 });
        let read = world.settings(Kind { what: READ, ranges: 0, end: 0 });
        let (one, _) = world.mint(&by_first, scim.clone(), None).unwrap();
        let (two, _) = world.mint(&by_first, read, None).unwrap();
        let (second, by_second) = world.rotate(&by_first, &first, None, 3600).unwrap();
        let (three, _) = world.mint(&by_second, scim, None).unwrap();
        (world, [first, one, two, second, three].map(|id| id.to_string()), by_first, by_second)
    };
    let id = |text: &String| TokenId::parse(text).unwrap();
    // Without being asked they stay, and are listed, those of a revoked child too.
    let (mut world, [first, one, two, second, three], ..) = family();
    assert_eq!(world.revoke(&Actor::Root, &id(&second), false).unwrap(), std::slice::from_ref(&three));
    assert_eq!(world.revoke(&Actor::Root, &id(&first), false).unwrap(), [one.clone(), two.clone(), three.clone()]);
    assert_eq!(world.alive(), [one.clone(), two.clone(), three.clone(), "t-1".to_owned()]);
    // Asked once more, the revoked token's children go.
    assert!(world.revoke(&Actor::Root, &id(&first), true).unwrap().is_empty());
    assert_eq!(world.alive(), ["t-1"]);
    assert!(world.revoke(&Actor::Root, &id(&first), false).unwrap().is_empty());
    // An admin token takes what it minted along, unless another admin token is among them: then nothing happens.
    let (mut world, [first, .., second, three], by_first, by_second) = family();
    let before = world.alive();
    assert_eq!(status(&world.revoke(&by_first, &id(&first), true)), 403);
    assert_eq!(world.alive(), before);
    assert!(world.revoke(&by_second, &id(&second), true).unwrap().is_empty());
    assert!(!world.alive().contains(&three) && world.alive().contains(&first));
    // Yesterday's tokens name no minter, and no token is its own child.
    world.server.sql.query("UPDATE tokens SET minted_by = NULL", &[]).unwrap();
    assert_eq!(world.listed(&id(&first))["mintedBy"], Value::Null);
    world.server.sql.query("UPDATE tokens SET minted_by = id", &[]).unwrap();
    assert!(world.revoke(&Actor::Root, &id(&first), false).unwrap().is_empty());
}

#[test]
fn revoked_is_a_state_and_expired_a_time() {
    const HOUR: i64 = 3_600_000;
    let mut world = World::new();
    let kind = Kind { what: READ, ranges: 0, end: 0 };
    let (revoked, by_revoked) = world.made(kind);
    let (rotated, by_rotated) = world.made(kind);
    let (graced, by_graced) = world.made(kind);
    world.revoke(&Actor::Root, &revoked, false).unwrap();
    world.rotate(&Actor::Root, &rotated, None, 0).unwrap();
    world.rotate(&Actor::Root, &graced, None, 60).unwrap();
    assert!(world.listed(&rotated)["revokedAt"].is_string());
    let start = world.server.now;
    // An hour back, a year ahead once, right again.
    for (ahead, grace) in [(0, 200), (-HOUR, 200), (365 * DAY, 401), (0, 200), (HOUR, 401)] {
        world.server.now = start.plus(ahead);
        for (by, expected) in [(&by_revoked, 401), (&by_rotated, 401), (&by_graced, grace)] {
            let outcome = world.server.call(by.clone(), Ask::Read(Query::Organisation)).outcome;
            assert_eq!(status(&outcome), expected, "{ahead}");
        }
    }
    assert_eq!(status(&console::children(&[("children".to_owned(), "yes".to_owned())])), 400);
}
