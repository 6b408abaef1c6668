//! The tree that all sandboxes of one host process share: the jailer's own root, read-only.
//!
//! The jailer puts itself behind this wall first; a room starts as a copy of it, so the host's tree is never
//! in reach of a room, not even for the moment before a `pivot_root`.

use crate::Failed;
use crate::branch::root_of as branch;
use crate::plan::{KeeperPlan, inside};
use crate::sys;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change,
    move_mount, open_tree, unmount,
};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const RDONLY: u64 = 1;
const NOSUID: u64 = 2;
const NODEV: u64 = 4;
const NOEXEC: u64 = 8;
/// Where the new root is mounted for a moment; any directory that exists everywhere.
const STAGE: &str = "/proc";
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];
/// Mount points that rooms fill, and empty directories that programs expect.
const DIRECTORIES: &[&str] = &[
    "workspace",
    "home",
    "home/user",
    "tmp",
    "proc",
    "dev",
    "dev/pts",
    "dev/shm",
    "etc",
    "run",
    "var",
    "opt",
    ".belljar",
];
const LINKS: &[(&str, &str)] = &[
    ("dev/ptmx", "pts/ptmx"),
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
    ("var/tmp", "/tmp"),
];

/// Mounts taken from the host, detached, before the right to look at them is given up.
pub(crate) struct Taken(Vec<(OwnedFd, String, bool)>);

/// Takes the plan's binds and the devices from the host.
pub(crate) fn take(plan: &KeeperPlan) -> Result<Taken, Failed> {
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private).map_err(Failed::at("make the mounts private"))?;
    let mut taken = Vec::new();
    for bind in &plan.binds {
        let tree = clone_tree(&bind.from, RDONLY | NOSUID | NODEV)?;
        taken.push((tree, bind.to.trim_start_matches('/').to_owned(), bind.directory));
    }
    for device in DEVICES {
        let tree = clone_tree(&Path::new("/dev").join(device), NOSUID | NOEXEC)?;
        taken.push((tree, format!("dev/{device}"), false));
    }
    Ok(Taken(taken))
}

fn clone_tree(path: &Path, attributes: u64) -> Result<OwnedFd, Failed> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let shown = path.display();
    let tree = open_tree(CWD, path, flags).map_err(Failed::at(format!("take a mount of {shown}")))?;
    sys::mount_attributes(tree.as_fd(), attributes)
        .map_err(Failed::at(format!("make the mount of {shown} read-only")))?;
    Ok(tree)
}

/// Builds the tree and makes it the root; the host's root is gone afterwards.
pub(crate) fn enter(plan: &KeeperPlan, taken: Taken) -> Result<(), Failed> {
    let guest = std::fs::read("/proc/self/exe").map_err(Failed::io("read the guest program"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", STAGE, "tmpfs", flags, c"size=16m,nr_inodes=4k,mode=755")
        .map_err(Failed::at("mount the root"))?;
    let root = rustix::fs::open(STAGE, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(Failed::at("open the root"))?;
    rustix::process::fchdir(&root).map_err(Failed::at("change to the root"))?;
    for directory in DIRECTORIES {
        make_directory(directory)?;
    }
    for number in 0..inside::BRANCHES_MAX {
        make_target(branch(number).trim_start_matches('/'), true)?;
    }
    for (tree, to, directory) in &taken.0 {
        make_target(to, *directory)?;
        let how = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(tree, c"", CWD, to.as_str(), how).map_err(Failed::at(format!("mount {to}")))?;
    }
    fill(plan, &guest)?;
    // For zygotes only, whose imports may want to write; every room mounts its own over it.
    mount("tmpfs", "tmp", "tmpfs", flags, c"size=64m,nr_inodes=4k,mode=700")
        .map_err(Failed::at("mount /tmp"))?;
    pivot()
}

fn fill(plan: &KeeperPlan, guest: &[u8]) -> Result<(), Failed> {
    let links = LINKS.iter().map(|(path, target)| ((*path).to_owned(), (*target).to_owned()));
    for (path, target) in links.chain(plan.links.iter().cloned()) {
        let path = path.trim_start_matches('/');
        make_parents(path)?;
        rustix::fs::symlink(target.as_str(), path).map_err(Failed::at(format!("link {path}")))?;
    }
    for file in &plan.files {
        write(&file.path, file.content.as_bytes(), file.mode)?;
    }
    write(inside::PROBE, b"closed\n", 0o644)?;
    write(inside::GUEST, guest, 0o755)
}

fn pivot() -> Result<(), Failed> {
    // A new procfs is allowed only while the host's own is visible, so it comes before the pivot.
    crate::proc_files::mount_at("proc")?;
    rustix::process::pivot_root(".", ".").map_err(Failed::at("change the root"))?;
    unmount(".", UnmountFlags::DETACH).map_err(Failed::at("let go of the host's root"))?;
    rustix::process::chdir("/").map_err(Failed::at("change to the new root"))?;
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount_remount("/", flags, c"").map_err(Failed::at("make the root read-only"))
}

fn make_directory(path: &str) -> Result<(), Failed> {
    match rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(errno) => Err(Failed::at(format!("make the directory {path}"))(errno)),
    }
}

fn make_parents(path: &str) -> Result<(), Failed> {
    let mut at = 0;
    while let Some(next) = path[at..].find('/') {
        make_directory(&path[..at + next])?;
        at += next + 1;
    }
    Ok(())
}

fn make_target(path: &str, directory: bool) -> Result<(), Failed> {
    make_parents(path)?;
    if directory { make_directory(path) } else { write(path, b"", 0o644) }
}

fn write(path: &str, content: &[u8], mode: u32) -> Result<(), Failed> {
    let path = path.trim_start_matches('/');
    make_parents(path)?;
    let path = Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
    let failed = || Failed::io(format!("write {}", path.display()));
    std::fs::write(path, content).map_err(failed())?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(failed())
}
