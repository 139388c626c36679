//! Entity tags in conditions (RFC 7644 section 3.14, RFC 9110 sections 8.8.3 and 13.1). A resource's own tag is
//! `W/"<version>"`, or `W/"<version>-<hash>"` for a user who is shown with groups, which are no part of its version.
//!
//! Out of scope: the answer to a condition that does not hold (`org` and `render`).

use crate::error::{Code, Error, Result, quoted};
use crate::id::Version;
use serde::{Deserialize, Serialize};

/// The value of `If-Match`, `If-None-Match` or a Bulk operation's `version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tags {
    /// `*`: any version that exists.
    Any,
    /// The text between the quotes of each tag.
    Listed(Vec<String>),
}

impl Tags {
    /// Reads a list of tags, each with or without `W/`: comparison is weak (RFC 9110 section 8.8.3.2). `name` is the
    /// header's name.
    ///
    /// # Errors
    /// 400 `invalidValue` that names the header.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        if text.trim() == "*" {
            return Ok(Tags::Any);
        }
        parse_list(text).filter(|tags| !tags.is_empty()).map(Tags::Listed).ok_or_else(|| {
            let shown: String = text.chars().take(128).collect();
            Error::new(Code::InvalidEntityTag, format!(
                "{name} must be * or a list of entity tags such as W/\"3\", as meta.version shows them, not {shown}.", shown = quoted(&shown)))
        })
    }

    /// Returns true if the tag itself is listed: the client has this answer already.
    pub fn lists_tag(&self, tag: &str) -> bool {
        self.has_any(|listed| tag.trim_start_matches("W/").trim_matches('"') == listed)
    }

    /// Returns true if a tag of that version is listed, whatever groups it was shown with.
    pub fn fits_version(&self, version: Version) -> bool {
        let version = version.to_string();
        self.has_any(|listed| listed.split('-').next() == Some(version.as_str()))
    }

    fn has_any(&self, fits: impl Fn(&str) -> bool) -> bool {
        match self {
            Tags::Any => true,
            Tags::Listed(tags) => tags.iter().any(|tag| fits(tag)),
        }
    }
}

/// Reads `#entity-tag`; empty elements are skipped (RFC 9110 section 5.6.1.2).
fn parse_list(text: &str) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let weak = rest.strip_prefix("W/").or_else(|| rest.strip_prefix("w/"));
        let (tag, after) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        if tag.contains(char::is_whitespace) {
            return None;
        }
        tags.push(tag.to_owned());
        let after = after.trim_start();
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let read = |text: &str| Tags::parse("If-Match", text).map_err(|error| error.detail);
        for (text, expected) in
            [("W/\"3\"", vec!["3"]), ("\"3\"", vec!["3"]), ("w/\"3-a\" , \"x,y\",, W/\"\"", vec!["3-a", "x,y", ""])]
        {
            assert_eq!(read(text), Ok(Tags::Listed(expected.into_iter().map(str::to_owned).collect())), "{text}");
        }
        assert_eq!(read(" * "), Ok(Tags::Any));
        for text in ["", ",", "3", "W/3", "\"3", "W/ \"3\"", "\"3\" \"4\"", "\"a b\"", "*, \"3\""] {
            let detail = format!(
                "If-Match must be * or a list of entity tags such as W/\"3\", as meta.version shows them, not {text:?}."
            );
            assert_eq!(read(text), Err(detail), "{text}");
        }
    }

    #[test]
    fn comparisons() {
        for (text, version, fits, has) in [
            ("*", 3, true, true),
            ("\"3\"", 3, true, false),
            ("\"2\", W/\"3-ab\"", 3, true, true),
            ("\"3-ab\"", 4, false, true),
            ("\"33\", \"-3\", \"03\"", 3, false, false),
        ] {
            let tags = Tags::parse("If-Match", text).unwrap();
            assert_eq!((tags.fits_version(version), tags.lists_tag("W/\"3-ab\"")), (fits, has), "{text}");
        }
    }
}
