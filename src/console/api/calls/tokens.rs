//! Calls about tokens.

use super::{ApiAnswer, ApiCall, DONE, Needs, Parameter, RequestBody, USUAL, answers, boolean};
use crate::console::bodies::TokenBody;
use crate::directory::described::NewRotation;
use crate::render::JSON;
use schemars::SchemaGenerator;

/// A token with its secret.
const MINTED: &str = r#"{"id": "019ac5f0-7b1e-7000-8000-3b9aca000001", "name": "Okta", "kind": "scim", "dialect": "okta", "scope": null,
    "addressRanges": ["203.0.113.0/24"], "createdAt": "2026-11-24T09:30:00.000Z", "expiresAt": "2027-11-24T00:00:00.000Z",
    "revokedAt": null, "replacedBy": null, "mintedBy": "root", "lastUsedAt": null, "lastAddress": null, "idp": null,
    "usedSinceRotation": null, "alive": true, "daysLeft": 364, "token": "scim_..."}"#;

pub(super) const CALLS: &[ApiCall] = &[
    ApiCall {
        id: "listTokens",
        method: "GET",
        path: "/v1/orgs/{org}/tokens",
        tag: "tokens",
        needs: Needs::Read,
        title: "List tokens",
        sentence: "Returns all tokens of the organisation, never their secrets.",
        parameters: &[],
        body: None,
        answers: &[(
            200,
            ApiAnswer::json(
                "All tokens.",
                SchemaGenerator::subschema_for::<answers::Tokens<'_>>,
                r#"{"tokens": [{"id": "019ac5f0-7b1e-7000-8000-3b9aca000001", "name": "Okta", "kind": "scim", "dialect": "okta",
                    "scope": null, "addressRanges": [], "createdAt": "2026-11-24T09:30:00.000Z", "expiresAt": null,
                    "revokedAt": null, "replacedBy": null, "mintedBy": "root",
                    "lastUsedAt": "2026-11-24T09:30:00.000Z", "lastAddress": "203.0.113.7", "idp": "Okta",
                    "usedSinceRotation": null, "alive": true, "daysLeft": null}]}"#,
            ),
        )],
        refusals: USUAL,
    },
    ApiCall {
        id: "mintToken",
        method: "POST",
        path: "/v1/orgs/{org}/tokens",
        tag: "tokens",
        needs: Needs::Admin,
        title: "Mint a token",
        sentence: "Mints a token; its secret is shown in this answer and never again.",
        parameters: &[],
        body: Some(RequestBody::json(
            SchemaGenerator::subschema_for::<TokenBody>,
            r#"{"name": "Okta", "kind": "scim", "dialect": "okta", "expiresAt": "2027-11-24T00:00:00Z", "addressRanges": ["203.0.113.0/24"]}"#,
        )),
        answers: &[(
            201,
            ApiAnswer::json(
                "The token with its secret.",
                SchemaGenerator::subschema_for::<answers::MintedToken<'_>>,
                MINTED,
            ),
        )],
        refusals: USUAL,
    },
    ApiCall {
        id: "revokeToken",
        method: "DELETE",
        path: "/v1/orgs/{org}/tokens/{id}",
        tag: "tokens",
        needs: Needs::Admin,
        title: "Revoke a token",
        sentence: "Revokes a token, which is refused from the next request on.",
        parameters: &[Parameter::Own {
            name: "children",
            required: false,
            what: "Revoke also what it minted, and what those minted.",
            schema: boolean,
        }],
        body: None,
        answers: &[
            (
                200,
                ApiAnswer::json(
                    "It is revoked; tokens that it minted, or that those minted, are alive and stay.",
                    SchemaGenerator::subschema_for::<answers::RemainingTokens>,
                    r#"{"children": [{"id": "019ac5f0-7b1e-7000-8000-3b9aca000002", "name": "Okta", "kind": "scim"}]}"#,
                ),
            ),
            DONE,
        ],
        refusals: USUAL,
    },
    ApiCall {
        id: "rotateToken",
        method: "POST",
        path: "/v1/orgs/{org}/tokens/{id}/rotate",
        tag: "tokens",
        needs: Needs::Admin,
        title: "Rotate a token",
        sentence: "Mints the successor of a token; both work until the grace ends.",
        parameters: &[],
        body: Some(RequestBody {
            media: JSON,
            required: false,
            schema: SchemaGenerator::subschema_for::<NewRotation>,
            example: r#"{"graceSeconds": 86400}"#,
        }),
        answers: &[(
            201,
            ApiAnswer::json(
                "The successor with its secret.",
                SchemaGenerator::subschema_for::<answers::MintedToken<'_>>,
                "",
            ),
        )],
        refusals: USUAL,
    },
];
