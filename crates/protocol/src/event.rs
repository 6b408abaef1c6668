//! What an execution says while it runs.

use crate::{Bundle, ExecutionId, FileChange, Outcome, OutcomeError};
use serde::{Deserialize, Serialize};

/// One thing that happened, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// The execution that it belongs to.
    pub execution: ExecutionId,
    /// Counts from 0 within the execution, without gaps.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// Text on standard output.
    Stdout {
        /// Decoded text.
        text: String,
    },
    /// Text on standard error.
    Stderr {
        /// Decoded text.
        text: String,
    },
    /// Output was left out at this place.
    Truncated {
        /// `stdout` or `stderr`.
        stream: String,
        /// Bytes left out.
        bytes: u64,
    },
    /// A result.
    Result {
        /// The MIME bundle.
        #[serde(flatten)]
        bundle: Bundle,
        /// Name by which a later result replaces this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_id: Option<String>,
        /// True when this replaces the earlier result of that name.
        #[serde(default)]
        update: bool,
    },
    /// The code failed.
    Error {
        /// Why.
        error: OutcomeError,
    },
    /// A file was made or changed.
    File {
        /// The file.
        file: FileChange,
    },
    /// The last event.
    End {
        /// The whole outcome.
        outcome: Box<Outcome>,
    },
}
