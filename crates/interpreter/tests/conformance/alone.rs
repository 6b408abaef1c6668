//! Tests that look at whole processes need one for themselves: this test program again, with one test.

use crate::bench::Bench;
use std::{
    collections::{BTreeMap, BTreeSet},
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

/// All processes that came from this one, by number, with the clock tick of their start. Dead ones do not count.
pub fn descendants(of: u32) -> BTreeSet<(u32, String)> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let words: Vec<&str> = rest.split(' ').collect();
        if words[0] != "Z" && words[0] != "X" {
            parents.insert(pid, (words[1].parse::<u32>().unwrap(), words[19].to_owned()));
        }
    }
    let mut found = BTreeSet::new();
    let mut next = vec![of];
    while let Some(parent) = next.pop() {
        for (pid, (_, start)) in parents.iter().filter(|(_, (of, _))| *of == parent) {
            found.insert((*pid, start.clone()));
            next.push(*pid);
        }
    }
    found
}

/// Those of `processes` that still live.
pub fn alive(processes: &BTreeSet<(u32, String)>) -> Vec<u32> {
    let lives = |pid: &u32, start: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let words: Vec<&str> = stat.rsplit_once(") ").map_or(vec![], |(_, rest)| rest.split(' ').collect());
        words.len() > 19 && words[0] != "Z" && words[19] == start
    };
    processes.iter().filter(|(pid, start)| lives(pid, start)).map(|(pid, _)| *pid).collect()
}

/// How many descriptors a process has open; `None` where that cannot be seen.
pub fn descriptors(pid: u32) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Control groups named after a process of this host.
pub fn control_groups(pid: u32) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), vec![std::path::PathBuf::from("/sys/fs/cgroup")]);
    while let Some(folder) = next.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().starts_with(&format!("belljar-{pid}-")) {
                    found.push(entry.path().display().to_string());
                }
                next.push(entry.path());
            }
        }
    }
    found
}
