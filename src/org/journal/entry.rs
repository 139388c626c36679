//! Entries of the journal before they are stored: refusals, and requests of which a part was skipped.

use super::{row, sentence, subject};
use crate::directory::call::Call;
use crate::error::{Error, Kind, Subject};
use crate::id::RequestId;
use crate::scim::schema::Types;
use crate::store::refused::Key;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The most ids that a refusal keeps, and the most of one about nested groups.
pub(super) const NAMES_MAX: usize = 100;
const NESTED_MAX: usize = 1000;
/// The longest part of an address that is kept, in characters.
const RESOURCE_MAX: usize = 300;

/// Returns the notes of a request as they are kept.
pub(crate) fn redact_notes(notes: &[String], types: &Types) -> Vec<String> {
    notes.iter().map(|note| sentence::redact_sentence(note, &[], types)).collect()
}

/// The parts of a call that an entry keeps.
#[derive(Clone, Copy)]
pub(super) struct CallFacts<'a> {
    pub(super) request: &'a RequestId,
    pub(super) idp: &'a str,
    pub(super) repairs: &'a [String],
    pub(super) notes: &'a [String],
}

impl<'a, A> From<&'a Call<A>> for CallFacts<'a> {
    fn from(call: &'a Call<A>) -> Self {
        Self { request: &call.request, idp: &call.idp, repairs: &call.repairs, notes: &call.notes }
    }
}

/// An entry that is to be written.
pub(super) struct NewEntry<'a> {
    pub(super) fingerprint: String,
    /// The code of a refusal; else the outcome.
    pub(super) code: &'static str,
    pub(super) outcome: &'static str,
    pub(super) call: CallFacts<'a>,
    pub(super) token: Option<&'a str>,
    pub(super) method: &'static str,
    pub(super) resource: String,
    pub(super) why: Value,
    pub(super) kind: Option<Kind>,
    pub(super) names: Vec<String>,
    /// The user or group that it is about.
    pub(super) about: Subject,
    /// The most names that its row gathers of all equal refusals; 0 if those of the first one are all.
    pub(super) gathered: usize,
}

impl<'a> NewEntry<'a> {
    pub(super) fn new(
        call: CallFacts<'a>,
        token: Option<&'a str>,
        (method, resource): (&str, &str),
        about: Option<&Subject>,
    ) -> Self {
        // A client chooses the method and the address freely; only what fits a row is kept of them.
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        let address = resource.split('?').next().unwrap_or_default();
        let address: String = address.chars().take(RESOURCE_MAX).collect();
        let resource = sentence::without_tokens(&address);
        Self {
            about: subject::kept_subject(about, &resource),
            fingerprint: String::new(),
            code: "ignored",
            outcome: "ignored",
            call,
            token,
            method: methods.into_iter().find(|known| *known == method).unwrap_or("other"),
            resource,
            why: Value::Null,
            kind: None,
            names: Vec::new(),
            gathered: 0,
        }
    }

    pub(super) fn of_refusal(
        call: CallFacts<'a>,
        token: Option<&'a str>,
        target: (&str, &str),
        error: &Error,
        types: &Types,
    ) -> Self {
        // A refused nested group has its own rules: one row gathers the names of all pushes.
        let nested = error.nested_in.as_ref().map(|group| group.chars().take(RESOURCE_MAX).collect::<String>());
        let detail = sentence::redact_sentence(&error.detail, &error.names, types);
        let most = if nested.is_some() { NESTED_MAX } else { NAMES_MAX };
        let mut entry = Self::new(call, token, target, error.about.as_deref());
        (entry.outcome, entry.code) = ("refused", error.code.as_str());
        entry.names =
            error.names.iter().take(most).map(|name| row::cut_name(&sentence::without_tokens(name))).collect();
        entry.fingerprint = match &nested {
            // There is one row a group and token, whatever members are refused.
            Some(group) => fingerprint_of(["nested", group, "", ""], &[]),
            None => {
                // The sentence is part of the fingerprint after its values are removed, so refusals of many values are
                // one row.
                let kind = error.kind().status().to_string();
                let head = ["refused", token.unwrap_or_default(), entry.method, &entry.resource];
                // Each person has a row, or an admin could not find all of them.
                fingerprint_of(head, [&kind, &detail].into_iter().chain(&entry.names).chain(entry.about.names()))
            }
        };
        entry.why = json!({
            "code": error.code.as_str(), "kind": error.kind(), "status": error.kind().status(),
            "scimType": error.kind().scim_type(), "detail": detail,
            "repairs": call.repairs, "notes": redact_notes(call.notes, types),
            "nestedIn": nested.as_deref().map(sentence::without_tokens),
        });
        // An admin needs the names of all groups that must be flattened.
        Self { kind: Some(error.kind()), gathered: if nested.is_some() { NESTED_MAX } else { 0 }, ..entry }
    }

    /// Returns the key that equal entries share.
    pub(super) fn row_key(&self) -> Key {
        let (token, fingerprint) = (self.token.unwrap_or_default().to_owned(), self.fingerprint.clone());
        Key { code: self.code.to_owned(), token, fingerprint }
    }

    /// Folds the entry into one row for all refusals of this token with this reason. It names no user or group: the
    /// requests are refused whatever they are about.
    pub(super) fn into_one_row(mut self, reason: &str) -> Self {
        self.about = Subject::default();
        let status = self.kind.map(|kind| kind.status().to_string()).unwrap_or_default();
        self.fingerprint = fingerprint_of([reason, self.token.unwrap_or_default(), &status, ""], &[]);
        self
    }
}

pub(super) fn fingerprint_of<'a>(head: [&'a str; 4], more: impl IntoIterator<Item = &'a String>) -> String {
    let mut hasher = Sha256::new();
    for part in head.into_iter().chain(more.into_iter().map(String::as_str)) {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    crate::id::TokenHash(digest).hex()
}
