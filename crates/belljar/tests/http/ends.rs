//! How a server ends: with a grace, in a hurry, or killed; and that nothing is left behind.

use crate::server::{Server, client, signal};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

/// Processes whose environment or command names this mark.
fn marked(mark: &str) -> usize {
    let lines = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let line = std::fs::read(path.join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    lines.filter(|line| line.contains(mark)).count()
}

async fn until(mark: &str, count: usize) {
    for _ in 0..200 {
        if marked(mark) == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} processes of the sandboxes, not {count}", marked(mark));
}

#[tokio::test]
async fn what_runs_may_end_within_the_grace() {
    let Some(mut server) = Server::start(&["--grace", "20"]) else { return };
    let body = json!({"code": "import time; print('up', flush=True); time.sleep(2); print('done')"});
    let (address, client) = (server.address.clone(), client());
    let running = tokio::spawn(async move {
        let sent = client.post(format!("http://{address}/v1/executions")).json(&body).send().await;
        sent.unwrap().json::<serde_json::Value>().await.unwrap()
    });
    server.sandbox().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    signal(&server, Signal::TERM);
    assert_eq!(running.await.unwrap()["stdout"], "up\ndone\n");
    assert_eq!(server.end().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_hurries() {
    let Some(mut server) = Server::start(&["--grace", "600"]) else { return };
    let mark = format!("sleep 98{}", std::process::id());
    let sandbox = server.sandbox().await;
    let command =
        json!({"argv": mark.split(' ').collect::<Vec<_>>(), "background": true, "timeout_ms": 600000});
    server.post(&format!("{sandbox}/commands"), command).await;
    let mark = mark.replace(' ', "\0");
    until(&mark, 1).await;
    signal(&server, Signal::TERM);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(server.child.try_wait().unwrap().is_none(), "it waits");
    let began = Instant::now();
    signal(&server, Signal::INT);
    assert_eq!(server.end().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    until(&mark, 0).await;
}

#[tokio::test]
async fn too_much_at_once_ends_in_answers() {
    let Some(server) = Server::start(&["--queue", "20", "--queue-wait", "20"]) else { return };
    let server = std::sync::Arc::new(server);
    let ask = |at: u32| {
        let server = server.clone();
        async move {
            server
                .post(
                    "/v1/executions",
                    json!({"code": format!("print({at})"), "limits": {"cpu_millis": 2000}}),
                )
                .await
        }
    };
    let asked: Vec<_> = (0..200).map(|at| tokio::spawn(ask(at))).collect();
    let mut counts = std::collections::BTreeMap::new();
    for (at, asked) in asked.into_iter().enumerate() {
        let (status, body) = asked.await.unwrap();
        *counts.entry(status).or_insert(0) += 1;
        match status {
            200 => assert_eq!(body["stdout"], format!("{at}\n"), "{body}"),
            429 => assert!(body["code"] == "busy" && body["queue"]["waiting_max"] == 20, "{body}"),
            _ => panic!("{status} {body}"),
        }
    }
    assert!(counts[&200] >= 20 && counts.contains_key(&429), "{counts:?}");
    server.idle().await;
}
