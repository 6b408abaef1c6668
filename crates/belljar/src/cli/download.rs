//! `--out`: files of a sandbox written below one directory of the host.
//!
//! Names come from the sandbox. Every step of a path is opened on its own, by descriptor, without following
//! symlinks; a file is written under a temporary name and renamed, which replaces a planted link instead of
//! following it.

use super::failure::{Done, Failure, reason};
use crate::render::terminal;
use rustix::fs::{Access, AtFlags, Mode, OFlags, accessat, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The directory that `--out` names, made where it did not exist.
#[derive(Debug)]
pub struct OutDir {
    root: OwnedFd,
    path: PathBuf,
}

/// A file on its way: dropped unfinished, it leaves nothing behind.
#[derive(Debug)]
pub struct Pending {
    parent: OwnedFd,
    temporary: String,
    name: Vec<u8>,
    shown: String,
    finished: bool,
}

impl OutDir {
    /// Makes and opens the directory, and checks that it can be written.
    pub fn open(path: &Path) -> Done<OutDir> {
        let label = terminal::name(&protocol::path::from_bytes(path.as_os_str().as_bytes()));
        let fail = |why: String| {
            Failure::usage("out_unwritable", format!("write into {label}: {why}"))
                .hint("name a directory that you may write with --out")
        };
        std::fs::create_dir_all(path).map_err(|error| fail(reason(&error)))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty()).and_then(|root| {
            accessat(&root, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
            Ok(root)
        });
        let root = opened.map_err(|errno| fail(reason(&errno.into())))?;
        Ok(OutDir { root, path: path.to_owned() })
    }

    /// How a file in it is named to people.
    pub fn shown(&self, path: &str) -> String {
        let whole = self.path.join(std::ffi::OsStr::from_bytes(&protocol::path::to_bytes(path)));
        terminal::name(&protocol::path::from_bytes(whole.as_os_str().as_bytes()))
    }

    /// Begins a file; `path` is in text form (see `protocol::path`) and may be hostile.
    pub fn create(&self, path: &str) -> Done<(File, Pending)> {
        let label = terminal::name(path);
        let fail = |why: &str| Failure::ours("out_unwritten", format!("write {label} below --out: {why}"));
        let bytes = protocol::path::to_bytes(path);
        let steps: Vec<&[u8]> = bytes.split(|byte| *byte == b'/').collect();
        if steps.iter().any(|step| matches!(*step, b"" | b"." | b"..") || step.contains(&0)) {
            return Err(fail("its name could lead elsewhere"));
        }
        let errno = |errno: Errno| match errno {
            Errno::LOOP | Errno::NOTDIR => fail("there is a symlink or a file where a directory should be"),
            other => fail(&reason(&other.into())),
        };
        let Some((name, parents)) = steps.split_last() else { return Err(fail("it has no name")) };
        let parent = self.descend(parents).map_err(errno)?;
        let temporary = temporary_name().map_err(errno)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&parent, &temporary, flags, Mode::from_raw_mode(0o666)).map_err(errno)?;
        let pending =
            Pending { parent, temporary, name: (*name).to_owned(), shown: self.shown(path), finished: false };
        Ok((File::from(file), pending))
    }

    /// Gives a file that was written directly below `--out` another name there.
    pub fn rename(&self, from: &str, to: &str) -> Done<()> {
        renameat(&self.root, from, &self.root, to).map_err(|errno| {
            let why = reason(&errno.into());
            Failure::ours("out_unwritten", format!("rename {}: {why}", self.shown(from)))
        })
    }

    fn descend(&self, steps: &[&[u8]]) -> Result<OwnedFd, Errno> {
        let mut at = rustix::io::fcntl_dupfd_cloexec(&self.root, 3)?;
        for step in steps {
            match mkdirat(&at, *step, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            at = openat(&at, *step, flags, Mode::empty())?;
        }
        Ok(at)
    }
}

impl Pending {
    /// Gives the file its name; returns it as people see it.
    pub fn finish(mut self) -> Done<String> {
        let renamed = renameat(&self.parent, &self.temporary, &self.parent, self.name.as_slice());
        renamed.map_err(|errno| {
            let why = reason(&errno.into());
            Failure::ours("out_unwritten", format!("write {}: {why}", self.shown))
        })?;
        self.finished = true;
        Ok(std::mem::take(&mut self.shown))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.finished {
            let _ = unlinkat(&self.parent, &self.temporary, AtFlags::empty());
        }
    }
}

fn temporary_name() -> Result<String, Errno> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    Ok(format!(".belljar-{:016x}", u64::from_ne_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    fn write(out: &OutDir, path: &str) -> Done<String> {
        let (mut file, pending) = out.create(path)?;
        file.write_all(b"new").unwrap();
        pending.finish()
    }

    #[test]
    fn planted_links_are_replaced_and_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let out = OutDir::open(&dir.path().join("out")).unwrap();
        let (inside, victim) = (dir.path().join("out"), dir.path().join("victim"));
        std::fs::write(&victim, "old").unwrap();
        symlink(&victim, inside.join("link")).unwrap();
        symlink(dir.path(), inside.join("up")).unwrap();
        write(&out, "link").unwrap();
        write(&out, "a/b/c.txt").unwrap();
        assert_eq!(std::fs::read_to_string(inside.join("link")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(inside.join("a/b/c.txt")).unwrap(), "new");
        for bad in
            ["up/victim", "../victim", "/tmp/x", "a/../../victim", "", "a//b", ".", "x\0y", "link/x", "a"]
        {
            let failure = write(&out, bad).unwrap_err();
            assert_eq!(failure.code, "out_unwritten", "{bad:?}: {failure}");
        }
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "old");
        let left: Vec<_> = std::fs::read_dir(&inside).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.as_bytes().starts_with(b".belljar-")), "{left:?}");
    }

    #[test]
    fn a_directory_that_cannot_be_is_told_early() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let failure = OutDir::open(&dir.path().join("file/out")).unwrap_err();
        assert_eq!(failure.code, "out_unwritable");
    }
}
