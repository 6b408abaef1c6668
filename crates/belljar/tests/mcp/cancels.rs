//! Cancelled calls and closed streams: what ran is gone, at once and wholly.

use crate::client::{Client, processes, until};
use crate::program::can_run;
use serde_json::json;
use std::time::Duration;

/// A number that no other process of this machine sleeps for.
pub fn marker(number: u32) -> String {
    format!("918{}{number}", std::process::id())
}

/// How many processes sleep for this number.
pub fn sleeping(number: u32) -> usize {
    processes(&format!("sleep {}", marker(number)))
}

/// Code that says when it runs, with a process of its own that can be found from outside.
pub fn stubborn(number: u32) -> String {
    let marker = marker(number);
    format!(
        "import subprocess, time\nchild = subprocess.Popen(['sleep', '{marker}'], start_new_session=True)\nprint('up', flush=True)\n\
         while True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
    )
}

#[test]
fn a_cancelled_run_of_its_own_is_gone_with_everything() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&[]);
    let id = client.send_call("run_code", json!({ "code": stubborn(1) }));
    assert_eq!(client.heard()["params"]["message"], "up\n");
    until("the process runs", Duration::from_secs(5), || sleeping(1) == 1);
    client.cancel(id);
    until("the process ends", Duration::from_secs(5), || sleeping(1) == 0);
    let after = client.call("run_code", json!({ "code": "print(1)" }));
    assert_eq!(after["structuredContent"]["stdout"], "1\n", "no answer to {id} came");
}

#[test]
fn a_cancelled_run_in_a_kept_sandbox_ends_and_the_sandbox_stays() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&[]);
    let sandbox = client.sandbox(json!({}));
    let run = |client: &mut Client, code: &str| {
        client.call("run_code", json!({ "code": code, "sandbox": sandbox }))["structuredContent"].clone()
    };
    run(&mut client, "x = 7; open('kept.txt', 'w').write('kept')");
    let id = client.send_call("run_code", json!({ "code": stubborn(2), "sandbox": sandbox }));
    client.heard();
    client.cancel(id);
    let took = until("all processes end", Duration::from_secs(5), || sleeping(2) == 0);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(
        run(&mut client, "print('x' in globals(), open('kept.txt').read())")["stdout"],
        "False kept\n"
    );
    // A command is killed with its shell.
    let command = format!("setsid sleep {} & echo up; sleep {0}", marker(3));
    let id = client.send_call("run_command", json!({ "command": command, "sandbox": sandbox }));
    client.heard();
    client.cancel(id);
    let took = until("the command ends", Duration::from_secs(5), || sleeping(3) == 0);
    assert!(took < Duration::from_secs(1), "{took:?}");
    let alone = format!("setsid sleep {} & echo up; sleep {0}", marker(6));
    let id = client.send_call("run_command", json!({ "command": alone }));
    client.heard();
    client.cancel(id);
    until("the other one ends", Duration::from_secs(5), || sleeping(6) == 0);
}

#[test]
fn a_closed_stream_ends_everything_at_once() {
    if !can_run() {
        return;
    }
    for kept in [false, true] {
        let mut client = Client::start(&[]);
        let mut arguments = json!({ "code": stubborn(4) });
        if kept {
            arguments["sandbox"] = json!(client.sandbox(json!({})));
        }
        client.send_call("run_code", arguments);
        client.heard();
        let (exit, took) = client.close();
        assert_eq!(exit, Some(0));
        assert!(took < Duration::from_secs(4), "{took:?}");
        until("all processes end", Duration::from_secs(2), || sleeping(4) == 0);
    }
}

#[test]
fn a_signal_ends_everything_too() {
    if !can_run() {
        return;
    }
    let mut client = Client::start(&[]);
    let sandbox = client.sandbox(json!({}));
    client.send_call("run_code", json!({ "code": stubborn(5), "sandbox": sandbox }));
    client.heard();
    let kill = std::process::Command::new("kill").args(["-TERM", &client.id().to_string()]).status().unwrap();
    assert!(kill.success());
    until("all processes end", Duration::from_secs(5), || sleeping(5) == 0);
    assert_eq!(client.close().0, Some(143));
}
