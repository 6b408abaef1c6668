//! Standard output, error and input.

use crate::bench::Bench;
use bytes::Bytes;
use interpreter::{Caller, ExecuteRequest, Place, Stdin};
use protocol::{EventKind, Language, Limits, Status};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

pub async fn both_streams_in_order(bench: Bench) {
    let code = "import sys\nfor n in range(3):\n    print('o', n)\n    print('e', n, file=sys.stderr)\n'end'";
    let place = Place::Fresh(bench.request(Limits::default()));
    let request = ExecuteRequest::new(code, Language::Python, place);
    let mut execution = bench.interpreter.execute(&Caller::local(), request).await.unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    let (mut seq, mut result_at, mut text_at) = (0, 0, 0);
    while let Some(event) = execution.next().await {
        assert_eq!(event.seq, seq);
        seq += 1;
        match event.kind {
            EventKind::Stdout { text } => {
                out += &text;
                text_at = event.seq;
            }
            EventKind::Stderr { text } => {
                err += &text;
                text_at = event.seq;
            }
            EventKind::Result { .. } => result_at = event.seq,
            _ => {}
        }
    }
    assert_eq!((out.as_str(), err.as_str()), ("o 0\no 1\no 2\n", "e 0\ne 1\ne 2\n"));
    assert!(result_at > text_at, "a result comes after what was printed before it");
}

pub async fn children_are_heard(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let code = "import os, subprocess, ctypes\nprint('first')\nsubprocess.run(['sh', '-c', 'echo child; echo bad >&2'])\n\
        os.write(1, b'raw\\n')\nctypes.CDLL(None).puts(b'from C')\nprint('last')";
    let outcome = bench.run(&context, code).await;
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Status::Ok, "bad\n"));
    let mut lines: Vec<&str> = outcome.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["child", "first", "from C", "last", "raw"]);
}

pub async fn invalid_utf8(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let code = "import os\nos.write(1, b'a\\xffb')\nfor byte in 'größe 図 🐍'.encode():\n    os.write(1, bytes([byte]))";
    let outcome = bench.run(&context, &format!("{code}\nNone")).await;
    assert_eq!(outcome.stdout, "a\u{fffd}bgröße 図 🐍");
}

pub async fn long_output_keeps_head_and_tail(bench: Bench) {
    let context = bench.python(Limits { output_bytes: 10_000, ..Limits::default() }).await;
    let outcome = bench.run(&context, "for n in range(100_000):\n    print(n)").await;
    assert!(outcome.stdout.starts_with("0\n1\n2\n") && outcome.stdout.ends_with("\n99999\n"));
    assert_eq!(outcome.truncated.stdout_bytes, 588_890 - 10_000);
    let spilled = outcome.truncated.spilled_to.first().expect("the whole is in a file");
    let mut whole = Vec::new();
    context.sandbox().files().read(spilled, &mut whole).await.unwrap();
    assert_eq!(whole.len(), 588_890);
    let silent = bench.run(&context, "import os\nos.write(2, b'x' * 30_000); None").await;
    assert_eq!(silent.truncated.stderr_bytes, 20_000);
}

pub async fn below_the_cap_nothing_is_lost(bench: Bench) {
    let context = bench.python(Limits { output_bytes: 2 << 20, ..Limits::default() }).await;
    let code = "import random, hashlib, sys\ntext = ''.join(random.choices('aä图🐍 \\n', k=400_000))[:-1] + '.'\n\
        sys.stdout.write(text)\nsys.stderr.write(text[::-1])\n\
        hashlib.sha256(text.encode()).hexdigest() + ' ' + hashlib.sha256(text[::-1].encode()).hexdigest()";
    let outcome = bench.run(&context, code).await;
    let hash = |text: &str| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let told = format!("'{} {}'", hash(&outcome.stdout), hash(&outcome.stderr));
    assert_eq!(outcome.results[0].data["text/plain"], told.as_str(), "{} bytes", outcome.stdout.len());
    assert!(outcome.stdout.len() > 700_000);
    assert_eq!(outcome.truncated, Default::default());
}

pub async fn late_output_is_nobodys(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let code = "import subprocess, threading, time, sys\n\
        child = subprocess.Popen(['sh', '-c', 'sleep 0.3; while :; do echo late; sleep 0.01; done'])\n\
        def chatter():\n    time.sleep(0.3)\n    for n in range(50):\n        time.sleep(0.01)\n        \
        subprocess.run(['echo', 'thread'])\nthread = threading.Thread(target=chatter, daemon=True)\nthread.start()\nprint('first')";
    assert_eq!(bench.print(&context, code).await, "first\n");
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    for n in 0..5 {
        let outcome = bench.run(&context, &format!("time.sleep(0.05)\nprint({n})")).await;
        assert!(!outcome.stdout.contains("late"), "output of an earlier child: {}", outcome.stdout);
        assert!(outcome.stdout.contains(&format!("{n}\n")));
    }
    // What the thread starts meanwhile writes to the cell that runs.
    let code = "child.kill()\nchild.wait()\nthread.join()\nprint('over')";
    let said = bench.print(&context, code).await;
    assert_eq!(said.replace("thread\n", ""), "over\n");
}

pub async fn closed_streams_come_back(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    for code in [
        "import sys\nsys.stdout.close()",
        "import sys\nsys.stdout = None",
        "import os\nos.close(1); os.close(2); os.close(0)",
        "import sys, io\nsys.stdout = io.StringIO()\nprint('lost')\nsys.stdout = sys.__stdout__",
    ] {
        let outcome = bench.run(&context, code).await;
        assert!(outcome.context_alive, "{code}: {outcome:?}");
        assert_eq!(bench.print(&context, "print('here')").await, "here\n", "{code}");
    }
}

pub async fn standard_input(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let outcome = bench.run(&context, "input()").await;
    let error = outcome.error.unwrap();
    assert_eq!((outcome.status, error.name.as_str()), (Status::Error, "EOFError"));
    assert!(error.hint.is_some());

    let (sender, source) = mpsc::channel(1);
    let place = Place::Sandbox(context.sandbox().clone());
    let code = "import sys\nprint(len(sys.stdin.read()))";
    let request =
        ExecuteRequest { stdin: Stdin::Piped(source), ..ExecuteRequest::new(code, Language::Python, place) };
    tokio::spawn(async move {
        for _ in 0..30 {
            sender.send(Bytes::from(vec![b'i'; 100_000])).await.unwrap();
        }
    });
    assert_eq!(bench.execute(request).await.stdout, "3000000\n");
}

pub async fn unread_input_stops_no_interrupt(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let (sender, source) = mpsc::channel(1);
    let place = Place::Sandbox(context.sandbox().clone());
    let request = ExecuteRequest {
        stdin: Stdin::Piped(source),
        timeout_ms: Some(700),
        ..ExecuteRequest::new("import time\ntime.sleep(60)", Language::Python, place)
    };
    tokio::spawn(async move { while sender.send(Bytes::from(vec![b'i'; 100_000])).await.is_ok() {} });
    let outcome = bench.execute(request).await;
    assert_eq!((outcome.status, outcome.context_alive), (Status::Timeout, true), "{:?}", outcome.error);
    assert_eq!(bench.print(&context, "print('others go on')").await, "others go on\n");
}
