//! `--file`: what goes into `/workspace`, found and checked before anything is started.
//!
//! A directory is walked by descriptor and never left: symlinks that point inside are uploaded as what they point
//! to, all others are refused, and so is everything that is neither file nor directory.

use super::failure::{Done, Failure, reason};
use crate::render::terminal;
use protocol::Limits;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, statat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Directories below one another; more is a mistake or an attack.
const DEPTH_MAX: usize = 128;

/// One file or directory to be made in `/workspace`.
#[derive(Debug)]
pub struct Entry {
    /// Path below `/workspace` in text form (see `protocol::path`).
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its size when it was found; 0 for a directory.
    pub bytes: u64,
    /// Where its bytes are; `None` for a directory.
    pub source: Option<Source>,
}

/// A file on this host, opened again when its turn comes.
#[derive(Debug)]
pub struct Source {
    root: Option<Arc<OwnedFd>>,
    path: PathBuf,
    shown: String,
}

impl Source {
    /// Opens it; fails when it is no longer a readable regular file in its directory.
    pub fn open(&self) -> Done<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let opened = match &self.root {
            Some(root) => open_beneath(root, &self.path, flags),
            None => rustix::fs::open(&self.path, flags | OFlags::CLOEXEC, Mode::empty()),
        };
        let file = opened.map_err(|errno| unreadable(&self.shown, errno))?;
        let stat = fstat(&file).map_err(|errno| unreadable(&self.shown, errno))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(File::from(file)),
            other => Err(special(&self.shown, other)),
        }
    }
}

/// Everything that `--file` names.
#[derive(Debug, Default)]
pub struct Uploads {
    /// Directories come before what is in them.
    pub entries: Vec<Entry>,
    /// Bytes of all files together.
    pub bytes: u64,
}

impl Uploads {
    /// Finds and checks everything that these paths name.
    pub fn collect(paths: &[PathBuf]) -> Done<Uploads> {
        let mut uploads = Uploads::default();
        let mut taken: BTreeMap<Vec<u8>, &Path> = BTreeMap::new();
        for path in paths {
            let name = name_of(path)?;
            if let Some(earlier) = taken.insert(name.clone(), path) {
                let (one, two) = (shown(earlier.as_os_str()), shown(path.as_os_str()));
                let message = format!("upload both {one} and {two}: they have the same name in /workspace");
                return Err(
                    Failure::usage("same_name", message).hint("rename one, or upload their directories")
                );
            }
            uploads.add(path, protocol::path::from_bytes(&name))?;
        }
        Ok(uploads)
    }

    /// Checks them against what the sandbox's workspace holds.
    pub fn check(&self, limits: &Limits) -> Done<()> {
        let size = terminal::size;
        if self.bytes > limits.disk_bytes {
            let (given, room) = (size(self.bytes), size(limits.disk_bytes));
            return Err(Failure::usage("too_large", format!("upload {given}: the workspace holds {room}"))
                .hint("--disk SIZE makes it larger; it lives in memory, so --memory must grow with it"));
        }
        if self.entries.len() as u64 > limits.inodes {
            let message =
                format!("upload {} files: the workspace holds {}", self.entries.len(), limits.inodes);
            return Err(
                Failure::usage("too_many_files", message).hint("upload an archive and unpack it inside")
            );
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: String) -> Done<()> {
        let label = shown(path.as_os_str());
        let stat = rustix::fs::stat(path).map_err(|errno| unreadable(&label, errno))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let source = Source { root: None, path: path.to_owned(), shown: label };
                source.open()?;
                self.push_file(name, source, &stat);
                Ok(())
            }
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let root = rustix::fs::open(path, flags, Mode::empty());
                let root = Arc::new(root.map_err(|errno| unreadable(&label, errno))?);
                let mut walk = Walk { uploads: self, root, label: path.to_owned(), ancestors: Vec::new() };
                walk.directory(Path::new(""), &name, &stat)
            }
            other => Err(special(&label, other)),
        }
    }

    fn push_file(&mut self, path: String, source: Source, stat: &Stat) {
        let bytes = u64::try_from(stat.st_size).unwrap_or(0);
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push(Entry { path, mode: stat.st_mode & 0o777, bytes, source: Some(source) });
    }
}

struct Walk<'a> {
    uploads: &'a mut Uploads,
    root: Arc<OwnedFd>,
    label: PathBuf,
    ancestors: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn directory(&mut self, below: &Path, name: &str, stat: &Stat) -> Done<()> {
        let label = self.shown(below);
        let place = (stat.st_dev, stat.st_ino);
        if self.ancestors.contains(&place) || self.ancestors.len() >= DEPTH_MAX {
            return Err(Failure::usage("symlink_loop", format!("upload {label}: it leads back into itself"))
                .hint("remove the symlink, or upload the files that you need one by one"));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let at = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let fd = open_beneath(&self.root, at, flags).map_err(|errno| unreadable(&label, errno))?;
        let mode = stat.st_mode & 0o777;
        self.uploads.entries.push(Entry { path: name.to_owned(), mode, bytes: 0, source: None });
        self.ancestors.push(place);
        for child in children(&fd).map_err(|errno| unreadable(&label, errno))? {
            let path = below.join(OsStr::from_bytes(&child));
            let name = format!("{name}/{}", protocol::path::from_bytes(&child));
            let stat = statat(&fd, child.as_slice(), AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map_err(|errno| unreadable(&self.shown(&path), errno))?;
            self.child(&path, &name, stat)?;
        }
        self.ancestors.pop();
        Ok(())
    }

    fn child(&mut self, path: &Path, name: &str, mut stat: Stat) -> Done<()> {
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            stat = self.follow(path)?;
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.directory(path, name, &stat),
            FileType::RegularFile => {
                let root = Some(self.root.clone());
                let source = Source { root, path: path.to_owned(), shown: self.shown(path) };
                source.open()?;
                self.uploads.push_file(name.to_owned(), source, &stat);
                Ok(())
            }
            other => Err(special(&self.shown(path), other)),
        }
    }

    /// What a symlink points to, when that is inside the directory.
    fn follow(&self, path: &Path) -> Done<Stat> {
        let label = self.shown(path);
        let refuse = |why: &str| {
            Failure::usage("symlink", format!("upload {label}: the symlink {why}"))
                .hint("replace it by what it points to, or upload that with a --file of its own")
        };
        match open_beneath(&self.root, path, OFlags::PATH) {
            Ok(fd) => fstat(&fd).map_err(|errno| unreadable(&label, errno)),
            Err(Errno::XDEV) => Err(refuse("points out of the uploaded directory")),
            Err(Errno::LOOP) => Err(refuse("cannot be followed")),
            Err(Errno::NOENT) => Err(refuse("points to nothing")),
            Err(errno) => Err(unreadable(&label, errno)),
        }
    }

    fn shown(&self, below: &Path) -> String {
        shown(self.label.join(below).as_os_str())
    }
}

fn children(fd: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(fd)? {
        let name = entry?.file_name().to_bytes().to_owned();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Opens a path below a directory: no step may lead out of it.
fn open_beneath(root: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..16 {
        match openat2(root, path, flags, Mode::empty(), resolve) {
            // Somebody renames things at this very moment.
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Kernels before 5.6 and old container filters: every step by hand, and no symlinks at all.
            Err(Errno::NOSYS | Errno::PERM) => return open_stepwise(root, path, flags),
            done => return done,
        }
    }
    Err(Errno::AGAIN)
}

fn open_stepwise(root: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut at = rustix::io::fcntl_dupfd_cloexec(root, 3)?;
    let mut steps = path.iter().peekable();
    while let Some(step) = steps.next() {
        let between = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let flags = if steps.peek().is_some() { between } else { flags };
        at = openat(&at, step, flags | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(at)
}

/// The name that a path gets in `/workspace`.
fn name_of(path: &Path) -> Done<Vec<u8>> {
    if let Some(name) = path.file_name() {
        return Ok(name.as_bytes().to_owned());
    }
    let label = shown(path.as_os_str());
    let whole = path.canonicalize();
    let whole =
        whole.map_err(|error| Failure::usage("unreadable", format!("read {label}: {}", reason(&error))))?;
    match whole.file_name() {
        Some(name) => Ok(name.as_bytes().to_owned()),
        None => Err(Failure::usage("no_name", format!("upload {label}: it has no name of its own"))
            .hint("name the directories in it that you need")),
    }
}

fn shown(path: &OsStr) -> String {
    terminal::name(&protocol::path::from_bytes(path.as_bytes()))
}

fn unreadable(label: &str, errno: Errno) -> Failure {
    let why = reason(&std::io::Error::from(errno));
    let failure = Failure::usage("unreadable", format!("read {label}: {why}"));
    match errno {
        Errno::ACCESS | Errno::PERM => failure.hint("make it readable for you, or leave it out"),
        Errno::NOENT => failure.hint("check the path; it is looked up from the current directory"),
        _ => failure,
    }
}

fn special(label: &str, kind: FileType) -> Failure {
    let what = match kind {
        FileType::Socket => "a socket",
        FileType::Fifo => "a named pipe",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "neither a file nor a directory",
    };
    Failure::usage("special_file", format!("upload {label}: it is {what}"))
        .hint("only regular files and directories can be uploaded; leave it out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    fn paths(uploads: &Uploads) -> Vec<&str> {
        uploads.entries.iter().map(|entry| entry.path.as_str()).collect()
    }

    #[test]
    fn directories_with_odd_names_and_links_inside() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        std::fs::create_dir_all(top.join("sub/empty")).unwrap();
        std::fs::write(top.join("sub/new\nline"), "one").unwrap();
        std::fs::write(top.join(OsStr::from_bytes(b"\xff.bin")), "two").unwrap();
        symlink("sub/new\nline", top.join("link")).unwrap();
        let uploads = Uploads::collect(&[top]).unwrap();
        let odd = protocol::path::from_bytes(b"top/\xff.bin");
        assert_eq!(
            paths(&uploads),
            ["top", "top/link", "top/sub", "top/sub/empty", "top/sub/new\nline", &odd]
        );
        assert_eq!(uploads.bytes, 9);
        let mut text = String::new();
        uploads.entries[1].source.as_ref().unwrap().open().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
        let small = Limits { disk_bytes: 8, ..Limits::default() };
        assert_eq!(uploads.check(&small).unwrap_err().code, "too_large");
    }

    #[test]
    fn what_cannot_be_uploaded_is_named() {
        type Make = fn(&Path);
        let cases: [(&str, Make); 6] = [
            ("symlink", |at| symlink("/etc/passwd", at).unwrap()),
            ("symlink", |at| symlink("../../outside", at).unwrap()),
            ("symlink", |at| symlink("nowhere", at).unwrap()),
            ("symlink_loop", |at| symlink(".", at).unwrap()),
            ("special_file", |at| {
                std::os::unix::net::UnixListener::bind(at).unwrap();
            }),
            ("special_file", |at| {
                rustix::fs::mknodat(rustix::fs::CWD, at, FileType::Fifo, Mode::RUSR, 0).unwrap();
            }),
        ];
        for (code, make) in cases {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("outside"), "").unwrap();
            let top = dir.path().join("top");
            std::fs::create_dir(&top).unwrap();
            make(&top.join("odd"));
            let failure = Uploads::collect(&[top]).unwrap_err();
            assert_eq!(failure.code, code, "{failure}");
            assert!(failure.message.contains("top/odd") && failure.hint.is_some(), "{failure}");
        }
    }

    #[test]
    fn names_are_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        let two = [dir.path().join("x"), dir.path().join("sub/x")];
        two.iter().for_each(|path| std::fs::write(path, "").unwrap());
        assert_eq!(Uploads::collect(&two).unwrap_err().code, "same_name");
        assert_eq!(Uploads::collect(&["/".into()]).unwrap_err().code, "no_name");
        assert_eq!(Uploads::collect(&["/no/such".into()]).unwrap_err().code, "unreadable");
    }
}
