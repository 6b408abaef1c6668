//! The E2B SDKs, unmodified, against the real server: what they call, and what they are told.
//!
//! The tests themselves are programs in `python` and `javascript`, run with each version that docs/guides/e2b.md names.

mod keys;
mod lab;
#[allow(dead_code)]
#[path = "../mcp/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../cli/program.rs"]
mod program;
mod programs;
#[allow(dead_code)]
#[path = "../../../agent/tests/sdks/mod.rs"]
mod sdks;
#[allow(dead_code)]
#[path = "../http/server.rs"]
mod server;
mod versions;
