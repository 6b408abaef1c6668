//! Where this process may make control groups.

use super::remove_trees;
use rustix::fs::{Access, access};
use std::fs;
use std::path::{Path, PathBuf};

/// Which generation of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy per controller.
    V1,
    /// One hierarchy.
    V2,
}

impl Version {
    /// The file to which a process of one thread writes `0` to join a group.
    pub(super) fn join_file(self) -> &'static str {
        match self {
            // The same as `cgroup.procs` for one thread, but the kernel need not stop all forks of the host for it,
            // which takes ten milliseconds.
            Version::V1 => "tasks",
            Version::V2 => "cgroup.procs",
        }
    }
}

/// Controllers without which a sandbox's limits do not hold, and those that are taken where they are.
const NEEDED: [&str; 2] = ["memory", "pids"];
const WANTED: [&str; 2] = ["cpu", "cpuacct"];

/// Mount points of control groups: version, options, path.
fn mounts() -> Vec<(Version, String, PathBuf)> {
    let text = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let parse = |line: &str| {
        let mut parts = line.split(' ');
        let (_, path, kind, options) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = match kind {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        Some((version, options.to_owned(), PathBuf::from(path)))
    };
    text.lines().filter_map(parse).collect()
}

/// This process's own group in a hierarchy.
fn own(controller: &str) -> Option<String> {
    group_of("self", controller)
}

/// A process's group in a hierarchy: the one with `controller` among its names, or version 2's (`""`).
fn group_of(pid: &str, controller: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (names, path) = (parts.next()?, parts.next()?);
        let found = if controller.is_empty() {
            names.is_empty()
        } else {
            names.split(',').any(|name| name == controller)
        };
        found.then(|| path.trim_start_matches('/').to_owned())
    })
}

/// The directories in which groups may be made: one in version 2, one per hierarchy in version 1.
pub(super) fn parents() -> Option<(Version, Vec<PathBuf>)> {
    let mounts = mounts();
    let second = mounts.iter().find(|(version, ..)| *version == Version::V2);
    if let Some(parent) = second.and_then(|(.., path)| second_version(path)) {
        return Some((Version::V2, vec![parent]));
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for controller in NEEDED.iter().chain(&WANTED) {
        let mount = mounts.iter().find(|(version, options, _)| {
            *version == Version::V1 && options.split(',').any(|option| option == *controller)
        });
        let parent = mount.and_then(|(.., path)| first_version(path, controller));
        match parent {
            Some(parent) if !found.contains(&parent) => found.push(parent),
            Some(_) => {}
            None if NEEDED.contains(controller) => return None,
            None => {}
        }
    }
    Some((Version::V1, found))
}

/// The directories of the groups in which a process is, where its memory is counted.
pub(super) fn directories_of(pid: u32) -> Option<(Version, Vec<PathBuf>)> {
    let mounts = mounts();
    let group = |version: Version, controller: &str| {
        let holds = |options: &str| controller.is_empty() || options.split(',').any(|one| one == controller);
        let found = mounts.iter().find(|(its, options, _)| *its == version && holds(options));
        Some(found?.2.join(group_of(&pid.to_string(), controller)?)).filter(|path| path.is_dir())
    };
    if let Some(memory) = group(Version::V1, NEEDED[0]) {
        let others = NEEDED[1..].iter().chain(&WANTED).filter_map(|name| group(Version::V1, name));
        return Some((Version::V1, std::iter::once(memory).chain(others).collect()));
    }
    let only = group(Version::V2, "")?;
    only.join("memory.current").exists().then(|| (Version::V2, vec![only]))
}

/// This process's own group in version 2.
pub(super) fn own_second_version() -> Option<PathBuf> {
    let mount = mounts().into_iter().find(|(version, ..)| *version == Version::V2)?.2;
    Some(mount.join(own("")?))
}

/// Where groups of version 2 may be made beside those of version 1, without controllers.
pub(super) fn beside(version: Version) -> Option<PathBuf> {
    own_second_version().filter(|path| version == Version::V1 && writable(path))
}

fn first_version(mount: &Path, controller: &str) -> Option<PathBuf> {
    let own = mount.join(own(controller)?);
    // In a container the path is one of the host's and the mount is already the own group.
    [own, mount.to_owned()].into_iter().find(|path| writable(path))
}

/// The nearest group from the own one upwards that may be divided and has the controllers to give.
fn second_version(mount: &Path) -> Option<PathBuf> {
    let own = mount.join(own("")?);
    let has = |path: &Path, file: &str| {
        let text = fs::read_to_string(path.join(file)).unwrap_or_default();
        NEEDED.iter().all(|controller| text.split_whitespace().any(|word| word == *controller))
    };
    let mut candidates = own.ancestors().take_while(|path| path.starts_with(mount));
    candidates
        .find(|path| {
            if !writable(path) || !has(path, "cgroup.controllers") {
                return false;
            }
            has(path, "cgroup.subtree_control")
                || fs::write(path.join("cgroup.subtree_control"), "+memory +pids +cpu").is_ok()
        })
        .map(Path::to_owned)
}

fn writable(path: &Path) -> bool {
    let may = |path: &Path| access(path, Access::WRITE_OK).is_ok();
    path.is_dir() && may(path) && may(&path.join("cgroup.procs"))
}

/// Removes groups that dead host processes left behind: `PREFIX-PID-START` where no process PID began at START.
pub fn sweep(prefix: &str, alive: &dyn Fn(&str) -> bool) {
    let Some((version, parents)) = parents() else { return };
    for parent in parents.into_iter().chain(beside(version)) {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.strip_prefix(prefix).is_some_and(|rest| !alive(rest)) {
                remove_trees(&[entry.path()]);
            }
        }
    }
}
