//! One sandbox from nothing to the start of its guest.
//!
//! [`prepare`] runs in the new process, which is pid 1 of the room's namespaces and a copy of the jailer.

use crate::control::GuestStart;
use crate::plan::{RoomPlan, inside};
use crate::{Failed, enter, identity, landlock, proc_files, sys};
use protocol::step::Step;
use rustix::mount::{MountFlags, mount};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};

/// All namespaces of a room.
pub(crate) const NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;
/// Their names in `/proc/self/ns`.
const NAMES: [&str; 7] = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];
/// The guest finds its descriptors from here on.
const FIRST: RawFd = 3;
/// Beyond every number that the guest expects.
const FAR: RawFd = 64;
/// Where the report pipe is, above all others.
pub(crate) const REPORT: RawFd = 900;

/// What the jailer gives to a new room.
pub(crate) struct Given {
    /// The stream to the host.
    pub stream: OwnedFd,
    /// The socket to the zygote.
    pub zygote: Option<OwnedFd>,
    /// The control groups.
    pub join: Vec<OwnedFd>,
    /// Inode numbers of the jailer's namespaces.
    pub outside: BTreeMap<String, u64>,
}

/// Inode numbers of a process's namespaces (`self` or a number), as far as they may be looked at.
pub fn namespaces_of(pid: &str) -> BTreeMap<String, u64> {
    let inode = |name: &str| rustix::fs::stat(format!("/proc/{pid}/ns/{name}")).ok().map(|stat| stat.st_ino);
    NAMES.iter().filter_map(|name| Some(((*name).to_owned(), inode(name)?))).collect()
}

/// Inode numbers of this process's namespaces.
pub(crate) fn namespaces() -> Result<BTreeMap<String, u64>, Failed> {
    let inode = |name: &str| -> Result<u64, Failed> {
        let found = rustix::fs::stat(format!("/proc/self/ns/{name}"));
        found.map(|stat| stat.st_ino).map_err(Failed::at(format!("look at the {name} namespace")))
    };
    NAMES.iter().map(|name| Ok(((*name).to_owned(), inode(name)?))).collect()
}

/// Raises the walls around this process and becomes the guest. What fails is written to `report`, a pipe that
/// closes by itself when the guest starts.
pub(crate) fn prepare(plan: &RoomPlan, given: Given, report: OwnedFd) -> ! {
    let Err(failed) = raise(plan, given, &report);
    let text = serde_json::to_vec(&(failed.step, failed.errno)).unwrap_or_default();
    let _ = rustix::io::write(&report, &text);
    sys::exit_now(127)
}

fn raise(plan: &RoomPlan, given: Given, report: &OwnedFd) -> Result<Infallible, Failed> {
    rustix::process::setsid().map_err(Failed::at("leave the session"))?;
    identity::become_user(inside::UID)?;
    let processes = proc_files::detached()?;
    mounts(plan)?;
    loopback()?;
    rustix::system::sethostname(b"sandbox").map_err(Failed::at("set the host name"))?;
    let rules = landlock::rules(&plan.readable, Some(&processes))?;
    // Limits that are meant for code would keep the guest from helping it: it gives them to whatever it starts.
    let (own, rlimits): (Vec<_>, Vec<_>) =
        plan.rlimits.iter().partition(|(number, _)| enter::is_for_all(*number));
    let start = GuestStart {
        rlimits,
        memory_bytes_max: plan.memory_bytes_max,
        workspace: Some(plan.workspace.clone()),
        ..place(given, rules, processes, report)?
    };
    let env = environment(&start)?;
    // Restricting closes the rules; the guest keeps its own copy for the forks that come later.
    let copied = |fd| rustix::io::fcntl_dupfd_cloexec(sys::borrow(fd), FIRST).map(IntoRawFd::into_raw_fd);
    let rules = start.landlock.map(copied).transpose().map_err(Failed::at("copy the Landlock rules"))?;
    become_guest(&enter::walls(&own, rules.is_some())?, rules, &env)
}

fn mounts(plan: &RoomPlan) -> Result<(), Failed> {
    writable(plan, "")?;
    let options = c"newinstance,ptmxmode=0666,mode=620";
    mount("devpts", "/dev/pts", "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, options)
        .map_err(Failed::at("mount /dev/pts"))?;
    proc_files::mount_at("/proc")?;
    proc_files::cover("/run")
}

/// Mounts the writable places of a tree, empty.
pub(crate) fn writable(plan: &RoomPlan, root: &str) -> Result<(), Failed> {
    let scratch = format!("size={},nr_inodes=64k,mode=1777", plan.scratch_bytes);
    let private = format!("size={},nr_inodes=64k,mode=755,uid=1000,gid=1000", plan.scratch_bytes);
    let workspace = format!(
        "size={},nr_inodes={},mode=755,uid=1000,gid=1000",
        plan.workspace_bytes, plan.workspace_inodes
    );
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    let [at_workspace, at_home] = match plan.workspace == inside::HOME {
        true => [private, workspace],
        false => [workspace, private],
    };
    let list = [
        (inside::WORKSPACE, flags, at_workspace),
        ("/tmp", flags, scratch.clone()),
        (inside::HOME, flags, at_home),
        ("/dev/shm", flags | MountFlags::NOEXEC, scratch),
    ];
    for (path, flags, options) in list {
        let options = CString::new(options).unwrap_or_default();
        mount("tmpfs", format!("{root}{path}"), "tmpfs", flags, options.as_c_str())
            .map_err(Failed::at(format!("mount {path}")))?;
    }
    Ok(())
}

fn loopback() -> Result<(), Failed> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .map_err(Failed::at("make a socket"))?;
    sys::interface_up(socket.as_fd(), b"lo").map_err(Failed::at("set the loopback interface up"))
}

/// Puts the descriptors where the guest expects them and closes all others but the report pipe.
fn place(
    given: Given,
    rules: Option<OwnedFd>,
    processes: OwnedFd,
    report: &OwnedFd,
) -> Result<GuestStart, Failed> {
    let failed = || Failed::at("place the guest's descriptors");
    let mut order = vec![given.stream];
    let mut next = |fd: OwnedFd| {
        order.push(fd);
        FIRST + order.len() as RawFd - 1
    };
    let start = GuestStart {
        stream: FIRST,
        zygote: given.zygote.map(&mut next),
        landlock: rules.map(&mut next),
        processes: Some(next(processes)),
        join: given.join.into_iter().map(&mut next).collect(),
        ns: given.outside,
        ..GuestStart::default()
    };
    // First far away, so that placing one never overwrites another.
    for fd in &mut order {
        *fd = rustix::io::fcntl_dupfd_cloexec(&*fd, FAR).map_err(failed())?;
    }
    for (number, fd) in order.iter().enumerate() {
        sys::place(fd.as_fd(), FIRST + number as RawFd).map_err(failed())?;
    }
    let report = report.as_raw_fd() as u32;
    let free = FIRST as u32 + order.len() as u32;
    // Closed below, all at once, together with whatever else the jailer had open.
    for fd in order {
        let _ = fd.into_raw_fd();
    }
    sys::close_range(free, report - 1).map_err(failed())?;
    sys::close_range(report + 1, u32::MAX).map_err(failed())?;
    Ok(start)
}

fn environment(start: &GuestStart) -> Result<Vec<CString>, Failed> {
    let list = [
        format!("{}={}", GuestStart::VARIABLE, serde_json::to_string(start).unwrap_or_default()),
        "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned(),
        format!("HOME={}", inside::HOME),
        "USER=user".to_owned(),
        "LOGNAME=user".to_owned(),
        "LANG=C.UTF-8".to_owned(),
        "TMPDIR=/tmp".to_owned(),
    ];
    strings(list)
}

/// Lines of an environment for `execve`.
pub(crate) fn strings(list: impl IntoIterator<Item = String>) -> Result<Vec<CString>, Failed> {
    let invalid = |_| Failed { step: "build the guest's environment".into(), errno: libc::EINVAL };
    list.into_iter().map(|line| CString::new(line).map_err(invalid)).collect()
}

/// Restricts this process for good and becomes the guest.
pub(crate) fn become_guest(
    steps: &[Step],
    rules: Option<RawFd>,
    env: &[CString],
) -> Result<Infallible, Failed> {
    enter::run(steps, &|name| if name == "landlock" { rules.unwrap_or(-1) } else { -1 })?;
    let argv = [c"belljar-guest".to_owned(), c"init".to_owned()];
    let guest = CString::new(inside::GUEST).unwrap_or_default();
    Err(Failed::at("start the guest")(sys::exec(&guest, &argv, env)))
}
