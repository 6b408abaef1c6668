//! What a build leaves beside its packages: `template.json` in the template's root.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Name of the file under a template's root.
pub(super) const FILE: &str = "template.json";

/// Everything that is known about a built template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the recipe.
    pub name: String,
    /// Hash of the recipe, the lock, the Python and the format of a build.
    pub hash: String,
    /// The Python that `bin/python` points to.
    pub python: PathBuf,
    /// Where that Python is installed.
    pub base_prefix: PathBuf,
    /// Version of that Python, like `3.11.2`.
    pub python_version: String,
    /// Modules that a zygote imports ahead of time.
    pub preload: Vec<String>,
    /// What is installed, by name.
    pub packages: Vec<Package>,
    /// When it was built, in seconds since 1970 UTC.
    pub built_unix_s: u64,
    /// How long the build took, in milliseconds.
    pub build_ms: u64,
    /// Disk space, in bytes. Files that templates share are counted in each of them.
    pub size_bytes: u64,
}

/// One installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name in the package index.
    pub name: String,
    /// Its version.
    pub version: String,
}
