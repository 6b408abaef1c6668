//! Executions and commands: begun when it is their turn, followed to their end, kept for a while after it.

use crate::{Desk, DeskError, Kind, Lease, Page, Run, Visitor, Want, queue::Permit, record::Line};
use bytes::Bytes;
use interpreter::{
    Caller, CommandRequest, Context, ExecuteRequest, Execution, Place, Program, Sandbox, SandboxRequest,
    Stdin,
};
use protocol::{ContextId, ExecutionId, Limits, Outcome, SandboxId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

/// How long an execution can be read after its end, and how much of them.
const KEPT_FOR: Duration = Duration::from_secs(600);
const KEPT_MAX: usize = 4096;
const KEPT_BYTES_MAX: usize = 256 << 20;
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

/// What shall run, and where.
pub enum Work {
    /// Code in a sandbox of its own, with these files.
    Fresh(SandboxRequest, Vec<File>),
    /// Code in a context of a sandbox that is kept.
    Context(SandboxId, ContextId),
}

/// One run of code.
pub struct Begin {
    /// Where it runs.
    pub work: Work,
    /// The code, its policy and its own limits; its place is not looked at.
    pub request: ExecuteRequest,
}

/// All that run or ended lately.
#[derive(Default)]
pub(crate) struct Runs {
    runs: Mutex<HashMap<ExecutionId, Arc<Run>>>,
}

impl Runs {
    fn runs(&self) -> MutexGuard<'_, HashMap<ExecutionId, Arc<Run>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, run: Arc<Run>) {
        self.runs().insert(run.id.clone(), run);
    }

    /// Those that run.
    pub fn running(&self) -> Vec<Arc<Run>> {
        self.runs().values().filter(|run| run.log.outcome().is_none()).cloned().collect()
    }

    /// Forgets those that ended long ago, and the oldest where there are too many.
    pub fn forget_old(&self) {
        let mut runs = self.runs();
        let ended = |run: &Arc<Run>| *run.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old: Vec<(Instant, ExecutionId, usize)> =
            runs.values().filter_map(|run| Some((ended(run)?, run.id.clone(), run.log.bytes()))).collect();
        old.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let (mut count, mut bytes) = (0, 0);
        for (at, id, size) in old {
            count += 1;
            bytes += size;
            if at.elapsed() >= KEPT_FOR || count > KEPT_MAX || bytes > KEPT_BYTES_MAX {
                runs.remove(&id);
            }
        }
    }
}

/// What an execution holds while it runs, beside itself.
struct Holds {
    visitor: Visitor,
    line: Line,
    /// Its sandbox is needed by nobody else.
    own: Option<Arc<Sandbox>>,
    _lease: Option<Lease>,
    _permit: Permit,
}

impl Desk {
    /// Runs code when it is its turn.
    ///
    /// # Errors
    /// When there is nothing to run it in, the request contradicts itself, or it is not its turn for too long.
    pub async fn execute(&self, visitor: &Visitor, begin: Begin) -> Result<Arc<Run>, DeskError> {
        let Begin { work, mut request } = begin;
        if let Work::Fresh(fresh, _) = &work {
            self.settings().ceiling.check(&fresh.limits)?;
        }
        let (lease, context) = match &work {
            Work::Fresh(..) => (None, None),
            Work::Context(sandbox, context) => {
                let lease = self.sandbox(visitor, sandbox)?;
                let context = lease.context(context)?;
                (Some(lease), Some(context))
            }
        };
        let permit = match (&work, &lease) {
            (Work::Fresh(fresh, _), _) => {
                self.admit(visitor, &fresh.limits, fresh.limits.memory_bytes).await?
            }
            (_, Some(lease)) => self.admit(visitor, lease.sandbox().limits(), 0).await?,
            (_, None) => self.admit(visitor, &Limits::default(), 0).await?,
        };
        let turn = Instant::now();
        let mut own = None;
        request.place = match (work, context) {
            (_, Some(context)) => Place::Context(context),
            (Work::Fresh(fresh, files), _) if files.is_empty() || self.denies(&request) => {
                Place::Fresh(fresh)
            }
            (Work::Fresh(fresh, files), _) => {
                let sandbox = self.furnished(visitor.caller(), fresh, files).await?;
                own = Some(sandbox.clone());
                Place::Sandbox(sandbox)
            }
            (Work::Context(sandbox, _), None) => {
                return Err(DeskError::NotFound { what: format!("the sandbox {sandbox}") });
            }
        };
        let code = String::from_utf8_lossy(&request.code).into_owned();
        let fresh = matches!(request.place, Place::Fresh(_));
        let execution = self.interpreter().execute(visitor.caller(), request).await?;
        self.metrics().start_seconds.observe(turn.elapsed().as_secs_f64());
        if fresh {
            own = execution.sandbox().cloned();
        }
        let run = Run::new(visitor.caller(), Kind::Code, &execution, None);
        let line = Line { code, command: false };
        let holds = Holds { visitor: visitor.clone(), line, own, _lease: lease, _permit: permit };
        Ok(self.keep(run, execution, holds))
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
        mut request: CommandRequest,
        open: bool,
    ) -> Result<Arc<Run>, DeskError> {
        let lease = self.sandbox(visitor, sandbox)?;
        let permit = self.admit(visitor, lease.sandbox().limits(), 0).await?;
        let code = match &request.program {
            Program::Shell(line) => line.clone(),
            Program::Argv(argv) => argv.join(" "),
        };
        let stdin = open.then(|| {
            let (sender, source) = mpsc::channel(STDIN_PIECES);
            request.stdin = Stdin::Piped(source);
            sender
        });
        let execution = self.interpreter().command(visitor.caller(), lease.sandbox(), request).await?;
        let run = Run::new(visitor.caller(), Kind::Command, &execution, stdin);
        let line = Line { code, command: true };
        let holds = Holds { visitor: visitor.clone(), line, own: None, _lease: Some(lease), _permit: permit };
        Ok(self.keep(run, execution, holds))
    }

    /// An execution or a command of the visitor's.
    ///
    /// # Errors
    /// When there is none of that id, also when it is somebody else's or ended long ago.
    pub fn run(&self, visitor: &Visitor, id: &ExecutionId) -> Result<Arc<Run>, DeskError> {
        let found = self.runs().runs().get(id).filter(|run| run.caller() == visitor.caller()).cloned();
        found.ok_or_else(|| DeskError::NotFound { what: format!("the execution {id}") })
    }

    /// The visitor's executions and commands, in the order of their ids, after the one named `after`.
    pub fn list_runs(
        &self,
        visitor: &Visitor,
        wanted: impl Fn(&Run) -> bool,
        after: Option<&ExecutionId>,
        limit: usize,
    ) -> Page<Arc<Run>> {
        let runs = self.runs().runs();
        let own = runs.values().filter(|run| run.caller() == visitor.caller() && wanted(run));
        let mut own: Vec<&Arc<Run>> = own.filter(|run| after.is_none_or(|after| &run.id > after)).collect();
        own.sort_by(|one, other| one.id.cmp(&other.id));
        Page::cut(own.into_iter().cloned(), limit, |run| run.id.to_string())
    }

    /// Interrupts what runs in a context, if anything does.
    pub fn interrupt_context(&self, visitor: &Visitor, context: &Context) -> Option<Arc<Run>> {
        let here = |run: &&Arc<Run>| {
            run.caller() == visitor.caller()
                && run.context.as_ref() == Some(context.id())
                && run.log.outcome().is_none()
        };
        let found = self.runs().runs().values().find(here).cloned()?;
        found.interrupt();
        Some(found)
    }

    pub(crate) async fn admit(
        &self,
        visitor: &Visitor,
        limits: &Limits,
        memory_bytes: u64,
    ) -> Result<Permit, DeskError> {
        let allowance = &visitor.allowance;
        allowance.check_cpu().map_err(|retry_after| DeskError::CpuUsedUp { retry_after })?;
        let want = Want { cpu_millis: limits.cpu_millis.into(), memory_bytes, executions: 1 };
        let asked = Instant::now();
        let permit = self.queue().admit(visitor.caller(), want, allowance.executions_max()).await;
        self.metrics().queue_seconds.observe(asked.elapsed().as_secs_f64());
        permit
    }

    fn denies(&self, request: &ExecuteRequest) -> bool {
        let policy = request.policy.as_ref().unwrap_or(&self.settings().policy);
        let text = String::from_utf8_lossy(&request.code);
        policy::check(policy, request.language, &text).denied
    }

    /// A sandbox with files in it.
    async fn furnished(
        &self,
        caller: &Caller,
        request: SandboxRequest,
        files: Vec<File>,
    ) -> Result<Arc<Sandbox>, DeskError> {
        let sandbox = self.interpreter().create_sandbox(caller, request).await?;
        for file in files {
            sandbox.files().write(&file.path, &file.bytes[..], 0o644).await?;
        }
        Ok(sandbox)
    }

    fn keep(&self, run: Arc<Run>, mut execution: Execution, holds: Holds) -> Arc<Run> {
        self.runs().add(run.clone());
        let (desk, kept) = (self.clone(), run.clone());
        tokio::spawn(async move {
            desk.record().begins(&kept, &holds.line);
            let outcome = kept.follow(&mut execution).await;
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => execution.outcome().await,
            };
            desk.settle(&kept, outcome, holds).await;
        });
        run
    }

    async fn settle(&self, run: &Arc<Run>, outcome: Outcome, holds: Holds) {
        holds.visitor.allowance.use_cpu(outcome.usage.cpu_ms);
        self.record().ends(&outcome);
        self.metrics().ended(run.kind, &outcome);
        tracing::debug!(execution = %outcome.id, status = ?outcome.status, wall_ms = outcome.usage.wall_ms, "ended");
        run.finish(outcome);
        if let Some(own) = holds.own {
            own.destroy().await;
        }
    }
}
