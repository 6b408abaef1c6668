//! Sandboxes that are kept, with contexts and commands in them.

use crate::server::{Server, events, json, text};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_context_keeps_its_variables_until_it_is_restarted() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let context = server.context(&sandbox).await;
    let run = async |context: &str, code: &str| {
        server.post(&format!("{context}/executions"), json!({"code": code})).await.1
    };
    run(&context, "x = 20").await;
    assert_eq!(run(&context, "x + 1").await["results"][0]["data"]["text/plain"], "21");

    let (status, fresh) = server.post(&format!("{context}/restart"), json!({})).await;
    assert_eq!(status, 201, "{fresh}");
    let fresh = format!("{sandbox}/contexts/{}", text(&fresh, "id"));
    assert_eq!(run(&fresh, "x").await["error"]["name"], "NameError");
    assert_eq!(server.post(&format!("{context}/executions"), json!({"code": "1"})).await.0, 404);

    let slow = json!({"code": "import time; time.sleep(60)", "detached": true});
    let (_, running) = server.post(&format!("{fresh}/executions"), slow.clone()).await;
    let (status, busy) = server.post(&format!("{fresh}/executions"), json!({"code": "1"})).await;
    assert_eq!((status, &busy["code"]), (409, &json!("context_busy")));
    let (status, interrupted) = server.post(&format!("{fresh}/interrupt"), json!({})).await;
    assert_eq!((status, &interrupted["id"]), (202, &running["id"]));
    let place = format!("/v1/executions/{}?wait_ms=10000", text(&running, "id"));
    assert_eq!(server.get(&place).await.1["outcome"]["status"], "cancelled");
    assert_eq!(server.post(&format!("{fresh}/interrupt"), json!({})).await.0, 204);

    let (_, list) = server.get(&format!("{sandbox}/contexts")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.delete(&fresh).await.0, 204);
    assert_eq!(server.delete(&fresh).await.0, 404);
    assert_eq!(server.delete(&sandbox).await.0, 204);
    server.idle().await;
}

#[tokio::test]
async fn a_context_is_forked_with_its_variables_and_files() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let context = server.context(&sandbox).await;
    let run = async |context: &str, code: &str| {
        let (status, outcome) = server.post(&format!("{context}/executions"), json!({ "code": code })).await;
        assert_eq!((status, &outcome["status"]), (200, &json!("ok")), "{outcome}");
        outcome["stdout"].as_str().unwrap().to_owned()
    };
    run(&context, "x = [1]; open('f.txt', 'w').write('parent'); log = open('log.txt', 'w')").await;
    let (status, forked) = server.post(&format!("{context}/fork"), json!({ "count": 2 })).await;
    assert_eq!(status, 201, "{forked}");
    assert_eq!(forked["report"]["files"][0], json!({ "path": "/workspace/log.txt", "writable": true }));
    let ids: Vec<&str> =
        forked["contexts"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    for id in &ids {
        let fork = format!("{sandbox}/contexts/{id}");
        assert_eq!(
            run(&fork, &format!("x.append('{id}'); open('f.txt', 'w').write('{id}'); print(len(x))")).await,
            "2\n"
        );
        let url = format!("{sandbox}/files/f.txt?context={id}");
        let read = server.request(Method::GET, &url).send().await.unwrap();
        assert_eq!(read.text().await.unwrap(), **id);
    }
    assert_eq!(run(&context, "print(x, open('f.txt').read())").await, "[1] parent\n");
    run(&context, "import threading; done = threading.Event(); threading.Thread(target=done.wait).start()")
        .await;
    let (status, problem) = server.post(&format!("{context}/fork"), json!({})).await;
    let told = (status, problem["code"].as_str(), problem["reason"].as_str());
    assert_eq!(told, (409, Some("fork_refused"), Some("threads")), "{problem}");
    for body in [json!({ "count": 0 }), json!({ "count": 65 })] {
        assert_eq!(server.post(&format!("{context}/fork"), body).await.0, 400);
    }
    // What each has is told, and what is shared counts in part.
    let grown = format!("{sandbox}/contexts/{}", ids[1]);
    run(&grown, "hoard = b'x' * (40 << 20)").await;
    let memory = async |id: &str| server.get(id).await.1["memory_bytes"].as_u64().unwrap() >> 20;
    let (grown, other) = (memory(&grown).await, memory(&format!("{sandbox}/contexts/{}", ids[0])).await);
    assert!(grown >= other + 38 && other < 60, "{grown} MiB and {other} MiB");
    assert_eq!(server.delete(&format!("{sandbox}/contexts/{}", ids[0])).await.0, 204);
    let read = server
        .request(Method::GET, &format!("{sandbox}/files/f.txt?context={}", ids[0]))
        .send()
        .await
        .unwrap();
    assert_eq!(read.status(), 404);
    server.delete(&sandbox).await;
    server.idle().await;
}

#[tokio::test]
async fn forks_end_with_their_parent_or_live_on() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let place = |id: &str| format!("{sandbox}/contexts/{id}");
    let fork = async |of: &str| {
        let (status, forked) = server.post(&format!("{}/fork", place(of)), json!({})).await;
        assert_eq!((status, &forked["contexts"][0]["parent"]), (201, &json!(of)), "{forked}");
        text(&forked["contexts"][0], "id")
    };
    let parent = async |id: &str| server.get(&place(id)).await.1["parent"].as_str().map(str::to_owned);
    let alive = async || {
        let (_, listed) = server.get(&format!("{sandbox}/contexts")).await;
        let mut ids: Vec<String> =
            listed["items"].as_array().unwrap().iter().map(|one| text(one, "id")).collect();
        ids.sort();
        ids
    };
    let root = server.context(&sandbox).await.rsplit('/').next().unwrap().to_owned();
    let (left, other) = (fork(&root).await, fork(&root).await);
    let below = fork(&left).await;
    let deepest = fork(&below).await;
    // Those of one that goes are its parent's.
    assert_eq!(server.delete(&place(&below)).await.0, 204);
    assert_eq!(parent(&deepest).await.as_deref(), Some(left.as_str()));
    // One that goes back is another one, and they are its own.
    let (_, checkpoint) = server.post(&format!("{}/checkpoints", place(&left)), json!({})).await;
    let back = json!({ "checkpoint": checkpoint["id"] });
    let (status, went_on) = server.post(&format!("{}/rollback", place(&left)), back).await;
    let heir = text(&went_on, "id");
    assert_eq!((status, went_on["parent"].as_str()), (201, Some(root.as_str())), "{went_on}");
    assert_eq!(parent(&deepest).await.as_deref(), Some(heir.as_str()));
    assert_eq!(server.delete(&format!("{}?forks=some", place(&heir))).await.0, 400);
    assert_eq!(server.delete(&format!("{}?forks=all", place(&heir))).await.0, 204);
    let mut rest = [root.clone(), other];
    rest.sort();
    assert_eq!(alive().await, rest);
    assert_eq!(server.delete(&format!("{}?forks=all", place(&root))).await.0, 204);
    assert!(alive().await.is_empty());
    server.delete(&sandbox).await;
    server.idle().await;
}

#[tokio::test]
async fn a_context_goes_back_to_a_checkpoint() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let mut context = server.context(&sandbox).await;
    let run = async |context: &str, code: &str| {
        let (status, outcome) = server.post(&format!("{context}/executions"), json!({ "code": code })).await;
        assert_eq!(status, 200, "{outcome}");
        outcome["stdout"].as_str().unwrap().to_owned()
    };
    run(&context, "import random; x = [1]; open('f.txt', 'w').write('one')").await;
    let (status, made) = server.post(&format!("{context}/checkpoints"), json!({})).await;
    assert_eq!(status, 201, "{made}");
    let draw = "print(random.random())";
    let drawn = run(&context, draw).await;
    // Twice: a checkpoint stays.
    for _ in 0..2 {
        run(&context, "x.append(2); open('f.txt', 'w').write('two'); 1 / 0").await;
        assert_eq!(run(&context, "print(x, open('f.txt').read())").await, "[1, 2] two\n");
        let back = json!({ "checkpoint": made["id"] });
        let (status, went_on) = server.post(&format!("{context}/rollback"), back.clone()).await;
        assert_eq!(status, 201, "{went_on}");
        assert_eq!(server.post(&format!("{context}/rollback"), back).await.0, 404, "it has ended");
        context = format!("{sandbox}/contexts/{}", text(&went_on, "id"));
        assert_eq!(run(&context, "print(x, open('f.txt').read())").await, "[1] one\n");
        assert_eq!(run(&context, draw).await, drawn);
    }
    let (_, listed) = server.get(&format!("{context}/checkpoints")).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["items"][0]["id"], made["id"]);
    let checkpoint = format!("{context}/checkpoints/{}", text(&made, "id"));
    assert_eq!(server.delete(&checkpoint).await.0, 204);
    assert_eq!(server.delete(&checkpoint).await.0, 404);
    let (status, _) = server.post(&format!("{context}/rollback"), json!({ "checkpoint": made["id"] })).await;
    assert_eq!(status, 404);
    server.delete(&sandbox).await;
    server.idle().await;
}

#[tokio::test]
async fn executions_are_undone_where_that_was_asked_for() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let (status, made) = server.post(&format!("{sandbox}/contexts"), json!({ "undo": 3 })).await;
    assert_eq!(status, 201, "{made}");
    let mut context = format!("{sandbox}/contexts/{}", text(&made, "id"));
    let run = async |context: &str, code: &str| {
        let (status, outcome) = server.post(&format!("{context}/executions"), json!({ "code": code })).await;
        assert_eq!(status, 200, "{outcome}");
        outcome["stdout"].as_str().unwrap().to_owned()
    };
    for number in 1..=5 {
        run(&context, &format!("x = {number}; open('f.txt', 'w').write('{number}')")).await;
    }
    let look = "print(x, open('f.txt').read())";
    for (steps, seen) in [(1, "4 4\n"), (2, "2 2\n")] {
        let (status, went_on) = server.post(&format!("{context}/undo"), json!({ "steps": steps })).await;
        assert_eq!(status, 201, "{went_on}");
        context = format!("{sandbox}/contexts/{}", text(&went_on, "id"));
        // What looks is no step that anybody undoes.
        let (status, fork) = server.post(&format!("{context}/fork"), json!({})).await;
        assert_eq!(status, 201, "{fork}");
        let fork = format!("{sandbox}/contexts/{}", text(&fork["contexts"][0], "id"));
        assert_eq!(run(&fork, look).await, seen);
    }
    // Three states were kept, and all are used up.
    let (status, problem) = server.post(&format!("{context}/undo"), json!({})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("conflict")), "{problem}");
    assert_eq!(run(&context, look).await, "2 2\n");
    // The sandbox's own files are those of the context.
    let file = server.request(Method::GET, &format!("{sandbox}/files/f.txt")).send().await.unwrap();
    assert_eq!(file.text().await.unwrap(), "2");
    let plain = server.context(&sandbox).await;
    assert_eq!(server.post(&format!("{plain}/undo"), json!({})).await.0, 409);
    let (status, _) = server.post(&format!("{sandbox}/contexts"), json!({ "undo": 65 })).await;
    assert_eq!(status, 400);
    server.delete(&sandbox).await;
    server.idle().await;
}

#[tokio::test]
async fn sandboxes_that_nobody_uses_are_paused_until_somebody_does() {
    let Some(server) = Server::start(&[]) else { return };
    let (status, made) = server.post("/v1/sandboxes", json!({ "pause_after_seconds": 1 })).await;
    assert_eq!((status, &made["paused"], &made["pause_after_seconds"]), (201, &json!(false), &json!(1)));
    let sandbox = format!("/v1/sandboxes/{}", text(&made, "id"));
    let context = server.context(&sandbox).await;
    let run = async |code: &str| {
        let (status, outcome) = server.post(&format!("{context}/executions"), json!({ "code": code })).await;
        assert_eq!(status, 200, "{outcome}");
        outcome["stdout"].as_str().unwrap().to_owned()
    };
    let count = "import threading, time\nticks = 0\ndef tick():\n    global ticks\n    while True: ticks += 1; time.sleep(0.01)\n\
                 threading.Thread(target=tick, daemon=True).start()\ntime.sleep(1.5); print(ticks > 10)";
    // While it is used it goes on.
    let began = Instant::now();
    assert_eq!(run(count).await, "True\n");
    let paused = async || server.get(&sandbox).await.1["paused"] == json!(true);
    while !paused().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The thread stood still, and goes on with the next request.
    let ticks: u32 = run("print(ticks)").await.trim().parse().unwrap();
    let went_on = began.elapsed() - Duration::from_millis(1900);
    assert!(ticks <= went_on.as_millis() as u32 / 10, "{ticks} ticks of 10 ms in {went_on:?}");
    assert!(!paused().await);
    // By hand, also twice, and while a file is asked for.
    for _ in 0..2 {
        let (status, view) = server.post(&format!("{sandbox}/pause"), json!({})).await;
        assert_eq!((status, &view["paused"]), (200, &json!(true)));
    }
    let file = server.request(Method::PUT, &format!("{sandbox}/files/f.txt")).body("f").send().await.unwrap();
    assert!(file.status().is_success() && !paused().await);
    server.post(&format!("{sandbox}/pause"), json!({})).await;
    for _ in 0..2 {
        let (status, view) = server.post(&format!("{sandbox}/resume"), json!({})).await;
        assert_eq!((status, &view["paused"]), (200, &json!(false)));
    }
    server.post(&format!("{sandbox}/pause"), json!({})).await;
    assert_eq!(server.delete(&sandbox).await.0, 204, "one that stands still can be destroyed");
    server.idle().await;
}

#[tokio::test]
async fn sandboxes_are_listed_changed_and_expire() {
    let Some(server) = Server::start(&["--sandboxes", "3"]) else { return };
    let mut ids = Vec::new();
    for team in ["a", "b", "a"] {
        let body =
            json!({"metadata": {"team": team}, "ttl_seconds": 60, "limits": {"memory_bytes": 134217728}});
        ids.push(text(&server.post("/v1/sandboxes", body).await.1, "id"));
    }
    let (status, full) = server.post("/v1/sandboxes", json!({})).await;
    assert_eq!((status, &full["code"]), (429, &json!("sandboxes_full")));
    let of = |list: &Value| {
        list["items"].as_array().unwrap().iter().map(|one| text(one, "id")).collect::<Vec<_>>()
    };
    let (_, first) = server.get("/v1/sandboxes?limit=2").await;
    let (_, rest) =
        server.get(&format!("/v1/sandboxes?limit=2&cursor={}", text(&first, "next_cursor"))).await;
    let mut all = [of(&first), of(&rest)].concat();
    assert!(all.is_sorted() && rest["next_cursor"].is_null());
    all.sort();
    let mut known = ids.clone();
    known.sort();
    assert_eq!(all, known);
    assert_eq!(of(&server.get("/v1/sandboxes?metadata=team=a").await.1).len(), 2);
    for query in ["limit=0", "limit=x", "cursor=x", "metadata=x", "nonsense=1"] {
        let status = server.get(&format!("/v1/sandboxes?{query}")).await.0;
        assert!((400..=404).contains(&status), "{query}: {status}");
    }

    let place = format!("/v1/sandboxes/{}", ids[0]);
    let change = async |body: Value| {
        json(server.request(Method::PATCH, &place).json(&body).send().await.unwrap()).await
    };
    let (status, changed) = change(json!({"ttl_seconds": 1, "metadata": {"x": "y"}})).await;
    assert_eq!((status, &changed["metadata"]), (200, &json!({"x": "y"})));
    assert_eq!(change(json!({"ttl_seconds": 0})).await.0, 400);
    let began = Instant::now();
    while server.get(&place).await.0 == 200 {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() > Duration::from_millis(800));
    assert_eq!(server.get(&format!("/v1/sandboxes/{}/metrics", ids[1])).await.0, 200);
}

#[tokio::test]
async fn commands_stream_read_and_take_signals() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let commands = format!("{sandbox}/commands");
    let (_, outcome) = server.post(&commands, json!({"command": "echo a; echo b >&2; exit 3"})).await;
    assert_eq!(
        (&outcome["stdout"], &outcome["stderr"], &outcome["exit_code"]),
        (&json!("a\n"), &json!("b\n"), &json!(3))
    );
    let (_, outcome) = server.post(&commands, json!({"argv": ["/bin/echo", "$HOME"]})).await;
    assert_eq!(outcome["stdout"], "$HOME\n");
    assert_eq!(server.post(&commands, json!({"command": "a", "argv": ["b"]})).await.0, 400);

    let (status, cat) =
        server.post(&commands, json!({"command": "cat", "stdin_open": true, "background": true})).await;
    assert_eq!(status, 202);
    let place = format!("{commands}/{}", text(&cat, "id"));
    for (path, body) in [("/stdin", "one\n"), ("/stdin?end=true", "two\n")] {
        let sent = server.request(Method::POST, &format!("{place}{path}")).body(body).send().await.unwrap();
        assert_eq!(sent.status(), 204);
    }
    let ask = server.request(Method::GET, &place).header("accept", "text/event-stream").send().await.unwrap();
    let told = events(&ask.text().await.unwrap());
    let said: String = told.iter().filter_map(|(_, _, data)| data["text"].as_str()).collect();
    assert_eq!(said, "one\ntwo\n");
    let late = server.request(Method::POST, &format!("{place}/stdin")).body("x").send().await.unwrap();
    assert_eq!(late.status(), 409);

    let (_, sleeps) = server.post(&commands, json!({"command": "sleep 60", "background": true})).await;
    let place = format!("{commands}/{}", text(&sleeps, "id"));
    assert_eq!(server.post(&format!("{place}/signal"), json!({"signal": "SIGNONE"})).await.0, 400);
    assert_eq!(server.post(&format!("{place}/signal"), json!({"signal": "SIGTERM"})).await.0, 204);
    let ended = format!("/v1/executions/{}?wait_ms=10000", text(&sleeps, "id"));
    assert_eq!(server.get(&ended).await.1["outcome"]["exit_code"], 143);
    assert_eq!(server.get(&commands).await.1["items"].as_array().unwrap().len(), 4);
    let (_, sleeps) = server.post(&commands, json!({"command": "sleep 60", "background": true})).await;
    assert_eq!(server.delete(&format!("{commands}/{}", text(&sleeps, "id"))).await.1["status"], "cancelled");
    let other = server.sandbox().await;
    assert_eq!(server.get(&format!("{other}/commands/{}", text(&sleeps, "id"))).await.0, 404);
}
