//! How executions and commands begin: they wait for their turn, find or get a sandbox, and run.

use crate::{
    Desk, DeskError, Kind, Lease, Run, Visitor, Want,
    queue::Permit,
    record::Line,
    runs::{Holds, Own},
};
use bytes::Bytes;
use interpreter::{
    CommandRequest, Context, ExecuteRequest, Execution, Place, Program, Sandbox, SandboxRequest, Stdin,
};
use protocol::{ContextId, Language, Limits, SandboxId};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tracing::Instrument;

/// Standard input that waits for its command, in pieces.
const STDIN_PIECES: usize = 4;

/// A file that is in a sandbox before its code runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where: absolute, or below `/workspace`.
    pub path: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl File {
    /// Writes all of these.
    ///
    /// # Errors
    /// When one cannot be written; those before it are there.
    pub async fn write_all(sandbox: &Sandbox, files: &[File]) -> Result<(), interpreter::Error> {
        for file in files {
            sandbox.files().write(&file.path, &file.bytes[..], 0o644).await?;
        }
        Ok(())
    }
}

/// A sandbox for one run.
#[derive(Debug)]
pub struct Alone {
    /// What it shall be.
    pub sandbox: SandboxRequest,
    /// What is in it before.
    pub files: Vec<File>,
    /// How long it is kept afterwards where the run left files in it, as one that gives way.
    pub keep: Option<Duration>,
}

/// Where code shall run.
pub enum Work {
    /// In a sandbox of its own.
    Fresh(Alone),
    /// In a context of a sandbox that is kept.
    Context(SandboxId, ContextId),
}

/// One run of code.
pub struct Begin {
    /// Where it runs.
    pub work: Work,
    /// The code, its policy and its own limits; its place is not looked at.
    pub request: ExecuteRequest,
}

/// The right to run something now; given back on drop.
pub struct Turn {
    pub(crate) visitor: Visitor,
    pub(crate) permit: Permit,
    pub(crate) since: Instant,
}

impl Desk {
    /// Waits for the turn of a run in a sandbox of its own. Whoever goes away waits no longer.
    ///
    /// # Errors
    /// When too much waits, it waits too long, or the visitor's CPU time is used up.
    pub async fn turn_alone(&self, visitor: &Visitor, limits: &Limits) -> Result<Turn, DeskError> {
        self.settings().ceiling.check(limits)?;
        self.free_memory(Want { memory_bytes: limits.memory_bytes, ..Want::default() });
        self.turn(visitor, limits, limits.memory_bytes).await
    }

    /// Waits for the turn of a run in a sandbox that is kept.
    ///
    /// # Errors
    /// As for [`Desk::turn_alone`].
    pub async fn turn_in(&self, visitor: &Visitor, lease: &Lease) -> Result<Turn, DeskError> {
        self.turn(visitor, lease.sandbox().limits(), 0).await
    }

    /// Waits for the turn of something that makes its sandboxes later.
    ///
    /// # Errors
    /// As for [`Desk::turn_alone`].
    pub(crate) async fn turn_beside(&self, visitor: &Visitor, limits: &Limits) -> Result<Turn, DeskError> {
        self.settings().ceiling.check(limits)?;
        self.turn(visitor, limits, 0).await
    }

    async fn turn(&self, visitor: &Visitor, limits: &Limits, memory_bytes: u64) -> Result<Turn, DeskError> {
        let allowance = &visitor.allowance;
        allowance.check_cpu().map_err(|retry_after| DeskError::CpuUsedUp { retry_after })?;
        let want = Want { cpu_millis: limits.cpu_millis.into(), memory_bytes, executions: 1 };
        let asked = Instant::now();
        let permit = self.queue().admit(visitor.caller(), want, allowance.executions_max()).await;
        let since = Instant::now();
        self.metrics().queue_seconds.observe((since - asked).as_secs_f64());
        Ok(Turn { visitor: visitor.clone(), permit: permit?, since })
    }

    /// Runs code when it is its turn.
    ///
    /// # Errors
    /// When there is nothing to run it in, the request contradicts itself, or it is not its turn for too long.
    pub async fn execute(&self, visitor: &Visitor, begin: Begin) -> Result<Arc<Run>, DeskError> {
        let Begin { work, request } = begin;
        match work {
            Work::Fresh(alone) => {
                let turn = self.turn_alone(visitor, &alone.sandbox.limits).await?;
                self.execute_alone(turn, alone, request).await
            }
            Work::Context(sandbox, context) => {
                let lease = self.sandbox_awake(visitor, &sandbox).await?;
                let context = lease.context(&context)?;
                let turn = self.turn_in(visitor, &lease).await?;
                let desk = self.clone();
                wanted(async move { desk.execute_in(turn, lease, context, request).await }).await
            }
        }
    }

    /// Runs code in a sandbox of its own. Whoever goes away before it runs leaves nothing.
    ///
    /// # Errors
    /// When there can be no sandbox, or the request contradicts itself.
    pub async fn execute_alone(
        &self,
        turn: Turn,
        alone: Alone,
        mut request: ExecuteRequest,
    ) -> Result<Arc<Run>, DeskError> {
        let Alone { sandbox: fresh, files, keep } = alone;
        let template = fresh.template.clone();
        let text = String::from_utf8_lossy(&request.code).into_owned();
        let denied = || self.denies(request.policy.as_deref(), request.language, &text);
        request.place = match files.is_empty() || denied() {
            true => Place::Fresh(fresh),
            false => Place::Sandbox(self.furnished(&turn, fresh, files).await?),
        };
        let execution = self.interpreter().execute(turn.visitor.caller(), request).await?;
        let own = execution.sandbox().map(|sandbox| Own { sandbox: sandbox.clone(), template, keep });
        let run = Run::new(turn.visitor.caller(), Kind::Code, &execution, true, None);
        let line = Line { code: text, command: false };
        Ok(self.keep(run, execution, Holds { turn, line, own, lease: None }))
    }

    /// Runs code in a context of a sandbox that is kept. To be waited for: half a beginning cannot be undone.
    ///
    /// # Errors
    /// When something runs there, or the request contradicts itself.
    pub async fn execute_in(
        &self,
        turn: Turn,
        lease: Lease,
        context: Arc<Context>,
        mut request: ExecuteRequest,
    ) -> Result<Arc<Run>, DeskError> {
        self.settings().ceiling.check_timeout(request.timeout_ms)?;
        lease.claim();
        let line = Line { code: String::from_utf8_lossy(&request.code).into_owned(), command: false };
        if let Some(past) = lease.past_of(context.id())
            && !context.is_busy()
            && !self.denies(request.policy.as_deref(), request.language, &line.code)
        {
            // The execution is what was asked for: it does without a way back.
            let _ = past.lock().await.keep(&context).await;
        }
        request.place = Place::Context(context);
        let execution = self.interpreter().execute(turn.visitor.caller(), request).await?;
        let run = Run::new(turn.visitor.caller(), Kind::Code, &execution, false, None);
        Ok(self.keep(run, execution, Holds { turn, line, own: None, lease: Some(lease) }))
    }

    /// Runs a command in a sandbox that is kept, when it is its turn. Its standard input stays open where `open` says
    /// so; otherwise that of the request counts.
    ///
    /// # Errors
    /// When the sandbox is not there, the request contradicts itself, or it is not its turn for too long.
    pub async fn command(
        &self,
        visitor: &Visitor,
        sandbox: &SandboxId,
        request: CommandRequest,
        open: bool,
    ) -> Result<Arc<Run>, DeskError> {
        let lease = self.sandbox(visitor, sandbox)?;
        let turn = self.turn_in(visitor, &lease).await?;
        let desk = self.clone();
        wanted(async move { desk.command_in(turn, lease, request, open).await }).await
    }

    /// The same in its turn. To be waited for: half a beginning cannot be undone.
    ///
    /// # Errors
    /// When the request contradicts itself, or the sandbox is gone.
    pub async fn command_in(
        &self,
        turn: Turn,
        lease: Lease,
        mut request: CommandRequest,
        open: bool,
    ) -> Result<Arc<Run>, DeskError> {
        self.settings().ceiling.check_timeout(request.timeout_ms)?;
        lease.claim();
        let line = Line { code: line_of(&request.program), command: true };
        let stdin = open.then(|| {
            let (sender, source) = mpsc::channel(STDIN_PIECES);
            request.stdin = Stdin::Piped(source);
            sender
        });
        let execution = self.interpreter().command(turn.visitor.caller(), lease.sandbox(), request).await?;
        let run = Run::new(turn.visitor.caller(), Kind::Command, &execution, false, stdin);
        Ok(self.keep(run, execution, Holds { turn, line, own: None, lease: Some(lease) }))
    }

    /// Runs a command in a sandbox of its own. Whoever goes away before it runs leaves nothing.
    ///
    /// # Errors
    /// When there can be no sandbox, or the request contradicts itself.
    pub async fn command_alone(
        &self,
        turn: Turn,
        alone: Alone,
        request: CommandRequest,
    ) -> Result<Arc<Run>, DeskError> {
        let Alone { sandbox: fresh, files, keep } = alone;
        let text = line_of(&request.program);
        let caller = turn.visitor.caller();
        let (execution, own) = if self.denies(request.policy.as_deref(), Language::Bash, &text) {
            (self.denied(&turn, &text, request, fresh).await?, None)
        } else {
            let template = fresh.template.clone();
            let sandbox = self.furnished(&turn, fresh, files).await?;
            let execution = self.interpreter().command(caller, &sandbox, request).await?;
            (execution, Some(Own { sandbox, template, keep }))
        };
        let run = Run::new(caller, Kind::Command, &execution, true, None);
        let line = Line { code: text, command: true };
        Ok(self.keep(run, execution, Holds { turn, line, own, lease: None }))
    }

    /// The end of a command that is denied: the door says so before there is a sandbox.
    async fn denied(
        &self,
        turn: &Turn,
        text: &str,
        request: CommandRequest,
        fresh: SandboxRequest,
    ) -> Result<Execution, DeskError> {
        let mut code = ExecuteRequest::new(text, Language::Bash, Place::Fresh(fresh));
        code.policy = request.policy;
        Ok(self.interpreter().execute(turn.visitor.caller(), code).await?)
    }

    fn denies(&self, policy: Option<&policy::Policy>, language: Language, text: &str) -> bool {
        policy::check(policy.unwrap_or(&self.settings().policy), language, text).denied
    }

    /// A sandbox with files in it.
    async fn furnished(
        &self,
        turn: &Turn,
        request: SandboxRequest,
        files: Vec<File>,
    ) -> Result<Arc<Sandbox>, DeskError> {
        let sandbox = self.interpreter().create_sandbox(turn.visitor.caller(), request).await?;
        File::write_all(&sandbox, &files).await?;
        Ok(sandbox)
    }
}

/// Begins by a task of its own, which half undone would not be; interrupts what nobody waits for any more.
async fn wanted(
    begin: impl Future<Output = Result<Arc<Run>, DeskError>> + Send + 'static,
) -> Result<Arc<Run>, DeskError> {
    let (sender, begun) = oneshot::channel();
    let task = async move { drop(sender.send(begin.await.map(|run| Begun(Some(run))))) };
    tokio::spawn(task.in_current_span());
    let mut begun = begun.await.unwrap_or(Err(DeskError::Closing))?;
    begun.0.take().ok_or(DeskError::Closing)
}

/// A run that nobody has taken yet. It may also be dropped on its way to whoever waited.
struct Begun(Option<Arc<Run>>);

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(unwanted) = &self.0 {
            unwanted.interrupt();
        }
    }
}

/// A program as the journal shows it.
pub(crate) fn line_of(program: &Program) -> String {
    match program {
        Program::Shell(line) => line.clone(),
        Program::Argv(argv) => argv.join(" "),
    }
}
