//! Programs beside contexts: what they say, how they end, how they are stopped.

use crate::bench::{Bench, category};
use bytes::Bytes;
use interpreter::{Caller, CommandRequest, Execution, Program, Sandbox, Stdin};
use protocol::{Category, EventKind, Limits, Outcome, Status};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::mpsc;

fn shell(line: &str) -> CommandRequest {
    CommandRequest::new(Program::Shell(line.to_owned()))
}

fn argv(words: &[&str]) -> CommandRequest {
    CommandRequest::new(Program::Argv(words.iter().map(|&word| word.to_owned()).collect()))
}

async fn begin(bench: &Bench, sandbox: &Arc<Sandbox>, request: CommandRequest) -> Execution {
    bench.interpreter.command(&Caller::local(), sandbox, request).await.unwrap()
}

async fn outcome(bench: &Bench, sandbox: &Arc<Sandbox>, request: CommandRequest) -> Outcome {
    begin(bench, sandbox, request).await.outcome().await
}

/// A command that has said something.
async fn begun(bench: &Bench, sandbox: &Arc<Sandbox>, request: CommandRequest) -> Execution {
    let mut execution = begin(bench, sandbox, request).await;
    let first = execution.next().await.unwrap();
    assert!(matches!(first.kind, EventKind::Stdout { .. }), "{first:?}");
    execution
}

pub async fn shells_and_programs(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let env = BTreeMap::from([("A".to_owned(), "b c".to_owned())]);
    let rows: [(CommandRequest, Status, i32, &str, &str); 5] = [
        (shell("echo $((6*7)) | cat; echo oops >&2"), Status::Ok, 0, "42\n", "oops\n"),
        (shell("pwd; exit 3"), Status::Error, 3, "/workspace\n", ""),
        (argv(&["/bin/echo", "$HOME", "a b"]), Status::Ok, 0, "$HOME a b\n", ""),
        (CommandRequest { env, ..shell("echo \"$A\"") }, Status::Ok, 0, "b c\n", ""),
        (CommandRequest { cwd: Some("/tmp".into()), ..shell("pwd") }, Status::Ok, 0, "/tmp\n", ""),
    ];
    for (request, status, exit, stdout, stderr) in rows {
        let seen = outcome(&bench, &sandbox, request).await;
        assert_eq!((seen.status, seen.exit_code), (status, exit), "{seen:?}");
        assert_eq!((seen.stdout.as_str(), seen.stderr.as_str()), (stdout, stderr));
        assert_eq!((seen.context, seen.sandbox.as_ref()), (None, Some(sandbox.id())));
        assert!(seen.isolation.is_some_and(|isolation| !isolation.walls.is_empty()));
        assert_eq!(seen.error.is_some(), status != Status::Ok);
    }
    let wrote = outcome(&bench, &sandbox, shell("echo x > made.txt")).await;
    assert_eq!(wrote.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["made.txt"]);
}

pub async fn commands_read_input(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    assert_eq!(outcome(&bench, &sandbox, shell("cat; echo end")).await.stdout, "end\n");
    let (sender, source) = mpsc::channel(1);
    let mut execution =
        begin(&bench, &sandbox, CommandRequest { stdin: Stdin::Piped(source), ..shell("wc -c") }).await;
    for _ in 0..64 {
        sender.send(Bytes::from(vec![b'x'; 64 << 10])).await.unwrap();
    }
    drop(sender);
    while execution.next().await.is_some() {}
    assert_eq!(execution.outcome().await.stdout.trim(), (4 << 20).to_string());
}

pub async fn commands_are_stopped(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let execution = begun(&bench, &sandbox, shell("echo up; sleep 60")).await;
    execution.interrupt();
    assert_eq!(execution.outcome().await.status, Status::Cancelled);

    let deaf = shell("trap '' INT; echo up; while :; do sleep 1; done");
    let late = outcome(&bench, &sandbox, CommandRequest { timeout_ms: Some(500), ..deaf }).await;
    assert_eq!((late.status, late.exit_code), (Status::Timeout, 124), "{late:?}");
    assert_eq!(category(&late), Some(Category::Timeout));

    let execution = begun(&bench, &sandbox, shell("echo up; sleep 60")).await;
    let interrupter = execution.interrupter();
    assert_eq!(interrupter.signal(0).unwrap_err().code(), "request");
    interrupter.signal(15).unwrap();
    let ended = execution.outcome().await;
    assert_eq!((ended.status, ended.exit_code), (Status::Killed, 143), "{ended:?}");

    let execution = begun(&bench, &sandbox, shell("echo up; echo $$ > pid; exec sleep 60")).await;
    drop(execution);
    for _ in 0..100 {
        if outcome(&bench, &sandbox, shell("kill -0 $(cat pid)")).await.exit_code != 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a dropped command goes on");
}

pub async fn commands_that_cannot_start(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let missing = outcome(&bench, &sandbox, argv(&["/no/such/program"])).await;
    assert_eq!((missing.status, missing.exit_code), (Status::Error, 127), "{missing:?}");
    assert!(missing.stderr.contains("/no/such/program"), "{missing:?}");
    for request in [shell(""), argv(&[]), shell("a\0b"), shell(&"x".repeat(200 << 10))] {
        let error = bench.interpreter.command(&Caller::local(), &sandbox, request).await.unwrap_err();
        assert_eq!(error.code(), "request", "{error}");
    }
    let stranger = Caller("stranger".to_owned());
    let error = bench.interpreter.command(&stranger, &sandbox, shell("id")).await.unwrap_err();
    assert_eq!(error.code(), "not_found");
    sandbox.destroy().await;
    let error = bench.interpreter.command(&Caller::local(), &sandbox, shell("id")).await.unwrap_err();
    assert_eq!(error.code(), "lost");
}

pub async fn commands_beside_contexts(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let sandbox = context.sandbox().clone();
    bench.print(&context, "x = 1; open('a.txt', 'w').write('from python')").await;
    let server = begun(&bench, &sandbox, shell("echo up; while :; do sleep 0.1; done")).await;
    assert_eq!(
        outcome(&bench, &sandbox, shell("cat a.txt; echo -n more >> a.txt")).await.stdout,
        "from python"
    );
    assert_eq!(bench.print(&context, "print(open('a.txt').read(), x)").await, "from pythonmore 1\n");
    let lost = tokio::spawn(server.outcome());
    sandbox.destroy().await;
    assert_eq!(lost.await.unwrap().status, Status::Lost);
}

pub async fn parts_of_files(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let bytes: Vec<u8> = (0..20_000_000u32).map(|at| (at % 251) as u8).collect();
    sandbox.files().write("big", bytes.as_slice(), 0o644).await.unwrap();
    let size = bytes.len() as u64;
    for (offset, length, from, to) in [
        (0, 0, 0, 0),
        (5, 10, 5, 15),
        (1, 8 << 20, 1, (8 << 20) + 1),
        (size - 3, u64::MAX, size - 3, size),
        (size, 1, size, size),
        (size + 5, 1, size, size),
    ] {
        let mut part = Vec::new();
        let count = sandbox.files().read_part("big", offset, length, &mut part).await.unwrap();
        assert_eq!(
            (count, part.as_slice()),
            (to - from, &bytes[from as usize..to as usize]),
            "{offset} {length}"
        );
    }
}
