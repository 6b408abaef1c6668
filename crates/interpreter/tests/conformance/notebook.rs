//! What people know from notebooks, beyond plain Python.

use crate::bench::Bench;
use protocol::{Category, Limits, Status};
use serde_json::json;

pub async fn magics_and_commands(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    for (code, stdout) in [
        ("!echo shell", "shell\n"),
        ("word = 'x y'\n!echo {word} $word $$HOME", "x y x y /home/user\n"),
        ("!echo $HOME", "/home/user\n"),
        ("lines = !printf 'a\\nb\\n'\nprint(list(lines))", "['a', 'b']\n"),
        ("!exit 3\nprint(_exit_code)", "3\n"),
        ("import os\nprint(os.system('echo system'))", "system\n0\n"),
        ("%cd -q /tmp\n%pwd\nprint(os.getcwd())\n%cd -q /workspace", "/tmp\n"),
        ("%%writefile cell.py\nmade = 'by a file'", "Writing cell.py\n"),
        ("%run cell.py\nprint(made)", "by a file\n"),
        ("%%bash\nfor n in 1 2; do echo $n; done", "1\n2\n"),
        ("%env MADE=here\n!echo $MADE", "env: MADE=here\nhere\n"),
        ("for n in range(2):\n    !echo {n}", "0\n1\n"),
        ("%%capture got\nprint('hidden')", ""),
        ("print(got.stdout)", "hidden\n\n"),
        ("print(len(_ih) > 3, _i1)", "True !echo shell\n"),
    ] {
        let outcome = bench.run(&context, code).await;
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::Ok, stdout), "{code}: {outcome:?}");
    }
    for (code, part) in
        [("%timeit -n 1 -r 1 pass", "loop"), ("%%time\nsum(range(9))", "Wall time"), ("len?", "Signature")]
    {
        assert!(bench.print(&context, code).await.contains(part), "{code}");
    }
    let wrong = bench.run(&context, "%no_such_magic").await;
    assert_eq!(wrong.status, Status::Error, "{wrong:?}");
    assert_eq!(bench.print(&context, "print('goes on')").await, "goes on\n");
}

pub async fn unicode_everywhere(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let word = "größe_图_é_Ω";
    let text = "e\u{301} \u{1f9d1}\u{200d}\u{1f680} \u{202e}שלום\u{202c} \u{fffd} \u{10ffff} \t ~";
    let outcome = bench.run(&context, &format!("{word} = '''{text}'''\nprint({word})\n{word}")).await;
    assert_eq!(outcome.stdout, format!("{text}\n"));
    assert!(outcome.results[0].data["text/plain"].as_str().unwrap().contains("שלום"));
    let error = bench.run(&context, "raise ValueError('kein Maß: 图')").await.error.unwrap();
    assert_eq!(error.message, "kein Maß: 图");
    let name = bench
        .print(&context, &format!("open('{word}.txt', 'w').write({word})\nimport os\nprint(*os.listdir())"))
        .await;
    assert_eq!(name, format!("{word}.txt\n"));
    let lone = bench.run(&context, "print('\\ud800')\n'\\udfff'").await;
    assert_eq!(lone.status, Status::Ok, "a lone surrogate harms nothing: {lone:?}");
    let crlf = bench.run(&context, "a = 1\r\nif a:\r\n    print('crlf')\r\n").await;
    assert_eq!(crlf.stdout, "crlf\n");
    let marked = bench.run(&context, "\u{feff}print('marked')").await;
    assert_eq!(marked.stdout, "marked\n");
    let nul = bench.run(&context, "x = 'a\0b'").await;
    assert_eq!((nul.status, nul.context_alive), (Status::Error, true), "{nul:?}");
    assert_eq!(nul.error.unwrap().category, Category::Syntax);
}

pub async fn warnings_are_on_stderr(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let code =
        "import warnings, logging\nwarnings.warn('look out')\nlogging.warning('logged')\nprint('done')";
    let outcome = bench.run(&context, code).await;
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::Ok, "done\n"));
    assert!(outcome.stderr.contains("UserWarning: look out"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("WARNING:root:logged"), "{}", outcome.stderr);
    let thread =
        "import threading\nthread = threading.Thread(target=lambda: 1 / 0)\nthread.start(); thread.join()";
    let outcome = bench.run(&context, thread).await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
    assert!(outcome.stderr.contains("ZeroDivisionError"), "{}", outcome.stderr);
}

pub async fn large_and_deep_code(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let large = format!("x = '{}'\nprint(len(x))", "y".repeat(10_000_000));
    assert_eq!(bench.print(&context, &large).await, "10000000\n");
    for code in [
        format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("x = {}1", "-".repeat(100_000)),
        format!("x = {}1", "1 + ".repeat(100_000)),
        "def f(n): return f(n + 1)\nf(0)".to_owned(),
    ] {
        let outcome = bench.run(&context, &code).await;
        assert_eq!((outcome.status, outcome.context_alive), (Status::Error, true), "{:?}", outcome.error);
    }
    let many = "x = 1\n".repeat(50_000);
    assert_eq!(bench.print(&context, &format!("{many}print(x)")).await, "1\n");
}

pub async fn odd_last_values(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    for (code, text) in [
        ("'a'; 'b'", Some("'b'")),
        ("1 # 2;", Some("1")),
        ("1; # silent", None),
        ("';'", Some("';'")),
        ("if True:\n    5", None),
        ("def f(): return 1", None),
        ("f() ;", None),
        ("(2\n +\n 3)", Some("5")),
        ("_ + 1", Some("6")),
        ("x = y = 7\nx", Some("7")),
        ("await __import__('asyncio').sleep(0, 'slept')", Some("'slept'")),
    ] {
        let outcome = bench.run(&context, code).await;
        assert_eq!(outcome.status, Status::Ok, "{code}: {outcome:?}");
        let seen = outcome.results.first().map(|bundle| bundle.data["text/plain"].clone());
        assert_eq!(seen, text.map(|text| json!(text)), "{code}");
    }
    let broken = "class Broken:\n    def __repr__(self): raise ValueError('no repr')\nBroken()";
    let outcome = bench.run(&context, broken).await;
    assert!(outcome.context_alive, "{outcome:?}");
    assert!(format!("{outcome:?}").contains("no repr"), "{outcome:?}");
    assert_eq!(bench.print(&context, "print(1)").await, "1\n");
}
