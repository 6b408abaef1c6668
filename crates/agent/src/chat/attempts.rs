//! How often code may fail or be denied within one answer, and what the model is told when it does.

use super::{end::Ended, words};
use protocol::{AnswerStatus, Outcome, Status};

/// Failures in a row that other code cannot cure, after which an answer ends.
const HOPELESS_MAX: u32 = 2;

/// What failed so far.
pub(super) struct Attempts {
    failures_max: u32,
    denied_max: u32,
    failures: u32,
    denied_rounds: u32,
    hopeless: u32,
    over: bool,
    last: Option<(String, String)>,
}

/// What follows from an outcome.
#[derive(Default)]
pub(super) struct After {
    pub notes: Vec<&'static str>,
    pub ended: Option<Ended>,
}

impl Attempts {
    pub fn new(failures_max: u32, denied_max: u32) -> Attempts {
        let (failures, denied_rounds, hopeless, over, last) = Default::default();
        Attempts { failures_max, denied_max, failures, denied_rounds, hopeless, over, last }
    }

    /// True where no more code runs.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Counts an outcome.
    pub fn after(&mut self, outcome: &Outcome) -> After {
        let mut after = After::default();
        let Some(error) = &outcome.error else {
            self.hopeless = 0;
            self.last = None;
            return after;
        };
        // Denials are counted by rounds; who cancelled does not ask for repairs.
        if matches!(outcome.status, Status::Denied | Status::Cancelled) {
            return after;
        }
        let now = (error.name.clone(), error.message.clone());
        let same = self.last.replace(now.clone()) == Some(now);
        if !error.retryable || outcome.status == Status::Lost {
            self.hopeless += 1;
            if self.hopeless >= HOPELESS_MAX {
                let message = format!("run code: {}", error.message);
                let hint = error.hint.as_deref().unwrap_or_default();
                after.ended = Some(Ended::new(AnswerStatus::SandboxFailed, "sandbox_failed", message, hint));
            }
            return after;
        }
        self.hopeless = 0;
        if self.fails() {
            after.notes.push(words::NO_MORE_CODE);
        } else if same {
            after.notes.push(words::SAME_AGAIN);
        }
        after
    }

    /// Counts a failure; true where it was the last one.
    pub fn fails(&mut self) -> bool {
        self.failures += 1;
        let last = self.failures >= self.failures_max && !self.over;
        self.over |= last;
        last
    }

    /// Counts a turn whose code was denied; true where it will not be asked for again.
    pub fn denied_round(&mut self) -> bool {
        self.denied_rounds += 1;
        let last = self.denied_rounds > self.denied_max && !self.over;
        self.over |= last;
        last
    }
}
