//! The journal: what was asked, what the model wrote, what the policy said, how it ended; kept in SQLite, without secrets.
//!
//! The environment of a sandbox, keys of providers and uploaded files are in none of the things that are written
//! here. What code prints is: whoever hands a secret to code can read it in the outcome.

mod bounded;
mod entry;
mod error;
pub mod export;
mod read;
mod runs;
mod schema;
mod store;

pub use bounded::OUTCOME_BYTES_MAX;
pub use entry::{Entry, Step, Summary};
pub use error::JournalError;
pub use runs::{RunBegin, RunEntry, RunSummary};
pub use store::{Begin, Journal};
