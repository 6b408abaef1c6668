//! Memory of sandboxes that live: of the processes in each, as the host's kernel counts it.

use crate::containers::containers;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const KIB_PER_MIB: f64 = 1024.0;
/// Below this process's own pid namespace: first the jailer's, then the room's.
const DEPTH: usize = 2;

/// Private memory of native sandboxes in MiB, of each the guest's and the drivers' together.
///
/// # Errors
/// A process that may not be looked at, or no sandbox at all.
pub fn private_mib() -> Result<Vec<f64>, String> {
    rooms()?.iter().map(|room| sum_mib(room, "Private_")).collect()
}

/// Proportional memory of a subject's sandboxes in MiB, of each that of all processes in it: what several processes
/// share counts for each of them in part. For containers it is everything below the process that holds the container.
///
/// # Errors
/// As for [`private_mib`].
pub fn proportional_mib(in_containers: bool) -> Result<Vec<f64>, String> {
    let sandboxes = match in_containers {
        true => holders()?.into_iter().map(below).collect(),
        false => rooms()?,
    };
    sandboxes.iter().map(|processes| sum_mib(processes, "Pss:")).collect()
}

/// Proportional memory in MiB of what stands beside each container on the host to hold it: a shim, or conmon.
///
/// # Errors
/// As for [`private_mib`].
pub fn holders_mib() -> Result<Vec<f64>, String> {
    holders()?.into_iter().map(|pid| sum_mib(&[process(pid)], "Pss:")).collect()
}

/// Processes of native sandboxes, by sandbox.
fn rooms() -> Result<Vec<Vec<PathBuf>>, String> {
    let own = depth(Path::new("/proc/self")).ok_or("cannot read this process's pid namespaces")?;
    let mut rooms: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in processes() {
        if depth(&path) == Some(own + DEPTH)
            && is_below(&path, std::process::id())
            && let Ok(room) = path.join("ns/pid").read_link()
        {
            rooms.entry(room).or_default().push(path);
        }
    }
    match rooms.values().map(Vec::len).min() {
        None => Err("no sandbox was found".into()),
        Some(1) => Err("one process of a sandbox was found, not its guest and its driver".into()),
        Some(_) => Ok(rooms.into_values().collect()),
    }
}

/// The parents of our containers' first processes.
fn holders() -> Result<Vec<u32>, String> {
    let found = containers(std::process::id());
    if found.is_empty() {
        return Err("no container was found".into());
    }
    let holder = |pid: u32| Some(pid).filter(|pid| *pid > 0).and_then(|pid| parent(&process(pid)));
    let held = found.iter().map(|one| {
        holder(one.pid).ok_or_else(|| format!("the container {} ({}) is not held", one.name, one.id))
    });
    held.collect()
}

fn below(holder: u32) -> Vec<PathBuf> {
    processes().filter(|path| is_below(path, holder)).collect()
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<u32>().is_ok())
    };
    entries.map(|entry| entry.path()).filter(numbered)
}

fn process(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// In how many pid namespaces a process is.
fn depth(process: &Path) -> Option<usize> {
    let text = std::fs::read_to_string(process.join("status")).ok()?;
    Some(text.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().count())
}

fn parent(process: &Path) -> Option<u32> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn is_below(path: &Path, ancestor: u32) -> bool {
    let mut next = parent(path);
    while let Some(pid) = next.filter(|pid| *pid > 0) {
        if pid == ancestor {
            return true;
        }
        next = parent(&process(pid));
    }
    false
}

/// What the kernel counts for these processes under names that begin so.
fn sum_mib(processes: &[PathBuf], name: &str) -> Result<f64, String> {
    let mut kib = 0;
    for path in processes.iter().map(|process| process.join("smaps_rollup")) {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let lines = text.lines().filter(|line| line.starts_with(name));
        kib += lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(kib as f64 / KIB_PER_MIB)
}
