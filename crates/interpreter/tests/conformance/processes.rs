//! Processes that somebody follows: output without a limit, input, terminals, ends.

use crate::bench::Bench;
use bytes::Bytes;
use interpreter::{
    Caller, CommandRequest, Error, Process, ProcessEnd, ProcessEvent, ProcessRequest, Program, Sandbox,
};
use protocol::{
    Level, Limits, Wall,
    guest::{Exit, Stream, WindowSize},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

fn shell(line: &str) -> ProcessRequest {
    let (cwd, env, stdin, tty, policy) = (None, BTreeMap::new(), true, None, None);
    ProcessRequest { program: Program::Shell(line.to_owned()), cwd, env, stdin, tty, policy }
}

fn terminal(line: &str) -> ProcessRequest {
    ProcessRequest { tty: Some(WindowSize { columns: 81, rows: 23 }), ..shell(line) }
}

async fn begin(bench: &Bench, sandbox: &Arc<Sandbox>, request: ProcessRequest) -> Process {
    bench.interpreter.attach(&Caller::local(), sandbox, request).await.unwrap()
}

/// All that it writes from now on, and its end.
async fn rest(process: &mut Process) -> (String, String, ProcessEnd) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match process.next().await.expect("an end comes last") {
            ProcessEvent::Output { stream: Stream::Stdout, bytes } => stdout.extend_from_slice(&bytes),
            ProcessEvent::Output { stream: Stream::Stderr, bytes } => stderr.extend_from_slice(&bytes),
            ProcessEvent::Ended(end) => {
                assert_eq!(process.next().await, None);
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                return (text(stdout), text(stderr), end);
            }
        }
    }
}

/// Waits until it has written this.
async fn until(process: &mut Process, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        match process.next().await {
            Some(ProcessEvent::Output { bytes, .. }) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            other => panic!("{other:?} after {seen:?}"),
        }
    }
    seen
}

fn code(code: i32) -> ProcessEnd {
    ProcessEnd::Exited(Exit::Code(code))
}

fn ended(stdout: &str, stderr: &str, end: ProcessEnd) -> (String, String, ProcessEnd) {
    (stdout.to_owned(), stderr.to_owned(), end)
}

/// Runs a command to its end: its exit code and output.
async fn command(bench: &Bench, sandbox: &Arc<Sandbox>, line: &str) -> (i32, String) {
    let request = CommandRequest::new(Program::Shell(line.to_owned()));
    let run = bench.interpreter.command(&Caller::local(), sandbox, request).await.unwrap();
    let outcome = run.outcome().await;
    (outcome.exit_code, outcome.stdout)
}

/// Whether it is there, by its process id in the sandbox.
async fn lives(bench: &Bench, sandbox: &Arc<Sandbox>, pid: &str) -> bool {
    let line = format!("kill -0 {pid} && ! grep -q '^State:.Z' /proc/{pid}/status");
    command(bench, sandbox, &line).await.0 == 0
}

async fn until_gone(bench: &Bench, sandbox: &Arc<Sandbox>, pid: &str) {
    for _ in 0..100 {
        if !lives(bench, sandbox, pid).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{pid} goes on");
}

pub async fn what_they_write_is_heard(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let env = BTreeMap::from([("A".to_owned(), "b c".to_owned())]);
    let argv = Program::Argv(["/bin/echo", "-n", "$A"].map(str::to_owned).to_vec());
    for (request, expected) in [
        (shell("echo out; echo err >&2; exit 3"), ended("out\n", "err\n", code(3))),
        (ProcessRequest { program: argv, ..shell("") }, ended("$A", "", code(0))),
        (
            ProcessRequest { env, ..shell("echo \"$A\" $HOME; pwd") },
            ended("b c /home/user\n/workspace\n", "", code(0)),
        ),
        (ProcessRequest { cwd: Some("/tmp".into()), ..shell("pwd") }, ended("/tmp\n", "", code(0))),
        (ProcessRequest { stdin: false, ..shell("cat") }, ended("", "", code(0))),
        (shell("kill -9 $$"), ended("", "", ProcessEnd::Exited(Exit::Signal(9)))),
    ] {
        let mut process = begin(&bench, &sandbox, request).await;
        assert_eq!(rest(&mut process).await, expected);
    }
    let mut process =
        begin(&bench, &sandbox, shell("echo $$; exec head -c 10000000 /dev/zero | tr '\\0' x")).await;
    let (stdout, _, end) = rest(&mut process).await;
    let (pid, zeros) = stdout.split_once('\n').unwrap();
    assert_eq!((pid, zeros.len(), end), (process.pid().to_string().as_str(), 10_000_000, code(0)));
}

pub async fn they_read_input(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let mut process = begin(&bench, &sandbox, shell("read line; echo \"got $line\"; wc -c")).await;
    let control = process.control();
    control.write(Bytes::from_static(b"hello\n")).await.unwrap();
    assert_eq!(until(&mut process, "\n").await, "got hello\n");
    control.write(Bytes::from(vec![b'x'; 3 << 20])).await.unwrap();
    control.close_stdin().await;
    control.close_stdin().await;
    let error = control.write(Bytes::from_static(b"late")).await.unwrap_err();
    assert_eq!(error.code(), "stdin_closed");
    let (stdout, _, end) = rest(&mut process).await;
    assert_eq!((stdout.trim(), end), ((3 << 20).to_string().as_str(), code(0)));

    // One that does not read holds up whoever writes, and nobody else; its end frees the writer.
    let mut deaf = begin(&bench, &sandbox, shell("echo up; exec sleep 60")).await;
    until(&mut deaf, "up").await;
    let control = deaf.control();
    let writer = tokio::spawn(async move { control.write(Bytes::from(vec![b'x'; 3 << 20])).await });
    assert_eq!(command(&bench, &sandbox, "echo other").await.1, "other\n");
    assert!(!writer.is_finished());
    deaf.control().signal(9).unwrap();
    assert_eq!(rest(&mut deaf).await.2, ProcessEnd::Exited(Exit::Signal(9)));
    assert_eq!(writer.await.unwrap().unwrap_err().code(), "stdin_closed");
    let closed = begin(&bench, &sandbox, ProcessRequest { stdin: false, ..shell("sleep 60") }).await;
    assert_eq!(closed.control().write(Bytes::from_static(b"x")).await.unwrap_err().code(), "stdin_closed");
}

pub async fn they_wait_for_whoever_follows(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let line = "head -c 3000000 /dev/zero; echo done > flag; echo -n end >&2";
    let mut process = begin(&bench, &sandbox, shell(line)).await;
    assert_eq!(command(&bench, &sandbox, "sleep 0.3; cat flag 2>/dev/null").await.1, "", "it waits");
    let (stdout, stderr, end) = rest(&mut process).await;
    assert_eq!((stdout.len(), stderr.as_str(), end), (3_000_000, "end", code(0)));

    // What lay in the pipe at its end comes, however late somebody fetches it.
    let line = "head -c 300000 /dev/zero; echo -n last";
    let mut process = begin(&bench, &sandbox, shell(line)).await;
    until_gone(&bench, &sandbox, &process.pid().to_string()).await;
    let (stdout, _, end) = rest(&mut process).await;
    assert_eq!((stdout.len(), stdout.ends_with("last"), end), (300_004, true, code(0)));
}

pub async fn they_are_killed_when_nobody_does(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let mut process = begin(&bench, &sandbox, shell("(setsid sleep 60 & echo $!; wait) & wait")).await;
    let child = until(&mut process, "\n").await;
    let (own, child) = (process.pid().to_string(), child.trim().to_owned());
    assert!(lives(&bench, &sandbox, &child).await);
    let control = process.control();
    drop(process);
    until_gone(&bench, &sandbox, &own).await;
    until_gone(&bench, &sandbox, &child).await;
    assert_eq!(control.write(Bytes::from_static(b"x")).await.unwrap_err().code(), "stdin_closed");
    control.signal(15).unwrap();
    control.resize(WindowSize { columns: 1, rows: 1 });

    let mut process = begin(&bench, &sandbox, shell("sleep 60")).await;
    sandbox.destroy().await;
    assert!(matches!(rest(&mut process).await.2, ProcessEnd::Lost(_)));
}

pub async fn they_end_and_children_stay(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let line = "(while sleep 0.05; do echo tick; done) & echo $!; exit 4";
    let mut process = begin(&bench, &sandbox, shell(line)).await;
    let (stdout, _, end) = rest(&mut process).await;
    assert_eq!(end, code(4));
    drop(process);
    let child = stdout.lines().next().unwrap().to_owned();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(lives(&bench, &sandbox, &child).await, "what was left behind goes on");
    command(&bench, &sandbox, &format!("kill {child}")).await;
}

pub async fn terminals_are_terminals(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let line = "tty; stty size; trap 'stty size; exit 5' WINCH; echo ready >&2; while :; do sleep 0.05; done";
    let mut process = begin(&bench, &sandbox, terminal(line)).await;
    let first = until(&mut process, "ready").await;
    assert!(first.starts_with("/dev/pts/") && first.contains("23 81\r\n"), "{first:?}");
    process.control().resize(WindowSize { columns: 100, rows: 40 });
    assert_eq!(rest(&mut process).await, ended("40 100\r\n", "", code(5)));

    let request =
        ProcessRequest { stdin: false, ..terminal("stty -echo; echo up; read a; echo \"<$a>\"; sleep 60") };
    let mut process = begin(&bench, &sandbox, request).await;
    until(&mut process, "up").await;
    let control = process.control();
    control.close_stdin().await;
    control.write(Bytes::from_static(b"typed\r")).await.unwrap();
    until(&mut process, "<typed>").await;
    // A kernel in user space knows no keys that send signals.
    let signal = if sandbox.isolation().level == Level::SharedKernel { "\x03" } else { "" };
    control.write(Bytes::from_static(signal.as_bytes())).await.unwrap();
    if signal.is_empty() {
        control.signal(2).unwrap();
    }
    let (_, _, end) = rest(&mut process).await;
    assert!(matches!(end, ProcessEnd::Exited(Exit::Signal(2) | Exit::Code(130))), "{end:?}");

    let mut long =
        begin(&bench, &sandbox, terminal("stty -opost; head -c 1000000 /dev/zero | tr '\\0' x; echo -n end"))
            .await;
    let (stdout, _, end) = rest(&mut long).await;
    assert_eq!((stdout.len(), stdout.ends_with("end"), end), (1_000_003, true, code(0)));
}

pub async fn they_cannot_start(bench: Bench) {
    let sandbox = bench.sandbox(Limits::default()).await;
    let missing = Program::Argv(vec!["/no/such/program".to_owned()]);
    for (request, word, errno) in [
        (ProcessRequest { program: missing, ..shell("") }, "start /no/such/program", 2),
        (ProcessRequest { cwd: Some("/no/where".into()), ..shell("id") }, "begin in /no/where", 2),
        (ProcessRequest { cwd: Some("/etc/passwd".into()), ..shell("id") }, "begin in /etc/passwd", 20),
        (
            ProcessRequest { program: Program::Argv(vec!["/etc/passwd".to_owned()]), ..shell("") },
            "start /etc/passwd",
            13,
        ),
    ] {
        let error = bench.interpreter.attach(&Caller::local(), &sandbox, request).await.unwrap_err();
        assert!(error.to_string().starts_with(word), "{error}");
        assert!(matches!(error, Error::Program { errno: found, .. } if found == errno), "{error:?}");
    }
    let error = bench.interpreter.attach(&Caller::local(), &sandbox, shell("")).await.unwrap_err();
    assert_eq!(error.code(), "request");
    let stranger = Caller("stranger".to_owned());
    let error = bench.interpreter.attach(&stranger, &sandbox, shell("id")).await.unwrap_err();
    assert_eq!(error.code(), "not_found");
    sandbox.destroy().await;
    let error = bench.interpreter.attach(&Caller::local(), &sandbox, shell("id")).await.unwrap_err();
    assert_eq!(error.code(), "lost");
}

pub async fn signals_and_limits(bench: Bench) {
    let sandbox = bench.sandbox(Limits { memory_bytes: 256 << 20, ..Limits::default() }).await;
    let mut process =
        begin(&bench, &sandbox, shell("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"))
            .await;
    until(&mut process, "up").await;
    assert_eq!(process.control().signal(0).unwrap_err().code(), "request");
    process.control().signal(15).unwrap();
    // A shell may tell on standard error that its child was ended too.
    let (stdout, _, end) = rest(&mut process).await;
    assert_eq!((stdout.as_str(), end), ("bye\n", code(7)));
    let hog = "exec /.belljar/template/bin/python -c 'x = bytearray(b\"x\") * (1 << 30)'";
    let mut process = begin(&bench, &sandbox, shell(hog)).await;
    let (_, stderr, end) = rest(&mut process).await;
    let isolation = sandbox.isolation();
    let fair = match isolation.level {
        Level::SharedKernel if isolation.walls.contains(&Wall::Cgroup) => end == ProcessEnd::OutOfMemory,
        _ => matches!(end, ProcessEnd::OutOfMemory | ProcessEnd::Lost(_)) || stderr.contains("MemoryError"),
    };
    assert!(fair, "{end:?} {stderr}");
}
