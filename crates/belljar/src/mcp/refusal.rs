//! Why a call brought no result: told to the model where it can go on, to the client where the request itself is wrong.

use crate::cli::failure::{Failure, without_number};
use desk::DeskError;
use protocol::SandboxId;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock};

/// How a call ends that has no result.
#[derive(Debug, PartialEq)]
pub enum Stop {
    /// The arguments do not fit the schema: error -32602.
    Arguments(String),
    /// It could not be carried out: a result with `isError`, which models read.
    Refused(Refusal),
    /// The client gave up; nobody waits for an answer.
    Cancelled,
}

/// What could not be done, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A word that never changes.
    pub code: String,
    /// Fits after "cannot ".
    pub message: String,
    /// How to go on.
    pub hint: Option<String>,
}

impl Refusal {
    /// With advice.
    pub fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { code: code.to_owned(), message: message.into(), hint: Some(hint.into()) }
    }

    /// There is no such sandbox, or none any more.
    pub fn gone(id: &SandboxId) -> Refusal {
        Refusal::new(
            "sandbox_gone",
            format!(
                "use the sandbox {id}: it was closed, or nobody used it for its time to live, or it ended"
            ),
            "its variables and files are gone: call create_sandbox, use the id that it returns, and make again what is needed; \
             or run code without `sandbox`",
        )
    }

    fn text(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        let message = interpreter::plain(&self.message);
        format!("status: not_run ({})\nmessage: cannot {message}{hint}", self.code)
    }
}

impl From<interpreter::Error> for Stop {
    fn from(error: interpreter::Error) -> Stop {
        let (code, message) = (error.code().to_owned(), without_number(&error.to_string()));
        Stop::Refused(Refusal { code, message, hint: error.hint() })
    }
}

impl From<DeskError> for Stop {
    fn from(error: DeskError) -> Stop {
        let again =
            error.retry_after().map(|after| format!("call again in {} s", after.as_secs_f64().ceil()));
        match error {
            DeskError::Interpreter(error) => error.into(),
            error => Stop::Refused(Refusal {
                code: error.code().to_owned(),
                message: without_number(&error.to_string()),
                hint: again.or_else(|| error.hint().map(Into::into)),
            }),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        let Failure { code, message, hint, .. } = failure;
        Stop::Refused(Refusal { code: code.to_owned(), message, hint })
    }
}

impl Stop {
    /// As `tools/call` answers it.
    ///
    /// # Errors
    /// Where the request is to blame, or nobody waits any more.
    pub fn answer(self) -> Result<CallToolResult, ErrorData> {
        match self {
            Stop::Arguments(why) => Err(ErrorData::invalid_params(why, None)),
            Stop::Refused(refusal) => Ok(CallToolResult::error(vec![ContentBlock::text(refusal.text())])),
            Stop::Cancelled => Err(ErrorData::internal_error("the call was cancelled", None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn who_has_to_wait_is_told_how_long() {
        let retry_after = Duration::from_millis(1200);
        for (error, code, hint) in [
            (DeskError::TooFast { retry_after }, "too_fast", "call again in 2 s"),
            (DeskError::CpuUsedUp { retry_after }, "cpu_used_up", "call again in 2 s"),
            (DeskError::Closing, "closing", "call again in 2 s"),
            (DeskError::NotTheSame, "not_the_same", "use a new idempotency key for each new request"),
        ] {
            let Stop::Refused(refusal) = Stop::from(error) else { panic!("it is a refusal") };
            assert_eq!((refusal.code.as_str(), refusal.hint.as_deref()), (code, Some(hint)));
        }
        let text = Refusal::gone(&SandboxId::from_bits(1)).text();
        assert!(
            text.starts_with("status: not_run (sandbox_gone)\nmessage: cannot use the sandbox sbx_"),
            "{text}"
        );
    }
}
