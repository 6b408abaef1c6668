//! One run of code as its caller sees it: events in order, then the outcome.

use crate::{
    Context, Sandbox,
    outcome::{self, Facts, Finish, Verdict},
};
use protocol::{Event, EventKind, ExecutionId, Finding, Language, Outcome, Truncated, Usage};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// Events that were made but not fetched yet; beyond that, output is joined into larger events.
pub(crate) const EVENTS: usize = 64;

/// One run of code. Dropping it interrupts the code; the code does not wait for whoever reads this.
#[derive(Debug)]
pub struct Execution {
    id: ExecutionId,
    language: Language,
    context: Option<Arc<Context>>,
    events: mpsc::Receiver<Event>,
    interrupt: Arc<Notify>,
    outcome: Option<Outcome>,
}

impl Execution {
    pub(crate) fn new(
        id: ExecutionId,
        context: Arc<Context>,
        events: mpsc::Receiver<Event>,
        interrupt: Arc<Notify>,
    ) -> Execution {
        let language = context.language();
        Execution { id, language, context: Some(context), events, interrupt, outcome: None }
    }

    /// An execution that ended before it began.
    pub(crate) fn ended(
        id: ExecutionId,
        language: Language,
        verdict: Verdict,
        findings: Vec<Finding>,
    ) -> Execution {
        let (sender, events) = mpsc::channel(2);
        let outcome = Outcome { findings, ..bare(id.clone(), language, verdict) };
        let error = outcome.error.clone().map(|error| EventKind::Error { error });
        let end = EventKind::End { outcome: Box::new(outcome) };
        for (seq, kind) in error.into_iter().chain([end]).enumerate() {
            let _ = sender.try_send(Event { execution: id.clone(), seq: seq as u64, kind });
        }
        let interrupt = Arc::new(Notify::new());
        Execution { id, language, context: None, events, interrupt, outcome: None }
    }

    /// Its id.
    pub fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// The context that it runs in; `None` where the code was refused before there was one.
    pub fn context(&self) -> Option<Arc<Context>> {
        self.context.clone()
    }

    /// The sandbox that it runs in; `None` where the code was refused before there was one.
    pub fn sandbox(&self) -> Option<&Arc<Sandbox>> {
        self.context.as_ref().map(|context| context.sandbox())
    }

    /// The next event, in order; the last is `End`, after it comes `None`.
    pub async fn next(&mut self) -> Option<Event> {
        let event = self.events.recv().await?;
        if let EventKind::End { outcome } = &event.kind {
            self.outcome = Some(Outcome::clone(outcome));
        }
        Some(event)
    }

    /// The outcome; passes over events that were not fetched.
    pub async fn outcome(mut self) -> Outcome {
        if let Some(outcome) = self.outcome.take() {
            return outcome;
        }
        while let Some(event) = self.events.recv().await {
            if let EventKind::End { outcome } = event.kind {
                return *outcome;
            }
        }
        let finish = Finish::Lost("its supervision ended".to_owned());
        let language = self.language;
        let facts = Facts {
            finish,
            stop: None,
            raised: None,
            oom: false,
            memory_bytes: 0,
            language,
            one_shot: false,
            failure: None,
        };
        bare(self.id.clone(), language, outcome::judge(facts))
    }

    /// Interrupts the code, as Ctrl-C does. Code that does not end within two seconds is killed with its context.
    pub fn interrupt(&self) {
        self.interrupt.notify_one();
    }
}

fn bare(id: ExecutionId, language: Language, verdict: Verdict) -> Outcome {
    Outcome {
        id,
        sandbox: None,
        context: None,
        language,
        status: verdict.status,
        exit_code: verdict.exit_code,
        stdout: String::new(),
        stderr: String::new(),
        results: Vec::new(),
        error: verdict.error,
        files: Vec::new(),
        truncated: Truncated::default(),
        usage: Usage::default(),
        findings: Vec::new(),
        context_alive: verdict.context_alive,
        isolation: None,
    }
}
