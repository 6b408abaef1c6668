//! The description and the server say the same: every address that is described is there.

use crate::server::Server;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn every_described_address_is_there() {
    let Some(server) = Server::start(&[]) else { return };
    let (status, described) = server.get("/openapi.json").await;
    assert_eq!(status, 200);
    let mut count = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        let filled = path
            .replace("{sandbox}", "sbx_00000000000000000000000000000000")
            .replace("{context}", "ctx_00000000000000000000000000000000")
            .replace("{command}", "exe_00000000000000000000000000000000")
            .replace("{id}", "exe_00000000000000000000000000000000")
            .replace("{path}", "x");
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let response = server.request(method.clone(), &filled).json(&json!({})).send().await.unwrap();
            let (status, body) = crate::server::json(response).await;
            let missing = body["detail"].as_str().is_some_and(|detail| detail.contains("at this address"));
            assert!(!missing && status < 500, "{method} {path}: {status} {body}");
            count += 1;
        }
    }
    assert_eq!(count, 43);
    let page = server.request(Method::GET, "/docs").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(!page.contains("https://") && !page.contains("//cdn"), "the page needs nothing from elsewhere");
}

#[tokio::test]
async fn what_an_address_does_not_know_is_refused() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let rows = [
        (Method::GET, "/v1/sandboxes/%ff".to_owned(), "address"),
        (Method::GET, format!("{sandbox}/files/%ff"), "address"),
        (Method::GET, format!("{sandbox}?nonsense=1"), "query"),
        (Method::POST, "/v1/executions?detached=true".to_owned(), "query"),
        (Method::POST, format!("{sandbox}/contexts?language=bash"), "query"),
        (Method::PUT, format!("{sandbox}/files/x?nonsense=1"), "query"),
        (Method::PUT, format!("{sandbox}/files/x?mode=%2B7"), "request"),
        (Method::PUT, format!("{sandbox}/files/x?mode=00644"), "request"),
    ];
    for (method, path, code) in rows {
        let response = server.request(method, &path).json(&json!({"code": "1"})).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let (status, problem) = crate::server::json(response).await;
        assert_eq!((status, &problem["code"]), (400, &json!(code)), "{path}: {problem}");
    }
    let written = server.request(Method::PUT, &format!("{sandbox}/files/x?mode=0755")).send().await.unwrap();
    assert_eq!(written.status(), 201);
}
