//! Our own failures: one message, one hint, one code for programs, one exit code.
//!
//! What user code does wrong is an `Outcome`, never a `Failure`.

use serde_json::{Value, json};
use std::fmt;

/// Exit code for a wrong command line.
pub const EXIT_USAGE: u8 = 2;
/// Exit code when Belljar itself failed.
pub const EXIT_OURS: u8 = 125;
/// Exit code when there is nothing to run it with.
pub const EXIT_MISSING: u8 = 127;
/// Exit code when nobody reads our output any more.
pub const EXIT_BROKEN_PIPE: u8 = 141;

/// Why a command could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For programs: a word that never changes.
    pub code: &'static str,
    /// Fits after "cannot ".
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What the process exits with.
    pub exit: u8,
}

impl Failure {
    /// A wrong argument; exit code 2.
    pub fn usage(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), hint: None, exit: EXIT_USAGE }
    }

    /// Something of ours went wrong; exit code 125.
    pub fn ours(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), hint: None, exit: EXIT_OURS }
    }

    /// Nobody reads standard output any more: said by the exit code alone.
    pub fn broken_pipe() -> Failure {
        Failure { exit: EXIT_BROKEN_PIPE, ..Failure::ours("broken_pipe", "write to standard output") }
    }

    /// Ended by a signal, which the caller knows: said by the exit code alone.
    pub fn signal(number: u8) -> Failure {
        Failure { exit: 128 + number, ..Failure::ours("interrupted", format!("go on: signal {number} came")) }
    }

    /// The same with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// True when a person need not be told.
    pub fn is_silent(&self) -> bool {
        matches!(self.code, "broken_pipe" | "interrupted")
    }

    /// As `--json` prints it.
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "code": self.code,
            "message": format!("cannot {}", self.message),
            "hint": self.hint,
        }})
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.message)
    }
}

impl std::error::Error for Failure {}

/// What a command gives back: the exit code, or a failure of ours.
pub type Done<T = u8> = Result<T, Failure>;

/// The words of an I/O error, without Rust's "(os error 2)".
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    let mut words = text[..end].to_owned();
    if let Some(first) = words.get(..1).map(str::to_lowercase) {
        words.replace_range(..1, &first);
    }
    words
}
