//! The HTTP server as its clients meet it: the real binary, real sandboxes, real requests.

// Shared with the tests of the command line, which use more of it.
#[allow(dead_code)]
#[path = "../cli/program.rs"]
mod program;

mod access;
mod answers;
mod ends;
mod executions;
mod figures;
mod files;
mod fuzz;
mod guide;
mod interface;
mod killed;
mod large;
mod load;
mod running;
mod sandboxes;
#[path = "../../../agent/tests/sdks/mod.rs"]
mod sdks;
mod server;
mod traces;
