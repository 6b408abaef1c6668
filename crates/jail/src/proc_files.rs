//! `/proc` of a sandbox: its own, with what tells of the host covered.

use crate::Failed;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen, mount, mount_bind, mount_remount,
};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Files that are covered with `/dev/null`.
const FILES: &[&str] = &[
    "kcore",
    "keys",
    "key-users",
    "timer_list",
    "sched_debug",
    "latency_stats",
    "kallsyms",
    "kmsg",
    "modules",
    "slabinfo",
    "interrupts",
    "iomem",
    "ioports",
    "config.gz",
    "cmdline",
    "locks",
    "partitions",
    "diskstats",
    "swaps",
    "sysrq-trigger",
    "mtrr",
    "vmallocinfo",
    "pagetypeinfo",
];
/// Directories that are covered with an empty one.
const DIRECTORIES: &[&str] = &["acpi", "scsi", "asound", "bus", "irq", "fs", "driver", "tty", "pressure"];

/// What of `/proc` no sandbox sees, for an engine that covers it.
pub fn hidden_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().chain(DIRECTORIES).copied()
}

/// Mounts a new procfs of this pid namespace.
pub(crate) fn mount_at(path: &str) -> Result<(), Failed> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let hidden = mount("proc", path, "proc", flags, c"hidepid=invisible");
    let mounted = match hidden {
        // Kernels before 5.8 know the number only.
        Err(Errno::INVAL) => mount("proc", path, "proc", flags, c"hidepid=2"),
        other => other,
    };
    mounted.map_err(Failed::at("mount /proc"))
}

/// A procfs of this pid namespace that is mounted nowhere: it shows all processes, to whoever has this descriptor.
pub(crate) fn detached() -> Result<OwnedFd, Failed> {
    let make = || -> Result<OwnedFd, Errno> {
        let proc = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
        // Nothing but processes is needed of it; kernels before 5.8 show the rest as well.
        let _ = fsconfig_set_string(&proc, "subset", "pid");
        fsconfig_create(&proc)?;
        let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC
            | MountAttrFlags::MOUNT_ATTR_RDONLY;
        fsmount(&proc, FsMountFlags::FSMOUNT_CLOEXEC, flags)
    };
    make().map_err(Failed::at("make a view of all processes"))
}

/// Covers what tells of the host, and makes `/proc/sys` read-only. `empty` is an empty directory.
pub(crate) fn cover(empty: &str) -> Result<(), Failed> {
    for (names, source) in [(FILES, "/dev/null"), (DIRECTORIES, empty)] {
        for name in names {
            let path = format!("/proc/{name}");
            if Path::new(&path).exists() {
                mount_bind(source, path.as_str()).map_err(Failed::at(format!("cover {path}")))?;
            }
        }
    }
    mount_bind("/proc/sys", "/proc/sys").map_err(Failed::at("mount /proc/sys"))?;
    let flags =
        MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_remount("/proc/sys", flags, c"").map_err(Failed::at("make /proc/sys read-only"))
}
