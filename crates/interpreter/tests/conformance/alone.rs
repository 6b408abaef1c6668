//! Tests that look at whole processes need one for themselves: this test program again, with one test.

use crate::bench::Bench;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

const ALONE: &str = "BELLJAR_CONFORMANCE_ALONE";

/// Whether this process runs this one test only.
pub fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Starts this test in a process of its own.
pub fn start(bench: &Bench) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", bench.test, "--nocapture"]).env(ALONE, "1").stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Runs this test in a process of its own; it has to pass there.
pub fn run(bench: &Bench) {
    let output = start(bench).wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// The first line of a test in another process that begins with `word`, without that word.
pub fn line_of(child: &mut Child, word: &str) -> String {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = Vec::new();
    for line in lines {
        let line = line.unwrap();
        // The harness prints the test's name without a line end.
        if let Some((_, rest)) = line.split_once(word) {
            return rest.to_owned();
        }
        seen.push(line);
    }
    panic!("no line with {word}: {seen:?}");
}
