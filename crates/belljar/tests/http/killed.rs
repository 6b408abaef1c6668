//! A server that is killed, again and again and at changing moments: nothing of it is left, the next one on the same data
//! folder works, and what ran is `lost` in the journal.

use crate::server::{Server, text};
use crate::traces::Traces;
use serde_json::{Value, json};
use std::time::Duration;

const ROUNDS: u64 = 6;
const SLOW: &str = "import time; print('up', flush=True); time.sleep(600)";

/// Begins what goes on for long: an execution of its own, one in a context, a command. Gives back their ids.
async fn begin(server: &Server) -> Vec<String> {
    let slow = json!({"code": SLOW, "detached": true});
    let limits = json!({"timeout_ms": 600_000, "memory_bytes": 128 << 20, "disk_bytes": 16 << 20});
    let mut one_shot = slow.clone();
    one_shot["limits"] = limits.clone();
    let (_, alone) = server.post("/v1/executions", one_shot).await;
    let (_, made) = server.post("/v1/sandboxes", json!({ "limits": limits })).await;
    let sandbox = format!("/v1/sandboxes/{}", text(&made, "id"));
    let context = server.context(&sandbox).await;
    let (_, inside) = server.post(&format!("{context}/executions"), slow).await;
    let command = json!({"argv": ["sleep", "600"], "background": true});
    let (_, command) = server.post(&format!("{sandbox}/commands"), command).await;
    [alone, inside, command].iter().map(|run| text(run, "id")).collect()
}

/// Whoever asks until the server is gone: then something is always half done.
async fn disturb(address: String) {
    let client = crate::server::client();
    loop {
        let sent = client.post(format!("http://{address}/v1/sandboxes")).json(&json!({"ttl_seconds": 5}));
        if sent.send().await.is_err() {
            return;
        }
        let one_shot = client.post(format!("http://{address}/v1/executions")).json(&json!({"code": "1"}));
        if one_shot.send().await.is_err() {
            return;
        }
    }
}

/// Waits until the journal knows all of these.
async fn recorded(server: &Server, ids: &[String]) -> Value {
    for _ in 0..200 {
        let (_, list) = server.get("/v1/journal/executions?limit=1000").await;
        if ids.iter().all(|id| status(&list, id).is_some()) {
            return list;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the journal never knew {ids:?}");
}

fn status(list: &Value, id: &str) -> Option<String> {
    let run = list["items"].as_array()?.iter().find(|run| run["id"] == id)?;
    run["status"].as_str().or(Some("")).map(str::to_owned)
}

#[tokio::test]
async fn nothing_of_a_killed_server_is_left_and_what_ran_is_lost() {
    let Some(mut server) = Server::start(&["--sandboxes", "20"]) else { return };
    let mounts = Traces::of(0, "/".as_ref()).mounts;
    let mut lost = Vec::new();
    for round in 0..ROUNDS {
        let ids = begin(&server).await;
        recorded(&server, &ids).await;
        let (_, kept) = server.get("/v1/sandboxes").await;
        // An ordinary user may have been given no control group.
        let walls = kept["items"][0]["isolation"]["walls"].as_array().cloned().unwrap_or_default();
        let grouped = walls.contains(&json!("cgroup"));
        let others = [0, 1, 2].map(|_| tokio::spawn(disturb(server.address.clone())));
        // Not a wait for anything: each round ends at another moment of what goes on.
        tokio::time::sleep(Duration::from_millis(round * 37)).await;
        let running = Traces::of(server.child.id(), server.folder.path());
        assert!(running.processes.len() >= 6, "{running:#?}");
        assert!(!running.groups.is_empty() || !grouped, "{running:#?}");
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        running.gone().await;
        for other in others {
            other.await.unwrap();
        }
        let after = Traces::of(server.child.id(), server.folder.path());
        assert!(after.groups.is_empty() && after.files.is_empty(), "round {round}: {after:#?}");
        assert_eq!(after.mounts, mounts, "round {round}");
        lost.extend(ids);
        let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
        server = Server::start_in(folder, &["--sandboxes", "20"]);
        let list = recorded(&server, &lost).await;
        for id in &lost {
            assert_eq!(status(&list, id).as_deref(), Some("lost"), "round {round}: {id} of {list}");
        }
        assert_eq!(server.locks(), 1, "round {round}: only the one that lives has a lock");
        let (_, outcome) = server.post("/v1/executions", json!({"code": "print(1)"})).await;
        assert_eq!(outcome["stdout"], "1\n", "round {round}: {outcome}");
    }
}
