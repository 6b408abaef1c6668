//! The binary as its users meet it: what goes in on the command line, what comes out on both streams and as exit code.

mod ask;
mod ask_model;
mod ask_terminal;
mod bad_input;
mod dockerd;
mod files;
mod images;
mod log;
mod oci;
mod oci_dying;
mod policy;
mod program;
mod repl;
mod run;
mod signals;
mod templates;
mod terminal;
