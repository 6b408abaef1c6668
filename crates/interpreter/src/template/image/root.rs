//! What of this host and of Belljar an image is made of, by its place inside. It leaves choosing to the files beside it.

use super::{ImageError, unreadable};
use crate::system;
use jail::plan::inside;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Directories that a sandbox mounts something on, or that programs expect, and their permission bits. `/root` is open
/// because a Python may be installed below it.
const DIRECTORIES: [(&str, u32); 11] = [
    ("workspace", 0o755),
    ("home/user", 0o755),
    ("tmp", 0o1777),
    ("proc", 0o755),
    ("sys", 0o755),
    ("dev", 0o755),
    ("run", 0o755),
    ("var", 0o755),
    ("opt", 0o755),
    ("root", 0o755),
    ("etc", 0o755),
];

/// Links on the way to one file; the kernel follows no more either.
const LINKS_MAX: u32 = 40;

/// One thing in the archive, by its path without the first slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// With permission bits.
    Directory(u32),
    /// This file of the host.
    File(PathBuf),
    /// To this target.
    Link(PathBuf),
    /// This content, with permission bits.
    Text(Vec<u8>, u32),
}

/// What has been collected.
#[derive(Default)]
pub(super) struct Root {
    pub entries: BTreeMap<PathBuf, Entry>,
}

impl Root {
    /// The directories and files that every sandbox has, empty.
    pub fn lay_out(&mut self) {
        for (path, mode) in DIRECTORIES {
            self.entries.insert(path.into(), Entry::Directory(mode));
        }
        for (path, target) in system::top_links() {
            self.entries.insert(path.into(), Entry::Link(target));
        }
        self.entries.insert("var/tmp".into(), Entry::Link("/tmp".into()));
        self.text(inside::PROBE, b"closed\n", 0o644);
        // The guest is mounted here.
        self.text(inside::GUEST, b"", 0o755);
    }

    /// A file that is made.
    pub fn text(&mut self, path: &str, content: &[u8], mode: u32) {
        self.entries.insert(below(Path::new(path)), Entry::Text(content.to_vec(), mode));
    }

    /// A directory of this host with all in it that is wanted, at another place.
    pub fn tree(&mut self, from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<(), ImageError> {
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let path: PathBuf = from.join(&folder).components().collect();
            for entry in std::fs::read_dir(&path).map_err(unreadable(&path))? {
                let entry = entry.map_err(unreadable(&path))?;
                if !wanted(&entry.path()) {
                    continue;
                }
                let inner = folder.join(entry.file_name());
                let kind = entry.file_type().map_err(unreadable(&entry.path()))?;
                let place = below(&to.join(&inner));
                if kind.is_dir() {
                    self.entries.insert(place, Entry::Directory(0o755));
                    folders.push(inner);
                } else if kind.is_symlink() {
                    let target = std::fs::read_link(entry.path()).map_err(unreadable(&entry.path()))?;
                    self.entries.insert(place, Entry::Link(target));
                } else if kind.is_file() {
                    self.entries.insert(place, Entry::File(entry.path()));
                }
            }
        }
        Ok(())
    }

    /// A directory of this host at its own place, where it is there.
    pub fn tree_in_place(&mut self, path: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<(), ImageError> {
        match std::fs::canonicalize(path) {
            Ok(real) if real.is_dir() => self.tree(&real, &real, wanted),
            _ => Ok(()),
        }
    }

    /// A program or library at its own place; the links that lead to it come along, also those of folders. `None` where
    /// it is not there.
    pub fn file(&mut self, path: &Path) -> Option<PathBuf> {
        let parts = |path: &Path| -> Vec<OsString> {
            path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
        };
        let (mut at, mut left, mut links) = (PathBuf::from("/"), parts(path), 0);
        while let Some(part) = left.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            // A part that is the top starts anew.
            let next = at.join(&part);
            match std::fs::read_link(&next) {
                Ok(target) if links < LINKS_MAX => {
                    left.extend(parts(&target));
                    self.entries.insert(below(&next), Entry::Link(target));
                    links += 1;
                }
                Ok(_) => return None,
                Err(_) => at = next,
            }
        }
        if !at.is_file() {
            return None;
        }
        self.entries.insert(below(&at), Entry::File(at.clone()));
        Some(at)
    }
}

/// A path in the archive.
pub(super) fn below(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}
