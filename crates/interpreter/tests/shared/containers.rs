//! Containers of a host process, as the engine tells: found without the product's help.

use bollard::{Docker, query_parameters::ListContainersOptionsBuilder};
use std::collections::HashMap;

/// Variables that name the sockets of engines under test: the first, and a second one.
pub const ENGINES: [&str; 2] = ["BELLJAR_TEST_ENGINE", "BELLJAR_TEST_SECOND_ENGINE"];

/// A container.
#[derive(Debug)]
pub struct Container {
    pub id: String,
    pub name: String,
    /// Its first process, as the engine sees it; 0 for one that has ended.
    pub pid: u32,
}

/// The containers that a process owns in all engines under test, also dead ones.
pub fn containers(of: u32) -> Vec<Container> {
    let sockets: Vec<String> = ENGINES.iter().filter_map(|name| std::env::var(name).ok()).collect();
    let list = async move {
        let mut found = Vec::new();
        for socket in sockets {
            found.extend(at(&socket, of).await.unwrap_or_default());
        }
        found
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(list)).join().unwrap()
}

async fn at(socket: &str, of: u32) -> Option<Vec<Container>> {
    let docker = Docker::connect_with_unix(socket, 30, bollard::API_DEFAULT_VERSION).ok()?;
    let docker = docker.negotiate_version().await.ok()?;
    let filters = HashMap::from([("label".to_owned(), vec!["belljar.owner".to_owned()])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let mut found = Vec::new();
    for one in docker.list_containers(Some(options)).await.ok()? {
        let owner = one.labels.and_then(|labels| labels.get("belljar.owner").cloned()).unwrap_or_default();
        let Some(id) = one.id.filter(|_| owner.starts_with(&format!("{of}-"))) else { continue };
        // One that is removed meanwhile is none.
        let Ok(more) = docker.inspect_container(&id, None).await else { continue };
        let pid = more.state.and_then(|state| state.pid).unwrap_or_default();
        let name = more.name.unwrap_or_default();
        found.push(Container { id, name, pid: u32::try_from(pid).unwrap_or_default() });
    }
    Some(found)
}
