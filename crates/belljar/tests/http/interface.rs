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
    assert_eq!(count, 34);
    let page = server.request(Method::GET, "/docs").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(!page.contains("https://") && !page.contains("//cdn"), "the page needs nothing from elsewhere");
}
