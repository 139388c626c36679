//! The query parameters of Console requests, and the queries that they make.

use crate::directory::query::{Journal, Page, Query};
use crate::directory::registry;
use crate::error::{Code, Error, Result, Warning, quoted};
use crate::id::{GroupId, MemberId, OrgId, RequestId, Timestamp, TokenId, UserId, parse_number};
use crate::route::Console;
use crate::scim::filter;
use crate::scim::schema::Kinds;

/// The largest page.
const LIMIT_MAX: i64 = 1000;
/// The longest time that a reader of the feed may wait, in seconds.
const WAIT_MAX: i64 = 25;
/// The page size of a request that names no limit.
const LIMIT_DEFAULT: i64 = 100;

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
pub fn organisations_page(parameters: &[(String, String)]) -> Result<(Option<OrgId>, i64)> {
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
            "seq" => wanted.seq = Some(parse_number(value).ok_or_else(|| not_whole(name, value))?),
            "requestId" if RequestId::parse(value).is_some() => wanted.request_id = text(),
            "requestId" => return Err(wrong(name, "the id of a request", value)),
            "idp" if !value.is_empty() => wanted.idp = text(),
            "idp" => return Err(wrong(name, "the name of a provider, as entries have it", value)),
            "status" => {
                let status = parse_number(value).filter(|status| (100..600).contains(status));
                wanted.status = Some(status.ok_or_else(|| wrong(name, "an HTTP status", value))?);
            }
            "code" if Code::parse(value).is_some() || Warning::ALL.iter().any(|one| one.as_str() == value) => {
                wanted.code = text();
            }
            "code" => return Err(wrong(name, "a code that docs/errors.md lists", value)),
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
        Console::Journal(_) => &[
            "outcome",
            "reason",
            "resource",
            "since",
            "until",
            "token",
            "seq",
            "requestId",
            "idp",
            "status",
            "code",
            "limit",
            "after",
        ],
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
