//! The pure part of the Console's API: bodies and parameters to calls. Unknown fields are refused by name.

#[cfg(native)]
pub mod api;
pub mod cors;
pub mod preview;

use crate::auth::{Dialect, TokenKind, range};
use crate::directory::admin::{Admin, GRACE_DEFAULT, GRACE_MAX, Rotation, Scope, TokenSettings};
use crate::directory::options::{self, Guard, Options, RELEASE_MAX, Sync};
use crate::directory::query::{Journal, Page, Query};
use crate::directory::quota::Quota;
use crate::directory::registry;
use crate::directory::residency::Residency;
use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::id::{GroupId, MemberId, OrgId, Timestamp, TokenId, UserId, parse_number};
use crate::render::{JSON, Response};
use crate::route::Console;
use crate::scim::schema::Kinds;
use crate::scim::schema::document::SchemaDocument;
use crate::scim::{filter, json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The largest page.
const LIMIT_MAX: i64 = 1000;
/// The longest time that a reader of the feed may wait, in seconds.
const WAIT_MAX: i64 = 25;
/// The page size of a request that names no limit.
const LIMIT_DEFAULT: i64 = 100;

/// The settings of an organisation. A field that is left out or null stays as it is; `guard` and `quota` say what null means there.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "NewOrganisation"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrgBody {
    /// The name for people.
    #[cfg_attr(native, schemars(length(min = 1, max = 200), regex(pattern = r"\S")))]
    display_name: Option<String>,
    /// Single sign-on, without which SCIM cannot be enabled.
    saml: Option<Saml>,
    /// Whether identity providers may push.
    scim: Option<Scim>,
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
struct Saml {
    /// True if the organisation's SAML is configured.
    configured: bool,
}

/// SCIM.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "Enabled"))]
#[serde(deny_unknown_fields)]
struct Scim {
    /// True if the organisation takes part in SCIM.
    enabled: bool,
}

/// A token that is to be minted.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "NewToken", transform = api::by_token_kind))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenBody {
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

/// Returns the description of this API (OpenAPI 3.1), as `GET /v1/openapi.json` gives it. `tests/console/openapi.rs`
/// compares it with the routes.
pub fn openapi() -> Response {
    let body = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json")).to_vec();
    Response { status: 200, headers: Vec::new(), body, content_type: JSON }
}

/// Returns a refusal in the words of this API: SCIM's sentences speak of the identity provider, these say which
/// credentials the Console's API takes. One sentence for each code, the same for every caller and whether or not the
/// organisation exists.
pub fn unauthorized(error: Error) -> Error {
    let detail = match error.code {
        Code::Unauthorized => {
            "This call needs the root key (CONSOLE_KEY) or a live Console token of this organisation, as \
             Authorization: Bearer. The credentials are missing, unknown, revoked, expired, used from outside its \
             address ranges, of another organisation, or a token for the identity provider (scim_...). Compare the \
             organisation in the address with the Cloud Console: it may be misspelt."
        }
        Code::TokenIncomplete => {
            "These credentials are neither the root key nor a complete Console token, which begins with console_. \
             Compare them with the secret CONSOLE_KEY of this deployment, or copy the token again whole."
        }
        Code::TokenForeign => {
            "This is a JSON Web Token of another service. The Console's API takes the root key (CONSOLE_KEY) or a \
             Console token, which begins with console_."
        }
        _ => return error,
    };
    error.with_detail(detail)
}

/// Returns the refusal of a list of all organisations to a token, which belongs to one.
pub fn only_root_lists(org: &OrgId) -> Error {
    Error::new(
        Code::ScopeTooNarrow,
        format!(
            "Only the root key lists all organisations; this token belongs to organisation {org} alone, which GET \
             /v1/orgs/{org} shows."
        ),
    )
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

/// Checks that the request confirms the erasing of this organisation.
///
/// # Errors
/// 400 that says what to send.
pub fn confirmed(org: &OrgId, parameters: &[(String, String)]) -> Result<()> {
    match parameters {
        [(name, value)] if name == "confirm" && value == org.as_str() => Ok(()),
        _ => Err(Error::new(
            Code::ConfirmationMissing,
            format!(
                "This erases {org}: its users, groups, tokens, journal and settings. To confirm, send DELETE \
                 /v1/orgs/{org}?confirm={org}. Nothing was changed."
            ),
        )),
    }
}

/// The release of the guard.
#[derive(Deserialize)]
#[cfg_attr(native, derive(schemars::JsonSchema), schemars(rename = "GuardRelease"))]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
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

fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    json::checked_object(body, &json::Count::default())?;
    json::read(body).map_err(|error| Error::new(Code::InvalidField, format!("The body is refused: {error}.")))
}

/// Returns a reading route as a query; `None` for one that changes something, and for the list of organisations.
///
/// # Errors
/// 400 that names the parameter, 404 for a text that cannot be an id.
pub fn query(route: &Console, parameters: &[(String, String)]) -> Result<Option<Query>> {
    check_parameters(self::parameters(route), parameters)?;
    let parameter = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let number = |name: &str, default: i64| match parameter(name) {
        None => Ok(default),
        Some(text) => parse_number(&text).ok_or_else(|| not_whole(name, &text)),
    };
    let (after, limit) = (parameter("after"), number("limit", LIMIT_DEFAULT)?.clamp(1, LIMIT_MAX));
    let boolean = |name: &str| match parameter(name).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(text) => Err(not_boolean(name, text)),
    };
    let user = |id: &str| UserId::parse(id).ok_or_else(|| not_found(Code::UserNotFound, "user", id));
    let group = |id: &str| GroupId::parse(id).ok_or_else(|| not_found(Code::GroupNotFound, "group", id));
    Ok(Some(match route {
        Console::GetOrg(_) => Query::Organisation,
        Console::ListTokens(_) => Query::Tokens,
        Console::List(_, kinds) => {
            let linked = boolean("linked")?;
            let filter = filter::stated_filter(parameter("filter").as_deref())?.map(str::to_owned);
            if let Some(text) = after.as_deref().filter(|text| !text.is_empty() && MemberId::parse(text).is_none()) {
                let shown: String = text.chars().take(128).collect();
                return Err(Error::new(
                    Code::InvalidPosition,
                    format!(
                        "after must be the `next` value of the previous page, not {shown}.",
                        shown = quoted(&shown)
                    ),
                ));
            }
            let page = Page { after, limit, filter, linked };
            if *kinds == Kinds::Users { Query::Users(page) } else { Query::Groups(page) }
        }
        Console::Get(_, Kinds::Users, id) => Query::User { id: user(id)? },
        Console::Get(_, Kinds::Groups, id) => Query::Group { id: group(id)? },
        Console::Members(_, id) => Query::Members { id: group(id)?, after, limit },
        Console::Changes(_) => {
            Query::Changes { after: number("after", 0)?, limit, wait: number("wait", 0)?.min(WAIT_MAX) }
        }
        Console::Journal(_) => Query::Journal(Box::new(read_journal(parameters, limit)?)),
        Console::Snapshot(_) => Query::Snapshot { position: None },
        Console::GetImport(_) => Query::Import,
        Console::Schemas(_) => Query::Schemas,
        Console::GetSchema(_, urn) => Query::Schema { urn: urn.clone() },
        Console::ListOrgs
        | Console::PutOrg(_)
        | Console::BeginImport(_)
        | Console::PutImport(..)
        | Console::FinishImport(_)
        | Console::EndImport(_)
        | Console::PatchOrg(_)
        | Console::EraseOrg(_)
        | Console::ReleaseGuard(_)
        | Console::MintToken(_)
        | Console::Preview(_)
        | Console::RevokeToken(..)
        | Console::RotateToken(..)
        | Console::PutSchema(..)
        | Console::DeleteSchema(..) => return Ok(None),
    }))
}

/// Reads which page of organisations is asked for: the name after which it begins, and its largest size.
///
/// # Errors
/// 400 that names the parameter.
pub fn organisations(parameters: &[(String, String)]) -> Result<(Option<OrgId>, i64)> {
    let parameter = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let after = match parameter("after").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(OrgId::parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(128).collect();
            Error::new(
                Code::InvalidPosition,
                format!("after must be the `next` value of the previous page, not {shown}.", shown = quoted(&shown)),
            )
        })?),
    };
    let limit = match parameter("limit") {
        None => registry::PAGE,
        Some(text) => parse_number(text).ok_or_else(|| not_whole("limit", text))?.clamp(1, registry::PAGE),
    };
    Ok((after, limit))
}

/// Returns true if a token is to be revoked with the tokens that it minted (`children=true`).
///
/// # Errors
/// 400 for a value that is neither true nor false.
pub fn children(parameters: &[(String, String)]) -> Result<bool> {
    match parameters.iter().find(|(name, _)| name == "children").map(|(_, value)| value.as_str()) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(text) => Err(not_boolean("children", text)),
    }
}

fn not_whole(name: &str, text: &str) -> Error {
    let detail = format!("{name} must be a whole number from 0, not {text}.", text = quoted(text));
    Error::new(Code::InvalidParameter, detail)
}

fn not_boolean(name: &str, text: &str) -> Error {
    Error::new(Code::InvalidParameter, format!("{name} must be true or false, not {text}.", text = quoted(text)))
}

/// Reads the parameters of the journal.
fn read_journal(parameters: &[(String, String)], limit: i64) -> Result<Journal> {
    let mut wanted = Journal { limit, ..Journal::default() };
    let wrong = |name: &str, expected: &str, text: &str| {
        let shown: String = text.chars().take(128).collect();
        Error::new(Code::InvalidParameter, format!("{name} must be {expected}, not {shown}.", shown = quoted(&shown)))
    };
    for (name, value) in parameters {
        let text = || Some(value.clone());
        let time = || Timestamp::parse(value).ok_or_else(|| wrong(name, "a time such as 2027-01-31T09:30:00Z", value));
        match name.as_str() {
            "outcome" if ["applied", "refused", "ignored", "warning"].contains(&value.as_str()) => {
                wanted.outcome = text();
            }
            "outcome" => return Err(wrong(name, "applied, refused, ignored or warning", value)),
            "reason" if value == "nested" => wanted.nested = true,
            "reason" => return Err(wrong(name, "nested", value)),
            "resource" if ["user", "users"].contains(&value.to_ascii_lowercase().as_str()) => {
                wanted.resource = Some(Kinds::Users.name().to_owned());
            }
            "resource" if ["group", "groups"].contains(&value.to_ascii_lowercase().as_str()) => {
                wanted.resource = Some(Kinds::Groups.name().to_owned());
            }
            "resource" if MemberId::parse(value).is_some() => wanted.resource = text(),
            "resource" => return Err(wrong(name, "User, Group or an id", value)),
            "since" => wanted.since = Some(time()?),
            "until" => wanted.until = Some(time()?),
            "token" if TokenId::parse(value).is_some() => wanted.token = text(),
            "token" => return Err(wrong(name, "a token's id", value)),
            "after" => wanted.after = text(),
            // `limit` was read with those of other routes, and there is no other.
            _ => {}
        }
    }
    Ok(wanted)
}

/// Returns the query parameters that a route has.
pub fn parameters(route: &Console) -> &'static [&'static str] {
    match route {
        Console::List(..) => &["after", "limit", "filter", "linked"],
        Console::Members(..) => &["after", "limit"],
        Console::Changes(_) => &["after", "limit", "wait"],
        Console::Journal(_) => &["outcome", "reason", "resource", "since", "until", "token", "limit", "after"],
        Console::EraseOrg(_) => &["confirm"],
        Console::RevokeToken(..) => &["children"],
        Console::ListOrgs => &["after", "limit"],
        Console::PutOrg(_)
        | Console::PatchOrg(_)
        | Console::GetOrg(_)
        | Console::MintToken(_)
        | Console::ListTokens(_)
        | Console::RotateToken(..)
        | Console::Get(..)
        | Console::ReleaseGuard(_)
        | Console::Preview(_)
        | Console::Snapshot(_)
        | Console::BeginImport(_)
        | Console::GetImport(_)
        | Console::EndImport(_)
        | Console::PutImport(..)
        | Console::FinishImport(_)
        | Console::Schemas(_)
        | Console::GetSchema(..)
        | Console::PutSchema(..)
        | Console::DeleteSchema(..) => &[],
    }
}

/// Refuses unknown and repeated parameters: the answer to a mistyped one would show something else, and one that stands
/// twice does not tell which is meant.
fn check_parameters(known: &[&str], parameters: &[(String, String)]) -> Result<()> {
    for (at, (name, _)) in parameters.iter().enumerate() {
        let shown: String = name.chars().take(128).collect();
        let (code, detail) = if !known.contains(&name.as_str()) {
            let there = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            (
                Code::UnknownParameter,
                format!("Unknown query parameter {shown}. Allowed: {there}.", shown = quoted(&shown)),
            )
        } else if parameters.iter().take(at).any(|(before, _)| before == name) {
            (
                Code::RepeatedParameter,
                format!("The query parameter {shown} is sent twice. Send it once.", shown = quoted(&shown)),
            )
        } else {
            continue;
        };
        return Err(Error::new(code, detail));
    }
    Ok(())
}

fn not_found(code: Code, what: &str, id: &str) -> Error {
    let shown: String = id.chars().take(128).collect();
    Error::new(code, format!("There is no {what} {shown} in this organisation."))
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
