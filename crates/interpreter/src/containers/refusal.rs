//! What it means when an engine says no.

use super::Containers;
use crate::backend::StartError;
use bollard::errors::Error;

/// What is told of an engine's refusal, in bytes.
const TEXT_BYTES_MAX: usize = 600;
impl Containers {
    /// What an engine's refusal means.
    pub fn explain(&self, step: &str, error: Error, image: &str) -> StartError {
        let text = error.to_string();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let missing = matches!(error, Error::DockerResponseServerError { status_code: 404, .. });
        let (code, hint) = match () {
            () if missing && step.starts_with("make") => {
                ("no_image", format!("`docker pull {image}` fetches it, `docker images` lists what is there"))
            }
            () if has(&["no space left", "disk quota"]) => {
                ("disk_full", "the engine's disk is full: `docker system df` tells by what".to_owned())
            }
            () if has(&["unknown or invalid runtime", "unknown runtime", "default OCI runtime"]) => {
                ("no_runtime", format!("this engine has {}", self.runtimes.join(", ")))
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
