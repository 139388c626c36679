//! The callers: their tokens and root keys, within the limits.

use super::limits::{self, Limit};
use super::{Edge, header_text, now, tokens};
use crate::auth::{self, Refusal, Token, TokenKind, TokenRecord};
use crate::directory::call::{Actor, Call};
use crate::directory::residency::Residency;
use crate::error::{Error, Kind, Result};
use crate::exchange::console::ConsoleCaller;
use crate::exchange::scim::ScimCaller;
use crate::exchange::{self, Objects};
use crate::id::TokenHash;
use worker::Request;

/// A caller with a token that KV knows.
pub(super) struct KnownToken {
    pub(super) token: Token,
    pub(super) record: TokenRecord,
    /// Why the record alone refuses it.
    pub(super) refusal: Option<Refusal>,
}

impl Edge<'_> {
    /// Returns the token of a header with its record in KV, within the limits.
    ///
    /// - Malformed credentials count against the client's address. From an address with too many failures they are
    ///   refused without being counted.
    /// - A well-formed token is looked up, even from an address with too many failures. An unknown one counts against
    ///   the address.
    /// - One that KV says is refused counts against its own hash, and from outside its ranges against both together:
    ///   the provider that uses it from inside is not held up.
    /// - A live one counts for itself.
    ///
    /// # Errors
    /// 401, 429, or internal.
    pub(super) async fn known_token(&self, authorization: Option<&str>, kind: TokenKind) -> Result<KnownToken> {
        let Some(credentials) = auth::bearer_credentials(authorization) else {
            return Err(self.count_failure(Error::unauthorized(), true).await);
        };
        let Some(token) = Token::parse(credentials) else {
            return Err(self.count_failure(auth::malformed_token(credentials), true).await);
        };
        match self.recorded_token(token, kind).await? {
            Some(known) => Ok(known),
            None => Err(self.count_failure(Error::unauthorized(), false).await),
        }
    }

    /// Returns a token with its record in KV, within the limits for known tokens; `None` for an unknown one, or one of
    /// the other kind.
    ///
    /// # Errors
    /// 429, or internal.
    async fn recorded_token(&self, token: Token, kind: TokenKind) -> Result<Option<KnownToken>> {
        if token.kind() != kind {
            return Ok(None);
        }
        let hash = token.hash();
        let client = self.client_key();
        let found = tokens::look_up(self.env, &hash, &client, self.fault.as_deref() == Some("kv")).await?;
        let Some(record) = found.filter(|record| record.kind == kind) else { return Ok(None) };
        let refusal = record.refusal_at(now(), self.exchange.address.as_deref());
        let ended = match refusal {
            Some(Refusal::Ended) => hash.hex(),
            Some(Refusal::Outside) | None => self.token_at_client(&hash),
        };
        limits::check(self.env, Limit::Ended, &ended)?;
        match refusal {
            Some(_) => limits::count(self.env, Limit::Ended, &ended).await?,
            None => limits::count(self.env, Limit::Tokens, &hash.hex()).await?,
        }
        Ok(Some(KnownToken { token, record, refusal }))
    }

    /// Tells the organisation of a token that it was sent to an address of no organisation. A token over its limit, or
    /// one that KV does not know, is told to no object.
    pub(super) async fn note_miss(&self, authorization: Option<&str>, method: &str, path: &str) {
        let Some(token) = auth::bearer_credentials(authorization).and_then(Token::parse) else { return };
        if let Ok(Some(KnownToken { token, record, .. })) = self.recorded_token(token, TokenKind::Scim).await {
            self.tell_wrong_address(&token, record, method, path).await;
        }
    }

    /// Lets the object of a token's organisation note that the token was sent to an address that is not the
    /// organisation's. The answer to the client does not depend on it.
    pub(super) async fn tell_wrong_address(&self, token: &Token, record: TokenRecord, method: &str, path: &str) {
        let home = Residency { jurisdiction: record.jurisdiction, location_hint: None };
        let caller = ScimCaller { org: record.org, hash: token.hash(), dialect: record.dialect, home };
        self.tell_object(exchange::scim::call_of_wrong_address(&self.exchange, &caller, method, path)).await;
    }

    /// Counts a failure against the client's address, and returns its refusal. Malformed credentials are not counted
    /// where the address is over its limit already.
    async fn count_failure(&self, refusal: Error, malformed: bool) -> Error {
        let client = self.client_key();
        let outcome = match limits::check(self.env, Limit::Failures, &client) {
            Err(error) if malformed => Err(error),
            _ => limits::count(self.env, Limit::Failures, &client).await,
        };
        outcome.err().unwrap_or(refusal)
    }

    /// Returns the key under which the client's address is counted. All clients whose address the platform does not say
    /// share one.
    pub(super) fn client_key(&self) -> String {
        self.exchange.address.as_deref().map_or_else(|| "unknown".to_owned(), auth::range::client_key)
    }

    /// Returns the key of a token that only this client may have used wrongly.
    pub(super) fn token_at_client(&self, hash: &TokenHash) -> String {
        format!("{}/{}", hash.hex(), self.client_key())
    }

    /// Lets the object count and note a token that KV refuses. The object gets nothing of the request's body, and the
    /// answer is 401 in any case.
    pub(super) async fn count_ended(&self, caller: &ScimCaller, method: &str, path: &str) {
        self.tell_object(exchange::scim::call_of_ended(&self.exchange, caller, method, path)).await;
    }

    /// Makes a call whose outcome nothing depends on.
    async fn tell_object(&self, mut call: Call) {
        match (&mut &*self).ask_for_answer(&mut call).await {
            Err(error) if error.kind() == Kind::Internal => self.log_fault(&error),
            _ => {}
        }
    }

    /// Returns the caller of a Console request: the root key, or a Console token with its record in KV. From an address
    /// with too many failures no root key is compared.
    pub(super) async fn console_caller(&self, request: &Request) -> Result<ConsoleCaller> {
        let secret = |name| self.env.secret(name).map(|key| key.to_string()).unwrap_or_default();
        let keys = auth::root_keys(&secret("CONSOLE_KEY"), &secret("CONSOLE_KEY_NEXT"))?;
        let authorization = header_text(request, "Authorization");
        let over = limits::is_over(self.env, Limit::Failures, &self.client_key());
        if !over
            && auth::bearer_credentials(authorization.as_deref())
                .is_some_and(|presented| auth::is_root(presented, &keys))
        {
            return Ok(ConsoleCaller { actor: Actor::Root, record: None });
        }
        let KnownToken { token, record, refusal } =
            self.known_token(authorization.as_deref(), TokenKind::Console).await?;
        // The journal has no Console tokens, so the object has nothing to count.
        if refusal.is_some() {
            return Err(Error::unauthorized());
        }
        let actor = Actor::Token { hash: token.hash(), dialect: record.dialect };
        Ok(ConsoleCaller { actor, record: Some(record) })
    }
}
