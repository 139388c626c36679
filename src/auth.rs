//! Who is calling: tokens, the `Authorization` header, the record that KV keeps.
//!
//! KV is a router and a fast refusal. Whether a token is alive is decided in the organisation's object alone, by the
//! same hash; nothing in this module lets anybody in.

pub mod range;

use crate::id::{OrgId, Timestamp, TokenHash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// What a token is for; its prefix says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// `scim_`: an identity provider pushes with it.
    Scim,
    /// `console_`: the Console reads and configures with it.
    Console,
}

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            TokenKind::Scim => "scim_",
            TokenKind::Console => "console_",
        }
    }
}

/// A token in the clear: kept as short as possible, never printed, never stored.
pub struct Token {
    text: String,
    kind: TokenKind,
}

/// The ordinary CRC-32, bit by bit: a token is short and tables are long.
const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 32 random bytes in base 62.
const SECRET_LENGTH: usize = 43;
/// A CRC-32 in base 62.
const CHECK_LENGTH: usize = 6;

impl Token {
    /// A token from 32 random bytes.
    pub fn mint(kind: TokenKind, random: [u8; 32]) -> Self {
        let mut text = kind.prefix().to_owned();
        text.push_str(&base62(&random, SECRET_LENGTH));
        let check = CRC.checksum(text.as_bytes());
        text.push_str(&base62(&check.to_be_bytes(), CHECK_LENGTH));
        Self { text, kind }
    }

    /// Reads a token's text; `None` if its form or its check sum is wrong: cut off, mistyped, or not ours.
    pub fn parse(text: &str) -> Option<Self> {
        let kind = [TokenKind::Scim, TokenKind::Console].into_iter().find(|k| text.starts_with(k.prefix()))?;
        let length = kind.prefix().len() + SECRET_LENGTH + CHECK_LENGTH;
        let (body, check) = text.split_at_checked(length - CHECK_LENGTH)?;
        let letters = text.len() == length && body.get(kind.prefix().len()..)?.bytes().all(|b| BASE62.contains(&b));
        let right = base62(&CRC.checksum(body.as_bytes()).to_be_bytes(), CHECK_LENGTH) == check;
        (letters && right).then(|| Self { text: text.to_owned(), kind })
    }

    /// What it is for.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The key under which KV and the object know it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// The text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}REDACTED", self.kind.prefix())
    }
}

/// Big-endian bytes as exactly `length` base-62 digits, the most significant first.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_usize;
        for byte in &mut number {
            let value = rest << 8 | usize::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = BASE62.get(rest).copied().unwrap_or(b'0');
    }
    digits.into_iter().map(char::from).collect()
}

/// The credentials of an `Authorization` header (RFC 6750 section 2.1): the scheme `Bearer` in any case, or the bare
/// token, as some Okta apps send it. Twice is once: it was typed into a field whose scheme the provider adds. `None` for no header or another scheme.
pub fn credentials(header: Option<&str>) -> Option<&str> {
    let header = header?.trim();
    match header.split_once(char::is_whitespace) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => credentials(Some(rest)),
        Some(_) => None,
        None => (!header.is_empty() && !header.eq_ignore_ascii_case("bearer")).then_some(header),
    }
}

/// True if `presented` is the root key. The time it takes does not depend on where they differ.
pub fn is_root(presented: &str, key: &str) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    !key.is_empty() && bool::from(digest(presented).ct_eq(&digest(key)))
}

/// Which identity provider's habits a token's requests have, as the admin said when minting it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Dialect {
    /// All repairs; the caller is named from what it sends, for the journal only.
    #[default]
    Auto,
    Okta,
    Entra,
    OneLogin,
    JumpCloud,
    Google,
    Ping,
    Rippling,
    CyberArk,
    Authentik,
    Keycloak,
    Wso2,
    /// No repair: the request is judged by RFC 7643 and RFC 7644 alone.
    Rfc,
}

/// What KV keeps under [`record_key`], version 1: where the object is and how to read what comes. The object's own
/// row decides whether it is true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// 1.
    pub v: u8,
    /// The organisation that minted the token.
    pub org: OrgId,
    /// The jurisdiction that its object was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// What the token is for.
    pub kind: TokenKind,
    /// Fixed at minting.
    pub dialect: Dialect,
    /// When it ends, if ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// KV keeps a record this long after the token's end, so that the object can still refuse and count it.
pub const RECORD_GRACE_SECONDS: i64 = 30 * 24 * 3600;

/// The key of a token's record in KV.
pub fn record_key(hash: &TokenHash) -> String {
    format!("t/{}", hash.hex())
}

/// What is said of a token whose form or check sum is wrong: an admin pasted a part of it.
pub const INCOMPLETE: &str =
    "This is not a complete scim-edge token: cut off or mistyped? Copy it again, or mint a new one.";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_pinned() {
        let random: [u8; 32] = std::array::from_fn(|i| i as u8);
        let token = Token::mint(TokenKind::Scim, random);
        assert_eq!(token.reveal(), "scim_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2VqCaK");
        assert_eq!(token.hash().hex(), "b4c8b2ef8a0f1827425a1c5c211a75a69eab227c5280016ec58e25fff8434b02");
        assert_eq!(
            Token::mint(TokenKind::Console, [0xff; 32]).reveal(),
            "console_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10Eqr0e"
        );
        assert_eq!(format!("{token:?}"), "scim_REDACTED");
    }

    #[test]
    fn only_whole_tokens_parse() {
        let token = Token::mint(TokenKind::Scim, [7; 32]);
        let text = token.reveal();
        assert_eq!(Token::parse(text).unwrap().hash(), token.hash());
        for at in 0..text.len() {
            assert!(Token::parse(&text[..at]).is_none(), "cut at {at}");
            let mut typo = text.as_bytes().to_vec();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            assert!(Token::parse(std::str::from_utf8(&typo).unwrap()).is_none(), "typo at {at}");
        }
        assert!(Token::parse(&format!("{text}x")).is_none());
        assert!(Token::parse("scim_é").is_none());
    }

    #[test]
    fn headers() {
        for (header, found) in [
            ("Bearer abc", Some("abc")),
            ("bearer   abc ", Some("abc")),
            ("BEARER\tabc", Some("abc")),
            ("abc", Some("abc")),
            ("Bearer Bearer abc", Some("abc")),
            ("Bearer bearer ", None),
            ("Basic abc", None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(credentials(Some(header)), found, "{header:?}");
        }
        assert_eq!(credentials(None), None);
    }

    #[test]
    fn the_record_is_pinned() {
        let text = r#"{"v":1,"org":"acme","kind":"scim","dialect":"auto"}"#;
        let record: Record = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
        let text = r#"{"v":1,"org":"acme","jurisdiction":"eu","kind":"console","dialect":"wso2","expiresAt":5}"#;
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Record>(text).unwrap()).unwrap(), text);
        assert_eq!(record_key(&TokenHash([0; 32])), format!("t/{}", "0".repeat(64)));
    }

    #[test]
    fn the_root_key() {
        assert!(is_root("k", "k"));
        assert!(!is_root("", ""));
        assert!(!is_root("K", "k"));
    }
}
