//! Binary values are base64, by whatever verb they come (RFC 7643 section 2.3.6, RFC 4648).

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::support::imports::{import, scim, snapshot};
use crate::support::native::Native;
use crate::support::{Response, Server};
use scim_edge::auth::Dialect;
use serde_json::{Value, json};

const URN: &str = "urn:acme:params:scim:seals:1.0:User";

fn server(dialect: Dialect) -> Native {
    let mut server = Native::new(dialect);
    let subs = json!([{"name": "value"}, {"name": "key", "type": "binary"}]);
    let schema = json!({"attributes": [
        {"name": "seal", "type": "binary"},
        {"name": "seals", "type": "binary", "multiValued": true},
        {"name": "desk", "type": "complex", "subAttributes": subs},
        {"name": "desks", "type": "complex", "multiValued": true, "subAttributes": subs},
    ]});
    assert_eq!(server.admin("PUT", &format!("/schemas/{URN}"), &schema).status, 201);
    server
}

fn user(attributes: Value) -> Value {
    let mut user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", URN], "userName": "a"});
    user.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    user
}

fn patch(op: &str, path: &str, value: Value) -> Value {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    json!({"schemas": schemas, "Operations": [{"op": op, "path": path, "value": value}]})
}

fn refused(answer: &Response, path: &str, what: &str) {
    assert_eq!((answer.status, answer.text("scimType")), (400, "invalidValue"), "{what}: {}", answer.body);
    let says = format!("{path} must be base64 (RFC 4648), not ");
    assert!(answer.text("detail").starts_with(&says), "{what}: {}", answer.body);
}

#[test]
fn every_verb_asks_for_base64() {
    for dialect in [Dialect::Auto, Dialect::Rfc] {
        let mut server = server(dialect);
        let good = json!({"x509Certificates": [{"value": "TUlJ", "type": "vpn"}],
                          URN: {"seal": "QQ", "seals": ["-_-_"], "desk": {"key": "QQ==\r\n"}, "desks": [{"value": "v", "key": "QQ=="}]}});
        let made = server.send("POST", "/Users", user(good.clone()));
        assert_eq!(made.status, 201, "{}", made.body);
        assert_eq!(made.body[URN], good[URN], "kept as sent");
        let path = format!("/Users/{}", made.text("id"));
        let places = [
            (json!({"x509Certificates": [{"value": "?"}]}), "x509Certificates.value".to_owned()),
            (json!({URN: {"seal": "QQ="}}), format!("{URN}:seal")),
            (json!({URN: {"seals": ["QQ==", "Q"]}}), format!("{URN}:seals")),
            (json!({URN: {"desk": {"key": "a b!"}}}), format!("{URN}:desk.key")),
            (json!({URN: {"desks": [{"value": "v", "key": "QQ.Q"}]}}), format!("{URN}:desks.key")),
        ];
        for (attributes, says) in places {
            let mut other = user(attributes.clone());
            other["userName"] = json!("b");
            refused(&server.send("POST", "/Users", other.clone()), &says, "POST");
            refused(&server.send("PUT", &path, user(attributes)), &says, "PUT");
            let operation = json!({"method": "POST", "path": "/Users", "bulkId": "b", "data": other});
            let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
            let bulk = server.send("POST", "/Bulk", json!({"schemas": schemas, "Operations": [operation]}));
            let response = &bulk.body["Operations"][0];
            assert_eq!(response["status"], "400", "{}", bulk.body);
            assert!(response["response"]["detail"].as_str().unwrap().starts_with(&says), "{}", bulk.body);
        }
        let inside = |rest: &str| format!("{URN}:{rest}");
        for (op, place, value, says) in [
            ("add", "x509Certificates".to_owned(), json!([{"value": "?"}]), "x509Certificates.value".to_owned()),
            (
                "replace",
                "x509Certificates[type eq \"vpn\"].value".to_owned(),
                json!("?"),
                "x509Certificates.value".to_owned(),
            ),
            (
                "replace",
                "x509Certificates[type eq \"vpn\"]".to_owned(),
                json!({"value": "?"}),
                "x509Certificates.value".to_owned(),
            ),
            ("replace", inside("seal"), json!("?"), inside("seal")),
            ("add", inside("seals"), json!(["?"]), inside("seals")),
            ("replace", inside("desk.key"), json!("?"), inside("desk.key")),
            ("replace", inside("desk"), json!({"key": "?"}), inside("desk.key")),
            ("replace", inside("desks[value eq \"v\"].key"), json!("?"), inside("desks.key")),
        ] {
            refused(&server.send("PATCH", &path, patch(op, &place, value)), &says, &place);
        }
        let mut after = server.get(&path).body;
        assert_eq!(
            (after["x509Certificates"].take(), after[URN].take()),
            (good["x509Certificates"].clone(), good[URN].clone())
        );
    }
}

#[test]
fn pem_is_refused_with_what_to_send() {
    let mut server = server(Dialect::Auto);
    let lines = "TUlJRFF6Q0NBcXlnQXdJQkFnSUNFQUE9\nTUlJRFF6Q0NBcXlnQXdJQkFnSUNFQUE9\n";
    let pem = format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n");
    let answer = server.send("POST", "/Users", user(json!({"x509Certificates": [{"value": pem}]})));
    refused(&answer, "x509Certificates.value", "PEM");
    let detail = answer.text("detail");
    assert!(detail.contains("what stands between the BEGIN and the END line, without these two lines"), "{detail}");
    let answer = server.send("POST", "/Users", user(json!({"x509Certificates": [{"value": lines}]})));
    assert_eq!((answer.status, answer.body["x509Certificates"][0]["value"].as_str()), (201, Some(lines)));
}

/// A value that an earlier build stored stays, and an import brings it back: only what a request changes is judged.
#[test]
fn what_was_stored_before_stays() {
    let mut server = server(Dialect::Auto);
    let made =
        server.send("POST", "/Users", user(json!({"x509Certificates": [{"value": "TUlJ"}], URN: {"seals": ["QQ=="]}})));
    let path = format!("/Users/{}", made.text("id"));
    let set = "UPDATE users SET doc = replace(replace(doc, '\"TUlJ\"', '\"?\"'), '\"QQ==\"', '\"!\"')";
    server.sql.connection.execute(set, ()).unwrap();
    let lines = snapshot(&mut server);
    scim(&mut server, false);
    assert_eq!(import(&mut server, &lines, 10)["state"], "done");
    scim(&mut server, true);
    let mut echoed = server.get(&path).body;
    assert_eq!((&echoed["x509Certificates"][0]["value"], &echoed[URN]["seals"]), (&json!("?"), &json!(["!"])));
    // More beside it, and nothing of it: neither is a new value that is wrong.
    echoed["x509Certificates"].as_array_mut().unwrap().push(json!({"value": "QUJD"}));
    echoed["active"] = json!(false);
    let put = server.send("PUT", &path, echoed);
    assert_eq!((put.status, &put.body["active"]), (200, &json!(false)), "{}", put.body);
    let noted = server.console("/journal")["entries"][0].to_string();
    assert!(noted.contains("Stored before and kept") && noted.contains("must be base64"), "{noted}");
    let again = patch("add", "x509Certificates", json!([{"value": "??"}]));
    refused(&server.send("PATCH", &path, again), "x509Certificates.value", "another one");
    let removed = server.send("PATCH", &path, patch("remove", "x509Certificates", json!([{"value": "?"}])));
    assert_eq!((removed.status, &removed.body["x509Certificates"]), (200, &json!([{"value": "QUJD"}])));
}
