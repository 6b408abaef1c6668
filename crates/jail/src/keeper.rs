//! The keeper: a small process on the host's side that starts the jailer and cleans up when all is over.
//!
//! It outlives a host process that was killed, so that control groups are removed even then.
//! Descriptors at its start: 0 the plan as JSON, 3 the control socket for the jailer.

use crate::plan::KeeperPlan;
use crate::{Failed, cgroup, jailer, packet, room, sys};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{WaitOptions, waitpid};
use std::io::Read;
use std::os::fd::AsFd;

/// Runs the keeper until the jailer has ended; the exit code of the process.
pub fn main() -> i32 {
    let control = sys::adopt(3);
    // Neither the jailer's zygotes nor its guests may have it.
    let _ = rustix::io::fcntl_setfd(&control, rustix::io::FdFlags::CLOEXEC);
    let mut text = String::new();
    if std::io::stdin().read_to_string(&mut text).is_err() {
        return 2;
    }
    let Ok(plan) = serde_json::from_str::<KeeperPlan>(&text) else { return 2 };
    let result = keep(&plan, &control);
    cgroup::remove_trees(&plan.cgroups);
    match result {
        Ok(()) => 0,
        Err(failed) => {
            let broken = crate::control::FromJailer::Broken { step: failed.step, errno: failed.errno };
            let _ = packet::send(control.as_fd(), &broken, &[]);
            1
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
            let mapped = plan.identity.map_outer(pid);
            if mapped.is_err() {
                let _ = sys::signal(pidfd.as_fd(), libc::SIGKILL);
            } else {
                let _ = rustix::io::write(&gone, b"m");
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
