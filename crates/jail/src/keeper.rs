//! The keeper: a small process on the host's side that starts the jailer and cleans up when all is over.
//!
//! It outlives a host process that was killed, so that control groups are removed even then.
//! Descriptor 0 at its start is the control socket; its first packet is the plan, all others are the jailer's. What
//! comes along with the plan holds the sandboxes' kernel users, and is kept open until all is over.

use crate::plan::KeeperPlan;
use crate::{Failed, cgroup, jailer, packet, room, sys};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{WaitOptions, waitpid};
use std::os::fd::AsFd;
use std::process::ExitCode;

/// Runs the keeper until the jailer has ended; the exit code of the process.
pub fn main() -> ExitCode {
    let Ok(control) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) else {
        return ExitCode::from(2);
    };
    let null = std::fs::File::open("/dev/null");
    if null.is_ok_and(|null| rustix::stdio::dup2_stdin(null).is_err()) {
        return ExitCode::from(2);
    }
    let Ok(Some((plan, _hold))) = packet::receive::<KeeperPlan>(control.as_fd()) else {
        return ExitCode::from(2);
    };
    let result = keep(&plan, &control);
    cgroup::remove_trees(&plan.cgroups);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            let broken = crate::control::FromJailer::Broken { step: failed.step, errno: failed.errno };
            let _ = packet::send(control.as_fd(), &broken, &[]);
            ExitCode::FAILURE
        }
    }
}

fn keep(plan: &KeeperPlan, control: &std::os::fd::OwnedFd) -> Result<(), Failed> {
    // Ctrl-C on the terminal is for the host process; this one ends when that one does.
    rustix::process::setsid().map_err(Failed::at("leave the session"))?;
    for file in &plan.join {
        std::fs::write(file, "0")
            .map_err(Failed::io(format!("join the control group of {}", file.display())))?;
    }
    let (go, gone) = std::io::pipe().map_err(Failed::io("make a pipe"))?;
    match sys::fork_into(room::NAMESPACES).map_err(Failed::at("make the outer namespaces"))? {
        sys::Fork::Child => {
            drop(gone);
            sys::exit_now(jailer::main(plan, control, go))
        }
        sys::Fork::Parent(pid, pidfd) => {
            drop(go);
            for file in &plan.leave {
                // It stays where it is otherwise, and the next start of Belljar removes the empty group.
                let _ = std::fs::write(file, "0");
            }
            let mapped = plan.identity.map_outer(pid);
            // One that is not mapped ends by itself when the pipe closes.
            if mapped.is_ok() {
                let _ = rustix::io::write(&gone, b"m");
            } else if let Some(pidfd) = pidfd {
                let _ = sys::signal(pidfd.as_fd(), libc::SIGKILL);
            }
            drop(gone);
            let pid = rustix::process::Pid::from_raw(pid);
            while let Err(Errno::INTR) = waitpid(pid, WaitOptions::empty()) {}
            mapped
        }
    }
}

/// Tries whether this process may have all namespaces and be capable in them; for `doctor`.
pub(crate) fn try_namespaces() -> Result<(), Failed> {
    match sys::fork_into(room::NAMESPACES).map_err(Failed::at("make namespaces"))? {
        sys::Fork::Child => {
            // Nothing here allocates: the caller may have other threads.
            let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
            let tried = mount_change(c"/", private);
            sys::exit_now(tried.err().map_or(0, Errno::raw_os_error))
        }
        sys::Fork::Parent(pid, _pidfd) => {
            let ended = waitpid(rustix::process::Pid::from_raw(pid), WaitOptions::empty());
            let code = ended.ok().flatten().and_then(|(_, status)| status.exit_status());
            match code {
                Some(0) => Ok(()),
                errno => Err(Failed {
                    step: "mount in a user namespace".into(),
                    errno: errno.unwrap_or(libc::EPERM),
                }),
            }
        }
    }
}
