//! The guide can be copied: what it configures starts, or is answered, and greets its client.

use crate::client::Client;
use crate::http::{LEGACY, hello, key, last};
use crate::program::can_run;
use crate::server::{Server, folder};
use serde_json::{Value, json};

const GUIDE: &str = include_str!("../../../../docs/guides/mcp.md");
const ADDRESS: &str = "http://127.0.0.1:7070/mcp";

/// What clients are told about one server.
fn entries() -> Vec<Value> {
    let blocks = |language: &str| {
        let fence = format!("```{language}\n");
        let after: Vec<&str> = GUIDE.split(&fence).skip(1).collect();
        after.into_iter().map(|rest| rest.split("```").next().unwrap()).collect::<Vec<_>>()
    };
    let json = blocks("json").into_iter().map(|block| serde_json::from_str::<Value>(block).expect("JSON"));
    let toml = blocks("toml").into_iter().map(|block| toml::from_str::<Value>(block).expect("TOML"));
    let named = |block: Value| {
        let servers = ["mcpServers", "servers", "context_servers", "mcp_servers"];
        let found = servers.iter().find_map(|name| block.get(name)?.get("belljar").cloned());
        found.unwrap_or_else(|| panic!("no server: {block}"))
    };
    json.chain(toml).map(named).collect()
}

#[test]
fn every_configuration_of_the_guide_starts() {
    let programs: Vec<Value> = entries().into_iter().filter(|one| one["command"] == "belljar").collect();
    assert_eq!(programs.len(), 5, "{programs:?}");
    for program in programs {
        let args: Vec<&str> =
            program["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        assert_eq!(args[0], "mcp");
        let mut client = Client::silent(&args[1..]);
        assert_eq!(client.hello(LEGACY)["serverInfo"]["name"], "belljar", "{args:?}");
        assert_eq!(client.close().0, Some(0));
    }
}

/// The header that brings the key.
fn header(entry: &Value) -> (String, String) {
    let args = entry["args"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bridged = args.iter().skip_while(|arg| **arg != "--header").nth(1);
    if let Some((name, value)) = bridged.and_then(|text| text.as_str()?.split_once(':')) {
        return (name.to_owned(), value.to_owned());
    }
    if entry["bearer_token_env_var"] == "BELLJAR_KEY" {
        return ("Authorization".to_owned(), "Bearer KEY".to_owned());
    }
    let value = entry["headers"]["Authorization"].as_str().unwrap_or_else(|| panic!("no key: {entry}"));
    ("Authorization".to_owned(), value.replace("${input:belljar-key}", "KEY"))
}

#[tokio::test]
async fn every_configuration_of_the_guide_is_answered_over_http() {
    if !can_run() {
        return;
    }
    let folder = folder();
    let key = key(folder.path(), "my-editor");
    let server = Server::start_in(folder, &["--require-key"]);
    let remote: Vec<Value> = entries().into_iter().filter(|one| one["command"] != "belljar").collect();
    assert_eq!(remote.len(), 8, "{remote:?}");
    for entry in remote {
        let text = entry.to_string();
        assert_eq!(text.matches(ADDRESS).count(), 1, "{text}");
        let (name, value) = header(&entry);
        assert!(value.ends_with("KEY"), "{text}");
        let answer = hello(&server).header(name, value.replace("KEY", &key)).send().await.unwrap();
        assert_eq!(last(answer).await["result"]["serverInfo"]["name"], json!("belljar"), "{text}");
    }
    assert_eq!(hello(&server).send().await.unwrap().status(), 401);
}
