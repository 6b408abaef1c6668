//! `cargo xtask bench walls`: what every kind of wall costs, beside plain containers through the same engine.
//!
//! An engine is started for the run where none is named. What is measured, and how, is the bench program's.

use super::options::{Place, parse};
use super::{data_dir, describe, in_process, json_lines, markdown, show};
use crate::command::target_dir;
use crate::marked;
use crate::test::dockerd::{self, Dockerd};
use anyhow::{Context, Result, anyhow, bail};
use measure::Row;
use serde_json::Value;
use std::path::PathBuf;

const OPTIONS: [&str; 6] = ["--json", "--markdown", "--samples", "--engine", "--second-engine", "--only"];
/// Enough for a median, and for a p99 that is the slowest of them.
const SAMPLES: usize = 30;

/// Measures all subjects that can run here, prints the table; `--markdown [FILE]` gives it for the docs too.
pub fn run(words: &[&str]) -> Result<()> {
    let options = parse(words, &OPTIONS)?;
    let own = match (options.engine, dockerd::hindrance()) {
        (Some(_), _) => None,
        (None, None) => Some(Dockerd::start()?),
        (None, Some(why)) => {
            eprintln!("no container engine: {why}");
            None
        }
    };
    let socket = options.engine.map(PathBuf::from).or(own.as_ref().map(Dockerd::socket));
    let mut command = in_process("belljar-interpreter", "run", &data_dir(&target_dir()?));
    command.args(["walls", &options.samples.unwrap_or(SAMPLES).to_string()]).args(&options.subjects);
    for (name, socket) in [
        ("BELLJAR_TEST_ENGINE", socket),
        ("BELLJAR_TEST_SECOND_ENGINE", options.second_engine.map(PathBuf::from)),
    ] {
        match socket {
            Some(socket) => command.env(name, socket),
            None => command.env_remove(name),
        };
    }
    let load = measure::load();
    let (rows, left_out) = read(&json_lines(command)?)?;
    let mut host = describe();
    host.insert("load before", load);
    show(&rows, &host, &options)?;
    for line in &left_out {
        println!("left out: {line}");
    }
    let text = markdown::render(&rows, &host, &left_out);
    match options.markdown {
        None => {}
        Some(Place::Printed) => print!("{text}"),
        Some(Place::File(path)) => marked::write(path.as_ref(), markdown::MARK, &text)?,
    }
    match rows.is_empty() {
        true => bail!("nothing could be measured"),
        false => Ok(()),
    }
}

/// Rows, and `wall: why` of what cannot run here.
fn read(lines: &[String]) -> Result<(Vec<Row>, Vec<String>)> {
    let (mut rows, mut left_out) = (Vec::new(), Vec::new());
    for line in lines {
        let value: Value = serde_json::from_str(line).with_context(|| format!("read the row {line}"))?;
        match (value["wall"].as_str(), value["left_out"].as_str()) {
            (Some(wall), Some(why)) => left_out.push(format!("{wall}: {why}")),
            _ => rows.push(Row::from_json(line).map_err(|why| anyhow!(why))?),
        }
    }
    Ok((rows, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_what_was_left_out_are_told_apart() {
        let lines = [
            r#"{"wall":"native","name":"create","unit":"ms","ours":[1.5],"peer":null}"#,
            r#"{"wall":"oci+podman","left_out":"no engine is named for it"}"#,
        ];
        let (rows, left_out) = read(&lines.map(str::to_owned)).unwrap();
        assert_eq!((rows.len(), rows[0].wall.as_deref()), (1, Some("native")));
        assert_eq!(left_out, ["oci+podman: no engine is named for it"]);
    }
}
