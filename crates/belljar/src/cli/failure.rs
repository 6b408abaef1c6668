//! Our own failures: one message, one hint, one code for programs, one exit code.
//!
//! What user code does wrong is an `Outcome`, never a `Failure`.

use serde_json::{Value, json};
use std::fmt;

/// Exit code when it ran and did not succeed.
pub const EXIT_FAILED: u8 = 1;
/// Exit code for a wrong command line.
pub const EXIT_USAGE: u8 = 2;
/// Exit code when Belljar itself failed.
pub const EXIT_OURS: u8 = 125;
/// Exit code when a policy denied the code.
pub const EXIT_DENIED: u8 = 126;
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

/// The words of an I/O error, as they go on after a colon.
pub fn reason(error: &std::io::Error) -> String {
    let mut words = without_number(&error.to_string());
    if let Some(first) = words.get(..1).map(str::to_lowercase) {
        words.replace_range(..1, &first);
    }
    words
}

/// A message without Rust's " (os error 2)", which says nothing that its words do not say.
pub fn without_number(message: &str) -> String {
    let Some((before, rest)) = message.split_once(" (os error ") else { return message.to_owned() };
    match rest.split_once(')') {
        Some((number, after)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{before}{after}")
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_are_left_out() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(reason(&error), "no such file or directory");
        assert_eq!(without_number("write x: Full (os error 28)\nmore"), "write x: Full\nmore");
        assert_eq!(without_number("an (os error of its own)"), "an (os error of its own)");
    }
}
