//! The words of Belljar: every type that crosses a boundary, and the frame codec.
//!
//! Pure data. No I/O, no clock, no randomness: whoever makes an id brings the bits.

mod answer;
pub mod driver;
mod entry;
mod event;
mod fork;
pub mod frame;
pub mod guest;
mod id;
mod isolation;
mod language;
mod limits;
mod outcome;
pub mod path;
pub mod step;
pub mod zygote;

pub use answer::{AgentEvent, Answer, AnswerError, AnswerStatus, CodeRun, Stop, Tokens, Turn};
pub use event::{Event, EventKind};
pub use fork::{ForkRefusal, ForkReport, OpenFile};
pub use id::{AnswerId, CheckpointId, ContextId, ExecutionId, IdError, SandboxId};
pub use isolation::{Isolation, Level, Require, Strength, UnknownRequire, Wall};
pub use language::{Language, UnknownLanguage};
pub use limits::{Limits, LimitsError, parse_size};
pub use outcome::{
    Bundle, Category, Change, FileChange, Finding, FindingKind, Outcome, OutcomeError, Span, Status,
    Truncated, Usage,
};
