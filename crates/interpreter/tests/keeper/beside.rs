//! Several interpreters at once, on whatever runtime.

use crate::place::{data_dir, open, request, run};
use interpreter::{Place, Preload};
use protocol::Limits;
use std::path::Path;
use std::process::{Command, Stdio};

/// Set for a process that this test starts: the data directory.
const PART: &str = "BELLJAR_TEST_DATA_DIR";

async fn one(data_dir: &Path) {
    let Some(interpreter) = open(data_dir, Preload::Lazy) else { return };
    let outcome = run(&interpreter, Place::Fresh(request(Limits::default())), "print(6 * 7)").await;
    assert_eq!(outcome.stdout, "42\n", "{outcome:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_runtime_of_one_thread_is_enough() {
    one(&data_dir()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part_of_two_processes() {
    if let Some(data_dir) = std::env::var_os(PART) {
        one(Path::new(&data_dir)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_begin_at_once_both_run() {
    if open(&data_dir(), Preload::Lazy).is_none() {
        return;
    }
    one(&data_dir()).await;
    let fresh = tempfile::tempdir().unwrap();
    std::fs::create_dir(fresh.path().join("data")).unwrap();
    // The same templates, and no prepared driver yet.
    for entry in std::fs::read_dir(data_dir()).unwrap().map(Result::unwrap) {
        if entry.file_name() != "drivers" {
            std::os::unix::fs::symlink(entry.path(), fresh.path().join("data").join(entry.file_name()))
                .unwrap();
        }
    }
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "beside::part_of_two_processes"])
            .env(PART, fresh.path().join("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let parts = [start(), start(), start()];
    for part in parts {
        let output = part.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
