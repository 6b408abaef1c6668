//! Streams and sessions over HTTP, and how they end: with their client, their session, their server.

use crate::cancels::{marker, sleeping, stubborn};
use crate::client::{processes, until};
use crate::http::{LEGACY, call, hello, last, post, result, session};
use crate::server::{Server, json};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_closed_ends_its_run() {
    let Some(server) = Server::start(&[]) else { return };
    for kept in [false, true] {
        let mut arguments = json!({ "code": stubborn(11) });
        if kept {
            let made = result(call(&server, "create_sandbox", json!({}))).await;
            arguments["sandbox"] = made["structuredContent"]["sandbox"].clone();
        }
        let mut stream = call(&server, "run_code", arguments.clone()).send().await.unwrap();
        let first = stream.chunk().await.unwrap().expect("progress");
        assert!(String::from_utf8_lossy(&first).contains("up\\n"), "{first:?}");
        until("the process runs", Duration::from_secs(5), || sleeping(11) == 1);
        drop(stream);
        let took = until("the process ends", Duration::from_secs(5), || sleeping(11) == 0);
        assert!(took < Duration::from_secs(1), "{took:?}");
        if kept {
            arguments["code"] = json!("print('again')");
            let after = result(call(&server, "run_code", arguments)).await;
            assert_eq!(after["structuredContent"]["stdout"], "again\n", "{after}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_before_an_answer_begins_ends_the_run_too() {
    let Some(server) = Server::start(&[]) else { return };
    let made = result(call(&server, "create_sandbox", json!({}))).await;
    let sandbox = &made["structuredContent"]["sandbox"];
    for (tool, mut arguments) in [
        ("run_code", json!({ "code": stubborn(16).replace("print('up', flush=True)", "") })),
        ("run_command", json!({ "command": format!("setsid sleep {} & sleep {0}", marker(16)) })),
    ] {
        for kept in [false, true] {
            if kept {
                arguments["sandbox"] = sandbox.clone();
            }
            let quiet = tokio::spawn(call(&server, tool, arguments.clone()).send());
            until("the process runs", Duration::from_secs(20), || sleeping(16) >= 1);
            quiet.abort();
            let took = until("the process ends", Duration::from_secs(5), || sleeping(16) == 0);
            assert!(took < Duration::from_secs(1), "{tool} {kept}: {took:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_told_what_is_not_wanted_any_more() {
    let Some(server) = Server::start(&[]) else { return };
    let session = session(&server, None).await;
    let send = async |body: &Value| {
        let request = post(&server, body).header("mcp-session-id", &session);
        request.header("mcp-protocol-version", LEGACY).send().await.unwrap()
    };
    let params =
        json!({ "name": "run_code", "arguments": { "code": stubborn(12) }, "_meta": { "progressToken": 1 } });
    let _stream = send(&json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params })).await;
    until("the process runs", Duration::from_secs(20), || sleeping(12) == 1);
    let params = json!({ "requestId": 5, "reason": "no more interest" });
    send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })).await;
    let took = until("the process ends", Duration::from_secs(5), || sleeping(12) == 0);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_and_its_sandboxes_stay() {
    let Some(server) = Server::start(&[]) else { return };
    let ask = async |session: &str, tool: &str, arguments: Value| {
        let params = json!({ "name": tool, "arguments": arguments });
        let body = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params });
        post(&server, &body).header("mcp-session-id", session).send().await.unwrap()
    };
    let first = session(&server, None).await;
    let made = last(ask(&first, "create_sandbox", json!({})).await).await;
    let sandbox = &made["result"]["structuredContent"]["sandbox"];
    let run = |code: &str| json!({ "sandbox": sandbox, "code": code });
    last(ask(&first, "run_code", run("x = 41")).await).await;
    let _running =
        ask(&first, "run_command", json!({ "command": format!("sleep {}", marker(14)), "sandbox": sandbox }))
            .await;
    until("the command runs", Duration::from_secs(20), || sleeping(14) == 1);
    let end = server.request(Method::DELETE, "/mcp").header("mcp-session-id", &first).send().await.unwrap();
    assert!(end.status().is_success(), "{end:?}");
    // It may still answer for a few seconds.
    until("what ran in the session ends", Duration::from_secs(10), || sleeping(14) == 0);
    assert_eq!(ask(&first, "run_code", run("x")).await.status(), 404);
    let second = session(&server, None).await;
    let again = last(ask(&second, "run_code", run("x + 1")).await).await;
    let results = &again["result"]["structuredContent"]["results"];
    assert_eq!(results[0]["data"]["text/plain"], "42", "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_bounded() {
    let Some(server) = Server::start(&[]) else { return };
    let first = session(&server, None).await;
    for _ in 1..1000 {
        assert_eq!(hello(&server).send().await.unwrap().status(), 200);
    }
    let (status, problem) = json(hello(&server).send().await.unwrap()).await;
    assert_eq!((status, &problem["code"]), (429, &json!("sessions")));
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let ask = || post(&server, &list).header("mcp-session-id", &first).send();
    assert!(last(ask().await.unwrap()).await["result"]["tools"].is_array(), "those that are there go on");
    server.request(Method::DELETE, "/mcp").header("mcp-session-id", &first).send().await.unwrap();
    assert_eq!(hello(&server).send().await.unwrap().status(), 200, "and make room for others");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_may_end_within_the_grace() {
    let Some(mut server) = Server::start(&["--grace", "20"]) else { return };
    let code = format!("import subprocess\nsubprocess.run(['sleep', '1.5{}'])\nprint('done')", marker(15));
    let running = call(&server, "run_code", json!({ "code": code }));
    let running = tokio::spawn(async move { last(running.send().await.unwrap()).await });
    until("the process runs", Duration::from_secs(20), || {
        processes(&format!("sleep 1.5{}", marker(15))) == 1
    });
    terminate(&server);
    assert_eq!(running.await.unwrap()["result"]["structuredContent"]["stdout"], "done\n");
    until("the server ends", Duration::from_secs(20), || server.child.try_wait().unwrap().is_some());
}

fn terminate(server: &Server) {
    let pid = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_do_not_hold_up_the_end() {
    let Some(mut server) = Server::start(&["--grace", "1"]) else { return };
    let session = session(&server, None).await;
    let listen = server.request(Method::GET, "/mcp").header("accept", "text/event-stream");
    let mut listening = listen.header("mcp-session-id", &session).send().await.unwrap();
    assert_eq!(listening.status(), 200);
    let _running = call(&server, "run_code", json!({ "code": stubborn(13) })).send().await.unwrap();
    until("the process runs", Duration::from_secs(20), || sleeping(13) == 1);
    let since = Instant::now();
    terminate(&server);
    while listening.chunk().await.is_ok_and(|chunk| chunk.is_some()) {}
    until("the server ends", Duration::from_secs(20), || server.child.try_wait().unwrap().is_some());
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    assert_eq!((server.child.wait().unwrap().code(), sleeping(13)), (Some(0), 0));
}
