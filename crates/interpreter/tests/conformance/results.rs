//! How many results, how large, how deep, and in which order.

use crate::bench::{Bench, category};
use interpreter::{Caller, ExecuteRequest, Place};
use protocol::{EventKind, Language, Limits, Status};

pub async fn too_many_results(bench: Bench) {
    let context = bench.python(Limits { results: 5, ..Limits::default() }).await;
    let outcome = bench.run(&context, "for n in range(20): display(n)\nprint('after')\n'last'").await;
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::Ok, "after\n"), "{outcome:?}");
    assert_eq!((outcome.results.len(), outcome.truncated.results), (5, 16));
    assert_eq!(outcome.results[4].data["text/plain"], "4");
    assert_eq!(bench.run(&context, "'next'").await.results.len(), 1);
}

pub async fn too_large_results(bench: Bench) {
    let context = bench.python(Limits { results_bytes: 1 << 20, ..Limits::default() }).await;
    let code = "from IPython.display import HTML\nfor n in range(10): display(HTML('x' * 300_000))";
    let outcome = bench.run(&context, code).await;
    assert_eq!((outcome.status, outcome.results.len()), (Status::Ok, 3));
    assert_eq!(outcome.truncated.results, 7);
    for code in ["HTML('x' * 40_000_000)", "HTML('x' * 20_000_000)"] {
        let outcome = bench.run(&context, code).await;
        assert_eq!((outcome.status, outcome.context_alive), (Status::Ok, true), "{:?}", outcome.error);
        let bytes: usize = outcome.results.iter().map(|bundle| format!("{:?}", bundle.data).len()).sum();
        assert!(bytes < 2 << 20, "{bytes}");
        assert!(outcome.truncated.results > 0 || bytes > 0, "what is left out is told");
    }
    let short = bench.run(&context, "'x' * 900_000").await;
    assert_eq!(short.status, Status::Ok);
}

pub async fn deep_results(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    for code in [
        "deep = []\nfor n in range(100_000): deep = [deep]\ndeep",
        "from IPython.display import JSON\ndisplay({'application/json': deep}, raw=True)",
        "display({'application/json': '[' * 100_000}, raw=True)",
        "display({'application/json': '[' * 50_000 + ']' * 50_000}, raw=True)",
        "display({'application/json': float('nan'), 'x' * 10_000: 'y'}, raw=True)",
        "display({1: 2, None: [b'x'], 'image/png': object()}, raw=True)",
    ] {
        let outcome = bench.run(&context, code).await;
        assert!(outcome.context_alive, "{code}: {:?} {:?}", outcome.status, category(&outcome));
        serde_json::to_string(&outcome).unwrap();
    }
    assert_eq!(bench.print(&context, "print(1)").await, "1\n");
}

pub async fn order_of_streams_and_results(bench: Bench) {
    let code = "import os, sys, subprocess\nfor n in range(30):\n    print('o', n)\n    display(n)\n    \
        os.system(f'echo c {n}')\n    display(n)\n'end'";
    let place = Place::Fresh(bench.request(Limits::default()));
    let request = ExecuteRequest::new(code, Language::Python, place);
    let mut execution = bench.interpreter.execute(&Caller::local(), request).await.unwrap();
    let mut told = String::new();
    while let Some(event) = execution.next().await {
        match event.kind {
            EventKind::Stdout { text } => told += &text,
            EventKind::Result { bundle, .. } => {
                told += &format!("{}\n", bundle.data["text/plain"].as_str().unwrap())
            }
            _ => {}
        }
    }
    let expected: String = (0..30).map(|n| format!("o {n}\n{n}\nc {n}\n{n}\n")).collect();
    assert_eq!(told, expected + "'end'\n");
}
