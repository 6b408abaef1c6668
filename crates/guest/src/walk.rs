//! A walk down a directory tree: no recursion, no following of links, one descriptor for each level.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// Levels that a walk goes down at most; each holds a descriptor.
pub const LEVELS_MAX: usize = 96;

/// The walk.
pub struct Walk {
    levels: Vec<(Dir, usize)>,
    path: Vec<u8>,
    levels_max: usize,
    /// Directories that could not be read, or lay too deep.
    pub unread: u32,
}

impl Walk {
    /// Begins below an open directory (not one opened with `O_PATH`).
    pub fn new(top: OwnedFd, levels_max: usize) -> Result<Walk, Errno> {
        let levels = vec![(Dir::new(top)?, 0)];
        Ok(Walk { levels, path: Vec::new(), levels_max: levels_max.min(LEVELS_MAX), unread: 0 })
    }

    /// Steps to the next entry; directories come before what is in them.
    pub fn step(&mut self) -> Option<Stat> {
        loop {
            let (dir, prefix) = self.levels.last_mut()?;
            let Some(Ok(entry)) = dir.read() else {
                self.levels.pop();
                continue;
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.path.truncate(*prefix);
            self.path.extend_from_slice(name.to_bytes());
            let Ok(stat) = dir.fd().and_then(|fd| statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)) else {
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                self.descend(name);
            }
            return Some(stat);
        }
    }

    /// The path of the last entry, below the top.
    pub fn path(&self) -> &[u8] {
        self.path.strip_suffix(b"/").unwrap_or(&self.path)
    }

    /// The directory that holds the last entry, and the entry's name, for reading a link.
    pub fn link_target(&self) -> Option<Vec<u8>> {
        let (dir, prefix) = self.levels.last()?;
        let name = self.path.get(*prefix..)?;
        Some(rustix::fs::readlinkat(dir.fd().ok()?, name, Vec::new()).ok()?.into_bytes())
    }

    fn descend(&mut self, name: &std::ffi::CStr) {
        let flags =
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if self.levels.len() >= self.levels_max {
            self.unread += 1;
            return;
        }
        let opened = self.levels.last().map(|(dir, _)| {
            let fd = openat(dir.fd()?, name, flags, Mode::empty())?;
            Dir::new(fd)
        });
        match opened {
            Some(Ok(dir)) => {
                self.path.push(b'/');
                self.levels.push((dir, self.path.len()));
            }
            _ => self.unread += 1,
        }
    }
}
