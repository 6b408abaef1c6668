//! Why the desk did not take a request. What user code does wrong is an `Outcome`, never one of these.

use crate::{QueueState, Scope};
use journal::JournalError;
use std::{borrow::Cow, time::Duration};

/// Why a request was not carried out. The text fits after "cannot …".
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The interpreter could not.
    #[error(transparent)]
    Interpreter(#[from] interpreter::Error),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no journal.
    #[error("read the journal: this server keeps none")]
    NoJournal,
    /// No such thing, or it belongs to another caller.
    #[error("find {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// A part of the request makes no sense.
    #[error("use {what}: {why}")]
    Request {
        /// The part.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// It has ended, or was not made for that.
    #[error("{what}")]
    Conflict {
        /// What cannot be done, and why.
        what: String,
    },
    /// Too much waits already, or it waited too long.
    #[error("begin now: {} wait and {} run", queue.waiting, queue.admitted)]
    Busy {
        /// How much waits and runs.
        queue: QueueState,
        /// When it may be worth another try.
        retry_after: Duration,
    },
    /// More requests than the key allows in this time.
    #[error("take more requests of this key now")]
    TooFast {
        /// When the next one is taken.
        retry_after: Duration,
    },
    /// As many sandboxes as the caller, or this server, may have.
    #[error("keep one more sandbox: there are {count} already, and no more may be kept")]
    SandboxesFull {
        /// How many there are.
        count: usize,
        /// When the first of them ends, where nobody uses it any more.
        retry_after: Duration,
    },
    /// The key has used its CPU time of today.
    #[error("run more today: the CPU time of this key is used up")]
    CpuUsedUp {
        /// When the next day begins.
        retry_after: Duration,
    },
    /// The key is not for this.
    #[error("do this with this key: it lacks the scope {scope}")]
    Forbidden {
        /// What it lacks.
        scope: Scope,
    },
    /// The same idempotency key came with another request.
    #[error("repeat a request that is not the same: its idempotency key was used for another one")]
    NotTheSame,
    /// The server is shutting down.
    #[error("begin anything: the server is shutting down")]
    Closing,
}

impl DeskError {
    /// A short stable name, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            DeskError::Interpreter(error) => error.code(),
            DeskError::Journal(error) => error.code(),
            DeskError::NoJournal => "no_journal",
            DeskError::NotFound { .. } => "not_found",
            DeskError::Request { .. } => "request",
            DeskError::Conflict { .. } => "conflict",
            DeskError::Busy { .. } => "busy",
            DeskError::TooFast { .. } => "too_fast",
            DeskError::SandboxesFull { .. } => "sandboxes_full",
            DeskError::CpuUsedUp { .. } => "cpu_used_up",
            DeskError::Forbidden { .. } => "forbidden",
            DeskError::NotTheSame => "not_the_same",
            DeskError::Closing => "closing",
        }
    }

    /// What to do next, where there is something to do.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            DeskError::Interpreter(error) => return error.hint().map(Cow::Owned),
            DeskError::Journal(error) => return Some(error.hint()),
            DeskError::NotFound { .. } => {
                "sandboxes end after their time to live, executions are kept for a while"
            }
            DeskError::Busy { .. } | DeskError::TooFast { .. } => "try again after the time in Retry-After",
            DeskError::SandboxesFull { .. } => {
                "delete one that is not needed any more, or wait until one expires"
            }
            DeskError::NotTheSame => "use a new idempotency key for each new request",
            DeskError::Forbidden { .. } => "`belljar key create --scope` makes a key with other scopes",
            DeskError::Closing => "try again in a moment",
            _ => return None,
        };
        Some(Cow::Borrowed(text))
    }

    /// When it may be worth another try, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            DeskError::Busy { retry_after, .. }
            | DeskError::TooFast { retry_after }
            | DeskError::SandboxesFull { retry_after, .. }
            | DeskError::CpuUsedUp { retry_after } => Some(*retry_after),
            DeskError::Closing => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}
