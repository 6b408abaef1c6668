//! The one door from outside, with honest fake guests: what edges rely on.

mod pool;
mod process;

use bytes::Bytes;
use interpreter::{
    Caller, Context, ContextRequest, Error, ExecuteRequest, Interpreter, Place, Sandbox, SandboxRequest,
    Settings, Stdin, backend::fake::Fake,
};
use protocol::{Category, EventKind, FindingKind, Language, Limits, Outcome, Status};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::mpsc;

fn open() -> (Interpreter, Fake) {
    let fake = Fake::honest();
    let settings = Settings { backend: Some("fake".into()), ..Settings::new("/nonexistent") };
    (Interpreter::with_backends(settings, vec![Arc::new(fake.clone())]).unwrap(), fake)
}

fn me() -> Caller {
    Caller::local()
}

fn python(code: impl Into<Vec<u8>>, place: Place) -> ExecuteRequest {
    ExecuteRequest::new(code, Language::Python, place)
}

fn fresh() -> Place {
    Place::Fresh(SandboxRequest::default())
}

async fn sandbox(interpreter: &Interpreter) -> Arc<Sandbox> {
    interpreter.create_sandbox(&me(), SandboxRequest::default()).await.unwrap()
}

async fn outcome(interpreter: &Interpreter, request: ExecuteRequest) -> Outcome {
    interpreter.execute(&me(), request).await.unwrap().outcome().await
}

async fn run(interpreter: &Interpreter, context: &Arc<Context>, code: &str) -> Outcome {
    outcome(interpreter, python(code, Place::Context(context.clone()))).await
}

async fn refused(interpreter: &Interpreter, request: ExecuteRequest) -> Error {
    interpreter.execute(&me(), request).await.unwrap_err()
}

#[tokio::test]
async fn a_one_shot_tells_everything_and_leaves_nothing() {
    let (interpreter, fake) = open();
    let code = "print hello\neprint oops\njson {\"a\": 1}\nwrite plot.png x\nexit 3";
    let mut execution = interpreter.execute(&me(), python(code, fresh())).await.unwrap();
    let mut kinds = Vec::new();
    while let Some(event) = execution.next().await {
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["seq"], kinds.len());
        kinds.push(json["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, ["stdout", "stderr", "result", "error", "file", "end"]);
    assert!(execution.next().await.is_none());
    let sandbox = execution.sandbox().unwrap().clone();
    let mut bytes = Vec::new();
    sandbox.files().read("plot.png", &mut bytes).await.unwrap();
    assert_eq!(bytes, b"x");
    let outcome = execution.outcome().await;
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("hello\n", "oops\n"));
    assert_eq!((outcome.status, outcome.exit_code, outcome.context_alive), (Status::Error, 3, true));
    assert_eq!(outcome.results[0].data["application/json"]["a"], 1);
    assert_eq!((outcome.files[0].path.as_str(), outcome.files[0].mime.as_str()), ("plot.png", "image/png"));
    assert_eq!(outcome.sandbox.as_ref(), Some(sandbox.id()));
    assert!(outcome.isolation.is_some() && outcome.usage.wall_ms > 0.0);
    drop(sandbox);
    assert_eq!(fake.alive(), 0);
}

#[tokio::test]
async fn a_context_keeps_its_state_and_another_has_its_own() {
    let (interpreter, _) = open();
    let sandbox = sandbox(&interpreter).await;
    let first = sandbox.create_context(ContextRequest::default()).await.unwrap();
    let second = sandbox.create_context(ContextRequest::default()).await.unwrap();
    assert_eq!(run(&interpreter, &first, "set x 1").await.status, Status::Ok);
    for _ in 0..100 {
        let outcome = run(&interpreter, &first, "get x").await;
        assert_eq!(outcome.results[0].data["text/plain"], "1");
    }
    let missing = run(&interpreter, &second, "\nget x").await.error.unwrap();
    assert_eq!((missing.name.as_str(), missing.line), ("NameError", Some(2)));
    assert_eq!(missing.traceback, ["NameError: x"]);
    assert!(Arc::ptr_eq(&sandbox.context(first.id()).unwrap(), &first));
    let id = first.id().clone();
    drop(first);
    assert_eq!(sandbox.context(&id).unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn fifty_sandboxes_at_once() {
    let (interpreter, fake) = open();
    let runs = (0..50).map(|n| {
        let interpreter = interpreter.clone();
        tokio::spawn(async move {
            outcome(&interpreter, python(format!("sleep 5\nprint {n}"), fresh())).await.stdout
        })
    });
    let runs: Vec<_> = runs.collect();
    for (n, run) in runs.into_iter().enumerate() {
        assert_eq!(run.await.unwrap(), format!("{n}\n"));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(fake.alive(), 0);
}

#[tokio::test]
async fn one_execution_at_a_time_in_a_context() {
    let (interpreter, _) = open();
    let sandbox = sandbox(&interpreter).await;
    let running = interpreter.execute(&me(), python("hang", Place::Sandbox(sandbox.clone()))).await.unwrap();
    let context = running.context().unwrap();
    let error = refused(&interpreter, python("print 1", Place::Context(context.clone()))).await;
    assert_eq!(error.code(), "context_busy");
    running.interrupt();
    assert_eq!(running.outcome().await.status, Status::Cancelled);
    assert_eq!(run(&interpreter, &context, "print 1").await.stdout, "1\n");
}

#[tokio::test]
async fn what_is_another_callers_does_not_exist() {
    let (interpreter, _) = open();
    let sandbox = sandbox(&interpreter).await;
    let stranger = Caller("stranger".to_owned());
    assert!(interpreter.sandbox(&me(), sandbox.id()).is_ok());
    assert_eq!(interpreter.sandbox(&stranger, sandbox.id()).unwrap_err().code(), "not_found");
    let context = sandbox.create_context(ContextRequest::default()).await.unwrap();
    for place in [Place::Sandbox(sandbox.clone()), Place::Context(context)] {
        let error = interpreter.execute(&stranger, python("print 1", place)).await.unwrap_err();
        assert_eq!(error.code(), "not_found");
    }
    let id = sandbox.id().clone();
    drop(sandbox);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(interpreter.sandbox(&me(), &id).unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn code_that_cannot_run_touches_no_sandbox() {
    let (interpreter, fake) = open();
    let rows = [
        (vec![b'#'; (16 << 20) + 1], Category::Limit, None, "16777217"),
        (b"print ok\nprint \xff".to_vec(), Category::Syntax, Some(2), "byte 15"),
    ];
    for (code, category, line, part) in rows {
        let mut execution = interpreter.execute(&me(), python(code, fresh())).await.unwrap();
        assert!(matches!(execution.next().await.unwrap().kind, EventKind::Error { .. }));
        let outcome = execution.outcome().await;
        assert_eq!((outcome.status, outcome.exit_code, outcome.sandbox), (Status::Error, 1, None));
        let error = outcome.error.unwrap();
        assert_eq!((error.category, error.line), (category, line));
        assert!(error.message.contains(part) && error.hint.is_some(), "{error:?}");
    }
    assert_eq!(fake.alive(), 0);
    assert_eq!(outcome(&interpreter, python("", fresh())).await.status, Status::Ok);
    assert_eq!(outcome(&interpreter, python("\u{feff}print bom", fresh())).await.stdout, "bom\n");
}

#[tokio::test]
async fn requests_that_cannot_hold_are_refused() {
    let (interpreter, _) = open();
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        Place::Fresh(SandboxRequest { limits, ..SandboxRequest::default() })
    };
    let env = |name: &str| BTreeMap::from([(name.to_owned(), "v".to_owned())]);
    let sandbox = sandbox(&interpreter).await;
    let context = sandbox.create_context(ContextRequest::default()).await.unwrap();
    let living = || Place::Context(context.clone());
    let nobody = Place::Fresh(SandboxRequest { backend: Some("moon".into()), ..SandboxRequest::default() });
    let rows = [
        (python("", limits(|limits| limits.memory_bytes = 1)), "limits"),
        (python("", limits(|limits| limits.timeout_ms = 0)), "limits"),
        (python("", limits(|limits| limits.output_bytes = u64::MAX)), "limits"),
        (python("", limits(|limits| limits.results = u32::MAX)), "limits"),
        (ExecuteRequest { timeout_ms: Some(0), ..python("", fresh()) }, "limits"),
        (ExecuteRequest { cpu_ms: Some(0), ..python("", fresh()) }, "limits"),
        (ExecuteRequest { output_bytes_max: Some(u64::MAX), ..python("", fresh()) }, "limits"),
        (ExecuteRequest { env: env("A=B"), ..python("", fresh()) }, "request"),
        (ExecuteRequest { env: env(""), ..python("", fresh()) }, "request"),
        (ExecuteRequest { env: env("A\0"), ..python("", living()) }, "request"),
        (ExecuteRequest { env: env(&"\u{1}".repeat(10_000)), ..python("", living()) }, "request"),
        (ExecuteRequest { env: env(&"A".repeat(33_000)), ..python("", living()) }, "request"),
        (ExecuteRequest { language: Language::Bash, ..python("", living()) }, "request"),
        (ExecuteRequest { stdin: Stdin::Piped(mpsc::channel(1).1), ..python("", living()) }, "request"),
        (python("", nobody), "unknown_backend"),
    ];
    for (request, code) in rows {
        let error = refused(&interpreter, request).await;
        assert_eq!(error.code(), code, "{error}");
    }
}

#[tokio::test]
async fn environment_and_standard_input_arrive() {
    let (interpreter, _) = open();
    let env =
        |pairs: &[(&str, &str)]| pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    let place =
        Place::Fresh(SandboxRequest { env: env(&[("A", "box"), ("B", "box")]), ..SandboxRequest::default() });
    let (sender, source) = mpsc::channel(1);
    let request = ExecuteRequest {
        env: env(&[("B", "run")]),
        stdin: Stdin::Piped(source),
        ..python("env A\nenv B\nstdin\nprint end", place)
    };
    let feed = tokio::spawn(async move {
        for _ in 0..10 {
            sender.send(Bytes::from(vec![b'i'; 100_000])).await.unwrap();
        }
    });
    let outcome = outcome(&interpreter, request).await;
    feed.await.unwrap();
    let texts: Vec<_> = outcome.results.iter().map(|bundle| bundle.data["text/plain"].clone()).collect();
    assert_eq!(texts, ["box", "run"]);
    assert_eq!(outcome.stdout.len(), 1_000_000 + 4);
    assert!(outcome.stdout.ends_with("end\n"));
}

#[tokio::test]
async fn limits_have_typed_outcomes() {
    let (interpreter, _) = open();
    let sandbox = sandbox(&interpreter).await;
    let context = sandbox.create_context(ContextRequest::default()).await.unwrap();
    let request =
        ExecuteRequest { timeout_ms: Some(50), ..python("set x 1\nhang", Place::Context(context.clone())) };
    let slow = outcome(&interpreter, request).await;
    assert_eq!((slow.status, slow.exit_code, slow.context_alive), (Status::Timeout, 124, true));
    assert_eq!(run(&interpreter, &context, "get x").await.status, Status::Ok);
    let long = run(&interpreter, &context, "flood 3000000").await;
    assert_eq!(long.truncated.stdout_bytes, 3_000_000 - (1 << 20));
    assert!(long.stdout.contains("bytes left out …]\n"));
    let hog = run(&interpreter, &context, "oom").await;
    assert_eq!((hog.status, hog.exit_code, hog.context_alive), (Status::OutOfMemory, 137, false));
    let error = refused(&interpreter, python("print 1", Place::Context(context))).await;
    assert_eq!((error.code(), error.hint().is_some()), ("lost", true));
    let next = outcome(&interpreter, python("die 11", Place::Sandbox(sandbox.clone()))).await;
    assert_eq!((next.status, next.exit_code), (Status::Killed, 139));
    let next = outcome(&interpreter, python("print fine", Place::Sandbox(sandbox))).await;
    assert_eq!(next.stdout, "fine\n");
}

#[tokio::test]
async fn destroying_a_sandbox_ends_what_runs_in_it() {
    let (interpreter, fake) = open();
    let sandbox = sandbox(&interpreter).await;
    let running = interpreter.execute(&me(), python("hang", Place::Sandbox(sandbox.clone()))).await.unwrap();
    let context = running.context().unwrap();
    sandbox.destroy().await;
    assert_eq!(fake.alive(), 0);
    let outcome = running.outcome().await;
    assert_eq!((outcome.status, outcome.context_alive), (Status::Lost, false));
    let error = refused(&interpreter, python("print 1", Place::Context(context))).await;
    assert_eq!(error.code(), "lost");
    assert_eq!(sandbox.files().stat(".").await.unwrap_err().code(), "lost");
    sandbox.destroy().await;
}

#[tokio::test]
async fn files_go_in_and_come_out() {
    let (interpreter, _) = open();
    let sandbox = sandbox(&interpreter).await;
    let files = sandbox.files();
    for size in [0, 1, 256 << 10, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 20 << 20] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        assert_eq!(files.write("data/big.bin", bytes.as_slice(), 0o640).await.unwrap(), size);
        let mut back = Vec::new();
        assert_eq!(files.read("data/big.bin", &mut back).await.unwrap(), size);
        assert!(back == bytes, "{size} bytes");
    }
    assert_eq!(files.stat("data/big.bin").await.unwrap().mode, 0o640);
    files.make_dir("empty").await.unwrap();
    files.rename("data/big.bin", "new\nname").await.unwrap();
    let listed = files.list(".", 3).await.unwrap();
    let mut names: Vec<String> = listed.into_iter().map(|entry| entry.path).collect();
    names.sort();
    assert_eq!(names, ["empty", "new\nname"]);
    files.remove("new\nname").await.unwrap();
    let error = files.read("new\nname", tokio::io::sink()).await.unwrap_err();
    assert!(error.to_string().starts_with("read the file") && error.hint().is_some());
    let broken = files.write("half", Broken, 0o600).await.unwrap_err();
    assert_eq!(broken.code(), "file");
    assert!(files.stat("half").await.is_err(), "a file appears whole or not at all");
}

/// A source that fails after a while.
struct Broken;

impl tokio::io::AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Err(std::io::Error::other("the disk broke")))
    }
}

#[tokio::test]
async fn what_a_policy_denies_reaches_no_sandbox() {
    let (interpreter, fake) = open();
    let strict = || Some(Arc::new(policy::Policy::preset("strict").unwrap()));
    let denied = ExecuteRequest { policy: strict(), ..python("x = 1\nimport socket", fresh()) };
    let mut execution = interpreter.execute(&me(), denied).await.unwrap();
    assert!(matches!(execution.next().await.unwrap().kind, EventKind::Error { .. }));
    let ended = execution.outcome().await;
    assert_eq!((ended.status, ended.exit_code, ended.context_alive), (Status::Denied, 126, false));
    let error = ended.error.unwrap();
    assert_eq!((error.category, error.line, error.retryable), (Category::Policy, Some(2), true));
    assert!(error.message.starts_with("the policy strict denies line 2: "), "{}", error.message);
    assert_eq!((ended.findings[0].kind, ended.findings[0].span.line), (FindingKind::Denied, 2));
    assert_eq!((ended.sandbox, fake.alive()), (None, 0));

    // A context is not harmed by what it never saw, and what may run says what the check could not see.
    let context = sandbox(&interpreter).await.create_context(ContextRequest::default()).await.unwrap();
    let place = || Place::Context(context.clone());
    let denied = ExecuteRequest { policy: strict(), ..python("import socket", place()) };
    assert!(outcome(&interpreter, denied).await.context_alive);
    let advised = outcome(&interpreter, python("print(", place())).await;
    assert_eq!(
        advised.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        [FindingKind::Advice]
    );
}

#[tokio::test]
async fn where_the_first_cannot_raise_its_walls_the_next_is_asked() {
    let open = |all: &[Fake]| {
        let backends = all.iter().map(|fake| Arc::new(fake.clone()) as _).collect();
        Interpreter::with_backends(Settings::new("/nonexistent"), backends).unwrap()
    };
    let bare = Fake::honest().called("bare").refusing("walls");
    let other = Fake::honest().called("other");
    let interpreter =
        open(&[bare.clone(), Fake::honest().called("absent").refusing("no_engine"), other.clone()]);
    for _ in 0..2 {
        let outcome = outcome(&interpreter, python("print hello", fresh())).await;
        assert_eq!(
            (outcome.stdout.as_str(), outcome.isolation.unwrap().backend.as_str()),
            ("hello\n", "other")
        );
    }
    let named = Place::Fresh(SandboxRequest { backend: Some("bare".into()), ..SandboxRequest::default() });
    assert_eq!(refused(&interpreter, python("print", named)).await.code(), "walls");
    let alone = open(std::slice::from_ref(&bare));
    assert_eq!(refused(&alone, python("print", fresh())).await.code(), "walls");
    let broken = open(&[Fake::honest().called("full").refusing("cgroup"), other]);
    assert_eq!(refused(&broken, python("print", fresh())).await.code(), "cgroup", "only missing walls count");
}
