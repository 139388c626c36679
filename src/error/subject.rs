//! The user or group that a request is about.

use super::{QUOTED_MAX, cut};
use serde::{Deserialize, Serialize};

/// The user or group that a request is about, as far as it is known. Each text has at most [`QUOTED_MAX`] characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subject {
    /// Its `userName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Its `displayName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its `externalId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Its `id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Subject {
    /// Returns true if nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Notes the value of an attribute, in any case of its name. Only the three attributes that name a resource are
    /// noted, the first value of each; an empty text is skipped.
    pub fn note(&mut self, attribute: &str, value: &str) {
        let place = [
            ("userName", &mut self.user_name),
            ("displayName", &mut self.display_name),
            ("externalId", &mut self.external_id),
        ]
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        if let Some((_, place @ None)) = place {
            *place = shortened(value);
        }
    }

    /// Takes from `other` what is not known yet.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            user_name: self.user_name.or(other.user_name),
            display_name: self.display_name.or(other.display_name),
            external_id: self.external_id.or(other.external_id),
            id: self.id.or(other.id),
        }
    }

    /// Returns the subject with each text changed.
    #[must_use]
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        let [user_name, display_name, external_id, id] =
            [self.user_name, self.display_name, self.external_id, self.id].map(|text| text.map(|text| change(&text)));
        Self { user_name, display_name, external_id, id }
    }

    /// Returns the names, without the `id`.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        [&self.user_name, &self.display_name, &self.external_id].into_iter().flatten()
    }
}

/// Returns a text as it is kept; `None` for an empty one.
pub fn shortened(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| cut(text, QUOTED_MAX).into_owned())
}
