//! Calls that replace a directory as a whole.

use super::{Answer, Body, Call, DONE, Needs, UNSTATED, USUAL, answers, text};
use crate::render::NDJSON;
use schemars::SchemaGenerator;

const STATUS: Answer = Answer::shared("ImportStatus");

/// An import as it is shown.
pub(super) const EXAMPLE: &str = r#"{"state": "receiving", "parts": [{"part": 1, "lines": 5, "complete": true}], "position": null,
    "error": null, "seq": null}"#;

pub(super) const CALLS: &[Call] = &[
    Call {
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
    Call {
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
    Call {
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
    Call {
        id: "putImport",
        method: "PUT",
        path: "/v1/orgs/{org}/import/{part}",
        tag: "import",
        needs: Needs::Admin,
        title: "Send a part of an import",
        sentence: "Sends a part: lines as in a snapshot, 8 MiB at most.",
        parameters: &[],
        body: Some(Body {
            media: NDJSON,
            required: true,
            schema: text,
            example: "{\"from\":0}\n{\"user\":{\"id\":\"u-1\",\"attributes\":{\"userName\":\"ada@example.com\"}}}\n",
        }),
        answers: &[(
            200,
            Answer::json(
                "All of it was read.",
                SchemaGenerator::subschema_for::<answers::ImportPart>,
                r#"{"part": 1, "lines": 2, "complete": true}"#,
            ),
        )],
        refusals: USUAL,
    },
    Call {
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
