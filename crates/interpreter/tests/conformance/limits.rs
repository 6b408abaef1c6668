//! Limits that hold, each with its own kind of outcome.

use crate::bench::{Bench, category};
use interpreter::{Context, ContextRequest};
use protocol::{Category, Limits, Outcome, Status, Wall};
use std::sync::Arc;
use tokio::io::AsyncReadExt;

pub async fn timeout_then_go_on(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    for code in ["x = 1\nwhile True: pass", "x = 1\nimport time\ntime.sleep(60)", "x = 1\n!sleep 60"] {
        let outcome = bench.within(&context, code, 500).await;
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
    let outcome = bench.within(&context, code, 300).await;
    assert_eq!((outcome.status, outcome.exit_code, outcome.context_alive), (Status::Timeout, 124, false));
    let mut kept = Vec::new();
    context.sandbox().files().read("kept", &mut kept).await.unwrap();
    assert_eq!(kept, b"file");
}

pub async fn cpu_time(bench: Bench) {
    let context = bench.python(Limits { cpu_ms: Some(300), ..Limits::default() }).await;
    if context.sandbox().measure().cpu_ms.is_none() {
        return bench.skip("cgroup", "CPU time cannot be measured here");
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
    if context.sandbox().isolation().walls.contains(&Wall::Cgroup) {
        assert_eq!(outcome.status, Status::OutOfMemory, "{outcome:?}");
    } else {
        // Without a control group each process has its own limit, and its parent sees only how it ended.
        assert_ne!(outcome.status, Status::Ok, "{outcome:?}");
        assert!(
            outcome.status == Status::OutOfMemory || outcome.stderr.contains("MemoryError"),
            "{outcome:?}"
        );
    }
    if outcome.context_alive {
        assert_eq!(bench.print(&context, "print(1)").await, "1\n");
    }
}

pub async fn memory_of_files(bench: Bench) {
    let context = bench.python(Limits { memory_bytes: 96 << 20, ..Limits::default() }).await;
    let code = "with open('hog', 'wb') as hog:\n    while True: hog.write(bytes(1 << 20)); hog.flush()";
    let outcome = bench.run(&context, code).await;
    let ends = [(Status::OutOfMemory, Category::OutOfMemory), (Status::Error, Category::Limit)];
    let end = (outcome.status, category(&outcome).expect("an error"));
    assert!(ends.contains(&end), "{outcome:?}");
    let next = bench.python(Limits::default()).await;
    assert_eq!(bench.print(&next, "print('unharmed')").await, "unharmed\n");
}

pub async fn threads(bench: Bench) {
    let context = bench.python(Limits { pids: 16, ..Limits::default() }).await;
    let code = "import threading\nend = threading.Event()\ntry:\n    \
        for _ in range(100): threading.Thread(target=end.wait).start()\nfinally:\n    end.set()";
    let outcome = bench.run(&context, code).await;
    assert_eq!((outcome.status, category(&outcome)), (Status::Error, Some(Category::Limit)), "{outcome:?}");
    lives_on(&bench, &context, &outcome).await;
}

/// Where a kernel refuses what is too much, the context goes on; where somebody has to watch, all was killed.
async fn lives_on(bench: &Bench, context: &Arc<Context>, outcome: &Outcome) {
    if outcome.context_alive {
        return assert_eq!(bench.print(context, "print(1)").await, "1\n");
    }
    assert_eq!(outcome.error.as_ref().map(|error| error.name.as_str()), Some("ProcessLimit"), "{outcome:?}");
    let next = context.sandbox().create_context(ContextRequest::default()).await.unwrap();
    assert_eq!(bench.print(&next, "print(1)").await, "1\n");
}

pub async fn processes(bench: Bench) {
    let context = bench.python(Limits { pids: 16, ..Limits::default() }).await;
    let code = "import os, signal, time\nchildren = []\ntry:\n    for _ in range(100):\n        pid = os.fork()\n        \
        if pid == 0:\n            time.sleep(60)\n        children.append(pid)\nfinally:\n    \
        for pid in children: os.kill(pid, signal.SIGKILL)\n    for pid in children: os.waitpid(pid, 0)";
    let outcome = bench.run(&context, code).await;
    assert_eq!((outcome.status, category(&outcome)), (Status::Error, Some(Category::Limit)), "{outcome:?}");
    lives_on(&bench, &context, &outcome).await;
}

pub async fn open_files(bench: Bench) {
    let context = bench.python(Limits { open_files: 64, ..Limits::default() }).await;
    let outcome = bench.run(&context, "held = []\nwhile True:\n    held.append(open('/dev/null'))").await;
    assert_eq!((outcome.status, category(&outcome)), (Status::Error, Some(Category::Limit)), "{outcome:?}");
    assert_eq!(bench.print(&context, "held.clear()\nprint(1)").await, "1\n");
}

pub async fn full_disk(bench: Bench) {
    let context = bench.python(Limits { disk_bytes: 1 << 20, ..Limits::default() }).await;
    for code in [
        "open('big', 'wb').write(bytes(4 << 20))",
        "for n in range(1000):\n    open(f'f{n}', 'wb').write(bytes(10_000))",
        "import os\nos.posix_fallocate(os.open('all', os.O_CREAT | os.O_WRONLY), 0, 8 << 20)",
        "import shutil\nopen('half', 'wb').write(bytes(600_000))\nshutil.copy('half', 'more')",
    ] {
        let outcome = bench.run(&context, code).await;
        assert_eq!(
            (outcome.status, category(&outcome)),
            (Status::Error, Some(Category::Limit)),
            "{outcome:?}"
        );
        assert!(outcome.error.unwrap().hint.unwrap().contains("disk limit"));
        assert_eq!(bench.print(&context, "!rm -f big f* all half more\nprint(1)").await, "1\n");
    }
    let uploaded =
        context.sandbox().files().write("large", tokio::io::repeat(b'x').take(1 << 40), 0o644).await;
    assert!(uploaded.unwrap_err().hint().unwrap().contains("disk limit"));
    assert_eq!(bench.print(&context, "!ls -A\nprint(1)").await, "1\n", "nothing half is left");
}

pub async fn full_of_names(bench: Bench) {
    let context = bench.python(Limits { inodes: 100, ..Limits::default() }).await;
    if bench.print(&context, "import os\nprint(os.statvfs('.').f_files)").await == "0\n" {
        return bench.skip("inodes", "the file system counts no names: they are limited as memory only");
    }
    let code = "for n in range(1000):\n    open(f'f{n}', 'w').close()";
    let outcome = bench.run(&context, code).await;
    assert_eq!((outcome.status, category(&outcome)), (Status::Error, Some(Category::Limit)), "{outcome:?}");
    assert!(outcome.files.len() > 50, "{}", outcome.files.len());
    assert_eq!(bench.print(&context, "!rm f*\nopen('again', 'w').close()\nprint(1)").await, "1\n");
}
