//! Authentication: tokens, the `Authorization` header, and the record that KV keeps.
//!
//! KV is a router and a fast refusal. Only the organisation's object decides whether a token is alive, by the same
//! hash. Nothing in this module lets a caller in.

mod dialect;
pub mod range;
mod record;
pub mod remembered;

pub use dialect::{Dialect, Habits};
pub use record::{RECORD_GRACE_SECONDS, Refusal, TokenRecord, record_key};

use crate::error::{Code, Error, Result};
use crate::id::TokenHash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// The use of a token; its prefix says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(native, derive(schemars::JsonSchema))]
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
    /// Makes a token from 32 random bytes.
    pub fn mint(kind: TokenKind, random: [u8; 32]) -> Self {
        // The prefix tells people, and scanners for secrets, what the text is and which API it opens.
        let mut text = kind.prefix().to_owned();
        text.push_str(&write_base62(&random, SECRET_LENGTH));
        // The check sum tells a token that was cut off from an unknown one, without a look at any storage.
        let check = CRC.checksum(text.as_bytes());
        text.push_str(&write_base62(&check.to_be_bytes(), CHECK_LENGTH));
        Self { text, kind }
    }

    /// Reads a token's text. Returns `None` if its form or its check sum is wrong: it was cut off, mistyped, or is not
    /// a token of this service.
    pub fn parse(text: &str) -> Option<Self> {
        // Nothing here is secret: the form is public, and the hash decides, so these comparisons may take any time.
        let kind = [TokenKind::Scim, TokenKind::Console].into_iter().find(|k| text.starts_with(k.prefix()))?;
        let length = kind.prefix().len() + SECRET_LENGTH + CHECK_LENGTH;
        let (body, check) = text.split_at_checked(length - CHECK_LENGTH)?;
        let letters = body.get(kind.prefix().len()..)?.bytes().all(|b| BASE62.contains(&b));
        let right = write_base62(&CRC.checksum(body.as_bytes()).to_be_bytes(), CHECK_LENGTH) == check;
        (letters && right).then(|| Self { text: text.to_owned(), kind })
    }

    /// Returns what the token is for.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Returns the key under which KV and the object know it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// Returns the text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}REDACTED", self.kind.prefix())
    }
}

/// Writes big-endian bytes as exactly `length` base-62 digits, the most significant first.
fn write_base62(bytes: &[u8], length: usize) -> String {
    // Long division by 62, one digit a turn: 43 turns over 32 bytes.
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

/// The longest `Authorization` header that is read, in bytes: nine times a token's length, and room for a long root key.
pub const HEADER_MAX: usize = 512;

/// Returns the credentials of an `Authorization` header (RFC 6750 section 2.1): the scheme `Bearer` in any case, or the
/// bare token, as some Okta apps send it. A repeated scheme counts once, because an admin may have typed it into a
/// field to which the provider adds its own. Returns `None` for no header, for one above [`HEADER_MAX`], and for
/// another scheme.
pub fn bearer_credentials(header: Option<&str>) -> Option<&str> {
    // Trimmed, because a token is often pasted with blanks around it.
    let mut rest = header.filter(|header| header.len() <= HEADER_MAX)?.trim();
    // Each turn removes one scheme from the front, so the header's length bounds the loop.
    while let Some((scheme, more)) = rest.split_once(char::is_whitespace) {
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        rest = more.trim_start();
    }
    (!rest.is_empty() && !rest.eq_ignore_ascii_case("bearer")).then_some(rest)
}

/// The shortest root key that is accepted, in bytes.
pub const KEY_MIN: usize = 32;

/// Returns the root keys that are accepted: the key, and during a rotation the next one.
///
/// # Errors
/// 503 with the command that sets a good key, if the key is missing, or if either has fewer than [`KEY_MIN`] bytes.
pub fn root_keys(key: &str, next: &str) -> Result<Vec<String>> {
    let how = |name: &str| format!("Set one with: openssl rand -hex 32 | npx wrangler secret put {name}");
    let refuse = |code, detail: String| Err(Error::new(code, detail));
    if key.is_empty() {
        return refuse(Code::ConsoleKeyMissing, format!("The Console API has no key yet. {}", how("CONSOLE_KEY")));
    }
    for (name, key) in [("CONSOLE_KEY", key), ("CONSOLE_KEY_NEXT", next)] {
        // A root key never expires and opens every organisation: its length is all that protects it.
        if !key.is_empty() && key.len() < KEY_MIN {
            return refuse(
                Code::ConsoleKeyTooShort,
                format!(
                    "{name} has {} characters; a root key must have at least {KEY_MIN}. {}",
                    key.chars().count(),
                    how(name)
                ),
            );
        }
    }
    Ok([key, next].into_iter().filter(|key| !key.is_empty()).map(str::to_owned).collect())
}

/// Returns true if `presented` is one of the root keys. The time it takes does not depend on where they differ, nor on
/// which of them it is.
pub fn is_root(presented: &str, keys: &[String]) -> bool {
    // Hashes have one length, so the comparison does not tell how long the key is; `fold` reads every key.
    let presented = Sha256::digest(presented.as_bytes());
    keys.iter().fold(false, |found, key| found | bool::from(presented.ct_eq(&Sha256::digest(key.as_bytes()))))
}

/// The sentence for a token whose form or check sum is wrong: an admin pasted only a part of it.
const INCOMPLETE: &str =
    "This is not a complete scim-edge token: it was cut off or mistyped. Copy it again whole, or mint a new one.";
const FOREIGN: &str = "This is a JSON Web Token of another service, not a scim-edge token, which begins with scim_. Microsoft Entra ID sends a \
     token of its own while its field Secret Token is empty: mint a token for this organisation in the Cloud Console and \
     paste it there, or into the field for the bearer token of another identity provider.";

/// Returns the refusal of credentials whose form alone is not that of a token of this service. An access token of
/// OpenID Connect has a sentence of its own, because copying it again would not help.
pub fn malformed_token(credentials: &str) -> Error {
    if is_json_web_token(credentials) {
        return Error::new(Code::TokenForeign, FOREIGN);
    }
    Error::new(Code::TokenIncomplete, INCOMPLETE)
}

/// Returns the refusal of credentials that came over plain http. They are not judged: an eavesdropper has them already.
pub fn in_clear() -> Error {
    Error::new(
        Code::PlainHttp,
        "This request came over plain http, so the token in it crossed the network in the clear and counts as known to others. \
         Change the address in the identity provider to use https, and rotate this token: mint a new one, paste it, and \
         revoke the old one.",
    )
}

/// Returns true for text that begins as RFC 7519 tokens do, also cut off, and for three parts in base64url whose first
/// is an object.
fn is_json_web_token(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let parts = text.split('.').take(4).filter(|part| plain(part)).count();
    // A first byte `{` is the six bits of `e` and two more, of a letter from `w` on, a digit, `-` or `_`.
    let object = matches!(text.as_bytes(), [b'e', b'w'..=b'z' | b'0'..=b'9' | b'-' | b'_', ..]);
    text.starts_with("eyJ") || (parts == 3 && text.split('.').count() == 3 && object)
}

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
        // A right check sum does not help a character that no token has.
        let body = format!("scim_{}-", "a".repeat(SECRET_LENGTH - 1));
        let check = write_base62(&CRC.checksum(body.as_bytes()).to_be_bytes(), CHECK_LENGTH);
        assert!(Token::parse(&(body + &check)).is_none());
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
            ("Bearer abc def", None),
            (&format!("Bearer {}", "x".repeat(HEADER_MAX - 7)), Some("x".repeat(HEADER_MAX - 7).as_str())),
            (&format!("Bearer {}", "x".repeat(HEADER_MAX - 6)), None),
            (&format!("{}x", "Bearer ".repeat(73)), Some("x")),
            (&format!("{}xx", "Bearer ".repeat(73)), None),
            (&"Bearer ".repeat(11_000), None),
            ("Basic abc", None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(bearer_credentials(Some(header)), found, "{header:?}");
        }
        assert_eq!(bearer_credentials(None), None);
    }

    #[test]
    fn the_root_key() {
        let (one, other) = ("k".repeat(KEY_MIN), "n".repeat(KEY_MIN));
        let keys = root_keys(&one, &other).unwrap();
        assert!(is_root(&one, &keys) && is_root(&other, &keys));
        assert!(!is_root("", &keys) && !is_root(&one[1..], &keys) && !is_root(&one, &[]));
        assert_eq!(root_keys(&one, "").unwrap(), std::slice::from_ref(&one));
        for (key, next, says) in [
            ("", "", "no key yet. Set one with: openssl rand -hex 32 | npx wrangler secret put CONSOLE_KEY"),
            ("", other.as_str(), "no key yet"),
            (&one[1..], "", "CONSOLE_KEY has 31 characters; a root key must have at least 32. Set one with: openssl"),
            (&one, "short", "CONSOLE_KEY_NEXT has 5 characters"),
            (&one, "short", "npx wrangler secret put CONSOLE_KEY_NEXT"),
        ] {
            let error = root_keys(key, next).unwrap_err();
            let code = if key.is_empty() { Code::ConsoleKeyMissing } else { Code::ConsoleKeyTooShort };
            assert_eq!(error.code, code);
            assert!(error.detail.contains(says), "{}", error.detail);
        }
    }
}
