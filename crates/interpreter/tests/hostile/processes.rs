//! Guests that lie about processes.

use crate::scene::*;
use interpreter::{
    Caller, Error, Process, ProcessEnd, ProcessEvent, ProcessRequest, Program, Sandbox,
    backend::fake::FakeGuest,
};
use protocol::{
    ExecutionId,
    guest::{End, Exit, OUTPUT_WINDOW_BYTES, Reply, Request, Stream},
};
use std::{future::Future, sync::Arc};

/// Follows a process of a guest that, when it is asked for one, does this.
async fn followed<F>(
    answer: impl Fn(FakeGuest, ExecutionId) -> F + Clone + Send + Sync + 'static,
) -> (Arc<Sandbox>, Result<Process, Error>)
where
    F: Future<Output = FakeGuest> + Send + 'static,
{
    let (interpreter, _) = lying(move |mut guest: FakeGuest| {
        let answer = answer.clone();
        async move {
            guest.say_ready().await;
            while let Some(frame) = guest.hear().await {
                if let Request::ProcessStart { process, .. } = frame.header {
                    guest = answer(guest, process).await;
                }
            }
        }
    });
    let sandbox = sandbox(&interpreter).await.unwrap();
    let program = Program::Shell("x".to_owned());
    let (cwd, env, stdin, tty, policy) = Default::default();
    let request = ProcessRequest { program, cwd, env, stdin, tty, policy };
    let process = interpreter.attach(&Caller::local(), &sandbox, request).await;
    (sandbox, process)
}

fn started(process: &ExecutionId) -> Reply {
    Reply::ProcessStarted { process: process.clone(), pid: 7 }
}

fn output(process: &ExecutionId) -> Reply {
    Reply::ProcessOutput { process: process.clone(), stream: Stream::Stdout }
}

fn ended(process: &ExecutionId, end: End) -> Reply {
    Reply::ProcessEnded { process: process.clone(), end }
}

/// How much it wrote, and how it ended.
async fn follow(mut process: Process) -> (u64, ProcessEnd) {
    let mut count = 0;
    loop {
        match process.next().await.unwrap() {
            ProcessEvent::Output { bytes, .. } => count += bytes.len() as u64,
            ProcessEvent::Ended(end) => return (count, end),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn more_output_than_was_taken_ends_the_sandbox() {
    for sizes in
        [&[OUTPUT_WINDOW_BYTES as usize + 1][..], &[OUTPUT_WINDOW_BYTES as usize, 1], &[5, 0], &[5 << 20]]
    {
        let (sandbox, process) = followed(move |mut guest, process| async move {
            guest.say(&started(&process), &[]).await;
            for size in sizes {
                guest.say(&output(&process), &vec![b'x'; *size]).await;
            }
            guest
        })
        .await;
        // The guest may have broken the rule before the process is looked at.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(!sandbox.is_alive(), "{sizes:?}");
        if let Ok(process) = process {
            assert!(matches!(follow(process).await.1, ProcessEnd::Lost(_)), "{sizes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn as_much_as_is_taken_may_come() {
    let (sandbox, process) = followed(|mut guest, process| async move {
        guest.say(&started(&process), &[]).await;
        let mut left = OUTPUT_WINDOW_BYTES;
        for _ in 0..100 {
            while left < 64 << 10 {
                match guest.hear().await.unwrap().header {
                    Request::OutputTaken { bytes, .. } => left += bytes,
                    other => panic!("{other:?}"),
                }
            }
            guest.say(&output(&process), &[b'x'; 64 << 10]).await;
            left -= 64 << 10;
        }
        guest.say(&ended(&process, End::Exited(Exit::Code(0))), &[]).await;
        guest
    })
    .await;
    let process = process.unwrap();
    assert_eq!((process.pid(), follow(process).await), (7, (100 << 16, ProcessEnd::Exited(Exit::Code(0)))));
    assert!(sandbox.is_alive() && sandbox.stray_frames() == 0);
}

#[tokio::test(start_paused = true)]
async fn others_processes_and_second_ends_are_nobodys() {
    let (sandbox, process) = followed(|mut guest, process| async move {
        let other = ExecutionId::from_bits(7);
        let failed = Reply::ProcessFailed { process: process.clone(), errno: 2, message: "late".to_owned() };
        let mine = Exit::Code(3);
        for (reply, bytes) in [
            (started(&other), &b""[..]),
            (output(&other), b"forged"),
            (ended(&other, End::Broken), b""),
            (started(&process), b""),
            (started(&process), b""),
            (failed, b""),
            (output(&process), b"true"),
            (ended(&process, End::Exited(mine)), b""),
            (output(&process), b"late"),
            (ended(&process, End::OutOfMemory), b""),
        ] {
            guest.say(&reply, bytes).await;
        }
        guest
    })
    .await;
    assert_eq!(follow(process.unwrap()).await, (4, ProcessEnd::Exited(Exit::Code(3))));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(sandbox.is_alive());
    assert_eq!(sandbox.stray_frames(), 7);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_what_does_not_run() {
    let (sandbox, process) = followed(|mut guest, process| async move {
        guest.say(&output(&process), b"early").await;
        guest
    })
    .await;
    assert_eq!(process.unwrap_err().code(), "lost");
    assert!(!sandbox.is_alive());

    let (sandbox, process) = followed(|mut guest, process| async move {
        let message = "start it\u{1b}[2J:\nno".to_owned();
        guest.say(&Reply::ProcessFailed { process, errno: 2, message }, &[]).await;
        guest
    })
    .await;
    assert_eq!(process.unwrap_err().to_string(), "start it: no");
    assert!(sandbox.is_alive());

    let (_, process) = followed(|mut guest, process| async move {
        guest.say(&started(&process), &[]).await;
        guest.say(&ended(&process, End::Broken), &[]).await;
        guest
    })
    .await;
    assert!(matches!(follow(process.unwrap()).await.1, ProcessEnd::Lost(_)));
}
