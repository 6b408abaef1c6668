//! Executions and commands: followed to their end, kept for a while after it.

use crate::{Desk, DeskError, Lease, Page, Run, Spare, Turn, Visitor, record::Line};
use interpreter::{Context, Execution, Sandbox};
use protocol::{ExecutionId, Outcome};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use tracing::Instrument;

/// How long an execution can be read after its end, and how much of them.
const KEPT_FOR: Duration = Duration::from_secs(600);
const KEPT_MAX: usize = 4096;
const KEPT_BYTES_MAX: usize = 128 << 20;

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
pub(crate) struct Holds {
    pub turn: Turn,
    pub line: Line,
    /// The sandbox that was made for it.
    pub own: Option<Own>,
    /// The sandbox that is kept otherwise.
    pub lease: Option<Lease>,
}

/// A sandbox that was made for one run.
pub(crate) struct Own {
    pub sandbox: Arc<Sandbox>,
    pub template: Option<String>,
    /// How long it is kept where files were left in it.
    pub keep: Option<Duration>,
}

impl Desk {
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

    pub(crate) fn keep(&self, run: Arc<Run>, mut execution: Execution, holds: Holds) -> Arc<Run> {
        self.metrics().start_seconds.observe(holds.turn.since.elapsed().as_secs_f64());
        self.runs().add(run.clone());
        let (desk, kept) = (self.clone(), run.clone());
        let task = async move {
            desk.record().begins(kept.beginning(), &holds.line);
            let context = execution.context();
            let outcome = kept.follow(&mut execution).await;
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => execution.outcome().await,
            };
            desk.settle(&kept, outcome, context, holds).await;
        };
        tracing::debug!(execution = %run.id, sandbox = ?run.sandbox, "began");
        tokio::spawn(task.in_current_span());
        run
    }

    async fn settle(&self, run: &Run, outcome: Outcome, context: Option<Arc<Context>>, holds: Holds) {
        let Holds { turn, own, lease, .. } = holds;
        turn.visitor.allowance.use_cpu(outcome.usage.cpu_ms);
        self.record().ends(&outcome);
        self.metrics().ended(run.kind, &outcome);
        tracing::debug!(execution = %outcome.id, status = ?outcome.status, wall_ms = outcome.usage.wall_ms, "ended");
        let context = context.filter(|_| outcome.context_alive);
        let left_files = !outcome.files.is_empty();
        let Some(Own { sandbox, template, keep }) = own else {
            drop(lease);
            return run.finish(outcome);
        };
        match keep.filter(|_| left_files && sandbox.is_alive()) {
            Some(ttl) => {
                let spare = Spare { sandbox: sandbox.clone(), context, template, ttl };
                let kept = self.keep_spare(turn, spare).await;
                run.finish(outcome);
                if kept.is_none() {
                    sandbox.destroy().await;
                }
            }
            None => {
                run.finish(outcome);
                sandbox.destroy().await;
            }
        }
    }
}
