//! The programs of the guide, as anybody runs them; and the check that the guide names.

use crate::{lab, node, program::belljar, sdks};
use std::path::{Path, PathBuf};
use std::process::Command;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/e2b").join(name)
}

/// Runs a Python program with the newest SDK; gives back what it prints.
fn run(name: &str, folder: &Path) -> Option<String> {
    let python = sdks::python("e2b-2.63")?;
    let server = lab::server()?;
    let mut command = Command::new(python);
    command.arg(example(name)).arg(folder);
    Some(lab::said(lab::environment(&mut command, &server, lab::ANY_KEY)))
}

#[test]
fn data_is_analysed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(said) = run("analysis.py", folder.path()) else { return };
    assert!(said.starts_with("(36, 3)\n"), "{said}");
    assert!(said.contains("north") && said.contains("KeyError: 'regoin'"), "{said}");
}

#[test]
fn a_chart_comes_out_as_a_picture_and_as_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let Some(said) = run("chart.py", folder.path()) else { return };
    assert_eq!(said, "Visits [('Mon', 12.0), ('Tue', 18.0), ('Wed', 9.0)]\n['visits.json', 'visits.pdf']\n");
    assert!(std::fs::read(folder.path().join("visits.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(std::fs::read(folder.path().join("visits.pdf")).unwrap().starts_with(b"%PDF"));
}

#[test]
fn a_command_reports_is_fed_and_serves() {
    let Some(place) = node::place("e2b-js-2.51") else { return };
    let Some(server) = lab::server() else { return };
    // Modules are found from where the program lies.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(place.modules(), folder.path().join("node_modules")).unwrap();
    let program = folder.path().join("long_running.mjs");
    std::fs::copy(example("long_running.mjs"), &program).unwrap();
    let said = lab::said(lab::environment(place.node().arg(program), &server, lab::ANY_KEY));
    for line in
        ["ready", "visit 1", "visit 2", "log: \"GET / HTTP/1.1\" 200 -", "heard: goodbye", "ended with 0"]
    {
        assert!(said.lines().any(|said| said == line), "no {line:?} in\n{said}");
    }
}

#[test]
fn the_check_tries_what_is_installed() {
    let (Some(python), Some(place)) = (sdks::python("e2b-2.63"), node::place("e2b-js-2.51")) else { return };
    let Some(server) = lab::server() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(place.modules(), folder.path().join("node_modules")).unwrap();
    let found = |programs: &[PathBuf]| std::env::join_paths(programs).unwrap();
    let bins = [
        python.parent().unwrap().to_owned(),
        Path::new(place.node().get_program()).parent().unwrap().to_owned(),
    ];
    let mut command = belljar();
    command.args(["e2b", "check", "--json", "--url", &format!("http://{}", server.address)]);
    command.current_dir(folder.path()).env("PATH", found(&bins)).env_remove("E2B_API_KEY");
    let told: serde_json::Value = serde_json::from_str(&lab::said(&mut command)).unwrap();
    for (at, version) in [(0, "2.63.0"), (1, "2.51.0")] {
        assert_eq!(
            (&told[at]["version"], &told[at]["is_verified"]),
            (&version.into(), &true.into()),
            "{told}"
        );
        let steps = told[at]["steps"].as_array().unwrap();
        assert!(steps.len() == 6 && steps.iter().all(|step| step["error"].is_null()), "{told}");
    }
    let mut nothing = belljar();
    nothing
        .args(["e2b", "check", "--url", "http://127.0.0.1:9"])
        .current_dir(folder.path())
        .env("PATH", "/nowhere");
    let said = lab::said(&mut nothing);
    assert!(said.matches("not installed").count() == 2 && said.contains("2.63.0 2.46.0 2.25.0"), "{said}");
}
