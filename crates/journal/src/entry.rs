//! What is read back: an answer with what was written about it, or one line of the list.

use protocol::{Answer, AnswerId, AnswerStatus, CodeRun, Turn};
use serde::Serialize;

/// One answer of the journal. As JSON it is an `Answer` with a few fields more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// What was asked and answered. Where the entry is incomplete, the status is `cancelled` and the error's code is
    /// `incomplete`.
    #[serde(flatten)]
    pub answer: Answer,
    /// Who asked.
    pub caller: String,
    /// The answer before this one in the same conversation.
    pub conversation: Option<AnswerId>,
    /// When it began: UTC, ISO 8601 with milliseconds.
    pub started_at: String,
    /// When it ended, likewise.
    pub ended_at: Option<String>,
    /// False while it is made, and for ever when it was cut short.
    pub complete: bool,
}

/// One reply of the model with the code that it asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// The reply; absent for code whose reply was never written down.
    pub turn: Option<&'a Turn>,
    /// What the model said besides code, unless it is the answer itself.
    pub said: Option<&'a str>,
    /// Its code, in the order of the calls.
    pub runs: Vec<&'a CodeRun>,
}

impl Entry {
    /// The replies in order, each with its executions.
    pub fn steps(&self) -> Vec<Step<'_>> {
        let runs = &self.answer.executions;
        let last = self.answer.turns.len().saturating_sub(1);
        let mut steps: Vec<Step<'_>> = Vec::new();
        for (index, turn) in self.answer.turns.iter().enumerate() {
            let is_answer = index == last && turn.text.trim() == self.answer.answer.trim();
            let said = Some(turn.text.as_str()).filter(|text| !text.trim().is_empty() && !is_answer);
            let of_turn =
                turn.executions.iter().filter_map(|id| runs.iter().find(|run| run.outcome.id == *id));
            steps.push(Step { turn: Some(turn), said, runs: of_turn.collect() });
        }
        let claimed =
            |run: &&CodeRun| steps.iter().any(|step| step.runs.iter().any(|one| std::ptr::eq(*one, *run)));
        let loose: Vec<&CodeRun> = runs.iter().filter(|run| !claimed(run)).collect();
        if !loose.is_empty() {
            steps.push(Step { turn: None, said: None, runs: loose });
        }
        steps
    }

    /// The end in one word, `incomplete` where there is none.
    pub fn status_word(&self) -> String {
        status_word(self.complete.then_some(self.answer.status))
    }
}

/// One line of the list: an answer without turns and code.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The answer.
    pub id: AnswerId,
    /// The answer before this one in the same conversation.
    pub conversation: Option<AnswerId>,
    /// When it began: UTC, ISO 8601 with milliseconds.
    pub started_at: String,
    /// False while it is made, and for ever when it was cut short.
    pub complete: bool,
    /// The end in one word, where there is one.
    pub status: Option<AnswerStatus>,
    /// `provider:name` of the model.
    pub model: String,
    /// How often code was run.
    pub code_attempts: u32,
    /// Dollars, where the model's prices are known.
    pub cost_usd: Option<f64>,
    /// Wall time in milliseconds, once it has ended.
    pub wall_ms: Option<f64>,
    /// What was asked.
    pub prompt: String,
}

impl Summary {
    /// The end in one word, `incomplete` where there is none.
    pub fn status_word(&self) -> String {
        status_word(self.status.filter(|_| self.complete))
    }
}

fn status_word(status: Option<AnswerStatus>) -> String {
    let word = status.and_then(|status| serde_json::to_value(status).ok());
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_else(|| "incomplete".to_owned())
}
