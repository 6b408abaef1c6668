//! How an execution ended.

use crate::{ContextId, ExecutionId, Isolation, Language, SandboxId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The end of an execution in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The code ran to its end.
    Ok,
    /// The code raised, or ended with a code that is not 0.
    Error,
    /// Wall or CPU time ran out.
    Timeout,
    /// The memory limit was hit.
    OutOfMemory,
    /// A policy denied the code; nothing ran.
    Denied,
    /// The caller interrupted it.
    Cancelled,
    /// A signal ended the interpreter.
    Killed,
    /// The sandbox went away while the code ran.
    Lost,
}

/// What kind of failure an [`OutcomeError`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Category {
    Syntax,
    Exception,
    Import,
    Timeout,
    OutOfMemory,
    Policy,
    Limit,
    Sandbox,
}

/// Why the status is not `ok`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeError {
    /// The kind of failure.
    pub category: Category,
    /// The exception's class, or a name of ours such as `TimeoutError`.
    pub name: String,
    /// What it says.
    pub message: String,
    /// Lines, without driver frames.
    #[serde(default)]
    pub traceback: Vec<String>,
    /// The line of the code, counted from 1.
    pub line: Option<u32>,
    /// Whether running changed code can help.
    pub retryable: bool,
    /// What to do next.
    pub hint: Option<String>,
}

/// One result: the same thing in several MIME types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bundle {
    /// True for the value of the last expression.
    pub main: bool,
    /// MIME type to data: text as it is, JSON as JSON, binary as base64.
    pub data: BTreeMap<String, serde_json::Value>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Change {
    Created,
    Modified,
}

/// A file in `/workspace` that the execution made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileChange {
    /// Path below `/workspace`; see [`crate::path`] for names that are not UTF-8.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Guessed from the name.
    #[serde(default)]
    pub mime: String,
    /// In hexadecimal; absent where the file was too large to hash.
    pub sha256: Option<String>,
    /// Made or changed.
    pub change: Change,
}

/// Bytes that are in neither `stdout` nor `stderr`, because there were too many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Truncated {
    /// Bytes left out of stdout.
    pub stdout_bytes: u64,
    /// Bytes left out of stderr.
    pub stderr_bytes: u64,
    /// Result bundles left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub results: u32,
    /// Changed files that are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files: u32,
    /// Where the whole output lies in the sandbox, if the sandbox lives on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spilled_to: Vec<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What an execution used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Wall time in milliseconds.
    pub wall_ms: f64,
    /// CPU time in milliseconds.
    pub cpu_ms: f64,
    /// Highest memory use of the sandbox in bytes.
    pub memory_peak_bytes: u64,
}

/// What a finding does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The code does not run because of it.
    Denied,
    /// The code runs; this may explain what happens then.
    Advice,
    /// Something that the check cannot see through, such as a name that is computed.
    Unresolved,
}

/// A part of the code. Lines count from 1, columns from 1 in characters; the end is the place behind the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

/// One reason of a policy's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// What it does to the verdict.
    pub kind: FindingKind,
    /// Where in the code.
    #[serde(flatten)]
    pub span: Span,
    /// What was found.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
}

/// How an execution ended: the one schema of all edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// The execution.
    pub id: ExecutionId,
    /// Where it ran; absent when it never reached a sandbox.
    pub sandbox: Option<SandboxId>,
    /// The interpreter that ran it.
    pub context: Option<ContextId>,
    /// The language.
    pub language: Language,
    /// The end in one word.
    pub status: Status,
    /// 0 ok, 1 exception, 124 timeout, 126 denied, 127 nothing to run it with, 137 out of memory or killed, else the program's own.
    pub exit_code: i32,
    /// Standard output, decoded, head and tail where it was too long.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Result bundles in order.
    pub results: Vec<Bundle>,
    /// Why the status is not `ok`.
    pub error: Option<OutcomeError>,
    /// Files made or changed in `/workspace`.
    pub files: Vec<FileChange>,
    /// What was left out.
    pub truncated: Truncated,
    /// What was used.
    pub usage: Usage,
    /// The policy's findings.
    pub findings: Vec<Finding>,
    /// False when the context ended with this execution.
    pub context_alive: bool,
    /// The walls that held.
    pub isolation: Option<Isolation>,
}
