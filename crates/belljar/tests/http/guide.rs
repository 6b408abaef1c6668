//! The examples of the reference are run, in order, in one shell, against one server.

use crate::server::Server;
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../../../docs/reference/http.md");

#[test]
fn the_examples_of_the_reference_run() {
    let model = format!("recording:{}/../../examples/recordings/percentage.json", env!("CARGO_MANIFEST_DIR"));
    let Some(server) = Server::start(&["--model", &model]) else { return };
    let mut blocks = PAGE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let first = blocks.next().expect("a block that starts the server");
    assert!(first.starts_with("belljar serve"), "{first}");
    // Each block says what it prints: lines that begin with `#>` stand somewhere in its output.
    let mut script = String::from("set -eu\n");
    let mut expected = Vec::new();
    for block in blocks.filter(|block| block.contains("curl")) {
        for line in block.lines() {
            match line.strip_prefix("#> ") {
                Some(said) => expected.push(said.to_owned()),
                None => script.push_str(&format!("{line}\n")),
            }
        }
        script.push_str("echo\n");
    }
    assert!(expected.len() >= 8, "{expected:?}");
    let script = script.replace("127.0.0.1:7070", &server.address);
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(&folder).stdin(Stdio::null());
    let output = shell.output().expect("bash");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    let mut rest = said.as_ref();
    for part in &expected {
        let at = rest.find(part.as_str()).unwrap_or_else(|| panic!("{part:?} is not in {rest}\n{errors}"));
        rest = &rest[at..];
    }
}
