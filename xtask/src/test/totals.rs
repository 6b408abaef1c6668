//! Reads how many tests passed from what test runners print.

use super::outcomes::{self, Outcomes};
use crate::command::shown;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Command;

/// How many tests ended how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Ran and held.
    pub passed: u64,
    /// Ran and did not hold.
    pub failed: u64,
    /// Did not run here.
    pub skipped: u64,
    /// `name: reason` of tests that found out for themselves that they cannot run here.
    pub reasons: Vec<String>,
    /// Lines that name a test that did not hold.
    pub failures: Vec<String>,
    /// How each test ended that a runner named.
    pub outcomes: Outcomes,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl Totals {
    /// Sums up.
    pub fn add(&mut self, other: Totals) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.reasons.extend(other.reasons);
        self.failures.extend(other.failures);
        other.outcomes.into_iter().for_each(|outcome| outcomes::add(&mut self.outcomes, outcome));
    }

    /// Prints what was skipped and why, what failed, and the sums. Fails when a test failed.
    pub fn tell(mut self) -> Result<()> {
        for reason in &self.reasons {
            println!("skipped {reason}");
        }
        self.failures.sort();
        self.failures.dedup();
        for failure in &self.failures {
            println!("{failure}");
        }
        println!("{self}");
        match self.failed {
            0 => Ok(()),
            count => bail!("{count} tests failed"),
        }
    }

    /// Tests that skipped themselves passed in the runner's eyes; in ours they did not run.
    fn subtract_skips(&mut self, reasons: Vec<String>) {
        let count = (reasons.len() as u64).min(self.passed);
        self.passed -= count;
        self.skipped += count;
        let skipped = reasons.iter().filter_map(|line| outcomes::from_skip(line));
        skipped.for_each(|outcome| outcomes::add(&mut self.outcomes, outcome));
        self.reasons = reasons;
    }
}

/// Runs the command, passes its output on to `screen` as it comes, without the lines of tests that passed, and counts
/// what it says; `skips` is where tests wrote reasons.
pub fn count(mut command: Command, skips: &Path, screen: &mut dyn Write) -> Result<Totals> {
    let name = shown(&command);
    eprintln!("$ {name}");
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("start {name}"))?;
    drop(command); // else the pipe never ends: it holds the writing side
    let mut totals = Totals::default();
    let mut ran = 0;
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let raw = [line.as_slice(), b"\n"].concat();
        let line = without_colour(&String::from_utf8_lossy(&line));
        if !passed(&line) {
            screen.write_all(&raw)?;
        }
        totals.add(from_line(&line));
        totals.failures.extend(failure(&line));
        outcomes::from_line(&line)
            .into_iter()
            .for_each(|outcome| outcomes::add(&mut totals.outcomes, outcome));
        ran += unittest_ran(&line);
        if let Some(ended) = unittest_ended(&line, ran) {
            totals.add(ended);
            ran = 0;
        }
    }
    let status = child.wait()?;
    let reasons = std::fs::read_to_string(skips).unwrap_or_default();
    totals.subtract_skips(reasons.lines().map(str::to_owned).collect());
    if !status.success() && totals.failed == 0 {
        bail!("{name}: {status}, though no test failed");
    }
    Ok(totals)
}

/// What one line of a runner adds. nextest ends with `Summary […] 3 tests run: 2 passed, 1 failed, 0 skipped`, and
/// every binary of libtest with `test result: FAILED. 2 passed; 1 failed; 0 ignored; …`.
fn from_line(line: &str) -> Totals {
    let counts = match line.trim_start() {
        text if text.starts_with("Summary [") => text.split_once("run:").map(|(_, counts)| counts),
        // At the beginning of the line: nextest shows a failed test's own output with an indent.
        _ if line.starts_with("test result:") => line.split_once('.').map(|(_, counts)| counts),
        _ => None,
    };
    let mut totals = Totals::default();
    for part in counts.unwrap_or_default().split([',', ';']) {
        let mut words = part.split_whitespace();
        let count = words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        match words.next() {
            Some("passed") => totals.passed += count,
            Some("failed" | "timed" | "exec") => totals.failed += count,
            Some("skipped" | "ignored") => totals.skipped += count,
            _ => {}
        }
    }
    totals
}

/// libtest's `test … ok`, nextest's `PASS […] …`. Thousands of them would hide what did not pass.
fn passed(line: &str) -> bool {
    line.starts_with("test ") && line.ends_with(" ... ok") || line.trim_start().starts_with("PASS [")
}

/// The line that names a failed test: nextest's `FAIL [ 0.1s] …` (also after the summary), libtest's `test … FAILED`,
/// unittest's `ERROR: …` and `FAIL: …`.
fn failure(line: &str) -> Option<String> {
    let text = line.trim();
    let named = ["FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV [", "FAIL: ", "ERROR: "];
    let libtest = line.starts_with("test ") && text.ends_with("FAILED");
    (libtest || named.iter().any(|start| text.starts_with(start))).then(|| text.to_owned())
}

/// Python's unittest says first how many ran.
fn unittest_ran(line: &str) -> u64 {
    let count = line.strip_prefix("Ran ").filter(|rest| rest.contains(" in "));
    count.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// And then how: `OK (skipped=2)` or `FAILED (failures=1, errors=1)`.
fn unittest_ended(line: &str, ran: u64) -> Option<Totals> {
    let counts = line.strip_prefix("OK").or(line.strip_prefix("FAILED"))?;
    if !(counts.is_empty() || counts.starts_with(" (") && counts.contains('=')) {
        return None;
    }
    let mut totals = Totals::default();
    for part in counts.trim_matches([' ', '(', ')']).split(", ") {
        let (what, count) = part.split_once('=').unwrap_or((part, "0"));
        let count: u64 = count.parse().unwrap_or(0);
        match what {
            "failures" | "errors" | "unexpected successes" => totals.failed += count,
            "skipped" => totals.skipped += count,
            _ => {}
        }
    }
    totals.passed = ran.saturating_sub(totals.failed + totals.skipped);
    Some(totals)
}

fn without_colour(line: &str) -> String {
    let mut text = String::new();
    let mut in_code = false;
    for letter in line.chars() {
        match letter {
            '\u{1b}' => in_code = true,
            'm' if in_code => in_code = false,
            _ if in_code => {}
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_are_understood() {
        let nextest = "\u{1b}[1m     Summary\u{1b}[0m [   0.3s] 5 tests run: 2 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(from_line(&without_colour(nextest)).to_string(), "2 passed, 3 failed, 4 skipped");
        let libtest = "test result: FAILED. 7 passed; 1 failed; 2 ignored; 0 measured; 5 filtered out; finished in 0.00s";
        assert_eq!(from_line(libtest).to_string(), "7 passed, 1 failed, 2 skipped");
        assert_eq!(from_line("test a ... ok"), Totals::default());
    }

    #[test]
    fn unittest_is_understood() {
        assert_eq!(unittest_ran("Ran 52 tests in 20.5s"), 52);
        assert_eq!(unittest_ended("OK", 3).unwrap().to_string(), "3 passed, 0 failed, 0 skipped");
        let failed = unittest_ended("FAILED (failures=1, errors=2, skipped=4)", 10).unwrap();
        assert_eq!(failed.to_string(), "3 passed, 3 failed, 4 skipped");
        assert_eq!(unittest_ended("OK then", 3), None);
    }

    #[test]
    fn failed_tests_are_named() {
        let named = "    FAIL [   0.108s] ( 66/411) belljar-guest::guest contexts::input";
        assert_eq!(failure(named).as_deref(), Some(named.trim()));
        assert!(failure("test a::b ... FAILED").is_some() && failure("FAIL: test_x (a.B)").is_some());
        assert!(
            passed("test a ... ok")
                && passed("    PASS [ 0.1s] (1/9) a b")
                && !passed("test a ... FAILED")
                && !passed("ok")
        );
        assert!(failure("test a ... ok").is_none() && failure("    PASS [ 0.1s] FAILED").is_none());
        assert!(failure("    test inside ... FAILED").is_none(), "nextest shows it with its own line");
    }

    #[test]
    fn a_test_that_skipped_itself_did_not_pass() {
        let mut totals = Totals { passed: 3, ..Totals::default() };
        totals.subtract_skips(vec!["a: no node".into()]);
        assert_eq!(totals.to_string(), "2 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn output_is_read_from_both_streams_to_its_end() {
        let mut screen = Vec::new();
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo 'test result: ok. 1 passed; 0 failed'; echo 'test result: ok. 2 passed' >&2"]);
        assert_eq!(count(command, Path::new("/nowhere"), &mut screen).unwrap().passed, 3);
        assert_eq!(screen.split(|byte| *byte == b'\n').count(), 3);
        let mut broken = Command::new("sh");
        broken.args(["-c", "exit 3"]);
        assert!(count(broken, Path::new("/nowhere"), &mut std::io::sink()).is_err());
    }
}
