//! MCP: the interpreter as tools for any client of the Model Context Protocol, in its stateless and its handshake form.
//!
//! [`Handler`] answers requests and can be made anew for each; everything that lives longer is in [`Shared`], and clients
//! name sandboxes by their ids. `stdio` serves one client over standard input and output; every other transport mounts the
//! same handler.

mod arguments;
mod call;
mod content;
#[cfg(feature = "mcp-conformance-fixtures")]
mod fixtures;
mod handler;
mod progress;
mod refusal;
mod resources;
mod schema;
mod shared;
pub mod stdio;
mod tools;
mod uri;
mod words;

pub use handler::{Handler, Whose, over_http};
pub use shared::{Setup, Shared};
pub use words::libraries;
