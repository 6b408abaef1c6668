//! What goes into the journal, in the order in which it happened, by a task that nobody waits for.
//!
//! Also who was here before: a server holds a lock while it lives, so that the next one knows which executions in the
//! journal are lost. A journal that cannot be written stops nothing; it is said once.

use interpreter::{Caller, random_bits};
use journal::{Journal, JournalError, RunBegin};
use protocol::{ContextId, ExecutionId, Language, Outcome, SandboxId};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{sync::mpsc, task::JoinHandle};

/// Lines that wait to be written; beyond that, they are left out and that is said.
const LINES_MAX: usize = 4096;
/// The same in bytes: code and output may be long.
const LINES_BYTES_MAX: usize = 64 << 20;
/// Executions that the journal keeps.
const RUNS_MAX: u32 = 100_000;

/// What was asked for.
pub(crate) struct Line {
    pub code: String,
    pub command: bool,
}

/// What begins, whose it is and where.
pub(crate) struct Beginning<'a> {
    pub id: &'a ExecutionId,
    pub caller: &'a Caller,
    pub sandbox: Option<&'a SandboxId>,
    pub context: Option<&'a ContextId>,
    pub language: Language,
}

enum Written {
    Begins(Box<RunBegin>),
    Ends(Box<Outcome>),
}

impl Written {
    /// About how much memory it takes, in bytes.
    fn bytes(&self) -> usize {
        match self {
            Written::Begins(begin) => begin.code.len(),
            Written::Ends(outcome) => crate::log::outcome_bytes(outcome),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to the journal.
pub(crate) struct Record {
    pub journal: Option<Journal>,
    server: String,
    lines: Mutex<Option<mpsc::Sender<Written>>>,
    /// Bytes of lines that wait.
    waiting: Arc<AtomicUsize>,
    writer: Mutex<Option<JoinHandle<()>>>,
    _lock: Option<ServerLock>,
}

impl Record {
    /// Writes nothing.
    pub fn none() -> Record {
        Record {
            journal: None,
            server: String::new(),
            lines: Mutex::default(),
            waiting: Arc::default(),
            writer: Mutex::default(),
            _lock: None,
        }
    }

    /// Begins to write. What servers that are gone had begun is lost now; `locks` is a folder for the locks of servers.
    pub async fn open(journal: Journal, locks: &Path) -> Record {
        for server in journal.servers_with_runs().await.unwrap_or_default() {
            if is_gone(locks, &server) {
                match journal.server_is_gone(&server).await {
                    Ok(lost) => tracing::warn!(server, lost, "a server ended without ending what it ran"),
                    Err(error) => told(&error),
                }
            }
        }
        if let Err(error) = journal.prune_runs(RUNS_MAX).await {
            told(&error);
        }
        let server = format!("srv_{:032x}", random_bits());
        let lock = ServerLock::take(locks, &server);
        if let Err(error) = &lock {
            tracing::warn!(%error, "cannot lock: what runs now will not be called lost after a crash");
        }
        let (sender, lines) = mpsc::channel(LINES_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = tokio::spawn(write(journal.clone(), lines, waiting.clone()));
        Record {
            journal: Some(journal),
            server,
            lines: Mutex::new(Some(sender)),
            waiting,
            writer: Mutex::new(Some(writer)),
            _lock: lock.ok(),
        }
    }

    /// Something begins.
    pub fn begins(&self, what: Beginning<'_>, line: &Line) {
        if self.journal.is_none() {
            return;
        }
        self.write(Written::Begins(Box::new(RunBegin {
            id: what.id.clone(),
            caller: what.caller.0.clone(),
            server: self.server.clone(),
            command: line.command,
            sandbox: what.sandbox.cloned(),
            context: what.context.cloned(),
            language: what.language,
            code: line.code.clone(),
        })));
    }

    /// It has ended.
    pub fn ends(&self, outcome: &Outcome) {
        if self.journal.is_some() {
            self.write(Written::Ends(Box::new(outcome.clone())));
        }
    }

    fn write(&self, line: Written) {
        let bytes = line.bytes();
        let Some(lines) = &*lock(&self.lines) else { return };
        // What is longer than all that may wait is written where nothing else waits.
        let before = self.waiting.fetch_add(bytes, Ordering::AcqRel);
        let fits = before == 0 || before + bytes <= LINES_BYTES_MAX;
        if !fits || lines.try_send(line).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::AcqRel);
            tracing::warn!("the journal is too slow: a line is left out");
        }
    }

    /// Waits until everything is written, and closes the journal.
    pub async fn flush(&self) {
        lock(&self.lines).take();
        let writer = lock(&self.writer).take();
        if let Some(writer) = writer {
            let _ = writer.await;
        }
        if let Some(journal) = &self.journal {
            journal.close().await;
        }
    }
}

async fn write(journal: Journal, mut lines: mpsc::Receiver<Written>, waiting: Arc<AtomicUsize>) {
    let mut failing = false;
    while let Some(line) = lines.recv().await {
        let bytes = line.bytes();
        let written = match line {
            Written::Begins(begin) => journal.run_begins(&begin).await,
            Written::Ends(outcome) => journal.run_ends(&outcome).await,
        };
        waiting.fetch_sub(bytes, Ordering::AcqRel);
        match written {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                told(&error);
            }
            Err(_) => {}
        }
    }
}

fn told(error: &JournalError) {
    tracing::warn!("cannot {error}");
}

/// A file that a server holds locked while it lives.
struct ServerLock {
    path: PathBuf,
    _file: OwnedFd,
}

fn path(locks: &Path, server: &str) -> PathBuf {
    locks.join(format!("{server}.lock"))
}

impl ServerLock {
    fn take(locks: &Path, server: &str) -> std::io::Result<ServerLock> {
        std::fs::create_dir_all(locks)?;
        let path = path(locks, server);
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(ServerLock { path, _file: file })
    }
}

impl Drop for ServerLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether nobody holds a server's lock any more. Names that no server has are nobody's.
fn is_gone(locks: &Path, server: &str) -> bool {
    let sound = server.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let path = path(locks, server);
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let Some(file) = sound.then(|| rustix::fs::open(&path, flags, Mode::empty()).ok()).flatten() else {
        return true;
    };
    let free = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
    if free {
        let _ = std::fs::remove_file(&path);
    }
    free
}
