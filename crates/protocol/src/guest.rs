//! Host ↔ guest: everything that a sandbox can do, whatever carries the bytes.

use crate::{Change, ContextId, ExecutionId, Wall, driver::DriverStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of this protocol; both sides must agree.
pub const VERSION: u32 = 1;

/// Standard input of one context or command that the guest may be sent ahead of [`Reply::StdinTaken`], in bytes.
pub const STDIN_BYTES_MAX: u64 = 1 << 20;

/// A file transfer or file operation; the host numbers them.
pub type Transfer = u64;

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
    },
    /// Run the payload in a context, which may still be on its way up. One at a time in a context.
    Execute {
        /// The context.
        context: ContextId,
        /// The new execution's id.
        execution: ExecutionId,
        /// What is kept of its output.
        caps: Caps,
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
    /// A signal to a command's process group.
    CommandSignal {
        /// The command.
        execution: ExecutionId,
        /// Signal number.
        signal: i32,
    },
    /// Payload for standard input of a context or a command. The guest never stops listening because code does not
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
    /// Rename a file or directory.
    Rename {
        /// The transfer.
        transfer: Transfer,
        /// From where.
        from: String,
        /// To where.
        to: String,
    },
}

/// What kind of thing a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum EntryKind {
    File,
    Directory,
    Symlink,
    Other,
}

/// A directory entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entry {
    /// Path below the directory that was listed, in the form of [`crate::path`].
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Last change, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Where a symlink points.
    pub target: Option<String>,
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
