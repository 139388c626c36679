//! The schemas of bodies and answers, in the form that generators of clients read.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The schemas that were named so far. In a body what has a default may be left out, in an answer it is there.
pub(super) struct NamedSchemas {
    pub(super) bodies: SchemaGenerator,
    pub(super) answers: SchemaGenerator,
}

impl Default for NamedSchemas {
    fn default() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.transforms.clear();
            })
        };
        Self {
            bodies: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
        }
    }
}

impl NamedSchemas {
    /// Returns all that were named. One that both bodies and answers have is the same in both.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let mut all: Map<String, Value> = Map::new();
        for (name, schema) in self.bodies.take_definitions(true).into_iter().chain(self.answers.take_definitions(true))
        {
            let before = all.insert(name.clone(), tidied(schema));
            assert!(before.is_none_or(|before| Some(&before) == all.get(&name)), "{name} is two schemas");
        }
        all
    }
}

/// Returns a schema in the form that generators of clients read.
pub(super) fn tidy(schema: Schema) -> Value {
    tidied(schema.to_value())
}

fn tidied(schema: Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut map: Map<String, Value> = map.into_iter().map(|(key, value)| (key, tidied(value))).collect();
            closed(&mut map);
            whole_numbers(&mut map);
            plain_enum(&mut map);
            one_line(&mut map);
            // A field that is left out is not the same as null everywhere.
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            Value::Object(map)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(tidied).collect()),
        other => other,
    }
}

/// Allows no member that is not described.
fn closed(map: &mut Map<String, Value>) {
    if map.get("properties").is_some_and(|properties| properties.get("type").is_none_or(Value::is_object)) {
        map.entry("additionalProperties").or_insert(Value::Bool(false));
    }
}

/// Describes numbers: they are whole and not negative; their width in the code is no part of the API.
fn whole_numbers(map: &mut Map<String, Value>) {
    let has = |kind: &Value| {
        kind == "integer" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "integer"))
    };
    if map.get("type").is_some_and(has) {
        map.remove("format");
        map.entry("minimum").or_insert(Value::from(0));
        if map.get("maximum").is_some_and(|most| most == u16::MAX) {
            map.remove("maximum");
        }
    }
}

/// Turns an enumeration with comments into a list of words.
fn plain_enum(map: &mut Map<String, Value>) {
    let words: Option<Vec<Value>> = map
        .get("oneOf")
        .and_then(Value::as_array)
        .and_then(|kinds| {
            kinds
                .iter()
                .map(|kind| match (kind.get("const"), kind.get("enum")) {
                    (Some(word), _) => Some(vec![word.clone()]),
                    (None, Some(Value::Array(words))) => Some(words.clone()),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>()
        })
        .map(|words| words.into_iter().flatten().collect());
    if let Some(words) = words {
        map.remove("oneOf");
        map.insert("type".to_owned(), json!("string"));
        map.insert("enum".to_owned(), Value::Array(words));
    }
}

/// Joins the lines of a comment.
fn one_line(map: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = map.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

/// Splits the description of a new token by its kind: a scope belongs to the Console's only, a dialect to a provider's.
pub fn by_token_kind(schema: &mut Schema) {
    let whole = schema.clone().to_value();
    let of = |kind: &str, title: &str, scope: Value, dialect: Option<Value>, required: &[&str]| {
        let mut one = whole.clone();
        if let Some(map) = one.as_object_mut() {
            map.insert("title".to_owned(), Value::from(title));
            map.insert("required".to_owned(), json!(required));
            if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert("kind".to_owned(), json!({ "type": "string", "const": kind }));
                properties.insert("scope".to_owned(), scope);
                if let Some(dialect) = dialect {
                    properties.insert("dialect".to_owned(), dialect);
                }
            }
        }
        one
    };
    let description = whole.get("description").cloned().unwrap_or_default();
    let scope = json!({ "$ref": "#/components/schemas/Scope" });
    let auto = json!({ "anyOf": [{ "type": "string", "const": "auto" }, { "type": "null" }] });
    *schema = schemars::json_schema!({
        "description": description,
        "oneOf": [
            of("scim", "NewScimToken", json!({ "type": "null" }), None, &["name", "kind"]),
            of("console", "NewConsoleToken", scope, Some(auto), &["name", "kind", "scope"]),
        ],
    });
}
