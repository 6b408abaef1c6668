//! A container's life and end: its stream, what it uses, why it ended, and that it is removed.

use super::container::{OWNER, REALM};
use super::owner;
use crate::backend::{self, Measure, Stream};
use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jail::cgroup::Group;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::io::StreamReader;

/// What is kept of a guest's messages, in bytes.
const WORDS_BYTES: usize = 2 << 10;
/// How often, and how many times, an engine is asked how a container ended.
const ASK_EVERY: Duration = Duration::from_millis(25);
const ASK_MAX: usize = 20;
/// How long an owner waits for the removal of its container.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the removal is tried again while the engine does not answer.
const RETRY_EVERY: Duration = Duration::from_secs(1);
const RETRY_MAX: usize = 600;

/// A container.
pub(super) struct Life {
    docker: Docker,
    id: String,
    known: Mutex<Known>,
    /// Memory ran out for all of it, its first process included.
    killed_for_memory: AtomicBool,
}

#[derive(Default)]
struct Known {
    group: Option<Group>,
    last: Measure,
    words: Vec<u8>,
    end: Option<String>,
}

impl Life {
    pub fn new(docker: Docker, id: String) -> Life {
        Life { docker, id, known: Mutex::default(), killed_for_memory: AtomicBool::new(false) }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to measure the control group of its first process, where this host shows it.
    pub fn watch(&self, pid: Option<i64>) {
        let pid = pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
        self.known().group = pid.and_then(Group::of);
    }

    fn hear(&self, message: &[u8]) {
        let mut known = self.known();
        let room = WORDS_BYTES.saturating_sub(known.words.len());
        known.words.extend_from_slice(&message[..message.len().min(room)]);
    }

    /// Asks the engine how it ended, before anybody learns that it did. It may be removed already.
    async fn autopsy(&self) {
        let mut end = None;
        for _ in 0..ASK_MAX {
            match self
                .docker
                .inspect_container(&self.id, None)
                .await
                .map(|found| found.state.unwrap_or_default())
            {
                Ok(state) if state.running == Some(true) => tokio::time::sleep(ASK_EVERY).await,
                Ok(state) => {
                    self.killed_for_memory.fetch_or(state.oom_killed == Some(true), Ordering::AcqRel);
                    let code = state.exit_code.unwrap_or_default();
                    let error = state.error.filter(|error| !error.is_empty());
                    end = error.or_else(|| Some(format!("the container ended with exit code {code}")));
                    break;
                }
                Err(Error::DockerResponseServerError { .. }) => break,
                Err(error) => {
                    end = Some(format!("the engine went away: {error}"));
                    break;
                }
            }
        }
        let mut known = self.known();
        let words = String::from_utf8_lossy(&known.words).trim().to_owned();
        known.end =
            Some(words).filter(|words| !words.is_empty()).or(end).or(Some("the container ended".to_owned()));
    }
}

/// The guest's stream: standard input and output of the container.
pub(super) fn stream(attached: AttachContainerResults, life: Arc<Life>) -> Box<dyn Stream> {
    let bytes = stream::unfold((attached.output, life), |(mut output, life)| async move {
        loop {
            let bytes: io::Result<Bytes> = match output.next().await {
                Some(Ok(LogOutput::StdOut { message })) => Ok(message),
                Some(Ok(LogOutput::StdErr { message })) => {
                    life.hear(&message);
                    continue;
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => Err(io::Error::other(error)),
                None => {
                    life.autopsy().await;
                    return None;
                }
            };
            if bytes.is_err() {
                life.autopsy().await;
            }
            return Some((bytes, (output, life)));
        }
    });
    Box::new(tokio::io::join(StreamReader::new(Box::pin(bytes)), attached.input))
}

/// Removes the container on drop, and waits for it.
pub(super) struct Guard {
    pub life: Arc<Life>,
    pub janitor: Arc<Janitor>,
}

impl backend::Guard for Guard {
    fn measure(&self) -> Measure {
        let mut known = self.life.known();
        let last = known.last;
        if let Some(group) = &known.group {
            known.last = Measure {
                cpu_ms: group.cpu_us().map(|us| us as f64 / 1000.0).or(last.cpu_ms),
                memory_peak_bytes: group.memory_peak_bytes().or(last.memory_peak_bytes),
                oom_kills: group.oom_kills().or(last.oom_kills),
            };
        }
        let all = u64::from(self.life.killed_for_memory.load(Ordering::Acquire));
        Measure { oom_kills: known.last.oom_kills.map(|kills| kills + all), ..known.last }
    }

    fn failure(&self) -> Option<String> {
        self.life.known().end.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.janitor.remove(&self.life.id);
    }
}

/// Removes containers on a thread of its own, so that nobody's end can stop it half-way.
pub(super) struct Janitor {
    docker: Docker,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Janitor {
    /// Begins by removing what dead owners left.
    pub fn start(docker: Docker) -> io::Result<Janitor> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.spawn(sweep(docker.clone()));
        Ok(Janitor { docker, runtime: Some(runtime) })
    }

    fn remove(&self, id: &str) {
        let (done, wait) = std::sync::mpsc::channel();
        let (docker, id) = (self.docker.clone(), id.to_owned());
        let Some(runtime) = &self.runtime else { return };
        runtime.spawn(async move {
            for _ in 0..RETRY_MAX {
                if remove(&docker, &id).await {
                    break;
                }
                // Nobody is kept waiting for an engine that does not answer.
                let _ = done.send(());
                tokio::time::sleep(RETRY_EVERY).await;
            }
            let _ = done.send(());
        });
        let _ = wait.recv_timeout(PATIENCE);
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Removes a container, running or not, and waits until it is gone; false when the engine did not answer.
async fn remove(docker: &Docker, id: &str) -> bool {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    for _ in 0..ASK_MAX {
        match docker.remove_container(id, Some(options.clone())).await {
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return true,
            // Done, or on its way: until it is not found any more.
            Ok(()) | Err(Error::DockerResponseServerError { .. }) => tokio::time::sleep(ASK_EVERY).await,
            Err(_) => return false,
        }
    }
    true
}

/// Removes containers of owners that are gone. Of those that this host cannot know, only the dead ones.
async fn sweep(docker: Docker) {
    let filters = std::collections::HashMap::from([("label".to_owned(), vec![OWNER.to_owned()])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    for found in docker.list_containers(Some(options)).await.unwrap_or_default() {
        let (Some(id), Some(labels)) = (found.id, found.labels) else { continue };
        let owned = labels.get(OWNER).and_then(|owner| owner.split_once('-'));
        let Some((pid, start)) = owned else { continue };
        let left = match labels.get(REALM) {
            Some(realm) if *realm == owner::realm() => !owner::lives(pid, start),
            _ => !found.state.is_some_and(|state| state.to_string() == "running"),
        };
        if left {
            remove(&docker, &id).await;
        }
    }
}
