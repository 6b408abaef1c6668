//! Control groups: what holds memory, processes and CPU time of a whole sandbox.
//!
//! Version 2 where its controllers are delegated, version 1 otherwise. Nothing here is assumed: a group counts
//! only when its limits were written and read back.

mod counters;
mod find;
mod freezer;
mod memory;

pub use find::{Version, sweep};

use protocol::Limits;
use rustix::io::Errno;
use rustix::process::Pid;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A control group could not be made or limited.
#[derive(Debug, thiserror::Error)]
#[error("write {value:?} to {}: {source}", path.display())]
pub struct CgroupError {
    /// The file or directory.
    pub path: PathBuf,
    /// What was written, empty for a directory.
    pub value: String,
    /// What the kernel said.
    #[source]
    pub source: std::io::Error,
}

/// The control groups of one host process.
#[derive(Debug, Clone)]
pub struct Cgroups {
    version: Version,
    /// One directory per hierarchy (one in version 2), made for this host process.
    parents: Vec<PathBuf>,
    /// Beside version 1: the directory of version 2 in which sandboxes stand still.
    beside: Option<PathBuf>,
}

impl Cgroups {
    /// Makes the groups of this host process, or `None` where none may be made. `name` is unique on this host.
    pub fn open(name: &str) -> Option<Cgroups> {
        let (version, parents) = find::parents()?;
        let mut made = Cgroups { version, parents: Vec::new(), beside: None };
        for parent in parents {
            let path = parent.join(name);
            if fs::create_dir(&path).is_err() || made.enable(&path).is_err() {
                remove_trees(&[made.parents, vec![path]].concat());
                return None;
            }
            made.parents.push(path);
        }
        let keeper = made.create_named("keeper").ok();
        if keeper.is_none() {
            remove_trees(&made.parents);
            return None;
        }
        let beside = find::beside(version).map(|parent| parent.join(name));
        made.beside = beside.filter(|path| fs::create_dir(path).is_ok());
        Some(made)
    }

    fn enable(&self, path: &Path) -> std::io::Result<()> {
        if self.version == Version::V2 {
            fs::write(path.join("cgroup.subtree_control"), "+memory +pids +cpu")
                .or_else(|_| fs::write(path.join("cgroup.subtree_control"), "+memory +pids"))?;
        }
        Ok(())
    }

    /// The version in use.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The directories, for whoever cleans up in the end.
    pub fn directories(&self) -> Vec<PathBuf> {
        self.parents.iter().chain(&self.beside).cloned().collect()
    }

    /// The files by which the keeper and all guests are kept out of the sandboxes' limits.
    pub fn keeper_files(&self) -> Vec<PathBuf> {
        self.parents.iter().map(|parent| parent.join("keeper").join(self.version.join_file())).collect()
    }

    /// The files by which the keeper goes back to where it came from, so that the groups can be removed.
    pub fn home_files(&self) -> Vec<PathBuf> {
        match self.version {
            Version::V1 => {
                let file = self.version.join_file();
                self.parents.iter().filter_map(|path| Some(path.parent()?.join(file))).collect()
            }
            Version::V2 => {
                find::own_second_version().into_iter().map(|path| path.join("cgroup.procs")).collect()
            }
        }
    }

    fn create_named(&self, name: &str) -> Result<Group, CgroupError> {
        let freezer = self.beside.as_ref().map(|beside| beside.join(name));
        let (version, directories) = (self.version, Vec::new());
        let mut group = Group { version, directories, freezer, counters: Arc::default() };
        for parent in &self.parents {
            let path = parent.join(name);
            fs::create_dir(&path).map_err(|source| CgroupError {
                path: path.clone(),
                value: String::new(),
                source,
            })?;
            group.directories.push(path);
        }
        if self.version == Version::V2 {
            group.freezer = group.directories.first().cloned();
        }
        Ok(group)
    }

    /// Makes the group of a sandbox, with its limits written before anything is in it.
    ///
    /// # Errors
    /// A file that does not take its limit; nothing stays behind.
    pub fn create(&self, name: &str, limits: &Limits) -> Result<Group, CgroupError> {
        let group = self.create_named(name)?;
        match group.limit(limits) {
            Ok(()) => Ok(group),
            Err(error) => {
                group.remove(Duration::ZERO);
                Err(error)
            }
        }
    }
}

/// The control group of one sandbox. Whoever made it calls [`Group::remove`].
#[derive(Debug, Clone)]
pub struct Group {
    version: Version,
    directories: Vec<PathBuf>,
    /// What freezes it; beside version 1 that is made when it is first needed.
    freezer: Option<PathBuf>,
    counters: Arc<OnceLock<counters::Counters>>,
}

impl Group {
    /// The group in which a process of somebody else's sandbox is, to measure it; `None` where it cannot be seen.
    pub fn of(pid: u32) -> Option<Group> {
        let (version, directories) = find::directories_of(pid)?;
        Some(Group { version, directories, freezer: None, counters: Arc::default() })
    }

    /// What the group as it is allows at most, in bytes.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        number(&["memory.max", "memory.limit_in_bytes"].iter().find_map(|name| self.file(name))?)
    }

    fn limit(&self, limits: &Limits) -> Result<(), CgroupError> {
        let memory = limits.memory_bytes.to_string();
        let quota = u64::from(limits.cpu_millis) * 100;
        let must: Vec<(&str, String)> = match self.version {
            Version::V2 => vec![("memory.max", memory), ("pids.max", limits.pids.to_string())],
            Version::V1 => vec![("memory.limit_in_bytes", memory), ("pids.max", limits.pids.to_string())],
        };
        for (file, value) in must {
            self.write(file, &value)?;
        }
        // Without swap on the host these files may be absent, and then nothing can be swapped.
        let may: [(&str, String); 5] = match self.version {
            Version::V2 => [
                ("memory.swap.max", "0".into()),
                ("memory.zswap.max", "0".into()),
                ("memory.oom.group", "0".into()),
                ("cgroup.max.descendants", "0".into()),
                ("cpu.max", format!("{quota} 100000")),
            ],
            Version::V1 => [
                ("memory.memsw.limit_in_bytes", limits.memory_bytes.to_string()),
                ("memory.swappiness", "0".into()),
                ("cpu.cfs_period_us", "100000".into()),
                ("cpu.cfs_quota_us", quota.to_string()),
                ("cgroup.clone_children", "0".into()),
            ],
        };
        for (file, value) in may {
            if let Some(path) = self.file(file) {
                let _ = fs::write(path, value);
            }
        }
        Ok(())
    }

    /// Lets the groups beside it have the CPUs before it, or no more. Where CPU time is not controlled, nothing changes.
    pub fn give_way(&self, gives: bool) {
        let (file, [usual, little]) = match self.version {
            Version::V2 => ("cpu.weight", ["100", "10"]),
            Version::V1 => ("cpu.shares", ["1024", "102"]),
        };
        if let Some(path) = self.file(file) {
            let _ = fs::write(path, if gives { little } else { usual });
        }
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        self.directories.iter().map(|directory| directory.join(name)).find(|path| path.exists())
    }

    fn write(&self, name: &str, value: &str) -> Result<(), CgroupError> {
        let found = self.file(name);
        let path = found.clone().unwrap_or_else(|| PathBuf::from(name));
        let failed = |source| CgroupError { path: path.clone(), value: value.to_owned(), source };
        // A group that is gone has no files; one of that name in the working directory is none of it.
        found.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        fs::write(&path, value).map_err(failed)?;
        let found = fs::read_to_string(&path).map_err(failed)?.trim().parse::<u64>().unwrap_or(u64::MAX);
        // The kernel rounds to pages.
        if found > value.parse::<u64>().unwrap_or(0) {
            return Err(failed(std::io::Error::other("the limit did not stick")));
        }
        Ok(())
    }

    /// Descriptors to which a process of one thread writes `0` to join.
    ///
    /// # Errors
    /// A file that cannot be opened for writing.
    pub fn joins(&self) -> std::io::Result<Vec<OwnedFd>> {
        let file = self.version.join_file();
        let open = |directory: &PathBuf| fs::File::options().write(true).open(directory.join(file));
        self.directories.iter().map(|directory| open(directory).map(OwnedFd::from)).collect()
    }

    /// Kills what is left in the group and removes it; false when it could not be removed within `patience`.
    pub fn remove(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while !self.directories.iter().chain(&self.freezer).all(|directory| remove(directory)) {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

/// Kills the members of a group and removes it; true when it is gone.
fn remove(directory: &Path) -> bool {
    match rustix::fs::rmdir(directory) {
        Ok(()) | Err(Errno::NOENT) => true,
        Err(_) => {
            kill(directory);
            false
        }
    }
}

fn kill(directory: &Path) {
    if fs::write(directory.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    for pid in members(directory) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Processes in a group that this process can see.
fn members(directory: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect()
}

/// Removes groups with all that is below them, killing what is left in them; gives up after 2 seconds.
pub fn remove_trees(directories: &[PathBuf]) {
    let until = Instant::now() + Duration::from_secs(2);
    while !directories.iter().all(|directory| remove_tree(directory)) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn remove_tree(directory: &Path) -> bool {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    remove(directory)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn keyed(path: &Path, key: &str) -> Option<u64> {
    value_of(&fs::read_to_string(path).ok()?, key)
}

/// The number behind a key, in lines of keys and numbers.
fn value_of(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
}
