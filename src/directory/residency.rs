//! The place where an organisation's object runs and keeps its data. It is chosen at registration and fixed from then
//! on: the platform derives the object's identity from the jurisdiction, so under another one there is another, empty
//! object.

use crate::error::{Code, Error, Result, quoted};
use crate::id::OrgId;
use serde::{Deserialize, Serialize};

/// The places near which the platform can make the object. They are only hints: data does not depend on them.
pub(super) const HINTS: [&str; 11] =
    ["wnam", "enam", "sam", "weur", "eeur", "apac", "apac-ne", "apac-se", "oc", "afr", "me"];

/// The place; the platform chooses the parts that are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Residency {
    /// The jurisdiction that neither the object nor its data leaves, in Cloudflare's words, such as `eu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// The place near which the object is made, in Cloudflare's words, such as `weur`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_hint: Option<String>,
}

impl Residency {
    /// Returns true if no part is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks that an organisation can be registered here. `offered` are the jurisdictions of this deployment,
    /// separated by spaces or commas.
    ///
    /// # Errors
    /// 400 that names the field and its possible values.
    pub fn check_offered(&self, offered: &str) -> Result<()> {
        if let Some(hint) = &self.location_hint
            && !HINTS.contains(&hint.as_str())
        {
            let hints = HINTS.join(", ");
            return Err(Error::new(
                Code::InvalidField,
                format!("locationHint must be one of {hints}, not {hint}.", hint = quoted(hint)),
            ));
        }
        // The platform makes objects in any jurisdiction; the operator decides which ones the contract covers.
        let Some(jurisdiction) = &self.jurisdiction else { return Ok(()) };
        let listed: Vec<&str> = offered.split([' ', ',']).filter(|name| !name.is_empty()).collect();
        if listed.contains(&jurisdiction.as_str()) {
            return Ok(());
        }
        let listed = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
        Err(Error::new(
            Code::JurisdictionNotOffered,
            format!(
                "jurisdiction {jurisdiction} is not offered by this deployment, which offers {listed}: the variable \
                 JURISDICTIONS in wrangler.toml lists them. Nothing was registered.",
                jurisdiction = quoted(jurisdiction)
            ),
        ))
    }

    /// Checks that a request with `asked` means this place; omitted parts are not compared.
    ///
    /// # Errors
    /// 409 that names the fixed part.
    pub fn check_agrees(&self, asked: &Self, org: &OrgId) -> Result<()> {
        for (field, fixed, asked) in [
            ("jurisdiction", &self.jurisdiction, &asked.jurisdiction),
            ("locationHint", &self.location_hint, &asked.location_hint),
        ] {
            // A silent difference would leave an admin believing that the data had moved.
            if asked.is_some() && asked != fixed {
                let fixed = fixed.as_deref().map_or_else(|| "none".to_owned(), quoted);
                let detail = format!(
                    "{field} of {org} is {fixed}, fixed when it was registered. To move it: export it, erase it, \
                     register it anew."
                );
                return Err(Error::new(Code::ResidencyFixed, detail));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(jurisdiction: &str, hint: &str) -> Residency {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Residency { jurisdiction: some(jurisdiction), location_hint: some(hint) }
    }

    #[test]
    fn what_can_be_registered() {
        for (jurisdiction, hint, offered, says) in [
            ("", "", "", ""),
            ("", "weur", "", ""),
            ("", "apac-ne", "eu", ""),
            ("eu", "", "eu", ""),
            ("fedramp", "enam", "eu, fedramp", ""),
            ("eu", "", "", "offers none"),
            ("eu", "", "fedramp,us", "offers fedramp, us"),
            ("EU", "", "eu", "\"EU\" is not offered"),
            ("", "europe", "eu", "locationHint must be one of wnam"),
            ("eu", "europe", "eu", "locationHint"),
        ] {
            match at(jurisdiction, hint).check_offered(offered) {
                Ok(()) => assert_eq!(says, "", "{jurisdiction} {hint} {offered}"),
                Err(error) => assert!(!says.is_empty() && error.detail.contains(says), "{error}"),
            }
        }
    }

    #[test]
    fn what_is_fixed() {
        let org = OrgId::parse("acme").unwrap();
        for (fixed, asked, says) in [
            (("", ""), ("", ""), ""),
            (("eu", "weur"), ("", ""), ""),
            (("eu", "weur"), ("eu", "weur"), ""),
            (("eu", ""), ("fedramp", ""), "jurisdiction of acme is \"eu\""),
            (("", ""), ("eu", ""), "jurisdiction of acme is none"),
            (("eu", "weur"), ("eu", "eeur"), "locationHint of acme is \"weur\""),
            (("", ""), ("", "weur"), "locationHint of acme is none"),
        ] {
            match at(fixed.0, fixed.1).check_agrees(&at(asked.0, asked.1), &org) {
                Ok(()) => assert_eq!(says, "", "{fixed:?} {asked:?}"),
                Err(error) => assert!(!says.is_empty() && error.detail.contains(says), "{error}"),
            }
        }
    }
}
