//! Code and commands that run: text first, pictures, links; failures with what to do about them.

use crate::client::{Client, text};
use crate::program::can_run;
use serde_json::{Value, json};

#[test]
fn a_failure_says_what_to_do() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&["--policy", "strict"]);
    let cases: [(Value, &[&str], &str); 7] = [
        (json!({ "code": "1/0" }), &["error"], "category: exception"),
        (json!({ "code": "import ctypes" }), &["denied"], "category: policy"),
        (json!({ "code": "import pandas" }), &["error"], "hint: this template does not have that module"),
        (json!({ "code": "while True: pass", "timeout": 0.5 }), &["timeout"], "category: timeout"),
        (json!({ "code": "x = bytearray(10**9)" }), &["error", "out_of_memory"], "category: "),
        (json!({ "code": "false", "language": "bash" }), &["error"], "status: error"),
        (json!({ "code": "1 +" }), &["denied", "error"], "category: "),
    ];
    for (arguments, statuses, part) in cases {
        let result = client.call("run_code", arguments.clone());
        let outcome = &result["structuredContent"];
        assert_eq!(result["isError"], true, "{arguments}: {result}");
        assert!(text(&result).contains(part), "{arguments}: {result}");
        assert!(statuses.contains(&outcome["status"].as_str().unwrap()), "{arguments}: {outcome}");
        assert_eq!(outcome["status"] == "denied", outcome["sandbox"].is_null(), "{arguments}: {outcome}");
    }
}

#[test]
fn files_of_one_run_can_be_read_after_it() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&[]);
    let file = json!({ "path": "in/a.txt", "text": "hello" });
    let code = "open('out größe.txt', 'w').write(open('in/a.txt').read().upper()); x = 20";
    let result = client.call("run_code", json!({ "code": code, "files": [file] }));
    assert_eq!(result["isError"], false, "{result}");
    let link = result["content"].as_array().unwrap().last().unwrap();
    assert_eq!((&link["type"], &link["size"]), (&json!("resource_link"), &json!(5)), "{result}");
    assert!(text(&result).starts_with("status: ok\n"), "{result}");
    let read = client.ask("resources/read", json!({ "uri": link["uri"] }));
    assert_eq!(read["result"]["contents"][0]["text"], "HELLO", "{read}");
    let listed = client.ask("resources/list", json!({}));
    let uris: Vec<_> =
        listed["result"]["resources"].as_array().unwrap().iter().map(|one| &one["uri"]).collect();
    assert!(uris.len() == 2 && uris.contains(&&link["uri"]), "{listed}");
    let sandbox = &result["structuredContent"]["sandbox"];
    let on = client.call("run_code", json!({ "code": "x + 22", "sandbox": sandbox }));
    assert_eq!(on["structuredContent"]["results"][0]["data"]["text/plain"], "42", "{on}");
    let none = client.call("run_code", json!({ "code": "1" }));
    let gone =
        client.call("run_code", json!({ "code": "1", "sandbox": none["structuredContent"]["sandbox"] }));
    assert!(gone["isError"] == true && text(&gone).contains("sandbox_gone"), "{gone}");
}

#[test]
fn pictures_have_blocks_of_their_own() {
    if !can_run() {
        return;
    }
    let code = "import base64\nfrom IPython.display import Image, HTML, display\n\
                png = base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')\n\
                display(Image(png))\ndisplay(HTML('x' * 100_000))\nopen('p.png', 'wb').write(png)\nNone";
    let mut client = Client::start(&[]);
    let result = client.call("run_code", json!({ "code": code }));
    let block = &result["content"][1];
    assert_eq!((&block["type"], &block["mimeType"]), (&json!("image"), &json!("image/png")), "{result}");
    assert!(text(&result).contains("an image follows"), "{result}");
    let structured = result["structuredContent"].to_string();
    assert!(!structured.contains("iVBOR") && structured.len() < 5000, "{structured}");
    let sandbox = &result["structuredContent"]["sandbox"];
    let read = client.call("read_file", json!({ "sandbox": sandbox, "path": "p.png" }));
    assert_eq!((&read["content"][0]["type"], &read["content"][0]["data"]), (&json!("image"), &block["data"]));
}

#[test]
fn a_command_leaves_files_and_nothing_else() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&[]);
    let sandbox = client.sandbox(json!({}));
    let run = |client: &mut Client, command: &str| {
        client.call("run_command", json!({ "command": command, "sandbox": sandbox }))
    };
    let first = run(&mut client, "cd /tmp; x=1; echo out; echo err >&2; echo 7 > /workspace/n");
    assert_eq!(first["structuredContent"]["stdout"], "out\n", "{first}");
    assert_eq!(first["structuredContent"]["stderr"], "err\n", "{first}");
    let second = run(&mut client, "pwd; echo \"[$x]\"; cat n");
    assert_eq!(second["structuredContent"]["stdout"], "/workspace\n[]\n7\n", "{second}");
    let failed = run(&mut client, "false");
    assert_eq!((&failed["isError"], &failed["structuredContent"]["exit_code"]), (&json!(true), &json!(1)));
    let slow = json!({ "command": "echo up; sleep 60", "sandbox": sandbox, "timeout": 0.5 });
    let slow = client.call("run_command", slow)["structuredContent"].clone();
    assert_eq!((&slow["status"], &slow["exit_code"]), (&json!("timeout"), &json!(124)), "{slow}");
    assert_eq!(
        (&slow["stdout"], &slow["context"]),
        (&json!("up\n"), &Value::Null),
        "a program, not code: {slow}"
    );
    // Code that runs does not hold up a command.
    client.send_call("run_code", json!({ "code": "import time; time.sleep(60)", "sandbox": sandbox }));
    let beside = run(&mut client, "cat n; exit 7");
    let beside = &beside["structuredContent"];
    assert_eq!((&beside["stdout"], &beside["exit_code"]), (&json!("7\n"), &json!(7)), "{beside}");
}

#[test]
fn a_command_of_its_own_leaves_files_too() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&["--policy", "strict"]);
    let file = json!({ "path": "in.txt", "text": "hello\n" });
    let ran = client.call("run_command", json!({ "command": "rev in.txt | tee out.txt", "files": [file] }));
    let outcome = &ran["structuredContent"];
    assert_eq!((&outcome["stdout"], &outcome["exit_code"]), (&json!("olleh\n"), &json!(0)), "{ran}");
    let link = ran["content"].as_array().unwrap().last().unwrap();
    assert_eq!((&link["type"], &link["name"]), (&json!("resource_link"), &json!("out.txt")), "{ran}");
    let read = client.ask("resources/read", json!({ "uri": link["uri"] }));
    assert_eq!(read["result"]["contents"][0]["text"], "olleh\n", "{read}");
    let on = json!({ "command": "cat out.txt", "sandbox": outcome["sandbox"] });
    assert_eq!(client.call("run_command", on)["structuredContent"]["stdout"], "olleh\n");
    let denied =
        client.call("run_command", json!({ "command": "sudo ls", "files": [{ "path": "x", "text": "" }] }));
    let outcome = &denied["structuredContent"];
    assert_eq!((&outcome["status"], &outcome["sandbox"]), (&json!("denied"), &Value::Null), "{denied}");
}

#[test]
fn calls_take_turns() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&["--running", "1"]);
    let code = "import time; begun = time.time(); time.sleep(0.3); print(begun, time.time())";
    let sent = [(); 3]
        .map(|()| client.send("tools/call", json!({ "name": "run_code", "arguments": { "code": code } })));
    let mut times: Vec<Vec<f64>> = Vec::new();
    for _ in sent {
        let answer = client.next_answer();
        let said = answer["result"]["structuredContent"]["stdout"].as_str().unwrap().to_owned();
        times.push(said.split_whitespace().map(|time| time.parse().unwrap()).collect());
    }
    times.sort_by(|one, other| one[0].total_cmp(&other[0]));
    assert!(times.windows(2).all(|two| two[0][1] <= two[1][0]), "{times:?}");
}

#[test]
fn output_is_told_as_it_comes_but_not_too_often() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&[]);
    let code = "import time\nfor i in range(100):\n    print('line', i, flush=True)\n    time.sleep(0.02)";
    let id = client.send_call("run_code", json!({ "code": code }));
    let result = client.answer(id);
    assert_eq!(result["result"]["isError"], false, "{result}");
    let told = &client.told;
    let all: String = told.iter().map(|(_, one)| one["params"]["message"].as_str().unwrap()).collect();
    assert!(all.starts_with("line 0\nline 1\n") && all.contains("line 50\n"), "{all}");
    assert!(told.iter().all(|(_, one)| one["params"]["progressToken"] == id));
    assert!(
        told.windows(2)
            .all(|two| two[0].1["params"]["progress"].as_f64() < two[1].1["params"]["progress"].as_f64())
    );
    let lasted = told.last().unwrap().0 - told[0].0;
    assert!(
        told.len() >= 3 && told.len() as f64 <= lasted.as_secs_f64() * 5.0 + 2.0,
        "{} in {lasted:?}",
        told.len()
    );
    let quiet = client.call("run_code", json!({ "code": "print(1)" }));
    assert_eq!(quiet["structuredContent"]["stdout"], "1\n");
    assert!(client.told.iter().all(|(_, one)| one["params"]["progressToken"] == id), "nobody asked for that");
}
