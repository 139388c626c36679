//! The reason of each refusal, as a word that stays the same whatever its sentence says.
//!
//! A code never changes its name or its [`Kind`]. A code that is no longer used is never given to another reason,
//! because admins and programs search for it. A new reason gets a new code: at its place in the list below and in
//! docs/errors.md. A test holds the two equal.

use super::Kind;

/// Makes [`Code`] from one list, so that no code can be without its text, its kind or its place in [`Code::ALL`].
macro_rules! codes {
    ($($kind:ident { $($(#[$doc:meta])* $code:ident = $text:literal,)* })*) => {
        /// Why a request was refused. It decides the [`Kind`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($($(#[$doc])* $code,)*)*
        }

        impl Code {
            /// Every code, grouped by kind.
            pub const ALL: &'static [Code] = &[$($(Code::$code,)*)*];

            /// Returns how a refusal with this code is answered.
            pub const fn kind(self) -> Kind {
                match self {
                    $($(Code::$code => Kind::$kind,)*)*
                }
            }

            /// Returns the code as it is sent, shown and stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Code::$code => $text,)*)*
                }
            }
        }
    };
}

codes! {
    InvalidFilter {
        /// The text is not a filter of RFC 7644 figure 1.
        FilterSyntax = "filter-syntax",
        /// The text is too long or nested too deep.
        FilterTooComplex = "filter-too-complex",
        /// The resource has no such attribute.
        FilterUnknownAttribute = "filter-unknown-attribute",
        /// The attribute exists and cannot be compared in this way.
        FilterImpossible = "filter-impossible",
        /// [`Kind::InvalidFilter`] of another build.
        InvalidFilter = "invalid-filter",
    }
    TooMany {
        /// The search did not end in time.
        SearchTooLong = "search-too-long",
        /// The request compares more than one request may.
        TooMuchWork = "too-much-work",
        /// The sort has no index, and there are too many resources to sort.
        SortTooLarge = "sort-too-large",
        /// More memberships would change than one request may.
        TooManyMemberships = "too-many-memberships",
        /// A filter that names no ids is tried on a very large group.
        GroupTooLargeToFilter = "group-too-large-to-filter",
        /// The organisation has as many users as its quota allows.
        QuotaUsers = "quota-users",
        /// The organisation has as many groups as its quota allows.
        QuotaGroups = "quota-groups",
        /// The organisation stores as many bytes as its quota allows.
        QuotaBytes = "quota-bytes",
        /// The organisation keeps as many bytes of changes as it may.
        QuotaChanges = "quota-changes",
        /// [`Kind::TooMany`] of another build.
        TooMany = "too-many",
    }
    InvalidCursor {
        /// The cursor is not one of this query.
        InvalidCursor = "invalid-cursor",
    }
    InvalidCount {
        /// The page size of a cursor is below 1.
        InvalidCount = "invalid-count",
    }
    Uniqueness {
        /// Another user has the `userName`.
        UserNameTaken = "user-name-taken",
        /// Another resource of the same type has the `externalId`.
        ExternalIdTaken = "external-id-taken",
        /// Another group has the `displayName`.
        GroupNameTaken = "group-name-taken",
        /// The `displayName` is one of `reservedGroupNames` or looks like one.
        GroupNameReserved = "group-name-reserved",
        /// [`Kind::Uniqueness`] of another build.
        Uniqueness = "uniqueness",
    }
    Mutability {
        /// Only the service sets the attribute.
        ReadOnlyAttribute = "read-only-attribute",
        /// The attribute has a value, and an immutable value is never changed.
        ImmutableAttribute = "immutable-attribute",
        /// A required attribute cannot be removed.
        RequiredAttribute = "required-attribute",
        /// A member is added or removed, never changed.
        ImmutableMember = "immutable-member",
        /// The `id` in the body is not the `id` in the address.
        IdChanged = "id-changed",
        /// [`Kind::Mutability`] of another build.
        Mutability = "mutability",
    }
    InvalidSyntax {
        /// The body ended early.
        BodyIncomplete = "body-incomplete",
        /// The body is empty.
        BodyEmpty = "body-empty",
        /// The body is not JSON in the strict form that is read here.
        BodyNotJson = "body-not-json",
        /// The body is JSON and not an object.
        BodyNotObject = "body-not-object",
        /// `schemas` does not name what the body is.
        SchemasMissing = "schemas-missing",
        /// A PATCH or Bulk request without operations.
        OperationsMissing = "operations-missing",
        /// An operation that is not an object.
        OperationNotObject = "operation-not-object",
        /// A PATCH operation without a valid `op`.
        OperationOp = "operation-op",
        /// `failOnErrors` is not a whole number above 0.
        BulkFailOnErrors = "bulk-fail-on-errors",
        /// A `POST` in a Bulk request needs a `bulkId`.
        BulkIdMissing = "bulk-id-missing",
        /// Two operations have the same `bulkId`.
        BulkIdTwice = "bulk-id-twice",
        /// The `bulkId` is too long.
        BulkIdTooLong = "bulk-id-too-long",
        /// A Bulk operation has a method or path that is not possible.
        BulkOperation = "bulk-operation",
        /// The operation's `data` is missing or not an object.
        BulkData = "bulk-data",
        /// A line of an import is not UTF-8.
        ImportNotUtf8 = "import-not-utf8",
        /// [`Kind::InvalidSyntax`] of another build.
        InvalidSyntax = "invalid-syntax",
    }
    InvalidPath {
        /// The text is not a path of RFC 7644 figure 7.
        PathSyntax = "path-syntax",
        /// The path is too long or nested too deeply.
        PathTooComplex = "path-too-complex",
        /// The resource has no such attribute.
        PathUnknownAttribute = "path-unknown-attribute",
        /// A filter where the attribute has one value.
        PathNeedlessFilter = "path-needless-filter",
        /// The path is not a text.
        PathNotText = "path-not-text",
        /// [`Kind::InvalidPath`] of another build.
        InvalidPath = "invalid-path",
    }
    NoTarget {
        /// Nothing matches the path.
        NoTarget = "no-target",
        /// A `remove` without a path.
        PathMissing = "path-missing",
        /// The path names the whole resource.
        PathWholeResource = "path-whole-resource",
    }
    InvalidValue {
        /// The value is not of the attribute's type.
        WrongType = "wrong-type",
        /// The list of a `remove` does not tell which values are meant.
        RemovalUnclear = "removal-unclear",
        /// A required attribute is missing or empty.
        AttributeMissing = "attribute-missing",
        /// `userName`, `displayName` or `externalId` is too long.
        NameTooLong = "name-too-long",
        /// `userName`, or a group's `displayName`, has an invisible character.
        NameCharacter = "name-character",
        /// A multi-valued attribute would have too many values.
        TooManyValues = "too-many-values",
        /// A resource would have too many unregistered extensions.
        TooManyExtensions = "too-many-extensions",
        /// An `add` or `replace` without a value.
        OperationValueMissing = "operation-value-missing",
        /// Without a path the value must be an object.
        OperationValueNotObject = "operation-value-not-object",
        /// A group among the members of a group.
        NestedGroup = "nested-group",
        /// No user of the organisation has the member's id.
        UnknownMember = "unknown-member",
        /// `members`, or an element of it, of the wrong form.
        InvalidMember = "invalid-member",
        /// No `POST` of the Bulk request has the `bulkId`.
        BulkUnknownReference = "bulk-unknown-reference",
        /// The operation that is referred to has failed.
        BulkFailedReference = "bulk-failed-reference",
        /// The query parameter does not exist here.
        UnknownParameter = "unknown-parameter",
        /// The query parameter is sent twice.
        RepeatedParameter = "repeated-parameter",
        /// The query parameter has an invalid value.
        InvalidParameter = "invalid-parameter",
        /// A cursor and a start index at once.
        PagingMixed = "paging-mixed",
        /// The position of a page is not one that an earlier page returned.
        InvalidPosition = "invalid-position",
        /// The position is beyond the last change.
        PositionAhead = "position-ahead",
        /// The resource has no such attribute to sort by.
        SortUnknownAttribute = "sort-unknown-attribute",
        /// The attribute exists and has no order.
        SortImpossible = "sort-impossible",
        /// Not a list of entity tags.
        InvalidEntityTag = "invalid-entity-tag",
        /// A field of a Console request is unknown, missing or invalid.
        InvalidField = "invalid-field",
        /// Not a range of addresses.
        InvalidAddressRange = "invalid-address-range",
        /// The deployment does not offer the jurisdiction.
        JurisdictionNotOffered = "jurisdiction-not-offered",
        /// Erasing an organisation needs its name again.
        ConfirmationMissing = "confirmation-missing",
        /// The schema document is invalid.
        InvalidSchema = "invalid-schema",
        /// The organisation has as many schemas as are kept.
        TooManySchemas = "too-many-schemas",
        /// The organisation has as many tokens as are kept.
        TooManyTokens = "too-many-tokens",
        /// A line of an import is invalid.
        ImportLine = "import-line",
        /// A line of an import contradicts another line.
        ImportContradiction = "import-contradiction",
        /// The first or the last line of an import is missing.
        ImportCutOff = "import-cut-off",
        /// The import does not have what its last line says.
        ImportCounts = "import-counts",
        /// [`Kind::InvalidValue`] of another build.
        InvalidValue = "invalid-value",
    }
    Unauthorized {
        /// The token is not valid at this address.
        Unauthorized = "unauthorized",
        /// The token is cut off or mistyped.
        TokenIncomplete = "token-incomplete",
        /// The credentials are another service's.
        TokenForeign = "token-foreign",
        /// The token was revoked. Stands in the journal only.
        TokenRevoked = "token-revoked",
        /// The token has expired. Stands in the journal only.
        TokenExpired = "token-expired",
        /// The caller's address is outside the token's ranges. Stands in the journal only.
        AddressOutside = "address-outside",
        /// The token's record in KV is not the one that was made for it. Stands in the journal only.
        TokenRecordChanged = "token-record-changed",
        /// The token was sent to an address that is not its organisation's. Stands in `connection.nearMiss` only.
        WrongAddress = "wrong-address",
    }
    Forbidden {
        /// SCIM is switched off for the organisation.
        ScimOff = "scim-off",
        /// One of the organisation's `sync` options forbids it.
        SyncOff = "sync-off",
        /// Credentials were sent over plain http.
        PlainHttp = "plain-http",
        /// The Console token's scope is too narrow.
        ScopeTooNarrow = "scope-too-narrow",
        /// No web page of this origin may call the Console's API.
        OriginNotListed = "origin-not-listed",
        /// Discovery does not accept a filter (RFC 7644 section 4).
        DiscoveryFilter = "discovery-filter",
        /// [`Kind::Forbidden`] of another build.
        Forbidden = "forbidden",
    }
    NotFound {
        /// No such user.
        UserNotFound = "user-not-found",
        /// No such group.
        GroupNotFound = "group-not-found",
        /// No such token.
        TokenNotFound = "token-not-found",
        /// No such schema.
        SchemaNotFound = "schema-not-found",
        /// No such resource type.
        ResourceTypeNotFound = "resource-type-not-found",
        /// No such organisation.
        OrganisationNotFound = "organisation-not-found",
        /// The text cannot be the name of an organisation.
        OrganisationName = "organisation-name",
        /// No import was begun.
        ImportNotFound = "import-not-found",
        /// A part of an import has another number.
        ImportPartNumber = "import-part-number",
        /// Nothing is served at the address.
        AddressUnknown = "address-unknown",
        /// [`Kind::NotFound`] of another build.
        NotFound = "not-found",
    }
    MethodNotAllowed {
        /// The address exists and has no such method.
        MethodNotAllowed = "method-not-allowed",
    }
    Conflict {
        /// SCIM needs SAML first.
        SamlMissing = "saml-missing",
        /// The organisation's registration was interrupted.
        RegistrationInterrupted = "registration-interrupted",
        /// The organisation is being erased.
        OrganisationErased = "organisation-erased",
        /// The place of the organisation's data cannot be changed.
        ResidencyFixed = "residency-fixed",
        /// The token was rotated before.
        TokenRotated = "token-rotated",
        /// The token has ended and cannot be rotated.
        TokenEnded = "token-ended",
        /// The schema's URN belongs to the standard.
        SchemaReserved = "schema-reserved",
        /// The schema's URN is the beginning of another one up to a colon, or the other way round.
        SchemaAmbiguous = "schema-ambiguous",
        /// The URN is registered in another spelling.
        SchemaSpelling = "schema-spelling",
        /// Operations that refer to each other cannot be made together.
        BulkCircle = "bulk-circle",
        /// An import is in another state than the call needs.
        ImportState = "import-state",
        /// The directory is in use and cannot be replaced.
        DirectoryInUse = "directory-in-use",
        /// A part of the import was sent twice at once.
        ImportPartTwice = "import-part-twice",
        /// A part of the import is missing.
        ImportPartMissing = "import-part-missing",
        /// A part of the import broke off.
        ImportPartIncomplete = "import-part-incomplete",
        /// [`Kind::Conflict`] of another build.
        Conflict = "conflict",
    }
    Gone {
        /// The changes after the position are no longer kept.
        ChangesPruned = "changes-pruned",
        /// The snapshot can no longer be completed.
        SnapshotOutdated = "snapshot-outdated",
        /// [`Kind::Gone`] of another build.
        Gone = "gone",
    }
    PreconditionFailed {
        /// The resource is at another version.
        VersionMismatch = "version-mismatch",
        /// The resource exists, and the request asks only to create it.
        AlreadyExists = "already-exists",
        /// [`Kind::PreconditionFailed`] of another build.
        PreconditionFailed = "precondition-failed",
    }
    TooLarge {
        /// The body has too many bytes.
        BodyTooLarge = "body-too-large",
        /// The body holds too many values or names.
        BodyTooManyValues = "body-too-many-values",
        /// The resource has too many bytes.
        ResourceTooLarge = "resource-too-large",
        /// The PATCH or Bulk request has too many operations.
        TooManyOperations = "too-many-operations",
        /// The schema document has too many bytes.
        SchemaTooLarge = "schema-too-large",
        /// A part of an import has too many bytes or lines.
        ImportPartTooLarge = "import-part-too-large",
        /// A line of an import has too many bytes.
        ImportLineTooLarge = "import-line-too-large",
        /// [`Kind::TooLarge`] of another build.
        TooLarge = "too-large",
    }
    UnsupportedMediaType {
        /// The content type is not JSON.
        UnsupportedMediaType = "unsupported-media-type",
    }
    TooManyRequests {
        /// Too many requests with this token.
        TokenRate = "token-rate",
        /// Too many failures from this address.
        FailureRate = "failure-rate",
        /// Too many requests with a token that has ended or may not be used from the address.
        EndedTokenRate = "ended-token-rate",
        /// Too many different tokens from this address.
        UnknownTokenRate = "unknown-token-rate",
        /// The object time of the token or the organisation is used up.
        ObjectTimeSpent = "object-time-spent",
        /// The token has added changes faster than they are read.
        HistoryRate = "history-rate",
        /// As many snapshots and imports run as may run at once.
        TooManyStreams = "too-many-streams",
        /// The Bulk operations before it used up the work that one request may cause.
        BulkWorkSpent = "bulk-work-spent",
        /// The deprovisioning guard is active.
        Guard = "guard",
        /// [`Kind::TooManyRequests`] of another build.
        TooManyRequests = "too-many-requests",
    }
    NotImplemented {
        /// RFC 7644 defines it, and it is not offered here.
        NotImplemented = "not-implemented",
    }
    Unavailable {
        /// A new version is being deployed.
        Deploying = "deploying",
        /// The organisation's schemas are being changed.
        SchemasChanging = "schemas-changing",
        /// The organisation's object is overloaded.
        DirectoryBusy = "directory-busy",
        /// The platform restarted the object in the middle of the request, or broke the connection to it.
        ObjectReset = "object-reset",
        /// The object's storage is full.
        StorageFull = "storage-full",
        /// The object's storage cannot be read or written.
        StorageFailed = "storage-failed",
        /// Workers KV gives no answer.
        TokenStoreFailed = "token-store-failed",
        /// The directory is being replaced by an import.
        Importing = "importing",
        /// An import stopped while it was writing, so the directory is incomplete.
        DirectoryIncomplete = "directory-incomplete",
        /// The lines of an earlier import are being removed.
        ImportClearing = "import-clearing",
        /// The deployment has no `CONSOLE_KEY`.
        ConsoleKeyMissing = "console-key-missing",
        /// The deployment's root key is too short to be safe.
        ConsoleKeyTooShort = "console-key-too-short",
        /// The platform does not offer the jurisdiction.
        JurisdictionUnavailable = "jurisdiction-unavailable",
        /// [`Kind::Unavailable`] of another build.
        Unavailable = "unavailable",
    }
    Internal {
        /// The service failed.
        Internal = "internal",
    }
}

impl Code {
    /// Returns the code with this text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// Returns true for a fault of the service or of the platform. It does not judge the request: the whole request
    /// fails, and the journal, where admins look for what their provider sends wrongly, has no entry.
    pub const fn is_fault(self) -> bool {
        self.is_passing()
            || matches!(self, Code::Internal | Code::StorageFull | Code::StorageFailed | Code::TokenStoreFailed)
    }

    /// Returns true for a fault of the platform that does not depend on the request and ends by itself.
    pub const fn is_passing(self) -> bool {
        matches!(self, Code::DirectoryBusy | Code::ObjectReset)
    }

    /// Returns the code for a refusal that another build made, whose own code is missing or unknown here.
    pub const fn fallback_for(kind: Kind) -> Self {
        match kind {
            Kind::InvalidFilter => Code::InvalidFilter,
            Kind::TooMany => Code::TooMany,
            Kind::InvalidCursor => Code::InvalidCursor,
            Kind::InvalidCount => Code::InvalidCount,
            Kind::Uniqueness => Code::Uniqueness,
            Kind::Mutability => Code::Mutability,
            Kind::InvalidSyntax => Code::InvalidSyntax,
            Kind::InvalidPath => Code::InvalidPath,
            Kind::NoTarget => Code::NoTarget,
            Kind::InvalidValue => Code::InvalidValue,
            Kind::Unauthorized => Code::Unauthorized,
            Kind::Forbidden => Code::Forbidden,
            Kind::NotFound => Code::NotFound,
            Kind::MethodNotAllowed => Code::MethodNotAllowed,
            Kind::Conflict => Code::Conflict,
            Kind::Gone => Code::Gone,
            Kind::PreconditionFailed => Code::PreconditionFailed,
            Kind::TooLarge => Code::TooLarge,
            Kind::UnsupportedMediaType => Code::UnsupportedMediaType,
            Kind::TooManyRequests => Code::TooManyRequests,
            Kind::NotImplemented => Code::NotImplemented,
            Kind::Unavailable => Code::Unavailable,
            Kind::Internal => Code::Internal,
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes [`Warning`] from one list, as [`codes`] makes [`Code`].
macro_rules! warnings {
    ($($(#[$doc:meta])* $warning:ident = $text:literal,)*) => {
        /// A problem that comes, or stays, if the admin does nothing. No request is refused for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Warning {
            $($(#[$doc])* $warning,)*
        }

        impl Warning {
            /// Every warning, in the order in which they are shown.
            pub const ALL: &'static [Warning] = &[$(Warning::$warning,)*];

            /// Returns the code as it is shown and stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Warning::$warning => $text,)*
                }
            }
        }
    };
}

warnings! {
    /// No token is alive that the identity provider could use.
    NoLiveToken = "no-live-token",
    /// A token that has ended is still sent.
    EndedTokenUsed = "ended-token-used",
    /// The last request was refused with 401 or 403, with a token that is alive.
    LastRequestRefused = "last-request-refused",
    /// The deprovisioning guard refuses pushes.
    GuardBlocks = "guard-blocks",
    /// Many pushes are refused.
    PushesRefused = "pushes-refused",
    /// The identity provider pushes while SCIM is off.
    PushesWhileOff = "pushes-while-off",
    /// A token that the identity provider uses ends soon.
    TokenEnding = "token-ending",
    /// The identity provider still uses a token that was rotated.
    RotatedTokenUsed = "rotated-token-used",
    /// The identity provider has sent nothing for much longer than it used to.
    Silence = "silence",
    /// A quota is used up, or nearly.
    QuotaNearlyUsed = "quota-nearly-used",
    /// The history of changes is full.
    HistoryFull = "history-full",
    /// Groups were refused because they have groups as members.
    GroupsToFlatten = "groups-to-flatten",
    /// A job was set aside after its steps did not end.
    JobSetAside = "job-set-aside",
}
