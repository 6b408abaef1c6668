//! Programs for Node that tests run: each is installed once, from a lock with hashes, into the data folder, with the Node that
//! it needs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LOCK: &str = "package-lock.json";

/// A folder with one program and its Node.
pub struct Place(PathBuf);

impl Place {
    /// A call of one of its files.
    pub fn call(&self, file: &str) -> Command {
        let mut command = self.node();
        command.arg(self.modules().join(file));
        command
    }

    /// A call of its Node.
    pub fn node(&self) -> Command {
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let mut command = Command::new(self.modules().join(format!("node-linux-{machine}/bin/node")));
        command.stdin(Stdio::null());
        command
    }

    /// Where its packages are.
    pub fn modules(&self) -> PathBuf {
        self.0.join("node_modules")
    }
}

/// The program of this name, exactly as its lock says. `None`, said aloud, where it cannot be installed; a failure where
/// `BELLJAR_REQUIRE` names `node`.
pub fn place(name: &str) -> Option<Place> {
    match install(name) {
        Ok(place) => Some(Place(place)),
        Err(why) => {
            skip(name, &why);
            None
        }
    }
}

fn install(name: &str) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdks").join(name);
    let wanted = fs::read(source.join(LOCK)).map_err(|error| error.to_string())?;
    let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("belljar");
    let all = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(beside, PathBuf::from).join("sdks");
    let place = all.join(name);
    let failed = |error: std::io::Error| format!("install {name}: {error}");
    fs::create_dir_all(&all).map_err(failed)?;
    // Tests run side by side: the first one installs.
    let turn = fs::File::create(all.join(format!("{name}.turn"))).map_err(failed)?;
    turn.lock().map_err(failed)?;
    if fs::read(place.join("installed.lock")).is_ok_and(|installed| installed == wanted) {
        return Ok(place);
    }
    // Made aside, so that a half-made one is never used.
    let aside = tempfile::tempdir_in(&all).map_err(failed)?;
    for file in ["package.json", LOCK] {
        fs::copy(source.join(file), aside.path().join(file)).map_err(failed)?;
    }
    // Not `npm ci`: it refuses a lock in which an optional package for another system is missing.
    let options = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let mut npm = Command::new("npm");
    let output = npm.args(options).current_dir(aside.path()).stdin(Stdio::null()).output().map_err(failed)?;
    if !output.status.success() {
        return Err(format!("install {name}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    fs::write(aside.path().join("installed.lock"), wanted).map_err(failed)?;
    fs::remove_dir_all(&place).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(failed(error)),
    })?;
    fs::rename(aside.keep(), &place).map_err(failed)?;
    Ok(place)
}

/// Says that a test cannot be run here.
pub fn skip(name: &str, why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word.trim() == "node"), "node is required: {why}");
    eprintln!("skipped {name}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{name}: {}", why.replace('\n', " ")).unwrap();
    }
}
