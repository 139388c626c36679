//! Groups (RFC 7643 section 4.2).

use super::super::{Attribute, GROUP, Schema};
use super::{USERS, choice, complex, reference, schema, string};

/// The core Group schema (RFC 7643 section 4.2), for flat groups.
pub static GROUP_SCHEMA: Schema = schema(GROUP, "Group", "A flat group of users.", &ATTRIBUTES);

static ATTRIBUTES: [Attribute; 2] = [
    // Section 8.7.1 has no uniqueness; here no two groups of an organisation share a name.
    string("displayName", "Name of the group; unique in the organisation, whatever its case.").required().unique(),
    complex("members", "Users in the group; a group cannot be a member.", &MEMBER).multi(),
];

/// Section 8.7.1 allows `Group` too: a client that reads this one can tell that nesting is refused.
static MEMBER: [Attribute; 3] = [
    string("value", "Id of the user.").case_exact().immutable(),
    reference("$ref", "Address of the user.", &USERS).immutable(),
    choice("type", "Kind of member: always a user.", &USERS).immutable(),
];
