//! The official conformance suite against the real server, in both eras. Most of its scenarios call tools, prompts and
//! resources by fixed names: `cargo xtask test` builds a server that has them beside the ordinary one.

use crate::node;
use crate::program::can_run;
use crate::server::{Server, folder};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SUITE: &str = "@modelcontextprotocol/conformance/dist/index.js";

/// What fails, and may. All are about tasks: an extension of the protocol that this server does not offer, which the suite
/// runs none the less and does not count.
const NOT_OFFERED: [&str; 9] = [
    "tasks-capability-negotiation",
    "tasks-dispatch-and-envelope",
    "tasks-lifecycle",
    "tasks-mrtr-composition",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-request-state-removal",
    "tasks-required-task-error",
    "tasks-wire-fields",
];

#[test]
fn the_server_conforms_to_the_stateless_revision() {
    check("2026-07-28", 41, &NOT_OFFERED);
}

#[test]
fn the_server_conforms_to_the_last_revision_with_a_handshake() {
    check("2025-11-25", 33, &[]);
}

/// The server with the fixtures, or why there is none that is like the ordinary one.
fn fixtures() -> Result<PathBuf, String> {
    let ordinary = Path::new(env!("CARGO_BIN_EXE_belljar"));
    let built = ordinary.with_file_name("belljar-conformance");
    let age = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    match (age(&built), age(ordinary)) {
        (Some(built_at), Some(at)) if built_at >= at => Ok(built),
        (Some(_), _) => {
            Err("the server with its fixtures is older than the server: cargo xtask test builds it".into())
        }
        (None, _) => Err("there is no server with its fixtures: cargo xtask test builds it".into()),
    }
}

/// Runs what a revision requires: so many scenarios pass, and exactly these fail.
fn check(revision: &str, passing: usize, failing: &[&str]) {
    if !can_run() {
        return;
    }
    let server = match fixtures() {
        Ok(server) => server,
        Err(why) => return node::skip("the conformance suite", &why),
    };
    let Some(place) = node::place("conformance") else { return };
    let server = Server::start_program(Command::new(server), folder(), &[]);
    let results = tempfile::tempdir().unwrap();
    let mut suite = place.call(SUITE);
    suite.args(["server", "--requirements", revision, "-o"]).arg(results.path());
    suite.args(["--url", &format!("http://{}/mcp", server.address)]);
    let Output { status, stdout, stderr } = suite.output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let (_, summary) = said.split_once("=== SUMMARY ===").unwrap_or_else(|| panic!("{said}\n{errors}"));
    let ended = |mark: &str| {
        let lines = summary.lines().filter_map(|line| line.strip_prefix(mark));
        let mut names: Vec<String> =
            lines.map(|line| line.split(':').next().unwrap_or_default().trim().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(ended("✗"), failing, "{summary}\n{errors}");
    assert_eq!((ended("✓").len(), status.code()), (passing, Some(0)), "{summary}\n{errors}");
}
