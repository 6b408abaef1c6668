//! Processes that somebody follows while they run: all of their output, their standard input, a terminal.
//!
//! The third way through the one door. No clock runs for them: whoever follows a process decides how long it may run.

use crate::{
    Caller, Error, Interpreter, Program, Sandbox, credit::Credit, execution::check_signal, ids,
    interpreter::own, outlets::Said, request::check_env, routes::Input, runner, text::plain,
};
use bytes::Bytes;
use policy::Policy;
use protocol::{
    ExecutionId,
    guest::{End, Exit, OUTPUT_WINDOW_BYTES, Request, Stream, WindowSize},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Mutex, mpsc::UnboundedReceiver};

/// Standard input in one frame, in bytes.
const PIECE_BYTES: usize = 64 << 10;
/// What was taken is told when it is so much, in bytes: not for every line.
const TELL_BYTES: u64 = OUTPUT_WINDOW_BYTES / 4;
const KILL: i32 = 9;

/// One run of a program that somebody follows.
#[derive(Debug)]
pub struct ProcessRequest {
    /// The program.
    pub program: Program,
    /// Working directory; where contexts begin where there is none.
    pub cwd: Option<String>,
    /// Environment on top of the sandbox's.
    pub env: BTreeMap<String, String>,
    /// Whether standard input will be written; otherwise it reads end of file. A terminal always can.
    pub stdin: bool,
    /// A terminal of this size.
    pub tty: Option<WindowSize>,
    /// What it may do, as Bash; the interpreter's policy where there is none.
    pub policy: Option<Arc<Policy>>,
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessEvent {
    /// It wrote something. What a terminal shows is standard output.
    Output {
        /// Where.
        stream: Stream,
        /// What; never empty.
        bytes: Bytes,
    },
    /// It ended; the last event.
    Ended(ProcessEnd),
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessEnd {
    /// By itself, or by a signal.
    Exited(Exit),
    /// The sandbox used more memory than it may.
    OutOfMemory,
    /// The sandbox had more processes than it may.
    TooManyProcesses,
    /// With its sandbox, for this reason.
    Lost(String),
}

/// A process that runs in a sandbox. Dropping it kills the process with all that came from it.
pub struct Process {
    pid: u32,
    sandbox: Arc<Sandbox>,
    said: UnboundedReceiver<Said>,
    /// Bytes that were handed out and not told to the guest: counted for it, and not yet.
    told: u64,
    taken: u64,
    oom_kills: Option<u64>,
    ended: bool,
    control: ProcessControl,
}

/// Writes to a process, sends it signals, resizes its terminal; holds nothing alive.
#[derive(Clone)]
pub struct ProcessControl {
    shared: Arc<Shared>,
}

struct Shared {
    id: ExecutionId,
    sandbox: Weak<Sandbox>,
    input: Arc<Credit>,
    /// Whether there is standard input to write to. What is written at once stays together.
    open: Mutex<bool>,
    tty: bool,
    killed: AtomicBool,
}

impl Interpreter {
    /// Starts a program that the caller follows, and returns once it runs. It is checked by the policy as a command is.
    ///
    /// # Errors
    /// When the request contradicts itself, the policy denies it, the program cannot be started, or the sandbox is
    /// another caller's or gone.
    pub async fn attach(
        &self,
        caller: &Caller,
        sandbox: &Arc<Sandbox>,
        request: ProcessRequest,
    ) -> Result<Process, Error> {
        own(caller, sandbox)?;
        request.program.check()?;
        check_env(&request.env)?;
        let policy = request.policy.as_ref().unwrap_or(self.policy());
        let checked = request.program.judge(policy).await;
        if checked.refused.is_some() {
            return Err(Error::Denied { findings: checked.findings });
        }
        sandbox.greet().await?;
        let mut process = Process::register(sandbox, &request);
        let mut env = sandbox.env().clone();
        env.extend(request.env);
        let order = Request::ProcessStart {
            process: process.id().clone(),
            argv: request.program.argv(sandbox),
            cwd: request.cwd.unwrap_or_else(|| sandbox.workspace().to_owned()),
            env,
            stdin: request.stdin,
            tty: request.tty,
        };
        sandbox.wire().send(&order, &[]).await.map_err(|gone| sandbox.lost(gone))?;
        process.came_up().await?;
        Ok(process)
    }
}

impl Process {
    /// Makes a place for what a guest will say of a process that it is then asked for.
    pub(crate) fn register(sandbox: &Arc<Sandbox>, request: &ProcessRequest) -> Process {
        let id = ExecutionId::from_bits(ids::random());
        let routes = &sandbox.wire().routes;
        let said = routes.outlets.add(id.clone());
        let shared = Shared {
            input: routes.add_input(Input::Command(id.clone())),
            id,
            sandbox: Arc::downgrade(sandbox),
            open: Mutex::new(request.stdin || request.tty.is_some()),
            tty: request.tty.is_some(),
            killed: AtomicBool::new(false),
        };
        Process {
            pid: 0,
            sandbox: sandbox.clone(),
            said,
            told: 0,
            taken: 0,
            oom_kills: sandbox.measure().oom_kills,
            ended: false,
            control: ProcessControl { shared: Arc::new(shared) },
        }
    }

    /// Waits until it runs.
    pub(crate) async fn came_up(&mut self) -> Result<(), Error> {
        match self.said.recv().await {
            Some(Said::Started(pid)) => {
                self.pid = pid;
                Ok(())
            }
            Some(Said::Failed { errno, message }) => {
                Err(Error::Program { message: plain(&message).replace('\n', " "), errno })
            }
            _ => Err(self.sandbox.lost(self.sandbox.wire().gone())),
        }
    }

    /// Its id.
    pub fn id(&self) -> &ExecutionId {
        &self.control.shared.id
    }

    /// Where it runs.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// Its process id in the sandbox, as the guest tells.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What writes to it while somebody else reads what it does.
    pub fn control(&self) -> ProcessControl {
        self.control.clone()
    }

    /// What it does next. The last is [`ProcessEvent::Ended`], after it comes `None`. A process whose output nobody fetches
    /// waits when it has written some 256 KiB. Nothing is lost when this future is dropped.
    pub async fn next(&mut self) -> Option<ProcessEvent> {
        if self.ended {
            return None;
        }
        if self.taken >= TELL_BYTES {
            // First counted, then told: what comes in answer is not too much.
            self.sandbox.wire().routes.outlets.give(self.id(), self.taken);
            self.told += std::mem::take(&mut self.taken);
        }
        if self.told > 0 {
            let taken = Request::OutputTaken { process: self.id().clone(), bytes: self.told };
            let _ = self.sandbox.wire().send(&taken, &[]).await;
            self.told = 0;
        }
        let end = match self.said.recv().await {
            Some(Said::Output { stream, bytes }) => {
                self.taken += bytes.len() as u64;
                return Some(ProcessEvent::Output { stream, bytes });
            }
            Some(Said::Ended(end)) => self.end(end),
            _ => {
                let Error::SandboxLost { why, .. } = self.sandbox.lost(self.sandbox.wire().gone()) else {
                    return None;
                };
                ProcessEnd::Lost(why)
            }
        };
        self.ended = true;
        Some(ProcessEvent::Ended(end))
    }

    fn end(&self, end: End) -> ProcessEnd {
        let killed = self.control.shared.killed.load(Ordering::Acquire);
        match end {
            End::Exited(Exit::Signal(KILL)) if !killed && self.memory_ran_out() => ProcessEnd::OutOfMemory,
            End::Exited(exit) => ProcessEnd::Exited(exit),
            End::OutOfMemory => ProcessEnd::OutOfMemory,
            End::TooManyProcesses => ProcessEnd::TooManyProcesses,
            End::Done { .. } | End::Broken => ProcessEnd::Lost("the guest told how code ends".to_owned()),
        }
    }

    fn memory_ran_out(&self) -> bool {
        matches!((self.oom_kills, self.sandbox.measure().oom_kills), (Some(before), Some(now)) if now > before)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.sandbox.wire().routes.remove_process(self.id()) {
            self.sandbox.wire().post(&Request::ProcessKill { process: self.id().clone() });
        }
    }
}

impl ProcessControl {
    /// Writes to its standard input, or types into its terminal; waits while the process does not read. Bytes of
    /// several writes are not mixed.
    ///
    /// # Errors
    /// When there is nothing to write to, or not any more.
    pub async fn write(&self, bytes: Bytes) -> Result<(), Error> {
        let shared = &self.shared;
        let open = shared.open.lock().await;
        let closed = || Error::StdinClosed { process: shared.id.clone() };
        for piece in bytes.chunks(PIECE_BYTES) {
            if !*open || !shared.input.take(piece.len()).await || !shared.feed(piece, false) {
                return Err(closed());
            }
        }
        if *open { Ok(()) } else { Err(closed()) }
    }

    /// Ends its standard input, after all that is being written. A terminal has no such end.
    pub async fn close_stdin(&self) {
        let mut open = self.shared.open.lock().await;
        if !self.shared.tty && std::mem::take(&mut *open) {
            self.shared.feed(&[], true);
        }
    }

    /// Sends a signal to its process group; SIGKILL to all that came from it. One that has ended does not hear it.
    ///
    /// # Errors
    /// When there is no such signal.
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        check_signal(signal)?;
        self.shared.killed.fetch_or(signal == KILL, Ordering::AcqRel);
        self.post(&runner::signal(&self.shared.id, signal));
        Ok(())
    }

    /// Sets the size of its terminal, if it has one.
    pub fn resize(&self, size: WindowSize) {
        self.post(&Request::Resize { process: self.shared.id.clone(), size });
    }

    fn post(&self, request: &Request) {
        if let Some(sandbox) = self.shared.sandbox.upgrade() {
            sandbox.wire().post(request);
        }
    }
}

impl Shared {
    fn feed(&self, bytes: &[u8], end: bool) -> bool {
        let order = Request::Stdin { context: None, execution: Some(self.id.clone()), end };
        self.sandbox.upgrade().is_some_and(|sandbox| sandbox.wire().post_with(&order, bytes))
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("id", self.id()).field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ProcessControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessControl").field("id", &self.shared.id).finish_non_exhaustive()
    }
}
