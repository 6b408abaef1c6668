//! The backends and runtimes under test, by the names of their tests.

use interpreter::{Interpreter, OciSettings, Preload, Settings};
use std::path::PathBuf;

/// What is under test, and what a host must have for it, as `BELLJAR_REQUIRE` names it.
struct Subject {
    name: &'static str,
    backend: &'static str,
    runtime: Option<&'static str>,
    needs: &'static str,
}

const SUBJECTS: [Subject; 3] = [
    Subject { name: "native", backend: "native", runtime: None, needs: "native" },
    Subject { name: "oci_runc", backend: "oci", runtime: Some("runc"), needs: "docker" },
    Subject { name: "oci_runsc", backend: "oci", runtime: Some("runsc"), needs: "runsc" },
];

/// An interpreter with that backend only. The engine of tests is named by `BELLJAR_TEST_ENGINE`.
pub fn open(name: &str, preload: Preload) -> Interpreter {
    let subject = find(name);
    let engine = std::env::var("BELLJAR_TEST_ENGINE").ok();
    let runtime = subject.runtime.map(str::to_owned);
    let oci = OciSettings { engine, runtime, ..OciSettings::default() };
    let backend = Some(subject.backend.to_owned());
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
