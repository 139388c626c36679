use serde_json::json;

use super::*;
use crate::error::Kind;

const URN: &str = "urn:coreweave:params:scim:schemas:extension:coreweave:2.0:CoreWeaveUser";

fn parse(document: &Value) -> Result<SchemaDocument> {
    SchemaDocument::parse(URN, document.to_string().as_bytes())
}

#[test]
fn a_document_with_everything_is_read_as_it_is_written() {
    let document = parse(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": URN.to_uppercase(),
        "name": "CoreWeaveUser",
        "description": "What CoreWeave knows of a user.",
        "resourceTypes": ["User", "Group"],
        "meta": {"resourceType": "Schema"},
        "attributes": [
            {"name": "sunkSshKeys", "multiValued": true, "caseExact": true},
            {"name": "badge", "type": "complex", "required": true, "subAttributes": [
                {"name": "number", "type": "integer", "mutability": "immutable", "returned": "always"},
                {"name": "$ref", "type": "reference", "referenceTypes": ["external"]},
                {"NAME": "color", "canonicalValues": ["red", "blue"], "description": null},
            ]},
            {"name": "pin", "mutability": "writeOnly"},
            {"name": "shadow-name_1$", "type": "datetime", "returned": "request", "uniqueness": "none"},
        ],
    }))
    .unwrap();
    assert_eq!((&*document.schema.id, document.users, document.groups), (URN, true, true));
    let attribute = |name| document.schema.attribute(name).unwrap();
    assert!(attribute("SUNKSSHKEYS").multi && attribute("sunkSshKeys").case_exact);
    assert!(attribute("badge").sub("$REF").unwrap().case_exact, "references have their case");
    assert_eq!(attribute("pin").returned, Returned::Never);
    assert_eq!(attribute("shadow-name_1$").kind, Type::DateTime);
    let written = document.to_json();
    assert_eq!(parse(&written).unwrap(), document);
    assert_eq!(parse(&written).unwrap().to_json(), written);
}

#[test]
fn what_is_left_out_has_its_default() {
    let document = parse(&json!({"attributes": [{"name": "a"}]})).unwrap();
    assert_eq!(
        document.to_json(),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": URN,
            "name": "CoreWeaveUser",
            "attributes": [{
                "name": "a", "type": "string", "multiValued": false, "required": false, "caseExact": false,
                "mutability": "readWrite", "returned": "default", "uniqueness": "none",
            }],
            "resourceTypes": ["User"],
        })
    );
}

#[test]
fn refused_attributes() {
    let sub = json!([{"name": "b"}]);
    for (attribute, says) in [
        (json!(7), "Element 1 of attributes must be an object, not a number."),
        (json!({}), "Attribute 1: name is missing."),
        (json!({"name": 7}), "Attribute 1: name must be a string, not a number."),
        (json!({"name": ""}), "Attribute 1: the name \"\" must begin with a letter"),
        (json!({"name": "1a"}), "the name \"1a\" must begin with a letter"),
        (json!({"name": "a b"}), "the name \"a b\" must begin with a letter"),
        (json!({"name": "$ref"}), "the name \"$ref\" must begin with a letter"),
        (json!({"name": "ü"}), "the name \"ü\" must begin with a letter"),
        (json!({"name": "a", "typo": 1}), "The attribute a: the key \"typo\" is unknown."),
        (
            json!({"name": "a", "type": "text"}),
            "The attribute a: type must be one of string, boolean, decimal, integer, dateTime, binary, reference, complex, not \"text\".",
        ),
        (json!({"name": "a", "type": 1}), "The attribute a: type must be a string, not a number."),
        (
            json!({"name": "a", "multiValued": "yes"}),
            "The attribute a: multiValued must be true or false, not a string.",
        ),
        (
            json!({"name": "a", "mutability": "rw"}),
            "The attribute a: mutability must be one of readOnly, readWrite, immutable, writeOnly, not \"rw\".",
        ),
        (
            json!({"name": "a", "returned": "ask"}),
            "The attribute a: returned must be one of always, never, default, request, not \"ask\".",
        ),
        (
            json!({"name": "a", "uniqueness": "org"}),
            "The attribute a: uniqueness must be one of none, server, global, not \"org\".",
        ),
        (json!({"name": "a", "uniqueness": "server"}), "The attribute a must have uniqueness none: no index"),
        (json!({"name": "a", "uniqueness": "global"}), "The attribute a must have uniqueness none: no index"),
        (
            json!({"name": "a", "mutability": "writeOnly", "returned": "default"}),
            "The attribute a is writeOnly, so returned must be never.",
        ),
        (json!({"name": "a", "mutability": "writeOnly", "required": true}), "The attribute a is readOnly or writeOnly"),
        (json!({"name": "a", "mutability": "readOnly", "required": true}), "The attribute a is readOnly or writeOnly"),
        (json!({"name": "a", "type": "complex"}), "The attribute a is complex and needs subAttributes."),
        (json!({"name": "a", "subAttributes": sub}), "The attribute a has subAttributes, which only type complex has."),
        (json!({"name": "a", "subAttributes": {}}), "The attribute a: subAttributes must be an array, not an object."),
        (
            json!({"name": "a", "type": "integer", "canonicalValues": ["1"]}),
            "The attribute a has canonicalValues, which only type string has.",
        ),
        (
            json!({"name": "a", "canonicalValues": [1]}),
            "The attribute a: canonicalValues must be an array of strings, not of a number.",
        ),
        (
            json!({"name": "a", "referenceTypes": ["User"]}),
            "The attribute a has referenceTypes, which only type reference has.",
        ),
        (
            json!({"name": "a", "type": "complex", "subAttributes": [7]}),
            "Element 1 of subAttributes of a must be an object, not a number.",
        ),
        (json!({"name": "a", "type": "complex", "subAttributes": [{}]}), "Attribute 1 of a: name is missing."),
        (
            json!({"name": "a", "type": "complex", "subAttributes": [{"name": "b", "type": "complex", "subAttributes": sub}]}),
            "The attribute a.b is a sub-attribute and cannot be complex itself.",
        ),
        (
            json!({"name": "a", "type": "complex", "subAttributes": [{"name": "b"}, {"name": "B"}]}),
            "The attribute a.B is defined twice; names have no case.",
        ),
    ] {
        let error = parse(&json!({"attributes": [attribute]})).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidValue, "{attribute}");
        assert!(error.detail.contains(says), "{attribute}: {}", error.detail);
    }
}

#[test]
fn refused_documents() {
    let one = json!([{"name": "a"}]);
    let many = |count: usize| (0..count).map(|n| json!({"name": format!("a{n}")})).collect::<Value>();
    let subs = json!([{"name": "a", "type": "complex", "subAttributes": many(100)}]);
    let long = "x".repeat(DOCUMENT_MAX);
    for (document, kind, says) in [
        (json!([]), Kind::InvalidSyntax, "JSON object"),
        (json!({}), Kind::InvalidValue, "attributes must be an array of at least one attribute"),
        (json!({"attributes": []}), Kind::InvalidValue, "at least one"),
        (json!({"attributes": {}}), Kind::InvalidValue, "attributes must be an array, not an object"),
        (json!({"attributes": one, "id": "urn:other:x"}), Kind::InvalidValue, "id must be the URN of the address"),
        (json!({"attributes": one, "id": 7}), Kind::InvalidValue, "id must be"),
        (json!({"attributes": one, "name": 7}), Kind::InvalidValue, "The schema: name must be a string"),
        (
            json!({"attributes": one, "attribute": 7}),
            Kind::InvalidValue,
            "The schema: the key \"attribute\" is unknown",
        ),
        (json!({"attributes": one, "resourceTypes": ["Device"]}), Kind::InvalidValue, "not \"Device\""),
        (json!({"attributes": [{"name": "a"}, {"name": "A"}]}), Kind::InvalidValue, "The attribute A is defined twice"),
        (json!({"attributes": many(101)}), Kind::InvalidValue, "101 attributes"),
        (json!({"attributes": subs}), Kind::InvalidValue, "101 attributes"),
        (json!({"attributes": one, "description": long}), Kind::TooLarge, "65536"),
    ] {
        let error = parse(&document).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.detail.contains(says), "{error}, wanted {says}");
    }
    assert!(parse(&json!({"attributes": many(100)})).is_ok());
}

#[test]
fn urns() {
    let longest = format!("urn:a:{}", "b".repeat(194));
    for (urn, refused) in [
        (URN, None),
        ("URN:a:b", None),
        ("urn:ietf:params:scim:schemas:extension:acme:2.0:User", None),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:Users", None),
        (&longest, None),
        (&format!("{longest}b"), Some(Kind::InvalidValue)),
        ("acme", Some(Kind::InvalidValue)),
        ("urn:a", Some(Kind::InvalidValue)),
        ("urn::b", Some(Kind::InvalidValue)),
        ("urn:a:b:", Some(Kind::InvalidValue)),
        ("urn:a:b c", Some(Kind::InvalidValue)),
        ("urn:a:b[c]", Some(Kind::InvalidValue)),
        ("urn:ietf:params:scim:schemas:core:2.0:User", Some(Kind::Conflict)),
        ("URN:IETF:params:scim:schemas:core:2.0:Group", Some(Kind::Conflict)),
        ("urn:ietf:params:scim:schemas:core:2.0:Schema", Some(Kind::Conflict)),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", Some(Kind::Conflict)),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", Some(Kind::Conflict)),
        ("urn:ietf:params:scim:api:messages:2.0:Error", Some(Kind::Conflict)),
    ] {
        let found = SchemaDocument::parse(urn, br#"{"attributes":[{"name":"a"}]}"#);
        assert_eq!(found.err().map(|error| error.kind()), refused, "{urn}");
    }
}
