//! The written form of a filter or path: which forms are read, and what they say before any attribute is looked up.

use crate::error::Code;
use serde::{Deserialize, Serialize};

/// The grammar that a text follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scim) enum Grammar {
    /// A filter (RFC 7644 figure 1).
    Filter,
    /// A PATCH path (figure 7).
    Path,
}

impl Grammar {
    /// Returns the word for the text in a sentence.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Grammar::Filter => "filter",
            Grammar::Path => "path",
        }
    }

    /// Returns the code for a text that does not follow the grammar.
    pub(super) fn syntax_code(self) -> Code {
        match self {
            Grammar::Filter => Code::FilterSyntax,
            Grammar::Path => Code::PathSyntax,
        }
    }

    /// Returns the code for a text that is too long or nested too deep.
    pub(super) fn too_complex(self) -> Code {
        match self {
            Grammar::Filter => Code::FilterTooComplex,
            Grammar::Path => Code::PathTooComplex,
        }
    }
}

/// The forms that are understood besides the RFC's grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    /// RFC 7644 figures 1 and 7, nothing else.
    Strict,
    /// Also every [`Form`].
    Lenient,
    /// Also every form but one: a text that then cannot be read needs that form.
    Without(Form),
}

impl Forms {
    /// Returns true if that form is understood.
    pub fn allow(self, form: Form) -> bool {
        match self {
            Forms::Strict => false,
            Forms::Lenient => true,
            Forms::Without(other) => form != other,
        }
    }
}

/// A form that is not the RFC's, and that clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `emails[type eq "work"].value eq "x"`, `emails[type eq "work"] eq "x"`.
    AfterValuePath,
    /// `urn:…:2.0:User.employeeNumber`: a dot where the colon belongs.
    DotAfterUrn,
    /// `manager` for an attribute that only one extension has.
    ShortName,
    /// `manager[value eq "x"]`: a filter on an attribute with one value.
    SingleValue,
    /// `primary eq "True"`, `primary eq True`.
    TextBoolean,
    /// `floor eq "5"`.
    TextNumber,
    /// `externalId eq jyoung`, and a number for a string.
    Unquoted,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 7] = [
        Form::AfterValuePath,
        Form::DotAfterUrn,
        Form::ShortName,
        Form::SingleValue,
        Form::TextBoolean,
        Form::TextNumber,
        Form::Unquoted,
    ];
}

/// A filter as it was written. It prints as canonical text that is read as the same expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// All of two or more.
    And(Vec<Expression>),
    /// Any of two or more.
    Or(Vec<Expression>),
    /// `not (…)`.
    Not(Box<Expression>),
    /// `attribute pr`.
    Present(AttributePath),
    /// `attribute operator value`.
    Compare {
        /// The attribute that is compared.
        path: AttributePath,
        /// The operator.
        op: CompareOp,
        /// The value that it is compared with.
        value: Literal,
    },
    /// `attribute[…]`, a value path.
    Has {
        /// The complex attribute.
        path: AttributePath,
        /// The filter on its sub-attributes.
        filter: Box<Expression>,
    },
}

/// `attrPath` of RFC 7644 figure 1, with the URN still unknown: `urn` ends at the last colon, whatever schemas exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributePath {
    /// The text before the last colon.
    pub urn: Option<String>,
    /// The name; empty if the text after the last colon is no name. Then `urn` is the whole text.
    pub name: String,
    /// The sub-attribute, after the dot.
    pub sub: Option<String>,
}

/// A compared value, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A JSON string, decoded.
    String(String),
    /// The text of a JSON number.
    Number(String),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
}

/// RFC 7644 table 3, without `pr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl CompareOp {
    /// Every operator in the order of RFC 7644 table 3.
    pub const ALL: [CompareOp; 9] = [
        CompareOp::Eq,
        CompareOp::Ne,
        CompareOp::Co,
        CompareOp::Sw,
        CompareOp::Ew,
        CompareOp::Gt,
        CompareOp::Ge,
        CompareOp::Lt,
        CompareOp::Le,
    ];

    /// Returns the operator as it is written, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            CompareOp::Eq => "eq",
            CompareOp::Ne => "ne",
            CompareOp::Co => "co",
            CompareOp::Sw => "sw",
            CompareOp::Ew => "ew",
            CompareOp::Gt => "gt",
            CompareOp::Ge => "ge",
            CompareOp::Lt => "lt",
            CompareOp::Le => "le",
        }
    }
}
