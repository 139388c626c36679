//! What travels between two deployed programs, byte for byte: a deploy rolls, so yesterday's has to be read today.

#![allow(clippy::unwrap_used, clippy::panic)]

use scim_edge::directory::command::Call;
use scim_edge::directory::reply::Reply;

const HASH: &str = "b4c8b2ef8a0f1827425a1c5c211a75a69eab227c5280016ec58e25fff8434b02";

#[test]
fn calls() {
    let actor = format!(r#"{{"token":{{"hash":"{HASH}","dialect":"auto"}}}}"#);
    for (actor, more, ask) in [
        (&actor, "", r#"{"scim":"discover"}"#),
        (&actor, r#","idp":"Okta""#, r#"{"scim":{"createUser":{"user":{"attributes":{"userName":"a"}}}}}"#),
        (
            &actor,
            r#","repairs":["string_booleans"],"notes":["n"],"idempotencyKey":"k""#,
            r#"{"scim":{"replaceUser":{"id":"u","user":{"attributes":{},"nulls":["emails"]},"mendFormatted":true,"nullKeeps":true}}}"#,
        ),
        (
            &actor,
            "",
            r#"{"scim":{"patchUser":{"id":"u","operations":[{"op":"replace","path":{"target":{"name":"emails","sub":"value"},"filter":{"cmp":{"target":{"name":"type"},"op":"eq","value":{"folded":{"text":"Work","key":"work"}}}}},"value":"a@b","missing":"make"}]}}}"#,
        ),
        (
            &actor,
            r#","precondition":{"ifMatch":{"listed":["3"]},"ifNoneMatch":"any"}"#,
            r#"{"scim":{"deleteUser":{"id":"u"}}}"#,
        ),
        (&actor, "", r#"{"scim":{"listUsers":{"list":{"startIndex":1,"count":100}}}}"#),
        (&actor, "", r#"{"scim":{"createGroup":{"group":{"attributes":{"displayName":"g"}},"members":["u"]}}}"#),
        (&actor, "", r#"{"scim":{"replaceGroup":{"id":"g","group":{"attributes":{}},"members":null}}}"#),
        (
            &actor,
            "",
            r#"{"scim":{"patchGroup":{"id":"g","operations":[{"addMembers":["u"]},{"removeMembers":["v"]},{"replaceMembers":[]}],"answer":null}}}"#,
        ),
        (
            &actor,
            "",
            r#"{"scim":{"bulk":{"operations":[{"method":"POST","path":"/Users","bulkId":"a","refers":[0],"command":{"createUser":{"user":{"attributes":{"nickName":"~r~0~"}}}}},{"method":"DELETE","path":"/Users/u","precondition":{"ifMatch":"any"},"command":{"deleteUser":{"id":"u"}}},{"method":"GET","command":{"refused":{"error":{"kind":"invalidSyntax","detail":"d"},"method":"GET","resource":"/Me"}}}],"steps":[[0],[1],[2]],"failOnErrors":1}}}"#,
        ),
        (
            &actor,
            "",
            r#"{"scim":{"patchGroup":{"id":"g","operations":[{"removeMatching":{"pr":{"name":"value"}}},{"replaceMatching":{"filter":{"pr":{"name":"value"}},"members":["u"]}}],"answer":null}}}"#,
        ),
        (
            &actor,
            "",
            r#"{"scim":{"patchUser":{"id":"u","operations":[{"op":"remove","path":{"target":{"name":"emails"}},"value":[{"value":"a@b"}],"missing":"refuse"}]}}}"#,
        ),
        (&actor, "", r#"{"scim":{"getGroup":{"id":"g","members":"hidden"}}}"#),
        (
            &actor,
            "",
            r#"{"scim":{"refused":{"error":{"kind":"invalidValue","detail":"d","names":["x"]},"method":"POST","resource":"/Users"}}}"#,
        ),
        (&actor, r#","render":{"kinds":"users","projection":{}}"#, r#"{"scim":{"getUser":{"id":"u"}}}"#),
        (
            &actor,
            r#","render":{"kinds":"groups","projection":{"wanted":["a"],"excluded":["b"],"known":{"listed":["3"]}}}"#,
            r#"{"scim":{"listUsers":{"list":{"startIndex":1,"count":100}}}}"#,
        ),
        (&r#""root""#.to_owned(), "", r#"{"read":{"changes":{"after":0,"limit":100}}}"#),
        (&r#""root""#.to_owned(), "", r#"{"read":{"changes":{"after":0,"limit":100,"wait":25}}}"#),
        (&r#""root""#.to_owned(), "", r#"{"read":{"users":{"after":null,"limit":100}}}"#),
        (
            &r#""root""#.to_owned(),
            r#","precondition":{"ifNoneMatch":{"listed":["3-5-0"]}}"#,
            r#"{"read":{"groups":{"after":"g","limit":1,"filter":"title pr","linked":false}}}"#,
        ),
        (&r#""root""#.to_owned(), "", r#"{"preview":{"deleteUser":{"id":"u"}}}"#),
        (&r#""root""#.to_owned(), "", r#"{"admin":{"configure":{"displayName":"A","saml":true,"scim":null}}}"#),
        (&r#""root""#.to_owned(), "", r#"{"admin":{"revokeToken":{"id":"t"}}}"#),
        (&r#""root""#.to_owned(), "", r#"{"admin":"erase"}"#),
        (
            &r#""root""#.to_owned(),
            "",
            r#"{"admin":{"configure":{"displayName":null,"saml":null,"scim":null,"residency":{"jurisdiction":"eu","locationHint":"weur"}}}}"#,
        ),
        (
            &r#""root""#.to_owned(),
            r#","address":"203.0.113.7""#,
            &format!(
                r#"{{"admin":{{"mintToken":{{"id":"t","hash":"{HASH}","token":{{"name":"n","kind":"scim","dialect":"auto","addressRanges":["203.0.113.0/24"]}}}}}}}}"#
            ),
        ),
        (&r#""root""#.to_owned(), "", r#"{"admin":{"rotateToken":{"id":"t","graceSeconds":60}}}"#),
        (
            &r#""root""#.to_owned(),
            "",
            r#"{"admin":{"rotateToken":{"id":"t","graceSeconds":60,"expiresAt":5,"by":"u"}}}"#,
        ),
        (&actor, r#","generation":3"#, r#"{"scim":"discover"}"#),
        (&r#""root""#.to_owned(), "", r#"{"read":{"journal":{"limit":100}}}"#),
        (
            &r#""root""#.to_owned(),
            "",
            r#"{"read":{"journal":{"outcome":"refused","nested":true,"resource":"User","since":1,"until":2,"token":"t","after":"1.2.","limit":5}}}"#,
        ),
        (
            &actor,
            "",
            r#"{"scim":{"refused":{"error":{"kind":"invalidValue","detail":"d","names":["x"],"nestedIn":"g"},"method":"PUT","resource":"/Groups/g"}}}"#,
        ),
        (&r#""root""#.to_owned(), "", r#"{"read":"schemas"}"#),
        (&r#""root""#.to_owned(), "", r#"{"read":{"schema":{"urn":"urn:a:b"}}}"#),
        (&r#""root""#.to_owned(), "", r#"{"admin":{"putSchema":{"document":{"id":"urn:a:b"}}}}"#),
        (&r#""root""#.to_owned(), "", r#"{"admin":{"deleteSchema":{"urn":"urn:a:b"}}}"#),
    ] {
        let head = r#"{"v":1,"org":"acme","request":"r","actor":"#;
        let more = more.replace("idempotencyKey", "idempotency_key");
        let text = format!(r#"{head}{actor}{more},"ask":{ask}}}"#);
        let call: Call = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_eq!(serde_json::to_string(&call).unwrap(), text);
    }
}

#[test]
fn replies() {
    let stored = r#"{"id":"u","doc":{"userName":"a"},"version":1,"created":5,"modified":6"#;
    for outcome in [
        format!(r#"{{"Ok":{{"created":{stored}}}}}}}"#),
        format!(r#"{{"Ok":{{"resource":{stored},"groups":[{{"id":"g","display":"G"}}]}}}}}}"#),
        format!(r#"{{"Ok":{{"list":{{"total":1,"startIndex":1,"resources":[{stored},"members":["m"]}}]}}}}}}"#),
        r#"{"Ok":{"list":{"total":1,"startIndex":1,"resources":[],"nextCursor":"c","groupsLeftOut":true}}}"#.to_owned(),
        r#"{"Ok":{"bulk":[{"method":"PUT","bulkId":"a","path":"/Users/u","version":"W/\"2\""},{"method":"POST","error":{"kind":"uniqueness","detail":"d"}}]}}"#.to_owned(),
        r#"{"Ok":"nothing"}"#.to_owned(),
        r#"{"Ok":"allowed"}"#.to_owned(),
        r#"{"Ok":{"json":{"lastSeq":3}}}"#.to_owned(),
        r#"{"Ok":{"new":{"id":"urn:a:b"}}}"#.to_owned(),
        r#"{"Ok":{"tagged":{"etag":"W/\"3\"","body":{"id":"u"}}}}"#.to_owned(),
        r#"{"Ok":{"tagged":{"etag":"W/\"3\""}}}"#.to_owned(),
        r#"{"Ok":{"preview":{"outcome":{"Ok":"nothing"},"repairs":["r"],"notes":["n"],"changes":[{"seq":4}],"count":1}}}"#.to_owned(),
        r#"{"Ok":{"preview":{"outcome":{"Err":{"kind":"notFound","detail":"d"}},"repairs":[],"notes":[],"changes":[],"count":0}}}"#.to_owned(),
        r#"{"Ok":{"stale":{"generation":3,"schemas":[{"id":"urn:a:b"}]}}}"#.to_owned(),
        r#"{"Err":{"kind":"uniqueness","detail":"d"}}"#.to_owned(),
    ] {
        let text = format!(r#"{{"v":1,"outcome":{outcome}}}"#);
        let reply: Reply = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_eq!(serde_json::to_string(&reply).unwrap(), text);
    }
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let text = r#"{"v":1,"outcome":{"Ok":"nothing"},"later":1}"#;
    assert!(serde_json::from_str::<Reply>(text).is_ok());
}
