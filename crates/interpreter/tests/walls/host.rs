//! What of a sandbox is on the host: its processes and control groups, found without the product's help.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long what was destroyed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process, by its number and when it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    pid: u32,
    start: u64,
}

impl Process {
    /// Pid 1 of a room: one that is itself in a namespace inside the jailer's.
    fn is_room(self) -> bool {
        let depth = |pid: &str| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.to_owned();
            Some((pids.split_whitespace().count(), pids.split_whitespace().last() == Some("1")))
        };
        match (depth("self"), depth(&self.pid.to_string())) {
            (Some((ours, _)), Some((its, first))) => first && its == ours + 2,
            _ => false,
        }
    }

    fn is_left(&self) -> bool {
        stat(self.pid).is_some_and(|(process, _)| process == *self)
    }

    /// Its first argument.
    pub fn called(self) -> String {
        let words = std::fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let first = words.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(first).into_owned()
    }
}

/// A process and its parent's number.
fn stat(pid: u32) -> Option<(Process, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    Some((Process { pid, start: fields.get(19)?.parse().ok()? }, fields.get(1)?.parse().ok()?))
}

/// All processes of this host.
fn all() -> Vec<(Process, u32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Everything below a process.
fn below(pid: u32) -> HashSet<Process> {
    let all = all();
    let mut found = HashSet::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for (process, _) in all.iter().filter(|(_, its)| *its == parent) {
            if found.insert(*process) {
                parents.push(process.pid);
            }
        }
    }
    found
}

/// The first process of the container that is this sandbox, and the name of its control groups.
pub fn container(sandbox: &str) -> Option<(Process, String)> {
    let all = crate::containers::containers(std::process::id()).into_iter();
    let found = all.into_iter().find(|one| one.name.ends_with(sandbox))?;
    Some((stat(found.pid)?.0, found.id))
}

/// First processes of all rooms that this process has now.
pub fn rooms() -> HashSet<Process> {
    below(std::process::id()).into_iter().filter(|process| process.is_room()).collect()
}

/// A room with everything in it: what the zygote forked into it is not below its first process.
pub fn inhabitants(room: Process) -> HashSet<Process> {
    let space = |process: Process| std::fs::read_link(format!("/proc/{}/ns/pid", process.pid)).ok();
    // A kernel in user space is a process among the host's own.
    let ours = std::fs::read_link("/proc/self/ns/pid").ok();
    let rooms = space(room).filter(|space| Some(space) != ours.as_ref());
    let inside = all().into_iter().map(|(process, _)| process).filter(|process| space(*process) == rooms);
    let mut all = below(room.pid);
    if rooms.is_some() {
        all.extend(inside);
    }
    all.insert(room);
    all
}

/// Processes of this name on the whole host that are no older than `room`.
fn namesakes(name: &str, room: Process) -> Vec<Process> {
    let young = all().into_iter().map(|(process, _)| process).filter(|process| process.start >= room.start);
    young.filter(|process| process.called() == name).collect()
}

/// Waits until a predicate's findings are none; tells what is left otherwise.
fn until_none<T: std::fmt::Debug>(what: &str, find: impl Fn() -> Vec<T>) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let left = find();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("{what} are left on the host: {left:?}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Nothing of a sandbox is left: neither of these processes nor its control group.
pub fn nothing_left(sandbox: &str, processes: &HashSet<Process>) -> Result<(), String> {
    until_none("processes", || processes.iter().filter(|process| process.is_left()).copied().collect())?;
    until_none("control groups", || groups(sandbox))
}

/// No process of this name, started after `room` was, is left.
pub fn nobody_called(name: &str, room: Process) -> Result<(), String> {
    until_none(name, || namesakes(name, room))
}

/// Nothing that this process started is left: no jailer, no container, no control group.
pub fn nothing_below_us() -> Result<(), String> {
    until_none("processes", || {
        let left = below(std::process::id());
        left.into_iter().map(|process| (process, process.called())).collect()
    })?;
    until_none("containers", || crate::containers::containers(std::process::id()))?;
    let ours = format!("belljar-{}-", std::process::id());
    until_none("control groups", || groups_that(|name| name.starts_with(&ours)))
}

/// Directories of control groups with this name.
pub fn groups(name: &str) -> Vec<PathBuf> {
    groups_that(|found| found == name)
}

fn groups_that(wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(PathBuf::from("/sys/fs/cgroup"), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for path in subfolders(&folder) {
            if path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted) {
                found.push(path);
            } else if depth < 12 {
                folders.push((path, depth + 1));
            }
        }
    }
    found
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}
