//! Many clients at once, good ones and hostile ones, for a while: every request is answered, and nothing is left.
//!
//! A few seconds in every test run; `cargo xtask load` does the same for a minute with two hundred clients.

mod acts;
mod burst;
mod raw;
mod scene;

use crate::server::{Server, signal};
use crate::traces::{Traces, memory};
use rustix::process::Signal;
use scene::Scene;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long after the end of the time the last answers may take: the longest wait, and what runs then.
const PATIENCE: Duration = Duration::from_secs(60);
/// The server's memory, in KiB: bodies (256 MiB), what is kept of old executions (128), what waits for the journal (64), and
/// what threads of the allocator hold between them.
const MEMORY_KIB_MAX: u64 = 768 << 10;
/// Descriptors that a server may have opened for good under load: connections to its journal.
const DESCRIPTORS_MORE: usize = 32;
// As many sandboxes are ready afterwards as before.
const OPTIONS: [&str; 12] = [
    "--queue",
    "64",
    "--queue-wait",
    "5",
    "--ttl",
    "30",
    "--sandboxes",
    "30",
    "--grace",
    "5",
    "--warm-max",
    "2",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_clients_for_a_while() {
    load(24, Duration::from_secs(10)).await;
}

/// `cargo xtask load` runs this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: cargo xtask load"]
async fn two_hundred_clients() {
    let seconds = std::env::var("BELLJAR_TEST_LOAD_SECONDS").ok().and_then(|text| text.parse().ok());
    load(200, Duration::from_secs(seconds.unwrap_or(60))).await;
}

async fn load(clients: usize, time: Duration) {
    let mounts = Traces::of(0, "/".as_ref()).mounts;
    let Some(mut server) = Server::start(&OPTIONS) else { return };
    let pid = server.child.id();
    server.warm(2).await;
    let before = Traces::of(pid, server.folder.path());
    let scene = Arc::new(Scene::new(&server.address));
    let end = Instant::now() + time;
    let mut all = JoinSet::new();
    for client in 0..clients {
        let scene = scene.clone();
        all.spawn(async move {
            let mut round = client;
            while Instant::now() < end {
                acts::act(&scene, round).await;
                round += 1;
            }
        });
    }
    let joined = tokio::time::timeout(time + PATIENCE, async { while all.join_next().await.is_some() {} });
    assert!(joined.await.is_ok(), "clients hang: {}", scene.told());
    let (_, peak) = memory(pid);
    eprintln!("{clients} clients, {time:?}; server's memory {} MiB at most\n{}", peak >> 10, scene.told());
    assert!(scene.failures().is_empty(), "{:#?}", scene.failures());
    assert!(peak < MEMORY_KIB_MAX, "{peak} KiB");
    assert!(scene.count("good", 200) >= 20, "{}", scene.told());
    drop(scene);
    settled(&server, &before).await;
    let running = Traces::of(pid, server.folder.path());
    signal(&server, Signal::TERM);
    assert_eq!(server.end().await, Some(0));
    running.gone().await;
    let after = Traces::of(pid, server.folder.path());
    assert_eq!((after.groups.len(), after.mounts), (0, mounts));
    assert!(after.files.is_empty() && server.locks() == 0, "{after:?}");
}

/// Waits until the server has no more than before, but for what it keeps open for good.
async fn settled(server: &Server, before: &Traces) {
    server.idle().await;
    server.warm(2).await;
    let mut now = before.clone();
    for _ in 0..200 {
        now = Traces::of(server.child.id(), server.folder.path());
        let more = now.processes.len() > before.processes.len()
            || now.groups.len() > before.groups.len()
            || now.mounts > before.mounts
            || now.descriptors > before.descriptors + DESCRIPTORS_MORE
            || now.files != before.files;
        if !more {
            eprintln!("descriptors: {} before, {} after", before.descriptors, now.descriptors);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("before: {before:#?}\nnow: {now:#?}");
}
