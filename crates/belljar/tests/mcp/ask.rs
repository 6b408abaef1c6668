//! The tool `ask`: only where a model is configured; its code really runs.

use crate::cancels::{sleeping, stubborn};
use crate::client::{Client, text, until};
use crate::http::{call, key, key_for, result};
use crate::program::can_run;
use crate::server::{Server, folder};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn tape(dir: &Path, turns: &[(&str, Option<&str>)]) -> PathBuf {
    let turn = |(text, code): &(&str, Option<&str>)| {
        let calls: Vec<Value> = code.iter().map(|code| json!({ "name": "run_code", "code": code })).collect();
        json!({ "text": text, "calls": calls, "tokens": { "input": 1000, "output": 20 } })
    };
    let turns: Vec<Value> = turns.iter().map(turn).collect();
    let path = dir.join("tape.json");
    std::fs::write(&path, json!({ "version": 1, "model": "by hand", "turns": turns }).to_string()).unwrap();
    path
}

#[test]
fn a_question_is_answered_with_code() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let code = "n = len(open('a.txt').read())\nopen('n.txt', 'w').write(str(n))\nprint(n)";
    let model = format!(
        "recording:{}",
        tape(dir.path(), &[("", Some(code)), ("There are 5.", None), ("", Some(code)), ("4.", None)])
            .display()
    );
    let mut client = Client::start(&["--model", &model]);
    let listed = client.ask("tools/list", json!({}));
    let tool = listed["result"]["tools"].as_array().unwrap().last().unwrap();
    assert_eq!((&tool["name"], &tool["annotations"]["openWorldHint"]), (&json!("ask"), &json!(true)));
    let question = json!({ "prompt": "How many letters?", "files": [{ "path": "a.txt", "text": "hello" }] });
    let id = client.send_call("ask", question);
    let result = client.answer(id)["result"].clone();
    assert_eq!((text(&result), &result["isError"]), ("There are 5.", &json!(false)), "{result}");
    let told: String =
        client.told.iter().map(|(_, one)| one["params"]["message"].as_str().unwrap()).collect();
    assert!(told.contains("[code 1]\nn = len"), "{told}");
    let link = result["content"].as_array().unwrap().last().unwrap();
    let read = client.ask("resources/read", json!({ "uri": link["uri"] }));
    assert_eq!(read["result"]["contents"][0]["text"], "5", "{result}");
    assert_eq!(result["structuredContent"]["status"], "ok", "{result}");

    let sandbox = client.sandbox(json!({}));
    client.call("write_file", json!({ "sandbox": sandbox, "path": "a.txt", "text": "four" }));
    let held = client.call("ask", json!({ "prompt": "And now?", "sandbox": sandbox }));
    let read = client.call("read_file", json!({ "sandbox": sandbox, "path": "n.txt" }));
    assert_eq!((text(&read), &held["structuredContent"]["sandbox"]), ("4", &json!(sandbox)), "{held}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_over_http_needs_a_key_for_it_and_ends_with_its_client() {
    if !can_run() {
        return;
    }
    let (dir, folder) = (tempfile::tempdir().unwrap(), folder());
    let code = "open('n.txt', 'w').write('42')";
    let turns = [("", Some(code)), ("There are 42.", None), ("", Some(&*stubborn(17)))];
    let model = format!("recording:{}", tape(dir.path(), &turns).display());
    let (runs, asks) = (key(folder.path(), "runs"), key_for(folder.path(), "asks", &["execute", "answer"]));
    let server = Server::start_in(folder, &["--require-key", "--model", &model]);
    let ask = |key: &str| call(&server, "ask", json!({ "prompt": "How many?" })).bearer_auth(key);
    let refused = result(ask(&runs)).await;
    assert!(refused["isError"] == true && text(&refused).contains("forbidden"), "{refused}");
    let answered = result(ask(&asks)).await;
    assert_eq!((text(&answered), &answered["isError"]), ("There are 42.", &json!(false)), "{answered}");
    let sandbox = &answered["structuredContent"]["sandbox"];
    let read = call(&server, "read_file", json!({ "sandbox": sandbox, "path": "n.txt" }));
    assert_eq!(text(&result(read.bearer_auth(&asks)).await), "42");
    let stream = ask(&asks).send().await.unwrap();
    until("the code runs", Duration::from_secs(20), || sleeping(17) == 1);
    drop(stream);
    until("it ends", Duration::from_secs(5), || sleeping(17) == 0);
}

#[test]
fn a_key_in_the_environment_is_no_configured_model() {
    let mut command = crate::program::belljar();
    command.args(["mcp", "--template", "python"]).env("ANTHROPIC_API_KEY", "sk-test");
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let ask = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": { "name": "ask", "arguments": { "prompt": "x" } } });
    let seen = crate::program::end_of(command, &format!("{hello}\n{ask}\n"));
    assert!(
        seen.exit == Some(0) && seen.stdout.contains("no tool named")
            || seen.stdout.contains("find a tool named"),
        "{seen:?}"
    );
    let bad = crate::program::call(["mcp", "--model", "mystery"]);
    assert_eq!(bad.exit, Some(2), "{bad:?}");
}

#[test]
fn what_ends_a_question_without_an_answer_is_told() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let model = format!("recording:{}", tape(dir.path(), &[("", Some("1"))]).display());
    let mut client = Client::start(&["--model", &model]);
    let result = client.call("ask", json!({ "prompt": "x" }));
    assert!(result["isError"] == true && text(&result).starts_with("status: "), "{result}");
}
