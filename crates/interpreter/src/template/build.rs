//! Building one template: an environment is laid out beside its final place, filled, compiled, verified and then
//! renamed. It leaves locks and choosing to `store`, and the tools' command lines to `install`.
//!
//! The environment is made by hand (a link to the interpreter, a `pyvenv.cfg`, an empty `site-packages`): that is all
//! that `python -m venv` makes, and some distributions ship Python without it.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::error::TemplateError;
use super::install::{self, Installer, Site};
use super::python::{Python, on_path};
use super::recipe::Recipe;
use super::record::{self, Package, Record};
use super::tool::{Failure, Tool};
use super::{MATPLOTLIB_CACHE, MOUNT, Phase, Progress, Step, lock};

const COMPILE: &str = include_str!("compile.py");
const VERIFY: &str = include_str!("verify.py");

/// One build.
pub(super) struct Build<'a> {
    pub recipe: &'a Recipe,
    pub python: &'a Python,
    pub hash: &'a str,
    /// Where downloads, tools and templates are kept.
    pub data_dir: &'a Path,
    /// Caches of uv and pip.
    pub downloads: &'a Path,
    /// Folder of this build, not there yet.
    pub aside: PathBuf,
    /// Held by us and every tool.
    pub lock: &'a File,
    pub progress: &'a dyn Progress,
}

/// Removes an unfinished build.
struct Unfinished<'a>(&'a Path);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0);
    }
}

impl Build<'_> {
    /// Makes the environment in `aside`, complete and checked, and moves it to `place` after `clear` has emptied that.
    pub fn run(&self, clear: &dyn Fn() -> io::Result<()>, place: &Path) -> Result<(), TemplateError> {
        let started = Instant::now();
        fs::create_dir(&self.aside).map_err(TemplateError::system("make the folder", &self.aside))?;
        let _unfinished = Unfinished(&self.aside);
        let site = self.site();
        self.lay_out(&site).map_err(TemplateError::system("lay out an environment in", &self.aside))?;
        self.install(&site)?;
        self.compile(&site)?;
        let packages = self.verify(&site)?;
        self.finish(&site, packages, started)
            .map_err(TemplateError::system("finish the environment in", &self.aside))?;
        clear()
            .and_then(|()| fs::rename(&self.aside, place))
            .map_err(TemplateError::system("move the finished template to", place))?;
        self.tell(Phase::Done, 0, 0, "");
        Ok(())
    }

    fn site(&self) -> Site<'_> {
        let [major, minor, _] = self.python.version;
        Site {
            root: &self.aside,
            packages: self.aside.join(format!("lib/python{major}.{minor}/site-packages")),
            cache: self.downloads,
            scratch: self.aside.join(".scratch"),
            lock: self.lock,
        }
    }

    fn tell(&self, phase: Phase, done: u64, total: u64, message: &str) {
        self.progress.step(Step { template: self.recipe.name, phase, done, total, bytes: 0, message });
    }

    fn lay_out(&self, site: &Site<'_>) -> io::Result<()> {
        let [major, minor, micro] = self.python.version;
        fs::create_dir_all(&site.packages)?;
        fs::create_dir(&site.scratch)?;
        fs::create_dir(self.aside.join("bin"))?;
        symlink("lib", self.aside.join("lib64"))?;
        symlink(&self.python.executable, self.aside.join("bin/python"))?;
        symlink("python", self.aside.join("bin/python3"))?;
        symlink("python", self.aside.join(format!("bin/python{major}.{minor}")))?;
        let home = self.python.executable.parent().unwrap_or(Path::new("/"));
        let config = format!(
            "home = {}\ninclude-system-site-packages = false\nversion = {major}.{minor}.{micro}\n",
            home.display()
        );
        fs::write(self.aside.join("pyvenv.cfg"), config)
    }

    fn fail(&self, action: &'static str) -> impl Fn(Failure) -> TemplateError {
        move |failure| TemplateError::tool(action, self.recipe, self.data_dir, failure)
    }

    /// With uv if there is one or one can be fetched, else with pip.
    fn install(&self, site: &Site<'_>) -> Result<(), TemplateError> {
        let system = || TemplateError::system("install packages in", &self.aside);
        let lock_file = site.scratch.join("requirements.txt");
        fs::write(&lock_file, self.recipe.lock).map_err(system())?;
        let mut failed = match self.find_uv(site)?.map(|uv| self.install_with(&uv, site, &lock_file)) {
            Some(Err(error @ TemplateError::Tool { .. })) => Some(error),
            Some(end) => return end,
            None => None,
        };
        for pip in install::pips(self.python) {
            match self.install_with(&pip, site, &lock_file) {
                // The first failure says most: later ones may only miss what the first had.
                Err(error @ TemplateError::Tool { .. }) => failed = failed.or(Some(error)),
                end => return end,
            }
        }
        Err(failed.unwrap_or_else(|| TemplateError::no_installer(self.python)))
    }

    fn install_with(
        &self,
        installer: &Installer,
        site: &Site<'_>,
        lock_file: &Path,
    ) -> Result<(), TemplateError> {
        let watch = Watch::new(self);
        let installed = installer.install(site, lock_file, None, &mut |line| watch.line(line));
        installed
            .map_err(TemplateError::system("install packages in", &self.aside))?
            .map_err(self.fail("install packages"))
    }

    /// uv of this host or, fetched once, our own. `None`: neither can be had, but pip may do the work, more slowly.
    fn find_uv(&self, site: &Site<'_>) -> Result<Option<Installer>, TemplateError> {
        let found = on_path("uv").or_else(|| Some(self.own_uv()).filter(|own| own.exists()));
        let found = match found {
            Some(program) => Some(program),
            None => self.fetch_uv(site)?,
        };
        Ok(found.map(Installer::Uv))
    }

    fn own_uv(&self) -> PathBuf {
        self.data_dir.join(format!("tools/uv-{}/bin/uv", install::uv_version()))
    }

    fn fetch_uv(&self, site: &Site<'_>) -> Result<Option<PathBuf>, TemplateError> {
        let tools = self.data_dir.join("tools");
        let system = || TemplateError::system("fetch uv into", &tools);
        fs::create_dir_all(&tools).map_err(system())?;
        let waiting = || self.tell(Phase::Wait, 0, 0, "another process fetches uv");
        let _one_at_a_time = lock::take(&tools.join(".lock-uv"), &waiting).map_err(system())?;
        if self.own_uv().exists() {
            return Ok(Some(self.own_uv()));
        }
        self.tell(Phase::Installer, 0, 1, "fetching uv");
        match install::fetch_uv(&install::pips(self.python), site, &tools).map_err(system())? {
            Ok(program) => Ok(program),
            Err(failure) => match self.fail("fetch uv")(failure) {
                error @ (TemplateError::DiskFull(_) | TemplateError::Offline { .. }) => Err(error),
                _ => Ok(None),
            },
        }
    }

    fn compile(&self, site: &Site<'_>) -> Result<(), TemplateError> {
        // A script by path, not by -c: its worker processes may have to find it again.
        let script = site.scratch.join("compile.py");
        let system = || TemplateError::system("compile modules in", &self.aside);
        fs::write(&script, COMPILE).map_err(system())?;
        let tool =
            Tool::new(self.aside.join("bin/python")).arg("-I").arg(&script).arg(&self.aside).arg(MOUNT);
        tool.run(&site.scratch, self.lock, &mut |line| self.counted(Phase::Compile, line))
            .map_err(system())?
            .map_err(self.fail("compile modules"))
    }

    fn verify(&self, site: &Site<'_>) -> Result<Vec<Package>, TemplateError> {
        let cache = self.aside.join(MATPLOTLIB_CACHE);
        let system = || TemplateError::system("verify packages in", &self.aside);
        let mut tool = Tool::new(self.aside.join("bin/python")).args(["-I", "-B", "-c", VERIFY]);
        if self.recipe.imports.iter().any(|name| name.starts_with("matplotlib.")) {
            fs::create_dir(&cache).map_err(system())?;
            tool = tool.env("MPLCONFIGDIR", &cache).env("MPLBACKEND", "agg");
        }
        // A home of its own: fonts and settings of the user who builds are not in a sandbox.
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "IPYTHONDIR"] {
            tool = tool.env(name, &site.scratch);
        }
        let mut packages = None;
        tool.args(&self.recipe.imports)
            .run(&site.scratch, self.lock, &mut |line| match line.strip_prefix('=') {
                Some(list) => packages = serde_json::from_str(list).ok(),
                None => self.counted(Phase::Verify, line),
            })
            .map_err(system())?
            .map_err(self.fail("import every package"))?;
        packages.ok_or_else(|| system()(io::Error::other("the list of packages is missing")))
    }

    /// Progress of our own scripts: `@done total message`.
    fn counted(&self, phase: Phase, line: &str) {
        let mut words = line.strip_prefix('@').unwrap_or_default().splitn(3, ' ');
        let mut number = || words.next().and_then(|word| word.parse().ok());
        if let (Some(done), Some(total)) = (number(), number()) {
            self.tell(phase, done, total, words.next().unwrap_or_default());
        }
    }

    fn finish(&self, site: &Site<'_>, packages: Vec<Package>, started: Instant) -> io::Result<()> {
        fs::remove_dir_all(&site.scratch)?;
        let _ = fs::remove_file(self.aside.join(".lock"));
        self.adopt_scripts(site)?;
        let mut record = Record {
            name: self.recipe.name.into(),
            hash: self.hash.into(),
            python: self.python.executable.clone(),
            base_prefix: self.python.base_prefix.clone(),
            python_version: self.python.version_text(),
            preload: self.recipe.preload.clone(),
            packages,
            built_unix_s: std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
            build_ms: started.elapsed().as_millis() as u64,
            size_bytes: 0,
        };
        record.size_bytes = open_to_all(&self.aside, &mut HashSet::new())?;
        let path = self.aside.join(record::FILE);
        fs::write(&path, serde_json::to_vec_pretty(&record)?)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))
    }

    /// Makes scripts in `bin/` name the place where a sandbox sees this environment.
    fn adopt_scripts(&self, site: &Site<'_>) -> io::Result<()> {
        let bin = self.aside.join("bin");
        let beside = site.packages.join("bin"); // where `pip --target` puts them
        if beside.is_dir() {
            for entry in fs::read_dir(&beside)? {
                let entry = entry?;
                fs::rename(entry.path(), bin.join(entry.file_name()))?;
            }
            fs::remove_dir(&beside)?;
        }
        for entry in fs::read_dir(&bin)? {
            let entry = entry?;
            let bytes = fs::read(entry.path()).unwrap_or_default();
            if entry.file_type()?.is_symlink() || !bytes.starts_with(b"#!") {
                continue;
            }
            let Ok(text) = String::from_utf8(bytes) else { continue };
            // Only scripts of Python have this line, or pip's and uv's two-line form of it for long paths.
            let body = text
                .split_once("\n'''")
                .or_else(|| text.split_once("\n''' "))
                .filter(|_| text.starts_with("#!/bin/sh"));
            let body =
                match body.and_then(|(_, rest)| rest.split_once('\n')).or_else(|| text.split_once('\n')) {
                    Some((_, body)) if text.contains("python") => body,
                    _ => continue,
                };
            // A new file, because this one may be a hard link into a cache.
            fs::remove_file(entry.path())?;
            fs::write(entry.path(), format!("#!{MOUNT}/bin/python\n{body}"))?;
            fs::set_permissions(entry.path(), Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}

/// Makes everything readable for every user, whatever the caller's umask or a wheel says. Returns the bytes on disk.
fn open_to_all(path: &Path, seen: &mut HashSet<u64>) -> io::Result<u64> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(0);
    }
    let mode = found.mode() & 0o7777;
    let open = if found.is_dir() || mode & 0o100 != 0 { 0o755 } else { 0o644 };
    if mode & open != open || mode & 0o022 != 0 {
        fs::set_permissions(path, Permissions::from_mode(open))?;
    }
    let mut bytes = if seen.insert(found.ino()) { found.blocks() * 512 } else { 0 };
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            bytes += open_to_all(&entry?.path(), seen)?;
        }
    }
    Ok(bytes)
}

/// Reads what uv and pip say while they install.
struct Watch<'a> {
    build: &'a Build<'a>,
    total: u64,
    done: Cell<u64>,
    bytes: Cell<u64>,
}

impl<'a> Watch<'a> {
    fn new(build: &'a Build<'a>) -> Watch<'a> {
        let watch =
            Watch { build, total: build.recipe.package_count(), done: Cell::new(0), bytes: Cell::new(0) };
        build.tell(Phase::Install, 0, watch.total, "resolving");
        watch
    }

    /// ` Downloading numpy (16.1MiB)` from uv, `  Downloading numpy-2.4.6-….whl (16.9 MB)` from pip.
    fn line(&self, line: &str) {
        let line = line.trim();
        if let Some(size) =
            line.strip_prefix("Downloading ").and_then(|rest| rest.rsplit_once('(')).map(|(_, size)| size)
        {
            self.bytes.set(self.bytes.get() + parse_size(size.trim_end_matches(')')));
        }
        if line.starts_with("Downloaded ") || line.starts_with("Collecting ") || line.starts_with("+ ") {
            self.done.set((self.done.get() + 1).min(self.total));
        }
        let said =
            ["Downloading", "Downloaded", "Collecting", "Installing", "Prepared", "Resolved", "Building"];
        if said.iter().any(|word| line.starts_with(word)) {
            let (done, bytes) = (self.done.get(), self.bytes.get());
            let step = Step {
                template: self.build.recipe.name,
                phase: Phase::Install,
                done,
                total: self.total,
                bytes,
                message: line,
            };
            self.build.progress.step(step);
        }
    }
}

/// Bytes of a size as tools print it: `16.1MiB`, `1.9 MB`, `52 kB`.
fn parse_size(text: &str) -> u64 {
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "kib" => 1024.0,
        "kb" => 1e3,
        "mib" => 1024.0 * 1024.0,
        "mb" => 1e6,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "gb" => 1e9,
        _ => 1.0,
    };
    (text[..digits].parse::<f64>().unwrap_or_default() * unit) as u64
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_of_uv_and_pip() {
        assert_eq!(parse_size("16.5MiB"), 17_301_504);
        assert_eq!(parse_size("1.9 MB"), 1_900_000);
        assert_eq!(parse_size("52 kB"), 52_000);
        assert_eq!(parse_size("?"), 0);
    }
}
