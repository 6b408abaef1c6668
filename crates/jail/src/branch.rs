//! The tree of a branch: the room's own once more, with writable places of its own. A fork of a context moves there.
//!
//! Made by a process of the jailer's that joins the room for that: whoever is in the room can mount nothing.

use crate::plan::{RoomPlan, inside};
use crate::{Failed, identity, room, sys};
use rustix::fs::CWD;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change, move_mount, open_tree,
    unmount,
};
use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};
use std::io::Read;
use std::os::fd::BorrowedFd;

/// Where the tree of a branch is.
pub fn root_of(number: u32) -> String {
    format!("{}/{number}", inside::BRANCHES)
}

/// Makes a tree in the room of this process.
pub(crate) fn make(room: BorrowedFd<'_>, number: u32, plan: &RoomPlan) -> Result<(), Failed> {
    inside_of(room, || {
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let tree = open_tree(CWD, "/", flags).map_err(Failed::at("copy the tree"))?;
        let root = root_of(number);
        move_mount(&tree, c"", CWD, root.as_str(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .map_err(Failed::at("mount the tree"))?;
        let ready = mount_change(root.as_str(), MountPropagationFlags::UNBINDABLE)
            .map_err(Failed::at("keep the tree out of other trees"))
            .and_then(|()| room::writable(plan, &root));
        if ready.is_err() {
            let _ = unmount(root.as_str(), UnmountFlags::DETACH);
        }
        ready
    })
}

/// Removes one; processes that use it still do, and their files go with them.
pub(crate) fn remove(room: BorrowedFd<'_>, number: u32) -> Result<(), Failed> {
    inside_of(room, || {
        unmount(root_of(number), UnmountFlags::DETACH).map_err(Failed::at("let go of the tree"))
    })
}

/// Does something as a process of its own, within the room's mounts and as its user.
fn inside_of(room: BorrowedFd<'_>, work: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
    let (mut report, writer) = std::io::pipe().map_err(Failed::io("make a pipe"))?;
    match sys::fork_into(0).map_err(Failed::at("fork"))? {
        sys::Fork::Child => {
            let spaces = ThreadNameSpaceType::USER | ThreadNameSpaceType::MOUNT;
            let done = move_into_thread_name_spaces(room, spaces)
                .map_err(Failed::at("join the room"))
                .and_then(|()| identity::become_user(inside::UID))
                .and_then(|()| work());
            if let Err(failed) = done {
                let text = serde_json::to_vec(&(failed.step, failed.errno)).unwrap_or_default();
                let _ = rustix::io::write(&writer, &text);
            }
            sys::exit_now(0)
        }
        sys::Fork::Parent(pid, _) => {
            drop(writer);
            let mut text = Vec::new();
            let _ = report.read_to_end(&mut text);
            let _ = waitpid(Pid::from_raw(pid), WaitOptions::empty());
            match serde_json::from_slice(&text) {
                Ok((step, errno)) => Err(Failed { step, errno }),
                Err(_) => Ok(()),
            }
        }
    }
}
