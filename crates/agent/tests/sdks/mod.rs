//! The providers' official Python SDKs, which prove that the mock is like the real thing. Each is installed where it is not
//! yet, from a lock with hashes in `tests/sdks`.

mod install;

use serde_json::Value;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
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
    let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("belljar");
    let all = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(beside, PathBuf::from).join("sdks");
    install::environment(&sdks(&format!("{name}.lock")), &all, name)
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
