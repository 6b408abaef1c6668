//! An image of a template that is built on this host, and a root to run programs in.

use interpreter::template::{Store, Template, image};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::{NamedTempFile, TempDir};

/// Mounts what a container engine mounts, and goes in: `enter ROOT PROGRAM…`.
const ENTER: &str =
    "mount --rbind /dev \"$0/dev\" && mount --rbind /proc \"$0/proc\" && exec chroot \"$0\" \"$@\"";

/// What programs inside get from a sandbox.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/.belljar/template/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
    ("HOME", "/home/user"),
    ("LANG", "C.UTF-8"),
    ("TERM", "xterm-256color"),
];

/// Says why a test does not run, or fails where it has to.
pub fn skip(what: &str, test: &str, why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == what), "{what} is required: {why}");
    eprintln!("skipped {test}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "image::{test}: {why}")).unwrap();
    }
}

/// A template that `cargo xtask test` has built; skips the test where it has not.
pub fn template(name: &str, test: &str) -> Option<Template> {
    let beside = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("belljar");
    let data_dir = std::env::var_os("BELLJAR_DATA_DIR").map_or_else(beside, PathBuf::from);
    let store = Store::open(data_dir).unwrap();
    if store.show(name).unwrap().built.is_none() {
        skip("python", test, &format!("`belljar template build {name}` was not run"));
        return None;
    }
    Some(store.ensure(name, &()).unwrap())
}

/// The driver, as the repository has it.
pub fn driver() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../driver")
}

/// The image as a file.
pub fn archive(template: Option<&Template>) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    image::write(template, &driver(), BufWriter::new(&file)).unwrap_or_else(|error| panic!("cannot {error}"));
    file
}

/// A root made of an image.
pub struct Root(TempDir);

impl Root {
    /// Unpacks the image; skips the test where this host lets nobody change the root.
    pub fn open(template: Option<&Template>, test: &str) -> Option<Root> {
        let namespaces = Command::new("unshare").args(["-rm", "true"]).output();
        if !namespaces.as_ref().is_ok_and(|output| output.status.success()) {
            let is_root = rustix::process::getuid().is_root();
            let what = if is_root { "root" } else { "unprivileged" };
            skip(what, test, &format!("no user and mount namespaces: {namespaces:?}"));
            return None;
        }
        let folder = TempDir::new().unwrap();
        let mut archive = tar::Archive::new(archive(template).reopen().unwrap());
        archive.set_preserve_permissions(true);
        archive.unpack(folder.path()).unwrap();
        Some(Root(folder))
    }

    /// Runs a program inside.
    pub fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", ENTER]).arg(self.0.path()).args(words);
        command.env_clear().envs(ENVIRONMENT).output().unwrap()
    }

    /// Whether something is at this path inside.
    pub fn has(&self, path: &str) -> bool {
        self.0.path().join(path.trim_start_matches('/')).symlink_metadata().is_ok()
    }
}
