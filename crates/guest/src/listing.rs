//! Listing a directory, some entries at a time.

use crate::walk::Walk;
use crate::wire::Host;
use protocol::guest::{Entry, EntryKind, Reply, Transfer};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// Entries in one frame.
const BATCH: usize = 128;

/// A listing under way.
pub struct Listing {
    walk: Walk,
    left: u32,
}

impl Listing {
    /// Begins with an open directory.
    pub fn new(top: OwnedFd, depth: u32, entries: u32) -> Result<Listing, Errno> {
        Ok(Listing { walk: Walk::new(top, (depth as usize).max(1))?, left: entries })
    }

    /// Sends some entries; true at the end.
    pub fn step(&mut self, transfer: Transfer, host: &mut Host) -> bool {
        let mut batch = Vec::new();
        let mut over = false;
        while batch.len() < BATCH && !over {
            let stat = if self.left == 0 { None } else { self.walk.step() };
            match stat {
                Some(stat) => {
                    self.left -= 1;
                    let link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
                    let target = link.then(|| self.walk.link_target()).flatten();
                    batch.push(entry_of(protocol::path::from_bytes(self.walk.path()), &stat, target));
                }
                None => over = true,
            }
        }
        if !batch.is_empty() {
            host.send(&Reply::Chunk { transfer }, &serde_json::to_vec(&batch).unwrap_or_default());
        }
        over
    }
}

/// An entry of that path.
pub fn entry_of(path: String, stat: &Stat, target: Option<Vec<u8>>) -> Entry {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        _ => EntryKind::Other,
    };
    Entry {
        path,
        kind,
        size: stat.st_size as u64,
        mode: stat.st_mode & 0o7777,
        modified_ms: stat.st_mtime.saturating_mul(1000).saturating_add(stat.st_mtime_nsec as i64 / 1_000_000),
        uid: stat.st_uid,
        gid: stat.st_gid,
        target: target.map(|bytes| protocol::path::from_bytes(&bytes)),
    }
}
