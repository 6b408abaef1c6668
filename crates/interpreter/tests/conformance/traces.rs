//! What a process that makes sandboxes has on this host: processes, control groups and containers, found without the
//! product's help.

use crate::containers::{Container, containers};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// A process by number and the clock tick of its start.
pub type Process = (u32, String);

/// Everything of one host process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traces {
    pub processes: BTreeSet<Process>,
    pub groups: BTreeSet<PathBuf>,
    pub containers: BTreeSet<String>,
}

impl Traces {
    /// What there is now.
    pub fn of(pid: u32) -> Traces {
        let mut found =
            Traces { processes: descendants(pid), groups: control_groups(pid), containers: BTreeSet::new() };
        for Container { id, name, pid: first } in containers(pid) {
            for group in groups_of(first, &id) {
                let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
                let members = members.lines().filter_map(|pid| pid.parse().ok());
                found.processes.extend(members.filter_map(|pid| Some((pid, start(pid)?))));
                found.groups.insert(group);
            }
            found.containers.insert(name);
        }
        found
    }

    /// What of it is not in `other`.
    pub fn beyond(&self, other: &Traces) -> Traces {
        Traces {
            processes: self.processes.difference(&other.processes).cloned().collect(),
            groups: self.groups.difference(&other.groups).cloned().collect(),
            containers: self.containers.difference(&other.containers).cloned().collect(),
        }
    }

    /// What of it is still there, whoever owns it.
    pub fn left(&self) -> (Vec<u32>, Vec<&PathBuf>) {
        (alive(&self.processes), self.groups.iter().filter(|path| path.exists()).collect())
    }

    /// Adds what is in `other`.
    pub fn add(&mut self, other: Traces) {
        self.processes.extend(other.processes);
        self.groups.extend(other.groups);
        self.containers.extend(other.containers);
    }

    pub fn is_empty(&self) -> bool {
        *self == Traces::default()
    }
}

/// The control groups of a container, by way of its first process.
fn groups_of(pid: u32, container: &str) -> BTreeSet<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let parts = text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?.to_owned(), parts.next()?.trim_start_matches('/').to_owned()))
    });
    let named = parts.filter(|(_, path)| path.contains(container));
    let place =
        |(controllers, path): (String, String)| Path::new("/sys/fs/cgroup").join(controllers).join(path);
    named.map(place).filter(|path| path.is_dir()).collect()
}

/// When a process started, in clock ticks since boot; `None` for one that has ended.
fn start(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let words: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    (words[0] != "Z" && words[0] != "X").then(|| words.get(19).map(|word| (*word).to_owned()))?
}

/// All processes that came from this one, by number, with the clock tick of their start. Dead ones do not count.
fn descendants(of: u32) -> BTreeSet<Process> {
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
fn alive(processes: &BTreeSet<Process>) -> Vec<u32> {
    processes.iter().filter(|(pid, began)| start(*pid).as_ref() == Some(began)).map(|(pid, _)| *pid).collect()
}

/// Whether a process is part of a kernel in user space, which keeps descriptors as it likes.
pub fn is_kernel(pid: u32) -> bool {
    // What it runs code in has no command line.
    let line = std::fs::read(format!("/proc/{pid}/cmdline"));
    line.is_ok_and(|line| line.is_empty() || line.starts_with(b"runsc"))
}

/// How many descriptors a process has open; `None` where that cannot be seen.
pub fn descriptors(pid: u32) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Control groups named after a process of this host.
fn control_groups(pid: u32) -> BTreeSet<PathBuf> {
    let (mut found, mut next) = (BTreeSet::new(), vec![PathBuf::from("/sys/fs/cgroup")]);
    while let Some(folder) = next.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().starts_with(&format!("belljar-{pid}-")) {
                    found.insert(entry.path());
                }
                next.push(entry.path());
            }
        }
    }
    found
}
