//! The bodies of Console requests.

use crate::auth::{Dialect, TokenKind, range};
use crate::directory::admin::{Admin, GRACE_DEFAULT, GRACE_MAX, Rotation, Scope, TokenSettings};
use crate::directory::options::{self, Guard, Options, RELEASE_MAX, Sync};
use crate::directory::quota::Quota;
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::id::{Timestamp, TokenId};
use crate::scim::json;
use crate::scim::schema::document::SchemaDocument;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The settings of an organisation. A field that is left out or null stays as it is; `guard` and `quota` say what null means there.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "NewOrganisation"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OrgBody {
    /// The name for people.
    #[cfg_attr(native, schemars(length(min = 1, max = 200), regex(pattern = r"\S")))]
    display_name: Option<String>,
    /// Single sign-on, without which SCIM cannot be enabled.
    saml: Option<SamlConfigured>,
    /// Whether identity providers may push.
    scim: Option<ScimEnabled>,
    /// The parts of a push that are accepted.
    sync: Option<Sync>,
    /// The limit on deprovisioning; null switches the guard off.
    #[serde(default, deserialize_with = "options::said")]
    #[cfg_attr(native, schemars(with = "Option<Guard>"))]
    guard: Option<Option<Guard>>,
    /// Names that a provider may not give to a group.
    #[cfg_attr(native, schemars(length(max = options::NAMES_MAX), inner(length(min = 1, max = options::NAME_MAX), regex(pattern = r"\S"))))]
    reserved_group_names: Option<Vec<String>>,
    /// The most that the organisation may hold, for the root key to set; null stands for the defaults.
    #[serde(default, deserialize_with = "options::said")]
    #[cfg_attr(native, schemars(with = "Option<crate::directory::described::NewQuota>"))]
    quota: Option<Value>,
    /// The jurisdiction that its data stays in, one that the deployment offers; fixed at registration.
    jurisdiction: Option<String>,
    /// The place near which its object is made; fixed at registration.
    #[cfg_attr(native, schemars(with = "Option<crate::directory::described::LocationHint>"))]
    location_hint: Option<String>,
}

/// Single sign-on.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "Configured"))]
#[serde(deny_unknown_fields)]
struct SamlConfigured {
    /// True if the organisation's SAML is configured.
    configured: bool,
}

/// SCIM.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "Enabled"))]
#[serde(deny_unknown_fields)]
struct ScimEnabled {
    /// True if the organisation takes part in SCIM.
    enabled: bool,
}

/// A token that is to be minted.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "NewToken", transform = crate::console::api::by_token_kind))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TokenBody {
    /// The name for people.
    #[cfg_attr(native, schemars(length(min = 1, max = 200), regex(pattern = r"\S")))]
    name: String,
    /// The use of the token.
    kind: TokenKind,
    /// The dialect in which its requests are read; `auto` if left out.
    dialect: Option<Dialect>,
    /// The rights of a Console token.
    scope: Option<Scope>,
    /// The time at which it ends; never if left out.
    #[cfg_attr(native, schemars(with = "Option<crate::directory::console::Time>"))]
    expires_at: Option<String>,
    /// The address ranges from which it may be used, in CIDR; any address if left out.
    #[cfg_attr(native, schemars(length(max = range::RANGES_MAX)))]
    address_ranges: Option<Vec<String>>,
}

/// Reads the body of `PUT` and `PATCH /v1/orgs/{org}`.
///
/// # Errors
/// 400 that names the field.
pub fn configure(body: &[u8]) -> Result<Admin> {
    let body: OrgBody = parse_body(body)?;
    if body.display_name.as_deref().is_some_and(|name| name.trim().is_empty() || name.chars().count() > 200) {
        return Err(Error::new(Code::InvalidField, "displayName must be 1 to 200 characters."));
    }
    Ok(Admin::Configure {
        display_name: body.display_name,
        saml: body.saml.map(|saml| saml.configured),
        scim: body.scim.map(|scim| scim.enabled),
        options: Options {
            sync: body.sync,
            guard: body.guard,
            reserved_group_names: body.reserved_group_names,
            quota: body.quota.as_ref().map(Quota::read_quota).transpose()?,
        }
        .into_checked()?,
        residency: Residency { jurisdiction: body.jurisdiction, location_hint: body.location_hint },
    })
}

/// The release of the guard.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "GuardRelease"))]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseBody {
    /// The length of the release in seconds, at most a day.
    #[serde(deserialize_with = "json::deserialize_integer")]
    #[cfg_attr(native, schemars(range(min = 1, max = RELEASE_MAX)))]
    seconds: i64,
}

/// Reads the body of `POST /v1/orgs/{org}/guard/release`.
///
/// # Errors
/// 400 that names the field.
pub fn release(body: &[u8]) -> Result<Admin> {
    let ReleaseBody { seconds } = parse_body(body)?;
    if !(1..=RELEASE_MAX).contains(&seconds) {
        return Err(Error::new(Code::InvalidField, format!("seconds must be from 1 to {RELEASE_MAX}, not {seconds}.")));
    }
    Ok(Admin::ReleaseGuard { seconds })
}

/// Reads the body of `POST /v1/orgs/{org}/tokens`.
///
/// # Errors
/// 400 that names the field.
pub fn mint(body: &[u8]) -> Result<TokenSettings> {
    let body: TokenBody = parse_body(body)?;
    Ok(TokenSettings {
        name: body.name,
        kind: body.kind,
        dialect: body.dialect.unwrap_or_default(),
        scope: body.scope,
        expires_at: body.expires_at.as_deref().map(read_expiry).transpose()?,
        address_ranges: range::canonical_ranges(&body.address_ranges.unwrap_or_default())?,
    })
}

fn read_expiry(text: &str) -> Result<Timestamp> {
    Timestamp::parse(text).ok_or_else(|| {
        Error::new(
            Code::InvalidField,
            format!("expiresAt must be a time such as 2027-01-31T09:30:00Z, not {text}.", text = quoted(text)),
        )
    })
}

/// Reads the body of `POST /v1/orgs/{org}/tokens/{id}/rotate`, which may be omitted.
///
/// # Errors
/// 400 that names the field.
pub fn rotate(id: TokenId, body: &[u8]) -> Result<Rotation> {
    let (mut grace_seconds, mut expires_at) = (GRACE_DEFAULT, None);
    let body = if body.is_empty() { Map::new() } else { json::read_object(body)? };
    for (name, value) in &body {
        match (name.as_str(), value) {
            ("graceSeconds", value) => {
                grace_seconds =
                    json::as_integer(value).filter(|seconds| (0..=GRACE_MAX).contains(seconds)).ok_or_else(|| {
                        Error::new(
                            Code::InvalidField,
                            format!(
                                "graceSeconds must be a whole number from 0 to {GRACE_MAX}, not {}.",
                                excerpt(value)
                            ),
                        )
                    })?;
            }
            ("expiresAt", Value::Null) => {}
            ("expiresAt", value) => {
                expires_at = Some(read_expiry(value.as_str().unwrap_or(&value.to_string()))?);
            }
            _ => {
                let shown: String = name.chars().take(128).collect();
                let detail =
                    format!("The body is refused: unknown field `{shown}`, expected `graceSeconds` or `expiresAt`.");
                return Err(Error::new(Code::InvalidField, detail));
            }
        }
    }
    Ok(Rotation { id, grace_seconds, expires_at, by: None })
}

/// Reads the body of `PUT /v1/orgs/{org}/schemas/{urn}`: a Schema document (RFC 7643 section 7) with `resourceTypes`.
///
/// # Errors
/// 400 that names the attribute, 409 for a URN of the standard, 413 above 64 KiB.
pub fn schema(urn: &str, body: &[u8]) -> Result<Admin> {
    match SchemaDocument::parse(urn, body)?.to_json() {
        Value::Object(document) => Ok(Admin::PutSchema { document }),
        _ => Err(Error::internal("a document is an object")),
    }
}

/// A SCIM request that is not executed.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "NewPreview"))]
#[serde(deny_unknown_fields)]
pub struct PreviewBody {
    /// The method.
    pub(crate) method: String,
    /// The path below the SCIM base URL.
    pub(crate) path: String,
    /// The query, where the path has none.
    pub(crate) query: Option<String>,
    /// The headers.
    #[cfg_attr(native, schemars(with = "Option<std::collections::BTreeMap<String, String>>"))]
    pub(crate) headers: Option<Map<String, Value>>,
    /// The body as a provider sends it; a string is sent as it is.
    #[cfg_attr(native, schemars(with = "Value"))]
    #[serde(default)]
    pub(crate) body: Option<Box<RawValue>>,
    /// The dialect in which the request is read; `auto` if left out.
    pub(crate) dialect: Option<Dialect>,
}

impl PreviewBody {
    /// Reads the body of `POST /v1/orgs/{org}/preview`.
    ///
    /// # Errors
    /// 400 that names the field.
    pub fn read(body: &[u8]) -> Result<Self> {
        parse_body(body)
    }
}

fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    json::checked_object(body, &json::Count::default())?;
    json::read(body).map_err(|error| Error::new(Code::InvalidField, format!("The body is refused: {error}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        for (body, expected) in [
            (r#"{"displayName":"A","saml":{"configured":true}}"#, Ok(())),
            (r#"{"dispalyName":"A"}"#, Err("unknown field `dispalyName`")),
            (r#"{"scim":{"enabled":"yes"}}"#, Err("invalid type: string \"yes\", expected a boolean")),
            ("[]", Err("The body must be a JSON object, not an array.")),
        ] {
            match (configure(body.as_bytes()), expected) {
                (Ok(_), Ok(())) => {}
                (Err(error), Err(part)) => assert!(error.detail.contains(part), "{error}"),
                (found, expected) => panic!("{body}: {found:?}, wanted {expected:?}"),
            }
        }
        let token = mint(br#"{"name":"n","kind":"scim","expiresAt":"tomorrow"}"#);
        assert!(token.is_err_and(|error| error.detail.contains("expiresAt")));
    }
}
