//! Schemathesis makes up requests from the description, sound ones and broken ones: nothing may be a failure of the
//! server's, and everything must be answered as described.

use crate::sdks;
use crate::server::Server;

/// Requests that one pass must have made at least; far fewer mean that it tested nothing.
const REQUESTS_MIN: u64 = 300;

#[tokio::test]
async fn made_up_requests_are_answered_as_described() {
    let Some(server) = Server::start(&["--ttl", "3", "--queue-wait", "3"]) else { return };
    let address = format!("http://{}", server.address);
    let found = tokio::task::spawn_blocking(move || sdks::run("schemathesis", &address)).await.unwrap();
    let Some(found) = found else { return };
    for (pass, operations) in [("wide", 43), ("deep", 29)] {
        let found = &found[pass];
        let (report, text) = (&found["report"], found["text"].as_str().unwrap_or_default());
        assert_eq!(found["exit"], 0, "{pass}: {text}");
        assert_eq!(report["failures"].as_array().map(Vec::len), Some(0), "{pass}: {text}");
        assert_eq!(report["errors"].as_array().map(Vec::len), Some(0), "{pass}: {text}");
        assert_eq!(report["operations"]["tested"], operations, "{pass}: {}", report["operations"]);
        let made = report["test_cases"]["generated"].as_u64().unwrap_or_default();
        assert!(made >= REQUESTS_MIN, "{pass}: {}", report["test_cases"]);
    }
    // Whatever was made up has not worn the server out.
    assert_eq!(
        server.post("/v1/executions", serde_json::json!({"code": "print(1)"})).await.1["stdout"],
        "1\n"
    );
}
