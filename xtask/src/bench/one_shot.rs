//! `belljar run -c 'print(1)'` without a daemon against a bare `python3 -c 'print(1)'`, in turns.

use measure::{Peer, Row, Side, Target};
use std::path::Path;
use std::process::Command;

const PYTHON: &str = "/usr/bin/python3";
const ROUNDS: usize = 40;
const CODE: &str = "print(1)";
const PRINTS: &str = "1\n";

/// Measures both, with the templates of `data_dir`.
pub fn measure(belljar: &Path, data_dir: &Path) -> Row {
    let (samples, failed) = match samples(belljar, data_dir) {
        Ok(samples) => (samples, None),
        Err(why) => (Default::default(), Some(why)),
    };
    Row {
        ours: Side { samples: samples.0, ..Side::default() },
        peer: Some(Peer { name: PYTHON.into(), side: Side { samples: samples.1, ..Side::default() } }),
        failed,
        ..Row::new("one-shot `belljar run`, no daemon", "ms", Target::Ratio(2.0, 100.0))
    }
}

/// In turns; the first round of each is not counted (it may build the template and fill caches).
fn samples(belljar: &Path, data_dir: &Path) -> Result<(Vec<f64>, Vec<f64>), String> {
    let ours = || {
        let words = ["run", "--template", "python", "-c", CODE];
        measure::program(Command::new(belljar).args(words).env("BELLJAR_DATA_DIR", data_dir), PRINTS)
    };
    let peer = || measure::program(Command::new(PYTHON).args(["-c", CODE]), PRINTS);
    ours()?;
    peer()?;
    let mut samples = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        samples.0.push(ours()?);
        samples.1.push(peer()?);
    }
    Ok(samples)
}
