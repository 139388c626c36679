//! The connection between an organisation and its identity provider.

use super::{EntryToken, Time};
use crate::error::Warning;
use serde::{Serialize, Serializer};

/// Whether users are being provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ConnectionState {
    /// Pushes do not arrive or are refused.
    Failing,
    /// Pushes arrive, and there are warnings.
    Warning,
    /// SCIM is on, and no request with a live token came since.
    Waiting,
    /// Pushes arrive, and there are no warnings.
    Connected,
    /// SCIM is off.
    Off,
}

/// The connection to the identity provider, as of the last request.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Connection<'a> {
    /// Whether users are being provisioned.
    pub state: ConnectionState,
    /// The provider's name, as far as a request told it.
    pub idp: Option<&'a str>,
    /// The last SCIM request with a token of the organisation, let in or not.
    pub last_request: Option<LastRequest<'a>>,
    /// When the provider last sent a request that would change something.
    pub last_push_at: Option<Time>,
    /// The last request that was refused.
    pub last_refusal: Option<LastRefusal<'a>>,
    /// The last request with a token of the organisation at an address that is not the organisation's.
    pub near_miss: Option<NearMiss<'a>>,
}

/// A SCIM request.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LastRequest<'a> {
    /// When it came.
    pub at: Time,
    /// The method.
    pub method: &'a str,
    /// The path below the SCIM base URL.
    pub path: &'a str,
    /// The status that was answered.
    pub status: u16,
    /// The token that it came with.
    pub token: EntryToken<'a>,
    /// The address that it came from.
    pub address: Option<&'a str>,
}

/// A request that was refused.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LastRefusal<'a> {
    /// When it came.
    pub at: Time,
    /// The method.
    pub method: &'a str,
    /// The path below the SCIM base URL.
    pub path: &'a str,
    /// The status that was answered.
    pub status: u16,
    /// Why; of a token that was not let in the true reason. docs/errors.md lists them.
    #[cfg_attr(native, schemars(example = "user-name-taken"))]
    pub code: &'a str,
    /// The request, as the journal names it.
    pub request_id: &'a str,
    /// The token that it came with.
    pub token: EntryToken<'a>,
}

/// Requests at a wrong address.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NearMiss<'a> {
    /// When the last one came.
    pub at: Time,
    /// Its method.
    pub method: &'a str,
    /// Its path from the host on, at most 300 characters of it.
    pub path: &'a str,
    /// The token that it came with.
    pub token: EntryToken<'a>,
    /// The address that it came from.
    pub address: Option<&'a str>,
    /// When the first one came.
    pub first_at: Time,
    /// How many came.
    pub count: i64,
}

/// A problem that comes, or stays, if the admin does nothing.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct ConnectionWarning {
    /// A word that stays the same. docs/errors.md lists them, and a later version may have more.
    #[serde(serialize_with = "write_code")]
    #[cfg_attr(native, schemars(with = "String", example = "token-ending"))]
    pub code: Warning,
    /// The problem, and the way out.
    pub detail: String,
    /// Since when; null if that is not known.
    pub since: Option<Time>,
    /// How often it happened, or how much it is about; null if that is not counted.
    pub count: Option<i64>,
}

fn write_code<S: Serializer>(code: &Warning, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}
