//! Limits that hold, each with its own kind of outcome.

use crate::bench::Bench;
use interpreter::{ExecuteRequest, Place};
use protocol::{Category, Language, Limits, Outcome, Status};
use std::sync::Arc;

async fn within(bench: &Bench, context: &Arc<interpreter::Context>, code: &str, timeout_ms: u64) -> Outcome {
    let place = Place::Context(context.clone());
    let request =
        ExecuteRequest { timeout_ms: Some(timeout_ms), ..ExecuteRequest::new(code, Language::Python, place) };
    bench.execute(request).await
}

fn category(outcome: &Outcome) -> Option<Category> {
    outcome.error.as_ref().map(|error| error.category)
}

pub async fn timeout_then_go_on(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    for code in ["x = 1\nwhile True: pass", "x = 1\nimport time\ntime.sleep(60)", "x = 1\n!sleep 60"] {
        let outcome = within(&bench, &context, code, 500).await;
        assert_eq!(
            (outcome.status, outcome.exit_code, outcome.context_alive),
            (Status::Timeout, 124, true),
            "{code}"
        );
        assert!(outcome.error.unwrap().hint.unwrap().contains("lives on"));
        assert_eq!(bench.print(&context, "print(x)").await, "1\n");
    }
}

pub async fn deaf_code_is_killed(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    bench.print(&context, "open('kept', 'w').write('file')").await;
    let code =
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    time.sleep(1)";
    let outcome = within(&bench, &context, code, 300).await;
    assert_eq!((outcome.status, outcome.exit_code, outcome.context_alive), (Status::Timeout, 124, false));
    let mut kept = Vec::new();
    context.sandbox().files().read("kept", &mut kept).await.unwrap();
    assert_eq!(kept, b"file");
}

pub async fn cpu_time(bench: Bench) {
    let context = bench.python(Limits { cpu_ms: Some(300), ..Limits::default() }).await;
    if context.sandbox().measure().cpu_ms.is_none() {
        return crate::bench::skip("cgroup", "limits::cpu_time", "CPU time cannot be measured here");
    }
    let outcome = bench.run(&context, "while True: pass").await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::Timeout, 124));
    assert_eq!(outcome.error.unwrap().name, "CpuTimeoutError");
    let idle = bench.run(&context, "import time\ntime.sleep(1)").await;
    assert_eq!(idle.status, Status::Ok);
}

pub async fn memory(bench: Bench) {
    let limits = Limits { memory_bytes: 128 << 20, ..Limits::default() };
    let code = "hog = []\nwhile True:\n    hog.append(bytearray(8 << 20))";
    let context = bench.python(limits.clone()).await;
    let outcome = bench.run(&context, code).await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::OutOfMemory, 137), "{outcome:?}");
    assert_eq!(category(&outcome), Some(Category::OutOfMemory));
    let next = bench.python(limits).await;
    assert_eq!(bench.print(&next, "print('unharmed')").await, "unharmed\n");
}

pub async fn memory_of_a_child(bench: Bench) {
    let context = bench.python(Limits { memory_bytes: 128 << 20, ..Limits::default() }).await;
    let child = "hog = []\nwhile True: hog.append(bytearray(8 << 20))";
    let code =
        format!("import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child:?}], check=True)");
    let outcome = bench.run(&context, &code).await;
    assert_eq!(outcome.status, Status::OutOfMemory, "{outcome:?}");
    if outcome.context_alive {
        assert_eq!(bench.print(&context, "print(1)").await, "1\n");
    }
}

pub async fn processes(bench: Bench) {
    let context = bench.python(Limits { pids: 16, ..Limits::default() }).await;
    let code = "import os, signal, time\nchildren = []\ntry:\n    for _ in range(100):\n        pid = os.fork()\n        \
        if pid == 0:\n            time.sleep(60)\n        children.append(pid)\nfinally:\n    \
        for pid in children: os.kill(pid, signal.SIGKILL)\n    for pid in children: os.waitpid(pid, 0)";
    let outcome = bench.run(&context, code).await;
    assert_eq!((outcome.status, category(&outcome)), (Status::Error, Some(Category::Limit)), "{outcome:?}");
    assert_eq!(bench.print(&context, "print(1)").await, "1\n");
}

pub async fn open_files(bench: Bench) {
    let context = bench.python(Limits { open_files: 64, ..Limits::default() }).await;
    let outcome = bench.run(&context, "held = []\nwhile True:\n    held.append(open('/dev/null'))").await;
    assert_eq!((outcome.status, category(&outcome)), (Status::Error, Some(Category::Limit)), "{outcome:?}");
    assert_eq!(bench.print(&context, "held.clear()\nprint(1)").await, "1\n");
}

pub async fn full_disk(bench: Bench) {
    let context = bench.python(Limits { disk_bytes: 1 << 20, inodes: 100, ..Limits::default() }).await;
    let large = bench.run(&context, "open('big', 'wb').write(bytes(4 << 20))").await;
    assert_eq!((large.status, category(&large)), (Status::Error, Some(Category::Limit)), "{large:?}");
    let many = "import os\nos.remove('big')\nfor n in range(1000):\n    open(f'f{n}', 'w').close()";
    let many = bench.run(&context, many).await;
    assert_eq!((many.status, category(&many)), (Status::Error, Some(Category::Limit)), "{many:?}");
    assert_eq!(bench.print(&context, "print(1)").await, "1\n");
}
