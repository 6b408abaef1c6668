//! Sandboxes that a client holds: state, files, their number, their end.

use crate::client::{Client, text};
use crate::program::can_run;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn variables_and_files_are_kept() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&[]);
    let sandbox = client.sandbox(json!({}));
    let run = |client: &mut Client, language: &str, code: &str| {
        client.call("run_code", json!({ "code": code, "language": language, "sandbox": sandbox }))
    };
    run(&mut client, "python", "x = 20");
    run(&mut client, "bash", "y=22");
    let sum = run(&mut client, "python", "x + 22");
    assert_eq!(sum["structuredContent"]["results"][0]["data"]["text/plain"], "42", "{sum}");
    assert_eq!(run(&mut client, "bash", "echo $y")["structuredContent"]["stdout"], "22\n");

    let written =
        client.call("write_file", json!({ "sandbox": sandbox, "path": "d/a.bin", "base64": "/wA=" }));
    assert_eq!(written["structuredContent"]["size"], 2, "{written}");
    let listed = client.call("list_files", json!({ "sandbox": sandbox, "depth": 2 }));
    let names: Vec<&Value> = listed["structuredContent"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["path"])
        .collect();
    assert_eq!(names, ["d", "d/a.bin"], "{listed}");
    let read = client.call("read_file", json!({ "sandbox": sandbox, "path": "d/a.bin" }));
    assert_eq!(read["content"][0]["resource"]["blob"], "/wA=", "{read}");
    client.call("write_file", json!({ "sandbox": sandbox, "path": "t.txt", "text": "0123456789" }));
    let part =
        client.call("read_file", json!({ "sandbox": sandbox, "path": "t.txt", "offset": 2, "length": 3 }));
    assert_eq!(text(&part), "234");
    assert!(part["content"][1]["text"].as_str().unwrap().contains("offset 5"), "{part}");
    for (path, word) in [("none", "no such file"), ("d", "it is a directory"), ("/proc/1/mem", "cannot")] {
        let missing = client.call("read_file", json!({ "sandbox": sandbox, "path": path }));
        assert!(missing["isError"] == true && text(&missing).to_lowercase().contains(word), "{missing}");
    }
    let died = run(&mut client, "python", "import os; os._exit(3)");
    assert!(text(&died).contains("files in /workspace are still there"), "{died}");
    assert_eq!(
        run(&mut client, "python", "'x' in globals()")["structuredContent"]["results"][0]["data"]["text/plain"],
        "False"
    );
}

#[test]
fn what_is_gone_says_how_to_go_on() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&[]);
    let short = client.sandbox(json!({ "ttl_seconds": 1 }));
    let used = client.sandbox(json!({ "ttl_seconds": 2 }));
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(700));
        let alive = client.call("run_code", json!({ "code": "1", "sandbox": used }));
        assert_eq!(alive["isError"], false, "{alive}");
        // To be listed is not to be used.
        client.ask("resources/list", json!({}));
    }
    let closed = client.call("close_sandbox", json!({ "sandbox": used }));
    assert_eq!(closed["structuredContent"]["closed"], true);
    for sandbox in [&short, &used] {
        for (tool, more) in [
            ("run_code", json!({ "code": "1" })),
            ("run_command", json!({ "command": "true" })),
            ("list_files", json!({})),
            ("read_file", json!({ "path": "x" })),
            ("write_file", json!({ "path": "x", "text": "" })),
            ("close_sandbox", json!({})),
        ] {
            let mut arguments = more;
            arguments["sandbox"] = json!(sandbox);
            let gone = client.call(tool, arguments);
            assert!(gone["isError"] == true && text(&gone).contains("call create_sandbox"), "{tool}: {gone}");
        }
    }
}

#[test]
fn there_is_room_for_so_many() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&["--sandboxes", "2"]);
    let made = client.call("run_code", json!({ "code": "open('x', 'w').write('1')" }));
    let spare = made["structuredContent"]["sandbox"].clone();
    let one = client.sandbox(json!({}));
    let two = client.sandbox(json!({}));
    let gone = client.call("list_files", json!({ "sandbox": spare }));
    assert_eq!(gone["isError"], true, "a spare gives way: {gone}");
    let full = client.call("create_sandbox", json!({}));
    assert!(full["isError"] == true && text(&full).contains(&one) && text(&full).contains(&two), "{full}");
    client.call("close_sandbox", json!({ "sandbox": one }));
    client.sandbox(json!({}));
}
