//! Finding something that can install packages (uv, or pip in one of its hiding places), and installing a lock with it.
//! It leaves the environment that is installed into, and the checks after it, to `build`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::python::{Python, on_path};
use super::recipe::INSTALLER_LOCK;
use super::tool::{Failure, Tool};

/// Something that can install packages.
#[derive(Debug, Clone)]
pub(super) enum Installer {
    /// The program.
    Uv(PathBuf),
    /// A wheel of pip, run by the environment's own Python.
    PipWheel(PathBuf),
    /// `python -m pip` of the base Python.
    PipModule(PathBuf),
    /// A pip of another Python.
    PipProgram(PathBuf),
}

/// Where an installation happens.
pub(super) struct Site<'a> {
    /// Root of the environment.
    pub root: &'a Path,
    /// Its `site-packages`.
    pub packages: PathBuf,
    /// What is kept between builds.
    pub cache: &'a Path,
    /// Scratch folder on the same disk.
    pub scratch: PathBuf,
    /// Held by the tools.
    pub lock: &'a File,
}

/// Every pip of this host that may serve this Python, best first.
pub(super) fn pips(python: &Python) -> Vec<Installer> {
    let wheel = pip_wheel(python).map(Installer::PipWheel);
    let module = has_pip(&python.executable).then(|| Installer::PipModule(python.executable.clone()));
    let programs = ["pip3", "pip"].iter().filter_map(|name| on_path(name)).map(Installer::PipProgram);
    wheel.into_iter().chain(module).chain(programs).collect()
}

/// The pip that `ensurepip` of this Python would install. Looked for at every build: it may have come since.
fn pip_wheel(python: &Python) -> Option<PathBuf> {
    let [major, minor, _] = python.version;
    let bundled =
        |lib: &str| python.base_prefix.join(format!("{lib}/python{major}.{minor}/ensurepip/_bundled"));
    let folders = ["/usr/share/python-wheels".into(), bundled("lib"), bundled("lib64")];
    let wheels = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|file| file.path());
    let is_pip = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("pip-") && name.ends_with(".whl")
    };
    wheels.filter(is_pip).max()
}

fn has_pip(python: &Path) -> bool {
    let mut check = std::process::Command::new(python);
    check.args(["-m", "pip", "--version"]).current_dir("/").stdin(std::process::Stdio::null());
    check.output().is_ok_and(|output| output.status.success())
}

impl Installer {
    /// Installs exactly the files of `lock_file`, into the environment or, if given, the folder `target`.
    pub fn install(
        &self,
        site: &Site<'_>,
        lock_file: &Path,
        target: Option<&Path>,
        line: &mut dyn FnMut(&str),
    ) -> io::Result<Result<(), Failure>> {
        let python = site.root.join("bin/python");
        let base_needs_target = matches!(self, Installer::PipModule(_)).then_some(site.packages.as_path());
        let tool = match self {
            Installer::Uv(program) => uv(program, site).arg("--python").arg(&python),
            Installer::PipWheel(wheel) => pip(Tool::new(&python).arg(wheel.join("pip")), site),
            Installer::PipModule(base) => pip(Tool::new(base).args(["-m", "pip"]), site),
            Installer::PipProgram(program) => pip(Tool::new(program).arg("--python").arg(&python), site),
        };
        let tool = match target.or(base_needs_target) {
            Some(target) => tool.arg("--target").arg(target),
            None => tool,
        };
        let tool =
            tool.args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r"]).arg(lock_file);
        tool.env("TMPDIR", &site.scratch).run(&site.scratch, site.lock, line)
    }
}

/// uv reads none of pip's settings; who has configured pip means both.
fn uv(program: &Path, site: &Site<'_>) -> Tool {
    let mut tool = Tool::new(program)
        .args(["pip", "install"])
        .env_default("UV_CACHE_DIR", site.cache.join("uv"))
        .env_default("UV_LINK_MODE", "hardlink")
        .env("UV_PYTHON_DOWNLOADS", "never");
    for (from, to, unless) in [
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"),
        ("PIP_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"),
        ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST", ""),
        ("PIP_PROXY", "ALL_PROXY", "HTTPS_PROXY"),
        ("PIP_NO_INDEX", "UV_NO_INDEX", ""),
    ] {
        let unset = unless.is_empty() || std::env::var_os(unless).is_none();
        if let Some(value) = std::env::var_os(from).filter(|value| unset && !value.is_empty()) {
            tool = tool.env_default(to, value);
        }
    }
    if let Ok(links) = std::env::var("PIP_FIND_LINKS") {
        tool = tool.env_default("UV_FIND_LINKS", links.split_whitespace().collect::<Vec<_>>().join(","));
    }
    tool
}

fn pip(tool: Tool, site: &Site<'_>) -> Tool {
    let mut tool = tool
        .args(["install", "--no-compile", "--no-warn-script-location"])
        .env_default("PIP_CACHE_DIR", site.cache.join("pip"))
        .env_default("PIP_RETRIES", "2")
        .env("PIP_PROGRESS_BAR", "off")
        .env("PIP_NO_INPUT", "1")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env("PIP_ROOT_USER_ACTION", "ignore");
    for from in ["UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
        if let Some(value) = std::env::var_os(from).filter(|value| !value.is_empty()) {
            tool = tool.env_default("PIP_INDEX_URL", value);
        }
    }
    tool
}

/// The version of uv that the installer's lock names: part of its folder's name.
pub(super) fn uv_version() -> &'static str {
    INSTALLER_LOCK.split_once("==").map_or("", |(_, rest)| rest.split_whitespace().next().unwrap_or_default())
}

/// Fetches uv into `tools` with one of the `pips`. Returns the program; `None` if there is no pip.
pub(super) fn fetch_uv(
    pips: &[Installer],
    site: &Site<'_>,
    tools: &Path,
) -> io::Result<Result<Option<PathBuf>, Failure>> {
    let lock_file = site.scratch.join("installer.txt");
    let aside = site.scratch.join("uv");
    fs::write(&lock_file, INSTALLER_LOCK)?;
    let mut last = Ok(None);
    for pip in pips {
        match pip.install(site, &lock_file, Some(&aside), &mut |_| {})? {
            Ok(()) => {
                let place = tools.join(format!("uv-{}", uv_version()));
                match fs::remove_dir_all(&place) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => fs::rename(&aside, &place)?,
                }
                return Ok(Ok(Some(place.join("bin/uv"))));
            }
            Err(failure) => last = Err(failure),
        }
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
    }
    Ok(last)
}
