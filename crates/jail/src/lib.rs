//! Puts a process behind Linux's walls.
//!
//! A plan is data first ([`plan`]), acted on after ([`keeper`], [`jailer`], [`container`]). Knows nothing of Python, of
//! async runtimes, or of what runs inside.

mod branch;
pub mod cgroup;
pub mod container;
pub mod control;
mod enter;
mod errno;
mod identity;
mod jailer;
pub mod keeper;
mod landlock;
mod packet;
pub mod plan;
pub mod probe;
mod proc_files;
mod room;
mod seccomp;
pub mod spawn;
mod sys;
pub mod terminal;
mod tree;

pub use branch::root_of as branch_root;
pub use enter::{in_place, rlimits};
pub use errno::Failed;
pub use identity::{Identity, Range};
pub use packet::{pair, receive, send};
pub use proc_files::hidden_names;
pub use room::namespaces_of;
pub use seccomp::allowed_names;
pub use sys::{adopt, child_signals};
