//! What is left of a context that was killed while others of its sandbox go on.

use crate::place::{data_dir, execute, open, python, run};
use interpreter::{ContextRequest, ExecuteRequest, Place, Preload};
use protocol::{Language, Limits, Status};
use std::time::Duration;

/// Starts processes that stay in reach of their parent or its session, and writes their ids down.
const LEAVE: &str = r#"
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
def note(): open("pids", "a").write(f"{os.getpid()}\n")
def stay():
    note()
    while True: time.sleep(1)
if os.fork() == 0: stay()
if os.fork() == 0: os.setsid(); stay()
if os.fork() == 0:
    # Its parent is gone, its session is not.
    if os.fork() == 0: stay()
    os._exit(0)
subprocess.Popen(["setsid", "sh", "-c", "sh -c 'echo $$ >> pids; exec sleep 99' & wait"])
while len(open("pids").read().split()) < 4: time.sleep(0.01)
print("all there", flush=True)
while True: time.sleep(1)
"#;

const COUNT: &str = r#"
import os, time
def lives(pid):
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    return True
pids = [int(pid) for pid in open("pids").read().split()]
for _ in range(100):
    left = [pid for pid in pids if lives(pid)]
    if not left: break
    time.sleep(0.02)
print(len(pids), len(left))
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_of_a_killed_context_go_with_it_and_others_stay() {
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    let first = python(&interpreter, Limits::default()).await;
    let second = first.sandbox().create_context(ContextRequest::default()).await.unwrap();
    assert_eq!(run(&interpreter, Place::Context(second.clone()), "x = 1").await.status, Status::Ok);
    let request = ExecuteRequest {
        timeout_ms: Some(1500),
        ..ExecuteRequest::new(LEAVE, Language::Python, Place::Context(first.clone()))
    };
    let outcome = execute(&interpreter, request).await;
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("all there\n", Status::Timeout), "{outcome:?}");
    assert!(!outcome.context_alive);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let outcome = run(&interpreter, Place::Context(second), &format!("{COUNT}\nprint(x)")).await;
    assert_eq!(outcome.stdout, "4 0\n1\n", "{outcome:?}");
}
