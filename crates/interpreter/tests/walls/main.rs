//! Attacks that have to fail (`tests/escape`) and ordinary programs that have to work (`tests/benign`), one test each
//! for every backend and runtime.
//!
//! Programs say in their heads what must become of them (`program`); each runs in a sandbox of its own (`scene`), and
//! afterwards the host is looked over (`host`). What a program cannot see for itself is in `afterwards`.

mod afterwards;
#[path = "../shared/containers.rs"]
mod containers;
mod host;
mod program;
mod scene;
mod skips;
#[path = "../shared/subject.rs"]
mod subject;

use libtest_mimic::{Arguments, Failed, Trial};
use program::{Kind, Program};
use scene::{Run, Scene};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A secret of this process, which no sandbox may see.
const CANARY: &str = "BELLJAR_TEST_CANARY";
/// What is under test, by the names of `subject`.
const SUBJECTS: [&str; 3] = ["native", "oci_runc", "oci_runsc"];
/// The same attacks from a fork of a context that lives.
const FORKS: &str = "forks";
/// The programs are heavy, and their sandboxes are full computers each.
const PARALLEL: usize = 2;
/// What a run may take beyond its program's own time.
const PATIENCE: Duration = Duration::from_secs(90);

fn main() -> ExitCode {
    if std::env::var_os(CANARY).is_none() {
        let error = again_with_canary();
        eprintln!("cannot start again with a secret: {error}");
        return ExitCode::FAILURE;
    }
    let mut args = Arguments::from_args();
    args.test_threads = Some(args.test_threads.unwrap_or(PARALLEL).min(PARALLEL));
    let subjects = SUBJECTS.map(|name| (name, Arc::new(OnceLock::new())));
    let of = |(name, scene): &(&'static str, Arc<Opened>)| {
        [Kind::Escape, Kind::Benign]
            .into_iter()
            .flat_map(|kind| trials(name, kind, scene))
            .collect::<Vec<_>>()
    };
    let forks = Arc::new(OnceLock::new());
    let mut all: Vec<Trial> = subjects.iter().flat_map(of).collect();
    all.extend(trials(FORKS, Kind::Escape, &forks));
    let conclusion = libtest_mimic::run(&args, all);
    drop((subjects, forks));
    if let Err(left) = host::nothing_below_us() {
        eprintln!("after all tests: {left}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// The variable is there from the start of the process, as a server's are.
fn again_with_canary() -> std::io::Error {
    let random = || RandomState::new().build_hasher().finish();
    let canary = format!("canary-{:016x}{:016x}", random(), random());
    let mut args = std::env::args_os();
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    command.args(args).env(CANARY, canary).exec()
}

/// A door, opened by the first test that needs it; or what is missing for it, and why.
type Opened = OnceLock<Result<Scene, (&'static str, String)>>;

fn trials(subject: &'static str, kind: Kind, scene: &Arc<Opened>) -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(kind.folder());
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let trial = |path: std::path::PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let scene = scene.clone();
        let name = format!("{subject}::{}::{stem}", kind.folder());
        Trial::test(name.clone(), move || test((subject, &name), kind, &path, &scene))
    };
    paths.into_iter().map(trial).collect()
}

fn test((subject, name): (&str, &str), kind: Kind, path: &Path, scene: &Opened) -> Result<(), Failed> {
    let program = Program::read(kind, path)?;
    let scene = match scene.get_or_init(|| Scene::open(subject)) {
        Ok(scene) => scene,
        Err((what, why)) => return skips::skip(what, name, why),
    };
    let patience = PATIENCE + Duration::from_millis(2 * program.limits.timeout_ms);
    // What one sandbox left behind only the next one can see.
    for _ in 0..if program.name.starts_with("cross_") { 2 } else { 1 } {
        let run = async { tokio::time::timeout(patience, scene.run(&program)).await };
        match scene.runtime.block_on(run) {
            Ok(Ok(Run::Done)) => {}
            Ok(Ok(Run::Skipped(what, why))) => return skips::skip(what, name, &why),
            Ok(Err(error)) => return Err(format!("{}: {error}", program.promise).into()),
            Err(_) => return Err(format!("no end within {patience:?}").into()),
        }
    }
    Ok(())
}
