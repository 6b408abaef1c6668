//! Forged, truncated, oversized, repeated and misplaced frames.

use crate::scene::*;
use interpreter::backend::fake::FakeGuest;
use protocol::{
    Change, ExecutionId, Status,
    driver::DriverStatus,
    frame,
    guest::{Changed, End, Reply},
};

#[tokio::test(start_paused = true)]
async fn forged_ids_reach_nobody() {
    let (interpreter, _) = lying(|mut guest| async move {
        let (context, execution) = until_code(&mut guest).await;
        let other = ExecutionId::from_bits(7);
        guest.say(&output(&other), b"forged").await;
        guest.say(&ended(&other), b"[]").await;
        guest.say(&Reply::Done { transfer: 99 }, b"").await;
        guest.say(&up(&protocol::ContextId::from_bits(7)), b"").await;
        guest.say(&up(&context), b"").await;
        guest.say(&output(&execution), b"true").await;
        guest.say(&ended(&execution), b"[]").await;
        sulk(guest).await;
    });
    let execution = interpreter.execute(&interpreter::Caller::local(), fresh("x")).await.unwrap();
    let sandbox = execution.sandbox().unwrap().clone();
    let (_, outcome) = follow(execution).await;
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::Ok, "true"));
    assert_eq!(sandbox.stray_frames(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_comes_late_is_nobodys() {
    let (interpreter, _) = lying(|mut guest| async move {
        let (_, first) = until_code(&mut guest).await;
        guest.say(&output(&first), b"one").await;
        guest.say(&ended(&first), b"[]").await;
        guest.say(&ended_as(&first, End::Broken), b"[]").await;
        guest.say(&output(&first), b"late").await;
        let (_, second) = until_execute(&mut guest).await;
        guest.say(&output(&first), b"later").await;
        guest.say(&bundle(&first), b"{}").await;
        guest.say(&output(&second), b"two").await;
        guest.say(&ended(&second), b"[]").await;
        sulk(guest).await;
    });
    let sandbox = sandbox(&interpreter).await.unwrap();
    for text in ["one", "two"] {
        let place = interpreter::Place::Sandbox(sandbox.clone());
        let request = interpreter::ExecuteRequest { place, ..fresh("x") };
        let (_, outcome) = run(&interpreter, request).await;
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::Ok, text));
    }
    assert_eq!(sandbox.stray_frames(), 4);
}

/// A guest that, when code has come, sends these bytes and goes on listening.
async fn lost_after(bytes: Vec<u8>, ends: bool) -> String {
    let (interpreter, fake) = lying(move |mut guest: FakeGuest| {
        let bytes = bytes.clone();
        async move {
            let (_, execution) = until_code(&mut guest).await;
            guest.say(&output(&execution), b"before").await;
            guest.say_raw(&bytes).await;
            if !ends {
                sulk(guest).await;
            }
        }
    });
    let (_, outcome) = run(&interpreter, fresh("x")).await;
    assert_eq!((outcome.status, outcome.exit_code, outcome.context_alive), (Status::Lost, 137, false));
    assert_eq!(outcome.stdout, "before");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(fake.alive(), 0, "a sandbox that broke a rule is destroyed");
    outcome.error.unwrap().message
}

#[tokio::test(start_paused = true)]
async fn what_is_no_frame_ends_the_sandbox() {
    let header = |text: &str| [&(text.len() as u32).to_le_bytes()[..], &[0; 4], text.as_bytes()].concat();
    let huge_output = {
        let mut bytes = Vec::new();
        let execution = ExecutionId::from_bits(1);
        frame::encode(&output(&execution), &vec![0; 5 << 20], &mut bytes).unwrap();
        bytes
    };
    let rows: [(Vec<u8>, bool, &str); 9] = [
        (vec![], true, "went away"),
        (vec![200, 0, 0, 0, 0], true, "in the middle"),
        ([&[9, 0, 0, 0, 9, 0, 0, 0][..], b"{\"t\":"].concat(), true, "in the middle"),
        (vec![0xff; 8], false, "not a frame"),
        ([&[2, 0, 0, 0][..], &(33u32 << 20).to_le_bytes()].concat(), false, "not a frame"),
        (header("{\"t\":\"ruin\"}"), false, "not a frame"),
        (header("[]"), false, "not a frame"),
        (header("{\"t\":\"output\",\"execution\":\"../x\",\"stream\":\"stdout\"}"), false, "not a frame"),
        (huge_output, false, "at once"),
    ];
    for (bytes, ends, part) in rows {
        let message = lost_after(bytes, ends).await;
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_the_caps_is_left_out() {
    let (interpreter, _) = lying(|mut guest| async move {
        let (_, execution) = until_code(&mut guest).await;
        for _ in 0..64 {
            guest.say(&output(&execution), &[b'x'; 64 << 10]).await;
        }
        for _ in 0..300 {
            guest.say(&bundle(&execution), b"{\"text/plain\":\"1\"}").await;
        }
        guest.say(&bundle(&execution), &vec![b' '; 31 << 20]).await;
        guest.say(&bundle(&execution), &vec![b' '; 31 << 20]).await;
        let change =
            |path: &str| Changed { path: path.to_owned(), size: 1, sha256: None, change: Change::Created };
        let mut files: Vec<Changed> = (0..1500).map(|n| change(&format!("f{n}"))).collect();
        files.insert(0, change("../../etc/passwd"));
        let mut ended = ended(&execution);
        if let Reply::Ended { spilled_to, .. } = &mut ended {
            *spilled_to = vec!["/etc/passwd".to_owned(), "/tmp/belljar/../x".to_owned()];
        }
        guest.say(&ended, &serde_json::to_vec(&files).unwrap()).await;
        sulk(guest).await;
    });
    let (_, outcome) = run(&interpreter, fresh("x")).await;
    assert_eq!(outcome.status, Status::Ok);
    assert!(outcome.stdout.len() < (1 << 20) + 100);
    assert_eq!(outcome.truncated.stdout_bytes, 3 << 20);
    assert_eq!((outcome.results.len(), outcome.truncated.results), (256, 46));
    assert_eq!((outcome.files.len(), outcome.truncated.files), (1000, 501));
    assert!(outcome.files.iter().all(|file| file.path.starts_with('f')));
    assert!(outcome.truncated.spilled_to.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_comes_costs_no_memory_and_no_time() {
    let (interpreter, _) = lying(|mut guest| async move {
        let (_, execution) = until_code(&mut guest).await;
        for _ in 0..50_000 {
            guest.say(&output(&execution), b"o").await;
            let error = Reply::Output {
                execution: execution.clone(),
                stream: protocol::guest::Stream::Stderr,
                skipped: 0,
            };
            guest.say(&error, b"e").await;
        }
        guest.say(&ended(&execution), b"[]").await;
        sulk(guest).await;
    });
    let execution = interpreter.execute(&interpreter::Caller::local(), fresh("x")).await.unwrap();
    let context = execution.context().unwrap();
    while context.is_busy() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let (events, outcome) = follow(execution).await;
    assert_eq!((outcome.status, outcome.stdout.len(), outcome.stderr.len()), (Status::Ok, 50_000, 50_000));
    assert!(events.len() < 2000, "{}", events.len());
}

#[tokio::test(start_paused = true)]
async fn contradictions_become_failures() {
    let (interpreter, _) = lying(|mut guest| async move {
        let (_, execution) = until_code(&mut guest).await;
        let raised = Reply::Raised { execution: execution.clone() };
        guest.say(&raised, b"not even JSON").await;
        guest.say(&raised, br#"{"name":"Second"}"#).await;
        guest.say(&bundle(&execution), b"[1,2]").await;
        let end = End::Done { status: DriverStatus::Ok, exit_code: 0 };
        guest.say(&ended_as(&execution, end), b"{\"not\":\"a list\"}").await;
        sulk(guest).await;
    });
    let (_, outcome) = run(&interpreter, fresh("x")).await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::Error, 1));
    assert_eq!(outcome.error.unwrap().name, "Exception");
    assert_eq!((outcome.results.len(), outcome.truncated.results, outcome.files.len()), (0, 1, 0));
}
