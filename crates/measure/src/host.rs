//! What a measurement was made on: the machine and the versions, so that figures can be read later.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::process::{Command, Stdio};

/// Names and values; what cannot be found out is `unknown`.
pub fn describe() -> BTreeMap<&'static str, String> {
    let unknown = || "unknown".to_owned();
    let file = |path: &str| read_to_string(path).map(|text| text.trim().to_owned()).ok();
    let processors = std::thread::available_parallelism().map(|count| count.to_string()).ok();
    BTreeMap::from([
        ("processor", model().unwrap_or_else(unknown)),
        ("processors", processors.unwrap_or_else(unknown)),
        ("memory", memory().unwrap_or_else(unknown)),
        ("kernel", file("/proc/sys/kernel/osrelease").unwrap_or_else(unknown)),
        ("load after", load()),
        ("python", first_line("/usr/bin/python3", &["--version"]).unwrap_or_else(unknown)),
    ])
}

/// How busy the machine was in the last one, five and fifteen minutes.
pub fn load() -> String {
    let text = read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned());
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn model() -> Option<String> {
    let text = read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name") || line.starts_with("Model"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory() -> Option<String> {
    let text = read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = text.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{} MiB", kib / 1024))
}

fn first_line(name: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(name).args(arguments).stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}
