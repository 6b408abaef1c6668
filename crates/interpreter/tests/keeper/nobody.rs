//! A user who may do nothing special, and has no control group to give: limits hold all the same.

use crate::place::{data_dir, open, python, run};
use interpreter::{Interpreter, Place, Preload};
use protocol::{Limits, Status};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Set for the process that this test starts: the data directory.
const PART: &str = "BELLJAR_TEST_NOBODY";
const NOBODY: &str = "65534";

fn memory(megabytes: u64) -> Limits {
    Limits { memory_bytes: megabytes << 20, ..Limits::default() }
}

async fn ends_for_memory(interpreter: &Interpreter, code: &str) {
    let context = python(interpreter, memory(160)).await;
    let place = || Place::Context(context.clone());
    let outcome = run(interpreter, place(), "small = bytearray(b'x') * (40 << 20)\nprint(1)").await;
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("1\n", Status::Ok), "{outcome:?}");
    assert!(outcome.usage.memory_peak_bytes > 40 << 20, "{:?}", outcome.usage);
    let outcome = run(interpreter, place(), code).await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::OutOfMemory, 137), "{code}: {outcome:?}");
    assert!(outcome.error.as_ref().unwrap().message.contains("160 MiB"), "{code}: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part_of_nobody() {
    let Some(dir) = std::env::var_os(PART) else { return };
    let interpreter = open(Path::new(&dir), Preload::Lazy).expect("this host lets everybody make namespaces");
    let context = python(&interpreter, memory(160)).await;
    assert_eq!(context.sandbox().measure().cpu_ms, None, "no control group");
    let busy = "import time\nbegin = time.process_time()\nwhile time.process_time() < begin + 0.2: pass";
    let outcome = run(&interpreter, Place::Context(context), busy).await;
    assert!((150.0..2000.0).contains(&outcome.usage.cpu_ms), "{:?}", outcome.usage);
    let children = "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        \
        hog = bytearray(b'x') * (60 << 20); time.sleep(60)\ntime.sleep(60)";
    ends_for_memory(&interpreter, children).await;
    let files = "import os, time\nfor folder in ['/tmp', '/dev/shm']:\n    \
        open(folder + '/big', 'wb').write(bytes(100 << 20))\ntime.sleep(60)";
    ends_for_memory(&interpreter, files).await;
    let shared = "import mmap, time\nhog = mmap.mmap(-1, 200 << 20)\nfor _ in range(200): hog.write(bytes(1 << 20))\n\
        time.sleep(60)";
    ends_for_memory(&interpreter, shared).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_held_without_a_control_group() {
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    python(&interpreter, Limits::default()).await;
    let root = rustix::process::geteuid().is_root();
    let scratch = tempfile::tempdir().unwrap();
    std::fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = |from: &Path, to: &str| {
        let to = scratch.path().join(to);
        assert!(Command::new("cp").arg("-a").arg(from).arg(&to).status().unwrap().success());
        to
    };
    let program = copy(&std::env::current_exe().unwrap(), "part");
    std::fs::create_dir(scratch.path().join("data")).unwrap();
    copy(&data_dir().join("templates"), "data/templates");
    let data = scratch.path().join("data");
    if !root {
        eprintln!("skipped: only root can become a user without control groups");
        return;
    }
    assert!(Command::new("chown").args(["-R", NOBODY]).arg(&data).status().unwrap().success());
    let may = Command::new("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "unshare", "-Ur", "true"])
        .status();
    if !may.is_ok_and(|may| may.success()) {
        eprintln!("skipped: this host does not let everybody make namespaces");
        return;
    }
    let output = Command::new("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
        .arg(program)
        .args(["--exact", "nobody::part_of_nobody", "--nocapture"])
        .env(PART, data)
        .env("HOME", scratch.path())
        .current_dir("/")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
