//! What a person asks the agent, what happens meanwhile, and what comes back.

use crate::{AnswerId, Event, Finding, Language, Outcome};
use serde::{Deserialize, Serialize};

/// The end of an answer in one word. Only `ok` and `degraded` have an answer that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// The model answered.
    Ok,
    /// The model answered with what it had: code attempts or turns had run out.
    Degraded,
    /// The model, or its provider, refused.
    Refused,
    /// The reply was longer than the model may write, also after the limit was raised once.
    Truncated,
    /// Turns ran out before the model answered.
    TurnLimit,
    /// Tokens ran out.
    TokenLimit,
    /// Money ran out.
    CostLimit,
    /// Time ran out.
    Deadline,
    /// The model could not be reached, or what it sent made no sense.
    ModelFailed,
    /// There was nothing to run code in.
    SandboxFailed,
    /// The caller gave up.
    Cancelled,
}

/// Tokens, as the provider counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Tokens {
    /// Read by the model and paid in full; without those below.
    pub input: u64,
    /// Written by the model, with its reasoning.
    pub output: u64,
    /// Read from the provider's cache.
    pub cache_read: u64,
    /// Written to the provider's cache.
    pub cache_write: u64,
    /// The part of `output` that was reasoning, where the provider tells.
    pub reasoning: u64,
}

impl Tokens {
    /// Everything that counts against a token limit.
    pub fn total(&self) -> u64 {
        let parts = [self.input, self.output, self.cache_read, self.cache_write];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Tokens) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}

/// Why the model ended a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It had said what it wanted.
    EndTurn,
    /// It wants its tool calls answered.
    ToolUse,
    /// The reply reached its longest length.
    MaxTokens,
    /// It wants to go on: send the conversation back as it is.
    Pause,
    /// It refuses; the text is the provider's category, where it gave one.
    Refusal(Option<String>),
    /// The conversation is longer than the model can read.
    ContextWindow,
    /// Something else; the text is the provider's word.
    Other(String),
}

/// Code that the model asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CodeRun {
    /// The call's id within the turn, as the provider or we named it.
    pub call: String,
    /// Counts the executions of an answer from 1, denied ones too; a repair is a new number.
    pub attempt: u32,
    /// The language.
    pub language: Language,
    /// The code as the model wrote it.
    pub code: String,
    /// How it ended; a denial has the status `denied` and no sandbox.
    pub outcome: Outcome,
}

/// One reply of the model and the executions that it asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Turn {
    /// Counts from 1 within the answer.
    pub turn: u32,
    /// What the model said besides code.
    pub text: String,
    /// Why the reply ended.
    pub stop: Stop,
    /// Tokens of this reply, failed requests included where the provider counted them.
    pub tokens: Tokens,
    /// Wall time of the reply in milliseconds, without executions.
    pub model_ms: f64,
    /// Requests that were sent again before the reply came.
    pub retries: u32,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// Ids of the executions, in the order in which the calls were made; see [`Answer::executions`].
    pub executions: Vec<crate::ExecutionId>,
}

/// What comes back from an ask: the one schema of all edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    /// The answer.
    pub id: AnswerId,
    /// What was asked.
    pub prompt: String,
    /// `provider:name` of the model.
    pub model: String,
    /// The end in one word.
    pub status: AnswerStatus,
    /// What the model answered (Markdown); what it had said so far where the status is neither `ok` nor `degraded`.
    pub answer: String,
    /// Why the status is neither `ok` nor `degraded`.
    pub error: Option<AnswerError>,
    /// The model's replies in order.
    pub turns: Vec<Turn>,
    /// How often code reached a sandbox; denied code is in `executions` without being counted here.
    pub code_attempts: u32,
    /// Tokens of all turns, and of a request at the end that brought no reply.
    pub usage: Tokens,
    /// Dollars, where the model's prices are known.
    pub cost_usd: Option<f64>,
    /// Wall time in milliseconds.
    pub wall_ms: f64,
    /// All code that the model asked for, in order.
    pub executions: Vec<CodeRun>,
}

/// Why there is no answer that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerError {
    /// Stable, for programs: `model_overloaded`, `turn_limit`, ….
    pub code: String,
    /// What failed, for people.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// One thing that happens while an answer is made. The last is `Answer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentEvent {
    /// It begins.
    Started {
        /// The answer that is made.
        id: AnswerId,
        /// `provider:name` of the model.
        model: String,
        /// What was asked.
        prompt: String,
    },
    /// More of what the model says.
    Text {
        /// The turn.
        turn: u32,
        /// More text (Markdown).
        text: String,
    },
    /// More of what the model thinks, where the provider shows it.
    Thinking {
        /// The turn.
        turn: u32,
        /// More text.
        text: String,
    },
    /// A request to the model is sent again.
    Retry {
        /// The turn.
        turn: u32,
        /// Milliseconds until then.
        after_ms: u64,
        /// Why.
        why: String,
        /// True where text of this turn was shown already: it begins anew.
        discards_text: bool,
    },
    /// The model wants this code run.
    Code {
        /// The turn.
        turn: u32,
        /// The call's id.
        call: String,
        /// Counts the executions of the answer from 1.
        attempt: u32,
        /// The language.
        language: Language,
        /// The code.
        code: String,
    },
    /// What the policy says of it.
    Verdict {
        /// The call's id.
        call: String,
        /// True where the code will not run.
        denied: bool,
        /// Its reasons, and advice.
        findings: Vec<Finding>,
    },
    /// Something that happened while the code ran; `End` of an execution has its outcome.
    Execution {
        /// The call's id.
        call: String,
        /// What happened.
        event: Event,
    },
    /// Something went wrong that the answer does not depend on.
    Warning {
        /// Stable, for programs: `journal`, ….
        code: String,
        /// What failed, after "cannot …".
        message: String,
    },
    /// A reply and its executions are done.
    Turn {
        /// All of it.
        turn: Turn,
    },
    /// The end.
    Answer {
        /// All of it.
        answer: Box<Answer>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_add_up_without_overflow() {
        let mut sum = Tokens { input: u64::MAX, output: 1, ..Tokens::default() };
        sum += Tokens { input: 1, cache_read: 2, cache_write: 3, reasoning: 1, output: 1 };
        let expected = Tokens { input: u64::MAX, output: 2, cache_read: 2, cache_write: 3, reasoning: 1 };
        assert_eq!((sum, sum.total()), (expected, u64::MAX));
    }

    #[test]
    fn stops_are_words() {
        let json = serde_json::to_value([Stop::EndTurn, Stop::Refusal(Some("cyber".into()))]).unwrap();
        assert_eq!(json, serde_json::json!(["end_turn", { "refusal": "cyber" }]));
    }
}
