//! The desk: who comes in, who waits, and what is kept for whom between two requests.
//!
//! In front of the interpreter, for edges whose callers come and go: keys, the queue, sandboxes with a time to live,
//! executions whose events can be read again, the record in the journal. Knows nothing of HTTP.

mod access;
mod allowance;
mod attached;
mod begin;
mod ceiling;
mod checkpoints;
mod close;
mod contexts;
mod desk;
mod error;
mod kept;
mod keys;
mod log;
mod machine;
mod metrics;
mod once;
mod pages;
mod questions;
mod queue;
mod reaper;
mod record;
mod run;
mod runs;
mod sandboxes;
mod visitor;

pub use access::Scope;
pub use allowance::KeyLimits;
pub use attached::{Attached, Attaching, Listener, Said};
pub use begin::{Alone, Begin, File, Turn, Work};
pub use ceiling::Ceiling;
pub use checkpoints::Checkpoint;
pub use contexts::Usual;
pub use desk::{Desk, Settings};
pub use error::DeskError;
pub use kept::{Kept, Lease};
pub use keys::{Key, KeyError, Keys, NewKey, to_e2b};
pub use log::{After, Events};
pub use machine::Machine;
pub use metrics::{Answered, Metrics};
pub use once::{Made, Repeat};
pub use pages::Page;
pub use questions::{Asked, NewTalk, Question, Talk};
pub use queue::{QueueState, Want};
pub use run::{Kind, Run};
pub use sandboxes::{Change, NewSandbox, Spare};
pub use visitor::Visitor;
