//! URNs that name schema extensions (RFC 7643 section 3.3, RFC 8141).

/// URNs of SCIM itself, which are never extensions.
const OWN: [&str; 2] = ["urn:ietf:params:scim:schemas:core:", "urn:ietf:params:scim:api:"];

/// Returns true for a URN that can name an extension: `urn:NID:NSS`, in any case, and not one of SCIM's own. A NID of
/// one letter, which RFC 8141 no longer allows, is accepted.
pub fn is_extension(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let (Some(scheme), Some(nid), Some(nss)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let is_nid = (1..=32).contains(&nid.len())
        && nid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !nid.starts_with('-')
        && !nid.ends_with('-');
    let is_nss = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&b);
    let is_own = OWN.iter().any(|own| text.get(..own.len()).is_some_and(|head| head.eq_ignore_ascii_case(own)));
    scheme.eq_ignore_ascii_case("urn") && is_nid && !nss.is_empty() && nss.bytes().all(is_nss) && !is_own
}

/// Returns the text after `urn` in a path: empty, or a `:` or `.` and the rest.
pub fn rest_after<'t>(text: &'t str, urn: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(urn.len())?;
    (head.eq_ignore_ascii_case(urn) && (rest.is_empty() || rest.starts_with([':', '.']))).then_some(rest)
}

/// Returns the text after `urn` and the `:` or `.` behind it; empty for the URN alone.
pub fn text_after<'t>(text: &'t str, urn: &str) -> Option<&'t str> {
    rest_after(text, urn).map(|rest| rest.get(1..).unwrap_or_default())
}

/// Returns true for `[A-Za-z$][A-Za-z0-9_$-]*`, the name of an attribute (RFC 7643 section 2.1).
pub fn is_attribute_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '$';
    let other = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-');
    text.starts_with(first) && text.chars().all(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions() {
        for urn in [
            "urn:a:b",
            "urn:a-1:b",
            "urn:okta:custom:group:1.0",
            "URN:a1:b",
            "urn:ietf:params:scim:schemas:extension:x:2.0:User",
        ] {
            assert!(is_extension(urn), "{urn}");
        }
        for other in [
            "urn::b",
            "urn:ab:",
            "urn:-a:b",
            "urn:a_b:c",
            "urn:ab",
            "http://x:y",
            "a:b:c",
            "urn:ab:c d",
            "urn:ab:c[d]",
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "URN:IETF:params:scim:api:messages:2.0:Error",
        ] {
            assert!(!is_extension(other), "{other}");
        }
    }
}
