//! Which files of the workspace an execution made or changed, and their hashes. Work is done in small steps.

use crate::settings::Place;
use crate::walk::{LEVELS_MAX, Walk};
use protocol::Change;
use protocol::guest::Changed;
use rustix::fs::{FileType, Mode, OFlags};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Entries that a snapshot looks at.
const ENTRIES_MAX: usize = 20_000;
/// Time that a snapshot takes at most.
const WALK_TIME_MAX: Duration = Duration::from_millis(250);
/// Bytes that are hashed for one execution.
const HASH_BYTES_MAX: u64 = 256 << 20;
/// Bytes that are hashed in one step.
const STEP_BYTES: usize = 1 << 20;
/// Bytes of paths in one list.
const PATHS_BYTES_MAX: usize = 8 << 20;
/// What names of our own unfinished files begin with.
pub const TEMPORARY: &[u8] = b".belljar-";

#[derive(Clone, Copy, PartialEq)]
struct Mark {
    modified: (i64, u64),
    size: u64,
    inode: u64,
}

/// The regular files of the workspace at one moment.
pub struct Snapshot {
    files: Vec<(Box<[u8]>, Mark)>,
    whole: bool,
}

impl Snapshot {
    /// Looks at the workspace now.
    pub fn take(place: &Place) -> Snapshot {
        let mut snapshot = Snapshot { files: Vec::new(), whole: false };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::openat(&place.workspace, ".", flags, Mode::empty());
        let Ok(mut walk) = top.and_then(|top| Walk::new(top, LEVELS_MAX)) else {
            return snapshot;
        };
        let begun = Instant::now();
        for seen in 0..ENTRIES_MAX {
            if seen % 256 == 255 && begun.elapsed() > WALK_TIME_MAX {
                break;
            }
            let Some(stat) = walk.step() else {
                snapshot.whole = walk.unread == 0;
                break;
            };
            let name = walk.path().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            if regular && !name.starts_with(TEMPORARY) {
                let mark = Mark {
                    modified: (stat.st_mtime, stat.st_mtime_nsec),
                    size: stat.st_size as u64,
                    inode: stat.st_ino,
                };
                snapshot.files.push((walk.path().into(), mark));
            }
        }
        snapshot.files.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        snapshot
    }

    fn find(&self, path: &[u8]) -> Option<Mark> {
        let at = self.files.binary_search_by(|(have, _)| (**have).cmp(path)).ok()?;
        Some(self.files[at].1)
    }
}

struct Hashing {
    file: File,
    hash: Sha256,
    left: u64,
}

/// The differences between two snapshots, on their way to being hashed.
pub struct Changes {
    waiting: VecDeque<Changed>,
    current: Option<Hashing>,
    done: Vec<Changed>,
    hash_bytes_left: u64,
    /// Changed files that are not listed; at least 1 when not all files could be looked at.
    pub dropped: u32,
}

impl Changes {
    /// Compares the workspace now with what it was, listing `files_max` changes at most.
    pub fn since(before: &Snapshot, place: &Place, files_max: u32) -> Changes {
        let now = Snapshot::take(place);
        let mut changes = Changes {
            waiting: VecDeque::new(),
            current: None,
            done: Vec::new(),
            hash_bytes_left: HASH_BYTES_MAX,
            dropped: 0,
        };
        let mut paths_bytes = 0;
        for (path, mark) in &now.files {
            let change = match before.find(path) {
                Some(old) if old == *mark => continue,
                Some(_) => Change::Modified,
                // Perhaps it was there and not looked at.
                None if !before.whole => Change::Modified,
                None => Change::Created,
            };
            paths_bytes += path.len() + 256;
            if changes.waiting.len() >= files_max as usize || paths_bytes > PATHS_BYTES_MAX {
                changes.dropped += 1;
                continue;
            }
            let path = protocol::path::from_bytes(path);
            changes.waiting.push_back(Changed { path, size: mark.size, sha256: None, change });
        }
        if !(now.whole && before.whole) {
            changes.dropped = changes.dropped.max(1);
        }
        changes
    }

    /// Does a little of the work; true when all is done.
    pub fn step(&mut self, place: &Place, scratch: &mut [u8]) -> bool {
        let mut left = STEP_BYTES;
        while left > 0 {
            let Some(hashing) = &mut self.current else {
                if self.waiting.is_empty() {
                    return true;
                }
                self.open_next(place);
                left = left.saturating_sub(16 << 10);
                continue;
            };
            let want = scratch.len().min(hashing.left as usize).min(left);
            let count = if want == 0 { 0 } else { hashing.file.read(&mut scratch[..want]).unwrap_or(0) };
            hashing.hash.update(&scratch[..count]);
            hashing.left -= count as u64;
            left = left.saturating_sub(count.max(1));
            if count == 0 {
                self.close_current();
            }
        }
        false
    }

    /// The list, once all is done.
    pub fn into_list(self) -> Vec<Changed> {
        self.done
    }

    fn open_next(&mut self, place: &Place) {
        let Some(next) = self.waiting.front() else {
            return;
        };
        if next.size <= self.hash_bytes_left {
            self.current = open(place, &next.path).map(|file| {
                self.hash_bytes_left -= next.size;
                Hashing { file, hash: Sha256::new(), left: next.size }
            });
        }
        if self.current.is_none() {
            self.done.extend(self.waiting.pop_front());
        }
    }

    fn close_current(&mut self) {
        let hashing = self.current.take();
        if let (Some(mut changed), Some(hashing)) = (self.waiting.pop_front(), hashing) {
            // A file that shrank meanwhile has no hash that fits its size.
            if hashing.left == 0 {
                changed.sha256 =
                    Some(hashing.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
            }
            self.done.push(changed);
        }
    }
}

fn open(place: &Place, path: &str) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let path = protocol::path::to_bytes(path);
    let file = crate::paths::open_below(place.workspace.as_fd(), &path, flags, Mode::empty()).ok()?;
    let regular = rustix::fs::fstat(&file)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
    regular.then(|| File::from(file))
}
