//! Puts a process behind Linux's walls.
//!
//! A plan is data first ([`plan`]), acted on after ([`keeper`], [`jailer`]). Knows nothing of Python, of
//! async runtimes, or of what runs inside.

pub mod cgroup;
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
mod tree;

pub use enter::rlimits;
pub use errno::Failed;
pub use identity::{Identity, Range};
pub use packet::{receive, send};
pub use sys::{adopt, child_signals};
