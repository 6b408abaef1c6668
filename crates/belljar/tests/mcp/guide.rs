//! The guide can be copied: what it configures starts, and greets its client.

use crate::client::Client;
use serde_json::Value;

const GUIDE: &str = include_str!("../../../../docs/guides/mcp.md");

/// The commands in a configuration, at any depth.
fn commands(configuration: &Value, found: &mut Vec<Vec<String>>) {
    let Some(fields) = configuration.as_object() else { return };
    if let (Some(command), Some(args)) = (fields.get("command"), fields.get("args").and_then(Value::as_array))
    {
        assert_eq!(command, "belljar");
        found.push(args.iter().map(|arg| arg.as_str().unwrap().to_owned()).collect());
    }
    fields.values().for_each(|field| commands(field, found));
}

#[test]
fn every_configuration_of_the_guide_starts() {
    let blocks = |language: &str| {
        let fence = format!("```{language}\n");
        let after: Vec<&str> = GUIDE.split(&fence).skip(1).collect();
        after.into_iter().map(|rest| rest.split("```").next().unwrap()).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for block in blocks("json") {
        commands(&serde_json::from_str(block).expect("JSON"), &mut found);
    }
    for block in blocks("toml") {
        commands(&toml::from_str(block).expect("TOML"), &mut found);
    }
    assert_eq!(found.len(), 5, "{found:?}");
    for args in found {
        assert_eq!(args[0], "mcp");
        let mut client = Client::silent(&args[1..].iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(client.hello("2025-11-25")["serverInfo"]["name"], "belljar", "{args:?}");
        assert_eq!(client.close().0, Some(0));
    }
}
