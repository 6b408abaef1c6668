//! The tools over HTTP, by hand: keys, names and origins, sandboxes shared with the other interface.

use crate::client::text;
use crate::program::belljar;
use crate::server::{Server, folder, json};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const MODERN: &str = "2026-07-28";
pub const LEGACY: &str = "2025-11-25";

/// A new key of this name.
pub fn key(folder: &Path, name: &str) -> String {
    key_for(folder, name, &["execute"])
}

/// The same for these parts of what is served.
pub fn key_for(folder: &Path, name: &str, scopes: &[&str]) -> String {
    let mut create = belljar();
    create.arg("--data-dir").arg(folder).args(["key", "create", name, "--json"]);
    create.args(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let output = create.output().unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    made["key"].as_str().unwrap().to_owned()
}

/// One message.
pub fn post(server: &Server, body: &Value) -> RequestBuilder {
    let accept = "application/json, text/event-stream";
    server.request(Method::POST, "/mcp").header("accept", accept).json(body)
}

/// A call as clients of the stateless revision send it.
pub fn call(server: &Server, tool: &str, arguments: Value) -> RequestBuilder {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "by hand", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 7,
    });
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    post(server, &body)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
}

/// The last message of an answer, which is JSON or a stream of events.
pub async fn last(response: Response) -> Value {
    let body = response.text().await.unwrap();
    let data = body.lines().rfind(|line| line.starts_with("data: {")).map(|line| &line[6..]);
    serde_json::from_str(data.unwrap_or(&body)).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// What a call gives.
pub async fn result(request: RequestBuilder) -> Value {
    let answer = last(request.send().await.unwrap()).await;
    assert!(answer["result"].is_object(), "{answer}");
    answer["result"].clone()
}

/// The first request of clients of the handshake revisions.
pub fn hello(server: &Server) -> RequestBuilder {
    let client = json!({ "name": "by hand", "version": "1" });
    let params = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client });
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    post(server, &body)
}

/// A session as clients of the handshake revisions have it.
pub async fn session(server: &Server, key: Option<&str>) -> String {
    let with_key = |request: RequestBuilder| match key {
        Some(key) => request.header("x-api-key", key),
        None => request,
    };
    let answer = with_key(hello(server)).send().await.unwrap();
    let session = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert_eq!(last(answer).await["result"]["protocolVersion"], LEGACY);
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let told = with_key(post(server, &ready)).header("mcp-session-id", &session).send().await.unwrap();
    assert_eq!(told.status(), 202);
    session
}

#[tokio::test]
async fn keys_lead_to_their_own_sandboxes_only() {
    if !crate::program::can_run() {
        return;
    }
    let folder = folder();
    let (ada, bob) = (key(folder.path(), "ada"), key(folder.path(), "bob"));
    let reader = key_for(folder.path(), "reader", &["journal"]);
    let server = Server::start_in(folder, &["--require-key"]);
    let run =
        |sandbox: &str, code: &str| call(&server, "run_code", json!({ "sandbox": sandbox, "code": code }));

    let (status, problem) = json(run("sbx", "1").send().await.unwrap()).await;
    assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")));
    let (status, problem) = json(run("sbx", "1").bearer_auth(&reader).send().await.unwrap()).await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));

    let made = result(call(&server, "create_sandbox", json!({})).bearer_auth(&ada)).await;
    let sandbox = made["structuredContent"]["sandbox"].as_str().unwrap().to_owned();
    let path = format!("/v1/sandboxes/{sandbox}");
    let seen = json(server.request(Method::GET, &path).bearer_auth(&ada).send().await.unwrap()).await;
    assert_eq!((seen.0, &seen.1["template"]), (200, &json!("python")), "one registry: {}", seen.1);
    assert_eq!(result(run(&sandbox, "x = 41").header("x-api-key", &ada)).await["isError"], false);
    let gone = result(run(&sandbox, "x").bearer_auth(&bob)).await;
    assert!(gone["isError"] == true && text(&gone).contains("sandbox_gone"), "{gone}");
    let uri = format!("belljar://{sandbox}/files/x");
    let read = json!({ "jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": { "uri": uri } });
    let session = session(&server, Some(&bob)).await;
    let ask = |key: &str| post(&server, &read).bearer_auth(key).header("mcp-session-id", &session).send();
    assert_eq!(last(ask(&bob).await.unwrap()).await["error"]["code"], -32002);
    assert_eq!(ask(&ada).await.unwrap().status(), 404, "somebody else's session");

    let other = server.request(Method::POST, "/v1/sandboxes").bearer_auth(&ada).json(&json!({}));
    let other = json(other.send().await.unwrap()).await.1["id"].as_str().unwrap().to_owned();
    let ran = result(run(&other, "1 + 1").bearer_auth(&ada)).await;
    assert_eq!(ran["structuredContent"]["results"][0]["data"]["text/plain"], "2", "{ran}");
    let close = json!({ "sandbox": sandbox });
    assert_eq!(result(call(&server, "close_sandbox", close).bearer_auth(&ada)).await["isError"], false);
    assert_eq!(json(server.request(Method::GET, &path).bearer_auth(&ada).send().await.unwrap()).await.0, 404);
}

#[tokio::test]
async fn strangers_names_and_pages_are_turned_away() {
    let Some(server) =
        Server::start(&["--allow-origin", "https://app.example", "--allow-host", "jar.example"])
    else {
        return;
    };
    let own = format!("http://{}", server.address);
    for (name, value, status) in [
        ("host", "evil.example", 421),
        ("host", "jar.example:80", 200),
        ("origin", "https://evil.example", 403),
        ("origin", "https://app.example", 200),
        ("origin", &own, 200),
        ("x-nothing", "1", 200),
    ] {
        let file = json!({ "code": "1" });
        let answer = call(&server, "run_code", file).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}: {value}");
    }
}

#[tokio::test]
async fn large_files_come_in_and_too_large_ones_do_not() {
    let Some(server) = Server::start(&[]) else { return };
    let write = |sandbox: &Value, bytes: usize| {
        let file = json!({ "sandbox": sandbox, "path": "x", "text": "x".repeat(bytes) });
        call(&server, "write_file", file).send()
    };
    let made = result(call(&server, "create_sandbox", json!({}))).await;
    let sandbox = &made["structuredContent"]["sandbox"];
    let written = last(write(sandbox, 20 << 20).await.unwrap()).await;
    assert_eq!(written["result"]["structuredContent"]["size"], 20 << 20, "{written}");
    // It is answered before the rest of it is read: either the answer comes through, or sending breaks off.
    if let Ok(refused) = write(sandbox, 64 << 20).await {
        assert_eq!(json(refused).await.0, 413);
    }
    let listed = result(call(&server, "list_files", json!({ "sandbox": sandbox }))).await;
    assert_eq!(listed["structuredContent"]["entries"][0]["size"], 20 << 20, "{listed}");
}

#[tokio::test]
async fn what_runs_here_is_in_the_journal_and_counts_for_its_key() {
    if !crate::program::can_run() {
        return;
    }
    let folder = folder();
    let mut create = belljar();
    create.arg("--data-dir").arg(folder.path()).args(["key", "create", "ada", "--json", "--sandboxes", "1"]);
    let made: Value = serde_json::from_slice(&create.output().unwrap().stdout).unwrap();
    let key = made["key"].as_str().unwrap().to_owned();
    let server = Server::start_in(folder, &[]);
    let ask = |tool, arguments| result(call(&server, tool, arguments).bearer_auth(&key));
    let made = ask("create_sandbox", json!({})).await;
    let sandbox = made["structuredContent"]["sandbox"].as_str().unwrap();
    let full = ask("create_sandbox", json!({})).await;
    assert!(text(&full).contains("sandboxes_full") && text(&full).contains(sandbox), "{full}");
    let ran = ask("run_command", json!({ "command": "echo told", "sandbox": sandbox })).await;
    let path = format!("/v1/journal/executions/{}", ran["structuredContent"]["id"].as_str().unwrap());
    for _ in 0..50 {
        let found = server.request(Method::GET, &path).bearer_auth(&key).send().await.unwrap();
        let (status, entry) = json(found).await;
        if status == 200 && entry["outcome"].is_object() {
            assert_eq!(
                (&entry["code"], &entry["outcome"]["stdout"]),
                (&json!("echo told"), &json!("told\n"))
            );
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not in the journal");
}
