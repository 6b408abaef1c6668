//! What can go wrong on our side or the caller's. A failure of the code that runs is an `Outcome`, not an error.

use crate::{backend::StartError, files::FileError, template::TemplateError};
use protocol::{ContextId, ExecutionId, Finding, FindingKind, LimitsError, Require, SandboxId, Wall};

/// Why a request could not be carried out. The text fits after "cannot …"; what to do is in [`Error::hint`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A limit that cannot hold.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// A request that contradicts itself.
    #[error("use {what}: {why}")]
    Request {
        /// The part of the request.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// No such thing, or it belongs to another caller.
    #[error("find {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// Another execution runs in this context.
    #[error("run code in {context}: it is busy with another execution")]
    ContextBusy {
        /// The context.
        context: ContextId,
    },
    /// The context ended before.
    #[error("run code in {context}: it has ended, its variables are gone")]
    ContextLost {
        /// The context.
        context: ContextId,
    },
    /// The sandbox is gone.
    #[error("reach {sandbox}: {why}")]
    SandboxLost {
        /// The sandbox.
        sandbox: SandboxId,
        /// What ended it.
        why: String,
    },
    /// No backend of that name.
    #[error("use the backend {name:?}: {}", known_backends(known))]
    UnknownBackend {
        /// The name that was asked for.
        name: String,
        /// Names that exist.
        known: Vec<String>,
    },
    /// The template cannot be had.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A file could not be moved.
    #[error(transparent)]
    File(#[from] FileError),
    /// The backend could not start a sandbox.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The backend could not make an image.
    #[error("make an image: {}", .0.message)]
    Image(StartError),
    /// The guest does not speak our version, or never spoke.
    #[error("start a sandbox: {why}")]
    Guest {
        /// What the guest did.
        why: String,
    },
    /// Walls without which no code runs are not up; the sandbox was destroyed.
    #[error("run code behind these walls: {} not up", words(missing))]
    WallsDown {
        /// The walls that are missing.
        missing: Vec<Wall>,
    },
    /// The isolation is less than the caller asked for.
    #[error("run code below {}: this backend gives {got}, without {}", asked(require), words(missing))]
    BelowRequired {
        /// What was asked for.
        require: Require,
        /// Level and strength that are there, in words.
        got: String,
        /// The walls that are missing.
        missing: Vec<Wall>,
    },
    /// The policy denies what somebody wanted to follow; what else is denied ends in an outcome.
    #[error("run this: {}", denial(findings))]
    Denied {
        /// All that the policy says of it.
        findings: Vec<Finding>,
    },
    /// A program could not be started.
    #[error("{message}")]
    Program {
        /// What failed and why, as the guest tells it.
        message: String,
        /// Linux' error number.
        errno: i32,
    },
    /// Nobody reads what is written.
    #[error("write to {process}: it has ended, or its standard input is closed")]
    StdinClosed {
        /// The process.
        process: ExecutionId,
    },
    /// A context cannot be forked as it is now.
    #[error("fork this context: {message}")]
    ForkRefused {
        /// Why, for programs: as in [`protocol::ForkRefusal::reason`], or `language`, `too_many`, `tree`, `ended`.
        reason: String,
        /// Why, for people.
        message: String,
    },
    /// Contexts of this backend cannot be forked at all.
    #[error("fork a context: the backend {backend} cannot do that")]
    ForkUnsupported {
        /// The backend's name.
        backend: String,
    },
    /// A CPU limit was asked for where CPU time cannot be measured.
    #[error("hold a CPU limit: this backend cannot measure CPU time here")]
    CpuUnmeasured,
}

impl Error {
    /// A short stable name of the error, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Limits(_) => "limits",
            Error::Request { .. } => "request",
            Error::NotFound { .. } => "not_found",
            Error::ContextBusy { .. } => "context_busy",
            Error::ContextLost { .. } | Error::SandboxLost { .. } => "lost",
            Error::UnknownBackend { .. } => "unknown_backend",
            Error::Template(error) => error.code(),
            Error::File(_) => "file",
            Error::Start(error) | Error::Image(error) => error.code,
            Error::Guest { .. } => "guest",
            Error::WallsDown { .. } => "walls_down",
            Error::BelowRequired { .. } => "below_required",
            Error::Denied { .. } => "denied",
            Error::Program { .. } => "program",
            Error::StdinClosed { .. } => "stdin_closed",
            Error::ForkRefused { .. } => "fork_refused",
            Error::ForkUnsupported { .. } => "fork_unsupported",
            Error::CpuUnmeasured => "cpu_unmeasured",
        }
    }

    /// What to do next, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Error::Start(error) | Error::Image(error) => return error.hint.clone(),
            Error::Template(error) => return Some(error.hint()).filter(|hint| !hint.is_empty()),
            Error::File(error) => return error.hint().map(str::to_owned),
            Error::Denied { findings } => return denied(findings).and_then(|first| first.hint.clone()),
            Error::ContextBusy { .. } => {
                "wait for the running execution, interrupt it, or use another context"
            }
            Error::ContextLost { .. } => "make a new context and define again what you need",
            Error::SandboxLost { .. } => "make a new sandbox; files that were in this one are gone",
            Error::WallsDown { .. } | Error::BelowRequired { .. } => {
                "`belljar doctor` says which walls this host lacks and how to raise them"
            }
            Error::ForkUnsupported { .. } => "use the native backend, with a template",
            Error::CpuUnmeasured => "`belljar doctor` tells how to delegate a cgroup; or use a timeout only",
            Error::UnknownBackend { .. } => "`belljar doctor` lists the backends of this host",
            Error::Guest { .. } => "guest and server come from one build: install both again",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// The exit code of a program that ends because of this error: 127 where there is nothing to run code with.
    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Start(_)
            | Error::Image(_)
            | Error::UnknownBackend { .. }
            | Error::Template(_)
            | Error::Guest { .. } => 127,
            Error::Program { errno: 2, .. } => 127,
            Error::WallsDown { .. }
            | Error::BelowRequired { .. }
            | Error::CpuUnmeasured
            | Error::Denied { .. }
            | Error::Program { .. } => 126,
            Error::Limits(_) | Error::Request { .. } | Error::NotFound { .. } => 2,
            _ => 1,
        }
    }
}

fn denied(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().find(|finding| finding.kind == FindingKind::Denied)
}

fn denial(findings: &[Finding]) -> String {
    denied(findings).map_or_else(
        || "the policy denies it".to_owned(),
        |first| format!("the policy denies it: {}", first.message),
    )
}

fn known_backends(known: &[String]) -> String {
    match known {
        [] => "there is none on this platform".to_owned(),
        names => format!("known backends are {}", names.join(", ")),
    }
}

fn words(walls: &[Wall]) -> String {
    match walls {
        [] => "nothing".to_owned(),
        walls => walls.iter().map(Wall::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn asked(require: &Require) -> String {
    let word = match require {
        Require::Level(level) => serde_json::to_value(level),
        Require::Strength(strength) => serde_json::to_value(strength),
    };
    word.ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
