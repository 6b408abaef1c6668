//! How long the check of a cell takes, next to CPython's own parser in the same run. Each row is one line of JSON, which
//! `cargo xtask bench` reads.

use policy::{Policy, check};
use protocol::Language;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// A cell of an analysis, 10 kB.
const CELL: &str = include_str!("analysis.py");
const SAMPLES: usize = 500;
const GOAL_MS: f64 = 1.0;
const PEER: &str = "python3 ast.parse + ast.walk";
/// Parses once for each line that it is sent, and answers with the milliseconds that it took.
const PEER_PROGRAM: &str = "
import ast, sys, time
code = open(sys.argv[1]).read().replace('%matplotlib inline', '')
for _ in sys.stdin:
    start = time.perf_counter()
    for _ in ast.walk(ast.parse(code)): pass
    print((time.perf_counter() - start) * 1000, flush=True)
";

struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start() -> std::io::Result<Peer> {
        let cell = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/check/analysis.py");
        let mut command = Command::new("python3");
        command.args(["-c", PEER_PROGRAM, cell]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Peer { child, input, output })
    }

    fn sample_ms(&mut self) -> std::io::Result<f64> {
        writeln!(self.input, "again")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        line.trim().parse().map_err(std::io::Error::other)
    }
}

fn main() {
    let policy = Policy::preset("strict").expect("it is a preset");
    let verdict = check(&policy, Language::Python, CELL);
    assert!(!verdict.denied, "{:?}", verdict.findings);
    let samples = measure(&policy);
    let name = format!("check of a cell of {} kB, strict", CELL.len() / 1000);
    match samples {
        Ok((ours, peers)) => {
            let mut sorted = ours.clone();
            sorted.sort_by(f64::total_cmp);
            eprintln!("p50 {:.3} ms, p99 {:.3} ms", sorted[SAMPLES / 2], sorted[SAMPLES * 99 / 100]);
            let peer = json!({ "name": PEER, "samples": peers });
            println!("{}", json!({ "name": name, "unit": "ms", "max": GOAL_MS, "ours": ours, "peer": peer }));
        }
        Err(error) => {
            println!("{}", json!({ "name": name, "unit": "ms", "max": GOAL_MS, "failed": error.to_string() }))
        }
    }
}

fn measure(policy: &Policy) -> std::io::Result<(Vec<f64>, Vec<f64>)> {
    let mut peer = Peer::start()?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let start = Instant::now();
        let verdict = check(policy, Language::Python, CELL);
        ours.push(start.elapsed().as_secs_f64() * 1000.0);
        assert!(!verdict.denied);
        peers.push(peer.sample_ms()?);
    }
    drop(peer.input);
    peer.child.wait()?;
    Ok((ours, peers))
}
