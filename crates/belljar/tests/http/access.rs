//! Keys, callers, names and origins.

use crate::program::belljar;
use crate::server::{Server, folder, json, text};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

pub fn key(folder: &Path, args: &[&str]) -> Value {
    let output = belljar().arg("--data-dir").arg(folder).arg("key").args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[tokio::test]
async fn a_caller_sees_only_its_own() {
    let Some(server) = Server::start(&["--log-json"]) else { return };
    let made = key(server.folder.path(), &["create", "ada", "--json"]);
    let ada = text(&made, "key");
    let bob = text(&key(server.folder.path(), &["create", "bob", "--json", "--scope", "execute"]), "key");
    let ask = async |key: &str, method: Method, path: &str| {
        json(server.request(method, path).bearer_auth(key).send().await.unwrap()).await
    };
    let (status, sandbox) = ask(&ada, Method::POST, "/v1/sandboxes").await;
    assert_eq!(status, 201, "{sandbox}");
    let place = format!("/v1/sandboxes/{}", text(&sandbox, "id"));
    let run = server.request(Method::POST, "/v1/executions").header("x-api-key", &ada);
    let (_, outcome) = json(run.json(&json!({"code": "1"})).send().await.unwrap()).await;
    let execution = format!("/v1/executions/{}", text(&outcome, "id"));
    let recorded = format!("/v1/journal/executions/{}", text(&outcome, "id"));

    assert_eq!(ask(&ada, Method::GET, &place).await.0, 200);
    assert_eq!(ask(&ada, Method::GET, &recorded).await.0, 200);
    for path in [place.clone(), execution, format!("{place}/contexts"), format!("{place}/files?list")] {
        assert_eq!(ask(&bob, Method::GET, &path).await.0, 404, "{path}");
        assert_eq!(server.get(&path).await.0, 404, "{path}");
    }
    assert_eq!(ask(&bob, Method::DELETE, &place).await.0, 404);
    assert_eq!(ask(&bob, Method::GET, &recorded).await.1["code"], "forbidden");
    assert_eq!(server.get(&recorded).await.0, 404);

    key(server.folder.path(), &["revoke", "ada"]);
    let (status, problem) = ask(&ada, Method::GET, &place).await;
    assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")));
    assert!(!problem.to_string().contains(&ada));
    assert_eq!(ask("blj_nonsense", Method::GET, &place).await.0, 401);
}

#[tokio::test]
async fn limits_of_a_key_hold() {
    let Some(server) = Server::start(&[]) else { return };
    let made = key(
        server.folder.path(),
        &["create", "slow", "--json", "--requests-per-second", "0.01", "--burst", "4", "--sandboxes", "1"],
    );
    let ask = async || {
        let ask = server.request(Method::POST, "/v1/sandboxes").bearer_auth(text(&made, "key"));
        let response = ask.send().await.unwrap();
        let wait =
            response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse::<u64>().unwrap());
        (json(response).await, wait)
    };
    assert_eq!(ask().await.0.0, 201);
    let ((_, full), wait) = ask().await;
    assert_eq!(full["code"], "sandboxes_full");
    assert!(wait.is_some_and(|wait| (1..=300).contains(&wait)), "when the first one ends: {wait:?}");
    ask().await;
    ask().await;
    let ((status, problem), wait) = ask().await;
    assert_eq!((status, &problem["code"]), (429, &json!("too_fast")));
    assert!(wait.is_some_and(|wait| (1..=100).contains(&wait)), "{wait:?}");
    assert_eq!(server.get("/v1/sandboxes").await.0, 200, "others are not slowed down");
}

#[tokio::test]
async fn nobody_listens_to_the_world_without_keys() {
    let folder = folder();
    for args in [["--listen", "0.0.0.0:0"].as_slice(), &["--require-key"]] {
        let output = belljar().arg("--data-dir").arg(folder.path()).arg("serve").args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("belljar key create"), "{output:?}");
    }
    if !crate::program::can_run() {
        return;
    }
    key(folder.path(), &["create", "one"]);
    let server = Server::start_in(folder, &["--require-key"]);
    let response = server.request(Method::GET, "/v1/sandboxes").send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(json(response).await.0, 401);
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs"] {
        assert_eq!(server.get(path).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn strangers_pages_are_turned_away() {
    let Some(server) =
        Server::start(&["--allow-origin", "https://app.example", "--allow-host", "jar.example"])
    else {
        return;
    };
    let ask = async |headers: &[(&str, &str)]| {
        let mut ask = server.request(Method::GET, "/v1/sandboxes");
        for (name, value) in headers {
            ask = ask.header(*name, *value);
        }
        ask.send().await.unwrap()
    };
    let own = format!("http://{}", server.address);
    for (headers, status) in [
        ([("host", "evil.example"), ("x-a", "b")], 421),
        ([("host", "jar.example:80"), ("x-a", "b")], 200),
        ([("origin", "https://evil.example"), ("x-a", "b")], 403),
        ([("origin", "null"), ("x-a", "b")], 403),
        ([("origin", own.as_str()), ("x-a", "b")], 200),
    ] {
        assert_eq!(ask(&headers).await.status(), status, "{headers:?}");
    }
    let allowed = ask(&[("origin", "https://app.example")]).await;
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://app.example");
    let asks = server.request(Method::OPTIONS, "/v1/sandboxes").header("origin", "https://app.example");
    let asks = asks.header("access-control-request-method", "POST").send().await.unwrap();
    assert!(asks.status() == 204 && asks.headers().contains_key("access-control-allow-methods"));
}

#[tokio::test]
async fn what_a_proxy_passes_on_needs_a_key() {
    let Some(server) = Server::start(&["--warm", "0"]) else { return };
    let (status, _) = server.get("/v1/sandboxes").await;
    assert_eq!(status, 200, "from this machine");
    let key = text(&key(server.folder.path(), &["create", "ada", "--json"]), "key");
    for (name, value) in
        [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7"), ("Via", "1.1 p")]
    {
        let ask = || server.request(Method::GET, "/v1/sandboxes").header(name, value);
        let (status, problem) = json(ask().send().await.unwrap()).await;
        assert_eq!((status, problem["code"].as_str()), (401, Some("unauthorized")), "{name}: {problem}");
        let (status, _) = json(ask().bearer_auth(&key).send().await.unwrap()).await;
        assert_eq!(status, 200, "{name}");
    }
}
