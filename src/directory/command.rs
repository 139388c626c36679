//! From the edge to the object.

use super::bulk::Bulk;
use super::options::Options;
use super::residency::Residency;
use crate::error::{Error, Result};
use crate::id::{GroupId, MemberId, OrgId, RequestId, Seq, Timestamp, TokenHash, TokenId, UserId};
use crate::scim::etag::Tags;
use crate::scim::filter::Filter;
use crate::scim::json;
use crate::scim::patch::Operation;
use crate::scim::projection::Projection;
use crate::scim::resource::Resource;
use crate::scim::schema::Kinds;
use crate::scim::sort::Sort;
use crate::scim::unregistered::Unresolved;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The newest version of [`Call`] and of the reply. An object understands this one and all before it. A call says the lowest
/// that understands it, [`Call::lowest_version`], so while a deploy rolls only what is new is 503 at an object of before.
pub const VERSION: u8 = 5;

/// One call of an organisation's object. `A` is what is asked: an [`Ask`], or its text in an [`Envelope`].
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Call<A = Ask> {
    /// The lowest version that understands it.
    pub v: u8,
    /// Whom the edge takes the object for; the object compares it with its own name.
    pub org: OrgId,
    /// The request that it answers.
    pub request: RequestId,
    /// The SCIM base URL that addresses begin with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// Who asks.
    pub actor: Actor,
    /// The caller's name for the journal, such as `Okta`; nothing depends on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub idp: String,
    /// The address that it comes from, if the edge knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the request needed to be understood; the journal shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// What of the request was passed over, in sentences for the journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The header `Idempotency-Key`, kept with the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The generation of the organisation's registered schemas that a SCIM request was read under; 0 before the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// What has to hold of the resource, or nothing is done.
    #[serde(default, skip_serializing_if = "Precondition::is_empty")]
    pub precondition: Precondition,
    /// The edge passes the answer of a SCIM request on unread, if the object writes it so. Without it the object answers
    /// a [`super::reply::Reply`], as one does that does not know this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render: Option<Rendering>,
    /// Where the object is: a part of its address, which does not travel.
    #[serde(skip)]
    pub home: Residency,
    /// The method of the SCIM request, for the journal; empty for the Console's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The path of the SCIM request, for the journal; empty for the Console's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What is asked.
    pub ask: A,
}

/// A call of which only the outside was read: enough to judge its token.
pub type Envelope<'a> = Call<&'a RawValue>;

impl<'a> Envelope<'a> {
    /// Reads the outside of a call.
    ///
    /// # Errors
    /// 503 for a call of a build to come, or internal.
    pub fn read(text: &'a [u8]) -> Result<Self> {
        json::of_any_build(text)
    }

    /// Reads what is asked.
    ///
    /// # Errors
    /// 503 for a call of a build to come, or internal.
    pub fn open(self) -> Result<Call> {
        let ask = json::of_any_build(self.ask.get().as_bytes())?;
        Ok(Call {
            v: self.v,
            org: self.org,
            request: self.request,
            base: self.base,
            actor: self.actor,
            idp: self.idp,
            address: self.address,
            repairs: self.repairs,
            notes: self.notes,
            idempotency_key: self.idempotency_key,
            generation: self.generation,
            precondition: self.precondition,
            render: self.render,
            home: self.home,
            method: self.method,
            path: self.path,
            ask,
        })
    }
}

/// How the answer of a SCIM request is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendering {
    /// What the endpoint is about.
    pub kinds: Kinds,
    /// Which attributes are shown.
    #[serde(default)]
    pub projection: Projection,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// `If-Match` and `If-None-Match` (RFC 9110 section 13.1); for a POST only `If-None-Match: *` has a meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Precondition {
    /// One of these is the resource's tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<Tags>,
    /// None of these is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_none_match: Option<Tags>,
}

impl Precondition {
    /// True if anything is fine.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Who asks. Only the edge can call an object, so what it says of the root key holds; a token is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// The holder of `CONSOLE_KEY`.
    Root,
    /// The holder of a token, and the dialect that its request was read under.
    Token {
        /// Its SHA-256.
        hash: TokenHash,
        /// As KV has it; compared with the object's own row.
        dialect: crate::auth::Dialect,
    },
}

/// The kinds of call. A query has no variant that changes anything.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ask {
    /// From an identity provider.
    Scim(Command),
    /// From the Console, reading.
    Read(Query),
    /// From the Console, configuring.
    Admin(Admin),
    /// From the Console: what a SCIM request would do. Nothing of it is kept.
    Preview(Command),
}

/// A SCIM request, canonical.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "RFC 7644 section 3 describes them")]
pub enum Command {
    /// Discovery with a token: only whether it is let in.
    Discover,
    CreateUser {
        user: Resource,
    },
    ReplaceUser {
        id: UserId,
        user: Resource,
        /// Drop a `name.formatted` that repeats the old parts beside new ones.
        #[serde(default)]
        mend_formatted: bool,
        /// `null` for a multi-valued attribute keeps it.
        #[serde(default)]
        null_keeps: bool,
    },
    PatchUser {
        id: UserId,
        operations: Vec<Operation>,
        /// Those on extensions that nobody registered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unresolved: Vec<Unresolved>,
    },
    GetUser {
        id: UserId,
    },
    DeleteUser {
        id: UserId,
    },
    ListUsers {
        list: List,
    },
    CreateGroup {
        group: Resource,
        members: Vec<MemberId>,
    },
    ReplaceGroup {
        id: GroupId,
        group: Resource,
        /// `None`: not said, so kept.
        members: Option<Vec<MemberId>>,
    },
    PatchGroup {
        id: GroupId,
        operations: Vec<GroupOperation>,
        /// `None`: answered without a body.
        answer: Option<Members>,
        /// Those on extensions that nobody registered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unresolved: Vec<Unresolved>,
    },
    GetGroup {
        id: GroupId,
        members: Members,
    },
    DeleteGroup {
        id: GroupId,
    },
    ListGroups {
        list: List,
        members: Members,
    },
    /// `POST /.search` at the root: users, then groups.
    Search {
        users: Box<List>,
        groups: Box<List>,
        members: Members,
    },
    Bulk(Bulk),
    /// What the edge refused; the object checks the token, writes it down and refuses it too.
    Refused {
        error: Error,
        method: String,
        resource: String,
    },
}

/// Whether a group is read with its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Members {
    Shown,
    Hidden,
}

/// One page of a list (RFC 7644 section 3.4.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// Which resources; all without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// From 1.
    pub start_index: i64,
    /// How many at most.
    pub count: i64,
    /// In which order; by `id` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// The cursor that was sent (RFC 9865), empty for the first page. Without one the page is found by its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One step of a group's PATCH: members are rows, never a part of the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum GroupOperation {
    Attribute(Box<Operation>),
    AddMembers(Vec<MemberId>),
    RemoveMembers(Vec<MemberId>),
    ReplaceMembers(Vec<MemberId>),
    /// A filter that does not name its members.
    RemoveMatching(Filter),
    /// Refused if there is none.
    ReplaceMatching {
        filter: Filter,
        members: Vec<MemberId>,
    },
}

/// What the Console reads.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Query {
    Organisation,
    Tokens,
    Users(Page),
    User {
        id: UserId,
    },
    Groups(Page),
    Group {
        id: GroupId,
    },
    Members {
        id: GroupId,
        after: Option<String>,
        limit: i64,
    },
    Changes {
        after: Seq,
        limit: i64,
        /// For so many seconds, if there is no change yet.
        #[serde(default, skip_serializing_if = "is_zero")]
        wait: i64,
    },
    Journal(Box<Journal>),
    /// The next piece of a snapshot.
    Snapshot {
        /// `next` of the piece before; `None` for the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<String>,
    },
    Schemas,
    Schema {
        urn: String,
    },
    /// Where the import stands.
    Import,
}

/// One of the Console's pages of users or groups, in the order of their ids.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Only what comes after this id.
    pub after: Option<String>,
    /// How many at most.
    pub limit: i64,
    /// Which, in SCIM's grammar; the object looks the attributes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Only those with an `externalId`, or only those without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<bool>,
}

/// Which entries of the journal are read; what is `None` is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Journal {
    /// `applied`, `refused` or `ignored`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Only refusals of nested groups.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nested: bool,
    /// `User`, `Group`, or an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Last seen at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Last seen before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// A token's public id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at most.
    pub limit: i64,
}

/// What the Console changes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Admin {
    /// Registers the organisation in its object, or changes its settings. What is `None` stays.
    Configure {
        display_name: Option<String>,
        saml: Option<bool>,
        scim: Option<bool>,
        #[serde(default, skip_serializing_if = "Options::is_empty")]
        options: Options,
        /// Where the object is, to be shown; the registry has made sure that it is always the same.
        #[serde(default, skip_serializing_if = "Residency::is_empty")]
        residency: Residency,
    },
    /// Erases everything, some tokens a call.
    Erase,
    /// Lets deprovisioning through for so many seconds.
    ReleaseGuard {
        seconds: i64,
    },
    MintToken {
        id: TokenId,
        hash: TokenHash,
        token: TokenSettings,
        /// The token whose successor it becomes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<TokenId>,
    },
    /// Answers the token's hash and its end. The object writes KV's record itself.
    RevokeToken {
        id: TokenId,
        /// With all that it minted, and that those minted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        children: bool,
    },
    RotateToken(Rotation),
    /// Registers an extension schema, or replaces the one of that URN; canonical.
    PutSchema {
        document: Map<String, Value>,
    },
    DeleteSchema {
        urn: String,
    },
    /// Begins an import, or begins it anew.
    BeginImport,
    /// Some whole lines of a part: `line` is the number of the first, `last` says that the part ends with them.
    ImportLines {
        part: i64,
        line: i64,
        lines: String,
        last: bool,
    },
    FinishImport,
    EndImport,
}

/// What an admin decides when minting a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenSettings {
    /// For people.
    pub name: String,
    /// What it is for.
    pub kind: crate::auth::TokenKind,
    /// How its requests are read.
    pub dialect: crate::auth::Dialect,
    /// What a Console token may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// When it ends, if ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Where it may be used from, [canonical](crate::auth::range::canonical); empty for anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address_ranges: Vec<String>,
}

/// A token that is to have a successor. First without `by`: answered with the successor's [`TokenSettings`], or why there
/// can be none. Then with `by`, which is minted by then: the token ends after its grace, answered as
/// [`Admin::RevokeToken`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// The token.
    pub id: TokenId,
    /// How long it still works, at most.
    pub grace_seconds: i64,
    /// When the successor ends, if that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The successor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<TokenId>,
}

/// What a Console token may do in its organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everything but what only the root key may.
    Admin,
    /// Reading.
    Read,
}
