//! Why a template cannot be had, told apart by what a person can do about it. It leaves Pythons that do not fit to
//! `python`.

use std::io;
use std::path::{Path, PathBuf};

use super::python::{Python, PythonError, install_command};
use super::recipe::Recipe;
use super::tool::Failure;

/// Why a template cannot be had. The message fits after "cannot …".
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is no recipe of this name.
    #[error("find a template named {0:?}")]
    Unknown(String),
    /// There is no Python to build with.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// Neither uv nor any pip.
    #[error("install packages for {python}: this machine has neither uv nor pip, and its Python has no ensurepip module", python = .0.display())]
    NoInstaller(PathBuf),
    /// The package index does not answer.
    #[error("download the packages of template {name}: the package index cannot be reached\n{tail}")]
    Offline {
        /// The template.
        name: String,
        /// Last output of the tool.
        tail: String,
    },
    /// The disk, or the user's quota of it.
    #[error("build in {path}: the disk is full", path = .0.display())]
    DiskFull(PathBuf),
    /// The folder that should hold templates.
    #[error("write to {path}: {reason}", path = .path.display())]
    NotWritable {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// A tool failed in another way.
    #[error("{action} for template {name} ({status})\n{tail}")]
    Tool {
        /// The template.
        name: String,
        /// What was attempted.
        action: &'static str,
        /// How the tool ended.
        status: String,
        /// Last output of the tool.
        tail: String,
    },
    /// Somebody uses what should go.
    #[error("remove template {0}: a running sandbox uses it")]
    InUse(String),
    /// Anything else that the system refused.
    #[error("{action} {path}: {reason}", path = .path.display())]
    System {
        /// What was attempted.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

impl TemplateError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            TemplateError::Unknown(_) => "template_unknown",
            TemplateError::Python(error) => error.code(),
            TemplateError::NoInstaller(_) => "installer_missing",
            TemplateError::Offline { .. } => "offline",
            TemplateError::DiskFull(_) => "disk_full",
            TemplateError::NotWritable { .. } => "not_writable",
            TemplateError::Tool { .. } => "template_build",
            TemplateError::InUse(_) => "template_in_use",
            TemplateError::System { .. } => "system",
        }
    }

    /// What a person can do about it; empty when we do not know.
    pub fn hint(&self) -> String {
        match self {
            TemplateError::Unknown(_) => {
                let names: Vec<&str> = Recipe::all().iter().map(|recipe| recipe.name).collect();
                format!("there are {}", names.join(", "))
            }
            TemplateError::Python(error) => error.hint(),
            TemplateError::NoInstaller(_) => format!("{}, then try again", install_command("python3-venv", "python3-pip")),
            TemplateError::Offline { .. } => {
                "connect this machine, or set PIP_INDEX_URL to a mirror or HTTPS_PROXY to a proxy that it can reach; \
                 a template is built once and needs no network afterwards"
                    .into()
            }
            TemplateError::DiskFull(_) => {
                "free some space (python needs 100 MB, data 400 MB, code-interpreter 1.5 GB, full 2.2 GB) or choose \
                 another data folder with --data-dir or BELLJAR_DATA_DIR"
                    .into()
            }
            TemplateError::NotWritable { .. } => {
                "choose a data folder that you may write to, with --data-dir or BELLJAR_DATA_DIR".into()
            }
            TemplateError::Tool { .. } => "the last lines above are the tool's own; try again with `belljar template build --force`".into(),
            TemplateError::InUse(_) => "end it first".into(),
            TemplateError::System { .. } => String::new(),
        }
    }

    /// Turns the system's refusal of `action` at `path` into the error that says most.
    pub(super) fn system(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TemplateError {
        let path = path.to_owned();
        move |reason| match reason.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TemplateError::DiskFull(path),
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory => TemplateError::NotWritable { path, reason },
            _ => TemplateError::System { action, path, reason },
        }
    }

    /// Turns a tool's last words into the error that says most.
    pub(super) fn tool(
        action: &'static str,
        recipe: &Recipe,
        folder: &Path,
        failure: Failure,
    ) -> TemplateError {
        let Failure { status, tail } = failure;
        let name = recipe.name.to_owned();
        if says(&tail, &FULL) {
            return TemplateError::DiskFull(folder.to_owned());
        }
        if says(&tail, &OFFLINE) {
            return TemplateError::Offline { name, tail };
        }
        TemplateError::Tool { name, action, status: status.to_string(), tail }
    }

    /// For a Python that has no pip near it.
    pub(super) fn no_installer(python: &Python) -> TemplateError {
        TemplateError::NoInstaller(python.executable.clone())
    }
}

const FULL: [&str; 5] =
    ["no space left on device", "os error 28", "errno 28", "disk quota exceeded", "os error 122"];

const OFFLINE: [&str; 16] = [
    "error sending request",
    "client error (connect)",
    "dns error",
    "name resolution",
    "name or service not known",
    "nodename nor servname",
    "connection refused",
    "newconnectionerror",
    "network is unreachable",
    "max retries exceeded",
    "connecttimeout",
    "operation timed out",
    "timed out after",
    "proxyerror",
    "tunnel error",
    "network connectivity is disabled",
];

fn says(tail: &str, phrases: &[&str]) -> bool {
    let tail = tail.to_lowercase();
    phrases.iter().any(|phrase| tail.contains(phrase))
}
