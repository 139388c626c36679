//! The name of the calling client, as far as a request tells it. For the journal alone: no answer depends on it.

use crate::auth::Dialect;
use std::borrow::Cow;

/// The part of a body that is searched, in bytes.
const LOOKED_AT: usize = 4096;

/// Texts in a body that only one client is known to send; the first that is found counts.
const SIGNS: [(&str, &str); 9] = [
    ("\"urn:scim:", "OneLogin"),
    ("\"$ref\":null", "Entra"),
    ("\"op\":\"Add\"", "Entra"),
    ("\"op\":\"Remove\"", "Entra"),
    ("\"op\":\"Replace\"", "Entra"),
    ("ADSCIM/2.0/Group", "Entra"),
    ("\"$ref\":\"Users/", "Keycloak"),
    ("\"emails\":null", "JumpCloud"),
    ("\"type\":\"other\"", "Authentik"),
];

/// Returns the caller's name for the journal: the dialect that the admin chose; else the client that the User-Agent,
/// Entra ID's own header or the beginning of the body tell; empty if none of them does.
pub fn caller_name(dialect: Dialect, user_agent: &str, has_adscim_version: bool, body: &[u8]) -> String {
    let name = match dialect {
        Dialect::Auto if user_agent.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("okta")) => "Okta",
        Dialect::Auto if has_adscim_version => "Entra",
        Dialect::Auto => name_by_shape(body),
        named => return format!("{named:?}"),
    };
    name.to_owned()
}

fn name_by_shape(body: &[u8]) -> &'static str {
    // The signs stand at the beginning of a body, and a body may have 1 MiB.
    let start = body.get(..LOOKED_AT).unwrap_or(body);
    let bytes: Vec<u8> = start.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let text: Cow<'_, str> = String::from_utf8_lossy(&bytes);
    if let Some((_, name)) = SIGNS.iter().find(|(sign, _)| text.contains(sign)) {
        return name;
    }
    // JumpCloud's ids are MongoDB's object ids, authentik's are SHA-256.
    let external_id =
        text.split("\"externalId\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    match (external_id.len(), external_id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        (24, true) => "JumpCloud",
        (64, true) => "Authentik",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers() {
        let hex = |length: usize| format!(r#"{{"externalId": "{}"}}"#, "5f".repeat(length / 2));
        for (dialect, user_agent, adscim, body, expected) in [
            (Dialect::Auto, "Okta SCIM Client 1.0.0", false, "", "Okta"),
            (Dialect::Auto, "OKTA", false, "", "Okta"),
            (Dialect::Auto, "okt\u{e4}", false, "", ""),
            (Dialect::Auto, "", true, "", "Entra"),
            (Dialect::Auto, "Okta SCIM Client 1.0.0", true, r#"{"op": "Add"}"#, "Okta"),
            (Dialect::Auto, "", false, r#"{"Operations": [{"op" : "Replace"}]}"#, "Entra"),
            (Dialect::Auto, "", false, r#"{"op":"Remove","value":[{"value":"x"}]}"#, "Entra"),
            (Dialect::Auto, "", false, r#"{"op":"add","value":[{"$ref":null,"value":"x"}]}"#, "Entra"),
            (
                Dialect::Auto,
                "",
                false,
                r#"{"schemas":["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]}"#,
                "Entra",
            ),
            (Dialect::Auto, "typed by an admin", false, r#"{"schemas": ["urn:scim:schemas:core:2.0"]}"#, "OneLogin"),
            (Dialect::Auto, "", false, &hex(24), "JumpCloud"),
            (Dialect::Auto, "", false, r#"{"active":true,"emails":null,"id":"1"}"#, "JumpCloud"),
            (Dialect::Auto, "", false, &hex(64), "Authentik"),
            (Dialect::Auto, "", false, r#"{"emails":[{"primary":true,"type":"other"}]}"#, "Authentik"),
            (Dialect::Auto, "", false, r#"{"members":[{"value":"x","$ref":"Users/x"}]}"#, "Keycloak"),
            (Dialect::Auto, "", false, &hex(36), ""),
            (Dialect::Auto, "", false, "\u{fffd}{\"op\": \"replace\"", ""),
            (Dialect::Auto, "curl/8.5", false, "", ""),
            (Dialect::Entra, "Okta SCIM Client 1.0.0", false, "", "Entra"),
            (Dialect::Ping, "", true, "", "Ping"),
        ] {
            assert_eq!(caller_name(dialect, user_agent, adscim, body.as_bytes()), expected, "{user_agent} {body}");
        }
        let late = format!("{}{}", " ".repeat(LOOKED_AT), hex(24));
        assert_eq!(caller_name(Dialect::Auto, "", false, late.as_bytes()), "", "only the beginning is read");
    }
}
