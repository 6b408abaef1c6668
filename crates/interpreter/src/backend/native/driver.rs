//! The driver's files on this host, with their bytecode, made once for each version of them and of Python.

use crate::backend::{StartError, TemplateRoot};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

include!(concat!(env!("OUT_DIR"), "/driver_files.rs"));

/// The directory that sandboxes see as `/.belljar/driver`.
///
/// # Errors
/// A data directory that cannot be written.
pub(super) fn prepare(data_dir: &Path, template: Option<&TemplateRoot>) -> Result<PathBuf, StartError> {
    let mut hasher = DefaultHasher::new();
    (FILES, template.map(|found| &found.root)).hash(&mut hasher);
    let parent = data_dir.join("drivers");
    let ready = parent.join(format!("{:016x}", hasher.finish()));
    if ready.is_dir() {
        return Ok(ready);
    }
    let aside = parent.join(format!(".making-{}-{:016x}", std::process::id(), hasher.finish()));
    write(&aside).and_then(|()| compile(&aside, template)).map_err(|error| StartError {
        code: "data_dir",
        message: format!("cannot write the driver to {}: {error}", parent.display()),
        hint: Some("set BELLJAR_DATA_DIR to a directory that you can write".into()),
    })?;
    // Another process may have been quicker; its files are the same.
    if std::fs::rename(&aside, &ready).is_err() {
        let _ = std::fs::remove_dir_all(&aside);
    }
    Ok(ready)
}

fn write(folder: &Path) -> std::io::Result<()> {
    for (name, content) in FILES {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, content)?;
    }
    readable(folder)
}

/// Bytecode spares a sandbox some milliseconds; without it the driver works as well.
fn compile(folder: &Path, template: Option<&TemplateRoot>) -> std::io::Result<()> {
    let Some(template) = template else { return Ok(()) };
    let python = template.root.join("bin/python");
    let args = ["-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "."];
    let _ = Command::new(python).args(args).current_dir(folder).output();
    readable(folder)
}

/// Sandboxes are other kernel users: everything must be readable for all, whatever the file mode mask says.
fn readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let directory = path.is_dir();
    std::fs::set_permissions(path, PermissionsExt::from_mode(if directory { 0o755 } else { 0o644 }))?;
    if directory {
        for entry in std::fs::read_dir(path)? {
            readable(&entry?.path())?;
        }
    }
    Ok(())
}
