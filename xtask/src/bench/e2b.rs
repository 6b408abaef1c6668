//! `cargo xtask bench e2b`: a sandbox from creation to its end through the unmodified Python SDK of E2B, beside the same calls
//! at a server of canned answers, which is the SDK's own time.

use super::options::parse;
use super::serve::Server;
use super::{canned, judge, rows};
use crate::command::repository;
use anyhow::{Result, anyhow};
use std::process::Command;

#[path = "../../../crates/agent/tests/sdks/install.rs"]
mod install;

const SAMPLES: usize = 100;
/// The newest version that is verified; its lock and its place are those of the tests.
const SDK: &str = "e2b-2.63";

/// Runs the row, prints the table; `--check` fails when the target is missed.
pub fn run(words: &[&str]) -> Result<()> {
    let options = parse(words, &["--json", "--check", "--samples"])?;
    let (server, data_dir) = Server::built("code-interpreter")?;
    let lock = repository().join(format!("crates/belljar/tests/sdks/{SDK}.lock"));
    let python = install::environment(&lock, &data_dir.join("sdks"), SDK).map_err(|why| anyhow!(why))?;
    let mut command = Command::new(python);
    command.arg(repository().join("xtask/src/bench/e2b_round.py"));
    command.arg(options.samples.unwrap_or(SAMPLES).to_string());
    command.args([format!("http://{}", server.address), canned::start()?]);
    let rows = rows(command)?;
    drop(server);
    judge(&rows, &options)
}
