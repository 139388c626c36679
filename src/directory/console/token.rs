//! Tokens, which are shown once with their secret and then without it.

use super::Time;
use crate::auth::{Dialect, TokenKind};
use crate::directory::admin::Scope;
use crate::id::{TokenHash, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// All tokens of an organisation, at most 1,000.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct Tokens<'a> {
    /// The tokens, those that have ended too.
    pub tokens: Vec<TokenAnswer<'a>>,
}

/// A token, never its secret.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "Token"))]
#[serde(rename_all = "camelCase")]
pub struct TokenAnswer<'a> {
    /// The public name, which opens nothing.
    pub id: &'a TokenId,
    /// The name for people.
    pub name: &'a str,
    /// The use of the token.
    pub kind: TokenKind,
    /// The dialect in which its requests are read.
    pub dialect: Dialect,
    /// The rights of a Console token; null for a provider's.
    pub scope: Option<Scope>,
    /// Where it may be used from, in CIDR; empty for anywhere.
    pub address_ranges: &'a [String],
    /// When it was minted.
    pub created_at: Time,
    /// When it ends; null for never.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
    /// The token that it was rotated to.
    #[cfg_attr(native, schemars(with = "Option<TokenId>"))]
    pub replaced_by: Option<&'a str>,
    /// `root`, or the token that minted it; null from before this was noted.
    #[cfg_attr(native, schemars(with = "Option<TokenId>"))]
    pub minted_by: Option<&'a str>,
    /// When it was last let in.
    pub last_used_at: Option<Time>,
    /// The address from which it was last let in.
    pub last_address: Option<&'a str>,
    /// The provider that used it last, as far as a request told it.
    pub idp: Option<&'a str>,
    /// True if it was let in after it was rotated; null if it was not rotated.
    pub used_since_rotation: Option<bool>,
    /// It opens something now.
    pub alive: bool,
    /// Whole days until it ends; null without an end, 0 after it.
    pub days_left: Option<i64>,
}

/// A new token with its secret, which is shown this once.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct MintedToken<'a> {
    /// As the object shows it.
    #[serde(flatten)]
    #[cfg_attr(native, schemars(with = "TokenAnswer<'a>"))]
    pub shown: Map<String, Value>,
    /// The secret, to be pasted into the identity provider or the Console.
    pub token: &'a str,
    /// The token whose successor it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(native, schemars(with = "ReplacedToken"))]
    pub replaces: Option<ReplacedToken>,
}

/// A token that was rotated.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReplacedToken {
    /// Its public name.
    pub id: TokenId,
    /// Until when it still works.
    pub ends_at: Time,
}

/// Tokens that a revoked one had minted and that stay.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct RemainingTokens {
    /// Those that are alive, at most 1,000.
    #[cfg_attr(native, schemars(with = "Vec<ChildToken>", length(min = 1)))]
    pub children: Box<RawValue>,
}

/// A token that another one minted.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct ChildToken<'a> {
    /// Its public name.
    pub id: &'a TokenId,
    /// The name for people.
    pub name: &'a str,
    /// The use of the token.
    pub kind: TokenKind,
}

/// From the object to the edge: the token that ended, which the edge must forget.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndedToken {
    /// Its hash.
    pub hash: TokenHash,
    /// When it ends, RFC 3339; an object of an earlier build does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// The [`ChildToken`]s that stay; `None` if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<Box<RawValue>>,
}
