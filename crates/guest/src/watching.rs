//! Watching directories for the host, with the kernel's inotify: what happened is told, no faster than it is taken.

use crate::contexts::Ground;
use crate::readiness::{Interest, Ready};
use crate::walk::{LEVELS_MAX, Walk};
use crate::wire::Host;
use protocol::guest::{CHUNK_COST_BYTES, Reply, Transfer, WATCH_BYTES_MAX, WatchEvent, WatchKind};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::fs::{FileType, Mode, OFlags, openat};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Watches at once.
pub const WATCHES_MAX: usize = 64;
/// Directories of one watch.
const DIRECTORIES_MAX: usize = 8192;
/// Events of one turn, and a few more, and in one frame.
const EVENTS_MAX: usize = 1024;
const BATCH: usize = 256;

/// One watch.
pub struct Watching {
    /// Its transfer.
    pub transfer: Transfer,
    top: OwnedFd,
    inotify: OwnedFd,
    /// Directories by the kernel's numbers: paths below the top, with a slash at their end.
    directories: HashMap<i32, Vec<u8>>,
    recursive: bool,
    /// Told already, because it was there when its directory began to be watched.
    found: HashSet<Vec<u8>>,
    ahead: u64,
}

impl Watching {
    /// Begins to watch an open directory.
    pub fn new(transfer: Transfer, top: OwnedFd, recursive: bool) -> Result<Watching, Errno> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let (directories, found) = (HashMap::new(), HashSet::new());
        let mut watch = Watching { transfer, top, inotify, directories, recursive, found, ahead: 0 };
        watch.add(Vec::new())?;
        if recursive {
            watch.add_below(b"", &mut Vec::new())?;
        }
        watch.found.clear();
        Ok(watch)
    }

    /// Watches one directory, by its path below the top.
    fn add(&mut self, path: Vec<u8>) -> Result<(), Errno> {
        if self.directories.len() >= DIRECTORIES_MAX {
            return Err(Errno::NOSPC);
        }
        let fd = self.open(&path)?;
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let number = inotify::add_watch(&self.inotify, format!("/proc/self/fd/{}", fd.as_raw_fd()), flags)?;
        self.directories.insert(number, path);
        Ok(())
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = if path.is_empty() { b"." } else { path };
        openat(&self.top, path.strip_suffix(b"/").unwrap_or(path), flags, Mode::empty())
    }

    /// Watches all directories below one, and tells what is there already: it came before anybody could watch.
    fn add_below(&mut self, base: &[u8], events: &mut Vec<WatchEvent>) -> Result<(), Errno> {
        let mut walk = Walk::new(self.open(base)?, LEVELS_MAX)?;
        while let Some(stat) = walk.step() {
            let path = [base, walk.path()].concat();
            events.push(event(&path, WatchKind::Create));
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                // One that is gone again is not to be watched.
                match self.add([&path[..], b"/"].concat()) {
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) | Ok(()) => {}
                    Err(errno) => return Err(errno),
                }
            }
            if self.found.len() < DIRECTORIES_MAX {
                self.found.insert(path);
            }
        }
        Ok(())
    }

    /// The host took so much.
    pub fn taken(&mut self, bytes: u64) {
        self.ahead = self.ahead.saturating_sub(bytes);
    }

    /// What to wait for.
    pub fn interest<'a>(&'a self, ground: &Ground, wants: &mut Interest<'a>) {
        if self.ahead < WATCH_BYTES_MAX && !ground.host.behind() {
            wants.read(self.inotify.as_fd());
        }
    }

    /// One turn. True when it has failed, which was said.
    pub fn turn(&mut self, ready: &Ready, ground: &mut Ground) -> bool {
        let open = self.ahead < WATCH_BYTES_MAX && !ground.host.behind();
        open && ready.has(&self.inotify) && !self.tell(&mut ground.host)
    }

    /// Tells what has happened, as much as one turn may say. False when it has failed, which was said.
    pub fn tell(&mut self, host: &mut Host) -> bool {
        match self.read() {
            Ok(events) => {
                events.chunks(BATCH).for_each(|events| self.send(events, host));
                true
            }
            Err(errno) => {
                let message = format!("watch: {}", crate::starting::plain(&errno.into()));
                let (transfer, errno) = (self.transfer, errno.raw_os_error());
                host.send(&Reply::Failed { transfer, errno, message }, b"");
                false
            }
        }
    }

    /// Sends events, also none: the first ones say that it is watched.
    pub fn send(&mut self, events: &[WatchEvent], host: &mut Host) {
        let payload = serde_json::to_vec(events).unwrap_or_default();
        host.send(&Reply::Chunk { transfer: self.transfer }, &payload);
        self.ahead += payload.len() as u64 + CHUNK_COST_BYTES;
    }

    fn read(&mut self) -> Result<Vec<WatchEvent>, Errno> {
        let mut happened = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let inotify = rustix::io::fcntl_dupfd_cloexec(&self.inotify, 3)?;
        let mut reader = Reader::new(inotify, &mut buffer);
        // Whoever makes events makes more while they are read.
        while happened.len() < EVENTS_MAX || !reader.is_buffer_empty() {
            match reader.next() {
                Ok(one) => {
                    let name = one.file_name().map(|name| name.to_bytes().to_vec());
                    happened.push((one.wd(), one.events(), name));
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        let mut events = Vec::new();
        for (number, flags, name) in happened {
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                return Err(Errno::OVERFLOW);
            }
            if flags.contains(ReadFlags::IGNORED) {
                self.directories.remove(&number);
            }
            let (Some(base), Some(name)) = (self.directories.get(&number), name) else { continue };
            let path = [base, &name[..]].concat();
            self.take(path, flags, &mut events)?;
        }
        Ok(events)
    }

    fn take(&mut self, path: Vec<u8>, flags: ReadFlags, events: &mut Vec<WatchEvent>) -> Result<(), Errno> {
        let kinds = [
            (ReadFlags::CREATE | ReadFlags::MOVED_TO, WatchKind::Create),
            (ReadFlags::MODIFY, WatchKind::Write),
            (ReadFlags::ATTRIB, WatchKind::Chmod),
            (ReadFlags::DELETE, WatchKind::Remove),
            (ReadFlags::MOVED_FROM, WatchKind::Rename),
        ];
        let Some((_, kind)) = kinds.into_iter().find(|(of, _)| flags.intersects(*of)) else {
            return Ok(());
        };
        if kind == WatchKind::Create && self.found.remove(&path) {
            return Ok(());
        }
        events.push(event(&path, kind));
        if kind == WatchKind::Create && self.recursive && flags.contains(ReadFlags::ISDIR) {
            let base = [&path[..], b"/"].concat();
            match self.add(base.clone()).and_then(|()| self.add_below(&base, events)) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) | Ok(()) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

fn event(path: &[u8], kind: WatchKind) -> WatchEvent {
    WatchEvent { name: protocol::path::from_bytes(path), kind }
}
