//! The repairs by name: the form that is sent, the providers that send it, its meaning.

/// One repair. Its name in the journal is the variant's in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// `"displayName": [{"$ref": null, "value": "x"}]`, `"manager": [{"value": "x"}]` (an older library of Entra ID): a
    /// list of one where one value belongs.
    ArrayForObject,
    /// `{"op": "replace", "path": "active", "value": false}` as the whole body (Oracle).
    BareOperation,
    /// `{"method": "PATCH", "path": "/Users/x", "data": [{"op": ...}]}` in a Bulk request: the operations without the body
    /// around them.
    BareOperations,
    /// `"profileUrl": " "` (Saviynt): a blank is no address, so the attribute is unassigned.
    BlankReference,
    /// `"addresses[type eq \"work\"].locality"` of a user without addresses (Entra ID): the filter says which element is
    /// to be made.
    CreateMissingElement,
    /// `{"op": "replace", "value": {"name.givenName": "x"}}` (Entra ID with its flag): the key is a path.
    DottedKeys,
    /// `"phoneNumbers": [{"type": "work", "value": ""}]` (Okta, Entra ID): a label without a value means that there is
    /// none.
    EmptyElement,
    /// `"path": ""`: means no path.
    EmptyPath,
    /// `userName eq "a%40b.test"` after decoding (Microsoft's validator): encoded once too often, so both are searched
    /// for.
    EncodedFilterValue,
    /// `emails[type eq "work"].value eq "x"`, and older `emails[type eq "work"] eq "x"` (Entra ID).
    FilterAfterValuePath,
    /// `manager[value eq "x"]` (Entra ID): a filter where there is one value to choose from.
    FilterOnSingleValue,
    /// `"schemas": []`, no `schemas`, or `["urn:scim:schemas:core:2.0"]` (OneLogin): the address says what the body is.
    ForeignSchemas,
    /// `"emails": "[{\"value\": \"a@b.test\"}]"`, `{"op": "add", "path": "members", "value": "{\"value\": \"x\"}"}` (plug-ins for
    /// Keycloak): JSON once more inside a text where an object or a list of objects belongs.
    JsonInText,
    /// `"manager": {"managerId": "x"}` (OneLogin's first templates): SCIM 1.1 for `value`.
    ManagerId,
    /// `{"op": "Add", "path": "members[value eq \"x\"]", "value": "[]"}` (Azure AD of old): the filter names the member
    /// to add.
    MemberInFilter,
    /// `{"op": "remove", "path": "members", "value": {"members": [...]}}` (Salesforce): the list inside its own name.
    NestedList,
    /// `"emails": null` in a PUT (JumpCloud, with every activation), `{"op": "add", "value": {"title": null}}`: means
    /// not mentioned.
    NullAsAbsent,
    /// `"employeeNumber": 7`: a number or a boolean where a text belongs.
    NumberForString,
    /// `"emails": {"value": "a@b.test"}` (OneLogin): one value where a list belongs.
    ObjectForArray,
    /// `"title": {"value": "x"}` (an older library of Entra ID): an object around a plain value.
    ObjectForString,
    /// `"op": "Replace"` (Entra ID in its default mode).
    OpCase,
    /// `"operations": [...]` (seen in captures).
    OperationsCase,
    /// `"userName": "ada@acme.test "`, `displayName eq "Crew "`: white space around a name, copied from a form.
    OuterBlanks,
    /// A PUT of nothing but the changed attributes (WSO2 before 7.3): the others stay. For the dialect `wso2` alone.
    PartialPut,
    /// `{"op": "Remove", "path": "members", "value": [{"value": "x"}]}` (Entra ID, JumpCloud, older authentik): only
    /// these members are removed. The literal reading, that all are removed, would empty the group.
    RemoveMembersByValue,
    /// `"manager": "x"` outside of its extension, in a body, path or filter (Entra ID).
    ShortExtensionNames,
    /// `"Operations": {...}`: one operation without the list around it.
    SingleOperation,
    /// `"name": {"givenName": "New", "familyName": "Name", "formatted": "Old Name"}` (Okta): the parts count.
    StaleFormatted,
    /// `"active": "False"` (Entra ID, Keycloak, Saviynt), and `primary eq "True"` in filters.
    StringBooleans,
    /// `"manager": "271"` (Entra ID), `"emails": ["a@b.test"]` (WSO2): the value without the object around it.
    StringForObject,
    /// `"floor": "5"` where an integer or a decimal belongs (mappings that know texts alone), and `floor eq "5"` in filters.
    StringNumbers,
    /// `"value": "[]"`, `"emails": ""`: a text for an empty list (Azure AD of old).
    TextForArray,
    /// `externalId eq jyoung` (Entra ID's documentation).
    UnquotedFilterValue,
    /// `urn:scim:schemas:extension:enterprise:2.0` (OneLogin), `...:enterprise:2.0User` (Entra ID), `...:enterprise:2.0`
    /// (HelloID).
    UrnAliases,
    /// `urn:...:enterprise:2.0:User.employeeNumber` (Entra ID jobs from before 2018): a dot for the colon.
    UrnDot,
    /// `{"op": "replace", "value": {"urn:...:User:department": "x"}}` (Entra ID with its flag): the key is a path.
    UrnPrefixedKeys,
}

impl Repair {
    /// All repairs with their names, in alphabetical order.
    pub const ALL: [(Repair, &'static str); 36] = [
        (Repair::ArrayForObject, "array_for_object"),
        (Repair::BareOperation, "bare_operation"),
        (Repair::BareOperations, "bare_operations"),
        (Repair::BlankReference, "blank_reference"),
        (Repair::CreateMissingElement, "create_missing_element"),
        (Repair::DottedKeys, "dotted_keys"),
        (Repair::EmptyElement, "empty_element"),
        (Repair::EmptyPath, "empty_path"),
        (Repair::EncodedFilterValue, "encoded_filter_value"),
        (Repair::FilterAfterValuePath, "filter_after_value_path"),
        (Repair::FilterOnSingleValue, "filter_on_single_value"),
        (Repair::ForeignSchemas, "foreign_schemas"),
        (Repair::JsonInText, "json_in_text"),
        (Repair::ManagerId, "manager_id"),
        (Repair::MemberInFilter, "member_in_filter"),
        (Repair::NestedList, "nested_list"),
        (Repair::NullAsAbsent, "null_as_absent"),
        (Repair::NumberForString, "number_for_string"),
        (Repair::ObjectForArray, "object_for_array"),
        (Repair::ObjectForString, "object_for_string"),
        (Repair::OpCase, "op_case"),
        (Repair::OperationsCase, "operations_case"),
        (Repair::OuterBlanks, "outer_blanks"),
        (Repair::PartialPut, "partial_put"),
        (Repair::RemoveMembersByValue, "remove_members_by_value"),
        (Repair::ShortExtensionNames, "short_extension_names"),
        (Repair::SingleOperation, "single_operation"),
        (Repair::StaleFormatted, "stale_formatted"),
        (Repair::StringBooleans, "string_booleans"),
        (Repair::StringForObject, "string_for_object"),
        (Repair::StringNumbers, "string_numbers"),
        (Repair::TextForArray, "text_for_array"),
        (Repair::UnquotedFilterValue, "unquoted_filter_value"),
        (Repair::UrnAliases, "urn_aliases"),
        (Repair::UrnDot, "urn_dot"),
        (Repair::UrnPrefixedKeys, "urn_prefixed_keys"),
    ];

    /// Returns true, except in the build that checks the tests: there `REPAIR_OFF` names one that is off.
    #[cfg(not(feature = "repair-switch"))]
    #[inline(always)]
    pub const fn is_on(self) -> bool {
        true
    }

    /// Returns false for the repair that `REPAIR_OFF` names.
    #[cfg(feature = "repair-switch")]
    pub fn is_on(self) -> bool {
        let off = std::env::var("REPAIR_OFF").unwrap_or_default();
        !Self::ALL.iter().any(|(repair, name)| *repair == self && *name == off)
    }
}

/// The repairs that a request needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// One bit for each repair.
    needed: u64,
    /// The number of texts in which repairs were searched for by reading each again and again.
    texts: u16,
}

/// The most texts of a request in which repairs are searched for in that way. More would not tell an administrator
/// more.
const TEXTS_MAX: u16 = 100;

impl Repairs {
    /// Returns true if one more text may be searched for a repair that only shows when the text is read without it.
    pub(super) fn may_look(&mut self) -> bool {
        self.texts = self.texts.saturating_add(1);
        self.texts <= TEXTS_MAX
    }

    /// Returns true if it was noted before.
    pub(super) fn was_noted(self, repair: Repair) -> bool {
        self.needed & 1 << repair as u64 != 0
    }

    /// Returns the repairs of a part of the request, to be noted apart: none yet, and as many texts may be looked through.
    #[must_use]
    pub fn for_part(self) -> Self {
        Self { needed: 0, ..self }
    }

    /// Takes in the repairs of a part of the request. Returns true if there are any.
    pub fn take_in(&mut self, part: Self) -> bool {
        *self = Self { needed: self.needed | part.needed, ..part };
        part.needed != 0
    }

    /// Notes that a repair is needed. Returns true if it is switched on, and is to be made.
    pub fn note_need(&mut self, repair: Repair) -> bool {
        if repair.is_on() {
            self.needed |= 1 << repair as u64;
        }
        repair.is_on()
    }

    /// Returns their names, each once, for the journal.
    pub fn into_names(self) -> Vec<String> {
        Repair::ALL.iter().filter(|(repair, _)| self.was_noted(*repair)).map(|(_, name)| (*name).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_variants() {
        let snake = |name: String| {
            let lower = name.chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase()));
            lower.collect::<String>().trim_start_matches('_').to_owned()
        };
        for (index, (repair, name)) in Repair::ALL.into_iter().enumerate() {
            assert_eq!((snake(format!("{repair:?}")).as_str(), repair as usize), (name, index));
            let mut repairs = Repairs::default();
            assert!(repairs.note_need(repair));
            assert_eq!(repairs.into_names(), [name]);
        }
    }
}
