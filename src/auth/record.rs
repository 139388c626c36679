//! The record of a token that KV keeps for the edge.

use super::{Dialect, TokenKind, range};
use crate::id::{OrgId, Timestamp, TokenHash};
use serde::{Deserialize, Serialize};

/// The record that KV keeps under [`record_key`], version 1: where the object is, which dialect to read, and when the
/// token ends. The object's own row decides. A record may only refuse a request or send it to the object.
///
/// Fields are only added, and optional: records of every earlier build stay valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRecord {
    /// The version of the record: 1.
    pub v: u8,
    /// The organisation that minted the token.
    pub org: OrgId,
    /// The jurisdiction that its object was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// The use of the token.
    pub kind: TokenKind,
    /// The dialect, fixed when the token was minted.
    pub dialect: Dialect,
    /// The time at which the token expires. An earlier build moved it forward when it revoked the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The time from which the token is refused: its expiry or its revocation, whichever is earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// The time at which the token was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// The address ranges from which the token may be used; empty for any address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<String>,
}

/// The reason why a record alone is enough to refuse its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was revoked, or has expired.
    Ended,
    /// It is used from outside its address ranges.
    Outside,
}

impl TokenRecord {
    /// Returns why the token is refused at `now` for a request from `address`. With `None` the object decides.
    pub fn refusal_at(&self, now: Timestamp, address: Option<&str>) -> Option<Refusal> {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        // A revoked token is refused even if this location's clock is behind.
        if self.revoked_at.is_some() || over(self.end) || over(self.expires_at) {
            return Some(Refusal::Ended);
        }
        (!range::allows_address(&self.ranges, address)).then_some(Refusal::Outside)
    }

    /// Returns when KV may delete the record, in seconds: [`RECORD_GRACE_SECONDS`] after the token's end. Returns
    /// `None` to keep it: for a token without an end, or one whose end does not fit into 32 bits, which the platform
    /// refuses.
    pub fn kept_until(&self) -> Option<u64> {
        // Records of earlier builds have `expires_at` alone.
        let end = [self.end, self.expires_at].into_iter().flatten().min()?;
        let until = end.0 / 1000 + RECORD_GRACE_SECONDS;
        (until <= i64::from(i32::MAX)).then_some(until.unsigned_abs())
    }
}

/// KV keeps a record this long after the token's end, so that the object can still refuse and count it.
pub const RECORD_GRACE_SECONDS: i64 = 30 * 24 * 3600;

/// Returns the key of a token's record in KV.
pub fn record_key(hash: &TokenHash) -> String {
    format!("t/{}", hash.hex())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_pinned() {
        let text = r#"{"v":1,"org":"acme","kind":"scim","dialect":"auto"}"#;
        let record: TokenRecord = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
        let text = r#"{"v":1,"org":"acme","jurisdiction":"eu","kind":"console","dialect":"wso2","expiresAt":5,"end":4,"revokedAt":4,"ranges":["203.0.113.0/24"]}"#;
        assert_eq!(serde_json::to_string(&serde_json::from_str::<TokenRecord>(text).unwrap()).unwrap(), text);
        assert_eq!(record_key(&TokenHash([0; 32])), format!("t/{}", "0".repeat(64)));
    }

    #[test]
    fn what_a_record_refuses() {
        let record = |more: &str| -> TokenRecord {
            serde_json::from_str(&format!(r#"{{"v":1,"org":"acme","kind":"scim","dialect":"auto"{more}}}"#)).unwrap()
        };
        let (inside, outside) = (Some("203.0.113.7"), Some("198.51.100.7"));
        for (more, address, expected) in [
            ("", inside, None),
            ("", None, None),
            (r#","expiresAt":11,"end":11"#, inside, None),
            (r#","expiresAt":10"#, inside, Some(Refusal::Ended)),
            (r#","expiresAt":99,"end":10"#, inside, Some(Refusal::Ended)),
            (r#","end":99,"revokedAt":99"#, inside, Some(Refusal::Ended)),
            (r#","ranges":["203.0.113.0/24"]"#, inside, None),
            (r#","ranges":["203.0.113.0/24"]"#, outside, Some(Refusal::Outside)),
            (r#","ranges":["203.0.113.0/24"]"#, None, Some(Refusal::Outside)),
            (r#","end":9,"ranges":["203.0.113.0/24"]"#, outside, Some(Refusal::Ended)),
            (r#","later":{"a":1}"#, inside, None),
        ] {
            assert_eq!(record(more).refusal_at(Timestamp(10), address), expected, "{more} {address:?}");
        }
        for (more, until) in [
            ("", None),
            (r#","expiresAt":5000"#, Some(RECORD_GRACE_SECONDS + 5)),
            (r#","expiresAt":5000,"end":4000"#, Some(RECORD_GRACE_SECONDS + 4)),
            (r#","expiresAt":4000000000000"#, None),
        ] {
            assert_eq!(record(more).kept_until(), until.map(i64::unsigned_abs), "{more}");
        }
    }
}
