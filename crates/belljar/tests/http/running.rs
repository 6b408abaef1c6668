//! `belljar run` beside a server: it lets the server run code where that makes no difference, and works alone otherwise.

use crate::access::key;
use crate::program::{belljar, can_run};
use crate::server::{Server, folder};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// `run` in this data folder.
fn run(folder: &Path, args: &[&str]) -> Command {
    let mut command = belljar();
    command.arg("--data-dir").arg(folder).arg("run").args(args);
    command
}

fn ran(folder: &Path, args: &[&str]) -> Output {
    run(folder, args).output().expect("start belljar")
}

/// Executions that the server ran, once there are so many, or after a while.
async fn executions(server: &Server, expected: usize) -> usize {
    let mut count = 0;
    for _ in 0..40 {
        let (status, list) = server.get("/v1/journal/executions").await;
        assert_eq!(status, 200, "{list}");
        count = list["items"].as_array().unwrap().len();
        if count >= expected && count > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    count
}

#[tokio::test]
async fn what_makes_no_difference_runs_on_the_server() {
    if !can_run() {
        return;
    }
    let place = folder();
    key(place.path(), &["create", "somebody"]);
    let server = Server::start_in(place, &["--warm", "1", "--require-key"]);
    let folder = server.folder.path();
    let code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)";
    // The same, word by word, from the server and alone.
    let both = [&["-c", code][..], &["--alone", "-c", code]].map(|args| ran(folder, args));
    for output in &both {
        assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n", "{output:?}");
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
    assert_eq!(both[0].stderr, both[1].stderr, "{both:?}");
    let json = ran(folder, &["--json", "-c", "print(6 * 7)"]);
    let outcome: Value = serde_json::from_slice(&json.stdout).expect("one outcome");
    assert_eq!((outcome["stdout"].as_str(), outcome["status"].as_str()), (Some("42\n"), Some("ok")));
    let denied = ran(folder, &["--policy", "strict", "-c", "import ctypes"]);
    assert_eq!(denied.status.code(), Some(126), "{denied:?}");
    // Its key opens the server's own record of it: no key is needed at the socket, one is at the address.
    let (status, _) = server.get("/v1/journal/executions").await;
    assert_eq!(status, 401);
    // The record is written behind what happens.
    for _ in 0..100 {
        if journal(folder) >= 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(journal(folder), 3, "the one that ran alone is not the server's");
}

/// Executions in the journal of this folder, read through the socket.
fn journal(folder: &Path) -> usize {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--unix-socket"]).arg(folder.join("server.sock"));
    let output = curl.arg("http://localhost/v1/journal/executions").output().expect("curl");
    let list: Value = serde_json::from_slice(&output.stdout).expect("a list");
    list["items"].as_array().unwrap_or_else(|| panic!("{list}")).len()
}

#[tokio::test]
async fn what_passes_files_or_input_works_alone() {
    let Some(server) = Server::start(&["--warm", "0"]) else { return };
    let folder = server.folder.path();
    let out = tempfile::tempdir().unwrap();
    let written = ran(
        folder,
        &[
            "--template",
            "python",
            "--out",
            out.path().to_str().unwrap(),
            "-c",
            "open('a.txt', 'w').write('a')",
        ],
    );
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    assert_eq!(std::fs::read_to_string(out.path().join("a.txt")).unwrap(), "a");
    let mut reads = run(folder, &["--stdin", "-c", "print(input())"]);
    let mut child = reads.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"hello\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"hello\n");
    assert_eq!(executions(&server, 1).await, 0);
}

#[tokio::test]
async fn a_socket_of_a_server_that_is_gone_is_in_nobodys_way() {
    let Some(mut server) = Server::start(&["--warm", "0"]) else { return };
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let folder = server.folder.path();
    assert!(folder.join("server.sock").exists(), "it had no time to remove it");
    assert_eq!(ran(folder, &["-c", "print(1)"]).stdout, b"1\n");
    let moved = std::mem::replace(&mut server.folder, crate::server::folder());
    let next = Server::start_in(moved, &["--warm", "0"]);
    assert_eq!(ran(next.folder.path(), &["-c", "print(2)"]).stdout, b"2\n");
    assert_eq!(executions(&next, 1).await, 1);
}

#[tokio::test]
async fn a_second_server_leaves_the_socket_to_the_first() {
    let Some(first) = Server::start(&["--warm", "0"]) else { return };
    let mut second = belljar();
    second.arg("--data-dir").arg(first.folder.path());
    second.args(["serve", "--listen", "127.0.0.1:0", "--template", "python", "--warm", "0"]);
    let mut second = second.spawn().unwrap();
    let mut lines = std::io::BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        std::io::BufRead::read_line(&mut lines, &mut line).unwrap();
    }
    second.kill().unwrap();
    second.wait().unwrap();
    assert_eq!(ran(first.folder.path(), &["-c", "print(1)"]).stdout, b"1\n");
    assert_eq!(executions(&first, 1).await, 1);
}
