//! The organisation's address in sentences. The alarm writes sentences without a request and does not know the name: it
//! writes a placeholder, and the reader that shows the sentence replaces it.

use crate::error::Error;
use crate::id::OrgId;

/// Stands for the address with which every call of the Console in the organisation begins.
pub(crate) const PLACE: &str = "/v1/orgs/{org}";
/// The same in warnings that earlier builds stored.
const EARLIER: &str = "/v1/orgs/ORG";

/// Returns the sentence with the organisation's name in it.
pub(crate) fn sentence_with_org(sentence: &str, org: &OrgId) -> String {
    let address = format!("/v1/orgs/{org}");
    // Warnings stay stored for 30 days, so those of earlier builds are still shown.
    sentence.replace(PLACE, &address).replace(EARLIER, &address)
}

/// Returns the refusal with the organisation's name in its sentence.
pub(crate) fn error_with_org(error: Error, org: &OrgId) -> Error {
    let detail = sentence_with_org(&error.detail, org);
    error.with_detail(detail)
}
