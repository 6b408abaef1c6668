//! Environments of Python with exactly what a lock with hashes says. Tests and benches share them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The Python of the environment `name` in the folder `all`, installed where it is not there or its lock has changed.
pub fn environment(lock: &Path, all: &Path, name: &str) -> Result<PathBuf, String> {
    let wanted = fs::read(lock).map_err(|error| error.to_string())?;
    let place = all.join(name);
    let failed = |error: std::io::Error| format!("install the SDK: {error}");
    fs::create_dir_all(all).map_err(failed)?;
    // Tests run side by side: the first one installs.
    let turn = fs::File::create(all.join(format!("{name}.turn"))).map_err(failed)?;
    turn.lock().map_err(failed)?;
    if fs::read(place.join("installed.lock")).is_ok_and(|installed| installed == wanted) {
        return Ok(place.join("bin/python"));
    }
    // Made aside, so that a half-made one is never used.
    let aside = tempfile::tempdir_in(all).map_err(failed)?;
    call(Command::new("python3").args(["-m", "venv"]).arg(aside.path()))?;
    let options = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r"];
    call(Command::new(aside.path().join("bin/python")).args(options).arg(lock))?;
    fs::write(aside.path().join("installed.lock"), wanted).map_err(failed)?;
    fs::remove_dir_all(&place).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(failed(error)),
    })?;
    fs::rename(aside.keep(), &place).map_err(failed)?;
    Ok(place.join("bin/python"))
}

fn call(command: &mut Command) -> Result<(), String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("install the SDK: {error}"))?;
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("install the SDK: {last}")) }
}
