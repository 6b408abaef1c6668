//! Which kernel users the sandboxes are, and how the user namespaces map them.

use crate::Failed;
use rustix::process::{Gid, Uid};
use serde::{Deserialize, Serialize};
use std::process::Command;

/// A range of kernel ids that only sandboxes use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first id.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// Root's sandboxes use ids that no distribution hands out.
const RESERVED: Range = Range { first: 0x7000_0000, count: 65_536 };

/// Kernel users of the sandboxes of one host process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// Started by root: a reserved range; each sandbox has an id of its own, root's is not among them.
    Root(Range),
    /// Started by an ordinary user that has subordinate ids: each sandbox has one of them.
    Subordinate {
        /// Subordinate user ids.
        uids: Range,
        /// Subordinate group ids.
        gids: Range,
    },
    /// Started by an ordinary user: all sandboxes are that user.
    Shared,
}

impl Identity {
    /// The best that this process can have.
    pub fn detect() -> Identity {
        if rustix::process::geteuid().is_root() {
            return Identity::Root(RESERVED);
        }
        let name = user_name(rustix::process::geteuid().as_raw());
        let range = |file| subordinate(file, rustix::process::geteuid().as_raw(), name.as_deref());
        let helpers = ["newuidmap", "newgidmap"].iter().all(|helper| on_path(helper));
        match (range("/etc/subuid"), range("/etc/subgid"), helpers) {
            (Some(uids), Some(gids), true) => Identity::Subordinate { uids, gids },
            _ => Identity::Shared,
        }
    }

    /// How many sandboxes can have a kernel user of their own; 0 when all share one.
    pub fn slots(&self) -> u32 {
        match self {
            Identity::Root(range) => range.count - 1,
            Identity::Subordinate { uids, gids } => uids.count.min(gids.count).saturating_sub(1),
            Identity::Shared => 0,
        }
    }

    /// Maps the outer user namespace of `pid`, from outside.
    pub(crate) fn map_outer(&self, pid: i32) -> Result<(), Failed> {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        match self {
            Identity::Root(range) => {
                let line = format!("0 {} {}", range.first, range.count);
                write_proc(pid, "uid_map", &line)?;
                write_proc(pid, "gid_map", &line)
            }
            Identity::Subordinate { uids, gids } => {
                map_with("newuidmap", pid, uid, *uids)?;
                map_with("newgidmap", pid, gid, *gids)
            }
            Identity::Shared => {
                write_proc(pid, "setgroups", "deny")?;
                write_proc(pid, "uid_map", &format!("0 {uid} 1"))?;
                write_proc(pid, "gid_map", &format!("0 {gid} 1"))
            }
        }
    }
}

/// Maps the one user of a sandbox's own user namespace to a slot of the outer one.
pub(crate) fn map_room(pid: i32, slot: u32) -> Result<(), Failed> {
    let line = format!("{} {slot} 1", crate::plan::inside::UID);
    write_proc(pid, "setgroups", "deny")?;
    write_proc(pid, "uid_map", &line)?;
    write_proc(pid, "gid_map", &line)
}

/// Becomes a user of the namespace: all three ids of both kinds.
pub(crate) fn become_user(id: u32) -> Result<(), Failed> {
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(Failed::at(format!("become group {id}")))?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(Failed::at(format!("become user {id}")))
}

fn write_proc(pid: i32, file: &str, line: &str) -> Result<(), Failed> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::write(&path, line)
        .map_err(Failed::io(format!("write {line:?} to {file} of a new user namespace")))
}

fn map_with(helper: &str, pid: i32, own: u32, range: Range) -> Result<(), Failed> {
    let numbers = [pid as u32, 0, own, 1, 1, range.first, range.count];
    let status = Command::new(helper).args(numbers.map(|number| number.to_string())).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failed { step: format!("map subordinate ids with {helper}"), errno: libc::EPERM }),
        Err(error) => Err(Failed::io(format!("run {helper}"))(error)),
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn user_name(uid: u32) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid.to_string()))?;
    line.split(':').next().map(str::to_owned)
}

/// The first range of at least 2 ids that a user has in `/etc/subuid` or `/etc/subgid`.
fn subordinate(file: &str, uid: u32, name: Option<&str>) -> Option<Range> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let mut parts = line.trim().split(':');
        let owner = parts.next()?;
        let range = Range { first: parts.next()?.parse().ok()?, count: parts.next()?.parse().ok()? };
        let ours = Some(owner) == name || owner == uid.to_string();
        (ours && range.count >= 2).then_some(range)
    })
}
