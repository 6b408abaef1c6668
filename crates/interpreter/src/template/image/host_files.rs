//! Files of this host that programs read: zones, terminals, the locale, certificates, settings.
//!
//! Only what every user of this host may read comes along, since everybody in a sandbox may.

use super::root::{Entry, Root, below};
use super::{ImageError, unreadable};
use crate::system;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Folders that come as they are.
const FOLDERS: [&str; 3] = ["/usr/share/zoneinfo", "/usr/lib/locale/C.utf8", "/usr/share/git-core/templates"];
/// The same zones once more, by other rules.
const ZONES_TWICE: [&str; 2] = ["/usr/share/zoneinfo/right", "/usr/share/zoneinfo/posix"];
/// Where terminals are described, on one distribution or another.
const TERMINFO: [&str; 4] = ["/lib/terminfo", "/usr/lib/terminfo", "/usr/share/terminfo", "/etc/terminfo"];
/// Beginnings of the names of terminals that somebody has; some hosts describe thousands.
const TERMINALS: [&str; 12] = [
    "alacritty",
    "ansi",
    "dumb",
    "foot",
    "kitty",
    "linux",
    "rxvt",
    "screen",
    "tmux",
    "vt",
    "xterm",
    "konsole",
];
/// Links by which OpenSSL finds its certificates and settings.
const OPENSSL: [&str; 5] = [
    "/usr/lib/ssl/certs",
    "/usr/lib/ssl/cert.pem",
    "/usr/lib/ssl/openssl.cnf",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
];

/// Adds all of them, as far as they are there.
pub(super) fn collect(root: &mut Root) -> Result<(), ImageError> {
    for path in FOLDERS {
        let wanted = |path: &Path| !ZONES_TWICE.iter().any(|twice| path.starts_with(twice)) && is_open(path);
        root.tree_in_place(Path::new(path), &wanted)?;
    }
    for path in TERMINFO {
        root.tree_in_place(Path::new(path), &|path| is_terminal(path) && is_open(path))?;
    }
    for path in OPENSSL.iter().map(Path::new).filter(|path| is_open(path)) {
        root.file(path);
    }
    for (path, content) in system::FILES {
        root.text(path, content.as_bytes(), 0o644);
    }
    for name in system::ETC.iter().filter(|name| !name.starts_with("ld.so") && **name != "alternatives") {
        root.followed(&Path::new("/etc").join(name))?;
    }
    Ok(())
}

/// Folders of one letter or number each, and in them the terminals.
fn is_terminal(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.is_dir() || TERMINALS.iter().any(|terminal| name.starts_with(terminal))
}

/// Whether every user of this host may read it, also by its folders.
pub(super) fn is_open(path: &Path) -> bool {
    let Ok(real) = std::fs::canonicalize(path) else { return false };
    let allows = |path: &Path, bit: u32| path.metadata().is_ok_and(|found| found.mode() & bit == bit);
    allows(&real, 0o004) && real.ancestors().skip(1).all(|folder| allows(folder, 0o001))
}

impl Root {
    /// A file, or all files of a folder, with links replaced by what they lead to: they may lead out of it. Links to
    /// folders inside are not followed, as they may go in circles.
    pub(super) fn followed(&mut self, path: &Path) -> Result<(), ImageError> {
        let mut todo = vec![path.to_owned()];
        while let Some(path) = todo.pop() {
            let Ok(found) = std::fs::metadata(&path) else { continue };
            if !is_open(&path) {
                continue;
            }
            if found.is_file() {
                let real = std::fs::canonicalize(&path).map_err(unreadable(&path))?;
                self.entries.insert(below(&path), Entry::File(real));
            } else if found.is_dir() {
                for entry in std::fs::read_dir(&path).map_err(unreadable(&path))? {
                    let entry = entry.map_err(unreadable(&path))?.path();
                    if !entry.is_symlink() || entry.is_file() {
                        todo.push(entry);
                    }
                }
            }
        }
        Ok(())
    }
}
