//! That no container is left: those of this process are removed for good, those of dead ones found and removed.

use crate::backend::owner;
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    EventsOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::StreamExt;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Labels of our containers: the process that owns it, and where that process's number means something.
pub(crate) const OWNER: &str = "belljar.owner";
pub(crate) const REALM: &str = "belljar.realm";
/// How often, and how many times, it is asked whether a container is gone.
const ASK_EVERY: Duration = Duration::from_millis(25);
const ASK_MAX: usize = 20;
/// How long the removal is tried again while the engine does not answer.
const RETRY_EVERY: Duration = Duration::from_secs(1);
const RETRY_MAX: usize = 600;

/// Removes containers on a thread of its own, so that nobody's end can stop it half-way.
pub(crate) struct Janitor {
    docker: Docker,
    /// Containers whose memory ran out as a whole: a removed one can be asked no more.
    starved: Arc<Mutex<HashSet<String>>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Janitor {
    /// Begins by removing what dead owners left.
    pub fn start(docker: Docker) -> io::Result<Janitor> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.spawn(sweep(docker.clone()));
        let starved = Arc::default();
        runtime.spawn(listen(docker.clone(), Arc::clone(&starved)));
        Ok(Janitor { docker, starved, runtime: Some(runtime) })
    }

    /// Whether memory ran out for the whole of a container.
    pub fn ran_out_of_memory(&self, id: &str) -> bool {
        self.starved.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// Removes a container, soon; while the engine does not answer it is tried again.
    pub fn remove(&self, id: &str) {
        let (docker, id) = (self.docker.clone(), id.to_owned());
        let Some(runtime) = &self.runtime else { return };
        let starved = self.starved.clone();
        runtime.spawn(async move {
            for _ in 0..RETRY_MAX {
                if remove(&docker, &id).await {
                    break;
                }
                tokio::time::sleep(RETRY_EVERY).await;
            }
            starved.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
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

/// Hears which of this process's containers the kernel killed for memory, as long as the engine tells.
async fn listen(docker: Docker, starved: Arc<Mutex<HashSet<String>>>) {
    let own = format!("{OWNER}={}", owner::own_name());
    let filters =
        HashMap::from([("event".to_owned(), vec!["oom".to_owned()]), ("label".to_owned(), vec![own])]);
    loop {
        let options = EventsOptionsBuilder::default().filters(&filters).build();
        let mut events = std::pin::pin!(docker.events(Some(options)));
        while let Some(Ok(event)) = events.next().await {
            let id = event.actor.and_then(|actor| actor.id);
            starved.lock().unwrap_or_else(PoisonError::into_inner).extend(id);
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// All containers with our label. While one of Podman's is about to go, the list has a word that is not in the API.
async fn list(docker: &Docker) -> Vec<ContainerSummary> {
    let filters = HashMap::from([("label".to_owned(), vec![OWNER.to_owned()])]);
    let options = |all| ListContainersOptionsBuilder::default().all(all).filters(&filters).build();
    for _ in 0..ASK_MAX {
        match docker.list_containers(Some(options(true))).await {
            Err(Error::JsonDataError { .. }) => tokio::time::sleep(ASK_EVERY).await,
            found => return found.unwrap_or_default(),
        }
    }
    docker.list_containers(Some(options(false))).await.unwrap_or_default()
}

/// Removes containers of owners that are gone. Of those that this host cannot know, only the dead ones.
async fn sweep(docker: Docker) {
    for found in list(&docker).await {
        let (Some(id), Some(labels)) = (found.id, found.labels) else { continue };
        let owned = labels.get(OWNER).and_then(|owner| owner.split_once('-'));
        let Some((pid, start)) = owned else { continue };
        let left = match labels.get(REALM) {
            Some(realm) if *realm == owner::realm() => !owner::lives(pid, start),
            // One that was just made, and will be started by somebody else, is not dead.
            _ => found.state.is_some_and(|state| ["exited", "dead"].contains(&state.to_string().as_str())),
        };
        if left {
            remove(&docker, &id).await;
        }
    }
}
