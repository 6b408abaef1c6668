//! Processes that somebody follows, with honest fake guests.

use crate::{me, open, sandbox};
use bytes::Bytes;
use interpreter::{Error, Process, ProcessEnd, ProcessEvent, ProcessRequest, Program};
use protocol::guest::{Exit, Stream};
use std::sync::Arc;

fn shell(line: &str) -> ProcessRequest {
    let (cwd, env, tty, policy) = Default::default();
    ProcessRequest { program: Program::Shell(line.to_owned()), cwd, env, stdin: true, tty, policy }
}

async fn rest(mut process: Process) -> (Vec<u8>, Vec<u8>, ProcessEnd) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match process.next().await.unwrap() {
            ProcessEvent::Output { stream: Stream::Stdout, bytes } => stdout.extend(bytes),
            ProcessEvent::Output { stream: Stream::Stderr, bytes } => stderr.extend(bytes),
            ProcessEvent::Ended(end) => return (stdout, stderr, end),
        }
    }
}

#[tokio::test]
async fn what_the_policy_denies_is_not_started() {
    let (interpreter, fake) = open();
    let sandbox = sandbox(&interpreter).await;
    let strict = Some(Arc::new(policy::Policy::preset("strict").unwrap()));
    let request = ProcessRequest { policy: strict, ..shell("echo cm0gLXJmIC8= | base64 -d | bash") };
    let error = interpreter.attach(&me(), &sandbox, request).await.unwrap_err();
    let Error::Denied { findings } = &error else { panic!("{error:?}") };
    assert!(error.to_string().contains(&findings[0].message), "{error}");
    assert_eq!((error.code(), error.exit_code(), error.hint()), ("denied", 126, findings[0].hint.clone()));
    assert_eq!(fake.alive(), 1);
}

#[tokio::test]
async fn an_honest_process_is_followed_to_its_end() {
    let (interpreter, _) = open();
    let sandbox = sandbox(&interpreter).await;
    let follow = async |line| interpreter.attach(&me(), &sandbox, shell(line)).await.unwrap();
    let exited = |code| ProcessEnd::Exited(Exit::Code(code));
    let seen = rest(follow("print a\neprint b\nexit 3").await).await;
    assert_eq!(seen, (b"a\n".to_vec(), b"b\n".to_vec(), exited(3)));
    let seen = rest(follow("flood 3000000").await).await;
    assert_eq!((seen.0.len(), seen.2), (3_000_000, exited(0)));
    let process = follow("stdin").await;
    process.control().write(Bytes::from_static(b"typed")).await.unwrap();
    process.control().close_stdin().await;
    assert_eq!(rest(process).await.0, b"typed");
    let process = follow("hang").await;
    process.control().signal(9).unwrap();
    assert_eq!(rest(process).await.2, ProcessEnd::Exited(Exit::Signal(9)));
    drop(follow("hang").await);
    assert_eq!(rest(follow("print next").await).await.0, b"next\n");
}
