//! That no container is left: those of this process are removed for good, those of dead ones found and removed.

use crate::backend::owner;
use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use std::io;
use std::time::Duration;

/// Labels of our containers: the process that owns it, and where that process's number means something.
pub(crate) const OWNER: &str = "belljar.owner";
pub(crate) const REALM: &str = "belljar.realm";
/// How often, and how many times, it is asked whether a container is gone.
const ASK_EVERY: Duration = Duration::from_millis(25);
const ASK_MAX: usize = 20;
/// How long an owner waits for the removal of its container.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the removal is tried again while the engine does not answer.
const RETRY_EVERY: Duration = Duration::from_secs(1);
const RETRY_MAX: usize = 600;

/// Removes containers on a thread of its own, so that nobody's end can stop it half-way.
pub(crate) struct Janitor {
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

    /// Removes a container, and waits for it while the engine answers.
    pub fn remove(&self, id: &str) {
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
