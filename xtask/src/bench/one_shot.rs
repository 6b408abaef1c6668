//! `belljar run -c 'print(1)'` without a daemon against a bare `python3 -c 'print(1)'`, in turns.

use super::table::{Peer, Row, Side, Target};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const PYTHON: &str = "/usr/bin/python3";
const ROUNDS: usize = 40;
const CODE: &str = "print(1)";

/// Measures both, with the templates of `data_dir`.
pub fn measure(belljar: &Path, data_dir: &Path) -> Row {
    let (samples, failed) = match samples(belljar, data_dir) {
        Ok(samples) => (samples, None),
        Err(error) => (Default::default(), Some(format!("{error:#}"))),
    };
    Row {
        name: "one-shot `belljar run`, no daemon".into(),
        unit: "ms".into(),
        wall: None,
        ours: Side { samples: samples.0, ..Side::default() },
        peer: Some(Peer { name: PYTHON.into(), side: Side { samples: samples.1, ..Side::default() } }),
        target: Target::Ratio(2.0, 100.0),
        failed,
    }
}

/// In turns; the first round of each is not counted (it may build the template and fill caches).
fn samples(belljar: &Path, data_dir: &Path) -> Result<(Vec<f64>, Vec<f64>)> {
    let ours = || {
        let words = ["run", "--template", "python", "-c", CODE];
        one(Command::new(belljar).args(words).env("BELLJAR_DATA_DIR", data_dir))
    };
    let peer = || one(Command::new(PYTHON).args(["-c", CODE]));
    ours()?;
    peer()?;
    let mut samples = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        samples.0.push(ours()?);
        samples.1.push(peer()?);
    }
    Ok(samples)
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
