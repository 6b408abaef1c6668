//! All unsafe code: system calls that no crate wraps the way the jail needs them.
#![allow(unsafe_code)]

use protocol::step::{Arg, Step};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// One raw system call with up to six arguments.
fn call(nr: i64, args: [i64; 6]) -> Result<i64, Errno> {
    // SAFETY: every caller in this file passes pointers that live until the call returns, of the size that the
    // call expects; a wrong number or argument is answered with an errno.
    let result = unsafe { libc::syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]) };
    if result < 0 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    Ok(result)
}

/// Which side of a fork this is.
pub enum Fork {
    /// The new process.
    Child,
    /// The old process: the child's pid and a descriptor of it, where the kernel has such.
    Parent(i32, Option<OwnedFd>),
}

/// Makes a process as `fork` does, in new namespaces (`CLONE_NEW*` bits). The caller has one thread only.
///
/// Not `clone3`: inside a sandbox that is answered with ENOSYS, because a filter cannot look at its flags.
pub fn fork_into(namespaces: u64) -> Result<Fork, Errno> {
    let mut pidfd: RawFd = -1;
    let flags = namespaces as i64 | i64::from(libc::CLONE_PIDFD | libc::SIGCHLD);
    // Without CLONE_VM the child has a copy of everything, like fork; only one thread exists to be copied.
    // The third argument is where the descriptor goes; it is the same on every architecture.
    let pid = call(libc::SYS_clone, [flags, 0, (&raw mut pidfd) as i64, 0, 0, 0])?;
    if pid == 0 {
        return Ok(Fork::Child);
    }
    // SAFETY: the kernel stored a new descriptor in `pidfd`, which nobody else owns.
    let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
    Ok(Fork::Parent(pid as i32, pidfd))
}

/// Moves this process into a new user namespace, in which it has every capability. It has one thread only.
pub fn unshare_users() -> Result<(), Errno> {
    call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0, 0, 0]).map(drop)
}

/// Replaces this process. Returns only when that failed.
pub fn exec(path: &CStr, argv: &[CString], env: &[CString]) -> Errno {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both lists end in a null pointer and point to strings that outlive the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Ends this process at once, without running anything.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Takes ownership of an inherited descriptor.
pub fn adopt(fd: RawFd) -> OwnedFd {
    // SAFETY: the number was handed to this process at its start, and only its one adopter closes it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// `dup2`, with close-on-exec cleared.
pub fn place(fd: BorrowedFd<'_>, at: RawFd) -> Result<(), Errno> {
    if fd.as_raw_fd() == at {
        return call(libc::SYS_fcntl, [at.into(), libc::F_SETFD.into(), 0, 0, 0, 0]).map(drop);
    }
    call(libc::SYS_dup3, [fd.as_raw_fd().into(), at.into(), 0, 0, 0, 0]).map(drop)
}

/// Closes every descriptor from `first` to `last`.
pub fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    call(libc::SYS_close_range, [first.into(), last.into(), 0, 0, 0, 0]).map(drop)
}

/// Adds `flags` (`MOUNT_ATTR_*`) to the whole tree under a mount.
pub fn mount_attributes(tree: BorrowedFd<'_>, flags: u64) -> Result<(), Errno> {
    let attributes = [flags, 0, 0, 0];
    let how = i64::from(libc::AT_EMPTY_PATH | libc::AT_RECURSIVE);
    let args = [tree.as_raw_fd().into(), c"".as_ptr() as i64, how, attributes.as_ptr() as i64, 32, 0];
    call(libc::SYS_mount_setattr, args).map(drop)
}

/// Sets an interface of this network namespace up.
pub fn interface_up(socket: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let mut request = [0u8; 40];
    request[..name.len().min(15)].copy_from_slice(&name[..name.len().min(15)]);
    let flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    request[16..18].copy_from_slice(&flags.to_ne_bytes());
    let args = [socket.as_raw_fd().into(), libc::SIOCSIFFLAGS as i64, request.as_ptr() as i64, 0, 0, 0];
    call(libc::SYS_ioctl, args).map(drop)
}

/// Makes the terminal on `fd` the controlling one of this session.
pub fn controlling_terminal(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    call(libc::SYS_ioctl, [fd.as_raw_fd().into(), libc::TIOCSCTTY as i64, 0, 0, 0, 0]).map(drop)
}

/// Sets a resource limit of this process, soft and hard.
pub fn limit(resource: u32, value: u64) -> Result<(), Errno> {
    limit_both(resource, value, value)
}

/// Sets the soft and the hard resource limit of this process.
pub fn limit_both(resource: u32, soft: u64, hard: u64) -> Result<(), Errno> {
    let both = [soft, hard];
    call(libc::SYS_prlimit64, [0, resource.into(), both.as_ptr() as i64, 0, 0, 0]).map(drop)
}

/// The soft and the hard resource limit of this process.
pub fn limits(resource: u32) -> Result<(u64, u64), Errno> {
    let mut both = [0u64; 2];
    call(libc::SYS_prlimit64, [0, resource.into(), 0, both.as_mut_ptr() as i64, 0, 0])?;
    Ok((both[0], both[1]))
}

/// Gives every signal its default action and blocks none.
pub fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: setting a default action touches no memory of ours; numbers that cannot be set are refused.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let none = [0u64; 1];
    let _ = call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK.into(), none.as_ptr() as i64, 0, 8, 0, 0]);
}

/// Blocks all signals and returns a descriptor that becomes readable when SIGCHLD arrives. Not every kernel spares the
/// first process of a namespace what others in it send.
pub fn child_signals() -> Result<OwnedFd, Errno> {
    let mask = [1u64 << (libc::SIGCHLD - 1)];
    let all = [!0u64];
    call(libc::SYS_rt_sigprocmask, [libc::SIG_BLOCK.into(), all.as_ptr() as i64, 0, 8, 0, 0])?;
    let flags = i64::from(libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
    let fd = call(libc::SYS_signalfd4, [-1, mask.as_ptr() as i64, 8, flags, 0, 0])?;
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Sends this process SIGKILL when its parent ends.
pub fn die_with_parent() -> Result<(), Errno> {
    call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG.into(), libc::SIGKILL.into(), 0, 0, 0, 0]).map(drop)
}

/// Sends a signal to the process behind a descriptor.
pub fn signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    call(libc::SYS_pidfd_send_signal, [pidfd.as_raw_fd().into(), signal.into(), 0, 0, 0, 0]).map(drop)
}

/// Whether the kernel knows a system call at all: an empty call is answered with anything but ENOSYS.
pub fn knows(nr: i64) -> bool {
    call(nr, [-1, 0, 0, 0, 0, 0]) != Err(Errno::NOSYS)
}

/// Landlock's ABI version, 0 where there is none.
pub fn landlock_abi() -> i64 {
    call(libc::SYS_landlock_create_ruleset, [0, 0, 1, 0, 0, 0]).unwrap_or(0)
}

/// Carries out one step of an enter program. `named` finds a descriptor by its name.
pub fn carry_out(step: &Step, named: &dyn Fn(&str) -> RawFd) -> Result<(), Errno> {
    match step {
        Step::Keep { keep, .. } => {
            let mut kept: Vec<u32> =
                keep.iter().map(|name| named(name)).filter(|fd| *fd >= 0).map(|fd| fd as u32).collect();
            kept.sort_unstable();
            let mut first = 3;
            for fd in kept {
                if fd > first {
                    close_range(first, fd - 1)?;
                }
                first = first.max(fd + 1);
            }
            close_range(first, u32::MAX)
        }
        Step::Call(step) => {
            let mut programs = Vec::new();
            let mut args = [0; 6];
            for (slot, arg) in args.iter_mut().zip(&step.args) {
                *slot = match arg {
                    Arg::Number(number) => *number,
                    Arg::Fd { fd } => named(fd).into(),
                    Arg::Bytes { bytes } => bytes.0.as_ptr() as i64,
                    Arg::Program { program } => {
                        let header = libc::sock_fprog {
                            len: (program.0.len() / 8) as u16,
                            filter: program.0.as_ptr() as *mut libc::sock_filter,
                        };
                        programs.push(Box::new(header));
                        programs.last().map_or(0, |header| &raw const **header as i64)
                    }
                };
            }
            match call(step.nr, args) {
                Err(errno) if !step.ok.contains(&errno.raw_os_error()) => Err(errno),
                _ => Ok(()),
            }
        }
    }
}

/// A borrowed descriptor that stays open until this process ends or is replaced.
pub fn borrow(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the callers keep the descriptor open for the rest of the process's life.
    unsafe { BorrowedFd::borrow_raw(fd) }
}
