//! The driver's files on this host, with their bytecode, made once for each version of them and of Python.

use crate::backend::{StartError, TemplateRoot};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

include!(concat!(env!("OUT_DIR"), "/driver_files.rs"));

/// The directory that sandboxes see as `/.belljar/driver`. With a template it has bytecode for its Python.
///
/// # Errors
/// A data directory that cannot be written.
pub(crate) fn prepare(data_dir: &Path, template: Option<&TemplateRoot>) -> Result<PathBuf, StartError> {
    let mut hasher = DefaultHasher::new();
    (FILES, template.map(|found| &found.root)).hash(&mut hasher);
    let parent = data_dir.join("drivers");
    let ready = parent.join(format!("{:016x}", hasher.finish()));
    if ready.is_dir() {
        return Ok(ready);
    }
    // A name that no other process or thread has, also not one that sees other process ids.
    let aside = parent.join(format!(".making-{:032x}", crate::ids::random()));
    let made = write(&aside).and_then(|()| compile(&aside, template)).and_then(|()| publish(&aside, &ready));
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&aside);
    }
    made.map(|()| ready).map_err(|error| StartError {
        code: "data_dir",
        message: format!("cannot write the driver to {}: {error}", parent.display()),
        hint: Some("set BELLJAR_DATA_DIR to a directory that you can write".into()),
    })
}

/// Gives a whole directory its name. Somebody else may have been quicker; those files are the same.
pub(crate) fn publish(aside: &Path, ready: &Path) -> std::io::Result<()> {
    match std::fs::rename(aside, ready) {
        Err(_) if ready.is_dir() => std::fs::remove_dir_all(aside),
        renamed => renamed,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_find_the_same_whole_driver() {
        let data = tempfile::tempdir().unwrap();
        let go = std::sync::Barrier::new(8);
        let paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let one = || {
                go.wait();
                let path = prepare(data.path(), None).unwrap();
                for (name, content) in FILES {
                    assert_eq!(std::fs::read_to_string(path.join(name)).unwrap(), *content, "{name}");
                }
                path
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(paths.iter().all(|path| *path == paths[0]));
        let left: Vec<_> = std::fs::read_dir(data.path().join("drivers")).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left behind");
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named() {
        let error = prepare(Path::new("/proc/nowhere"), None).unwrap_err();
        assert_eq!(error.code, "data_dir");
        assert!(error.message.contains("/proc/nowhere/drivers"), "{}", error.message);
    }
}
