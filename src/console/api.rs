//! The description of the Console's API (OpenAPI 3.1), generated: the calls from the table in [`calls`], bodies and answers from
//! the types that the code reads and writes. `tests/console/openapi.rs` holds `openapi.json` to it. Not in the Worker.

pub mod calls;
mod schemas;

pub use schemas::by_token_kind;

use calls::{AnswerContent, ApiAnswer, ApiCall, CALLS, Needs, Parameter, RequestBody};
use schemas::{NamedSchemas, tidy};
use serde_json::{Map, Value, json};

/// Returns the document.
pub fn document() -> Value {
    let mut schemas = NamedSchemas::default();
    let mut paths: Map<String, Value> = Map::new();
    for call in CALLS.iter().copied().flatten() {
        let described = operation(call, &mut schemas);
        let path = paths.entry(call.path).or_insert_with(|| shared(call.path));
        if let Some(item) = path.as_object_mut() {
            item.insert(call.method.to_lowercase(), described);
        }
    }
    let parameters = parameters(&mut schemas);
    let responses = responses(&mut schemas);
    let headers = headers(&mut schemas);
    let tags: Vec<Value> =
        calls::TAGS.iter().map(|(name, what)| json!({ "name": name, "description": what })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "scim-edge: the Console's API",
            "version": "1",
            "description": "Configures organisations and reads their directories. docs/console-api.md explains it.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "key": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": { "key": {
                "type": "http", "scheme": "bearer",
                "description": "The root key or a Console token. Each call names the least that it needs: `read` and `admin` are scopes of a token, `root` is the root key.",
            }},
            "parameters": parameters,
            "headers": headers,
            "responses": responses,
            "schemas": schemas.finish(),
        },
    })
}

/// Returns a path with the parameters that stand in it.
fn shared(path: &str) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names.map(|name| reference("parameters", name)).collect();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn operation(call: &ApiCall, schemas: &mut NamedSchemas) -> Value {
    let mut answers: Map<String, Value> = Map::new();
    for (status, answer) in call.answers {
        let described = match answer.shared {
            Some(name) => reference("responses", name),
            None => response(answer, schemas),
        };
        answers.insert(status.to_string(), described);
    }
    let too_large: &[u16] = if call.body.is_some() { &[413] } else { &[] };
    for status in call.refusals.iter().chain(too_large) {
        answers.insert(status.to_string(), reference("responses", refusal(*status)));
    }
    let mut described = json!({
        "operationId": call.id, "tags": [call.tag], "summary": call.title, "description": call.sentence, "responses": answers,
    });
    let Some(map) = described.as_object_mut() else { return described };
    match call.needs {
        Needs::Nothing => drop(map.insert("security".to_owned(), json!([]))),
        needs => drop(map.insert("security".to_owned(), json!([{ "key": [needs.as_str()] }]))),
    }
    let parameters: Vec<Value> = call.parameters.iter().map(|one| parameter(one, schemas)).collect();
    if !parameters.is_empty() {
        map.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if let Some(body) = &call.body {
        map.insert("requestBody".to_owned(), request(body, schemas));
    }
    described
}

/// Returns the response that describes a refusal with this status.
fn refusal(status: u16) -> &'static str {
    match status {
        401 => "Unauthorized",
        429 => "Limited",
        503 => "Unavailable",
        _ => "Refused",
    }
}

fn parameter(one: &Parameter, schemas: &mut NamedSchemas) -> Value {
    match one {
        Parameter::Shared(name) => reference("parameters", name),
        Parameter::Own { name, required, what, schema } => {
            json!({ "name": name, "in": "query", "required": required, "description": what, "schema": tidy(schema(&mut schemas.bodies)) })
        }
    }
}

fn request(body: &RequestBody, schemas: &mut NamedSchemas) -> Value {
    let mut media = json!({ "schema": tidy((body.schema)(&mut schemas.bodies)) });
    if let (Some(map), false) = (media.as_object_mut(), body.example.is_empty()) {
        map.insert("example".to_owned(), example(body.example));
    }
    json!({ "required": body.required, "content": { body.media: media } })
}

/// Returns the example of a call, which is JSON, or lines of it.
fn example(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

fn response(answer: &ApiAnswer, schemas: &mut NamedSchemas) -> Value {
    let mut headers = Map::from_iter([("X-Request-Id".to_owned(), reference("headers", "RequestId"))]);
    for (header, name) in answer.headers {
        headers.insert((*header).to_owned(), reference("headers", name));
    }
    let mut described = json!({ "description": answer.what, "headers": headers });
    if let (Some(AnswerContent { media, schema, line, example: text }), Some(map)) =
        (&answer.content, described.as_object_mut())
    {
        let mut content = json!({ "schema": tidy(schema(&mut schemas.answers)) });
        if let Some(content) = content.as_object_mut() {
            if let Some(line) = line {
                content.insert("x-itemSchema".to_owned(), tidy(line(&mut schemas.answers)));
            }
            if !text.is_empty() {
                content.insert("example".to_owned(), example(text));
            }
        }
        map.insert("content".to_owned(), json!({ *media: content }));
    }
    described
}

fn responses(schemas: &mut NamedSchemas) -> Map<String, Value> {
    calls::RESPONSES.iter().map(|(name, answer)| ((*name).to_owned(), response(answer, schemas))).collect()
}

fn parameters(schemas: &mut NamedSchemas) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, what, place, schema) in calls::PARAMETERS {
        let key = if *name == "If-None-Match" { "ifNoneMatch" } else { name };
        let mut one =
            json!({ "name": name, "in": place, "description": what, "schema": tidy(schema(&mut schemas.bodies)) });
        if let (Some(map), true) = (one.as_object_mut(), *place == "path") {
            map.insert("required".to_owned(), Value::Bool(true));
        }
        all.insert(key.to_owned(), one);
    }
    all
}

fn headers(schemas: &mut NamedSchemas) -> Map<String, Value> {
    let header = |(name, what, schema): &(&str, &str, calls::SchemaOf)| {
        (
            (*name).to_owned(),
            json!({ "required": true, "description": what, "schema": tidy(schema(&mut schemas.answers)) }),
        )
    };
    calls::HEADERS.iter().map(header).collect()
}
