//! What a caller asks for: the one form into which every edge brings its own.

use crate::{Context, Error, Sandbox};
use bytes::Bytes;
use policy::Policy;
use protocol::{Language, Limits, LimitsError, Require};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::mpsc;

/// Who asks. A sandbox belongs to the caller that made it; for everybody else it does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller(pub String);

impl Caller {
    /// The person who owns this process.
    pub fn local() -> Caller {
        Caller("local".to_owned())
    }
}

/// What a new sandbox shall be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SandboxRequest {
    /// The template's name; without one the sandbox has no Python of Belljar's.
    pub template: Option<String>,
    /// What the sandbox may use.
    pub limits: Limits,
    /// Environment of everything that runs in it.
    pub env: BTreeMap<String, String>,
    /// Refuse to run code below this.
    pub require: Option<Require>,
    /// The backend's name; without one, the first that is usable here.
    pub backend: Option<String>,
    /// Code keeps its files at `/home/user`, and begins there, instead of `/workspace`.
    pub home_is_workspace: bool,
}

/// What a new context shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextRequest {
    /// The language that it speaks.
    pub language: Language,
    /// Working directory; the sandbox's workspace where there is none.
    pub cwd: Option<String>,
    /// Environment on top of the sandbox's.
    pub env: BTreeMap<String, String>,
    /// Whether standard input will follow; otherwise code reads end of file.
    pub stdin: bool,
}

/// Where code runs.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a sandbox of its own, which ends with the [`crate::Execution`].
    Fresh(SandboxRequest),
    /// In a new context of this sandbox; keep [`crate::Execution::context`] to go on in it.
    Sandbox(Arc<Sandbox>),
    /// In this context, with what it knows already.
    Context(Arc<Context>),
}

/// Where code reads its standard input from.
#[derive(Debug, Default)]
pub enum Stdin {
    /// End of file at once.
    #[default]
    Closed,
    /// From this channel; its end is the end of file.
    Piped(mpsc::Receiver<Bytes>),
}

/// One run of code.
#[derive(Debug)]
pub struct ExecuteRequest {
    /// The code, UTF-8.
    pub code: Vec<u8>,
    /// Its language. For [`Place::Context`] it must be the context's.
    pub language: Language,
    /// Where it runs.
    pub place: Place,
    /// Wall time in milliseconds; the sandbox's limit where there is none.
    pub timeout_ms: Option<u64>,
    /// CPU time in milliseconds; the sandbox's limit where there is none.
    pub cpu_ms: Option<u64>,
    /// Environment: of the new context, or with [`Place::Context`] of this execution alone, after which each name has
    /// again what it had before.
    pub env: BTreeMap<String, String>,
    /// Standard input.
    pub stdin: Stdin,
    /// Bytes of each stream that are kept; the sandbox's limit where there is none.
    pub output_bytes_max: Option<u64>,
    /// What the code may do; the interpreter's policy where there is none.
    pub policy: Option<Arc<Policy>>,
}

impl ExecuteRequest {
    /// A run of `code` with the sandbox's limits, no standard input and no environment of its own.
    pub fn new(code: impl Into<Vec<u8>>, language: Language, place: Place) -> ExecuteRequest {
        ExecuteRequest {
            code: code.into(),
            language,
            place,
            timeout_ms: None,
            cpu_ms: None,
            env: BTreeMap::new(),
            stdin: Stdin::Closed,
            output_bytes_max: None,
            policy: None,
        }
    }
}

/// Bytes of one output stream that an outcome can hold at most.
pub const OUTPUT_BYTES_MAX: u64 = 64 << 20;
const RESULTS_MAX: u32 = 65_536;
const RESULTS_BYTES_MAX: u64 = 256 << 20;

/// Checks limits, also against what this process is willing to keep for one outcome.
pub(crate) fn check_limits(limits: &Limits) -> Result<(), Error> {
    limits.check()?;
    check_output(limits.output_bytes)?;
    let over = |name, value: u64, why| Err(LimitsError { name, value: value.to_string(), why }.into());
    if limits.results > RESULTS_MAX {
        return over("results", limits.results.into(), "at most 65536 results can be kept");
    }
    if limits.results_bytes > RESULTS_BYTES_MAX {
        return over("results_bytes", limits.results_bytes, "at most 256M of results can be kept");
    }
    Ok(())
}

pub(crate) fn check_output(bytes: u64) -> Result<(), Error> {
    if bytes <= OUTPUT_BYTES_MAX {
        return Ok(());
    }
    Err(LimitsError { name: "output_bytes", value: bytes.to_string(), why: "at most 64M can be kept" }.into())
}

/// Checks names and values of an environment.
pub(crate) fn check_env(env: &BTreeMap<String, String>) -> Result<(), Error> {
    for (name, value) in env {
        let why = match () {
            () if name.is_empty() => "a name has at least one character",
            () if name.contains(['=', '\0']) => "a name contains neither `=` nor NUL",
            () if value.contains('\0') => "a value contains no NUL",
            () => continue,
        };
        return Err(Error::Request {
            what: format!("the environment variable {name:?}"),
            why: why.to_owned(),
        });
    }
    let over = |why: &str| Err(Error::Request { what: "the environment".to_owned(), why: why.to_owned() });
    let bytes: usize = env.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
    if bytes > 32 << 10 {
        return over("names and values together have at most 32K");
    }
    // It travels in a frame's header.
    if serde_json::to_vec(env).map_or(usize::MAX, |json| json.len()) > 48 << 10 {
        return over("it contains too many characters that JSON escapes");
    }
    Ok(())
}
