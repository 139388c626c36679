//! Every variant of what travels between two deployed programs, with the bytes that it is pinned to. A new variant does not
//! compile here until it has its line, and fails until its bytes are read and written as pinned.

#![allow(clippy::unwrap_used, clippy::panic)]

use scim_edge::auth::{Dialect, TokenKind};
use scim_edge::directory::admin::{Admin, Scope};
use scim_edge::directory::call::{Actor, Ask};
use scim_edge::directory::query::Query;
use scim_edge::directory::registry::RegistryCall;
use scim_edge::directory::reply::Answer;
use scim_edge::directory::scim::{Command, GroupOperation, Members};
use scim_edge::error::{Error, Kind};
use scim_edge::scim::etag::Tags;
use scim_edge::scim::filter::{self, Filter};
use scim_edge::scim::patch::{MissingTarget, PatchOp};
use scim_edge::scim::schema::Kinds;
use serde::{Serialize, de::DeserializeOwned};

const NEWEST: &str = include_str!("28-november.tsv");

/// Makes for each type a match over all its variants, without a wildcard, and the list of the pinned bytes.
macro_rules! pinned {
    ($($name:ident: $type:ty { $($pattern:pat => $bytes:expr,)* })*) => {
        $(
            /// The place of a variant among the pinned ones.
            fn $name(value: &$type) -> usize {
                let places = [$(stringify!($pattern)),*];
                let name = match value {
                    $($pattern => stringify!($pattern),)*
                };
                places.iter().position(|place| *place == name).unwrap()
            }
        )*

        /// Gives each variant's type, its place, and its bytes to `check`.
        fn each(check: &mut dyn FnMut(&'static str, &'static str, &dyn Fn(&str) -> (usize, String), usize)) {
            $(
                let again = |text: &str| read::<$type>(text, $name);
                for (place, bytes) in [$($bytes),*].into_iter().enumerate() {
                    check(stringify!($name), bytes, &again, place);
                }
            )*
        }
    };
}

/// Reads a value; returns the place of its variant and what it is written as.
fn read<T: Serialize + DeserializeOwned>(text: &str, place: fn(&T) -> usize) -> (usize, String) {
    let value: T =
        scim_edge::scim::json::of_any_build(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in {text}"));
    (place(&value), serde_json::to_string(&value).unwrap())
}

pinned! {
    ask: Ask {
        Ask::Scim(_) => r#"{"scim":"discover"}"#,
        Ask::Read(_) => r#"{"read":"organisation"}"#,
        Ask::Admin(_) => r#"{"admin":"erase"}"#,
        Ask::Preview(_) => r#"{"preview":{"deleteUser":{"id":"u"}}}"#,
    }
    actor: Actor {
        Actor::Root => r#""root""#,
        Actor::Token { .. } => r#"{"token":{"hash":"b4c8b2ef8a0f1827425a1c5c211a75a69eab227c5280016ec58e25fff8434b02","dialect":"auto"}}"#,
    }
    command: Command {
        Command::Discover => r#""discover""#,
        Command::CreateUser { .. } => r#"{"createUser":{"user":{"attributes":{"userName":"a"},"unresolved":[{"op":"add","path":"urn:a:b:1.0:x","value":1}]}}}"#,
        Command::ReplaceUser { .. } => r#"{"replaceUser":{"id":"u","user":{"attributes":{},"nulls":["emails"]},"mendFormatted":true,"nullKeeps":true}}"#,
        Command::PatchUser { .. } => r#"{"patchUser":{"id":"u","operations":[{"op":"remove","path":{"target":{"name":"title"}},"missing":"refuse"}],"unresolved":[{"op":"remove","path":"urn:a:b:1.0:x"}]}}"#,
        Command::GetUser { .. } => r#"{"getUser":{"id":"u"}}"#,
        Command::DeleteUser { .. } => r#"{"deleteUser":{"id":"u"}}"#,
        Command::ListUsers { .. } => r#"{"listUsers":{"list":{"filter":{"pr":{"name":"title"}},"startIndex":1,"count":100,"sort":{"by":{"name":"userName"},"descending":true},"cursor":""}}}"#,
        Command::CreateGroup { .. } => r#"{"createGroup":{"group":{"attributes":{"displayName":"g"}},"members":["u"]}}"#,
        Command::ReplaceGroup { .. } => r#"{"replaceGroup":{"id":"g","group":{"attributes":{}},"members":null}}"#,
        Command::PatchGroup { .. } => r#"{"patchGroup":{"id":"g","operations":[{"addMembers":["u"]}],"answer":"hidden"}}"#,
        Command::GetGroup { .. } => r#"{"getGroup":{"id":"g","members":"hidden"}}"#,
        Command::DeleteGroup { .. } => r#"{"deleteGroup":{"id":"g"}}"#,
        Command::ListGroups { .. } => r#"{"listGroups":{"list":{"startIndex":1,"count":100},"members":"shown"}}"#,
        Command::Search { .. } => r#"{"search":{"users":{"startIndex":1,"count":1},"groups":{"startIndex":1,"count":1},"members":"shown"}}"#,
        Command::Bulk(_) => r#"{"bulk":{"operations":[{"method":"DELETE","path":"/Users/u","bulkId":"a","refers":[0],"precondition":{"ifMatch":"any"},"command":{"deleteUser":{"id":"u"}}}],"steps":[[0]],"failOnErrors":1}}"#,
        Command::Refused { .. } => r#"{"refused":{"error":{"kind":"invalidValue","code":"wrong-type","detail":"d","names":["x"]},"method":"POST","resource":"/Users"}}"#,
    }
    members: Members {
        Members::Shown => r#""shown""#,
        Members::Hidden => r#""hidden""#,
    }
    group_operation: GroupOperation {
        GroupOperation::Attribute(_) => r#"{"attribute":{"op":"replace","path":{"target":{"name":"displayName"}},"value":"h","missing":"refuse"}}"#,
        GroupOperation::AddMembers(_) => r#"{"addMembers":["u"]}"#,
        GroupOperation::RemoveMembers(_) => r#"{"removeMembers":["u"]}"#,
        GroupOperation::ReplaceMembers(_) => r#"{"replaceMembers":[]}"#,
        GroupOperation::RemoveMatching(_) => r#"{"removeMatching":{"pr":{"name":"value"}}}"#,
        GroupOperation::ReplaceMatching { .. } => r#"{"replaceMatching":{"filter":{"pr":{"name":"value"}},"members":["u"]}}"#,
    }
    query: Query {
        Query::Organisation => r#""organisation""#,
        Query::Tokens => r#""tokens""#,
        Query::Users(_) => r#"{"users":{"after":null,"limit":100}}"#,
        Query::User { .. } => r#"{"user":{"id":"u"}}"#,
        Query::Groups(_) => r#"{"groups":{"after":"g","limit":1,"filter":"title pr","linked":false}}"#,
        Query::Group { .. } => r#"{"group":{"id":"g"}}"#,
        Query::Members { .. } => r#"{"members":{"id":"g","after":null,"limit":100}}"#,
        Query::Changes { .. } => r#"{"changes":{"after":7,"limit":100,"wait":25}}"#,
        Query::Journal(_) => r#"{"journal":{"outcome":"refused","nested":true,"resource":"User","since":1,"until":2,"token":"t","after":"1.2.","limit":5}}"#,
        Query::Snapshot { .. } => r#"{"snapshot":{"position":"p"}}"#,
        Query::Schemas => r#""schemas""#,
        Query::Schema { .. } => r#"{"schema":{"urn":"urn:a:b"}}"#,
        Query::Import => r#""import""#,
    }
    admin: Admin {
        Admin::Configure { .. } => r#"{"configure":{"displayName":"A","saml":true,"scim":null,"options":{"sync":{"createUsers":false},"guard":null,"reservedGroupNames":["a"],"quota":{"users":5,"groups":null,"bytes":7}},"residency":{"jurisdiction":"eu","locationHint":"weur"}}}"#,
        Admin::Erase => r#""erase""#,
        Admin::ReleaseGuard { .. } => r#"{"releaseGuard":{"seconds":60}}"#,
        Admin::MintToken { .. } => r#"{"mintToken":{"id":"t","hash":"b4c8b2ef8a0f1827425a1c5c211a75a69eab227c5280016ec58e25fff8434b02","token":{"name":"n","kind":"console","dialect":"auto","scope":"read","expiresAt":5,"addressRanges":["203.0.113.0/24"]},"replaces":"s"}}"#,
        Admin::RevokeToken { .. } => r#"{"revokeToken":{"id":"t","children":true}}"#,
        Admin::RotateToken(_) => r#"{"rotateToken":{"id":"t","graceSeconds":60,"expiresAt":5,"by":"u"}}"#,
        Admin::PutSchema { .. } => r#"{"putSchema":{"document":{"id":"urn:a:b"}}}"#,
        Admin::DeleteSchema { .. } => r#"{"deleteSchema":{"urn":"urn:a:b"}}"#,
        Admin::BeginImport => r#""beginImport""#,
        Admin::ImportLines { .. } => r#"{"importLines":{"part":1,"line":1,"lines":"{}\n","last":true}}"#,
        Admin::FinishImport => r#""finishImport""#,
        Admin::EndImport => r#""endImport""#,
    }
    scope: Scope {
        Scope::Admin => r#""admin""#,
        Scope::Read => r#""read""#,
    }
    token_kind: TokenKind {
        TokenKind::Scim => r#""scim""#,
        TokenKind::Console => r#""console""#,
    }
    dialect: Dialect {
        Dialect::Auto => r#""auto""#,
        Dialect::Okta => r#""okta""#,
        Dialect::Entra => r#""entra""#,
        Dialect::OneLogin => r#""onelogin""#,
        Dialect::JumpCloud => r#""jumpcloud""#,
        Dialect::Google => r#""google""#,
        Dialect::Ping => r#""ping""#,
        Dialect::Rippling => r#""rippling""#,
        Dialect::CyberArk => r#""cyberark""#,
        Dialect::Authentik => r#""authentik""#,
        Dialect::Keycloak => r#""keycloak""#,
        Dialect::Wso2 => r#""wso2""#,
        Dialect::Rfc => r#""rfc""#,
    }
    kinds: Kinds {
        Kinds::Users => r#""users""#,
        Kinds::Groups => r#""groups""#,
    }
    tags: Tags {
        Tags::Any => r#""any""#,
        Tags::Listed(_) => r#"{"listed":["3"]}"#,
    }
    filter: Filter {
        Filter::And(_) => r#"{"and":[{"pr":{"name":"title"}},{"pr":{"name":"name","sub":"givenName"}}]}"#,
        Filter::Or(_) => r#"{"or":[{"pr":{"name":"title"}},{"pr":{"urn":"urn:a:b","name":"level"}}]}"#,
        Filter::Not(_) => r#"{"not":{"pr":{"name":"title"}}}"#,
        Filter::Present(_) => r#"{"pr":{"name":"title"}}"#,
        Filter::Compare { .. } => r#"{"cmp":{"target":{"name":"active"},"op":"eq","value":{"boolean":true}}}"#,
        Filter::Has { .. } => r#"{"has":{"target":{"name":"schemas"},"filter":{"cmp":{"target":{"name":""},"op":"eq","value":{"exact":"x"}}}}}"#,
    }
    comparison: filter::CompareOp {
        filter::CompareOp::Eq => r#""eq""#,
        filter::CompareOp::Ne => r#""ne""#,
        filter::CompareOp::Co => r#""co""#,
        filter::CompareOp::Sw => r#""sw""#,
        filter::CompareOp::Ew => r#""ew""#,
        filter::CompareOp::Gt => r#""gt""#,
        filter::CompareOp::Ge => r#""ge""#,
        filter::CompareOp::Lt => r#""lt""#,
        filter::CompareOp::Le => r#""le""#,
    }
    value: filter::Value {
        filter::Value::Exact(_) => r#"{"exact":"x"}"#,
        filter::Value::Folded { .. } => r#"{"folded":{"text":"Ada","key":"ada"}}"#,
        filter::Value::Number(_) => r#"{"number":3}"#,
        filter::Value::Boolean(_) => r#"{"boolean":true}"#,
        filter::Value::Instant { .. } => r#"{"instant":{"text":"2026-11-24T09:30:00Z","ms":1795512600000}}"#,
    }
    patch: PatchOp {
        PatchOp::Add => r#""add""#,
        PatchOp::Remove => r#""remove""#,
        PatchOp::Replace => r#""replace""#,
    }
    missing: MissingTarget {
        MissingTarget::Refuse => r#""refuse""#,
        MissingTarget::Make => r#""make""#,
    }
    answer: Answer {
        Answer::Created(_) => r#"{"created":{"id":"u","doc":{"userName":"a"},"version":1,"created":5,"modified":6,"groups":[{"id":"g","display":"G"}]}}"#,
        Answer::Resource(_) => r#"{"resource":{"id":"g","doc":{"displayName":"a"},"version":1,"created":5,"modified":6,"group":true,"members":["m"]}}"#,
        Answer::List { .. } => r#"{"list":{"total":1,"startIndex":1,"resources":[],"nextCursor":"c","groupsLeftOut":true}}"#,
        Answer::Bulk(_) => r#"{"bulk":[{"method":"PUT","bulkId":"a","path":"/Users/u","version":"W/\"2\"","error":{"kind":"uniqueness","code":"user-name-taken","detail":"d"}}]}"#,
        Answer::Nothing => r#""nothing""#,
        Answer::Allowed => r#""allowed""#,
        Answer::Json(_) => r#"{"json":{"lastSeq":3}}"#,
        Answer::New(_) => r#"{"new":{"id":"urn:a:b"}}"#,
        Answer::Tagged { .. } => r#"{"tagged":{"etag":"W/\"3\"","body":{"id":"u"}}}"#,
        Answer::Piece { .. } => r#"{"piece":{"lines":"{}\n","next":"p"}}"#,
        Answer::Preview { .. } => r#"{"preview":{"outcome":{"Ok":"nothing"},"repairs":["r"],"notes":["n"],"changes":[{"seq":4}],"count":1}}"#,
        Answer::Stale { .. } => r#"{"stale":{"generation":3,"schemas":[{"id":"urn:a:b"}]}}"#,
    }
    outcome: Result<Answer, Error> {
        Ok(_) => r#"{"Ok":"nothing"}"#,
        Err(_) => r#"{"Err":{"kind":"tooManyRequests","code":"token-rate","detail":"d","names":["x"],"retry_after":5,"nestedIn":"g"}}"#,
    }
    kind: Kind {
        Kind::InvalidFilter => r#""invalidFilter""#,
        Kind::TooMany => r#""tooMany""#,
        Kind::InvalidCursor => r#""invalidCursor""#,
        Kind::InvalidCount => r#""invalidCount""#,
        Kind::Uniqueness => r#""uniqueness""#,
        Kind::Mutability => r#""mutability""#,
        Kind::InvalidSyntax => r#""invalidSyntax""#,
        Kind::InvalidPath => r#""invalidPath""#,
        Kind::NoTarget => r#""noTarget""#,
        Kind::InvalidValue => r#""invalidValue""#,
        Kind::Unauthorized => r#""unauthorized""#,
        Kind::Forbidden => r#""forbidden""#,
        Kind::NotFound => r#""notFound""#,
        Kind::MethodNotAllowed => r#""methodNotAllowed""#,
        Kind::Conflict => r#""conflict""#,
        Kind::Gone => r#""gone""#,
        Kind::PreconditionFailed => r#""preconditionFailed""#,
        Kind::TooLarge => r#""tooLarge""#,
        Kind::UnsupportedMediaType => r#""unsupportedMediaType""#,
        Kind::TooManyRequests => r#""tooManyRequests""#,
        Kind::NotImplemented => r#""notImplemented""#,
        Kind::Unavailable => r#""unavailable""#,
        Kind::Internal => r#""internal""#,
    }
    registry_call: RegistryCall {
        RegistryCall::Put { .. } => r#"{"put":{"org":"acme","displayName":null,"residency":{"jurisdiction":"eu","locationHint":"weur"}}}"#,
        RegistryCall::Rename { .. } => r#"{"rename":{"org":"acme","displayName":"A"}}"#,
        RegistryCall::Get { .. } => r#"{"get":{"org":"acme"}}"#,
        RegistryCall::Erase { .. } => r#"{"erase":{"org":"acme"}}"#,
        RegistryCall::Forget { .. } => r#"{"forget":{"org":"acme"}}"#,
        RegistryCall::List => r#""list""#,
        RegistryCall::Page { .. } => r#"{"page":{"after":"acme","limit":11}}"#,
    }
}

/// The bytes of each variant are read as that variant, and written as they were.
#[test]
fn every_variant_has_its_bytes() {
    let mut seen = 0;
    each(&mut |name, bytes, read, place| {
        assert_eq!(read(bytes), (place, bytes.to_owned()), "{name}");
        seen += 1;
    });
    assert!(seen > 140, "{seen}");
}

/// Bytes that a build has once written are read for ever: they are pinned in a file that only grows. A line that is
/// missing there is added; one that changed is a format that was broken.
#[test]
fn every_variant_stands_in_the_newest_file() {
    let mut missing = String::new();
    each(&mut |name, bytes, _, _| {
        let line = format!("{name}\t{bytes}");
        if !NEWEST.lines().any(|other| other == line) {
            missing += &format!("{line}\n");
        }
    });
    assert!(missing.is_empty(), "tests/house/28-november.tsv lacks, at its end:\n{missing}");
    // Every line of it is read today, also one that is pinned to other bytes now.
    for line in NEWEST.lines() {
        let (wanted, bytes) = line.split_once('\t').unwrap();
        let mut is_known = false;
        each(&mut |name, _, read, _| {
            if name == wanted && !is_known {
                is_known = true;
                read(bytes);
            }
        });
        assert!(is_known, "{line}");
    }
}
