//! What a server tells about itself, and what it has ready.

use crate::server::{Server, text};
use reqwest::Method;
use serde_json::json;

async fn scrape(server: &Server) -> String {
    let response = server.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    response.text().await.unwrap()
}

/// The value of the series that begins like this.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(series));
    let line = line.unwrap_or_else(|| panic!("no {series} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn until_warm(server: &Server, count: f64) {
    for _ in 0..400 {
        if value(&scrape(server).await, "belljar_sandboxes_warm ") == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never {count} sandboxes ready");
}

#[tokio::test]
async fn figures_count_what_happened() {
    let Some(server) = Server::start(&["--warm", "2"]) else { return };
    until_warm(&server, 2.0).await;
    for code in ["print(1)", "1/0", "import ctypes"] {
        let (status, _) = server.post("/v1/executions", json!({ "code": code, "policy": "strict" })).await;
        assert_eq!(status, 200);
    }
    let (status, _) = server.get("/nowhere/at/all").await;
    assert_eq!(status, 404);
    let text = scrape(&server).await;
    let executions = |rest: &str| value(&text, &format!("belljar_executions_total{{kind=\"code\",{rest}}}"));
    assert_eq!(executions("status=\"ok\",category=\"none\""), 1.0);
    assert_eq!(executions("status=\"error\",category=\"exception\""), 1.0);
    assert_eq!(executions("status=\"denied\",category=\"policy\""), 1.0);
    assert!(value(&text, "belljar_denials_total{rule=") >= 1.0);
    assert_eq!(value(&text, "belljar_pool_requests_total{found=\"hit\"}"), 2.0);
    assert_eq!(value(&text, "belljar_queue_seconds_count"), 3.0);
    assert_eq!(value(&text, "belljar_start_seconds_count"), 3.0);
    assert_eq!(value(&text, "belljar_run_seconds_count{kind=\"code\"}"), 3.0);
    let requests = "belljar_http_requests_total{method=\"POST\",route=\"/v1/executions\",status=\"200\"}";
    assert_eq!(value(&text, requests), 3.0);
    let strangers = "belljar_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}";
    assert_eq!(value(&text, strangers), 1.0);
    assert!(value(&text, "belljar_process_resident_memory_bytes ") > 1e6);
    assert!(text.ends_with("# EOF\n"), "{text}");
    server.idle().await;
    until_warm(&server, 2.0).await;
    let text = scrape(&server).await;
    let pool = |series: &str| value(&text, &format!("belljar_{series} "));
    assert_eq!(
        (pool("sandboxes_warm_target"), pool("pool_made_total"), pool("pool_unused_total")),
        (2.0, 4.0, 0.0)
    );
    assert!(pool("pool_making_seconds_total") > 0.0 && pool("sandboxes_warm_memory_bytes") > 2e6, "{text}");
    for why in ["memory_pressure", "memory_budget", "failing"] {
        assert_eq!(pool(&format!("pool_held_back{{why=\"{why}\"}}")), 0.0);
    }
}

#[tokio::test]
async fn a_rush_makes_more_sandboxes_ready_and_no_more_than_there_may_be() {
    let Some(server) = Server::start(&["--warm", "1", "--warm-max", "4"]) else { return };
    until_warm(&server, 1.0).await;
    let rush = (0..8).map(|_| server.post("/v1/executions", json!({ "code": "print(1)" })));
    for (status, outcome) in futures_util::future::join_all(rush).await {
        assert_eq!((status, outcome["stdout"].as_str()), (200, Some("1\n")), "{outcome}");
    }
    for _ in 0..400 {
        let text = scrape(&server).await;
        let [ready, target] =
            ["", "_target"].map(|end| value(&text, &format!("belljar_sandboxes_warm{end} ")));
        assert!(ready <= 4.0 && target <= 4.0, "{text}");
        if ready >= 3.0 && target >= 3.0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never three sandboxes ready");
}

#[tokio::test]
async fn sandboxes_that_are_ready_keep_to_their_memory() {
    let Some(server) = Server::start(&["--warm", "3", "--warm-memory", "1M"]) else { return };
    let held = "belljar_pool_held_back{why=\"memory_budget\"} ";
    for _ in 0..400 {
        let text = scrape(&server).await;
        assert!(value(&text, "belljar_sandboxes_warm ") <= 1.0, "{text}");
        if value(&text, held) == 1.0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never held back");
}

#[tokio::test]
async fn a_kept_sandbox_comes_from_the_pool_and_the_pool_is_filled_again() {
    let Some(server) = Server::start(&["--warm", "1", "--memory", "300M", "--env", "COLOUR=red"]) else {
        return;
    };
    until_warm(&server, 1.0).await;
    let (_, made) = server.post("/v1/sandboxes", json!({})).await;
    assert_eq!(made["limits"]["memory_bytes"], 300 << 20, "the server's default: {made}");
    let context = server.context(&format!("/v1/sandboxes/{}", text(&made, "id"))).await;
    let code = json!({ "code": "import os; print(os.environ['COLOUR'])" });
    let (_, outcome) = server.post(&format!("{context}/executions"), code).await;
    assert_eq!(outcome["stdout"], "red\n", "{outcome}");
    until_warm(&server, 1.0).await;
    assert_eq!(value(&scrape(&server).await, "belljar_pool_requests_total{found=\"hit\"}"), 1.0);
}

#[tokio::test]
async fn nobody_is_given_more_than_there_is() {
    let Some(server) = Server::start(&["--warm", "0"]) else { return };
    let huge = [json!({ "memory_bytes": 1_u64 << 50 }), json!({ "output_bytes": 1_u64 << 40 })];
    for limits in huge {
        let name = limits.as_object().unwrap().keys().next().unwrap().clone();
        let body = json!({ "code": "1", "limits": limits });
        let (status, problem) = server.post("/v1/executions", body).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("request")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(&name), "{problem}");
        let (status, _) = server.post("/v1/sandboxes", json!({ "limits": limits })).await;
        assert_eq!(status, 400);
    }
}
