//! Calls about organisations and their settings.

use super::{ANY, ApiAnswer, ApiCall, DONE, Needs, Parameter, RequestBody, UNSTATED, USUAL, answers, number};
use crate::console::bodies::{OrgBody, ReleaseBody};
use crate::id::OrgId;
use crate::render::JSON;
use schemars::{SchemaGenerator, json_schema};

const SHOWN: ApiAnswer = ApiAnswer::shared("Organisation");

/// An organisation as it is shown.
pub(super) const EXAMPLE: &str = r#"{"id": "acme", "displayName": "Acme", "saml": {"configured": true}, "scim": {"enabled": true},
    "sync": {"createUsers": true, "updateProfiles": true, "deactivateUsers": true, "pushGroups": true},
    "guard": {"limit": 50, "windowSeconds": 3600, "used": 2, "blocked": 0}, "guardReleasedUntil": null,
    "quota": {"users": 1000000, "groups": 100000, "bytes": 8589934592}, "storedBytes": 126976,
    "reservedGroupNames": ["owners"], "jurisdiction": null, "locationHint": null,
    "counts": {"users": 2, "activeUsers": 2, "groups": 1, "memberships": 2}, "lastSeq": 5,
    "lastChangeAt": "2026-11-24T09:30:00.000Z", "oldestSeq": 1,
    "scimBaseUrl": "https://scim.example.com/acme/scim/v2", "connection": {"state": "connected", "idp": "Okta",
        "lastRequest": {"at": "2026-11-24T09:30:00.000Z", "method": "POST", "path": "/Users", "status": 201,
            "token": {"id": "019ac5f0-7b1e-7000-8000-3b9aca000002", "name": "Okta"}, "address": "203.0.113.7"},
        "lastPushAt": "2026-11-24T09:30:00.000Z", "lastRefusal": null, "nearMiss": null},
    "warnings": [], "tokenDaysLeft": 365}"#;

const SETTINGS: RequestBody = RequestBody::json(
    SchemaGenerator::subschema_for::<OrgBody>,
    r#"{"displayName": "Acme", "saml": {"configured": true}, "scim": {"enabled": true}, "guard": {"limit": 50, "windowSeconds": 3600}}"#,
);

pub(super) const CALLS: &[ApiCall] = &[
    ApiCall {
        id: "listOrgs",
        method: "GET",
        path: "/v1/orgs",
        tag: "organisations",
        needs: Needs::Root,
        title: "List organisations",
        sentence: "Returns a page of all organisations in the order of their names.",
        parameters: &[
            Parameter::Own {
                name: "after",
                required: false,
                what: "`next` of the previous page.",
                schema: |_| json_schema!({ "type": "string", "pattern": "^([a-z0-9][a-z0-9-]{0,62})?$" }),
            },
            Parameter::Own {
                name: "limit",
                required: false,
                what: "How many at most: 5,000 if left out, and never more.",
                schema: number,
            },
        ],
        body: None,
        answers: &[(
            200,
            ApiAnswer::json(
                "A page.",
                SchemaGenerator::subschema_for::<answers::Organisations>,
                r#"{"organisations": [{"id": "acme", "displayName": "Acme", "created": "2026-11-24T09:30:00.000Z"}], "next": null}"#,
            ),
        )],
        refusals: ANY,
    },
    ApiCall {
        id: "putOrg",
        method: "PUT",
        path: "/v1/orgs/{org}",
        tag: "organisations",
        needs: Needs::Admin,
        title: "Register or change an organisation",
        sentence: "Changes the settings that the body names; with the root key it registers an organisation that is not there yet.",
        parameters: &[],
        body: Some(SETTINGS),
        answers: &[
            (200, SHOWN),
            (
                201,
                ApiAnswer {
                    headers: &[("Location", "Location")],
                    ..ApiAnswer::json(
                        "The organisation, which was not registered before.",
                        SchemaGenerator::subschema_for::<answers::Organisation<'_>>,
                        "",
                    )
                },
            ),
        ],
        refusals: USUAL,
    },
    ApiCall {
        id: "patchOrg",
        method: "PATCH",
        path: "/v1/orgs/{org}",
        tag: "organisations",
        needs: Needs::Admin,
        title: "Change an organisation",
        sentence: "Changes the settings that the body names of an organisation that is registered.",
        parameters: &[],
        body: Some(SETTINGS),
        answers: &[(200, SHOWN)],
        refusals: USUAL,
    },
    ApiCall {
        id: "eraseOrg",
        method: "DELETE",
        path: "/v1/orgs/{org}",
        tag: "organisations",
        needs: Needs::Root,
        title: "Erase an organisation",
        sentence: "Erases an organisation with everything in it; an erasure that was interrupted goes on when it is repeated.",
        parameters: &[Parameter::Own {
            name: "confirm",
            required: true,
            what: "The organisation's name once more.",
            schema: SchemaGenerator::subschema_for::<OrgId>,
        }],
        body: None,
        answers: &[DONE],
        refusals: UNSTATED,
    },
    ApiCall {
        id: "getOrg",
        method: "GET",
        path: "/v1/orgs/{org}",
        tag: "organisations",
        needs: Needs::Read,
        title: "Read an organisation",
        sentence: "Returns settings, counts and positions of an organisation, and the state of its connection to the identity provider.",
        parameters: &[],
        body: None,
        answers: &[(200, SHOWN)],
        refusals: USUAL,
    },
    ApiCall {
        id: "releaseGuard",
        method: "POST",
        path: "/v1/orgs/{org}/guard/release",
        tag: "organisations",
        needs: Needs::Admin,
        title: "Release the guard",
        sentence: "Lets all deprovisioning through for a time, where it is meant.",
        parameters: &[],
        body: Some(RequestBody {
            media: JSON,
            required: true,
            schema: SchemaGenerator::subschema_for::<ReleaseBody>,
            example: r#"{"seconds": 3600}"#,
        }),
        answers: &[(200, SHOWN)],
        refusals: USUAL,
    },
];
