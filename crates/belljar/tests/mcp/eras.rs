//! The handshake revisions and the stateless one, from the same server.

use crate::client::Client;
use serde_json::{Value, json};

const TOOLS: [&str; 7] =
    ["run_code", "run_command", "create_sandbox", "close_sandbox", "list_files", "read_file", "write_file"];

fn names(result: &Value) -> Vec<&str> {
    result["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "by hand", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

#[test]
fn every_handshake_is_answered_in_its_revision() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = Client::silent(&[]);
        let hello = client.hello(version);
        assert_eq!(
            (&hello["protocolVersion"], &hello["serverInfo"]["name"]),
            (&json!(version), &json!("belljar"))
        );
        let told = hello["instructions"].as_str().unwrap();
        for part in ["ipython", "30 s for a run", "256 MiB of memory", "\"standard\"", "create_sandbox"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let listed = client.ask("tools/list", json!({}));
        assert_eq!(names(&listed["result"]), TOOLS);
        assert!(listed["result"].get("resultType").is_none(), "{listed}");
    }
}

#[test]
fn without_a_handshake_every_request_tells_all() {
    let mut client = Client::silent(&[]);
    let found = client.ask("server/discover", json!({ "_meta": meta() }));
    let versions = found["result"]["supportedVersions"].as_array().unwrap_or_else(|| panic!("{found}"));
    assert!(versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25")), "{found}");
    let listed = client.ask("tools/list", json!({ "_meta": meta() }));
    let result = &listed["result"];
    assert_eq!((names(result), &result["resultType"]), (TOOLS.to_vec(), &json!("complete")));
    assert!(result["ttlMs"].as_u64() > Some(0) && result["cacheScope"] == "private", "{result}");
    let templates = client.ask("resources/templates/list", json!({ "_meta": meta() }));
    let template = &templates["result"]["resourceTemplates"][0]["uriTemplate"];
    assert_eq!(template, "belljar://{sandbox}/files/{+path}");
    let uri = format!("belljar://sbx_{:032x}/files/x", 1);
    let answer = client.ask("resources/read", json!({ "uri": uri, "_meta": meta() }));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[test]
fn a_tool_tells_what_it_does_to_the_world() {
    let mut client = Client::start(&[]);
    let listed = client.ask("tools/list", json!({}));
    for tool in listed["result"]["tools"].as_array().unwrap() {
        let hints = &tool["annotations"];
        let name = tool["name"].as_str().unwrap();
        let reads = ["list_files", "read_file"].contains(&name);
        let destroys = ["close_sandbox", "write_file"].contains(&name);
        assert_eq!(
            (&hints["readOnlyHint"], &hints["destructiveHint"]),
            (&json!(reads), &json!(destroys)),
            "{name}"
        );
        assert_eq!(hints["openWorldHint"], false, "{name}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        assert_eq!(tool.get("outputSchema").is_some(), name != "read_file", "{name}");
    }
}
