//! What clients do, one act after the other: decent ones, and those that no server should have to meet.

use super::{raw, scene::Scene};
use crate::server::{events, text};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const FORKS: &str = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass";
const FLOOD: &str = "while True: print('x' * 10000)";
const HOG: &str = "kept = []\nwhile True: kept.append(bytearray(1 << 20))";
const SLOW: &str = "import time; time.sleep(30)";
const TICKS: &str = "import time\nfor i in range(5):\n    print(i, flush=True)\n    time.sleep(0.05)";
const FILE_BYTES: usize = 1 << 20;
const HEAD_BYTES: usize = 200 << 10;
const NESTED: usize = 1 << 20;
const STRANGER: &str = "sbx_00000000000000000000000000000000";

/// Does the act whose turn it is.
pub async fn act(scene: &Scene, round: usize) {
    match round % 14 {
        0 | 5 => good(scene, round).await,
        1 => ends(scene, "endless", json!({"code": "while True: pass", "limits": {"timeout_ms": 300}})).await,
        2 => ends(scene, "forks", json!({"code": FORKS, "limits": {"timeout_ms": 300, "pids": 32}})).await,
        3 => ends(scene, "flood", json!({"code": FLOOD, "limits": {"timeout_ms": 300}})).await,
        4 => {
            let limits = json!({"timeout_ms": 3000, "memory_bytes": 64 << 20, "disk_bytes": 16 << 20});
            ends(scene, "hog", json!({"code": HOG, "limits": limits})).await;
        }
        6 => leaves(scene, round).await,
        7 => dawdles(scene).await,
        8 => shouts(scene).await,
        9 => strangers(scene).await,
        10 => nests(scene).await,
        11 => keeps(scene, round).await,
        12 => reconnects(scene).await,
        _ => detaches(scene).await,
    }
}

async fn one_shot(scene: &Scene, act: &'static str, body: Value) -> Option<Value> {
    let (status, body) = scene.ask(act, scene.request(Method::POST, "/v1/executions").json(&body)).await?;
    scene.check(matches!(status, 200 | 202 | 429), act, &(status, &body));
    (status != 429).then_some(body)
}

async fn good(scene: &Scene, round: usize) {
    let Some(outcome) = one_shot(scene, "good", json!({"code": format!("print({round} * 2)")})).await else {
        return;
    };
    scene.check(outcome["stdout"] == format!("{}\n", round * 2), "good", &outcome);
}

/// Code that does not end well is an outcome.
async fn ends(scene: &Scene, act: &'static str, body: Value) {
    let Some(outcome) = one_shot(scene, act, body).await else { return };
    let fair = ["timeout", "out_of_memory", "error", "killed"];
    scene.check(fair.iter().any(|status| outcome["status"] == *status), act, &outcome);
}

/// Goes away in the middle of an execution.
async fn leaves(scene: &Scene, round: usize) {
    let body = json!({ "code": SLOW }).to_string();
    let request = raw::head(&scene.address, "/v1/executions", body.len()) + &body;
    let after = Duration::from_millis(20 * (round as u64 % 10));
    if let Err(why) = raw::leave(&scene.address, request.as_bytes(), after).await {
        scene.fail(format!("leaves: {why}"));
    }
    scene.count_in("leaves", 0);
}

/// Promises a body and sends half of it.
async fn dawdles(scene: &Scene) {
    let request = raw::head(&scene.address, "/v1/executions", 1000) + "{\"code\":";
    if let Err(why) = raw::leave(&scene.address, request.as_bytes(), Duration::from_millis(500)).await {
        scene.fail(format!("dawdles: {why}"));
    }
    scene.count_in("dawdles", 0);
}

/// Sends a head that is larger than any may be.
async fn shouts(scene: &Scene) {
    let head = raw::head(&scene.address, "/v1/executions", 0);
    let request = head.replace("\r\n\r\n", &format!("\r\nx-loud: {}\r\n\r\n", "a".repeat(HEAD_BYTES)));
    match raw::exchange(&scene.address, request.as_bytes()).await {
        Ok(answer) => {
            let status = raw::status(&answer);
            scene.count_in("shouts", status);
            scene.check(matches!(status, 0 | 431), "shouts", &answer);
        }
        Err(why) => scene.fail(format!("shouts: {why}")),
    }
}

/// A wrong key, and a sandbox that is nobody's.
async fn strangers(scene: &Scene) {
    let wrong = scene.request(Method::GET, "/v1/sandboxes").bearer_auth(format!("blj_{}", "0".repeat(73)));
    if let Some((status, problem)) = scene.ask("wrong key", wrong).await {
        scene.check(status == 401, "wrong key", &problem);
    }
    let foreign = scene.request(Method::GET, &format!("/v1/sandboxes/{STRANGER}/files?list"));
    if let Some((status, problem)) = scene.ask("foreign", foreign).await {
        scene.check(status == 404, "foreign", &problem);
    }
}

/// JSON as deep as it is long, and code that is one long comment.
async fn nests(scene: &Scene) {
    let request = scene.request(Method::POST, "/v1/executions").header("content-type", "application/json");
    if let Some((status, problem)) = scene.ask("nested", request.body("[".repeat(NESTED))).await {
        scene.check(status == 400, "nested", &problem);
    }
    one_shot(scene, "long code", json!({"code": "#".repeat(NESTED)})).await;
}

/// Makes a sandbox, uses it in every way and deletes it.
async fn keeps(scene: &Scene, round: usize) {
    let limits = json!({"memory_bytes": 128 << 20, "disk_bytes": 16 << 20});
    let request = scene.request(Method::POST, "/v1/sandboxes").json(&json!({ "limits": limits }));
    let Some((201, made)) = scene.ask("sandbox", request).await else { return };
    let place = format!("/v1/sandboxes/{}", text(&made, "id"));
    let bytes = vec![round as u8; FILE_BYTES];
    let file = format!("{place}/files/some.bin");
    let upload = scene.request(Method::PUT, &file).body(bytes.clone());
    if let Some((status, written)) = scene.ask("upload", upload).await {
        scene.check(status == 201, "upload", &(status, written));
    }
    if let Some(response) = scene.send("download", scene.request(Method::GET, &file)).await {
        let same = response.bytes().await.is_ok_and(|got| got == bytes);
        scene.check(same, "download", &"other bytes");
    }
    let command = json!({"argv": ["wc", "-c", "some.bin"]});
    let run = scene.request(Method::POST, &format!("{place}/commands")).json(&command);
    if let Some((status, outcome)) = scene.ask("command", run).await {
        let right = outcome["stdout"] == format!("{FILE_BYTES} some.bin\n");
        scene.check(status == 429 || right, "command", &(status, outcome));
    }
    if let Some((status, gone)) = scene.ask("delete", scene.request(Method::DELETE, &place)).await {
        scene.check(status == 204, "delete", &(status, gone));
    }
}

/// Reads events in pieces, each time on a new connection.
async fn reconnects(scene: &Scene) {
    let Some(begun) = one_shot(scene, "begun", json!({"code": TICKS, "detached": true})).await else {
        return;
    };
    let place = format!("/v1/executions/{}", text(&begun, "id"));
    let mut seen: Vec<u64> = Vec::new();
    for _ in 0..100 {
        let mut ask = scene.request(Method::GET, &place).header("accept", "text/event-stream");
        if let Some(last) = seen.last() {
            ask = ask.header("last-event-id", last.to_string());
        }
        let Some(mut response) = scene.send("events", ask).await else { return };
        let piece = response.chunk().await.ok().flatten().unwrap_or_default();
        let told = events(&String::from_utf8_lossy(&piece));
        seen.extend(told.iter().map(|(id, ..)| *id));
        if told.iter().any(|(_, kind, _)| kind == "end") {
            let gapless = seen.iter().enumerate().all(|(at, id)| at as u64 == *id);
            return scene.check(gapless, "events", &seen);
        }
    }
    scene.fail(format!("events: no end after {seen:?}"));
}

/// Begins something that would take long, and stops it.
async fn detaches(scene: &Scene) {
    let Some(begun) = one_shot(scene, "detached", json!({"code": SLOW, "detached": true})).await else {
        return;
    };
    let place = format!("/v1/executions/{}", text(&begun, "id"));
    if let Some((status, outcome)) = scene.ask("stop", scene.request(Method::DELETE, &place)).await {
        scene.check(status == 200 && outcome["status"] == "cancelled", "stop", &(status, outcome));
    }
}
