//! A container's life and end: its stream, what it uses, and why it ended.

use crate::backend::{self, Measure, Stream};
use crate::containers::Janitor;
use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error;
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
/// The exit code of what was killed, and how many times it is asked for what.
const KILLED: i64 = 137;
const NEWS_MAX: usize = 8;

/// A container.
pub(super) struct Life {
    docker: Docker,
    pub id: String,
    known: Mutex<Known>,
    janitor: Arc<Janitor>,
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
    pub fn new(docker: Docker, id: String, janitor: Arc<Janitor>) -> Life {
        Life { docker, id, known: Mutex::default(), janitor, killed_for_memory: AtomicBool::new(false) }
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
        let (mut end, mut killed) = (None, false);
        for _ in 0..ASK_MAX {
            let found = self.docker.inspect_container(&self.id, None).await;
            match found.map(|found| found.state.unwrap_or_default()) {
                Ok(state) if state.running == Some(true) => tokio::time::sleep(ASK_EVERY).await,
                Ok(state) => {
                    self.killed_for_memory.fetch_or(state.oom_killed == Some(true), Ordering::AcqRel);
                    let code = state.exit_code.unwrap_or_default();
                    killed = code == KILLED;
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
        // That it was for its memory, the engine may tell a little later.
        for asked in 1.. {
            let told = self.janitor.ran_out_of_memory(&self.id);
            let known = self.killed_for_memory.fetch_or(told, Ordering::AcqRel) || told;
            if known || !killed || asked == NEWS_MAX {
                break;
            }
            tokio::time::sleep(ASK_EVERY).await;
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

/// Removes the container on drop.
pub(super) struct Guard(pub Arc<Life>);

impl backend::Guard for Guard {
    fn measure(&self) -> Measure {
        let mut known = self.0.known();
        let last = known.last;
        if let Some(group) = &known.group {
            known.last = Measure {
                cpu_ms: group.cpu_us().map(|us| us as f64 / 1000.0).or(last.cpu_ms),
                memory_peak_bytes: group.memory_peak_bytes().or(last.memory_peak_bytes),
                oom_kills: group.oom_kills().or(last.oom_kills),
            };
        }
        let all = u64::from(self.0.killed_for_memory.load(Ordering::Acquire));
        Measure { oom_kills: known.last.oom_kills.map(|kills| kills + all), ..known.last }
    }

    fn memory_bytes(&self) -> Option<u64> {
        let group = self.0.known().group.clone();
        group?.memory_bytes()
    }

    fn failure(&self) -> Option<String> {
        self.0.known().end.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.janitor.remove(&self.0.id);
    }
}
