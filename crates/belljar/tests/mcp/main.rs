//! The tools as MCP clients meet them, from `belljar mcp` and over HTTP: by hand on the wire, and with the official clients.

mod arguments;
mod ask;
mod cancels;
mod client;
mod conformance;
mod eras;
mod guide;
mod http;
mod inspector;
mod node;
mod official;
#[allow(dead_code)]
#[path = "../cli/program.rs"]
mod program;
mod runs;
mod sandboxes;
#[path = "../../../agent/tests/sdks/mod.rs"]
mod sdks;
#[allow(dead_code)]
#[path = "../http/server.rs"]
mod server;
mod streams;
