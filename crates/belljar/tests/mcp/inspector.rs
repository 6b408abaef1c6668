//! The official Inspector, from its command line, over both transports: what it asks for, what it makes of failures, and
//! whether every tool's schema can be used by all kinds of clients.

use crate::client::text;
use crate::http::key;
use crate::node::{self, Place};
use crate::program::can_run;
use crate::server::{Server, folder};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;

const INSPECTOR: &str = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";

#[test]
fn the_inspector_finds_nothing_to_object_to() {
    if !can_run() {
        return;
    }
    let Some(place) = node::place("inspector") else { return };
    let kept = std::env::var("BELLJAR_DATA_DIR").ok().map(|dir| json!({ "BELLJAR_DATA_DIR": dir }));
    check(
        &place,
        json!({
            "command": env!("CARGO_BIN_EXE_belljar"),
            "args": ["mcp", "--template", "python", "--memory", "256M"],
            "env": kept.unwrap_or_else(|| json!({})),
        }),
    );
}

#[test]
fn the_inspector_finds_nothing_to_object_to_over_http() {
    if !can_run() {
        return;
    }
    let Some(place) = node::place("inspector") else { return };
    let folder = folder();
    let key = key(folder.path(), "ada");
    let server = Server::start_in(folder, &["--require-key"]);
    check(
        &place,
        json!({
            "type": "streamable-http",
            "url": format!("http://{}/mcp", server.address),
            "headers": { "Authorization": format!("Bearer {key}") },
        }),
    );
}

fn check(place: &Place, server: Value) {
    for (era, version) in [("legacy", "2025-11-25"), ("modern", "2026-07-28")] {
        let mut server = server.clone();
        server["protocolEra"] = json!(era);
        let inspect = |args: &[&str]| inspect(place, &server, args);
        let (exit, hello) = inspect(&["--method", "initialize"]);
        assert_eq!((exit, &hello["protocolVersion"]), (Some(0), &json!(version)), "{hello}");
        let (exit, listed) = inspect(&["--strict", "--method", "tools/list", "--format", "json"]);
        assert_eq!(
            (exit, listed["result"]["tools"].as_array().map(Vec::len)),
            (Some(0), Some(7)),
            "{listed}"
        );
        let call =
            ["--method", "tools/call", "--format", "json", "--tool-name", "run_code", "--tool-args-json"];
        let (exit, ran) = inspect(&[&call[..], &[r#"{"code": "6 * 7"}"#]].concat());
        assert_eq!((exit, text(&ran["result"])), (Some(0), "status: ok\n<result>\n42\n</result>"), "{ran}");
        let (exit, failed) = inspect(&[&call[..], &[r#"{"code": "1 / 0"}"#]].concat());
        assert_eq!((exit, &failed["result"]["isError"]), (Some(5), &json!(true)), "{failed}");
        let (exit, templates) = inspect(&["--method", "resources/templates/list"]);
        assert_eq!(
            (exit, &templates["resourceTemplates"][0]["name"]),
            (Some(0), &json!("file")),
            "{templates}"
        );
    }
}

/// One call of the Inspector: its exit code, and the JSON that it prints.
fn inspect(place: &Place, server: &Value, args: &[&str]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("servers.json");
    fs::write(&config, json!({ "mcpServers": { "belljar": server } }).to_string()).unwrap();
    let mut call = place.call(INSPECTOR);
    call.args(["--cli", "--server", "belljar", "--config"]).arg(&config).args(args);
    let Output { status, stdout, stderr } =
        call.env("MCP_INSPECTOR_SECRET_STORE", "memory").output().unwrap();
    let json = serde_json::from_slice(&stdout);
    (status.code(), json.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr))))
}
