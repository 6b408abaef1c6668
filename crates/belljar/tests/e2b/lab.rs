//! A server, and programs of the SDKs that speak to it.

use crate::{node, sdks, server::Server};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Any key does where none is needed.
pub const ANY_KEY: &str = "e2b_0000000000000000000000000000000000000000";

/// A server whose sandboxes have what E2B's code interpreter has; `None` where no code can run here.
pub fn server() -> Option<Server> {
    Server::start(&["--template", "code-interpreter", "--no-journal"])
}

/// Where a program of the SDKs finds the server, as in anybody's environment.
pub fn environment<'a>(command: &'a mut Command, server: &Server, key: &str) -> &'a mut Command {
    let url = format!("http://{}", server.address);
    for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    command.env("E2B_API_KEY", key).env("E2B_API_URL", &url).env("E2B_SANDBOX_URL", &url)
}

fn tests(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2b").join(language)
}

/// Runs one file of tests with a Python that has the SDK, against a server and with this key.
pub fn unittest(python: &mut Command, file: &str, (server, key): (&Server, &str)) {
    python.args(["-W", "ignore", "-m", "unittest", "-v", file]).current_dir(tests("python"));
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    passed(environment(python, server, key));
}

/// Runs one file of tests with this version of the Python SDK.
pub fn python(version: &str, file: &str) {
    let Some(python) = sdks::python(&format!("e2b-{version}")) else { return };
    let Some(server) = server() else { return };
    unittest(&mut Command::new(python), file, (&server, ANY_KEY));
    nothing_left(&server);
}

/// Runs one file of tests with this version of the JavaScript SDK.
pub fn javascript(version: &str, file: &str) {
    let Some(place) = node::place(&format!("e2b-js-{version}")) else { return };
    let Some(server) = server() else { return };
    let mut command = place.node();
    command.args(["--test", "--test-force-exit", "--test-reporter=spec"]);
    command.arg(tests("javascript").join(format!("{file}.test.cjs"))).env("NODE_PATH", place.modules());
    passed(environment(&mut command, &server, ANY_KEY));
    nothing_left(&server);
}

fn passed(command: &mut Command) {
    println!("{}", said(command));
}

/// What a program prints that ends well.
pub fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let [said, told] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{said}\n{told}");
    eprintln!("{told}");
    said
}

/// All sandboxes have ended, with everything that ran in them.
fn nothing_left(server: &Server) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.idle());
}
