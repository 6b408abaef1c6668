//! Host ↔ guest: everything that a sandbox can do, whatever carries the bytes.

use crate::{Change, ContextId, ExecutionId, Wall, driver::DriverStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::entry::{Entry, EntryKind, WatchEvent, WatchKind};

/// Version of this protocol; both sides must agree.
pub const VERSION: u32 = 3;

/// Standard input of one context or command that the guest may be sent ahead of [`Reply::StdinTaken`], in bytes.
pub const STDIN_BYTES_MAX: u64 = 1 << 20;

/// Output of one process that the guest may send ahead of [`Request::OutputTaken`], in bytes.
pub const OUTPUT_WINDOW_BYTES: u64 = 256 << 10;

/// What a watch may send ahead of [`Request::WatchTaken`], in bytes.
pub const WATCH_BYTES_MAX: u64 = 256 << 10;

/// What a `Chunk` costs beside its payload, in bytes.
pub const CHUNK_COST_BYTES: u64 = 1 << 10;

/// A file transfer or file operation; the host numbers them.
pub type Transfer = u64;

/// A context that shall be a fork of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Its id.
    pub context: ContextId,
    /// Where its tree is, which is there already; empty where it is the sandbox's own. What is at the places of the fork's
    /// files gives way to them.
    pub root: String,
}

/// How a context's driver comes to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// A fork of the zygote.
    Zygote,
    /// A program.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// How its output is told apart.
        streams: Streams,
    },
}

/// How the output of one execution of a context is told from that of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Streams {
    /// The driver gets fresh descriptors with each execution.
    PerExecution,
    /// Descriptors 1 and 2 stay the same for the context's life.
    PerContext,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With a code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How large a terminal is, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct WindowSize {
    pub columns: u16,
    pub rows: u16,
}

/// What of an execution's output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Bytes of each stream: the first half as it comes, the last half at the end.
    pub output_bytes: u64,
    /// Result bundles.
    pub results: u32,
    /// Bytes of all result bundles together.
    pub results_bytes: u64,
    /// Files listed as changed.
    pub files: u32,
    /// Write the whole output to files under `/tmp/belljar` when it is longer than the cap.
    pub spill: bool,
}

/// A context's processes and their memory, as far as the guest can see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextMemory {
    /// Process ids within the sandbox.
    pub processes: Vec<i32>,
    /// Bytes; what several processes share counts in part, or whole where the guest may not look.
    pub bytes: u64,
}

/// Host to guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Request {
    /// Make a context; answered by `ContextReady` or `ContextEnded`.
    ContextCreate {
        /// Its id.
        context: ContextId,
        /// How.
        launch: Launch,
        /// Working directory.
        cwd: String,
        /// Environment on top of the sandbox's own.
        env: BTreeMap<String, String>,
        /// Whether `Stdin` will follow; otherwise code reads end of file.
        stdin: bool,
        /// Nobody waits for it: it goes through what a first execution does before it is ready, where it can, so that the
        /// first is as quick as those that follow.
        #[serde(default)]
        ahead: bool,
    },
    /// Fork a context that runs nothing; answered by a `Chunk` whose payload is a [`crate::ForkReport`] and `Done`, or by
    /// `Failed`. The forks are contexts then: each is answered by `ContextReady` or `ContextEnded`.
    ContextFork {
        /// The transfer.
        transfer: Transfer,
        /// The context.
        context: ContextId,
        /// Its forks.
        branches: Vec<Branch>,
        /// Keep the states of random generators.
        same_random: bool,
    },
    /// Run the payload in a context, which may still be on its way up. One at a time in a context.
    Execute {
        /// The context.
        context: ContextId,
        /// The new execution's id.
        execution: ExecutionId,
        /// What is kept of its output.
        caps: Caps,
        /// Environment of this execution only: afterwards each name has again what it had before.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<String, String>,
    },
    /// SIGINT to a context's process group.
    Interrupt {
        /// The context.
        context: ContextId,
    },
    /// Kill a context and every process that came from it.
    ContextKill {
        /// The context.
        context: ContextId,
    },
    /// Run a program; its output and end come like an execution's.
    CommandStart {
        /// Its id.
        execution: ExecutionId,
        /// Program and arguments.
        argv: Vec<String>,
        /// Working directory.
        cwd: String,
        /// Environment on top of the sandbox's own.
        env: BTreeMap<String, String>,
        /// Whether `Stdin` will follow.
        stdin: bool,
        /// What is kept of its output.
        caps: Caps,
    },
    /// Run a program for somebody who follows it: all of its output is sent, as fast as [`Request::OutputTaken`] lets it.
    /// Answered by `ProcessStarted` or `ProcessFailed`; signals and standard input are those of commands.
    ProcessStart {
        /// Its id.
        process: ExecutionId,
        /// Program and arguments.
        argv: Vec<String>,
        /// Working directory.
        cwd: String,
        /// Environment on top of the sandbox's own.
        env: BTreeMap<String, String>,
        /// Whether `Stdin` will follow.
        stdin: bool,
        /// A terminal of this size, which is standard input, output and error at once.
        tty: Option<WindowSize>,
    },
    /// Output of a process was taken: so much more may be sent.
    OutputTaken {
        /// The process.
        process: ExecutionId,
        /// Bytes.
        bytes: u64,
    },
    /// A process's terminal has another size.
    Resize {
        /// The process.
        process: ExecutionId,
        /// The size.
        size: WindowSize,
    },
    /// Nobody follows a process any more: it is killed with all that came from it, and nothing more is told of it.
    ProcessKill {
        /// The process.
        process: ExecutionId,
    },
    /// A signal to the process group of a command or process.
    CommandSignal {
        /// The command.
        execution: ExecutionId,
        /// Signal number.
        signal: i32,
    },
    /// Payload for standard input of a context, a command or a process. The guest never stops listening because code does not
    /// read: a host that has more than [`STDIN_BYTES_MAX`] on their way breaks the protocol.
    Stdin {
        /// The context, when it is one.
        context: Option<ContextId>,
        /// The command, when it is one.
        execution: Option<ExecutionId>,
        /// No more will follow.
        end: bool,
    },
    /// Begin writing a file: to a temporary name, renamed at `WriteEnd`. Parents are made.
    WriteBegin {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
        /// Permission bits.
        mode: u32,
    },
    /// Begin writing a file where it is, as user code would: links are followed, one that is there is emptied, others see
    /// it grow. Parents are made. Goes on as after `WriteBegin`.
    WriteInPlace {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
        /// Permission bits of a new file.
        mode: u32,
        /// Extended attributes that it has afterwards, of those that begin with the prefix.
        attributes: BTreeMap<String, String>,
        /// What their names begin with; nothing is done about others.
        prefix: String,
    },
    /// The payload is the next part of the file.
    WriteChunk {
        /// The transfer.
        transfer: Transfer,
    },
    /// The file is whole (or is given up); answered by `Done` or `Failed`.
    WriteEnd {
        /// The transfer.
        transfer: Transfer,
        /// False: forget it.
        keep: bool,
    },
    /// Read a file: `Chunk`s, then `Done` or `Failed`.
    Read {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
        /// First byte.
        offset: u64,
        /// Bytes at most.
        length: u64,
    },
    /// Stop a transfer.
    Stop {
        /// The transfer.
        transfer: Transfer,
    },
    /// List a directory: `Chunk`s whose payloads are JSON arrays of [`Entry`], then `Done`.
    List {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
        /// Levels to go down, 1 for the directory itself.
        depth: u32,
        /// Entries at most.
        entries: u32,
    },
    /// One [`Entry`] as the payload of a `Chunk`, then `Done`.
    Stat {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
    },
    /// What a path leads to, as for user code: one [`Entry`] as for `Stat`, whose path is absolute and has no links.
    Resolve {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
    },
    /// Extended attributes of a file, as a JSON object in one `Chunk`, then `Done`.
    Attributes {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
        /// What their names begin with.
        prefix: String,
    },
    /// Watch a directory: `Chunk`s whose payloads are JSON arrays of [`WatchEvent`], the first when it is watched, until
    /// `Stop` or `Failed`.
    Watch {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
        /// With all directories below it.
        recursive: bool,
    },
    /// So many bytes of a watch were taken, each `Chunk` counted with [`CHUNK_COST_BYTES`] and its payload.
    WatchTaken {
        /// The watch.
        transfer: Transfer,
        /// Bytes.
        bytes: u64,
    },
    /// Tell what a watch has seen until now; answered by `Done` after that.
    WatchDrain {
        /// The transfer.
        transfer: Transfer,
        /// The watch.
        watch: Transfer,
    },
    /// Make a directory and its parents.
    MakeDir {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
    },
    /// Remove a file, or a directory with all that is in it.
    Remove {
        /// The transfer.
        transfer: Transfer,
        /// Absolute, or below `/workspace`.
        path: String,
    },
    /// Connect to a server inside the sandbox. From now on it is like a process that is followed: answered by
    /// `ProcessStarted` (without a pid) or `ProcessFailed`, then output, and `ProcessEnded` where the server ends it.
    Connect {
        /// Its id.
        process: ExecutionId,
        /// Where the server listens on the sandbox's loopback interface.
        port: u16,
    },
    /// Tell what memory a context has; answered by a `Chunk` whose payload is a [`ContextMemory`] and `Done`, or by `Failed`.
    ContextMemory {
        /// The transfer.
        transfer: Transfer,
        /// The context.
        context: ContextId,
    },
    /// Stop every process of the sandbox where it is, or let those go on that this stopped; answered by `Done`.
    Pause {
        /// The transfer.
        transfer: Transfer,
        /// Stop, or go on.
        pause: bool,
    },
    /// Rename a file or directory.
    Rename {
        /// The transfer.
        transfer: Transfer,
        /// From where.
        from: String,
        /// To where.
        to: String,
        /// Make the directories that hold the new place.
        parents: bool,
    },
}

/// A changed file, as the guest saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Path below `/workspace`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal, where the file was small enough.
    pub sha256: Option<String>,
    /// Made or changed.
    pub change: Change,
}

/// How an execution ended, as the guest saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The driver said so; the context lives on.
    Done {
        /// How.
        status: DriverStatus,
        /// The exit code.
        exit_code: i32,
    },
    /// The process ended: a command's end, or a context that died under the execution.
    Exited(Exit),
    /// The driver broke the protocol and was killed.
    Broken,
    /// The sandbox used more memory than it may, and everything in it was killed.
    OutOfMemory,
    /// The sandbox had more processes than it may, and everything in it was killed.
    TooManyProcesses,
}

/// Guest to host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Reply {
    /// First of all.
    Ready {
        /// [`VERSION`].
        version: u32,
        /// Walls that the guest verified around itself.
        walls: Vec<Wall>,
    },
    /// A context is up.
    ContextReady {
        /// The context.
        context: ContextId,
        /// Its process id inside.
        pid: i32,
        /// Walls that its driver verified on itself.
        walls: Vec<Wall>,
    },
    /// A context is gone, or never came up. Executions of it that had not begun end with it, without an `Ended`.
    ContextEnded {
        /// The context.
        context: ContextId,
        /// How its process ended, where one ran.
        exit: Option<Exit>,
        /// Why it never came up, where it did not.
        failure: Option<String>,
        /// Error number of that failure (2: the interpreter is missing; 12: everything was killed for its memory).
        errno: Option<i32>,
    },
    /// Standard input went to whoever reads it, or nobody can read it any more: so much more may be sent.
    StdinTaken {
        /// The context, when it is one.
        context: Option<ContextId>,
        /// The command, when it is one.
        execution: Option<ExecutionId>,
        /// Bytes.
        bytes: u64,
    },
    /// Output of an execution: the payload.
    Output {
        /// The execution.
        execution: ExecutionId,
        /// Which stream.
        stream: Stream,
        /// Bytes that were left out just before these.
        #[serde(default)]
        skipped: u64,
    },
    /// What the sandbox uses, where the guest watches its memory; comes before the `Ended` that it matters to.
    Memory {
        /// Most that was used at once, in bytes.
        peak_bytes: u64,
    },
    /// A result: payload as in [`crate::driver::FromDriver::Bundle`].
    Bundle {
        /// The execution.
        execution: ExecutionId,
        /// The last expression's value.
        main: bool,
        /// Name for updates.
        display_id: Option<String>,
        /// Replaces an earlier one.
        update: bool,
    },
    /// The code raised: payload a [`crate::driver::Raised`].
    Raised {
        /// The execution.
        execution: ExecutionId,
    },
    /// An execution or command ended: payload a JSON array of [`Changed`].
    Ended {
        /// The execution.
        execution: ExecutionId,
        /// How.
        end: End,
        /// CPU time of the processes involved, in microseconds, as far as the guest can tell.
        cpu_us: u64,
        /// Bundles left out.
        results_dropped: u32,
        /// Changed files left out.
        files_dropped: u32,
        /// Where the whole output lies.
        spilled_to: Vec<String>,
    },
    /// A process runs.
    ProcessStarted {
        /// The process.
        process: ExecutionId,
        /// Its process id inside.
        pid: u32,
    },
    /// A process could not be started.
    ProcessFailed {
        /// The process.
        process: ExecutionId,
        /// Error number.
        errno: i32,
        /// Why, fitting after "cannot …".
        message: String,
    },
    /// Output of a process: the payload, at most [`OUTPUT_WINDOW_BYTES`] ahead of what was taken.
    ProcessOutput {
        /// The process.
        process: ExecutionId,
        /// Which stream.
        stream: Stream,
    },
    /// A process ended, and all that it wrote was sent.
    ProcessEnded {
        /// The process.
        process: ExecutionId,
        /// How.
        end: End,
    },
    /// Part of a file or listing: the payload.
    Chunk {
        /// The transfer.
        transfer: Transfer,
    },
    /// A file operation is done.
    Done {
        /// The transfer.
        transfer: Transfer,
    },
    /// A file operation failed.
    Failed {
        /// The transfer.
        transfer: Transfer,
        /// Error number.
        errno: i32,
        /// Why, fitting after "cannot …".
        message: String,
    },
}
