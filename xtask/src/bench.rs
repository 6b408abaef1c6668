//! `cargo xtask bench run | walls | serve | e2b | fork`: how fast code runs, as ratios against peers in the same run on the same machine.
//!
//! What a crate does in process is measured by a bench program of its own, such as `cargo bench -p belljar-interpreter
//! --bench run`, which prints one JSON object a line (see [`Row::from_json`]). The command line is measured here.

mod canned;
mod e2b;
mod markdown;
mod one_shot;
mod options;
mod serve;
mod walls;

pub use e2b::run as e2b;
pub use serve::run as serve;
pub use walls::run as walls;

use crate::command::{cargo, program, run as run_command, shown, target_dir};
use crate::test::dockerd::{self, Dockerd};
use anyhow::{Context, Result, anyhow, bail};
use measure::Row;
use options::{Options, Place, parse};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs all rows, prints the table; `--json [FILE]` gives it as JSON too, `--check` fails when a target is missed.
pub fn run(words: &[&str]) -> Result<()> {
    let options = parse(words, &["--json", "--check"])?;
    run_command(cargo(&["build", "--release", "--locked", "--package", "belljar"]))?;
    let target = target_dir()?;
    let data_dir = data_dir(&target);
    let mut rows = rows(in_process("belljar-interpreter", "run", &data_dir))?;
    rows.extend(self::rows(in_process("belljar-policy", "check", &data_dir))?);
    rows.push(one_shot::measure(&target.join("release/belljar"), &data_dir));
    judge(&rows, &options)
}

/// Runs `belljar bench` of a release build, with an engine for the run where it can be started.
pub fn fork(words: &[&str]) -> Result<()> {
    run_command(cargo(&["build", "--release", "--locked", "--package", "belljar"]))?;
    let target = target_dir()?;
    let mut command = Command::new(target.join("release/belljar"));
    command.arg("bench").args(words).env("BELLJAR_DATA_DIR", data_dir(&target));
    let engine = match dockerd::hindrance() {
        None => Some(Dockerd::start()?),
        Some(why) => {
            eprintln!("no container engine: {why}");
            None
        }
    };
    if let Some(engine) = &engine {
        command.env("DOCKER_HOST", format!("unix://{}", engine.socket().display()));
    }
    run_command(command)
}

/// Prints the table; where the options ask for that, a target that is missed is a failure.
fn judge(rows: &[Row], options: &Options) -> Result<()> {
    show(rows, &describe(), options)?;
    let missed: Vec<&str> = rows.iter().filter(|row| !row.is_met()).map(|row| row.name.as_str()).collect();
    match options.check && !missed.is_empty() {
        true => bail!("targets missed: {}", missed.join("; ")),
        false => Ok(()),
    }
}

/// The machine, and what was built with what of which commit.
fn describe() -> BTreeMap<&'static str, String> {
    let mut host = measure::describe();
    let said = |mut command: Command| {
        let output = command.stdin(Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
    };
    let commit = program("git", &["describe", "--always", "--dirty"]);
    for (name, command) in [("rustc", program("rustc", &["--version"])), ("commit", commit)] {
        host.insert(name, said(command).unwrap_or_else(|| "unknown".to_owned()));
    }
    host
}

fn data_dir(target: &Path) -> PathBuf {
    std::env::var_os("BELLJAR_DATA_DIR").map_or_else(|| target.join("belljar"), PathBuf::from)
}

/// Prints the table for people, and gives it to programs where they want it.
fn show(rows: &[Row], host: &BTreeMap<&str, String>, options: &Options) -> Result<()> {
    print!("{}", measure::render(rows, |_, words| words.to_owned()));
    for (name, value) in host {
        println!("{name}: {value}");
    }
    let json = json!({ "host": host, "rows": measure::to_json(rows) });
    let text = serde_json::to_string_pretty(&json)? + "\n";
    match options.json {
        None => {}
        Some(Place::Printed) => print!("{text}"),
        Some(Place::File(path)) => std::fs::write(path, text).with_context(|| format!("write {path}"))?,
    }
    Ok(())
}

/// A bench program, with the templates of `data_dir`.
fn in_process(package: &str, bench: &str, data_dir: &Path) -> Command {
    let mut command = cargo(&["bench", "--locked", "--package", package, "--bench", bench, "--"]);
    command.env("BELLJAR_DATA_DIR", data_dir);
    command
}

fn rows(command: Command) -> Result<Vec<Row>> {
    json_lines(command)?.iter().map(|line| Row::from_json(line).map_err(|why| anyhow!(why))).collect()
}

/// Runs a bench program; gives the lines of JSON that it prints.
fn json_lines(mut command: Command) -> Result<Vec<String>> {
    let name = shown(&command);
    eprintln!("$ {name}");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("start {name}"))?;
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().context("read its output")?).lines() {
        let line = line.with_context(|| format!("read the output of {name}"))?;
        if line.starts_with('{') {
            lines.push(line);
            eprint!("\r{} rows ", lines.len());
        }
    }
    eprintln!();
    let status = child.wait()?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(lines)
}
