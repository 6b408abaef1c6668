//! Which Python of this host templates are built with. It asks each candidate instead of trusting its name, so that
//! shims (pyenv, asdf) and virtual environments lead to the interpreter behind them. It leaves building to `build`.
//!
//! The answer is kept beside the templates, because asking costs as much as a whole small execution.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

const PROBE: &str = include_str!("probe.py");
/// Oldest version that the locks and the driver support.
const OLDEST: [u32; 2] = [3, 10];
/// Names to look for on PATH, best first.
const NAMES: [&str; 7] =
    ["python3.13", "python3.12", "python3.11", "python3.14", "python3.10", "python3", "python"];
/// The Python of the system comes first: it is in every sandbox already.
const SYSTEM: &str = "/usr/bin/python3";

/// An interpreter of this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// The executable, without links, outside of any virtual environment.
    pub executable: PathBuf,
    /// Where it is installed, like `/usr`.
    pub base_prefix: PathBuf,
    /// `cpython` or another.
    pub implementation: String,
    /// Major, minor and micro version.
    pub version: [u32; 3],
    /// Name of its binary interface, like `cpython-311-x86_64-linux-gnu`.
    pub abi: String,
}

/// Why there is no Python to build with. The message fits after "cannot …".
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum PythonError {
    /// None at all, or only ones that do not fit; each with the reason.
    #[error("find a Python 3.10 or newer on this machine{}", rejected(.0))]
    Missing(Vec<(PathBuf, String)>),
    /// The one that was asked for does not fit.
    #[error("use the Python {path}: {why}", path = .0.display(), why = .1)]
    Unfit(PathBuf, String),
}

impl PythonError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            PythonError::Missing(_) => "python_missing",
            PythonError::Unfit(..) => "python_unfit",
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            PythonError::Missing(_) => {
                format!("install one: {}", install_command("python3 python3-venv", "python3"))
            }
            PythonError::Unfit(..) => {
                "name a CPython 3.10 or newer, or unset BELLJAR_PYTHON to let one be found".into()
            }
        }
    }
}

fn rejected(found: &[(PathBuf, String)]) -> String {
    let list: Vec<String> = found.iter().map(|(path, why)| format!("{} {why}", path.display())).collect();
    if list.is_empty() { String::new() } else { format!(" ({})", list.join("; ")) }
}

/// The command that installs packages on this distribution.
pub(super) fn install_command(debian: &str, others: &str) -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let family: String =
        release.lines().filter(|line| line.starts_with("ID=") || line.starts_with("ID_LIKE=")).collect();
    for (name, command) in [
        ("alpine", "apk add"),
        ("fedora", "sudo dnf install"),
        ("rhel", "sudo dnf install"),
        ("suse", "sudo zypper install"),
    ] {
        if family.contains(name) {
            return format!("{command} {others}");
        }
    }
    if family.contains("arch") {
        "sudo pacman -S python".into()
    } else {
        format!("sudo apt install {debian}")
    }
}

impl Python {
    /// Like `3.11.2`.
    pub fn version_text(&self) -> String {
        let [major, minor, micro] = self.version;
        format!("{major}.{minor}.{micro}")
    }

    /// What makes packages for one Python unfit for another. The micro version does not.
    pub(super) fn identity(&self) -> String {
        let [major, minor, _] = self.version;
        format!("{major}.{minor} {} {} {}", self.abi, self.executable.display(), self.base_prefix.display())
    }

    /// The Python to build with: `asked`, else the system's, else the best on PATH. `memory` is the file that keeps
    /// answers.
    pub(super) fn find(asked: Option<&Path>, memory: &Path) -> Result<Python, PythonError> {
        let mut known = Memory::read(memory);
        let found = match asked {
            Some(path) => find_asked(path, &mut known),
            None => find_best(&mut known),
        };
        known.write(memory);
        found
    }

    fn check(self) -> Result<Python, String> {
        if self.version[..2] < OLDEST[..] {
            return Err(format!("is version {}, too old", self.version_text()));
        }
        if self.implementation != "cpython" {
            return Err(format!("is {}, not CPython", self.implementation));
        }
        Ok(self)
    }
}

fn find_asked(path: &Path, known: &mut Memory) -> Result<Python, PythonError> {
    let unfit = |why| PythonError::Unfit(path.to_owned(), why);
    let path = if path.components().count() == 1 {
        on_path(&path.to_string_lossy()).ok_or_else(|| unfit("it is not on PATH".into()))?
    } else {
        path.to_owned()
    };
    known.ask(&path).and_then(Python::check).map_err(unfit)
}

fn find_best(known: &mut Memory) -> Result<Python, PythonError> {
    let mut rejected = Vec::new();
    let system = Path::new(SYSTEM).exists().then(|| PathBuf::from(SYSTEM));
    for path in system.into_iter().chain(NAMES.iter().filter_map(|name| on_path(name))) {
        match known.ask(&path).and_then(Python::check) {
            Ok(python) => return Ok(python),
            Err(why) => rejected.push((path, why)),
        }
    }
    rejected.dedup();
    Err(PythonError::Missing(rejected))
}

/// The first executable of this name on PATH.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| fs::metadata(file).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0))
}

/// Answers of interpreters, valid while the file that gave them is the same.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    answers: BTreeMap<PathBuf, (Stamp, Python)>,
    #[serde(skip)]
    changed: bool,
}

/// What changes when an interpreter is replaced.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    real: PathBuf,
    inode: u64,
    size_bytes: u64,
    modified_ns: i64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let real = fs::canonicalize(path).ok()?;
        let found = fs::metadata(&real).ok()?;
        let modified_ns = found.mtime().wrapping_mul(1_000_000_000).wrapping_add(found.mtime_nsec());
        Some(Stamp { real, inode: found.ino(), size_bytes: found.len(), modified_ns })
    }
}

impl Memory {
    fn read(path: &Path) -> Memory {
        fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// A memory that cannot be kept only costs time.
    fn write(&self, path: &Path) {
        let aside = path.with_extension(format!("json.{}", std::process::id()));
        let text = serde_json::to_vec(self).unwrap_or_default();
        if self.changed && fs::write(&aside, text).and_then(|()| fs::rename(&aside, path)).is_err() {
            let _ = fs::remove_file(&aside);
        }
    }

    fn ask(&mut self, path: &Path) -> Result<Python, String> {
        let stamp = Stamp::of(path).ok_or("does not exist")?;
        if let Some((known, python)) = self.answers.get(path)
            && *known == stamp
            && python.executable.exists()
        {
            return Ok(python.clone());
        }
        let python = probe(path)?;
        // What a shim answers depends on the folder and the environment: only an interpreter's own answer is kept.
        if stamp.real == python.executable {
            self.answers.insert(path.to_owned(), (stamp, python.clone()));
            self.changed = true;
        }
        Ok(python)
    }
}

fn probe(path: &Path) -> Result<Python, String> {
    let output = Command::new(path)
        .args(["-I", "-S", "-c", PROBE])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("does not start: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let text = String::from_utf8_lossy(&output.stderr);
        format!("does not answer: {}", text.trim().lines().last().unwrap_or("no output"))
    })
}
