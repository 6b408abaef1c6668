//! File operations that the host asks for: writing in parts, reading in parts, and the short ones.
//!
//! Long work is done a little in each turn. Every operation is answered by one `Done` or `Failed`.

use crate::attributes::{self, Attributes};
use crate::changes::TEMPORARY;
use crate::contexts::Ground;
use crate::listing::{Listing, entry_of};
use crate::paths::{Place, Roots};
use crate::removal::Removal;
use crate::wire::Host;
use protocol::guest::{Reply, Transfer};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Part of a file in one frame, in bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// Time that file operations take in one turn.
const TURN_TIME: Duration = Duration::from_millis(4);

/// An operation other than writing.
pub enum Operation {
    /// Read a file.
    Read {
        /// Its path.
        path: String,
        /// First byte.
        offset: u64,
        /// Bytes at most.
        length: u64,
    },
    /// List a directory.
    List {
        /// Its path.
        path: String,
        /// Levels.
        depth: u32,
        /// Entries at most.
        entries: u32,
    },
    /// Tell what something is.
    Stat {
        /// Its path.
        path: String,
    },
    /// Make a directory.
    MakeDir {
        /// Its path.
        path: String,
    },
    /// Remove something.
    Remove {
        /// Its path.
        path: String,
    },
    /// Rename something.
    Rename {
        /// From where.
        from: String,
        /// To where.
        to: String,
        /// Make the directories that hold the new place.
        parents: bool,
    },
    /// Tell what a path leads to.
    Resolve {
        /// Its path.
        path: String,
    },
    /// Tell extended attributes.
    Attributes {
        /// Its path.
        path: String,
        /// What their names begin with.
        prefix: String,
    },
}

struct Writing {
    path: String,
    open: Result<Open, Errno>,
}

struct Open {
    file: File,
    /// What is renamed when all is written; absent where the file is written where it is.
    hidden: Option<Hidden>,
}

struct Hidden {
    parent: OwnedFd,
    temporary: String,
    name: Vec<u8>,
    mode: u32,
}

struct Reading {
    path: String,
    file: File,
    offset: u64,
    left: u64,
}

enum Work {
    Write(Writing),
    Read(Reading),
    List(Listing),
    Remove(String, Removal),
}

/// All operations under way.
pub struct Transfers {
    roots: Roots,
    works: BTreeMap<Transfer, Work>,
}

impl Transfers {
    /// None yet.
    pub fn new(roots: Roots) -> Transfers {
        Transfers { roots, works: BTreeMap::new() }
    }

    /// True while there is work that needs nothing from the host.
    pub fn runnable(&self) -> bool {
        self.works.values().any(|work| !matches!(work, Work::Write(_)))
    }

    /// Begins to write a file. A place that cannot be opened is told at its end.
    pub fn begin(&mut self, transfer: Transfer, path: &str, mode: u32) {
        let open = self.roots.place(path).and_then(|place| self.create(transfer, &place, mode));
        self.stop(transfer);
        self.works.insert(transfer, Work::Write(Writing { path: path.to_owned(), open }));
    }

    fn create(&self, transfer: Transfer, place: &Place, mode: u32) -> Result<Open, Errno> {
        self.roots.make_parents(place)?;
        let (parent, name) = self.roots.parent(place)?;
        let temporary = format!("{}{transfer}-{:x}", String::from_utf8_lossy(TEMPORARY), random());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&parent, &temporary, flags, Mode::RUSR | Mode::WUSR)?;
        let hidden = Hidden { parent, temporary, name: name.to_vec(), mode };
        Ok(Open { file: File::from(fd), hidden: Some(hidden) })
    }

    /// Begins to write a file where it is. A place that cannot be opened is told at its end.
    pub fn begin_in_place(&mut self, transfer: Transfer, path: &str, mode: u32, attributes: Attributes<'_>) {
        let open = self.roots.place(path).and_then(|place| self.open_in_place(&place, mode, attributes));
        self.stop(transfer);
        self.works.insert(transfer, Work::Write(Writing { path: path.to_owned(), open }));
    }

    fn open_in_place(&self, place: &Place, mode: u32, attributes: Attributes<'_>) -> Result<Open, Errno> {
        self.roots.make_parents(place)?;
        let (parent, name) = self.roots.parent(place)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&parent, name, flags, Mode::from(mode & 0o777)) {
            Ok(fd) => {
                rustix::fs::fchmod(&fd, Mode::from(mode & 0o777))?;
                fd
            }
            Err(Errno::EXIST) => {
                let fd =
                    self.roots.open_as_user(place, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
                if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::RegularFile {
                    return Err(Errno::INVAL);
                }
                rustix::fs::ftruncate(&fd, 0)?;
                fd
            }
            Err(errno) => return Err(errno),
        };
        attributes.set(&file)?;
        Ok(Open { file: File::from(file), hidden: None })
    }

    /// Takes the next part of a file. A failure is told at once, so that nobody goes on sending.
    pub fn chunk(&mut self, transfer: Transfer, bytes: &[u8], host: &mut Host) {
        let Some(Work::Write(writing)) = self.works.get_mut(&transfer) else {
            return;
        };
        let written = match &mut writing.open {
            Ok(open) => {
                open.file.write_all(bytes).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
            }
            Err(errno) => Err(*errno),
        };
        if let Err(errno) = written {
            let what = format!("write {}", writing.path);
            self.stop(transfer);
            fail(host, transfer, &what, errno);
        }
    }

    /// Ends a file: it takes its name now, or is forgotten. Of one that failed everything was said.
    pub fn end(&mut self, transfer: Transfer, keep: bool, host: &mut Host) {
        let Some(Work::Write(writing)) = self.works.remove(&transfer) else {
            return;
        };
        let result = match writing.open {
            Ok(open) if keep => open.publish(),
            Ok(open) => {
                open.forget();
                Ok(())
            }
            Err(_) if !keep => Ok(()),
            Err(errno) => Err(errno),
        };
        answer(host, transfer, &format!("write {}", writing.path), result);
    }

    /// Forgets an operation; it is not answered any more.
    pub fn stop(&mut self, transfer: Transfer) {
        if let Some(Work::Write(Writing { open: Ok(open), .. })) = self.works.remove(&transfer) {
            open.forget();
        }
    }

    /// Begins an operation, and ends it at once when it is short.
    pub fn operate(&mut self, transfer: Transfer, operation: Operation, host: &mut Host) {
        let (what, result) = match operation {
            Operation::Read { path, offset, length } => {
                let what = format!("read {path}");
                (what, self.read(path, offset, length).map(|reading| Some(Work::Read(reading))))
            }
            Operation::List { path, depth, entries } => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
                let opened = self.roots.place(&path).and_then(|place| self.roots.open_at(&place, flags));
                let listing = opened.and_then(|top| Listing::new(top, depth, entries));
                (format!("list {path}"), listing.map(|listing| Some(Work::List(listing))))
            }
            Operation::Stat { path } => (format!("look at {path}"), self.stat(transfer, &path, host)),
            Operation::MakeDir { path } => {
                let made = self.roots.place(&path).and_then(|place| self.roots.make_dir(&place));
                (format!("make {path}"), made.map(|()| None))
            }
            Operation::Remove { path } => {
                let what = format!("remove {path}");
                (what.clone(), self.remove(&path).map(|work| work.map(|work| Work::Remove(what, work))))
            }
            Operation::Rename { from, to, parents } => {
                (format!("rename {from} to {to}"), self.rename(&from, &to, parents).map(|()| None))
            }
            Operation::Resolve { path } => {
                (format!("look at {path}"), self.resolve(transfer, &path, host).map(|()| None))
            }
            Operation::Attributes { path, prefix } => {
                let what = format!("read attributes of {path}");
                (what, self.attributes(transfer, &path, &prefix, host).map(|()| None))
            }
        };
        match result {
            Ok(Some(work)) => drop(self.works.insert(transfer, work)),
            Ok(None) => drop(host.send(&Reply::Done { transfer }, b"")),
            Err(errno) => fail(host, transfer, &what, errno),
        }
    }

    fn read(&self, path: String, offset: u64, length: u64) -> Result<Reading, Errno> {
        let place = self.roots.place(&path)?;
        let fd = self.roots.open_at(&place, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        match FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) {
            FileType::RegularFile => Ok(Reading { path, file: File::from(fd), offset, left: length }),
            FileType::Directory => Err(Errno::ISDIR),
            _ => Err(Errno::INVAL),
        }
    }

    fn stat(&self, transfer: Transfer, path: &str, host: &mut Host) -> Result<Option<Work>, Errno> {
        let place = self.roots.place(path)?;
        let (stat, target) = self.roots.stat(&place)?;
        let entry = entry_of(path.to_owned(), &stat, target);
        host.send(&Reply::Chunk { transfer }, &serde_json::to_vec(&entry).map_err(|_| Errno::INVAL)?);
        Ok(None)
    }

    fn remove(&self, path: &str) -> Result<Option<Removal>, Errno> {
        let place = self.roots.place(path)?;
        let (parent, name) = self.roots.parent(&place)?;
        match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {}
            result => return result.map(|()| None),
        }
        match rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => Removal::new(parent, name).map(Some),
            result => result.map(|()| None),
        }
    }

    fn resolve(&self, transfer: Transfer, path: &str, host: &mut Host) -> Result<(), Errno> {
        let place = self.roots.place(path)?;
        let fd = self.roots.open_as_user(&place, OFlags::PATH)?;
        let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let whole = rustix::fs::readlink(name, Vec::new())?;
        let entry = entry_of(protocol::path::from_bytes(whole.as_bytes()), &rustix::fs::fstat(&fd)?, None);
        host.send(&Reply::Chunk { transfer }, &serde_json::to_vec(&entry).map_err(|_| Errno::INVAL)?);
        Ok(())
    }

    fn attributes(&self, transfer: Transfer, path: &str, prefix: &str, host: &mut Host) -> Result<(), Errno> {
        let place = self.roots.place(path)?;
        let fd = self.roots.open_as_user(&place, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let found = attributes::read(&fd, prefix)?;
        host.send(&Reply::Chunk { transfer }, &serde_json::to_vec(&found).map_err(|_| Errno::INVAL)?);
        Ok(())
    }

    /// A directory to watch.
    pub fn directory(&self, path: &str) -> Result<OwnedFd, Errno> {
        self.roots.open_as_user(&self.roots.place(path)?, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    fn rename(&self, from: &str, to: &str, parents: bool) -> Result<(), Errno> {
        let (from, to) = (self.roots.place(from)?, self.roots.place(to)?);
        if parents {
            self.roots.stat(&from)?;
            self.roots.make_parents(&to)?;
        }
        let (old_parent, old) = self.roots.parent(&from)?;
        let (new_parent, new) = self.roots.parent(&to)?;
        rustix::fs::renameat(&old_parent, old, &new_parent, new)
    }

    /// Does a little of the work.
    pub fn turn(&mut self, ground: &mut Ground) {
        let until = Instant::now() + TURN_TIME;
        while self.runnable() && Instant::now() < until && !ground.host.behind() {
            let transfers: Vec<Transfer> = self.works.keys().copied().collect();
            for transfer in transfers {
                self.step(transfer, ground);
            }
        }
    }

    fn step(&mut self, transfer: Transfer, ground: &mut Ground) {
        let (what, result) = match self.works.get_mut(&transfer) {
            None | Some(Work::Write(_)) => return,
            Some(Work::Read(reading)) => (format!("read {}", reading.path), reading.step(transfer, ground)),
            Some(Work::List(listing)) => ("list".to_owned(), Ok(listing.step(transfer, &mut ground.host))),
            Some(Work::Remove(what, removal)) => (what.clone(), removal.step()),
        };
        if result != Ok(false) {
            self.works.remove(&transfer);
            answer(&mut ground.host, transfer, &what, result.map(drop));
        }
    }
}

impl Open {
    fn publish(self) -> Result<(), Errno> {
        let Some(hidden) = &self.hidden else { return Ok(()) };
        let named = rustix::fs::fchmod(&self.file, Mode::from(hidden.mode & 0o777)).and_then(|()| {
            rustix::fs::renameat(&hidden.parent, &hidden.temporary, &hidden.parent, &hidden.name[..])
        });
        if named.is_err() {
            self.forget();
        }
        named
    }

    fn forget(self) {
        if let Some(hidden) = &self.hidden {
            let _ = rustix::fs::unlinkat(&hidden.parent, &hidden.temporary, AtFlags::empty());
        }
    }
}

impl Reading {
    /// Sends the next part; true at the end.
    fn step(&mut self, transfer: Transfer, ground: &mut Ground) -> Result<bool, Errno> {
        let want = self.left.min(CHUNK_BYTES as u64) as usize;
        let part = &mut ground.scratch[..want];
        let count = self.file.read_at(part, self.offset);
        let count = count.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        if count == 0 {
            return Ok(true);
        }
        self.offset += count as u64;
        self.left -= count as u64;
        ground.host.send(&Reply::Chunk { transfer }, &part[..count]);
        Ok(self.left == 0)
    }
}

fn answer(host: &mut Host, transfer: Transfer, what: &str, result: Result<(), Errno>) {
    match result {
        Ok(()) => drop(host.send(&Reply::Done { transfer }, b"")),
        Err(errno) => fail(host, transfer, what, errno),
    }
}

fn fail(host: &mut Host, transfer: Transfer, what: &str, errno: Errno) {
    let text = std::io::Error::from(errno).to_string();
    let why = text.split(" (os error").next().unwrap_or_default();
    host.send(
        &Reply::Failed { transfer, errno: errno.raw_os_error(), message: format!("{what}: {why}") },
        b"",
    );
}

/// A number that user code cannot guess.
fn random() -> u64 {
    let mut bytes = [0; 8];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(bytes)
}
