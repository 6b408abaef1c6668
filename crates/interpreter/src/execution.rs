//! One run of code as its caller sees it: events in order, then the outcome.

use crate::runner;
use crate::{
    Context, Error, Sandbox,
    outcome::{self, Facts, Finish, Verdict},
};
use protocol::{Event, EventKind, ExecutionId, Finding, Language, Outcome, Truncated, Usage};
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};
use tokio::sync::{Notify, mpsc};

/// Events that were made but not fetched yet; beyond that, output is joined into larger events.
pub(crate) const EVENTS: usize = 64;
const SIGNALS: RangeInclusive<i32> = 1..=31;

/// One run of code. Dropping it interrupts the code; the code does not wait for whoever reads this.
#[derive(Debug)]
pub struct Execution {
    id: ExecutionId,
    language: Language,
    context: Option<Arc<Context>>,
    sandbox: Option<Arc<Sandbox>>,
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
        let (language, sandbox) = (context.language(), Some(context.sandbox().clone()));
        Execution { id, language, context: Some(context), sandbox, events, interrupt, outcome: None }
    }

    /// A program that runs beside the contexts of a sandbox.
    pub(crate) fn command(
        id: ExecutionId,
        sandbox: Arc<Sandbox>,
        events: mpsc::Receiver<Event>,
        interrupt: Arc<Notify>,
    ) -> Execution {
        let (language, sandbox) = (Language::Bash, Some(sandbox));
        Execution { id, language, context: None, sandbox, events, interrupt, outcome: None }
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
        Execution { id, language, context: None, sandbox: None, events, interrupt, outcome: None }
    }

    /// Its id.
    pub fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// Its language; Bash for a command.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The context that it runs in; `None` for a command, and where the code was refused before there was one.
    pub fn context(&self) -> Option<Arc<Context>> {
        self.context.clone()
    }

    /// The sandbox that it runs in; `None` where the code was refused before there was one.
    pub fn sandbox(&self) -> Option<&Arc<Sandbox>> {
        self.sandbox.as_ref()
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
            command: false,
            failure: None,
        };
        bare(self.id.clone(), language, outcome::judge(facts))
    }

    /// Interrupts the code, as Ctrl-C does. Code that does not end within two seconds is killed with its context.
    pub fn interrupt(&self) {
        self.interrupter().interrupt();
    }

    /// What interrupts it and sends signals to it while somebody else reads its events.
    pub fn interrupter(&self) -> Interrupter {
        let command = self.sandbox.as_ref().filter(|_| self.context.is_none());
        let (id, interrupt) = (self.id.clone(), self.interrupt.clone());
        Interrupter { id, interrupt, command: command.map(Arc::downgrade) }
    }
}

/// Stops one execution; holds nothing alive.
#[derive(Debug, Clone)]
pub struct Interrupter {
    id: ExecutionId,
    interrupt: Arc<Notify>,
    command: Option<Weak<Sandbox>>,
}

impl Interrupter {
    /// As [`Execution::interrupt`].
    pub fn interrupt(&self) {
        self.interrupt.notify_one();
    }

    /// Sends a signal to a command and the processes of its group. One that has ended does not hear it.
    ///
    /// # Errors
    /// When it is no command, or there is no such signal.
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        check_signal(signal)?;
        let why = "only commands take signals; interrupt this one";
        let sandbox = self.command.as_ref().ok_or_else(|| unfit(signal, why))?;
        if let Some(sandbox) = sandbox.upgrade() {
            sandbox.wire().post(&runner::signal(&self.id, signal));
        }
        Ok(())
    }
}

/// Whether there is such a signal.
pub(crate) fn check_signal(signal: i32) -> Result<(), Error> {
    match SIGNALS.contains(&signal) {
        true => Ok(()),
        false => Err(unfit(signal, "signals have numbers from 1 to 31")),
    }
}

fn unfit(signal: i32, why: &str) -> Error {
    Error::Request { what: format!("signal {signal}"), why: why.to_owned() }
}

/// An outcome of which only the verdict is known.
pub(crate) fn bare(id: ExecutionId, language: Language, verdict: Verdict) -> Outcome {
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
