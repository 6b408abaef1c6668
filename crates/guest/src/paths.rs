//! From the host's paths to directories and names. Below the workspace nothing leads out; elsewhere in the sandbox
//! the guest has no more rights than user code, and only `/proc` and `/sys` are closed.

use crate::beneath;
use crate::settings::Settings;
use jail::plan::inside::BRANCHES;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Length of a path, in bytes.
const PATH_BYTES_MAX: usize = 4095;

/// Where paths begin.
pub struct Roots {
    root: OwnedFd,
    workspace: OwnedFd,
    workspace_path: Vec<u8>,
}

/// A path that was looked at, and not yet followed.
pub struct Place {
    in_workspace: bool,
    parts: Vec<Vec<u8>>,
}

impl Roots {
    /// Opens the roots.
    pub fn open(settings: &Settings) -> Result<Roots, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Roots {
            root: rustix::fs::open("/", flags, Mode::empty())?,
            workspace: rustix::io::fcntl_dupfd_cloexec(&settings.place.workspace, 3)?,
            workspace_path: settings.workspace.trim_end_matches('/').as_bytes().to_vec(),
        })
    }

    /// Reads a path: absolute, or below the workspace.
    pub fn place(&self, path: &str) -> Result<Place, Errno> {
        let bytes = protocol::path::to_bytes(path);
        if bytes.len() > PATH_BYTES_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        if bytes.is_empty() || bytes.contains(&0) {
            return Err(Errno::INVAL);
        }
        let below = match bytes.strip_prefix(&self.workspace_path[..]) {
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") => Some(rest),
            _ => (!bytes.starts_with(b"/")).then_some(&bytes[..]),
        };
        let parts: Vec<Vec<u8>> = below
            .unwrap_or(&bytes)
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .map(<[u8]>::to_vec)
            .collect();
        if parts.iter().any(|part| part == b"..") {
            return Err(Errno::INVAL);
        }
        let closed = [&b"proc"[..], b"sys"];
        if below.is_none() && parts.first().is_some_and(|first| closed.contains(&&first[..])) {
            return Err(Errno::ACCESS);
        }
        Ok(Place { in_workspace: below.is_some(), parts })
    }

    /// Opens it, following links as far as they may lead.
    pub fn open_at(&self, place: &Place, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.follow(place.in_workspace, &place.parts, flags)
    }

    /// Opens it as user code would: links lead wherever they lead inside of the sandbox.
    pub fn open_as_user(&self, place: &Place, flags: OFlags) -> Result<OwnedFd, Errno> {
        if !place.in_workspace {
            return self.open_at(place, flags);
        }
        let workspace = self.workspace_path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        let parts: Vec<Vec<u8>> = workspace.map(<[u8]>::to_vec).chain(place.parts.iter().cloned()).collect();
        self.follow(false, &parts, flags)
    }

    /// The directory that holds it, and its name there. Roots have no such directory.
    pub fn parent<'a>(&self, place: &'a Place) -> Result<(OwnedFd, &'a [u8]), Errno> {
        let (name, parents) = place.parts.split_last().ok_or(Errno::BUSY)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        Ok((self.follow(place.in_workspace, parents, flags)?, name))
    }

    /// Makes the directories that hold it.
    pub fn make_parents(&self, place: &Place) -> Result<(), Errno> {
        let parents = place.parts.len().saturating_sub(1);
        self.make_dirs(place.in_workspace, &place.parts[..parents])
    }

    /// Makes it and the directories that hold it.
    pub fn make_dir(&self, place: &Place) -> Result<(), Errno> {
        self.make_dirs(place.in_workspace, &place.parts)?;
        self.open_at(place, OFlags::PATH | OFlags::DIRECTORY).map(drop)
    }

    fn make_dirs(&self, in_workspace: bool, parts: &[Vec<u8>]) -> Result<(), Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        // From the longest part that exists, so that each is looked up once in the usual case.
        let there =
            (0..=parts.len()).rev().find(|end| self.follow(in_workspace, &parts[..*end], flags).is_ok());
        for end in there.unwrap_or(0)..parts.len() {
            let parent = self.follow(in_workspace, &parts[..end], flags)?;
            match rustix::fs::mkdirat(&parent, &parts[end][..], Mode::from(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// What it is, without following it when it is a link.
    pub fn stat(&self, place: &Place) -> Result<(Stat, Option<Vec<u8>>), Errno> {
        if place.parts.is_empty() {
            return Ok((rustix::fs::fstat(self.open_at(place, OFlags::PATH)?)?, None));
        }
        let (parent, name) = self.parent(place)?;
        let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let target = rustix::fs::readlinkat(&parent, name, Vec::new()).ok();
        Ok((stat, target.map(std::ffi::CString::into_bytes)))
    }

    fn follow(&self, in_workspace: bool, parts: &[Vec<u8>], flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = if parts.is_empty() { b".".to_vec() } else { parts.join(&b'/') };
        if in_workspace {
            return open_below(self.workspace.as_fd(), &path, flags, Mode::empty());
        }
        let fd = match branch(parts) {
            // Links in the tree of a branch lead where they lead for code in it.
            Some((root, parts)) => {
                let (tree, within) = (OFlags::PATH | OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS);
                let root = open_how(self.root.as_fd(), &root, (tree, Mode::empty()), within)?;
                let path = if parts.is_empty() { b".".to_vec() } else { parts.join(&b'/') };
                let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
                open_how(root.as_fd(), &path, (flags, Mode::empty()), within)?
            }
            None => open_how(self.root.as_fd(), &path, (flags, Mode::empty()), ResolveFlags::NO_MAGICLINKS)?,
        };
        // A link may lead there too.
        match rustix::fs::fstatfs(&fd)?.f_type == rustix::fs::PROC_SUPER_MAGIC {
            true => Err(Errno::ACCESS),
            false => Ok(fd),
        }
    }
}

/// The root of a branch and what lies below it, where a path begins with one.
fn branch(parts: &[Vec<u8>]) -> Option<(Vec<u8>, &[Vec<u8>])> {
    let above = BRANCHES.split('/').filter(|part| !part.is_empty());
    let depth = above.clone().count() + 1;
    let is_below = parts.len() >= depth && above.zip(parts).all(|(one, part)| one.as_bytes() == part);
    is_below.then(|| (parts[..depth].join(&b'/'), &parts[depth..]))
}

/// Opens what lies below a directory; a link that leads out of it is an error.
pub fn open_below(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    open_how(dir, path, (flags, mode), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)
}

fn open_how(
    dir: BorrowedFd<'_>,
    path: &[u8],
    (flags, mode): (OFlags, Mode),
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    loop {
        match rustix::fs::openat2(dir, path, flags, mode, resolve) {
            // The tree changed under the walk.
            Err(Errno::AGAIN | Errno::INTR) => {}
            // An older or smaller kernel. Elsewhere links are followed as they are for user code, which has the same rights.
            Err(Errno::NOSYS) if resolve.contains(ResolveFlags::BENEATH) => {
                return beneath::open(dir, path, flags, mode);
            }
            Err(Errno::NOSYS) => return rustix::fs::openat(dir, path, flags, mode),
            result => return result,
        }
    }
}
