//! Templates: what is installed in a sandbox, made ready on this host.
//!
//! A template is a recipe and a lock file (`templates/` in the repository, embedded here) that is built once into a
//! Python environment which sandboxes mount read-only at [`MOUNT`]. It leaves mounting to the backends and drawing of
//! progress to the caller.

mod build;
mod error;
pub mod image;
mod install;
pub(crate) mod lock;
mod python;
mod recipe;
mod record;
mod store;
mod tool;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::TemplateError;
pub use python::{Python, PythonError};
pub use recipe::Recipe;
pub use record::{Package, Record};
pub use store::{Listing, Store};

/// Where a sandbox sees a template's root. Scripts in its `bin/` name this path.
pub const MOUNT: &str = "/.belljar/template";

/// Folder under a template's root that holds matplotlib's font cache, where matplotlib is installed. matplotlib wants
/// its configuration folder writable, so a sandbox copies this one.
pub const MATPLOTLIB_CACHE: &str = "belljar-mpl";

/// A built template, and the promise that nobody removes it while this value lives.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name, like `python`.
    pub name: String,
    /// Root of the environment on this host: `bin/python`, `lib/pythonX.Y/site-packages`, `pyvenv.cfg`.
    pub root: PathBuf,
    /// Installation of the Python that it needs; must be visible at the same path in a sandbox.
    pub base_prefix: PathBuf,
    /// Version of that Python, like `3.11.2`.
    pub python_version: String,
    /// Modules that a zygote imports ahead of time.
    pub preload: Vec<String>,
    /// Hash of the recipe, the lock, the Python and the format of a build.
    pub hash: String,
    in_use: Arc<File>,
}

/// One build of a template, among all of the same place and hash: no two that somebody uses are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Build {
    device: u64,
    inode: u64,
}

impl Build {
    fn of(found: std::io::Result<std::fs::Metadata>) -> Option<Build> {
        let found = found.ok()?;
        Some(Build { device: found.dev(), inode: found.ino() })
    }
}

impl Template {
    /// Which build it is; `None` where the file system does not tell.
    pub(crate) fn build(&self) -> Option<Build> {
        Build::of(self.in_use.metadata())
    }

    /// Whether its root is still this build: false when it was built again or removed.
    pub fn is_current(&self) -> bool {
        Build::of(std::fs::metadata(self.root.join(record::FILE))) == self.build()
    }

    /// Its `site-packages` on this host.
    pub fn packages(&self) -> PathBuf {
        let mut parts = self.python_version.split('.');
        let version = [parts.next(), parts.next()].map(Option::unwrap_or_default).join(".");
        self.root.join(format!("lib/python{version}/site-packages"))
    }
}

/// Where a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Another process builds the same template; this one waits for it.
    Wait,
    /// `uv` is fetched, because this host has none.
    Installer,
    /// Packages are fetched and unpacked.
    Install,
    /// Modules are compiled to bytecode.
    Compile,
    /// Every package is imported once.
    Verify,
    /// The template is ready.
    Done,
}

/// One moment of a build.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Name of the template.
    pub template: &'a str,
    /// Where the build is.
    pub phase: Phase,
    /// Packages, modules or imports done in this phase.
    pub done: u64,
    /// How many there are, 0 when that is not known.
    pub total: u64,
    /// Bytes downloaded in this phase, as far as the installer tells.
    pub bytes: u64,
    /// What happens now, in a few words; may be empty.
    pub message: &'a str,
}

/// Someone who watches a build.
pub trait Progress {
    /// Called on every change, from the thread that builds.
    fn step(&self, step: Step<'_>);
}

/// Nobody watches.
impl Progress for () {
    fn step(&self, _: Step<'_>) {}
}
