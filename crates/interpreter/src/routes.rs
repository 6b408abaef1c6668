//! Who waits for which frame: replies of a guest find their way by context, execution or transfer id.
//!
//! Ids that nobody waits for (late, unknown or forged ones) are dropped and counted. Waiting for more bytes is `wire`'s.

use crate::{
    credit::Credit,
    outlets::{Outlets, Said},
};
use protocol::{
    ContextId, ExecutionId, Wall,
    frame::Frame,
    guest::{CHUNK_COST_BYTES, Exit, Reply, Transfer},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot, watch};

/// Frames of one execution that wait to be looked at.
const EXECUTION_FRAMES: usize = 8;
/// Output in one frame, in bytes: guests send far less at a time.
const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// The first words of a guest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Greeting {
    pub version: u32,
    pub walls: Vec<Wall>,
}

/// Where a context stands, as far as the guest tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Life {
    Starting,
    Up { walls: Vec<Wall> },
    Ended(Demise),
}

/// Whose standard input it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    Context(ContextId),
    Command(ExecutionId),
}

/// How a context ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Demise {
    pub exit: Option<Exit>,
    pub failure: Option<String>,
    pub errno: Option<i32>,
}

/// One answer to a file operation.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    Chunk(Vec<u8>),
    Done,
    Failed { errno: i32, message: String },
}

/// A guest that broke the protocol.
#[derive(Debug, thiserror::Error)]
#[error("the guest {0}")]
pub(crate) struct Broken(pub String);

struct Slot {
    parts: mpsc::UnboundedSender<Part>,
    bytes_left: usize,
}

#[derive(Default)]
struct Table {
    closed: bool,
    greeting: Option<oneshot::Sender<()>>,
    executions: HashMap<ExecutionId, mpsc::Sender<Frame<Reply>>>,
    contexts: HashMap<ContextId, watch::Sender<Life>>,
    inputs: HashMap<Input, Arc<Credit>>,
    transfers: HashMap<Transfer, Slot>,
    next_transfer: Transfer,
}

/// The table of everybody who waits for frames of one sandbox.
pub(crate) struct Routes {
    table: Mutex<Table>,
    greeted: OnceLock<Greeting>,
    strays: AtomicU64,
    memory_peak: AtomicU64,
    /// Processes that somebody follows.
    pub outlets: Outlets,
}

impl Routes {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// An empty table, and a channel that tells when the guest has said its first words.
    pub fn new() -> (Routes, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let table = Table { greeting: Some(sender), ..Table::default() };
        (
            Routes {
                table: Mutex::new(table),
                greeted: OnceLock::new(),
                strays: AtomicU64::new(0),
                memory_peak: AtomicU64::new(0),
                outlets: Outlets::default(),
            },
            receiver,
        )
    }

    /// The guest's first words, once they were said.
    pub fn greeting(&self) -> Option<&Greeting> {
        self.greeted.get()
    }

    /// Frames of an execution, until its `Ended`. The receiver ends early when the stream does.
    pub fn add_execution(&self, id: ExecutionId) -> mpsc::Receiver<Frame<Reply>> {
        let (sender, receiver) = mpsc::channel(EXECUTION_FRAMES);
        let mut table = self.table();
        if !table.closed {
            table.executions.insert(id, sender);
        }
        receiver
    }

    /// What becomes of a context. The channel closes when the stream ends.
    pub fn add_context(&self, id: ContextId) -> watch::Receiver<Life> {
        let (sender, receiver) = watch::channel(Life::Starting);
        let mut table = self.table();
        if !table.closed {
            table.contexts.insert(id, sender);
        }
        receiver
    }

    /// What may be sent to the standard input of a context or a command, until it ends.
    pub fn add_input(&self, id: Input) -> Arc<Credit> {
        let credit = Arc::new(Credit::new());
        let mut table = self.table();
        match table.closed {
            true => credit.close(),
            false => drop(table.inputs.insert(id, credit.clone())),
        }
        credit
    }

    /// A new transfer that may receive `bytes_max` bytes.
    pub fn add_transfer(&self, bytes_max: usize) -> (Transfer, mpsc::UnboundedReceiver<Part>) {
        let (parts, receiver) = mpsc::unbounded_channel();
        let mut table = self.table();
        table.next_transfer += 1;
        let id = table.next_transfer;
        if !table.closed {
            table.transfers.insert(id, Slot { parts, bytes_left: bytes_max });
        }
        (id, receiver)
    }

    /// Forgets an execution.
    pub fn remove_execution(&self, id: &ExecutionId) {
        self.table().executions.remove(id);
        self.remove_input(id);
    }

    fn remove_input(&self, id: &ExecutionId) {
        if let Some(credit) = self.table().inputs.remove(&Input::Command(id.clone())) {
            credit.close();
        }
    }

    /// Forgets a process; true when it had not ended.
    pub fn remove_process(&self, id: &ExecutionId) -> bool {
        self.remove_input(id);
        self.outlets.remove(id)
    }

    /// What a transfer may receive more, because so many bytes of one frame were taken.
    pub fn give_transfer(&self, id: Transfer, bytes: usize) {
        if let Some(slot) = self.table().transfers.get_mut(&id) {
            slot.bytes_left = slot.bytes_left.saturating_add(bytes);
        }
    }

    /// Forgets a transfer; true when it had not ended.
    pub fn remove_transfer(&self, id: Transfer) -> bool {
        self.table().transfers.remove(&id).is_some()
    }

    /// Ends everything that waits.
    pub fn close(&self) {
        let waiting = {
            let mut table = self.table();
            table.closed = true;
            let next_transfer = table.next_transfer;
            std::mem::replace(&mut *table, Table { closed: true, next_transfer, ..Table::default() })
        };
        waiting.inputs.values().for_each(|credit| credit.close());
        self.outlets.close();
    }

    /// Frames that nobody waited for.
    pub fn strays(&self) -> u64 {
        self.strays.load(Ordering::Relaxed)
    }

    /// Most memory that the guest saw used at once, in bytes, where it watches.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        Some(self.memory_peak.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    fn stray(&self) {
        self.strays.fetch_add(1, Ordering::Relaxed);
    }

    /// Brings one frame to whoever waits for it.
    pub async fn deliver(&self, frame: Frame<Reply>) -> Result<(), Broken> {
        self.check_order(&frame.header)?;
        match frame.header {
            Reply::Ready { version, walls } => self.greet(Greeting { version, walls }),
            Reply::ContextReady { context, walls, .. } => self.context(&context, Life::Up { walls }),
            Reply::ContextEnded { context, exit, failure, errno } => {
                self.context(&context, Life::Ended(Demise { exit, failure, errno }));
            }
            Reply::Memory { peak_bytes } => drop(self.memory_peak.fetch_max(peak_bytes, Ordering::Relaxed)),
            Reply::StdinTaken { context, execution, bytes } => {
                self.input(context.map(Input::Context).or(execution.map(Input::Command)), bytes)?;
            }
            Reply::Chunk { transfer } => self.part(transfer, Part::Chunk(frame.payload))?,
            Reply::Done { transfer } => self.part(transfer, Part::Done)?,
            Reply::Failed { transfer, errno, message } => {
                self.part(transfer, Part::Failed { errno, message })?;
            }
            Reply::Output { ref execution, .. } => {
                if frame.payload.len() > OUTPUT_BYTES_MAX {
                    return Err(Broken(format!("sent {} bytes of output at once", frame.payload.len())));
                }
                self.execution(execution.clone(), frame, false).await;
            }
            Reply::Bundle { ref execution, .. } | Reply::Raised { ref execution } => {
                self.execution(execution.clone(), frame, false).await;
            }
            Reply::Ended { ref execution, .. } => self.execution(execution.clone(), frame, true).await,
            Reply::ProcessStarted { process, pid } => self.process(&process, Said::Started(pid))?,
            Reply::ProcessFailed { process, errno, message } => {
                self.process(&process, Said::Failed { errno, message })?;
            }
            Reply::ProcessOutput { process, stream } => {
                self.process(&process, Said::Output { stream, bytes: frame.payload.into() })?;
            }
            Reply::ProcessEnded { process, end } => self.process(&process, Said::Ended(end))?,
        }
        Ok(())
    }

    fn check_order(&self, header: &Reply) -> Result<(), Broken> {
        if matches!(header, Reply::Ready { .. }) || self.greeted.get().is_some() {
            return Ok(());
        }
        Err(Broken("spoke before it said that it is ready".to_owned()))
    }

    fn greet(&self, greeting: Greeting) {
        if self.greeted.set(greeting).is_err() {
            return self.stray();
        }
        if let Some(sender) = self.table().greeting.take() {
            let _ = sender.send(());
        }
    }

    fn context(&self, id: &ContextId, life: Life) {
        let mut table = self.table();
        let Some(sender) = table.contexts.get(id) else {
            drop(table);
            return self.stray();
        };
        let ended = matches!(life, Life::Ended(_));
        let moved = sender.send_if_modified(|now| {
            let moves = ended || *now == Life::Starting;
            if moves {
                *now = life;
            }
            moves
        });
        if ended {
            table.contexts.remove(id);
            if let Some(credit) = table.inputs.remove(&Input::Context(id.clone())) {
                credit.close();
            }
        }
        drop(table);
        if !moved {
            self.stray();
        }
    }

    fn input(&self, input: Option<Input>, bytes: u64) -> Result<(), Broken> {
        let credit = input.and_then(|input| self.table().inputs.get(&input).cloned());
        match credit.map(|credit| credit.give(bytes)) {
            Some(true) => Ok(()),
            Some(false) => Err(Broken("took more standard input than it was sent".to_owned())),
            None => {
                self.stray();
                Ok(())
            }
        }
    }

    fn part(&self, id: Transfer, part: Part) -> Result<(), Broken> {
        let mut table = self.table();
        let Some(slot) = table.transfers.get_mut(&id) else {
            drop(table);
            self.stray();
            return Ok(());
        };
        let last = !matches!(part, Part::Chunk(_));
        if let Part::Chunk(bytes) = &part {
            let cost = bytes.len() + CHUNK_COST_BYTES as usize;
            let Some(left) = slot.bytes_left.checked_sub(cost) else {
                return Err(Broken("sent more of a file than it was asked for".to_owned()));
            };
            slot.bytes_left = left;
        }
        let heard = slot.parts.send(part).is_ok();
        if last || !heard {
            table.transfers.remove(&id);
        }
        Ok(())
    }

    fn process(&self, id: &ExecutionId, said: Said) -> Result<(), Broken> {
        let last = matches!(said, Said::Ended(_) | Said::Failed { .. });
        match self.outlets.deliver(id, said)? {
            true if last => self.remove_input(id),
            true => {}
            false => self.stray(),
        }
        Ok(())
    }

    async fn execution(&self, id: ExecutionId, frame: Frame<Reply>, last: bool) {
        let sender = {
            let mut table = self.table();
            if last { table.executions.remove(&id) } else { table.executions.get(&id).cloned() }
        };
        let Some(sender) = sender else {
            return self.stray();
        };
        if sender.send(frame).await.is_err() {
            self.stray();
            self.remove_execution(&id);
        }
    }
}
