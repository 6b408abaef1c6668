//! `cargo xtask load`: many clients against a real server, for longer than a test may take. What they do, and what must
//! hold, is a test's; this builds the template and starts that one test.

use crate::command::{cargo, run as run_command, target_dir};
use anyhow::{Context, Result, bail};

const TEST: &str = "load::two_hundred_clients";

/// Runs it for a minute, or for so many seconds.
pub fn run(words: &[&str]) -> Result<()> {
    let seconds: u64 = match words {
        [] => 60,
        ["--seconds", number] => number.parse().with_context(|| format!("read {number:?} as seconds"))?,
        _ => bail!("unknown words {}", words.join(" ")),
    };
    let data_dir = std::env::var_os("BELLJAR_DATA_DIR")
        .map_or_else(|| target_dir().map(|target| target.join("belljar").into_os_string()), Ok)?;
    let mut template =
        cargo(&["run", "--locked", "--package", "belljar", "--", "template", "build", "python"]);
    template.env("BELLJAR_DATA_DIR", &data_dir);
    run_command(template)?;
    let test = ["test", "--locked", "--package", "belljar", "--test", "http", "--"];
    let mut command = cargo(&test);
    command.args([TEST, "--exact", "--ignored", "--nocapture"]);
    command.env("BELLJAR_DATA_DIR", data_dir).env("BELLJAR_TEST_LOAD_SECONDS", seconds.to_string());
    run_command(command)
}
