//! Processes that clients attach to: several may listen to one, none is missed while it starts, and it goes on when
//! all of them are gone.

use crate::{
    Desk, DeskError, Kept, Visitor,
    record::{Beginning, Line},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use interpreter::{Process, ProcessControl, ProcessEnd, ProcessEvent, ProcessRequest};
use protocol::{ExecutionId, Language, Outcome, Truncated, Usage, guest::Stream};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// How long whoever comes late is told how a process ended.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// Pieces of output that one listener did not take yet; beyond that, the process waits.
const PIECES: usize = 8;
/// Bytes of output that the journal gets of each stream.
const JOURNAL_BYTES_MAX: usize = 64 << 10;

/// A process to start.
#[derive(Debug)]
pub struct Attaching {
    /// What runs.
    pub request: ProcessRequest,
    /// What the edge that asks wants to know of it later.
    pub notes: Value,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The process wrote this.
    Output {
        /// Where.
        stream: Stream,
        /// What.
        bytes: Bytes,
    },
    /// It has ended; the last that is said.
    Ended(ProcessEnd),
}

/// A process that clients attach to.
pub struct Attached {
    id: ExecutionId,
    pid: u32,
    started_at: DateTime<Utc>,
    notes: Value,
    control: ProcessControl,
    listeners: Mutex<Vec<mpsc::Sender<Said>>>,
    end: watch::Sender<Option<ProcessEnd>>,
}

/// What the journal keeps of a process's output.
#[derive(Default)]
struct Heads {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    truncated: Truncated,
}

impl Heads {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let (head, left_out) = match stream {
            Stream::Stdout => (&mut self.stdout, &mut self.truncated.stdout_bytes),
            Stream::Stderr => (&mut self.stderr, &mut self.truncated.stderr_bytes),
        };
        let (first, rest) = bytes.split_at(JOURNAL_BYTES_MAX.saturating_sub(head.len()).min(bytes.len()));
        head.extend_from_slice(first);
        *left_out += rest.len() as u64;
    }
}

/// Hears one process from some moment on. Dropping it is to listen no longer.
pub struct Listener(mpsc::Receiver<Said>);

impl Listener {
    /// The next thing that is said; `None` after the end.
    pub async fn next(&mut self) -> Option<Said> {
        self.0.recv().await
    }
}

impl Attached {
    fn new(process: &Process, notes: Value) -> Attached {
        Attached {
            id: process.id().clone(),
            pid: process.pid(),
            started_at: Utc::now(),
            notes,
            control: process.control(),
            listeners: Mutex::default(),
            end: watch::Sender::new(None),
        }
    }

    /// Its id.
    pub fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// Its process id inside the sandbox.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When it began.
    pub fn started_at(&self) -> DateTime<Utc> {
        self.started_at
    }

    /// What the edge that asked for it noted.
    pub fn notes(&self) -> &Value {
        &self.notes
    }

    /// What feeds it and sends it signals.
    pub fn control(&self) -> &ProcessControl {
        &self.control
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Waits until it has ended.
    pub async fn ended(&self) {
        let _ = self.end.subscribe().wait_for(Option::is_some).await;
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<mpsc::Sender<Said>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens from now on; of one that has ended, only how.
    pub fn listen(&self) -> Listener {
        let (sender, receiver) = mpsc::channel(PIECES);
        let mut listeners = self.listeners();
        match &*self.end.borrow() {
            Some(end) => drop(sender.try_send(Said::Ended(end.clone()))),
            None => listeners.push(sender),
        }
        drop(listeners);
        Listener(receiver)
    }

    /// Tells everybody, as fast as the slowest takes it.
    async fn tell(&self, said: Said) {
        let listeners = self.listeners().clone();
        let mut away = false;
        for listener in &listeners {
            away |= listener.send(said.clone()).await.is_err();
        }
        if away {
            self.listeners().retain(|listener| !listener.is_closed());
        }
    }

    /// Says how it ended; nobody listens any more afterwards.
    async fn finish(&self, end: ProcessEnd) {
        let listeners = {
            let mut listeners = self.listeners();
            self.end.send_replace(Some(end.clone()));
            std::mem::take(&mut *listeners)
        };
        for listener in listeners {
            let _ = listener.send(Said::Ended(end.clone())).await;
        }
    }

    /// Tells everybody what it says, to its end. Gives back what the journal keeps of it.
    async fn follow(&self, mut process: Process) -> Outcome {
        let mut kept = Heads::default();
        let end = loop {
            match process.next().await {
                Some(ProcessEvent::Output { stream, bytes }) => {
                    kept.take(stream, &bytes);
                    self.tell(Said::Output { stream, bytes }).await;
                }
                Some(ProcessEvent::Ended(end)) => break end,
                None => break ProcessEnd::Lost("its supervision ended".to_owned()),
            }
        };
        let took = (Utc::now() - self.started_at).num_microseconds().unwrap_or_default();
        let usage = Usage { wall_ms: took.max(0) as f64 / 1000.0, ..Usage::default() };
        let Heads { stdout, stderr, truncated } = kept;
        let text = |bytes: Vec<u8>| interpreter::plain(&String::from_utf8_lossy(&bytes));
        let outcome = process.outcome(&end);
        self.finish(end).await;
        Outcome { stdout: text(stdout), stderr: text(stderr), truncated, usage, ..outcome }
    }
}

/// The processes of one sandbox.
#[derive(Default)]
pub(crate) struct AllAttached(Mutex<BTreeMap<u32, Arc<Attached>>>);

impl AllAttached {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Attached>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, attached: &Arc<Attached>) {
        let mut all = self.all();
        // Another process may have its number by now.
        if all.get(&attached.pid).is_some_and(|other| Arc::ptr_eq(other, attached)) {
            all.remove(&attached.pid);
        }
    }
}

impl Kept {
    /// The process of that number inside, which runs or ended a moment ago.
    pub fn attached(&self, pid: u32) -> Option<Arc<Attached>> {
        self.attached.all().get(&pid).cloned()
    }

    /// All processes that clients attach to, in the order of their numbers.
    pub fn all_attached(&self) -> Vec<Arc<Attached>> {
        self.attached.all().values().cloned().collect()
    }
}

impl Desk {
    /// Starts a process in a sandbox that is kept, and the first to listen to it.
    ///
    /// # Errors
    /// When it is denied, cannot be started, or the sandbox is gone.
    pub async fn attach(
        &self,
        visitor: &Visitor,
        kept: &Arc<Kept>,
        attaching: Attaching,
    ) -> Result<(Arc<Attached>, Listener), DeskError> {
        if self.is_closing() {
            return Err(DeskError::Closing);
        }
        let used_up = |retry_after| DeskError::CpuUsedUp { retry_after };
        visitor.allowance.check_cpu().map_err(used_up)?;
        let Attaching { request, notes } = attaching;
        let line = Line { code: crate::begin::line_of(&request.program), command: true };
        let process = self.interpreter().attach(visitor.caller(), kept.sandbox(), request).await?;
        let attached = Arc::new(Attached::new(&process, notes));
        let listener = attached.listen();
        kept.attached.all().insert(attached.pid, attached.clone());
        let beginning = Beginning {
            id: &attached.id,
            caller: visitor.caller(),
            sandbox: Some(kept.id()),
            context: None,
            language: Language::Bash,
        };
        self.record().begins(beginning, &line);
        let (desk, kept, followed) = (self.clone(), Arc::downgrade(kept), attached.clone());
        tokio::spawn(async move {
            let outcome = followed.follow(process).await;
            desk.record().ends(&outcome);
            tokio::time::sleep(KEPT_FOR).await;
            if let Some(kept) = kept.upgrade() {
                kept.attached.forget(&followed);
            }
        });
        Ok((attached, listener))
    }
}
