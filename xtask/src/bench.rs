//! `cargo xtask bench run`: how fast code runs, as ratios against peers in the same run on the same machine.
//!
//! What needs the interpreter in process is measured by its own bench program, `cargo bench -p belljar-interpreter
//! --bench run`, which prints one JSON object a line (see [`Row::from_json`]). The command line is measured here.

mod one_shot;
mod table;

use crate::command::{cargo, run as run_command, shown, target_dir};
use anyhow::{Context, Result, bail};
use table::Row;

/// Runs all rows, prints the table; `--json FILE` writes it too, `--check` fails when a target is missed.
pub fn run(options: &[&str]) -> Result<()> {
    let (json, check) = parse(options)?;
    run_command(cargo(&["build", "--release", "--locked", "--package", "belljar"]))?;
    let mut rows = in_process()?;
    rows.push(one_shot::measure(&target_dir()?.join("release/belljar"))?);
    print!("{}", table::render(&rows));
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&table::to_json(&rows))? + "\n";
        std::fs::write(path, text).with_context(|| format!("write {path}"))?;
    }
    let missed: Vec<&str> = rows.iter().filter(|row| !row.is_met()).map(|row| row.name.as_str()).collect();
    if check && !missed.is_empty() {
        bail!("targets missed: {}", missed.join("; "));
    }
    Ok(())
}

fn parse<'a>(options: &[&'a str]) -> Result<(Option<&'a str>, bool)> {
    match options {
        [] => Ok((None, false)),
        ["--check", rest @ ..] => Ok((parse(rest)?.0, true)),
        ["--json", path, rest @ ..] => Ok((Some(path), parse(rest)?.1)),
        [other, ..] => bail!("unknown option {other}"),
    }
}

fn in_process() -> Result<Vec<Row>> {
    let mut command = cargo(&["bench", "--locked", "--package", "belljar-interpreter", "--bench", "run"]);
    let name = shown(&command);
    eprintln!("$ {name}");
    let output =
        command.stderr(std::process::Stdio::inherit()).output().with_context(|| format!("start {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| line.starts_with('{')).map(Row::from_json).collect()
}
