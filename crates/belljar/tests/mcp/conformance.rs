//! The official conformance suite against the real server, in both eras. Most of its scenarios call tools, prompts and
//! resources by fixed names: `cargo xtask test` builds a server that has them, and tells where in `BELLJAR_TEST_FIXTURES`.

use crate::node;
use crate::program::can_run;
use crate::server::{Server, folder};
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

/// Runs what a revision requires: so many scenarios pass, and exactly these fail.
fn check(revision: &str, passing: usize, failing: &[&str]) {
    if !can_run() {
        return;
    }
    let Some(server) = std::env::var_os("BELLJAR_TEST_FIXTURES") else {
        return node::skip(
            "the conformance suite",
            "`cargo xtask test conformance` builds the server that it needs",
        );
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
