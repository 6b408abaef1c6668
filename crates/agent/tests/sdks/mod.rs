//! The providers' official Python SDKs, which prove that the mock is like the real thing. Each is installed where it is not
//! yet, from a lock with hashes in `tests/sdks`.

use serde_json::Value;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs `sdks/drive_NAME.py` with the SDK of that name against `url`: the JSON that it prints. `None`, said aloud, where the SDK
/// cannot be installed; a failure where `BELLJAR_REQUIRE` names `python`.
pub fn run(name: &str, url: &str) -> Option<Value> {
    let python = python(name)?;
    let output = Command::new(python)
        .args(["-W", "error"])
        .arg(sdks(&format!("drive_{name}.py")))
        .arg(url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The Python that has the SDK of that name. `None` as with [`run`].
pub fn python(name: &str) -> Option<PathBuf> {
    match install(name) {
        Ok(python) => Some(python),
        Err(why) => {
            skip(&format!("the official SDK {name}"), &why);
            None
        }
    }
}

fn sdks(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdks").join(name)
}

/// The Python of an environment that has exactly what the lock says.
fn install(name: &str) -> Result<PathBuf, String> {
    let lock = sdks(&format!("{name}.lock"));
    let wanted = fs::read(&lock).map_err(|error| error.to_string())?;
    let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("belljar");
    let all = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(beside, PathBuf::from).join("sdks");
    let place = all.join(name);
    let failed = |error: std::io::Error| format!("install the SDK: {error}");
    fs::create_dir_all(&all).map_err(failed)?;
    // Tests run side by side: the first one installs.
    let turn = fs::File::create(all.join(format!("{name}.turn"))).map_err(failed)?;
    turn.lock().map_err(failed)?;
    if fs::read(place.join("installed.lock")).is_ok_and(|installed| installed == wanted) {
        return Ok(place.join("bin/python"));
    }
    // Made aside, so that a half-made one is never used.
    let aside = tempfile::tempdir_in(&all).map_err(failed)?;
    call(Command::new("python3").args(["-m", "venv"]).arg(aside.path()))?;
    let options = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r"];
    call(Command::new(aside.path().join("bin/python")).args(options).arg(&lock))?;
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

fn skip(name: &str, why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word.trim() == "python"), "python is required: {why}");
    eprintln!("skipped {name}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{name}: {why}").unwrap();
    }
}
