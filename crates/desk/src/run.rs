//! One execution or command as it is kept: who asked, where it runs, what it said, how it ended.

use crate::{
    After, DeskError, Events,
    log::{Log, outcome_of},
    record::Beginning,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use interpreter::{Caller, Context, Execution, Interrupter, Sandbox};
use protocol::{ContextId, EventKind, ExecutionId, Language, Outcome, SandboxId};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::{sync::mpsc, time::Instant};

const KILL: i32 = 9;

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Code in a context.
    Code,
    /// A program beside all contexts.
    Command,
}

/// An execution or a command.
pub struct Run {
    /// Its id.
    pub id: ExecutionId,
    /// What it is.
    pub kind: Kind,
    /// Where it runs; absent where it was refused before there was a sandbox.
    pub sandbox: Option<SandboxId>,
    /// The interpreter that runs it, where there is one.
    pub context: Option<ContextId>,
    /// Its language.
    pub language: Language,
    /// When it began.
    pub started_at: DateTime<Utc>,
    pub(crate) caller: Caller,
    pub(crate) log: Log,
    /// When it ended, for whoever removes old ones.
    pub(crate) ended: Mutex<Option<Instant>>,
    interrupter: Interrupter,
    whole: Whole,
    stdin: Mutex<Option<mpsc::Sender<Bytes>>>,
}

/// What ends with a run that is killed.
enum Whole {
    /// The sandbox that was made for it.
    Sandbox(Weak<Sandbox>),
    /// The context that it runs in.
    Context(Weak<Context>),
    /// The command's processes.
    Command,
}

impl Whole {
    fn of(execution: &Execution, alone: bool) -> Whole {
        match (execution.context(), execution.sandbox()) {
            (_, sandbox) if alone => Whole::Sandbox(sandbox.map(Arc::downgrade).unwrap_or_default()),
            (Some(context), _) => Whole::Context(Arc::downgrade(&context)),
            (None, _) => Whole::Command,
        }
    }
}

impl Run {
    /// `alone`: its sandbox was made for it.
    pub(crate) fn new(
        caller: &Caller,
        kind: Kind,
        execution: &Execution,
        alone: bool,
        stdin: Option<mpsc::Sender<Bytes>>,
    ) -> Arc<Run> {
        let context = execution.context();
        Arc::new(Run {
            id: execution.id().clone(),
            kind,
            sandbox: execution.sandbox().map(|sandbox| sandbox.id().clone()),
            language: execution.language(),
            context: context.map(|context| context.id().clone()),
            started_at: Utc::now(),
            caller: caller.clone(),
            log: Log::new(execution.id().clone()),
            ended: Mutex::new(None),
            interrupter: execution.interrupter(),
            whole: Whole::of(execution, alone),
            stdin: Mutex::new(stdin),
        })
    }

    /// Whoever asked for it.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What the journal is told of it first.
    pub(crate) fn beginning(&self) -> Beginning<'_> {
        Beginning {
            id: &self.id,
            caller: &self.caller,
            sandbox: self.sandbox.as_ref(),
            context: self.context.as_ref(),
            language: self.language,
        }
    }

    /// Its events, from the place after `after` on.
    pub fn events(self: &Arc<Self>, after: After) -> Events {
        Events::new(self.clone(), after)
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.log.outcome().and_then(|event| outcome_of(&event).cloned())
    }

    /// Waits for the end.
    pub async fn end(self: &Arc<Self>) -> Outcome {
        let mut seen = 0;
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            self.log.wait(seen).await;
            seen += 1;
        }
    }

    /// Asks it to stop; what does not stop is killed.
    pub fn interrupt(&self) {
        self.interrupter.interrupt();
    }

    /// Ends it at once, with everything that it started: a sandbox or a context that it ran in goes with it.
    pub async fn kill(&self) {
        match &self.whole {
            Whole::Sandbox(sandbox) => {
                if let Some(sandbox) = sandbox.upgrade() {
                    sandbox.destroy().await;
                }
            }
            Whole::Context(context) => {
                context.upgrade().inspect(|context| context.kill());
            }
            Whole::Command => {
                let _ = self.interrupter.signal(KILL);
            }
        }
    }

    /// Sends a signal to a command.
    ///
    /// # Errors
    /// When it is no command, or there is no such signal.
    pub fn signal(&self, signal: i32) -> Result<(), DeskError> {
        Ok(self.interrupter.signal(signal)?)
    }

    /// Sends standard input, and ends it where `end` says so. Waits while the command does not read.
    ///
    /// # Errors
    /// When it does not take any.
    pub async fn write_stdin(&self, bytes: Bytes, end: bool) -> Result<(), DeskError> {
        let sender = self.stdin.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let closed =
            || DeskError::Conflict { what: format!("write to {}: its standard input is not open", self.id) };
        let sender = sender.ok_or_else(closed)?;
        if !bytes.is_empty() {
            sender.send(bytes).await.map_err(|_| closed())?;
        }
        if end {
            self.close_stdin();
        }
        Ok(())
    }

    pub(crate) fn close_stdin(&self) {
        self.stdin.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Takes what it says until it ends; gives back the outcome.
    pub(crate) async fn follow(&self, execution: &mut Execution) -> Option<Outcome> {
        let mut joins = false;
        loop {
            let event = match joins {
                false => execution.next().await,
                true => match tokio::time::timeout(crate::log::JOINED_FOR, execution.next()).await {
                    Ok(event) => event,
                    Err(_) => {
                        self.log.flush();
                        joins = false;
                        continue;
                    }
                },
            };
            match event?.kind {
                EventKind::End { outcome } => return Some(*outcome),
                kind => joins = self.log.push(kind),
            }
        }
    }

    /// It has ended.
    pub(crate) fn finish(&self, outcome: Outcome) {
        self.close_stdin();
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.log.push(EventKind::End { outcome: Box::new(outcome) });
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}
