//! `belljar run -c 'print(1)'` without a daemon against a bare `python3 -c 'print(1)'`, in turns.

use super::table::{Row, Target};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 40;
const CODE: &str = "print(1)";

/// Measures both; the first round of each is not counted (it may build the template and fill caches).
pub fn measure(belljar: &Path) -> Result<Row> {
    let belljar = belljar.to_str().context("name the binary")?;
    let ours = || one(Command::new(belljar).args(["run", "--template", "python", "-c", CODE]));
    let peer = || one(Command::new("python3").args(["-c", CODE]));
    ours()?;
    peer()?;
    let mut samples = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        samples.0.push(ours()?);
        samples.1.push(peer()?);
    }
    Ok(Row {
        name: "one-shot `belljar run`, no daemon".into(),
        unit: "ms".into(),
        ours: samples.0,
        peer: Some(("bare python3".into(), samples.1)),
        target: Target::Ratio(2.0, 100.0),
    })
}

/// Wall time of one run in milliseconds; a run that does not print 1 is an error, not a sample.
fn one(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().context("start a program to measure")?;
    let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
    if output.stdout != b"1\n" {
        bail!("{command:?} printed {:?}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(wall_ms)
}
