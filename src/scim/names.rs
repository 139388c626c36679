//! Which characters a name may have, and which names look alike: `userName`, and a group's `displayName`.
//!
//! A name with an invisible character looks like another user's or group's, in the Console, in a log and to an
//! administrator. RFC 8265 refuses such characters in user names; here they are refused in names that a request
//! changes.

use super::schema::ResourceType;
use crate::error::{Code, Error, Result};
use crate::fold::fold;
use serde_json::{Map, Value};
use unicode_joining_type::{JoiningType, get_joining_type};
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::UnicodeEmoji;
use unicode_security::skeleton;

/// Returns the attribute that is the name of a resource: `userName` of a user, `displayName` of a group.
#[must_use]
pub fn name_attribute(kind: &ResourceType) -> &'static str {
    if kind.name == "Group" { "displayName" } else { "userName" }
}

/// Returns true if a text begins or ends with white space.
#[must_use]
pub fn has_outer_blanks(text: &str) -> bool {
    text.trim().len() != text.len()
}

/// Judges the name in `new`, if it differs from the stored one.
///
/// # Errors
/// 400 `invalidValue` that names the character.
pub fn check_name(kind: &ResourceType, old: Option<&Map<String, Value>>, new: &Map<String, Value>) -> Result<()> {
    let attribute = name_attribute(kind);
    let name =
        |attributes: &'_ Map<String, Value>| attributes.get(attribute).and_then(Value::as_str).map(str::to_owned);
    let Some(name) = name(new).filter(|new| old.and_then(name).as_ref() != Some(new)) else { return Ok(()) };
    if has_outer_blanks(&name) {
        let detail = format!("{attribute} begins or ends with white space. Remove it in the identity provider.");
        return Err(Error::new(Code::NameCharacter, detail));
    }
    let chars: Vec<char> = name.chars().collect();
    let hidden = (0..chars.len()).find(|at| !is_allowed(&chars, *at, kind.name == "Group"));
    let Some((at, found)) = hidden.and_then(|at| Some((at, chars.get(at)?))) else { return Ok(()) };
    let detail = format!(
        "{attribute} has the invisible character U+{:04X} at position {}. Remove it in the identity provider.",
        u32::from(*found),
        at + 1
    );
    Err(Error::new(Code::NameCharacter, detail))
}

/// Returns true if the character at that place is visible, or joins its neighbours as their script needs it.
fn is_allowed(chars: &[char], at: usize, emoji: bool) -> bool {
    let Some(&found) = chars.get(at) else { return true };
    let is_line = matches!(found, '\u{2028}' | '\u{2029}');
    if !(found.is_control() || is_line || is_ignorable(found) || is_bidi_control(found)) {
        return true;
    }
    match found {
        // Persian and several Indian scripts cannot be written without joiners.
        '\u{200c}' | '\u{200d}' if joins_letters(chars, at) => true,
        // A family, or a flag of several parts, is pictures with joiners between them.
        '\u{200d}' if emoji => {
            let before = chars.get(..at).unwrap_or_default().iter().rev().find(|c| !is_variation_or_modifier(**c));
            before.is_some_and(|c| is_picture(*c)) && chars.get(at + 1).is_some_and(|c| is_picture(*c))
        }
        '\u{fe0f}' if emoji => chars.get(..at).and_then(<[char]>::last).is_some_and(|c| c.is_emoji_char()),
        // The flag of a region: a picture, the letters of the region as tags, and an end mark.
        '\u{e0020}'..='\u{e007f}' if emoji => {
            let (before, after) = chars.split_at_checked(at).unwrap_or_default();
            let base = before.iter().rev().find(|c| !is_tag(**c) && !is_variation_or_modifier(**c));
            let end = after.iter().find(|c| !is_tag(**c) || **c == '\u{e007f}');
            base.is_some_and(|c| is_picture(*c)) && end == Some(&'\u{e007f}')
        }
        _ => false,
    }
}

/// Returns true for an emoji that is a picture by itself: digits, `#` and `*` are emoji only before a key cap.
fn is_picture(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

fn is_tag(c: char) -> bool {
    ('\u{e0020}'..='\u{e007f}').contains(&c)
}

fn is_variation_or_modifier(c: char) -> bool {
    matches!(c, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// Returns true for a joiner in its place (RFC 5892 appendix A.1 and A.2, CONTEXTJ): a joiner after a virama; and a
/// non-joiner between letters that would join.
fn joins_letters(chars: &[char], at: usize) -> bool {
    const VIRAMA: u8 = 9;
    let (before, after) = chars.split_at_checked(at).unwrap_or_default();
    if before.last().is_some_and(|c| canonical_combining_class(*c) == VIRAMA) {
        return true;
    }
    let seen = |c: &&char| get_joining_type(**c) != JoiningType::Transparent;
    let left = before.iter().rev().find(seen).map(|c| get_joining_type(*c));
    let right = after.iter().skip(1).find(seen).map(|c| get_joining_type(*c));
    chars.get(at) == Some(&'\u{200c}')
        && matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Returns true for Bidi_Control (PropList.txt of the Unicode Character Database).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns true for Default_Ignorable_Code_Point (DerivedCoreProperties.txt of the Unicode Character Database).
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the skeletons of a name (UTS 39 section 4): two names look alike if they share one.
///
/// A skeleton keeps the case, so a name is folded first. But some letters look like others in one case only: a Greek
/// capital nu like `N`, its small form like `v`; and a long s is an `s` that looks like an `f`. So there are three
/// skeletons: of the folded name, of the name with such letters in their usual case, and of the name in which letters
/// that look like ASCII were replaced before.
#[must_use]
pub fn skeletons(name: &str) -> Vec<String> {
    let shown: String = name.chars().filter(|c| !is_ignorable(*c) && !c.is_control()).collect();
    if shown.is_ascii() {
        return vec![skeleton(&single_blanks(&fold(&shown))).collect()];
    }
    let looks: String = shown.chars().map(looks_like).collect();
    let mut all: Vec<String> = [fold(&shown), shown.chars().map(usual_case).collect(), fold(&looks)]
        .map(|text| skeleton(&single_blanks(&fold(&text))).collect())
        .into();
    // Equal skeletons would be stored twice.
    all.sort();
    all.dedup();
    all
}

/// Returns the small letter of the capital that a letter has: `s` for a long s, `i` for a dotless i.
fn usual_case(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper.to_lowercase().next().unwrap_or(c),
        _ => c,
    }
}

/// Returns the ASCII letter that a letter looks like.
fn looks_like(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let alike: String = skeleton(c.encode_utf8(&mut [0; 4])).collect();
    match alike.chars().next() {
        Some(ascii) if alike.len() == 1 => ascii,
        _ => c,
    }
}

/// Returns a text without outer blanks, and with one blank for several.
fn single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::tables::{group_type, user_type};
    use serde_json::json;

    fn judged(kind: &ResourceType, name: &str) -> String {
        let new = Map::from_iter([(name_attribute(kind).to_owned(), json!(name))]);
        check_name(kind, None, &new).err().map(|error| error.detail).unwrap_or_default()
    }

    #[test]
    fn characters_that_are_not_seen() {
        for (name, user, group) in [
            ("ada@acme.test", "", ""),
            ("Ådá Ω 名前 مرحبا", "", ""),
            ("a\u{1}b", "U+0001", "U+0001"),
            ("a\u{7f}", "U+007F", "U+007F"),
            ("a\u{85}b", "U+0085", "U+0085"),
            ("a\u{2028}b", "U+2028", "U+2028"),
            ("a\u{2029}b", "U+2029", "U+2029"),
            ("a\u{202e}b", "U+202E", "U+202E"),
            ("a\u{2066}b", "U+2066", "U+2066"),
            ("a\u{61c}b", "U+061C", "U+061C"),
            ("a\u{200b}b", "U+200B", "U+200B"),
            ("a\u{ad}b", "U+00AD", "U+00AD"),
            ("\u{feff}a", "U+FEFF", "U+FEFF"),
            ("a\u{3164}", "U+3164", "U+3164"),
            ("a\u{e0041}", "U+E0041", "U+E0041"),
            (" a", "white space", "white space"),
            ("a\u{a0}", "white space", "white space"),
            // Persian and Devanagari need joiners; a joiner where nothing joins is refused.
            ("می\u{200c}خواهم", "", ""),
            ("क्\u{200d}ष", "", ""),
            ("क्\u{200c}ष", "", ""),
            ("a\u{200c}b", "U+200C", "U+200C"),
            ("a\u{200d}b", "U+200D", "U+200D"),
            ("می\u{200d}خواهم", "U+200D", "U+200D"),
            // Only groups may have emoji sequences.
            ("❤\u{fe0f} Team", "U+FE0F", ""),
            ("👩\u{200d}👩\u{200d}👧 Family", "U+200D", ""),
            ("👩🏽\u{200d}💻", "U+200D", ""),
            ("🏳\u{fe0f}\u{200d}🌈", "U+FE0F", ""),
            ("1\u{fe0f}\u{20e3}", "U+FE0F", ""),
            ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "U+E0067", ""),
            ("🏴\u{e0067}\u{e0062}", "U+E0067", "U+E0067"),
            ("a\u{fe0f}", "U+FE0F", "U+FE0F"),
            ("👩\u{200d}a", "U+200D", "U+200D"),
            ("1\u{200d}👩", "U+200D", "U+200D"),
        ] {
            for (kind, says) in [(user_type(), user), (group_type(), group)] {
                let detail = judged(&kind, name);
                assert!(detail.contains(says) && detail.is_empty() == says.is_empty(), "{name:?}: {detail}");
            }
        }
    }

    #[test]
    fn what_does_not_change_is_not_judged() {
        let with = |name: &str| Map::from_iter([("userName".to_owned(), json!(name))]);
        let kind = user_type();
        assert_eq!(check_name(&kind, Some(&with(" a\u{200b}")), &with(" a\u{200b}")), Ok(()));
        assert!(check_name(&kind, Some(&with(" a\u{200b}")), &with("a\u{200b}")).is_err());
    }

    #[test]
    fn names_that_look_alike() {
        let alike = |a: &str, b: &str| skeletons(a).iter().any(|one| skeletons(b).contains(one));
        for name in [
            "Admins",
            "ADMINS",
            " admins ",
            "ad\u{200b}mins",
            "ad\u{ad}mins",
            "admins\u{202e}",
            "аdmins",
            "ADMIΝS",
            "admıns",
            "admin\u{17f}",
            "ａｄｍｉｎｓ",
            "a\u{34f}dmins",
            "\u{feff}admins\u{a0}",
            "adm\u{456}ns",
            "ADMІNЅ",
            "𝐚𝐝𝐦𝐢𝐧𝐬",
            "ad\u{1}mins",
        ] {
            assert!(alike(name, "Admins"), "{name:?} {:?}", skeletons(name));
        }
        for (a, b) in [
            ("Site  Owners", "site owners"),
            ("Site\u{2003}Owners", "Site Owners"),
            ("Größe", "gro\u{308}ße"),
            ("ſtaff", "Staff"),
        ] {
            assert!(alike(a, b), "{a:?} {b:?}");
        }
        for (a, b) in [("Admins", "Admin"), ("Straße", "STRASSE"), ("SiteOwners", "Site Owners"), ("Größe", "Grosse")]
        {
            assert!(!alike(a, b), "{a:?} {b:?}");
        }
    }
}
