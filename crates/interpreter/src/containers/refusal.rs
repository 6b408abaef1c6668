//! What it means when an engine says no.

use super::Containers;
use crate::backend::StartError;
use bollard::errors::Error;

/// The step in which an engine looks for the image.
pub(crate) const CREATE: &str = "make a container";
/// What is told of an engine's refusal, in bytes.
const TEXT_BYTES_MAX: usize = 600;
/// What engines say of a full disk, in lower case.
const DISK_FULL: [&str; 2] = ["no space left", "disk quota"];
/// What engines say of a runtime that they do not know.
const NO_RUNTIME: [&str; 3] =
    ["unknown or invalid runtime", "unknown runtime specified", "default oci runtime"];
/// What engines say of a runtime that did not do its part.
const RUNTIME_FAILED: [&str; 3] = ["oci runtime", "shim task", "fork/exec"];

impl Containers {
    /// What an engine's refusal means.
    pub fn explain(&self, step: &str, error: Error, image: &str) -> StartError {
        let missing = matches!(error, Error::DockerResponseServerError { status_code: 404, .. });
        let text = said(error);
        let lower = text.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let others = self.runtimes.join(", ");
        let (code, hint) = match () {
            () if missing && step == CREATE => {
                ("no_image", format!("`docker pull {image}` fetches it, `docker images` lists what is there"))
            }
            () if has(&DISK_FULL) => {
                ("disk_full", "the engine's disk is full: `docker system df` tells by what".to_owned())
            }
            () if has(&NO_RUNTIME) => ("no_runtime", format!("this engine has {others}")),
            () if has(&RUNTIME_FAILED) => {
                ("runtime", format!("`docker run` has to work with it first; this engine has {others}"))
            }
            () => ("engine", "`belljar doctor` tells what the engine has and lacks".to_owned()),
        };
        let text = crate::text::cut(&crate::text::plain(&text), TEXT_BYTES_MAX);
        StartError {
            hint: Some(hint),
            ..StartError::new(code, format!("{} cannot {step}: {text}", self.title))
        }
    }
}

/// Its own words.
pub fn said(error: Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message,
        Error::DockerStreamError { error } => error,
        other => other.to_string(),
    }
}
