//! One piece of code: the policy's verdict, a place, the run, its outcome. Everything is told as it happens.

use super::{
    NoSandbox,
    ask::Ask,
    end::Ended,
    place::{Begun, Wish},
    race,
};
use interpreter::{ExecuteRequest, Execution};
use protocol::{
    AgentEvent, Category, CodeRun, ExecutionId, Language, Outcome, OutcomeError, Status, Truncated, Usage,
};
use std::future::Future;
use tokio::time::Instant;

/// What ran, or was denied.
pub(super) struct Ran {
    pub outcome: Outcome,
    /// What the model has to know about where it ran.
    pub notes: Vec<&'static str>,
    /// The answer ends with it.
    pub ended: Option<Ended>,
}

/// Code with the call that asked for it.
pub(super) struct Piece<'a> {
    pub call: &'a str,
    pub code: &'a str,
    pub language: Language,
    pub timeout_ms: Option<u64>,
}

impl Ask<'_> {
    /// Runs code, if the policy lets it; what became of it is in the answer's executions.
    pub(super) async fn run(&mut self, piece: &Piece<'_>) -> Ran {
        let attempt = self.attempt();
        let (call, code, language) = (piece.call.to_owned(), piece.code.to_owned(), piece.language);
        let turn = self.turn();
        self.tell(AgentEvent::Code { turn, call: call.clone(), attempt, language, code: code.clone() });
        let verdict = policy::check(&self.setup.policy, language, piece.code);
        let findings = verdict.findings.clone();
        self.tell(AgentEvent::Verdict { call: call.clone(), denied: verdict.denied, findings });
        let ran = match (race::take(&mut self.prepared, piece.code), verdict.denied) {
            (Some(prepared), _) => self.ran_before(piece.call, prepared),
            (None, true) => self.denied(piece).await,
            (None, false) => self.allowed(piece).await,
        };
        let outcome = ran.outcome.clone();
        self.answer.code_attempts += u32::from(outcome.sandbox.is_some());
        self.answer.executions.push(CodeRun { call, attempt, language, code, outcome });
        ran
    }

    /// The number of the execution that comes next.
    pub(super) fn attempt(&self) -> u32 {
        self.answer.executions.len() as u32 + 1
    }

    /// The door denies it once more, without a sandbox, and makes the outcome.
    async fn denied(&mut self, piece: &Piece<'_>) -> Ran {
        let place = self.memory.place.denied(self.setup, piece.language);
        let request = ExecuteRequest {
            policy: Some(self.setup.policy.clone()),
            ..ExecuteRequest::new(piece.code, piece.language, place)
        };
        match self.setup.interpreter.execute(&self.setup.caller, request).await {
            Ok(execution) => {
                Ran { outcome: self.drive(execution, piece.call).await, notes: Vec::new(), ended: None }
            }
            Err(error) => nowhere(piece.language, error.into()),
        }
    }

    async fn allowed(&mut self, piece: &Piece<'_>) -> Ran {
        let longest = self.setup.room.limits.timeout_ms;
        let timeout_ms = piece.timeout_ms.unwrap_or(longest).min(longest);
        let timeout_ms = self.budget.left_ms().map_or(timeout_ms, |left| timeout_ms.min(left)).max(1);
        let wish = Wish { code: piece.code, language: piece.language, timeout_ms, again: false };
        let ended = self.ended();
        let begun = tokio::select! {
            biased;
            ended = ended => {
                let why = NoSandbox { code: ended.error.code.clone(), message: "wait for a sandbox".to_owned(), hint: None };
                return Ran { ended: Some(ended), ..nowhere(piece.language, why) };
            }
            begun = self.memory.place.begin(self.setup, wish) => begun,
        };
        let Begun { execution, note } = match begun {
            Ok(begun) => begun,
            Err(why) => return nowhere(piece.language, why),
        };
        let outcome = self.drive(execution, piece.call).await;
        let notes = note.into_iter().chain(self.memory.place.after(&outcome)).collect();
        let ended = self.is_cancelled().then(Ended::cancelled);
        Ran { outcome, notes, ended }
    }

    /// Tells the events of an execution until its end; interrupts it when the answer has to end.
    async fn drive(&mut self, mut execution: Execution, call: &str) -> Outcome {
        let ended = self.ended();
        tokio::pin!(ended);
        let mut interrupted = false;
        loop {
            tokio::select! {
                event = execution.next() => match event {
                    Some(event) => self.tell(AgentEvent::Execution { call: call.to_owned(), event }),
                    None => return execution.outcome().await,
                },
                _ = &mut ended, if !interrupted => {
                    execution.interrupt();
                    interrupted = true;
                }
            }
        }
    }

    /// Waits until the caller gives up or time is up.
    pub(super) fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        let (mut cancelled, deadline) = (self.cancelled.clone(), self.budget.deadline);
        async move {
            let time = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(Instant::from_std(deadline)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Whoever drops the other end has given up too.
                _ = cancelled.wait_for(|cancelled| *cancelled) => Ended::cancelled(),
                () = time => Ended::deadline(),
            }
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow() || self.cancelled.has_changed().is_err()
    }
}

/// There was nothing to run it in: the answer ends, and its executions say why.
fn nowhere(language: Language, why: NoSandbox) -> Ran {
    let error = OutcomeError {
        category: Category::Sandbox,
        name: "NoSandbox".to_owned(),
        message: why.message.clone(),
        traceback: Vec::new(),
        line: None,
        retryable: false,
        hint: why.hint.clone(),
    };
    let outcome = Outcome {
        id: ExecutionId::from_bits(interpreter::random_bits()),
        sandbox: None,
        context: None,
        language,
        status: Status::Lost,
        exit_code: 127,
        stdout: String::new(),
        stderr: String::new(),
        results: Vec::new(),
        error: Some(error),
        files: Vec::new(),
        truncated: Truncated::default(),
        usage: Usage::default(),
        findings: Vec::new(),
        context_alive: false,
        isolation: None,
    };
    Ran { outcome, notes: Vec::new(), ended: Some(Ended::sandbox(why)) }
}
