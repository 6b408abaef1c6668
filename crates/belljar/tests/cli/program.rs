//! Starting the binary, and whether this host can run code at all.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// The binary with a quiet environment.
pub fn belljar() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belljar"));
    for key in ["BELLJAR_IMAGES", "CLICOLOR_FORCE", "FORCE_COLOR", "TERM_PROGRAM", "KITTY_WINDOW_ID"] {
        command.env_remove(key);
    }
    // Nobody's own configuration.
    command.env_remove("BELLJAR_CONFIG").env("XDG_CONFIG_HOME", "/nonexistent");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What one call gave.
#[derive(Debug)]
pub struct Seen {
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Seen {
    /// Standard output as one JSON value and nothing else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Seen {
    fn from(output: Output) -> Seen {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Seen { exit: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs it to its end.
pub fn call(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Seen {
    belljar().args(args).output().expect("start belljar").into()
}

/// Runs it to its end with this standard input.
pub fn call_with(args: &[&str], input: &str) -> Seen {
    let mut command = belljar();
    command.args(args);
    end_of(command, input)
}

/// Runs a command to its end with this standard input.
pub fn end_of(mut command: Command, input: &str) -> Seen {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("start belljar");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("write");
    child.wait_with_output().expect("wait").into()
}

/// Starts it in the background.
pub fn start(args: &[&str]) -> Child {
    belljar().args(args).spawn().expect("start belljar")
}

/// Whether code can run here, as `belljar doctor` sees it. Prints why not; fails where `BELLJAR_TEST_REQUIRE` is set.
pub fn can_run() -> bool {
    static LACKING: OnceLock<Vec<String>> = OnceLock::new();
    let lacking = LACKING.get_or_init(|| {
        let json = call(["doctor", "--json"]).json();
        let facts = json["facts"].as_array().cloned().unwrap_or_default();
        let lacking = facts.iter().filter(|fact| fact["required"] == true && fact["state"] == "missing");
        lacking.map(|fact| format!("{}: {}", fact["title"], fact["detail"])).collect()
    });
    if !lacking.is_empty() {
        assert!(std::env::var_os("BELLJAR_TEST_REQUIRE").is_none(), "no code can run here: {lacking:?}");
        eprintln!("skipped: no code can run here: {lacking:?}");
    }
    lacking.is_empty()
}
