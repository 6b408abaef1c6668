//! The ways in which an answer ends without standing: each a status, a stable code, a message and a hint.

use super::NoSandbox;
use crate::model::Failure;
use protocol::{AnswerError, AnswerStatus};

/// Why there will be no answer that stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ended {
    pub status: AnswerStatus,
    pub error: AnswerError,
    /// What was asked should not be sent again: the next question begins without it.
    pub forget: bool,
}

impl Ended {
    pub fn new(status: AnswerStatus, code: &str, message: impl Into<String>, hint: &str) -> Ended {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        let error = AnswerError { code: code.to_owned(), message: message.into(), hint };
        Ended { status, error, forget: false }
    }

    fn forgotten(self) -> Ended {
        Ended { forget: true, ..self }
    }

    pub fn cancelled() -> Ended {
        Ended::new(AnswerStatus::Cancelled, "cancelled", "finish: it was cancelled", "")
    }

    pub fn deadline() -> Ended {
        let message = "answer before the deadline";
        Ended::new(AnswerStatus::Deadline, "deadline", message, "allow more time with the deadline")
    }

    pub fn turns(limit: u32) -> Ended {
        let message = format!("answer within {limit} turns");
        Ended::new(
            AnswerStatus::TurnLimit,
            "turn_limit",
            message,
            "allow more turns, or ask for less at a time",
        )
    }

    pub fn refused(category: Option<&str>) -> Ended {
        let why = category.map_or_else(String::new, |category| format!(": {category}"));
        let message = format!("answer this: the model refused{why}");
        Ended::new(AnswerStatus::Refused, "refused", message, "ask in other words, or another model")
            .forgotten()
    }

    pub fn truncated() -> Ended {
        let message = "hear the whole reply: it is longer than the model may write";
        Ended::new(AnswerStatus::Truncated, "reply_too_long", message, "ask for less at a time").forgotten()
    }

    pub fn context_window() -> Ended {
        let message = "go on: the conversation is longer than the model can read";
        let hint = "begin a new conversation, or print less in it";
        Ended::new(AnswerStatus::Truncated, "context_window", message, hint).forgotten()
    }

    pub fn empty() -> Ended {
        let message = "understand the model: it replied with nothing, twice";
        Ended::new(AnswerStatus::ModelFailed, "model_empty", message, "ask again, or another model")
    }

    pub fn sandbox(why: NoSandbox) -> Ended {
        let NoSandbox { code, message, hint } = why;
        let error = AnswerError { code, message, hint };
        Ended { status: AnswerStatus::SandboxFailed, error, forget: false }
    }

    pub fn model(failure: Failure) -> Ended {
        let code = failure.kind.code().to_owned();
        let forget = failure.kind == crate::model::FailureKind::Rejected;
        let error = AnswerError { code, message: failure.message, hint: failure.hint };
        Ended { status: AnswerStatus::ModelFailed, error, forget }
    }
}
