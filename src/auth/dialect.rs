//! The dialects: each is a row that says what its requests need.

use serde::{Deserialize, Serialize};

/// The identity provider whose habits a token's requests have, as the admin said when minting it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(native, derive(schemars::JsonSchema))]
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

/// The needs of a dialect's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Requests are mended, each repair where it is needed.
    pub mends: bool,
    /// A POST without an answer is sent again, without an `Idempotency-Key`.
    pub repeats_posts: bool,
    /// A PUT may name only the attributes that it changes.
    pub partial_put: bool,
}

/// The row of most dialects.
const MENDED: Habits = Habits { mends: true, repeats_posts: false, partial_put: false };

impl Dialect {
    /// Returns the row of this dialect. A new dialect has one here, or it does not compile.
    pub fn habits(self) -> Habits {
        match self {
            // For conformance tests and own clients: each departure from the RFCs is refused.
            Self::Rfc => Habits { mends: false, ..MENDED },
            // Rippling repeats a POST that timed out, and would take 409 for a conflict.
            Self::Rippling => Habits { repeats_posts: true, ..MENDED },
            // WSO2 before 7.3 sends only what changed; read literally, it would clear the rest of the user.
            Self::Wso2 => Habits { partial_put: true, ..MENDED },
            Self::Auto
            | Self::Okta
            | Self::Entra
            | Self::OneLogin
            | Self::JumpCloud
            | Self::Google
            | Self::Ping
            | Self::CyberArk
            | Self::Authentik
            | Self::Keycloak => MENDED,
        }
    }
}
