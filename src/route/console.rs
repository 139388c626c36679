//! The addresses of the Console's API, below `/v1/orgs`.

use super::check_method;
use crate::error::{Code, Error, Result, excerpt, quoted};
use crate::id::OrgId;
use crate::scim::schema::Kinds;

/// The most parts of an import.
pub const PARTS_MAX: i64 = 10_000;

/// The operation that a Console request asks for, below `/v1/orgs`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the address says it")]
pub enum Console {
    ListOrgs,
    PutOrg(OrgId),
    PatchOrg(OrgId),
    EraseOrg(OrgId),
    GetOrg(OrgId),
    MintToken(OrgId),
    ListTokens(OrgId),
    RevokeToken(OrgId, String),
    RotateToken(OrgId, String),
    List(OrgId, Kinds),
    Get(OrgId, Kinds, String),
    Members(OrgId, String),
    Changes(OrgId),
    ReleaseGuard(OrgId),
    Journal(OrgId),
    Preview(OrgId),
    Snapshot(OrgId),
    BeginImport(OrgId),
    GetImport(OrgId),
    EndImport(OrgId),
    /// A part, with its number.
    PutImport(OrgId, i64),
    FinishImport(OrgId),
    Schemas(OrgId),
    GetSchema(OrgId, String),
    PutSchema(OrgId, String),
    DeleteSchema(OrgId, String),
}

impl Console {
    /// Returns the organisation that the operation is about; `None` for the list of all.
    pub fn organisation(&self) -> Option<&OrgId> {
        match self {
            Self::ListOrgs => None,
            Self::PutOrg(org)
            | Self::PatchOrg(org)
            | Self::EraseOrg(org)
            | Self::GetOrg(org)
            | Self::ReleaseGuard(org)
            | Self::MintToken(org)
            | Self::ListTokens(org)
            | Self::RevokeToken(org, _)
            | Self::RotateToken(org, _)
            | Self::List(org, _)
            | Self::Get(org, ..)
            | Self::Members(org, _)
            | Self::Changes(org)
            | Self::Journal(org)
            | Self::Preview(org)
            | Self::Snapshot(org)
            | Self::BeginImport(org)
            | Self::GetImport(org)
            | Self::EndImport(org)
            | Self::PutImport(org, _)
            | Self::FinishImport(org)
            | Self::Schemas(org)
            | Self::GetSchema(org, _)
            | Self::PutSchema(org, _)
            | Self::DeleteSchema(org, _) => Some(org),
        }
    }
}

/// Finds the operation at an address, given as its segments below `/v1/orgs`.
pub(super) fn console_route(method: &str, rest: &[&str]) -> Result<Console> {
    let kinds = |name: &str| if name == "users" { Kinds::Users } else { Kinds::Groups };
    let Some((org, rest)) = rest.split_first() else {
        return check_method(method, &["GET"]).map(|()| Console::ListOrgs);
    };
    let org = OrgId::parse(org).ok_or_else(|| {
        Error::new(
            Code::OrganisationName,
            format!(
                "{org} is not a valid name of an organisation: use a-z, 0-9 and -, at most 63 characters, and no \
                 reserved word.",
                org = quoted(org)
            ),
        )
    })?;
    match rest {
        [] => {
            check_method(method, &["GET", "PUT", "PATCH", "DELETE"])?;
            Ok(match method {
                "GET" => Console::GetOrg(org),
                "PUT" => Console::PutOrg(org),
                "PATCH" => Console::PatchOrg(org),
                _ => Console::EraseOrg(org),
            })
        }
        ["tokens"] => {
            check_method(method, &["GET", "POST"])?;
            Ok(if method == "GET" { Console::ListTokens(org) } else { Console::MintToken(org) })
        }
        ["tokens", id, "rotate"] => {
            check_method(method, &["POST"]).map(|()| Console::RotateToken(org, (*id).to_owned()))
        }
        ["tokens", id] => check_method(method, &["DELETE"]).map(|()| Console::RevokeToken(org, (*id).to_owned())),
        [name @ ("users" | "groups")] => check_method(method, &["GET"]).map(|()| Console::List(org, kinds(name))),
        [name @ ("users" | "groups"), id] => {
            check_method(method, &["GET"]).map(|()| Console::Get(org, kinds(name), (*id).to_owned()))
        }
        ["groups", id, "members"] => check_method(method, &["GET"]).map(|()| Console::Members(org, (*id).to_owned())),
        ["guard", "release"] => check_method(method, &["POST"]).map(|()| Console::ReleaseGuard(org)),
        ["changes"] => check_method(method, &["GET"]).map(|()| Console::Changes(org)),
        ["journal"] => check_method(method, &["GET"]).map(|()| Console::Journal(org)),
        ["preview"] => check_method(method, &["POST"]).map(|()| Console::Preview(org)),
        ["snapshot"] => check_method(method, &["GET"]).map(|()| Console::Snapshot(org)),
        ["import"] => {
            check_method(method, &["GET", "POST", "DELETE"])?;
            Ok(match method {
                "GET" => Console::GetImport(org),
                "POST" => Console::BeginImport(org),
                _ => Console::EndImport(org),
            })
        }
        ["import", "finish"] => check_method(method, &["POST"]).map(|()| Console::FinishImport(org)),
        ["import", part] => {
            check_method(method, &["PUT"])?;
            let number = part.parse().ok().filter(|part| (1..=PARTS_MAX).contains(part));
            number.map(|part| Console::PutImport(org, part)).ok_or_else(|| {
                Error::new(
                    Code::ImportPartNumber,
                    format!(
                        "{part} is not the number of a part: parts are numbered from 1 to {PARTS_MAX}.",
                        part = quoted(part)
                    ),
                )
            })
        }
        ["schemas"] => check_method(method, &["GET"]).map(|()| Console::Schemas(org)),
        ["schemas", urn] => {
            check_method(method, &["GET", "PUT", "DELETE"])?;
            let urn = (*urn).to_owned();
            Ok(match method {
                "GET" => Console::GetSchema(org, urn),
                "PUT" => Console::PutSchema(org, urn),
                _ => Console::DeleteSchema(org, urn),
            })
        }
        _ => Err(not_the_consoles(&format!("/v1/orgs/{org}/{}", rest.join("/")))),
    }
}

/// Returns 404 for an address under `/v1` that the Console's API does not have.
pub(super) fn not_the_consoles(path: &str) -> Error {
    let detail = format!(
        "The Console's API has nothing at {}. Its addresses begin with /v1/orgs; GET /v1/openapi.json lists them all.",
        excerpt(path)
    );
    Error::new(Code::AddressUnknown, detail)
}
