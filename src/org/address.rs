//! The organisation's address in sentences. What is written without a request, by the alarm, does not know the name: a
//! placeholder stands there, and whoever shows the sentence puts the name in.

use crate::error::Error;
use crate::id::OrgId;

/// Stands for the address that every call of the Console in the organisation begins with.
pub(crate) const PLACE: &str = "/v1/orgs/{org}";
/// The same in warnings that earlier builds stored.
const EARLIER: &str = "/v1/orgs/ORG";

/// The sentence with the organisation's name in it.
pub(crate) fn named(sentence: &str, org: &OrgId) -> String {
    let address = format!("/v1/orgs/{org}");
    sentence.replace(PLACE, &address).replace(EARLIER, &address)
}

/// The refusal with the organisation's name in its sentence.
pub(crate) fn naming(error: Error, org: &OrgId) -> Error {
    let detail = named(&error.detail, org);
    error.saying(detail)
}
