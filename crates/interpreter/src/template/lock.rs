//! Who may build or remove: advisory locks on files, and the sweeping up after builders that died. It leaves what is
//! built to `build`.
//!
//! `.lock-<name>` is held by the builder *and by every tool that it starts* (as their stdin), so that a lock is free
//! only when nothing writes any more, even if the builder alone was killed. `<root>/template.json` is locked shared by
//! every user of a template, so that it is not removed under them. Lock files are never deleted.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record;

/// Folders that a dead builder left begin with this.
pub(super) const BUILDING: &str = ".building-";
/// Folders that are on their way out begin with this.
pub(super) const REMOVING: &str = ".removing-";

const RETRY: Duration = Duration::from_millis(100);

/// Takes the lock file exclusively. Calls `waiting` each time that another process turns out to hold it.
pub(crate) fn take(path: &Path, waiting: &dyn Fn()) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).read(true).open(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => waiting(),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        std::thread::sleep(RETRY);
    }
}

/// Marks a built template as used. `None`: it is being removed, or is not there.
pub(super) fn enter(root: &Path) -> io::Result<Option<File>> {
    let path = root.join(record::FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(path.exists().then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether some process uses the template at this root.
pub(super) fn is_used(root: &Path) -> bool {
    File::open(root.join(record::FILE))
        .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// A path beside the built templates that no other process picks.
pub(super) fn aside(templates: &Path, prefix: &str, label: &str) -> PathBuf {
    let nanos = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    templates.join(format!("{prefix}{label}-{}-{nanos:x}", std::process::id()))
}

/// Removes a template's folder, or puts it aside for a later sweep while it is used.
pub(super) fn discard(templates: &Path, root: &Path) -> io::Result<()> {
    let label = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let gone = aside(templates, REMOVING, &label);
    match fs::rename(root, &gone) {
        Ok(()) if is_used(&gone) => Ok(()),
        Ok(()) => fs::remove_dir_all(&gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes what dead builders of any label left.
pub(super) fn sweep_all(templates: &Path) -> io::Result<()> {
    for entry in fs::read_dir(templates)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // `.building-<label>-<process>-<nanoseconds>`
        let Some(label) = name.strip_prefix(BUILDING).and_then(|rest| rest.rsplitn(3, '-').nth(2)) else {
            continue;
        };
        let path = templates.join(format!(".lock-{label}"));
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        if file.try_lock().is_ok() {
            sweep(templates, label)?;
        }
    }
    Ok(())
}

/// Removes what dead builders of `label` left, and discarded templates that nobody uses any more. The caller holds the
/// lock of `label`.
pub(super) fn sweep(templates: &Path, label: &str) -> io::Result<()> {
    let mine = format!("{BUILDING}{label}-");
    for entry in fs::read_dir(templates)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(&mine) || (name.starts_with(REMOVING) && !is_used(&path)) {
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
