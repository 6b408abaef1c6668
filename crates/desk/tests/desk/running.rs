//! Executions: read from any place, made once, written down, ended with their server.

use crate::scene::{begin, fresh, open, sandbox, simple};
use desk::{Made, Repeat, Visitor, Work};
use interpreter::{CommandRequest, Program};
use journal::Journal;
use protocol::{EventKind, Status};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

#[tokio::test]
async fn who_goes_away_while_it_begins_leaves_nothing_running() {
    let (desk, _) = simple().await;
    let visitor = Visitor::local();
    let (sandbox, context) = sandbox(&desk, &visitor, Duration::from_secs(60)).await;
    let hang = || begin("hang", Work::Context(sandbox.clone(), context.clone()));
    // After one poll it is somewhere between its turn and its first event.
    for polls in 1..6 {
        let mut begun = Box::pin(desk.execute(&visitor, hang()));
        for _ in 0..polls {
            let polled = std::future::poll_fn(|cx| Poll::Ready(begun.as_mut().poll(cx))).await;
            if let Poll::Ready(run) = polled {
                run.unwrap().interrupt();
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(begun);
        for _ in 0..200 {
            if desk.queue_state().admitted == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let runs = desk.list_runs(&visitor, |_| true, None, 100).items;
        let ends: Vec<_> = runs.iter().map(|run| run.outcome().map(|outcome| outcome.status)).collect();
        assert_eq!(desk.queue_state().admitted, 1, "the sandbox alone, after {polls} polls: {ends:?}");
    }
}

#[tokio::test]
async fn events_are_kept_and_joined() {
    let (desk, fake) = simple().await;
    let visitor = Visitor::local();
    let run = fresh(&desk, &visitor, "print a\nsleep 50\nprint b\nraise E x").await;
    let mut live = run.events(None);
    let mut seen = Vec::new();
    while let Some(event) = live.next().await {
        seen.push(event);
    }
    assert!(seen.iter().enumerate().all(|(at, event)| event.seq == at as u64));
    assert!(matches!(seen.last().unwrap().kind, EventKind::End { .. }));
    let mut late = run.events(Some(seen[1].seq));
    for event in &seen[2..] {
        assert_eq!(late.next().await.as_ref(), Some(event));
    }
    assert!(late.next().await.is_none() && run.events(Some(u64::MAX)).next().await.is_none());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(fake.alive(), 0, "a one-shot's sandbox is gone at its end");
}

#[tokio::test]
async fn a_command_reads_what_is_sent_later() {
    let (desk, _) = simple().await;
    let visitor = Visitor::local();
    let (place, _) = sandbox(&desk, &visitor, Duration::from_secs(60)).await;
    let request = CommandRequest::new(Program::Shell("stdin".into()));
    let run = desk.command(&visitor, &place, request, true).await.unwrap();
    run.write_stdin("one ".into(), false).await.unwrap();
    run.write_stdin("two".into(), true).await.unwrap();
    assert_eq!(run.end().await.stdout, "one two");
    assert_eq!(run.write_stdin("x".into(), false).await.unwrap_err().code(), "conflict");
}

#[tokio::test]
async fn one_key_makes_one_thing() {
    let (desk, _) = simple().await;
    let visitor = Visitor::local();
    let made = AtomicUsize::new(0);
    let ask = |body: &'static [u8], fails: bool| {
        let (desk, visitor, made) = (&desk, &visitor, &made);
        async move {
            let make = async {
                made.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
                if fails {
                    return Err(desk::DeskError::Closing);
                }
                Ok(Made::Run(fresh(desk, visitor, "print").await.id.clone()))
            };
            desk.once(visitor, Repeat { key: "k", target: "t", body }, make).await
        }
    };
    assert_eq!(ask(b"x", true).await.unwrap_err().code(), "closing");
    let (one, other) = tokio::join!(ask(b"x", false), ask(b"x", false));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((&one.0, one.1, other.1), (&other.0, false, true));
    assert_eq!(made.load(Ordering::Relaxed), 2, "once failed, once made");
    assert_eq!(ask(b"y", false).await.unwrap_err().code(), "not_the_same");
}

#[tokio::test]
async fn what_a_dead_desk_ran_is_lost_and_a_living_ones_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let journal = || async { Journal::open(&folder.path().join("journal")).await.unwrap() };
    let locks = folder.path().join("servers");
    let visitor = Visitor::local();
    let (living, _) = open(Some(journal().await), &locks).await;
    let goes_on = fresh(&living, &visitor, "hang").await;
    let done = fresh(&living, &visitor, "print x").await;
    done.end().await;
    // A server that is gone leaves no lock.
    let begin = journal::RunBegin {
        id: protocol::ExecutionId::from_bits(7),
        caller: visitor.caller().0.clone(),
        server: "srv_gone".into(),
        command: false,
        sandbox: None,
        context: None,
        language: Default::default(),
        code: "print".into(),
    };
    journal().await.run_begins(&begin).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (next, _) = open(Some(journal().await), &locks).await;
    let status = async |id| next.recorded_one(&visitor, id).await.unwrap().summary.status;
    assert_eq!(status(&begin.id).await, Some(Status::Lost));
    assert_eq!(status(&goes_on.id).await, None);
    assert_eq!(status(&done.id).await, Some(Status::Ok));
    living.close(Duration::ZERO).await;
    assert_eq!(status(&goes_on.id).await, Some(Status::Cancelled));
}

#[tokio::test]
async fn the_end_waits_for_what_runs_as_long_as_it_was_told() {
    for (code, grace, status) in [("sleep 300\nprint x", 5000, Status::Ok), ("hang", 100, Status::Cancelled)]
    {
        let (desk, fake) = simple().await;
        let visitor = Visitor::local();
        sandbox(&desk, &visitor, Duration::from_secs(60)).await;
        let run = fresh(&desk, &visitor, code).await;
        let began = Instant::now();
        desk.close(Duration::from_millis(grace)).await;
        assert!(began.elapsed() < Duration::from_secs(3));
        assert_eq!(run.outcome().map(|outcome| outcome.status), Some(status));
        assert_eq!((fake.alive(), desk.queue_state().admitted), (0, 0));
        let new = desk::NewSandbox { sandbox: Default::default(), ttl: None, metadata: Default::default() };
        assert_eq!(desk.create_sandbox(&visitor, new).await.map(drop).unwrap_err().code(), "closing");
    }
}
