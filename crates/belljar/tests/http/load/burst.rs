//! Ten thousand requests at once: all are answered, most of them with a wish to come back later.

use super::raw;
use crate::server::Server;
use crate::traces::{Traces, memory};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const REQUESTS: usize = 10_000;
/// Descriptors that the test itself needs besides.
const OTHERS: u64 = 200;
/// The server's memory, in KiB: two thousand connections at least, and what they sent.
const MEMORY_KIB_MAX: u64 = 512 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_at_once() {
    let Some(server) = Server::start(&["--queue", "100", "--queue-wait", "10", "--warm-max", "2"]) else {
        return;
    };
    server.warm(2).await;
    let before = Traces::of(server.child.id(), server.folder.path());
    let count = raise(REQUESTS);
    let body = r#"{"code": "print(1)"}"#;
    let request = Arc::new(raw::head(&server.address, "/v1/executions", body.len()) + body);
    let (ready, began) = (Arc::new(Barrier::new(count)), Instant::now());
    let mut all = JoinSet::new();
    for _ in 0..count {
        let (ready, address, request) = (ready.clone(), server.address.clone(), request.clone());
        all.spawn(async move {
            ready.wait().await;
            raw::exchange(&address, request.as_bytes()).await
        });
    }
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    while let Some(answer) = all.join_next().await {
        let answer = answer.unwrap().unwrap();
        let status = raw::status(&answer);
        *statuses.entry(status).or_default() += 1;
        match status {
            200 => assert!(answer.contains(r#""stdout":"1\n""#), "{answer}"),
            429 => assert!(answer.contains("retry-after: "), "{answer}"),
            _ => panic!("{answer:?} after {statuses:?}"),
        }
    }
    let (_, peak) = memory(server.child.id());
    eprintln!("{count} at once: {statuses:?} in {:.1?}, {} MiB at most", began.elapsed(), peak >> 10);
    assert!(statuses[&200] >= 50 && statuses.contains_key(&429), "{statuses:?}");
    assert!(peak < MEMORY_KIB_MAX, "{peak} KiB");
    super::settled(&server, &before).await;
}

/// As many requests as this process may have connections for, which is told where it is fewer.
fn raise(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let free = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(OTHERS);
    let count = wanted.min(usize::try_from(free).unwrap_or(usize::MAX));
    if count < wanted {
        eprintln!("only {count} connections are allowed here");
    }
    count
}
