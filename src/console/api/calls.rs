//! The calls of the Console's API, each in one place: its address, the right that it needs, its body and answers, an
//! example, and a sentence for the reader of the description. A new route does not compile in `tests/console/openapi.rs`
//! before it has a row here.

mod directory;
mod imports;
mod organisations;
mod schemas;
mod tokens;

use crate::directory::console::{self as answers, Problem, Time};
use crate::directory::described::{ErrorCode, ExtensionSchema};
use crate::id::{MemberId, NUMBER_MAX, OrgId};
use crate::render::{JSON, PROBLEM_JSON};
use schemars::{Schema as Described, SchemaGenerator, json_schema};

/// Describes a type to a generator.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Described;

/// One call.
#[derive(Debug)]
pub struct ApiCall {
    /// The name of the operation, which generated clients take.
    pub id: &'static str,
    /// The method.
    pub method: &'static str,
    /// The path with its parameters in braces.
    pub path: &'static str,
    /// One of [`TAGS`].
    pub tag: &'static str,
    /// The least right that it needs.
    pub needs: Needs,
    /// A title.
    pub title: &'static str,
    /// The effect of the call, as a sentence.
    pub sentence: &'static str,
    /// The parameters of its query, and the headers that it reads.
    pub parameters: &'static [Parameter],
    /// The body that it takes.
    pub body: Option<RequestBody>,
    /// The answers by status.
    pub answers: &'static [(u16, ApiAnswer)],
    /// The statuses that it can be refused with; 413 comes with a body.
    pub refusals: &'static [u16],
}

/// The least right that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// No credentials.
    Nothing,
    /// A Console token of scope `read`.
    Read,
    /// A Console token of scope `admin`.
    Admin,
    /// The root key.
    Root,
}

impl Needs {
    /// Returns its word in the description and in the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Read => "read",
            Self::Admin => "admin",
            Self::Root => "root",
        }
    }
}

/// A parameter of a call.
#[derive(Debug)]
pub enum Parameter {
    /// One of [`PARAMETERS`], by its key.
    Shared(&'static str),
    /// One of the query that this call alone has.
    Own {
        /// Its name.
        name: &'static str,
        /// True if it must be there.
        required: bool,
        /// The meaning of it.
        what: &'static str,
        /// The schema of it.
        schema: SchemaOf,
    },
}

/// The body of a call.
#[derive(Debug)]
pub struct RequestBody {
    /// Its media type.
    pub media: &'static str,
    /// True if it must be there.
    pub required: bool,
    /// The schema of it.
    pub schema: SchemaOf,
    /// An example of it.
    pub example: &'static str,
}

impl RequestBody {
    const fn json(schema: SchemaOf, example: &'static str) -> Self {
        Self { media: JSON, required: true, schema, example }
    }
}

/// An answer of a call.
#[derive(Clone, Copy, Debug)]
pub struct ApiAnswer {
    /// The meaning of it.
    pub what: &'static str,
    /// The body.
    pub content: Option<AnswerContent>,
    /// Headers beside the request id, each with its name in [`HEADERS`].
    pub headers: &'static [(&'static str, &'static str)],
    /// The name in [`RESPONSES`] of an answer that several calls have.
    pub shared: Option<&'static str>,
}

impl ApiAnswer {
    const fn json(what: &'static str, schema: SchemaOf, example: &'static str) -> Self {
        let content = Some(AnswerContent { media: JSON, schema, line: None, example });
        Self { what, content, headers: &[], shared: None }
    }

    /// Returns the answer with an entity tag.
    const fn tagged(self) -> Self {
        Self { headers: &[("ETag", "ETag")], ..self }
    }

    const fn shared(name: &'static str) -> Self {
        Self { what: "", content: None, headers: &[], shared: Some(name) }
    }
}

/// The body of an answer.
#[derive(Clone, Copy, Debug)]
pub struct AnswerContent {
    /// Its media type.
    pub media: &'static str,
    /// The schema of it.
    pub schema: SchemaOf,
    /// The schema of each line.
    pub line: Option<SchemaOf>,
    /// An example of it.
    pub example: &'static str,
}

/// All calls.
pub const CALLS: &[&[ApiCall]] =
    &[SERVICE, organisations::CALLS, tokens::CALLS, directory::CALLS, imports::CALLS, schemas::CALLS];

/// The groups of calls, with their topics.
pub const TAGS: &[(&str, &str)] = &[
    ("service", "Whether the service runs, and this description."),
    ("organisations", "Organisations and their settings."),
    ("tokens", "Tokens of identity providers and of the Console."),
    ("directory", "Users, groups and their changes."),
    ("journal", "What was pushed and what became of it."),
    ("import", "Replacing a directory as a whole."),
    ("schemas", "Extension schemas of an organisation."),
];

/// The refusals of a call for an organisation that is not there yet or not any more, and of one that is.
const ANY: &[u16] = &[400, 401, 403, 429, 500, 503];
const UNSTATED: &[u16] = &[400, 401, 403, 404, 429, 500, 503];
const USUAL: &[u16] = &[400, 401, 403, 404, 409, 429, 500, 503];

const DONE: (u16, ApiAnswer) = (204, ApiAnswer::shared("Done"));
const SAME: (u16, ApiAnswer) = (304, ApiAnswer::shared("Same"));
const IF_NONE_MATCH: Parameter = Parameter::Shared("ifNoneMatch");
const LIMIT: Parameter = Parameter::Shared("limit");

const SERVICE: &[ApiCall] = &[
    ApiCall {
        id: "health",
        method: "GET",
        path: "/healthz",
        tag: "service",
        needs: Needs::Nothing,
        title: "Check the service",
        sentence: "Tells that the service runs.",
        parameters: &[],
        body: None,
        answers: &[(
            200,
            ApiAnswer::json("It runs.", SchemaGenerator::subschema_for::<answers::Running>, r#"{"status": "ok"}"#),
        )],
        refusals: &[],
    },
    ApiCall {
        id: "openApi",
        method: "GET",
        path: "/v1/openapi.json",
        tag: "service",
        needs: Needs::Nothing,
        title: "Read this description",
        sentence: "Returns this description, an OpenAPI 3.1 document.",
        parameters: &[],
        body: None,
        answers: &[(
            200,
            ApiAnswer::json("This document.", |_| json_schema!({ "type": "object", "additionalProperties": true }), ""),
        )],
        refusals: &[],
    },
];

/// The answers that several calls have.
pub const RESPONSES: &[(&str, ApiAnswer)] = &[
    ("Done", ApiAnswer { what: "It is done.", content: None, headers: &[], shared: None }),
    (
        "Same",
        ApiAnswer { what: "The client has it already.", content: None, headers: &[("ETag", "ETag")], shared: None },
    ),
    (
        "Organisation",
        ApiAnswer::json(
            "The organisation as it is now.",
            SchemaGenerator::subschema_for::<answers::Organisation<'_>>,
            organisations::EXAMPLE,
        ),
    ),
    (
        "ImportStatus",
        ApiAnswer::json(
            "Where the import stands.",
            SchemaGenerator::subschema_for::<answers::ImportStatus>,
            imports::EXAMPLE,
        ),
    ),
    (
        "ExtensionSchema",
        ApiAnswer::json(
            "The document as it is kept.",
            SchemaGenerator::subschema_for::<ExtensionSchema>,
            schemas::EXAMPLE,
        ),
    ),
    ("Refused", problem("It is refused: `detail` says why and what to do.", &[("X-Error-Code", "ErrorCode")], PROBLEM)),
    (
        "Unauthorized",
        problem(
            "The credentials are not accepted.",
            &[("X-Error-Code", "ErrorCode"), ("WWW-Authenticate", "WwwAuthenticate")],
            "",
        ),
    ),
    (
        "Limited",
        problem("There were too many requests.", &[("X-Error-Code", "ErrorCode"), ("Retry-After", "RetryAfter")], ""),
    ),
    (
        "Unavailable",
        problem(
            "Try again later, or there is no `CONSOLE_KEY` of 32 characters.",
            &[("X-Error-Code", "ErrorCode"), ("Retry-After", "RetryAfter")],
            "",
        ),
    ),
];

const PROBLEM: &str = r#"{"type": "urn:scim-edge:error:user-not-found", "title": "notFound", "status": 404, "code": "user-not-found",
    "detail": "There is no user 0199 in this organisation. [user-not-found]", "requestId": "019ac5f0-7b1e-7000-8000-3b9aca000001"}"#;

const fn problem(
    what: &'static str,
    headers: &'static [(&'static str, &'static str)],
    example: &'static str,
) -> ApiAnswer {
    let schema: SchemaOf = SchemaGenerator::subschema_for::<Problem<'_>>;
    ApiAnswer {
        what,
        content: Some(AnswerContent { media: PROBLEM_JSON, schema, line: None, example }),
        headers,
        shared: None,
    }
}

/// Describes a whole number that JSON has exactly.
fn number(_: &mut SchemaGenerator) -> Described {
    json_schema!({ "type": "integer", "minimum": 0, "maximum": NUMBER_MAX })
}

fn boolean(_: &mut SchemaGenerator) -> Described {
    json_schema!({ "type": "boolean" })
}

fn text(_: &mut SchemaGenerator) -> Described {
    json_schema!({ "type": "string" })
}

/// The parameters that several calls have: name, what it says, where it stands, what it may be.
pub const PARAMETERS: &[(&str, &str, &str, SchemaOf)] = &[
    ("org", "The organisation.", "path", SchemaGenerator::subschema_for::<OrgId>),
    ("id", "The id of the user, group or token.", "path", SchemaGenerator::subschema_for::<MemberId>),
    (
        "urn",
        "The URN of the schema.",
        "path",
        |_| json_schema!({ "type": "string", "pattern": "^[Uu][Rr][Nn]:[A-Za-z0-9_.~-]+(:[A-Za-z0-9_.~-]+)+$", "maxLength": 200 }),
    ),
    (
        "part",
        "The number of the part.",
        "path",
        |_| json_schema!({ "type": "integer", "minimum": 1, "maximum": crate::route::PARTS_MAX }),
    ),
    ("limit", "How many at most: 100 if left out, never more than 1,000.", "query", number),
    (
        "filter",
        "Which ones, in SCIM's grammar (RFC 7644 section 3.4.2.2).",
        "query",
        |_| json_schema!({ "type": "string", "pattern": "\\S" }),
    ),
    ("linked", "Only those with an `externalId`, or only those without.", "query", boolean),
    ("If-None-Match", "The entity tags that the client has.", "header", text),
];

/// The headers of answers: name, what it says, what it may be.
pub const HEADERS: &[(&str, &str, SchemaOf)] = &[
    ("RequestId", "The request, for support.", text),
    ("ETag", "The entity tag.", text),
    ("Location", "The address of the organisation.", text),
    ("WwwAuthenticate", "Always `Bearer`.", |_| json_schema!({ "type": "string", "const": "Bearer" })),
    (
        "ErrorCode",
        "`code` of the body; errors of SCIM have it too, whose bodies have no such member.",
        SchemaGenerator::subschema_for::<ErrorCode>,
    ),
    ("RetryAfter", "After how many seconds to try again.", |_| json_schema!({ "type": "integer", "minimum": 0 })),
];

/// A time in a query.
const TIME: SchemaOf = SchemaGenerator::subschema_for::<Time>;
