//! The store: templates under `<data folder>/templates/`, found, built on demand, listed, removed. It leaves a build's
//! steps to `build`.
//!
//! ```text
//! templates/<name>-<hash>/   a built template
//!          /.lock-<name>-<hash>  held while it is built or removed
//!          /.building-…, .removing-…  swept up by the next builder
//!          /.python.json     which Python the host has
//!          /.lock-downloads  held shared while something is built
//! downloads/, tools/  caches of uv and pip (templates share files with them), our own uv
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::build::Build;
use super::error::TemplateError;
use super::python::Python;
use super::recipe::Recipe;
use super::record::{self, Package, Record};
use super::{Phase, Progress, Step, Template, lock};

/// Part of every hash: changes when a build lays things out in another way.
const FORMAT: u32 = 1;

/// Templates of one data folder.
#[derive(Debug, Clone)]
pub struct Store {
    data_dir: PathBuf,
    python: Option<PathBuf>,
}

/// A recipe and what is known about its build on this host.
#[derive(Debug, Clone)]
pub struct Listing {
    /// What it is made of.
    pub recipe: Recipe,
    /// The build that [`Store::ensure`] would use.
    pub built: Option<Record>,
    /// Where that is, or would be; empty if this host has no Python.
    pub root: PathBuf,
    /// Builds of older recipes or other Pythons.
    pub outdated: Vec<PathBuf>,
}

impl Listing {
    /// What was asked for and is installed, in the recipe's order; nothing where nothing is built.
    pub fn libraries(&self) -> Vec<Package> {
        let packages = self.built.as_ref().map(|record| record.packages.as_slice()).unwrap_or_default();
        // Indexes take capitals, dashes and underscores for the same.
        let plain = |name: &str| name.to_lowercase().replace('_', "-");
        let find = |wanted: &String| packages.iter().find(|one| plain(&one.name) == plain(wanted)).cloned();
        self.recipe.requirements.iter().filter_map(find).collect()
    }
}

impl Store {
    /// Templates under `data_dir/templates`. Touches nothing yet.
    pub fn open(data_dir: impl AsRef<Path>) -> Result<Store, TemplateError> {
        let data_dir = data_dir.as_ref();
        let data_dir =
            std::path::absolute(data_dir).map_err(TemplateError::system("use the data folder", data_dir))?;
        Ok(Store { data_dir, python: None })
    }

    /// Builds with this Python instead of the one that would be found.
    pub fn with_python(mut self, python: Option<PathBuf>) -> Store {
        self.python = python;
        self
    }

    /// Every recipe, smallest first.
    pub fn recipes(&self) -> Vec<Recipe> {
        Recipe::all()
    }

    /// The Python that templates are built with.
    pub fn python(&self) -> Result<Python, TemplateError> {
        Ok(Python::find(self.python.as_deref(), &self.templates().join(".python.json"))?)
    }

    /// Every recipe and what is built of it. Works without a Python: then nothing is built.
    pub fn list(&self) -> Vec<Listing> {
        let python = self.python().ok();
        Recipe::all().into_iter().map(|recipe| self.listing(recipe, python.as_ref())).collect()
    }

    /// One recipe and what is built of it.
    pub fn show(&self, name: &str) -> Result<Listing, TemplateError> {
        Ok(self.listing(find(name)?, self.python().ok().as_ref()))
    }

    /// The template of this name; builds it first if it is not there.
    pub fn ensure(&self, name: &str, progress: &dyn Progress) -> Result<Template, TemplateError> {
        let recipe = find(name)?;
        let python = self.python()?;
        let root = self.root(&recipe, &python);
        match self.enter(&root)? {
            Some(template) => Ok(template),
            None => self.make(&recipe, &python, false, progress),
        }
    }

    /// Builds the template of this name; with `force` even if it is there. Sandboxes that run keep the old one.
    pub fn build(&self, name: &str, force: bool, progress: &dyn Progress) -> Result<Template, TemplateError> {
        self.make(&find(name)?, &self.python()?, force, progress)
    }

    /// Removes every build of this name, what dead builders left, and, because they share files, the downloads unless
    /// something is being built. Returns how many builds there were.
    pub fn remove(&self, name: &str) -> Result<usize, TemplateError> {
        let templates = self.templates();
        let found = self.builds(find(name)?.name);
        if found.iter().any(|root| lock::is_used(root)) {
            return Err(TemplateError::InUse(name.into()));
        }
        for root in &found {
            lock::discard(&templates, root).map_err(TemplateError::system("remove", root))?;
        }
        if templates.exists() {
            lock::sweep_all(&templates).map_err(TemplateError::system("sweep", &templates))?;
            let downloads = self.downloads();
            self.remove_downloads().map_err(TemplateError::system("remove", &downloads))?;
        }
        Ok(found.len())
    }

    fn remove_downloads(&self) -> io::Result<()> {
        let lock = File::create(self.templates().join(DOWNLOADS_LOCK))?;
        if lock.try_lock().is_err() || !self.downloads().exists() {
            return Ok(());
        }
        fs::remove_dir_all(self.downloads())
    }

    fn downloads(&self) -> PathBuf {
        self.data_dir.join("downloads")
    }

    fn templates(&self) -> PathBuf {
        self.data_dir.join("templates")
    }

    fn root(&self, recipe: &Recipe, python: &Python) -> PathBuf {
        self.templates().join(format!("{}-{}", recipe.name, hash(recipe, python)))
    }

    /// Folders of finished builds of a name, of any hash.
    fn builds(&self, name: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.templates()).into_iter().flatten().flatten();
        let is_hash =
            |text: &str| text.len() == HASH_LETTERS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let ours =
            |file: &str| file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')).is_some_and(is_hash);
        entries
            .map(|entry| entry.path())
            .filter(|path| path.file_name().and_then(|file| file.to_str()).is_some_and(ours))
            .collect()
    }

    fn listing(&self, recipe: Recipe, python: Option<&Python>) -> Listing {
        let root = python.map(|python| self.root(&recipe, python)).unwrap_or_default();
        let built = read(&root).filter(|record| record.python.exists());
        let outdated = self.builds(recipe.name).into_iter().filter(|path| *path != root).collect();
        Listing { recipe, built, root, outdated }
    }

    fn enter(&self, root: &Path) -> Result<Option<Template>, TemplateError> {
        let in_use = lock::enter(root).map_err(TemplateError::system("read", root))?;
        Ok(in_use.and_then(|file| read(root).map(|record| (file, record))).map(|(file, record)| Template {
            name: record.name,
            root: root.to_owned(),
            base_prefix: record.base_prefix,
            python_version: record.python_version,
            preload: record.preload,
            hash: record.hash,
            in_use: Arc::new(file),
        }))
    }

    fn make(
        &self,
        recipe: &Recipe,
        python: &Python,
        force: bool,
        progress: &dyn Progress,
    ) -> Result<Template, TemplateError> {
        let templates = self.templates();
        let write = || TemplateError::system("write to", &templates);
        let hash = hash(recipe, python);
        let label = format!("{}-{hash}", recipe.name);
        let root = templates.join(&label);
        fs::create_dir_all(&templates).map_err(write())?;
        let waiting = || {
            let message = "another process builds it";
            progress.step(Step {
                template: recipe.name,
                phase: Phase::Wait,
                done: 0,
                total: 0,
                bytes: 0,
                message,
            });
        };
        let lock = lock::take(&templates.join(format!(".lock-{label}")), &waiting).map_err(write())?;
        if !force && let Some(template) = self.enter(&root)? {
            return Ok(template);
        }
        lock::sweep(&templates, &label).map_err(write())?;
        let downloading = File::create(templates.join(DOWNLOADS_LOCK)).map_err(write())?;
        downloading.lock_shared().map_err(write())?;
        let (data_dir, downloads) = (&self.data_dir, &self.downloads());
        let aside = lock::aside(&templates, lock::BUILDING, &label);
        let build = Build { recipe, python, hash: &hash, data_dir, downloads, aside, lock: &lock, progress };
        build.run(&|| lock::discard(&templates, &root), &root)?;
        self.enter(&root)?.ok_or_else(|| {
            let reason = io::Error::other("it was removed while it was made");
            TemplateError::System { action: "use the template", path: root.clone(), reason }
        })
    }
}

const DOWNLOADS_LOCK: &str = ".lock-downloads";
const HASH_LETTERS: usize = 16;

fn find(name: &str) -> Result<Recipe, TemplateError> {
    Recipe::find(name).ok_or_else(|| TemplateError::Unknown(name.into()))
}

fn read(root: &Path) -> Option<Record> {
    fs::read(root.join(record::FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok())
}

fn hash(recipe: &Recipe, python: &Python) -> String {
    let mut digest = Sha256::new();
    let identity = python.identity();
    let format = FORMAT.to_string();
    for part in recipe.identity().into_iter().chain([identity.as_str(), &format]) {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().iter().take(HASH_LETTERS / 2).map(|byte| format!("{byte:02x}")).collect()
}
