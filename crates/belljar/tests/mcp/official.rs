//! The official Python client takes the server for what it says it is. The client itself holds results against schemas.

use crate::http::key;
use crate::program::can_run;
use crate::sdks;
use crate::server::{Server, folder};
use serde_json::{Value, json};

#[test]
fn the_official_client_gets_along_in_both_eras() {
    if !can_run() {
        return;
    }
    let Some(seen) = sdks::run("mcp", env!("CARGO_BIN_EXE_belljar")) else { return };
    check(&seen);
}

#[test]
fn the_official_client_gets_along_over_http() {
    if !can_run() {
        return;
    }
    let folder = folder();
    let key = key(folder.path(), "ada");
    let server = Server::start_in(folder, &["--require-key"]);
    let Some(seen) = sdks::run("mcp", &format!("http://{}/mcp#{key}", server.address)) else { return };
    check(&seen);
}

fn check(seen: &Value) {
    for (era, version) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        let seen = &seen[era];
        assert_eq!(seen["version"], version);
        assert_eq!(seen["tools"][0], "run_code");
        assert_eq!(seen["statuses"], json!(["ok", "error", "timeout", "ok", "ok"]), "{era}");
        assert_eq!(seen["image"], json!(["text", "image", "resource_link"]), "{era}");
        assert_eq!(
            (&seen["resource"], &seen["template"]),
            (&json!("hello"), &json!("belljar://{sandbox}/files/{+path}"))
        );
        let progress = seen["progress"].as_array().unwrap();
        // A second's output, five times in a second at most.
        assert!(
            (2..=8).contains(&progress.len()) && progress.iter().all(Value::is_string),
            "{era}: {progress:?}"
        );
        assert_eq!((&seen["gone"]["error"], &seen["bad"]), (&json!(true), &json!(-32602)), "{era}");
        assert!(seen["gone"]["text"].as_str().unwrap().contains("call create_sandbox"), "{era}");
        assert!(
            seen["cancelled"]["grows"] == false && seen["cancelled"]["after"] == "beat\n",
            "{era}: {seen}"
        );
        assert_eq!(seen["listed"], json!(["a.txt", "beat"]), "{era}");
    }
}
