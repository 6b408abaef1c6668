//! Pid 1 of a sandbox: contexts, commands and files, in one single-threaded poll loop.
//!
//! Speaks [`protocol::guest`] with the host and [`protocol::driver`] with the programs that run code. What a driver
//! says is a claim; what a limit, a wall or an outcome is, the host decides.

mod attached;
mod attributes;
mod beneath;
mod changes;
mod claims;
mod commands;
mod connections;
mod contexts;
mod driving;
mod executions;
mod files;
mod listing;
mod output;
mod paths;
mod pipes;
mod processes;
mod program;
mod readiness;
mod removal;
mod requests;
mod settings;
mod starting;
mod turns;
mod walk;
mod walls;
mod watch;
mod watching;
mod wire;
mod zygote;

pub use settings::SettingsError;
pub use turns::{StartError, init};
