//! The bytes between two deployed programs: a deploy rolls, so yesterday's must be read today.

#![allow(clippy::unwrap_used, clippy::panic)]

use scim_edge::auth::TokenRecord;
use scim_edge::directory::call::{Ask, Call, CallEnvelope, VERSION};
use scim_edge::directory::registry::{RegistryCall, RegistryForm, RegistryReply, read_message};
use scim_edge::directory::reply::{Answer, Reply};
use scim_edge::error::Kind;
use scim_edge::scim::json;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeSet;

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
            r#"{"scim":{"refused":{"error":{"kind":"invalidValue","code":"wrong-type","detail":"d","names":["x"]},"method":"POST","resource":"/Users"}}}"#,
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
        (&r#""root""#.to_owned(), "", r#"{"admin":{"revokeToken":{"id":"t","children":true}}}"#),
        (
            &actor,
            "",
            &format!(
                r#"{{"admin":{{"mintToken":{{"id":"t","hash":"{HASH}","token":{{"name":"n","kind":"console","dialect":"auto","scope":"admin"}},"replaces":"s"}}}}}}"#
            ),
        ),
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
            r#"{"scim":{"refused":{"error":{"kind":"invalidValue","code":"nested-group","detail":"d","names":["x"],"nestedIn":"g"},"method":"PUT","resource":"/Groups/g"}}}"#,
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
        r#"{"Ok":{"bulk":[{"method":"PUT","bulkId":"a","path":"/Users/u","version":"W/\"2\""},{"method":"POST","error":{"kind":"uniqueness","code":"user-name-taken","detail":"d"}}]}}"#.to_owned(),
        r#"{"Ok":"nothing"}"#.to_owned(),
        r#"{"Ok":"allowed"}"#.to_owned(),
        r#"{"Ok":{"json":{"lastSeq":3}}}"#.to_owned(),
        r#"{"Ok":{"new":{"id":"urn:a:b"}}}"#.to_owned(),
        r#"{"Ok":{"tagged":{"etag":"W/\"3\"","body":{"id":"u"}}}}"#.to_owned(),
        r#"{"Ok":{"tagged":{"etag":"W/\"3\""}}}"#.to_owned(),
        r#"{"Ok":{"preview":{"outcome":{"Ok":"nothing"},"repairs":["r"],"notes":["n"],"changes":[{"seq":4}],"count":1}}}"#.to_owned(),
        r#"{"Ok":{"preview":{"outcome":{"Err":{"kind":"notFound","code":"user-not-found","detail":"d"}},"repairs":[],"notes":[],"changes":[],"count":0}}}"#.to_owned(),
        r#"{"Ok":{"stale":{"generation":3,"schemas":[{"id":"urn:a:b"}]}}}"#.to_owned(),
        r#"{"Err":{"kind":"uniqueness","code":"user-name-taken","detail":"d"}}"#.to_owned(),
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

/// Every variant of calls, replies and the registry's messages, and KV's records, as the build of 26 November 2026 wrote
/// them (commit 07c21a9). This file is never changed; a build to come gets one of its own beside it.
const YESTERDAY: &str = include_str!("yesterday.tsv");

fn yesterday(kind: &str) -> Vec<&'static str> {
    let lines = YESTERDAY.lines().map(|line| line.split_once('\t').unwrap());
    let found: Vec<&str> = lines.filter(|(name, _)| *name == kind).map(|(_, text)| text).collect();
    assert!(!found.is_empty(), "{kind}");
    found
}

/// True if nothing of what `old` says is lost in `new`, which may say more.
fn keeps(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(name, value)| new.get(name).is_some_and(|other| keeps(value, other)))
        }
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| keeps(old, new))
        }
        _ => old == new,
    }
}

/// Reads a text of yesterday; what is written of it today, under the same names, says all that it said.
fn reads<T: Serialize + DeserializeOwned>(text: &str) -> T {
    let read: T = json::of_any_build(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in {text}"));
    let (old, new) = (serde_json::from_str(text).unwrap(), serde_json::to_value(&read).unwrap());
    assert!(keeps(&old, &new), "{text}\nis today\n{new}");
    read
}

/// The name of a variant, as serde spells it.
fn variant(value: &impl Serialize) -> String {
    match serde_json::to_value(value).unwrap() {
        Value::String(name) => name,
        Value::Object(map) => map.keys().next().unwrap().clone(),
        other => panic!("{other}"),
    }
}

#[test]
fn yesterdays_bytes_are_read() {
    let mut variants = BTreeSet::new();
    for text in yesterday("call") {
        let call: Call = reads(text);
        let opened = CallEnvelope::read_envelope(text.as_bytes()).unwrap().open_request().unwrap();
        assert_eq!(serde_json::to_value(&call).unwrap(), serde_json::to_value(&opened).unwrap());
        assert!((1..=VERSION).contains(&call.lowest_version()));
        variants.insert(match &call.ask {
            Ask::Scim(command) => format!("scim {}", variant(command)),
            Ask::Preview(_) => "preview".to_owned(),
            Ask::Read(query) => format!("read {}", variant(query)),
            Ask::Admin(admin) => format!("admin {}", variant(admin)),
        });
    }
    for text in yesterday("reply") {
        let reply: Reply = reads(text);
        if let Ok(answer) = &reply.outcome {
            variants.insert(format!("answer {}", variant(answer)));
        }
    }
    for text in yesterday("registry call") {
        variants.insert(format!("registry {}", variant(&reads::<RegistryCall>(text))));
    }
    yesterday("registry reply").into_iter().for_each(|text| drop(reads::<RegistryReply>(text)));
    yesterday("record").into_iter().for_each(|text| drop(reads::<TokenRecord>(text)));
    // 16 commands, previews, 13 queries, 12 of an admin, 12 answers, 6 of the registry.
    assert_eq!(variants.len(), 60, "{variants:?}");
}

/// Version 1 of the registry's messages is the message by itself, as yesterday's builds read and write it.
#[test]
fn the_registrys_messages_say_their_version() {
    for text in yesterday("registry call") {
        let (v, call) = read_message::<RegistryCall>(text.as_bytes()).unwrap();
        assert_eq!((v, call.lowest_version()), (1, 1), "{text}");
        assert_eq!(serde_json::to_string(&RegistryForm::with_version(1, &call)).unwrap(), text);
    }
    for text in yesterday("registry reply") {
        assert_eq!(read_message::<RegistryReply>(text.as_bytes()).unwrap().0, 1, "{text}");
    }
    let text = r#"{"v":2,"message":{"page":{"after":"acme","limit":11}}}"#;
    let (v, call) = read_message::<RegistryCall>(text.as_bytes()).unwrap();
    assert_eq!((v, call.lowest_version()), (2, 2));
    assert_eq!(serde_json::to_string(&RegistryForm::with_version(2, &call)).unwrap(), text);
    let reply: RegistryReply = Ok(Vec::new());
    let text = serde_json::to_string(&RegistryForm::with_version(2, &reply)).unwrap();
    assert_eq!(text, r#"{"v":2,"message":{"Ok":[]}}"#);
    assert_eq!(read_message::<RegistryReply>(text.as_bytes()).unwrap(), (2, reply));
    for later in [r#"{"v":3,"message":{"page":{"after":"acme","limit":11}}}"#, r#"{"v":2,"message":{"later":{}}}"#] {
        assert_eq!(read_message::<RegistryCall>(later.as_bytes()).unwrap_err().kind(), Kind::Unavailable, "{later}");
    }
}

#[test]
fn a_call_says_the_lowest_version_that_understands_it() {
    // An object of 24 November refuses versions above 1 with 503, and answers 500 to a variant that it does not know.
    let new = [
        "search",
        "bulk",
        "preview",
        "journal",
        "snapshot",
        "schemas",
        "schema",
        "import",
        "erase",
        "releaseGuard",
        "rotateToken",
        "putSchema",
        "deleteSchema",
        "beginImport",
        "importLines",
        "finishImport",
        "endImport",
        // The parts that such an object would not see.
        "removeMatching",
        "replaceMatching",
        "sort",
        "cursor",
        "filter\":\"displayName pr",
        "linked",
        "precondition",
        "generation",
        "options",
        "residency",
        "addressRanges",
    ];
    for text in yesterday("call") {
        let expected = if new.iter().any(|name| text.contains(&format!("\"{name}\""))) { 2 } else { 1 };
        let call: Call = serde_json::from_str(text).unwrap();
        assert_eq!(call.lowest_version(), expected, "{text}");
    }
    // An object of before would leave the children out, unseen.
    let text = r#"{"v":1,"org":"acme","request":"r","actor":"root","ask":{"admin":{"revokeToken":{"id":"t","children":true}}}}"#;
    assert_eq!(serde_json::from_str::<Call>(text).unwrap().lowest_version(), 3);
    // And a quota.
    let text = r#"{"v":1,"org":"acme","request":"r","actor":"root","ask":{"admin":{"configure":{"displayName":null,"saml":null,"scim":null,"options":{"quota":{"users":5,"groups":null,"bytes":8589934592}}}}}}"#;
    let call: Call = serde_json::from_str(text).unwrap();
    assert_eq!((call.lowest_version(), serde_json::to_string(&call).unwrap().as_str()), (4, text));
    // And operations on unregistered extensions, or on the elements of plain lists.
    let unresolved = r#""unresolved":[{"op":"remove","path":"urn:a:b:1.0:x"}]"#;
    let element = r#"{"cmp":{"target":{"name":""},"op":"eq","value":{"folded":{"text":"x","key":"x"}}}}"#;
    let patched = format!(r#"{{"patchUser":{{"id":"u","operations":[],{unresolved}}}}}"#);
    for ask in [
        format!(r#"{{"scim":{patched}}}"#),
        format!(r#"{{"scim":{{"patchGroup":{{"id":"g","operations":[],"answer":null,{unresolved}}}}}}}"#),
        format!(r#"{{"scim":{{"createUser":{{"user":{{"attributes":{{}},{unresolved}}}}}}}}}"#),
        format!(
            r#"{{"preview":{{"replaceGroup":{{"id":"g","group":{{"attributes":{{}},{unresolved}}},"members":null}}}}}}"#
        ),
        format!(r#"{{"scim":{{"bulk":{{"operations":[{{"method":"PATCH","command":{patched}}}],"steps":[[0]]}}}}}}"#),
        format!(
            r#"{{"scim":{{"listUsers":{{"list":{{"filter":{{"has":{{"target":{{"name":"schemas"}},"filter":{element}}}}},"startIndex":1,"count":1}}}}}}}}"#
        ),
    ] {
        let text = format!(r#"{{"v":1,"org":"acme","request":"r","actor":"root","ask":{ask}}}"#);
        let call: Call = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_eq!((call.lowest_version(), serde_json::to_string(&call).unwrap()), (5, text));
    }
    // And what is refused unless it is stored; what is read otherwise, such an object reads as it did.
    let refused = r#"{"refusal":{"kind":"invalidValue","code":"wrong-type","detail":"d"}}"#;
    for (otherwise, version) in [(r#""same""#, 1), (r#"{"read":[5]}"#, 1), (refused, 6)] {
        let part = format!(r#"{{"sent":"5","otherwise":{otherwise},"unknown":["urn:x:y:a.b"]}}"#);
        let echoes =
            format!(r#""echoes":[{{"target":{{"urn":"urn:x:y","name":"a","sub":"b"}},"list":true,"parts":[{part}]}}]"#);
        let replaced = format!(
            r#"{{"replaceUser":{{"id":"u","user":{{"attributes":{{}},{echoes}}},"mendFormatted":false,"nullKeeps":false}}}}"#
        );
        let operation = format!(r#"{{"op":"add","path":{{"target":{{"name":"title"}}}},"missing":"refuse",{echoes}}}"#);
        for (ask, version) in [
            (format!(r#"{{"scim":{replaced}}}"#), version),
            (format!(r#"{{"scim":{{"patchUser":{{"id":"u","operations":[{operation}]}}}}}}"#), version),
            (
                format!(
                    r#"{{"scim":{{"patchGroup":{{"id":"g","operations":[{{"attribute":{operation}}}],"answer":null}}}}}}"#
                ),
                version,
            ),
            (
                format!(
                    r#"{{"scim":{{"bulk":{{"operations":[{{"method":"PUT","command":{replaced}}}],"steps":[[0]]}}}}}}"#
                ),
                version.max(2),
            ),
        ] {
            let text = format!(r#"{{"v":1,"org":"acme","request":"r","actor":"root","ask":{ask}}}"#);
            let call: Call = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
            assert_eq!((call.lowest_version(), serde_json::to_string(&call).unwrap()), (version, text));
        }
    }
}

#[test]
fn what_a_build_to_come_sends_is_503() {
    let actor = format!(r#"{{"token":{{"hash":"{HASH}","dialect":"auto"}}}}"#);
    for (actor, ask) in [
        (actor.as_str(), r#"{"scim":{"later":{}}}"#),
        (&actor, r#"{"scim":"later"}"#),
        (&actor, r#"{"later":1}"#),
        (&actor, r#"{"read":"later"}"#),
        (&actor, r#"{"admin":{"later":{}}}"#),
        (r#"{"later":1}"#, r#"{"scim":"discover"}"#),
    ] {
        let text = format!(r#"{{"v":1,"org":"acme","request":"r","actor":{actor},"ask":{ask}}}"#);
        let refused = CallEnvelope::read_envelope(text.as_bytes()).and_then(CallEnvelope::open_request).unwrap_err();
        assert_eq!((refused.kind(), refused.retry_after), (Kind::Unavailable, Some(60)), "{text}");
    }
    let reply = json::of_any_build::<Reply>(br#"{"v":9,"outcome":{"Ok":{"later":{}}}}"#).unwrap_err();
    assert_eq!(reply.kind(), Kind::Unavailable);
    let ask = json::of_any_build::<RegistryCall>(br#"{"later":{}}"#).unwrap_err();
    assert_eq!(ask.kind(), Kind::Unavailable);
    // A message of no build is a fault.
    assert_eq!(CallEnvelope::read_envelope(b"{}").unwrap_err().kind(), Kind::Internal);
    // More fields are skipped, wherever they stand.
    let reply: Reply = json::of_any_build(
        br#"{"v":9,"later":1,"outcome":{"Ok":{"list":{"total":0,"startIndex":1,"resources":[],"later":1}}}}"#,
    )
    .unwrap();
    assert!(matches!(reply.outcome, Ok(Answer::List { .. })));
}
