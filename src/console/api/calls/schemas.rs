//! Calls about extension schemas.

use super::{ApiAnswer, ApiCall, DONE, Needs, RequestBody, USUAL, answers};
use crate::directory::described::NewSchema;
use schemars::SchemaGenerator;

const SHOWN: ApiAnswer = ApiAnswer::shared("ExtensionSchema");

/// A document as it is kept.
pub(super) const EXAMPLE: &str = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:badge:2.0:User",
    "name": "Badge", "attributes": [{"name": "number", "type": "string", "multiValued": false, "required": false,
    "caseExact": true, "mutability": "readWrite", "returned": "default", "uniqueness": "none"}], "resourceTypes": ["User"]}"#;

pub(super) const CALLS: &[ApiCall] = &[
    ApiCall {
        id: "listSchemas",
        method: "GET",
        path: "/v1/orgs/{org}/schemas",
        tag: "schemas",
        needs: Needs::Read,
        title: "List extension schemas",
        sentence: "Returns the extension schemas that are registered.",
        parameters: &[],
        body: None,
        answers: &[(
            200,
            ApiAnswer::json(
                "All schemas.",
                SchemaGenerator::subschema_for::<answers::ExtensionSchemas>,
                r#"{"schemas": []}"#,
            ),
        )],
        refusals: USUAL,
    },
    ApiCall {
        id: "getSchema",
        method: "GET",
        path: "/v1/orgs/{org}/schemas/{urn}",
        tag: "schemas",
        needs: Needs::Read,
        title: "Read an extension schema",
        sentence: "Returns one extension schema.",
        parameters: &[],
        body: None,
        answers: &[(200, SHOWN)],
        refusals: USUAL,
    },
    ApiCall {
        id: "putSchema",
        method: "PUT",
        path: "/v1/orgs/{org}/schemas/{urn}",
        tag: "schemas",
        needs: Needs::Admin,
        title: "Register an extension schema",
        sentence: "Registers an extension schema, or replaces it; it holds from the next request on.",
        parameters: &[],
        body: Some(RequestBody::json(
            SchemaGenerator::subschema_for::<NewSchema>,
            r#"{"name": "Badge", "resourceTypes": ["User"], "attributes": [{"name": "number", "caseExact": true}]}"#,
        )),
        answers: &[(200, SHOWN), (201, SHOWN)],
        refusals: USUAL,
    },
    ApiCall {
        id: "deleteSchema",
        method: "DELETE",
        path: "/v1/orgs/{org}/schemas/{urn}",
        tag: "schemas",
        needs: Needs::Admin,
        title: "Delete an extension schema",
        sentence: "Deletes an extension schema; values that users and groups have stay.",
        parameters: &[],
        body: None,
        answers: &[DONE],
        refusals: USUAL,
    },
];
