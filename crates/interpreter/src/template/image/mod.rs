//! A template as the root file system of a container: what it needs of this host, and nothing else, as a tar archive.
//!
//! It runs where it is unpacked, as no program of it looks outside. Which programs come along is `programs`'s, which
//! libraries they need `libraries`'s, which part of a Python installation `python`'s, how it becomes an archive `archive`'s.

mod archive;
mod libraries;
mod programs;
mod python;

use super::Template;
use crate::system;
use jail::plan::inside;
use libraries::Libraries;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Part of every image's name: changes when images are laid out in another way.
pub const FORMAT: u32 = 1;

/// Directories that a sandbox mounts something on, or that programs expect, and their permission bits.
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
/// Data that programs read.
const DATA: [&str; 5] = [
    "/usr/share/zoneinfo",
    "/usr/lib/locale/C.utf8",
    "/lib/terminfo",
    "/usr/share/terminfo",
    "/etc/terminfo",
];
/// The same zones once more, by other rules.
const ZONES_TWICE: [&str; 2] = ["/usr/share/zoneinfo/right", "/usr/share/zoneinfo/posix"];

/// A root file system could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file of this host.
    #[error("read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive.
    #[error("write the image: {0}")]
    Write(#[source] io::Error),
}

/// One thing in the archive, by its path without the first slash.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Directory(u32),
    File(PathBuf),
    Link(PathBuf),
    Text(Vec<u8>, u32),
}

/// What has been collected.
#[derive(Default)]
struct Root {
    entries: BTreeMap<PathBuf, Entry>,
}

/// Writes the root file system of an image with this template, or with no Python at all, to `out`. `driver` is a
/// folder with the driver's files.
///
/// # Errors
/// A file that cannot be read, such as one that vanishes meanwhile, and whatever `out` says.
pub fn write(template: Option<&Template>, driver: &Path, out: impl Write) -> Result<(), ImageError> {
    let mut root = Root::default();
    root.lay_out();
    root.tree(driver, &Path::new(inside::OWN).join("driver"), &|_| true)?;
    if let Some(template) = template {
        root.tree(&template.root, Path::new(super::MOUNT), &|_| true)?;
        python::collect(&mut root, template)?;
    }
    programs::collect(&mut root)?;
    for path in DATA {
        let wanted = |path: &Path| !ZONES_TWICE.iter().any(|twice| path.starts_with(twice));
        root.tree_in_place(Path::new(path), &wanted)?;
    }
    root.etc()?;
    Libraries::of_this_host().collect(&mut root)?;
    archive::write(&root.entries, out)
}

impl Root {
    fn lay_out(&mut self) {
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

    /// What sandboxes of every backend have in `/etc`. Links there lead out of it, so their targets come instead.
    fn etc(&mut self) -> Result<(), ImageError> {
        for (path, content) in system::FILES {
            self.text(path, content.as_bytes(), 0o644);
        }
        for name in system::ETC.iter().filter(|name| !name.starts_with("ld.so") && **name != "alternatives") {
            let path = Path::new("/etc").join(name);
            self.followed(&path)?;
        }
        Ok(())
    }

    fn text(&mut self, path: &str, content: &[u8], mode: u32) {
        self.entries.insert(below(Path::new(path)), Entry::Text(content.to_vec(), mode));
    }

    /// A directory of this host with all in it that is wanted, at another place.
    fn tree(&mut self, from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<(), ImageError> {
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let path = from.join(&folder);
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
    fn tree_in_place(&mut self, path: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<(), ImageError> {
        match std::fs::canonicalize(path) {
            Ok(real) if real.is_dir() => self.tree(&real, &real, wanted),
            _ => Ok(()),
        }
    }

    /// A file, or all files of a directory, with links replaced by what they lead to.
    fn followed(&mut self, path: &Path) -> Result<(), ImageError> {
        let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
        if found.is_file() {
            let real = std::fs::canonicalize(path).map_err(unreadable(path))?;
            self.entries.insert(below(path), Entry::File(real));
        } else if found.is_dir() {
            for entry in std::fs::read_dir(path).map_err(unreadable(path))? {
                self.followed(&entry.map_err(unreadable(path))?.path())?;
            }
        }
        Ok(())
    }

    /// A program or library at its own place; the links that lead to it come along. `None` where it is not there.
    fn file(&mut self, path: &Path) -> Option<PathBuf> {
        let mut path = path.to_owned();
        let mut seen = BTreeSet::new();
        while seen.insert(path.clone()) {
            // Folders that are links themselves stand at the top of every root.
            let real = std::fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?);
            match std::fs::read_link(&real) {
                Ok(target) => {
                    let next = real.parent()?.join(&target);
                    self.entries.insert(below(&real), Entry::Link(target));
                    path = next;
                }
                Err(_) if real.is_file() => {
                    self.entries.insert(below(&real), Entry::File(real.clone()));
                    return Some(real);
                }
                Err(_) => return None,
            }
        }
        None
    }
}

/// A path in the archive.
fn below(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> ImageError {
    move |source| ImageError::Read { path: path.to_owned(), source }
}
