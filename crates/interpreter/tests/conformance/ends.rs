//! How code ends by itself.

use crate::bench::Bench;
use protocol::{Category, Limits, Status};

pub async fn exceptions_with_lines(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let outcome = bench.run(&context, "def f(n):\n    return 1 / n\n\nf(0)").await;
    let error = outcome.error.unwrap();
    assert_eq!((outcome.status, outcome.exit_code), (Status::Error, 1));
    assert_eq!((error.category, error.name.as_str()), (Category::Exception, "ZeroDivisionError"));
    assert_eq!((error.message.as_str(), error.line), ("division by zero", Some(2)));
    let traceback = error.traceback.join("\n");
    assert!(traceback.contains("return 1 / n") && !traceback.contains('\u{1b}'), "{traceback}");
    assert!(!traceback.contains("/.belljar/driver"), "{traceback}");
}

pub async fn lines_of_other_cells(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    bench.print(&context, "def broken():\n    # a comment\n    raise KeyError('k')").await;
    let error = bench.run(&context, "\n\nprint('on')\nbroken()").await.error.unwrap();
    let traceback = error.traceback.join("\n");
    assert!(traceback.contains("broken()") && traceback.contains("raise KeyError('k')"), "{traceback}");
    assert_eq!((error.name.as_str(), error.line), ("KeyError", Some(4)), "the line of the cell that ran");
    for (code, line) in [
        ("import json\n\njson.loads('{')", 3),
        ("x = [\n    1,\n    1 / 0,\n]", 3),
        ("raise RuntimeError('a') from ValueError('b')", 1),
        ("import asyncio\nasync def f():\n    raise OSError(2, 'gone')\nawait f()", 3),
    ] {
        let error = bench.run(&context, code).await.error.unwrap();
        assert_eq!(error.line, Some(line), "{code}: {error:?}");
    }
}

pub async fn syntax_errors(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    for (code, line) in [("x = (", 1), ("print(1)\nif", 2), ("a\n  b", 2)] {
        let outcome = bench.run(&context, code).await;
        let error = outcome.error.unwrap();
        assert_eq!((error.category, error.line), (Category::Syntax, Some(line)), "{code}");
        assert_eq!((outcome.stdout.as_str(), outcome.exit_code), ("", 1), "nothing ran");
    }
    let nest = format!("{}{}", "(".repeat(100_000), ")".repeat(100_000));
    let outcome = bench.run(&context, &nest).await;
    assert_eq!((outcome.status, outcome.context_alive), (Status::Error, true), "{:?}", outcome.error);
    assert_eq!(bench.run(&context, "").await.status, Status::Ok);
}

pub async fn exit_codes(bench: Bench) {
    for (code, exit_code) in [
        ("exit(0)", 0),
        ("import sys\nsys.exit(7)", 7),
        ("raise SystemExit('why')", 1),
        ("quit(300)", 44),
        ("import sys\nsys.exit(-1)", 255),
        ("exit", 0),
        ("raise SystemExit(None)", 0),
        ("raise SystemExit([1])", 1),
    ] {
        let outcome = bench.fresh(code).await;
        let status = if exit_code == 0 { Status::Ok } else { Status::Error };
        assert_eq!(
            (outcome.status, outcome.exit_code, outcome.context_alive),
            (status, exit_code, true),
            "{code}"
        );
    }
}

pub async fn imports_that_fail(bench: Bench) {
    let error = bench.fresh("import no_such_module").await.error.unwrap();
    assert_eq!((error.category, error.name.as_str()), (Category::Import, "ModuleNotFoundError"));
    assert!(error.hint.is_some());
}

pub async fn killed_interpreters(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    for (code, status, exit_code) in [
        ("import os\nos._exit(5)", Status::Error, 5),
        ("import os\nos.kill(os.getpid(), 9)", Status::Killed, 137),
        ("import ctypes\nctypes.string_at(0)", Status::Killed, 139),
    ] {
        let context = sandbox.create_context(Default::default()).await.unwrap();
        let outcome = bench.run(&context, code).await;
        assert_eq!((outcome.status, outcome.exit_code), (status, exit_code), "{code}");
        assert!(!outcome.context_alive, "{code}");
    }
    let context = sandbox.create_context(Default::default()).await.unwrap();
    assert_eq!(bench.print(&context, "print('next')").await, "next\n");
}
