//! Calls that replace a directory as a whole.

use super::{ApiAnswer, ApiCall, DONE, Needs, RequestBody, UNSTATED, USUAL, answers, text};
use crate::render::NDJSON;
use schemars::SchemaGenerator;

const STATUS: ApiAnswer = ApiAnswer::shared("ImportStatus");

/// An import as it is shown.
pub(super) const EXAMPLE: &str = r#"{"state": "receiving", "parts": [{"part": 1, "lines": 5, "complete": true}], "position": null,
    "error": null, "notes": [], "seq": null}"#;

pub(super) const CALLS: &[ApiCall] = &[
    ApiCall {
        id: "getImport",
        method: "GET",
        path: "/v1/orgs/{org}/import",
        tag: "import",
        needs: Needs::Read,
        title: "Read an import",
        sentence: "Tells where the import stands.",
        parameters: &[],
        body: None,
        answers: &[(200, STATUS)],
        refusals: UNSTATED,
    },
    ApiCall {
        id: "beginImport",
        method: "POST",
        path: "/v1/orgs/{org}/import",
        tag: "import",
        needs: Needs::Admin,
        title: "Begin an import",
        sentence: "Begins an import, or begins it anew.",
        parameters: &[],
        body: None,
        answers: &[(200, STATUS)],
        refusals: USUAL,
    },
    ApiCall {
        id: "endImport",
        method: "DELETE",
        path: "/v1/orgs/{org}/import",
        tag: "import",
        needs: Needs::Admin,
        title: "Give an import up",
        sentence: "Gives the import up, before it is written.",
        parameters: &[],
        body: None,
        answers: &[DONE],
        refusals: USUAL,
    },
    ApiCall {
        id: "putImport",
        method: "PUT",
        path: "/v1/orgs/{org}/import/{part}",
        tag: "import",
        needs: Needs::Admin,
        title: "Send a part of an import",
        sentence: "Sends a part: lines as in a snapshot, 8 MiB at most.",
        parameters: &[],
        body: Some(RequestBody {
            media: NDJSON,
            required: true,
            schema: text,
            example: "{\"from\":0}\n{\"user\":{\"id\":\"u-1\",\"attributes\":{\"userName\":\"ada@example.com\"}}}\n",
        }),
        answers: &[(
            200,
            ApiAnswer::json(
                "All of it was read.",
                SchemaGenerator::subschema_for::<answers::ImportPart>,
                r#"{"part": 1, "lines": 2, "complete": true}"#,
            ),
        )],
        refusals: USUAL,
    },
    ApiCall {
        id: "finishImport",
        method: "POST",
        path: "/v1/orgs/{org}/import/finish",
        tag: "import",
        needs: Needs::Admin,
        title: "Finish an import",
        sentence: "Says that all parts were sent, and begins the job that replaces the directory.",
        parameters: &[],
        body: None,
        answers: &[(202, STATUS)],
        refusals: USUAL,
    },
];
