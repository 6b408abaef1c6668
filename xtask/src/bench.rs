//! `cargo xtask bench run`: how fast code runs, as ratios against peers in the same run on the same machine.
//!
//! What a crate does in process is measured by a bench program of its own, such as `cargo bench -p belljar-interpreter
//! --bench run`, which prints one JSON object a line (see [`Row::from_json`]). The command line is measured here.

mod host;
mod one_shot;
mod table;

use crate::command::{cargo, run as run_command, shown, target_dir};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::path::{Path, PathBuf};
use table::Row;

/// What the command line asks for.
#[derive(Debug, Default, PartialEq)]
struct Options<'a> {
    json: Option<Json<'a>>,
    check: bool,
}

/// Where the table for programs goes.
#[derive(Debug, PartialEq)]
enum Json<'a> {
    /// Below the table for people.
    Printed,
    File(&'a str),
}

/// Runs all rows, prints the table; `--json [FILE]` gives it as JSON too, `--check` fails when a target is missed.
pub fn run(words: &[&str]) -> Result<()> {
    let options = parse(words)?;
    run_command(cargo(&["build", "--release", "--locked", "--package", "belljar"]))?;
    let target = target_dir()?;
    let data_dir = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(|| target.join("belljar"), PathBuf::from);
    let mut rows = in_process("belljar-interpreter", "run", &data_dir)?;
    rows.extend(in_process("belljar-policy", "check", &data_dir)?);
    rows.push(one_shot::measure(&target.join("release/belljar"), &data_dir));
    let host = host::describe();
    print!("{}", table::render(&rows));
    for (name, value) in &host {
        println!("{name}: {value}");
    }
    let json = json!({ "host": host, "rows": table::to_json(&rows) });
    let text = serde_json::to_string_pretty(&json)? + "\n";
    match options.json {
        None => {}
        Some(Json::Printed) => print!("{text}"),
        Some(Json::File(path)) => std::fs::write(path, text).with_context(|| format!("write {path}"))?,
    }
    let missed: Vec<&str> = rows.iter().filter(|row| !row.is_met()).map(|row| row.name.as_str()).collect();
    if options.check && !missed.is_empty() {
        bail!("targets missed: {}", missed.join("; "));
    }
    Ok(())
}

fn parse<'a>(words: &[&'a str]) -> Result<Options<'a>> {
    match words {
        [] => Ok(Options::default()),
        ["--check", rest @ ..] => Ok(Options { check: true, ..parse(rest)? }),
        ["--json", path, rest @ ..] if !path.starts_with("--") => {
            Ok(Options { json: Some(Json::File(path)), ..parse(rest)? })
        }
        ["--json", rest @ ..] => Ok(Options { json: Some(Json::Printed), ..parse(rest)? }),
        [other, ..] => bail!("unknown option {other}"),
    }
}

fn in_process(package: &str, bench: &str, data_dir: &Path) -> Result<Vec<Row>> {
    let mut command = cargo(&["bench", "--locked", "--package", package, "--bench", bench]);
    command.env("BELLJAR_DATA_DIR", data_dir);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_any_order() {
        let file = Some(Json::File("rows.json"));
        assert_eq!(parse(&["--json", "rows.json", "--check"]).unwrap(), Options { json: file, check: true });
        assert_eq!(
            parse(&["--json", "--check"]).unwrap(),
            Options { json: Some(Json::Printed), check: true }
        );
        assert_eq!(parse(&[]).unwrap(), Options::default());
        assert!(parse(&["--fast"]).is_err());
    }
}
