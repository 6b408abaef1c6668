//! Removing a directory with all that is in it, however deep: subdirectories are moved up to the top and emptied
//! there, so that neither a stack nor a long path is needed. Links are removed, never followed.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Entries that one step removes.
const STEP_ENTRIES: usize = 256;
/// Time after which somebody must be filling the directory as fast as it is emptied.
const TIME_MAX: Duration = Duration::from_secs(60);

/// A removal under way.
pub struct Removal {
    parent: OwnedFd,
    name: CString,
    top: OwnedFd,
    /// The directory that is being emptied: the top, or one directly in it.
    current: Option<(Dir, Option<CString>)>,
    moved: u64,
    /// Something was removed or moved since the top was last read.
    progress: bool,
    failure: Option<Errno>,
    until: Instant,
}

impl Removal {
    /// Begins with a directory that is not empty.
    pub fn new(parent: OwnedFd, name: &[u8]) -> Result<Removal, Errno> {
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        let top = open_dir(parent.as_fd(), &name)?;
        Ok(Removal {
            parent,
            name,
            top,
            current: None,
            moved: 0,
            progress: true,
            failure: None,
            until: Instant::now() + TIME_MAX,
        })
    }

    /// Does a little of the work; true when all is gone.
    pub fn step(&mut self) -> Result<bool, Errno> {
        if Instant::now() > self.until {
            return Err(Errno::BUSY);
        }
        for _ in 0..STEP_ENTRIES {
            let Some((dir, _)) = &mut self.current else {
                if self.read_top()? {
                    return Ok(true);
                }
                continue;
            };
            match dir.read() {
                Some(Ok(entry)) => {
                    let directory = entry.file_type() == FileType::Directory;
                    self.remove(entry.file_name().to_owned(), directory);
                }
                Some(Err(errno)) => self.failure = Some(errno),
                None => self.leave(),
            }
        }
        Ok(false)
    }

    /// Begins to read the top again, or ends: true when it could be removed.
    fn read_top(&mut self) -> Result<bool, Errno> {
        match unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) if self.progress => {}
            Err(errno) => return Err(self.failure.unwrap_or(errno)),
        }
        self.progress = false;
        self.current = Some((Dir::read_from(&self.top)?, None));
        Ok(false)
    }

    fn remove(&mut self, name: CString, directory: bool) {
        let Some((dir, inside)) = &self.current else {
            return;
        };
        if matches!(name.as_bytes(), b"." | b"..") {
            return;
        }
        let Ok(fd) = dir.fd() else {
            return;
        };
        let how = if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        let result = match unlinkat(fd, &name, how) {
            Err(Errno::NOTEMPTY | Errno::EXIST) if inside.is_none() => return self.enter(name),
            Err(Errno::NOTEMPTY | Errno::EXIST) => self.move_up(fd, &name),
            Err(Errno::ISDIR) => unlinkat(fd, &name, AtFlags::REMOVEDIR).or_else(|_| self.move_up(fd, &name)),
            result => result,
        };
        match result {
            Ok(()) => self.progress = true,
            Err(errno) => self.failure = Some(errno),
        }
        self.moved += 1;
    }

    fn move_up(&self, from: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        open_dir(from, name)?;
        let up = format!(".belljar-removed-{:x}-{}", std::process::id(), self.moved);
        renameat(from, name, &self.top, up)
    }

    /// Goes into a directory of the top. The reading of the top begins anew when it is empty.
    fn enter(&mut self, name: CString) {
        match open_dir(self.top.as_fd(), &name).and_then(Dir::new) {
            Ok(dir) => self.current = Some((dir, Some(name))),
            Err(errno) => self.failure = Some(errno),
        }
    }

    fn leave(&mut self) {
        if let Some((_, Some(name))) = self.current.take() {
            match unlinkat(&self.top, &name, AtFlags::REMOVEDIR) {
                Ok(()) => self.progress = true,
                Err(errno) => self.failure = Some(errno),
            }
        }
    }
}

/// Opens a directory, giving its owner the rights that emptying and moving it need.
fn open_dir(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        Ok(fd) => {
            let _ = rustix::fs::fchmod(&fd, Mode::RWXU);
            Ok(fd)
        }
        Err(Errno::ACCESS) => {
            rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
            openat(parent, name, flags, Mode::empty())
        }
        Err(errno) => Err(errno),
    }
}
