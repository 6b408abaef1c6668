//! Engines that fail: runtimes that do not start, a disk that is full, a daemon that dies in the middle of an execution.

use crate::dockerd::{Dockerd, hindrance};
use crate::images::{Talk, which, with_libraries};
use crate::oci::{Configured, asleep, refused, skip, wait_until};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Bash and what it needs, which is quickly imported.
fn bash() -> BTreeSet<PathBuf> {
    with_libraries(&which("bash").expect("this host has bash"))
}

#[test]
fn a_runtime_that_does_not_start_is_told() {
    if let Some(why) = hindrance() {
        return skip("docker", "a_runtime_that_does_not_start_is_told", why);
    }
    let daemon = Dockerd::start(None);
    let talk = Talk::with(&daemon.socket());
    let image = talk.import("belljar-tests/bash:1", &bash());
    let site = Configured::with(&daemon.socket());
    for runtime in ["broken", "absent"] {
        let args = [
            "run",
            "--backend",
            "oci",
            "--image",
            &image.name,
            "--runtime",
            runtime,
            "--language",
            "bash",
            "-c",
            "echo 1",
        ];
        let (code, message, hint) = refused(&site, &args);
        assert_eq!(code, "runtime", "{message}");
        assert!(
            message.contains("cannot start the container: ") && hint.contains("broken"),
            "{message} {hint}"
        );
    }
    wait_until("no container is left", || talk.containers(None).is_empty());
}

#[test]
fn an_execution_whose_daemon_dies_is_lost_and_leaves_nothing() {
    if let Some(why) = hindrance() {
        return skip("docker", "an_execution_whose_daemon_dies_is_lost_and_leaves_nothing", why);
    }
    let mut daemon = Dockerd::start(None);
    let talk = Talk::with(&daemon.socket());
    let image = talk.import("belljar-tests/bash:1", &bash());
    let site = Configured::with(&daemon.socket());
    let child = asleep(&site, &["--image", &image.name, "--language", "bash"]);
    assert_eq!(talk.containers(None).len(), 1);
    daemon.kill();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().expect("events")).unwrap();
    let outcome = &last["outcome"];
    assert_eq!((output.status.code(), &outcome["status"]), (Some(137), &"lost".into()), "{text}");
    assert_eq!(outcome["error"]["category"], "sandbox", "{outcome}");
    daemon.restart();
    let talk = Talk::with(&daemon.socket());
    wait_until("no container is left", || talk.containers(None).is_empty());
}

#[test]
fn a_full_disk_is_told() {
    if let Some(why) = hindrance() {
        return skip("docker", "a_full_disk_is_told", why);
    }
    let daemon = Dockerd::start(Some("64m"));
    let site = Configured::with(&daemon.socket());
    let (code, message, hint) =
        refused(&site, &["run", "--backend", "oci", "--template", "python", "-c", "print(1)"]);
    assert_eq!(code, "disk_full", "{message}");
    assert!(hint.contains("docker system df"), "{hint}");
    let seen = site.call(&["template", "build", "--image", "python"]);
    assert!(seen.exit == Some(127) && seen.stderr.contains("cannot make an image: "), "{seen:?}");
}
