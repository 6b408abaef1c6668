//! The `belljar` binary: reads a command line, carries it out, exits with the code's exit code.
//!
//! Parses, calls and renders; what an execution is belongs to the crate `interpreter`.

mod cli;
mod e2b;
mod http;
mod mcp;
mod render;

fn main() {
    let code = cli::main(std::env::args_os().collect());
    // Not by returning: threads that still read standard input must not be waited for.
    std::process::exit(code.into());
}
