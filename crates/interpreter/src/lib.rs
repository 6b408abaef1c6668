//! The one door: whoever wants code to run asks [`Interpreter::execute`].
//!
//! Sandboxes, contexts, executions and files behind it; the backends that make sandboxes below it. HTTP, the
//! environment, printing and configuration are left to whoever calls.

pub mod backend;
mod bundle;
mod check;
mod collect;
mod command;
mod command_outcome;
mod connection;
mod containers;
mod context;
mod credit;
mod drive;
mod error;
mod execution;
mod files;
mod forking;
mod hints;
mod history;
mod ids;
mod interpreter;
mod isolation;
mod ladder;
mod mime;
mod outcome;
mod outlets;
mod pool;
mod process;
mod process_outcome;
mod request;
mod routes;
mod runner;
mod sandbox;
mod standstill;
mod stdin;
mod system;
pub mod template;
mod text;
mod watching;
mod wire;

pub use backend::Preload;
pub use command::{CommandRequest, Program};
pub use connection::Connection;
pub use containers::OciSettings;
pub use context::Context;
pub use error::Error;
pub use execution::{Execution, Interrupter};
pub use files::{Attributes, FileError, Files};
pub use forking::{FORKS_MAX, ForkRequest, Forked};
pub use history::{History, Saved};
pub use ids::random as random_bits;
pub use interpreter::{Interpreter, Settings};
pub use mime::guess as guess_mime;
pub use pool::{Gauges, HeldBack, PoolSettings, PoolState, Stock, Warm};
pub use process::{Process, ProcessControl, ProcessEnd, ProcessEvent, ProcessRequest};
pub use request::{Caller, ContextRequest, ExecuteRequest, OUTPUT_BYTES_MAX, Place, SandboxRequest, Stdin};
pub use sandbox::Sandbox;
pub use text::{from_printable, plain, printable};
pub use watching::Watching;
