//! One-shots: outcomes, events from any place, one request for one key, what becomes of those whose client leaves.

use crate::server::{Server, events, json, text};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn code_that_fails_is_an_outcome() {
    let Some(server) = Server::start(&[]) else { return };
    let rows = [
        (json!({"code": "print(6*7)"}), "ok", 0, "42\n"),
        (json!({"code": "print('a')\n1/0"}), "error", 1, "a\n"),
        (
            json!({"code": "echo $A; cat; exit 4", "language": "bash", "env": {"A": "b"}, "stdin": "c"}),
            "error",
            4,
            "b\nc",
        ),
        (json!({"code": "import time; time.sleep(60)", "limits": {"timeout_ms": 200}}), "timeout", 124, ""),
        (json!({"code": "import os; os.system('id')", "policy": "strict"}), "denied", 126, ""),
        (
            json!({"code": "print(open('d/a.txt').read(), open('b', 'rb').read())",
                   "files": [{"path": "d/a.txt", "text": "ü"}, {"path": "b", "base64": "AP8="}]}),
            "ok",
            0,
            "ü b'\\x00\\xff'\n",
        ),
    ];
    for (body, status, exit, stdout) in rows {
        let (http, outcome) = server.post("/v1/executions", body.clone()).await;
        assert_eq!(http, 200, "{body}: {outcome}");
        assert_eq!(
            (&outcome["status"], &outcome["exit_code"]),
            (&json!(status), &json!(exit)),
            "{body}: {outcome}"
        );
        assert_eq!(outcome["stdout"], stdout, "{body}");
    }
    server.idle().await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_problems() {
    let Some(server) = Server::start(&[]) else { return };
    let rows = [
        (json!({}), 400, "body"),
        (json!({"code": 1}), 400, "body"),
        (json!({"code": "1", "nonsense": 1}), 400, "body"),
        (json!({"code": "1", "limits": {"memory": 1}}), 400, "body"),
        (json!({"code": "1", "limits": {"memory_bytes": 1}}), 400, "limits"),
        (json!({"code": "1", "language": "cobol"}), 400, "body"),
        (json!({"code": "1", "policy": "lax"}), 400, "request"),
        (json!({"code": "1", "require": "magic"}), 400, "request"),
        (json!({"code": "1", "require": "vm"}), 422, "below_required"),
        (json!({"code": "1", "template": "nope"}), 400, "template_unknown"),
        (json!({"code": "1", "backend": "nope"}), 400, "unknown_backend"),
        (json!({"code": "1", "env": {"A=B": "c"}}), 400, "request"),
        (json!({"code": "1", "files": [{"path": "a"}]}), 400, "request"),
        (json!({"code": "1", "files": [{"path": "", "text": "x"}]}), 400, "file"),
    ];
    for (body, status, code) in rows {
        let (http, problem) = server.post("/v1/executions", body.clone()).await;
        assert_eq!((http, &problem["code"]), (status, &json!(code)), "{body}: {problem}");
        assert_eq!(problem["status"], status);
        assert!(text(&problem, "detail").starts_with("cannot "), "{problem}");
        assert!(text(&problem, "request_id").starts_with("req_"), "{problem}");
    }
    let raw = server.request(Method::POST, "/v1/executions").header("content-type", "application/json");
    assert_eq!(json(raw.body("{").send().await.unwrap()).await.0, 400);
    let named =
        server.request(Method::GET, "/v1/nothing").header("x-request-id", "mine-1").send().await.unwrap();
    assert_eq!(named.headers()["x-request-id"], "mine-1");
    assert_eq!(named.headers()["content-type"], "application/problem+json");
    assert_eq!(json(named).await.1["request_id"], "mine-1");
    assert_eq!(json(server.request(Method::PUT, "/v1/executions").send().await.unwrap()).await.0, 405);
    server.idle().await;
}

const SLOW: &str = "import time\nfor i in range(6):\n    print(i, flush=True)\n    time.sleep(0.2)";

#[tokio::test]
async fn events_can_be_read_from_any_place() {
    let Some(server) = Server::start(&[]) else { return };
    let begun = server.request(Method::POST, "/v1/executions").header("accept", "text/event-stream");
    let response = begun.json(&json!({"code": SLOW, "detached": true})).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let place = response.headers()["location"].to_str().unwrap().to_owned();
    let mut response = response;
    let first = response.chunk().await.unwrap().unwrap();
    let seen = events(std::str::from_utf8(&first).unwrap());
    drop(response);

    // Two clients that come back: nothing is missed, nothing comes twice.
    let again = async || {
        let ask = server.request(Method::GET, &place).header("accept", "text/event-stream");
        let ask = ask.header("last-event-id", seen.last().unwrap().0.to_string());
        events(&ask.send().await.unwrap().text().await.unwrap())
    };
    let (one, other) = tokio::join!(again(), again());
    assert_eq!(one, other);
    let all: Vec<_> = seen.iter().chain(&one).collect();
    assert_eq!(all.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), (0..all.len() as u64).collect::<Vec<_>>());
    let said: String = all.iter().filter_map(|(_, _, data)| data["text"].as_str()).collect();
    assert_eq!(said, "0\n1\n2\n3\n4\n5\n");
    let (_, kind, end) = all.last().unwrap();
    assert_eq!((kind.as_str(), &end["outcome"]["status"]), ("end", &json!("ok")));

    let (_, view) = server.get(&place).await;
    assert_eq!((&view["state"], &view["outcome"]), (&json!("ended"), &end["outcome"]));
    let late = server
        .request(Method::GET, &place)
        .header("accept", "text/event-stream")
        .header("last-event-id", "999");
    assert_eq!(late.send().await.unwrap().text().await.unwrap(), "");
}

#[tokio::test]
async fn a_client_that_leaves_ends_a_plain_execution() {
    let Some(server) = Server::start(&[]) else { return };
    for accept in ["application/json", "text/event-stream"] {
        let ask = server.request(Method::POST, "/v1/executions").header("accept", accept);
        let ask = ask.json(&json!({"code": "import time; print(1, flush=True); time.sleep(60)"}));
        let left = tokio::time::timeout(Duration::from_secs(2), async {
            let mut response = ask.send().await.unwrap();
            while response.chunk().await.unwrap().is_some() {}
        });
        assert!(left.await.is_err(), "{accept}");
        server.idle().await;
    }
    let (_, recorded) = server.get("/v1/journal/executions").await;
    let ends: Vec<&Value> = recorded["items"].as_array().unwrap().iter().map(|run| &run["status"]).collect();
    assert_eq!(ends, ["cancelled", "cancelled"]);
}

#[tokio::test]
async fn a_detached_execution_is_waited_for_and_stopped() {
    let Some(server) = Server::start(&[]) else { return };
    let (status, view) = server.post("/v1/executions", json!({"code": SLOW, "detached": true})).await;
    assert_eq!((status, &view["state"]), (202, &json!("running")));
    let place = format!("/v1/executions/{}", text(&view, "id"));
    let (_, view) = server.get(&format!("{place}?wait_ms=20000")).await;
    assert_eq!((&view["state"], &view["outcome"]["status"]), (&json!("ended"), &json!("ok")));

    let (_, view) =
        server.post("/v1/executions", json!({"code": "while True: pass", "detached": true})).await;
    let (status, outcome) = server.delete(&format!("/v1/executions/{}", text(&view, "id"))).await;
    assert_eq!((status, &outcome["status"]), (200, &json!("cancelled")));
    for place in ["/v1/executions/exe_0", "/v1/executions/exe_00000000000000000000000000000000"] {
        assert_eq!(server.get(place).await.0, 404, "{place}");
    }
    server.idle().await;
}

#[tokio::test]
async fn one_key_one_execution() {
    let Some(server) = Server::start(&[]) else { return };
    let ask = async |key: &str, code: &str| {
        let ask = server.request(Method::POST, "/v1/executions").header("idempotency-key", key);
        json(ask.json(&json!({"code": code})).send().await.unwrap()).await
    };
    let code = "import time, random; time.sleep(0.5); print(random.random())";
    let (one, other) = tokio::join!(ask("a", code), ask("a", code));
    assert_eq!((one.0, &one), (200, &other));
    assert_eq!(ask("a", code).await, one);
    assert_ne!(ask("b", code).await.1["stdout"], one.1["stdout"]);
    assert_eq!(ask("a", "print(1)").await.1["code"], "not_the_same");
    assert_eq!(ask("", code).await.0, 400);

    // Whoever lost the connection comes back for the outcome.
    let lost = server.request(Method::POST, "/v1/executions").header("idempotency-key", "c");
    let lost = lost.json(&json!({"code": code})).timeout(Duration::from_millis(200));
    assert!(lost.send().await.is_err());
    let (status, outcome) = ask("c", code).await;
    assert_eq!((status, &outcome["status"]), (200, &json!("ok")), "{outcome}");
    let made = |name: &str| {
        let ask = server.request(Method::POST, "/v1/sandboxes").header("idempotency-key", name);
        async { json(ask.json(&json!({})).send().await.unwrap()).await.1 }
    };
    assert_eq!(text(&made("s").await, "id"), text(&made("s").await, "id"));
}
