//! The state of an import.

use crate::id::Seq;
use serde::Serialize;
use std::fmt;

/// The state of an import.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct ImportStatus {
    /// The step that is running.
    pub state: ImportState,
    /// The parts that were sent; none once it is over.
    pub parts: Vec<ImportPart>,
    /// The progress of the job, for people.
    pub position: Option<String>,
    /// The reason of its failure, and the way out.
    pub error: Option<String>,
    /// Values in its lines that a registered schema does not allow, the first ones. They are kept as they were sent.
    pub notes: Vec<String>,
    /// The change of the feed that tells of it.
    #[cfg_attr(native, schemars(range(min = 1)))]
    pub seq: Option<Seq>,
}

/// The step of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ImportState {
    /// It takes parts.
    Receiving,
    /// All of it is checked; the directory is as it was.
    Checking,
    /// The directory is replaced.
    Writing,
    /// The directory is the imported one.
    Done,
    /// It has ended without that.
    Failed,
}

impl fmt::Display for ImportState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receiving => "receiving",
            Self::Checking => "checking",
            Self::Writing => "writing",
            Self::Done => "done",
            Self::Failed => "failed",
        })
    }
}

/// A part of an import.
#[derive(Debug, Serialize)]
#[cfg_attr(native, derive(schemars::JsonSchema))]
pub struct ImportPart {
    /// Its number.
    #[cfg_attr(native, schemars(range(min = 1)))]
    pub part: i64,
    /// How many lines of it arrived.
    pub lines: i64,
    /// All of it arrived.
    pub complete: bool,
}
