//! The desk itself: what all its parts share.

use crate::{
    Ceiling, DeskError, Machine, Metrics, QueueState, Visitor,
    once::Once,
    questions::Talks,
    queue::{Bounds, Queue},
    reaper,
    record::Record,
    runs::Runs,
    sandboxes::Sandboxes,
};
use interpreter::{Interpreter, SandboxRequest, Stock, Warm};
use journal::{Journal, RunEntry, RunSummary};
use policy::Policy;
use protocol::ExecutionId;
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How a desk is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is shared out.
    pub machine: Machine,
    /// Requests that wait at most.
    pub waiting_max: usize,
    /// How long one waits at most.
    pub wait_max: Duration,
    /// Sandboxes that are kept at most.
    pub sandboxes_max: usize,
    /// How long a sandbox is kept without being used, where its caller says nothing.
    pub ttl: Duration,
    /// How much one sandbox may be given at most.
    pub ceiling: Ceiling,
    /// What code may do where a request brings no policy of its own; the interpreter's.
    pub policy: Arc<Policy>,
    /// Where executions are written down.
    pub journal: Option<Journal>,
    /// A folder for the locks of servers that write there.
    pub locks: PathBuf,
    /// Sandboxes that are ready before anybody asks for them, of each kind so many.
    pub warm: Vec<(SandboxRequest, Stock)>,
}

/// The desk. Clones share everything.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
}

struct Shared {
    interpreter: Interpreter,
    settings: Settings,
    queue: Queue,
    sandboxes: Sandboxes,
    runs: Runs,
    once: Once,
    talks: Talks,
    record: Record,
    warm: Mutex<Vec<Warm>>,
    metrics: Metrics,
    closing: AtomicBool,
}

impl Desk {
    /// In front of this interpreter. Must be called inside the runtime.
    pub async fn open(interpreter: Interpreter, settings: Settings) -> Desk {
        let record = match &settings.journal {
            Some(journal) => Record::open(journal.clone(), &settings.locks).await,
            None => Record::none(),
        };
        let bounds = Bounds {
            whole: settings.machine.promised(),
            waiting_max: settings.waiting_max,
            wait_max: settings.wait_max,
        };
        let (sandboxes, runs, once, talks) = Default::default();
        let (queue, closing) = (Queue::new(bounds), AtomicBool::new(false));
        let metrics = Metrics::new();
        let warm = Mutex::new(warmed(&interpreter, &settings.warm));
        let shared = Shared {
            interpreter,
            settings,
            queue,
            sandboxes,
            runs,
            once,
            talks,
            record,
            warm,
            metrics,
            closing,
        };
        let desk = Desk { shared: Arc::new(shared) };
        tokio::spawn(reaper::reap(WeakDesk(Arc::downgrade(&desk.shared))));
        desk
    }

    /// What runs the code.
    pub fn interpreter(&self) -> &Interpreter {
        &self.shared.interpreter
    }

    /// How it was set up.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// How much waits and runs.
    pub fn queue_state(&self) -> QueueState {
        self.shared.queue.look()
    }

    /// Sandboxes that are kept.
    pub fn sandbox_count(&self) -> usize {
        self.shared.sandboxes.count()
    }

    /// Whether it begins nothing any more.
    pub fn is_closing(&self) -> bool {
        self.shared.closing.load(Ordering::Acquire)
    }

    /// The visitor's executions in the journal, the newest first; `before` continues after the last one of a page.
    ///
    /// # Errors
    /// When there is no journal, or it cannot be read.
    pub async fn recorded(
        &self,
        visitor: &Visitor,
        limit: u32,
        before: Option<&ExecutionId>,
    ) -> Result<Vec<RunSummary>, DeskError> {
        Ok(self.journal()?.runs(&visitor.caller().0, limit, before).await?)
    }

    /// One execution in the journal with everything.
    ///
    /// # Errors
    /// When there is no journal, it cannot be read, or there is none of that id.
    pub async fn recorded_one(&self, visitor: &Visitor, id: &ExecutionId) -> Result<RunEntry, DeskError> {
        Ok(self.journal()?.run(&visitor.caller().0, id).await?)
    }

    /// The journal.
    ///
    /// # Errors
    /// When there is none.
    pub fn journal(&self) -> Result<&Journal, DeskError> {
        self.shared.record.journal.as_ref().ok_or(DeskError::NoJournal)
    }

    /// Sandboxes that are ready and nobody's.
    pub fn warm_count(&self) -> usize {
        self.warm().iter().map(Warm::count).sum()
    }

    fn warm(&self) -> MutexGuard<'_, Vec<Warm>> {
        self.shared.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no sandbox is left that was nobody's.
    pub(crate) async fn warm_ended(&self) {
        let all = std::mem::take(&mut *self.warm());
        for warm in all {
            warm.end().await;
        }
    }

    pub(crate) fn begin_closing(&self) {
        self.shared.closing.store(true, Ordering::Release);
        self.warm().iter().for_each(Warm::stop);
    }

    /// Figures for edges to count on.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.shared.queue
    }

    pub(crate) fn sandboxes(&self) -> &Sandboxes {
        &self.shared.sandboxes
    }

    pub(crate) fn runs(&self) -> &Runs {
        &self.shared.runs
    }

    pub(crate) fn once_table(&self) -> &Once {
        &self.shared.once
    }

    pub(crate) fn talks(&self) -> &Talks {
        &self.shared.talks
    }

    pub(crate) fn record(&self) -> &Record {
        &self.shared.record
    }
}

fn warmed(interpreter: &Interpreter, kinds: &[(SandboxRequest, Stock)]) -> Vec<Warm> {
    let warm = |(kind, stock): &(SandboxRequest, Stock)| {
        let warm = interpreter.keep_warm(kind.clone(), *stock);
        // Whoever asks for such a sandbox is told why there is none.
        warm.inspect_err(|error| tracing::warn!("cannot keep sandboxes ready: {error}")).ok()
    };
    kinds.iter().filter_map(warm).collect()
}

/// A desk that may be gone.
pub(crate) struct WeakDesk(Weak<Shared>);

impl WeakDesk {
    pub fn upgrade(&self) -> Option<Desk> {
        Some(Desk { shared: self.0.upgrade()? })
    }
}
