//! Code that is told to stop.
//!
//! Python 3.11 raises in a loop that is first in a `try` as if it stood outside it; here something comes before.

use crate::bench::Bench;
use interpreter::{Caller, Context, ContextRequest, ExecuteRequest, Execution, Place};
use protocol::{EventKind, Language, Limits, Outcome, Status};
use std::{sync::Arc, time::Duration};

/// Runs code, and interrupts it once it has printed something and had time to begin to wait: an interrupt that
/// reaches Python just before `os.system` starts its child is seen only when the child has ended.
async fn interrupted(bench: &Bench, context: &Arc<Context>, code: &str) -> Outcome {
    let mut execution = begun(bench, context, code).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    execution.interrupt();
    while execution.next().await.is_some() {}
    execution.outcome().await
}

async fn begun(bench: &Bench, context: &Arc<Context>, code: &str) -> Execution {
    let request = ExecuteRequest::new(code, context.language(), Place::Context(context.clone()));
    let mut execution = bench.interpreter.execute(&Caller::local(), request).await.unwrap();
    while let Some(event) = execution.next().await {
        if matches!(event.kind, EventKind::Stdout { .. }) {
            break;
        }
    }
    execution
}

/// Interrupts code as soon as it was asked for, when it may not have begun: its state stays all the same.
async fn interrupted_early(bench: &Bench, context: &Arc<Context>, code: &str) {
    for wait_ms in [0, 0, 0, 1, 2] {
        let request = ExecuteRequest::new(code, context.language(), Place::Context(context.clone()));
        let mut execution = bench.interpreter.execute(&Caller::local(), request).await.unwrap();
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        execution.interrupt();
        while execution.next().await.is_some() {}
        let outcome = execution.outcome().await;
        let seen = (outcome.status, outcome.exit_code, outcome.context_alive);
        assert_eq!(seen, (Status::Cancelled, 130, true), "{code} after {wait_ms} ms: {outcome:?}");
    }
}

pub async fn code_sees_the_interrupt(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    bench.print(&context, "x = 1").await;
    interrupted_early(&bench, &context, "import time\ntime.sleep(60)").await;
    for wait in [
        "import time\n    time.sleep(60)",
        "while True: x = 1",
        "import os\n    os.system('sleep 60')",
        "await __import__('asyncio').sleep(60)",
    ] {
        let code = format!(
            "x = 1\ntry:\n    print('begun', flush=True)\n    {wait}\nexcept KeyboardInterrupt:\n    print('seen')\n    raise"
        );
        let outcome = interrupted(&bench, &context, &code).await;
        let seen = (outcome.status, outcome.exit_code, outcome.context_alive);
        assert_eq!(seen, (Status::Cancelled, 130, true), "{wait}: {outcome:?}");
        if !wait.contains("os.system") && !wait.contains("await") {
            assert_eq!(outcome.stdout, "begun\nseen\n", "{wait}");
        }
        assert_eq!(bench.print(&context, "print(x)").await, "1\n");
    }
    let code =
        "try:\n    print('begun', flush=True)\n    while True: x = 1\nexcept KeyboardInterrupt:\n    x = 2";
    let tidy = interrupted(&bench, &context, code).await;
    assert_eq!((tidy.status, tidy.context_alive), (Status::Cancelled, true), "{tidy:?}");
    assert_eq!(bench.print(&context, "print(x)").await, "2\n");
}

pub async fn deaf_code_harms_only_its_context(bench: Bench) {
    let deaf = bench.python(Limits::default()).await;
    let beside = deaf.sandbox().create_context(ContextRequest::default()).await.unwrap();
    let apart = bench.python(Limits::default()).await;
    bench.print(&beside, "y = 'beside'").await;
    bench.print(&apart, "y = 'apart'").await;
    let code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf', flush=True)\nwhile True: pass";
    let outcome = interrupted(&bench, &deaf, code).await;
    assert_eq!((outcome.status, outcome.context_alive), (Status::Cancelled, false), "{outcome:?}");
    assert!(!deaf.is_alive());
    assert_eq!(bench.print(&apart, "print(y)").await, "apart\n");
    assert_eq!(bench.print(&beside, "print(y)").await, "beside\n");
    let swallows = "print('on')\nwhile True:\n    try:\n        x = 0\n        while True: x = 1\n    except BaseException: x = 2";
    let outcome = bench.within(&beside, swallows, 300).await;
    assert_eq!((outcome.status, outcome.exit_code, outcome.context_alive), (Status::Timeout, 124, false));
    assert!(outcome.error.unwrap().hint.unwrap().contains("files are still there"));
}

pub async fn dropped_executions_stop(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    drop(begun(&bench, &context, "x = 5\nprint('begun', flush=True)\nwhile True: pass").await);
    for _ in 0..100 {
        if !context.is_busy() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(bench.print(&context, "print(x)").await, "5\n");
}

pub async fn killed_contexts_leave_no_process(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let beside = context.sandbox().create_context(ContextRequest::default()).await.unwrap();
    bench.print(&beside, "y = 'beside'").await;
    let code = "import subprocess\nchild = subprocess.Popen(['sleep', '60'], start_new_session=True)\nopen('pid', 'w').write(str(child.pid))\n\
                print('begun', flush=True)\nwhile True:\n    try: child.wait()\n    except BaseException: pass";
    let execution = begun(&bench, &context, code).await;
    let since = std::time::Instant::now();
    context.kill();
    let outcome = execution.outcome().await;
    assert_eq!((outcome.status, outcome.context_alive), (Status::Killed, false), "{outcome:?}");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert!(!context.is_alive());
    let gone = "import os, time\nfor _ in range(100):\n    if not os.path.exists('/proc/' + open('pid').read()): break\n    time.sleep(0.05)\n\
                print(y, os.path.exists('/proc/' + open('pid').read()))";
    assert_eq!(bench.print(&beside, gone).await, "beside False\n");
    context.kill();
}

pub async fn other_languages_are_interrupted(bench: Bench) {
    for (language, wait, state, told) in [
        (Language::Bash, "x=1; echo begun; while :; do :; done", "echo $x", "1\n"),
        (Language::Bash, "x=2; echo begun; sleep 60", "echo $x", "2\n"),
        (Language::R, "x <- 1; cat('begun\\n'); repeat {}", "cat(x)", "1"),
        (Language::Javascript, "x = 1; console.log('begun'); while (true) {}", "console.log(x)", "1\n"),
        (
            Language::Javascript,
            "x = 2; console.log('begun'); await new Promise(() => setTimeout(() => {}, 60000))",
            "console.log(x)",
            "2\n",
        ),
    ] {
        let Some(context) = bench.speaking(language).await else { continue };
        match language {
            Language::Bash => interrupted_early(&bench, &context, "sleep 60").await,
            Language::R => interrupted_early(&bench, &context, "Sys.sleep(60)").await,
            _ => {}
        }
        // Node's watcher of interrupts comes up beside the first cells.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let outcome = interrupted(&bench, &context, wait).await;
        let seen = (outcome.status, outcome.exit_code, outcome.context_alive);
        assert_eq!(seen, (Status::Cancelled, 130, true), "{wait}: {outcome:?}");
        assert_eq!(bench.print(&context, state).await, told, "{wait}");
        let late = bench.within(&context, wait, 400).await;
        let seen = (late.status, late.exit_code, late.context_alive);
        assert_eq!(seen, (Status::Timeout, 124, true), "{wait}: {late:?}");
        assert_eq!(bench.print(&context, state).await, told, "{wait}");
    }
}
