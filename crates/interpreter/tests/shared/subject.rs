//! The backends and runtimes under test, by the names of their tests.

use crate::containers::ENGINES;
use interpreter::{Interpreter, OciSettings, Preload, Settings};
use std::path::PathBuf;

/// What is under test, and what a host must have for it, as `BELLJAR_REQUIRE` names it.
struct Subject {
    name: &'static str,
    backend: &'static str,
    runtime: Option<&'static str>,
    needs: &'static str,
    /// The variable that names its engine's socket.
    socket: &'static str,
}

const SUBJECTS: [Subject; 4] = [
    Subject { name: "native", backend: "native", runtime: None, needs: "native", socket: ENGINES[0] },
    Subject { name: "oci_runc", backend: "oci", runtime: Some("runc"), needs: "docker", socket: ENGINES[0] },
    Subject { name: "oci_runsc", backend: "oci", runtime: Some("runsc"), needs: "runsc", socket: ENGINES[0] },
    Subject { name: "oci_podman", backend: "oci", runtime: None, needs: "podman", socket: ENGINES[1] },
];

/// Its engine, as the environment names it, and its runtime.
pub fn settings(name: &str) -> OciSettings {
    let subject = find(name);
    let runtime = subject.runtime.map(str::to_owned);
    OciSettings { engine: std::env::var(subject.socket).ok(), runtime, ..OciSettings::default() }
}

/// An interpreter with that backend only.
pub fn open(name: &str, preload: Preload) -> Interpreter {
    let (backend, oci) = (Some(find(name).backend.to_owned()), settings(name));
    Interpreter::open(Settings { backend, preload, oci, ..Settings::new(data_dir()) }).unwrap()
}

/// What cannot be had here, and why; `None` where it can run.
pub fn hindrance(name: &str, interpreter: &Interpreter) -> Option<(&'static str, String)> {
    let subject = find(name);
    let backend = interpreter.backends().iter().find(|found| found.name() == subject.backend).unwrap();
    let probe = backend.probe();
    let lacks = |why: &str| Some((subject.needs, format!("{name} cannot run here: {why}")));
    let missing = probe.checks.iter().filter(|check| check.needed && !check.holds);
    if let Some(check) = missing.into_iter().next() {
        return lacks(&format!("{}: {}", check.name, check.found));
    }
    // The engine itself knows whether it has a runtime.
    let runtimes =
        probe.checks.iter().find(|check| check.name == "runtimes").map(|check| check.found.clone());
    match (subject.runtime, runtimes) {
        (Some(wanted), Some(all)) if !all.split(", ").any(|one| one == wanted) => {
            lacks(&format!("the engine has {all}"))
        }
        _ => None,
    }
}

/// Where `cargo xtask test` keeps templates.
pub fn data_dir() -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("belljar");
    std::env::var_os("BELLJAR_DATA_DIR").map_or_else(beside, PathBuf::from)
}

fn find(name: &str) -> &'static Subject {
    SUBJECTS.iter().find(|subject| subject.name == name).unwrap()
}
