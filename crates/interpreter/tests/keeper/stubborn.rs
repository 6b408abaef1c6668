//! Code that leaves the driver nothing to work with.

use crate::place::{data_dir, execute, open, python, run};
use bytes::Bytes;
use interpreter::{ExecuteRequest, Place, Preload, Stdin};
use protocol::{Category, Language, Limits, Status};
use tokio::sync::mpsc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_that_nobody_reads_holds_up_no_interrupt() {
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    let context = python(&interpreter, Limits::default()).await;
    let (sender, source) = mpsc::channel(1);
    let request = ExecuteRequest {
        stdin: Stdin::Piped(source),
        timeout_ms: Some(700),
        ..ExecuteRequest::new(
            "import time\ntime.sleep(60)",
            Language::Python,
            Place::Sandbox(context.sandbox().clone()),
        )
    };
    tokio::spawn(async move { while sender.send(Bytes::from(vec![b'i'; 100_000])).await.is_ok() {} });
    let outcome = execute(&interpreter, request).await;
    assert_eq!((outcome.status, outcome.context_alive), (Status::Timeout, true), "{:?}", outcome.error);
    assert_eq!(run(&interpreter, Place::Context(context), "print(1)").await.stdout, "1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_holds_every_descriptor_ends_and_others_follow() {
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    let hold = "held = []\nwhile True:\n    held.append(open('/dev/null'))";
    let swallow = "import os\nheld = []\ntry:\n    while True: held.append(os.open('/dev/null', 0))\nexcept OSError: pass\nprint('full')";
    let closes = "import os\nos.closerange(3, 4096)\nheld = []\ntry:\n    while True: held.append(os.dup(1))\nexcept OSError: pass";
    for open_files in [16, 64, 1024] {
        let context = python(&interpreter, Limits { open_files, ..Limits::default() }).await;
        let go = async |code: &str| run(&interpreter, Place::Context(context.clone()), code).await;
        let outcome = go(hold).await;
        let category = outcome.error.as_ref().map(|error| error.category);
        assert_eq!(
            (outcome.status, category),
            (Status::Error, Some(Category::Limit)),
            "{open_files}: {outcome:?}"
        );
        for _ in 0..3 {
            // Nothing was given back, and the next cells run all the same.
            let again = go("print(len(held) > 0)\n1 + 1").await;
            assert_eq!(
                (again.stdout.as_str(), again.results.len()),
                ("True\n", 1),
                "{open_files}: {again:?}"
            );
            let again = go("held.append(open('/dev/null'))").await;
            let category = again.error.as_ref().map(|error| error.category);
            assert_eq!(category, Some(Category::Limit), "{open_files}: {again:?}");
        }
        assert_eq!(go("for file in held: file.close()\nprint(open('/dev/null').read())").await.stdout, "\n");
        let outcome = go(swallow).await;
        assert_eq!(
            (outcome.status, outcome.stdout.as_str()),
            (Status::Ok, "full\n"),
            "{open_files}: {outcome:?}"
        );
        assert_eq!(go("for n in held: os.close(n)\nprint(2)").await.stdout, "2\n");
    }
    // The driver's own socket goes too: the context ends, the sandbox does not.
    let context = python(&interpreter, Limits { open_files: 64, ..Limits::default() }).await;
    let sandbox = context.sandbox().clone();
    run(&interpreter, Place::Context(context), closes).await;
    assert_eq!(run(&interpreter, Place::Sandbox(sandbox), "print(3)").await.stdout, "3\n");
}
