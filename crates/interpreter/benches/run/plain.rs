//! The peer of containers: `docker run --rm --network none IMAGE python3 -c CODE`, by the client where it is installed,
//! else by the engine's API.

use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{AttachContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use std::process::Command;
use std::time::Instant;

/// Where images of templates have their Python.
const PYTHON: &str = "/.belljar/template/bin/python3";
/// Seconds that an engine may take for one answer.
const ANSWER_SECS: u64 = 120;

/// Plain containers of one image, with nothing of ours but the image.
pub struct Plain {
    socket: String,
    runtime: Option<String>,
    image: String,
    client: bool,
}

impl Plain {
    /// Of this engine, behind this runtime or the engine's own choice.
    pub fn new(socket: String, runtime: Option<String>, image: String) -> Plain {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let client = std::env::split_paths(&path).any(|folder| folder.join("docker").is_file());
        Plain { socket, runtime, image, client }
    }

    /// How it is made, for people.
    pub fn name(&self) -> String {
        let how = if self.client { "docker run --rm" } else { "create, attach, start, remove by the API" };
        format!("{how}{}", self.runtime.as_ref().map(|name| format!(", {name}")).unwrap_or_default())
    }

    /// Wall time of one run in milliseconds, from start until the container is removed.
    ///
    /// # Errors
    /// A container that does not start or does not print what it has to.
    pub async fn run(&self, code: &str, prints: &str) -> Result<f64, String> {
        if self.client {
            let host = format!("unix://{}", self.socket);
            let mut words = vec!["--host", &host, "run", "--rm", "--network", "none"];
            words.extend(self.runtime.iter().flat_map(|name| ["--runtime", name.as_str()]));
            words.extend([self.image.as_str(), PYTHON, "-c", code]);
            return tokio::task::block_in_place(|| {
                measure::program(Command::new("docker").args(words), prints)
            });
        }
        let start = Instant::now();
        let printed = self.by_api(code).await.map_err(|error| format!("the engine: {error}"))?;
        let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
        if printed == prints.as_bytes() {
            return Ok(wall_ms);
        }
        Err(format!("a plain container printed {:?}", String::from_utf8_lossy(&printed)))
    }

    async fn by_api(&self, code: &str) -> Result<Vec<u8>, bollard::errors::Error> {
        let docker = Docker::connect_with_unix(&self.socket, ANSWER_SECS, API_DEFAULT_VERSION)?;
        let docker = docker.negotiate_version().await?;
        let host = HostConfig {
            network_mode: Some("none".into()),
            runtime: self.runtime.clone(),
            ..HostConfig::default()
        };
        let body = ContainerCreateBody {
            image: Some(self.image.clone()),
            cmd: Some(vec![PYTHON.into(), "-c".into(), code.to_owned()]),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        let id = docker.create_container(None, body).await?.id;
        let streams = AttachContainerOptionsBuilder::default().stdout(true).stderr(true).stream(true);
        let attached = docker.attach_container(&id, Some(streams.build())).await;
        let started = docker.start_container(&id, None).await;
        let mut printed = Vec::new();
        if let (Ok(attached), Ok(())) = (attached, &started) {
            let mut output = attached.output;
            while let Some(Ok(piece)) = output.next().await {
                if let LogOutput::StdOut { message } = piece {
                    printed.extend_from_slice(&message);
                }
            }
        }
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        docker.remove_container(&id, Some(options)).await?;
        started.map(|()| printed)
    }
}
