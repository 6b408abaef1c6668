//! `cargo xtask bench e2b`: a sandbox from creation to its end through the unmodified Python SDK of E2B, beside the same calls
//! at a server of canned answers, which is the SDK's own time.

use super::options::parse;
use super::serve::Server;
use super::{canned, data_dir, host, rows, show};
use crate::command::{cargo, repository, run as run_command, target_dir};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const SAMPLES: usize = 100;
/// The newest version that is verified; its lock is that of the tests.
const SDK: &str = "e2b-2.63";
const TEMPLATE: &str = "code-interpreter";

/// Runs the row, prints the table; `--check` fails when the target is missed.
pub fn run(words: &[&str]) -> Result<()> {
    let options = parse(words, &["--json", "--check", "--samples"])?;
    run_command(cargo(&["build", "--release", "--locked", "--package", "belljar"]))?;
    let belljar = target_dir()?.join("release/belljar");
    let data_dir = data_dir(&target_dir()?);
    let mut build = Command::new(&belljar);
    build.args(["template", "build", TEMPLATE]).env("BELLJAR_DATA_DIR", &data_dir);
    run_command(build)?;
    let python = sdk(&data_dir)?;
    let server = Server::start(&belljar, &data_dir, TEMPLATE)?;
    let mut command = Command::new(python);
    command.arg(repository().join("xtask/src/bench/e2b_round.py"));
    command.arg(options.samples.unwrap_or(SAMPLES).to_string());
    command.args([format!("http://{}", server.address), canned::start()?]);
    let rows = rows(command)?;
    drop(server);
    show(&rows, &host::describe(), &options)?;
    match options.check && rows.iter().any(|row| !row.is_met()) {
        true => bail!("the target is missed"),
        false => Ok(()),
    }
}

/// The Python that has the SDK, installed from the tests' lock where it is not, at the place where tests look as well.
fn sdk(data_dir: &Path) -> Result<PathBuf> {
    let lock = repository().join(format!("crates/belljar/tests/sdks/{SDK}.lock"));
    let wanted = std::fs::read(&lock).with_context(|| format!("read {}", lock.display()))?;
    let place = data_dir.join("sdks").join(SDK);
    let python = place.join("bin/python");
    if std::fs::read(place.join("installed.lock")).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(&place);
    run_command(environment)?;
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r"])
        .arg(&lock);
    run_command(install)?;
    std::fs::write(place.join("installed.lock"), wanted).context("note what is installed")?;
    Ok(python)
}
