//! Keys, where they are needed.

use crate::{
    lab,
    program::{belljar, can_run},
    sdks,
    server::{Server, folder},
};
use std::path::Path;
use std::process::Command;

/// Makes a key; gives it back as clients of E2B spell it.
fn key(folder: &Path, name: &str) -> String {
    let mut command = belljar();
    command.arg("--data-dir").arg(folder).args(["key", "create", name, "--json"]);
    let made: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    made["e2b_key"].as_str().unwrap().to_owned()
}

#[test]
fn they_open_what_they_are_for() {
    let (Some(python), true) = (sdks::python("e2b-2.63"), can_run()) else { return };
    let folder = folder();
    let (one, other) = (key(folder.path(), "one"), key(folder.path(), "other"));
    let server = Server::start_in(folder, &["--template", "code-interpreter", "--require-key"]);
    lab::unittest(Command::new(python).env("OTHER_KEY", other), "test_keys", (&server, &one));
}
