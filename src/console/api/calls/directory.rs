//! Calls that read the directory, its changes and the journal, and that try a request out.

use super::{
    AnswerContent, ApiAnswer, ApiCall, IF_NONE_MATCH, LIMIT, Needs, Parameter, RequestBody, SAME, TIME, USUAL, answers,
    number, text,
};
use crate::console::bodies::PreviewBody;
use crate::directory::console::{JournalOutcome, SnapshotLine};
use crate::error::{Code, Warning};
use crate::id::{MemberId, RequestId, TokenId};
use crate::render::NDJSON;
use schemars::{SchemaGenerator, json_schema};

/// The position of users and groups.
const AFTER_ID: Parameter = Parameter::Own {
    name: "after",
    required: false,
    what: "`next` of the previous page.",
    schema: |_| json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._~-]{0,128}$" }),
};
const LISTED: &[Parameter] =
    &[AFTER_ID, LIMIT, Parameter::Shared("filter"), Parameter::Shared("linked"), IF_NONE_MATCH];

const USER: &str = r#"{"id": "019ac5f0-7b1e-7000-8000-3b9aca000001", "version": 1, "active": true,
    "created": "2026-11-24T09:30:00.000Z", "modified": "2026-11-24T09:30:00.000Z",
    "attributes": {"userName": "ada@example.com", "name": {"givenName": "Ada", "familyName": "Lovelace"}, "active": true},
    "groups": [{"id": "019ac5f0-7b1e-7000-8000-3b9aca000002", "displayName": "Engineering"}]}"#;
const GROUP: &str = r#"{"id": "019ac5f0-7b1e-7000-8000-3b9aca000002", "version": 1, "created": "2026-11-24T09:30:00.000Z",
    "modified": "2026-11-24T09:30:00.000Z", "attributes": {"displayName": "Engineering"}}"#;

pub(super) const CALLS: &[ApiCall] = &[
    ApiCall {
        id: "listUsers",
        method: "GET",
        path: "/v1/orgs/{org}/users",
        tag: "directory",
        needs: Needs::Read,
        title: "List users",
        sentence: "Returns a page of users in the order of their ids.",
        parameters: LISTED,
        body: None,
        answers: &[
            (
                200,
                ApiAnswer::json(
                    "A page.",
                    SchemaGenerator::subschema_for::<answers::Users<'_>>,
                    r#"{"users": [{"id": "019ac5f0-7b1e-7000-8000-3b9aca000001", "version": 1, "active": true,
                        "created": "2026-11-24T09:30:00.000Z", "modified": "2026-11-24T09:30:00.000Z",
                        "attributes": {"userName": "ada@example.com", "active": true}}],
                        "next": "019ac5f0-7b1e-7000-8000-3b9aca000001"}"#,
                )
                .tagged(),
            ),
            SAME,
        ],
        refusals: USUAL,
    },
    ApiCall {
        id: "getUser",
        method: "GET",
        path: "/v1/orgs/{org}/users/{id}",
        tag: "directory",
        needs: Needs::Read,
        title: "Read a user",
        sentence: "Returns one user with its groups.",
        parameters: &[IF_NONE_MATCH],
        body: None,
        answers: &[
            (200, ApiAnswer::json("The user.", SchemaGenerator::subschema_for::<answers::UserAnswer<'_>>, USER).tagged()),
            SAME,
        ],
        refusals: USUAL,
    },
    ApiCall {
        id: "listGroups",
        method: "GET",
        path: "/v1/orgs/{org}/groups",
        tag: "directory",
        needs: Needs::Read,
        title: "List groups",
        sentence: "Returns a page of groups in the order of their ids.",
        parameters: LISTED,
        body: None,
        answers: &[
            (
                200,
                ApiAnswer::json(
                    "A page.",
                    SchemaGenerator::subschema_for::<answers::Groups<'_>>,
                    r#"{"groups": [], "next": null}"#,
                )
                .tagged(),
            ),
            SAME,
        ],
        refusals: USUAL,
    },
    ApiCall {
        id: "getGroup",
        method: "GET",
        path: "/v1/orgs/{org}/groups/{id}",
        tag: "directory",
        needs: Needs::Read,
        title: "Read a group",
        sentence: "Returns one group without its members.",
        parameters: &[IF_NONE_MATCH],
        body: None,
        answers: &[
            (200, ApiAnswer::json("The group.", SchemaGenerator::subschema_for::<answers::GroupAnswer<'_>>, GROUP).tagged()),
            SAME,
        ],
        refusals: USUAL,
    },
    ApiCall {
        id: "listMembers",
        method: "GET",
        path: "/v1/orgs/{org}/groups/{id}/members",
        tag: "directory",
        needs: Needs::Read,
        title: "List members",
        sentence: "Returns a page of a group's members.",
        parameters: &[
            Parameter::Own {
                name: "after",
                required: false,
                what: "`next` of the previous page.",
                schema: |_| json_schema!({ "type": "string", "pattern": "^[0-9]{1,16}(\\.[A-Za-z0-9._~-]{1,128})?$" }),
            },
            LIMIT,
            IF_NONE_MATCH,
        ],
        body: None,
        answers: &[
            (
                200,
                ApiAnswer::json(
                    "A page.",
                    SchemaGenerator::subschema_for::<answers::GroupMembers>,
                    r#"{"members": [{"id": "019ac5f0-7b1e-7000-8000-3b9aca000001", "userName": "ada@example.com", "active": true}], "next": null}"#,
                )
                .tagged(),
            ),
            SAME,
        ],
        refusals: USUAL,
    },
    ApiCall {
        id: "listChanges",
        method: "GET",
        path: "/v1/orgs/{org}/changes",
        tag: "directory",
        needs: Needs::Read,
        title: "Follow changes",
        sentence: "Returns the changes after a position in their order, or waits for the next one.",
        parameters: &[
            Parameter::Own {
                name: "after",
                required: false,
                what: "`next` of the previous page; 0 for the beginning.",
                schema: number,
            },
            LIMIT,
            Parameter::Own {
                name: "wait",
                required: false,
                what: "For how many seconds to wait for a change, 25 at most.",
                schema: number,
            },
        ],
        body: None,
        answers: &[(
            200,
            ApiAnswer::json(
                "A page.",
                SchemaGenerator::subschema_for::<answers::Changes<'_>>,
                r#"{"changes": [{"seq": 5, "at": "2026-11-24T09:30:00.000Z", "kind": "members", "resourceType": "Group",
                    "id": "019ac5f0-7b1e-7000-8000-3b9aca000002", "added": ["019ac5f0-7b1e-7000-8000-3b9aca000001"],
                    "removed": [], "version": 2, "created": "2026-11-24T09:30:00.000Z",
                    "modified": "2026-11-24T09:30:00.000Z"}], "next": 5}"#,
            ),
        )],
        refusals: &[400, 401, 403, 404, 409, 410, 429, 500, 503],
    },
    ApiCall {
        id: "snapshot",
        method: "GET",
        path: "/v1/orgs/{org}/snapshot",
        tag: "directory",
        needs: Needs::Read,
        title: "Take a snapshot",
        sentence: "Returns the whole directory line by line; it is complete only with the line that has `at`.",
        parameters: &[],
        body: None,
        answers: &[(
            200,
            ApiAnswer {
                what: "Lines of JSON.",
                content: Some(AnswerContent {
                    media: NDJSON,
                    schema: text,
                    line: Some(SchemaGenerator::subschema_for::<SnapshotLine<'_>>),
                    example: "{\"from\":0}\n{\"at\":0,\"counts\":{\"users\":0,\"activeUsers\":0,\"groups\":0,\"memberships\":0,\"tombstones\":0},\"lines\":1}\n",
                }),
                headers: &[],
                shared: None,
            },
        )],
        refusals: USUAL,
    },
    ApiCall {
        id: "preview",
        method: "POST",
        path: "/v1/orgs/{org}/preview",
        tag: "directory",
        needs: Needs::Read,
        title: "Try a SCIM request out",
        sentence: "Tells what a SCIM request would do; nothing of it is done.",
        parameters: &[],
        body: Some(RequestBody::json(
            SchemaGenerator::subschema_for::<PreviewBody>,
            r#"{"method": "DELETE", "path": "/Users/019ac5f0-7b1e-7000-8000-3b9aca000001", "dialect": "okta"}"#,
        )),
        answers: &[(
            200,
            ApiAnswer::json(
                "What it would do.",
                SchemaGenerator::subschema_for::<answers::PreviewAnswer<'_>>,
                r#"{"command": {"deleteUser": {"id": "019ac5f0-7b1e-7000-8000-3b9aca000001"}}, "repairs": [], "notes": [],
                    "answer": {"status": 204, "headers": {}, "body": null}, "changes": [], "changeCount": 0}"#,
            ),
        )],
        refusals: USUAL,
    },
    ApiCall {
        id: "readJournal",
        method: "GET",
        path: "/v1/orgs/{org}/journal",
        tag: "journal",
        needs: Needs::Read,
        title: "Read the journal",
        sentence: "Returns what was pushed and what became of it, the newest first.",
        parameters: &[
            Parameter::Own {
                name: "outcome",
                required: false,
                what: "Only entries with this outcome.",
                schema: SchemaGenerator::subschema_for::<JournalOutcome>,
            },
            Parameter::Own {
                name: "reason",
                required: false,
                what: "Only groups that were to hold groups.",
                schema: |_| json_schema!({ "type": "string", "enum": ["nested"] }),
            },
            Parameter::Own {
                name: "resource",
                required: false,
                what: "`User`, `Group` or an id.",
                schema: SchemaGenerator::subschema_for::<MemberId>,
            },
            Parameter::Own { name: "since", required: false, what: "Last seen at this time or later.", schema: TIME },
            Parameter::Own { name: "until", required: false, what: "Last seen before this time.", schema: TIME },
            Parameter::Own {
                name: "token",
                required: false,
                what: "Only requests with this token.",
                schema: SchemaGenerator::subschema_for::<TokenId>,
            },
            Parameter::Own {
                name: "seq",
                required: false,
                what: "Only the request that made the change at this position.",
                schema: SchemaGenerator::subschema_for::<u64>,
            },
            Parameter::Own {
                name: "requestId",
                required: false,
                what: "Only the request with this id; of equal refusals the first one's.",
                schema: SchemaGenerator::subschema_for::<RequestId>,
            },
            Parameter::Own {
                name: "idp",
                required: false,
                what: "Only requests of this provider, as entries name it.",
                schema: |_| json_schema!({ "type": "string", "minLength": 1 }),
            },
            Parameter::Own {
                name: "status",
                required: false,
                what: "Only requests with this status.",
                schema: |_| json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 }),
            },
            Parameter::Own {
                name: "code",
                required: false,
                what: "Only refusals or warnings with this code.",
                schema: |_| {
                    let codes = Code::ALL.iter().map(|code| code.as_str());
                    let words: Vec<_> = codes.chain(Warning::ALL.iter().map(|warning| warning.as_str())).collect();
                    json_schema!({ "type": "string", "enum": words })
                },
            },
            LIMIT,
            Parameter::Own {
                name: "after",
                required: false,
                what: "`next` of the previous page.",
                schema: |_| json_schema!({ "type": "string", "pattern": "^[0-9]{1,16}\\.[0-9]{1,16}\\.([0-9a-f]{64})?$" }),
            },
        ],
        body: None,
        answers: &[(
            200,
            ApiAnswer::json(
                "A page; `days` stands on the first.",
                SchemaGenerator::subschema_for::<answers::JournalPage<'_>>,
                r#"{"entries": [{"outcome": "refused", "firstAt": "2026-11-24T09:30:00.000Z", "lastAt": "2026-11-25T08:00:00.000Z",
                    "count": 12, "requestId": "019ac5f0-7b1e-7000-8000-3b9aca000009",
                    "token": {"id": "019ac5f0-7b1e-7000-8000-3b9aca000001", "name": "Okta"}, "idp": "Okta", "method": "POST",
                    "resource": "/Users", "status": 409, "code": "user-name-taken", "scimType": "uniqueness",
                    "detail": "userName \"ada\" is taken.", "repairs": [], "notes": [], "names": ["ada"],
                    "about": {"userName": "ada", "displayName": "Ada Lovelace", "externalId": null, "id": null}, "nestedIn": null,
                    "seq": null}], "next": null,
                    "days": [{"day": "2026-11-24", "idp": "Okta", "applied": 3, "unchanged": 1, "refused": 12}]}"#,
            ),
        )],
        refusals: USUAL,
    },
];
