//! Users (RFC 7643 section 4.1) and their enterprise extension (section 4.3).

use super::super::{Attribute, ENTERPRISE, Schema, Text, USER};
use super::{EXTERNAL, GROUPS, USERS, binary, boolean, choice, complex, reference, schema, string, text};

/// The core User schema (RFC 7643 section 4.1).
pub static USER_SCHEMA: Schema = schema(USER, "User", "A person with an account.", &ATTRIBUTES);

static ATTRIBUTES: [Attribute; 21] = [
    string("userName", "Name that the user signs in with; unique in the organisation, whatever its case.")
        .required()
        .unique(),
    complex("name", "Parts of the user's real name.", &NAME),
    string("displayName", "Name to show to others."),
    string("nickName", "What the user is called casually."),
    reference("profileUrl", "Address of the user's online profile.", &EXTERNAL),
    string("title", "Job title."),
    string("userType", "Relationship to the organisation, such as employee or contractor."),
    string("preferredLanguage", "Languages the user prefers, as in the HTTP header Accept-Language."),
    string("locale", "Language tag for dates, numbers and currencies."),
    string("timezone", "Time zone by its IANA name."),
    boolean("active", "Whether the user may sign in."),
    string("password", "Accepted, never stored and never returned.").write_only(),
    complex("emails", "E-mail addresses.", &EMAIL).multi(),
    complex("phoneNumbers", "Telephone numbers.", &PHONE_NUMBER).multi(),
    complex("ims", "Instant messaging addresses.", &IM).multi(),
    complex("photos", "Pictures of the user.", &PHOTO).multi(),
    complex("addresses", "Postal addresses.", &ADDRESS).multi(),
    complex("groups", "Groups the user is a member of; changed through the groups.", &GROUP).multi().read_only(),
    complex("entitlements", "Things the user is entitled to.", &ENTITLEMENT).multi(),
    complex("roles", "Roles of the user.", &ROLE).multi(),
    complex("x509Certificates", "Certificates issued to the user.", &CERTIFICATE).multi(),
];

static NAME: [Attribute; 6] = [
    string("formatted", "The whole name, ready to show."),
    string("familyName", "Family name."),
    string("givenName", "Given name."),
    string("middleName", "Middle names."),
    string("honorificPrefix", "Title before the name, such as Dr."),
    string("honorificSuffix", "Suffix after the name, such as III."),
];

static EMAIL: [Attribute; 4] = plural(string("value", "The e-mail address."), &PLACES);
static PHONE_NUMBER: [Attribute; 4] = plural(string("value", "The number, best as in RFC 3966."), &PHONES);
static IM: [Attribute; 4] = plural(string("value", "The address in the messaging service."), &MESSENGERS);
static PHOTO: [Attribute; 4] = plural(reference("value", "Address of the picture.", &EXTERNAL), &PICTURES);
static ENTITLEMENT: [Attribute; 4] = plural(string("value", "The entitlement."), &[]);
static ROLE: [Attribute; 4] = plural(string("value", "The role."), &[]);
static CERTIFICATE: [Attribute; 4] = plural(binary("value", "The certificate in DER, as base64."), &[]);

/// Returns the usual sub-attributes of a multi-valued attribute (RFC 7643 section 2.4).
const fn plural(value: Attribute, types: &'static [Text]) -> [Attribute; 4] {
    [
        value,
        string("display", "Name to show for this value."),
        choice("type", "What the value is for.", types),
        boolean("primary", "Whether this value is the preferred one; at most one is."),
    ]
}

/// `primary` is missing in the table of section 8.7.1, but section 8.2 uses it.
static ADDRESS: [Attribute; 8] = [
    string("formatted", "The whole address, ready to print, with line breaks."),
    string("streetAddress", "Street, number and what else precedes the locality."),
    string("locality", "City or town."),
    string("region", "State, province or region."),
    string("postalCode", "Postal code."),
    string("country", "Country by its two-letter ISO 3166-1 code."),
    choice("type", "What the address is for.", &PLACES),
    boolean("primary", "Whether this address is the preferred one; at most one is."),
];

static GROUP: [Attribute; 4] = [
    string("value", "Id of the group.").case_exact().read_only(),
    reference("$ref", "Address of the group.", &GROUPS).read_only(),
    string("display", "Name of the group.").read_only(),
    choice("type", "Always direct, as groups are flat.", &MEMBERSHIPS).read_only(),
];

static PLACES: [Text; 3] = [text("work"), text("home"), text("other")];
static PHONES: [Text; 6] = [text("work"), text("home"), text("mobile"), text("fax"), text("pager"), text("other")];
static MESSENGERS: [Text; 8] =
    [text("aim"), text("gtalk"), text("icq"), text("xmpp"), text("msn"), text("skype"), text("qq"), text("yahoo")];
static PICTURES: [Text; 2] = [text("photo"), text("thumbnail")];
static MEMBERSHIPS: [Text; 1] = [text("direct")];

/// The Enterprise User extension (RFC 7643 section 4.3).
pub static ENTERPRISE_SCHEMA: Schema =
    schema(ENTERPRISE, "EnterpriseUser", "What an employer knows about a user.", &ENTERPRISE_ATTRIBUTES);

static ENTERPRISE_ATTRIBUTES: [Attribute; 6] = [
    string("employeeNumber", "Number or code that the employer gave the user."),
    string("costCenter", "Cost center."),
    string("organization", "Organization."),
    string("division", "Division."),
    string("department", "Department."),
    complex("manager", "The user's manager.", &MANAGER),
];

/// No sub-attribute is required: section 4.3 recommends `value` and `$ref`, and a client may know only one of them.
static MANAGER: [Attribute; 3] = [
    string("value", "Id of the manager's user.").case_exact(),
    reference("$ref", "Address of the manager's user.", &USERS),
    string("displayName", "The manager's name, as the service provider knows it.").read_only(),
];
