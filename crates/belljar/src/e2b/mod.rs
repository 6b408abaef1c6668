//! The E2B edge: what the E2B SDKs speak, so that programs move here by their environment alone.
//!
//! Three planes share one address: the control plane (`control`), and in each sandbox `envd` for processes and files and
//! the `code` interpreter; other ports lead into the sandbox. Which one a request is for, `front` finds out.

mod code;
mod control;
mod envd;
mod front;
mod place;
mod ports;
mod refusal;
mod room;
mod rpc;
mod usage;

pub use control::routes;
pub use front::{Front, divert};
