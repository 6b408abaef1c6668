//! What a server has on this host, found without its help: processes, control groups, mounts, descriptors, files of its
//! data folder; and how much memory it takes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What may be below a data folder that nobody serves.
const KEPT: [&str; 9] = [
    "templates",
    "drivers",
    "tools",
    "servers",
    "server.sock",
    "journal.sqlite",
    "journal.sqlite-shm",
    "journal.sqlite-wal",
    "keys.json",
];

/// Everything of one server.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// Its descendants, by number and clock tick of their start.
    pub processes: BTreeSet<(u32, String)>,
    /// Control groups that it made.
    pub groups: BTreeSet<PathBuf>,
    /// Its open descriptors.
    pub descriptors: usize,
    /// Mounts that this host sees.
    pub mounts: usize,
    /// Files and folders in its data folder that need not be there.
    pub files: BTreeSet<PathBuf>,
}

impl Traces {
    /// What there is now.
    pub fn of(pid: u32, folder: &Path) -> Traces {
        Traces {
            processes: descendants(pid),
            groups: groups(pid),
            descriptors: count(&format!("/proc/{pid}/fd")),
            mounts: std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines().count(),
            files: files(folder),
        }
    }

    /// Those of its processes and control groups that are there still, whoever owns them now.
    pub fn left(&self) -> (Vec<u32>, Vec<&PathBuf>) {
        let alive = self.processes.iter().filter(|(pid, began)| start(*pid).as_ref() == Some(began));
        (alive.map(|(pid, _)| *pid).collect(), self.groups.iter().filter(|path| path.exists()).collect())
    }

    /// Waits until nothing of it is there.
    pub async fn gone(&self) {
        for _ in 0..400 {
            if self.left() == (Vec::new(), Vec::new()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let (pids, groups) = self.left();
        let called = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        panic!("left: {:?} {groups:?}", pids.iter().map(called).collect::<Vec<_>>());
    }
}

/// Resident memory in KiB: now, and the most that there ever was since [`forget_peak`].
pub fn memory(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or_default()
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// The most counts anew from now on.
pub fn forget_peak(pid: u32) {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a kernel that counts anew");
}

fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// The fields of `/proc/PID/stat` after the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

fn start(pid: u32) -> Option<String> {
    stat(pid)?.get(19).cloned()
}

fn descendants(pid: u32) -> BTreeSet<(u32, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: Vec<(u32, Vec<String>)> = pids.filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let (mut found, mut parents) = (BTreeSet::new(), vec![pid]);
    while let Some(parent) = parents.pop() {
        for (pid, fields) in all.iter().filter(|(_, fields)| fields[1] == parent.to_string()) {
            // What has ended and was not waited for yet is no leak.
            if fields[0] != "Z" && found.insert((*pid, fields[19].clone())) {
                parents.push(*pid);
            }
        }
    }
    found
}

/// Control groups that are named after the server that made them, and all below those, also after its death.
fn groups(pid: u32) -> BTreeSet<PathBuf> {
    let mark = format!("/belljar-{pid}-");
    let (mut found, mut folders) = (BTreeSet::new(), vec![PathBuf::from("/sys/fs/cgroup")]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(below.map(|entry| entry.path()));
        if folder.to_string_lossy().contains(&mark) {
            found.insert(folder);
        }
    }
    found
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let extra = entries.filter(|entry| !KEPT.iter().any(|kept| entry.file_name() == *kept));
    extra.map(|entry| entry.path()).collect()
}
