//! Guests that do not come to an end: the ladder from interrupt to destruction, on a clock that the tests turn.

use crate::scene::*;
use interpreter::{
    Caller, Error, ExecuteRequest, Execution, Place, SandboxRequest, backend::fake::FakeGuest,
};
use protocol::{
    ContextId, ExecutionId, Language, Limits, Status,
    driver::DriverStatus,
    guest::{End, Exit, Reply, Request},
};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Copy, PartialEq)]
enum Yields {
    Interrupt,
    Kill,
    Never,
}

/// A guest whose code ends only when it is stopped so.
async fn stubborn(mut guest: FakeGuest, yields: Yields) {
    let (_, mut running) = until_code(&mut guest).await;
    while let Some(frame) = guest.hear().await {
        match frame.header {
            Request::Interrupt { .. } if yields == Yields::Interrupt => {
                let end = End::Done { status: DriverStatus::Error, exit_code: 1 };
                guest.say(&ended_as(&running, end), b"[]").await;
            }
            Request::ContextKill { context } if yields == Yields::Kill => {
                bury(&mut guest, &running, context).await
            }
            Request::Execute { execution, .. } => {
                running = execution;
                guest.say(&ended(&running), b"[]").await;
            }
            _ => {}
        }
    }
}

async fn bury(guest: &mut FakeGuest, running: &ExecutionId, context: ContextId) {
    let exit = Exit::Signal(9);
    guest.say(&ended_as(running, End::Exited(exit)), b"[]").await;
    guest.say(&Reply::ContextEnded { context, exit: Some(exit), failure: None, errno: None }, &[]).await;
}

async fn start(yields: Yields, fresh_place: bool, timeout_ms: u64) -> (interpreter::Interpreter, Execution) {
    let (interpreter, _) = lying(move |guest| stubborn(guest, yields));
    let place = match fresh_place {
        true => Place::Fresh(SandboxRequest::default()),
        false => Place::Sandbox(sandbox(&interpreter).await.unwrap()),
    };
    let request = ExecuteRequest { place, timeout_ms: Some(timeout_ms), ..fresh("x") };
    let execution = interpreter.execute(&Caller::local(), request).await.unwrap();
    (interpreter, execution)
}

#[tokio::test(start_paused = true)]
async fn every_rung_of_the_ladder() {
    let rows = [
        (Yields::Interrupt, false, 500, true, true),
        (Yields::Kill, false, 2500, false, true),
        (Yields::Never, false, 3500, false, false),
        (Yields::Interrupt, true, 500, true, true),
        (Yields::Kill, true, 1500, false, true),
        (Yields::Never, true, 2500, false, false),
    ];
    for (yields, one_shot, after_ms, context_alive, sandbox_alive) in rows {
        let begin = Instant::now();
        let (_interpreter, execution) = start(yields, one_shot, 500).await;
        let (context, sandbox) = (execution.context().unwrap(), execution.sandbox().unwrap().clone());
        let (_, outcome) = follow(execution).await;
        let took = begin.elapsed().as_millis() as i128;
        assert!((took - after_ms).abs() < 100, "{took} ms rather than {after_ms}");
        assert_eq!((outcome.status, outcome.exit_code), (Status::Timeout, 124));
        assert_eq!(outcome.context_alive, context_alive);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!((context.is_alive(), sandbox.is_alive()), (context_alive, sandbox_alive));
        // Where nobody can go on with the context, the hint promises none.
        let promised = outcome.error.unwrap().hint.unwrap().contains("lives on");
        assert_eq!(promised, context_alive && !one_shot);
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_ladder_the_next_execution_knows() {
    for (yields, code) in
        [(Yields::Interrupt, None), (Yields::Kill, Some("lost")), (Yields::Never, Some("lost"))]
    {
        let (interpreter, execution) = start(yields, false, 500).await;
        let context = execution.context().unwrap();
        follow(execution).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let request = ExecuteRequest { place: Place::Context(context), ..fresh("x") };
        let next = interpreter.execute(&Caller::local(), request).await;
        match (next, code) {
            (Ok(execution), None) => assert_eq!(execution.outcome().await.status, Status::Ok),
            (Err(error), Some(code)) => {
                assert_eq!(error.code(), code);
                assert!(error.hint().is_some());
            }
            (next, code) => panic!("{code:?}: {next:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_interrupt_and_may_leave() {
    let (_interpreter, execution) = start(Yields::Interrupt, false, 60_000).await;
    execution.interrupt();
    let (_, outcome) = follow(execution).await;
    assert_eq!((outcome.status, outcome.exit_code, outcome.context_alive), (Status::Cancelled, 130, true));

    let (_interpreter, execution) = start(Yields::Interrupt, false, 60_000).await;
    let (context, begin) = (execution.context().unwrap(), Instant::now());
    drop(execution);
    while context.is_busy() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(begin.elapsed() < Duration::from_millis(100) && context.is_alive());
}

#[tokio::test(start_paused = true)]
async fn leaving_a_one_shot_destroys_its_sandbox() {
    let (interpreter, fake) = lying(|guest| stubborn(guest, Yields::Never));
    let execution = interpreter.execute(&Caller::local(), fresh("x")).await.unwrap();
    assert_eq!(fake.alive(), 1);
    drop(execution);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(fake.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_context_that_is_silent_from_the_start_is_given_up() {
    let (interpreter, _) = lying(|mut guest| async move {
        guest.say_ready().await;
        sulk(guest).await;
    });
    let begin = Instant::now();
    let (_, outcome) = run(&interpreter, fresh("x")).await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::Lost, 127));
    assert!((30..35).contains(&begin.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn a_flood_does_not_stop_the_clock() {
    let (interpreter, _) = lying(|mut guest| async move {
        let (_, execution) = until_code(&mut guest).await;
        while guest.say(&output(&execution), &[b'x'; 1000]).await {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    });
    let begin = Instant::now();
    let (_, outcome) = run(&interpreter, ExecuteRequest { timeout_ms: Some(300), ..fresh("x") }).await;
    assert_eq!(outcome.status, Status::Timeout);
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn cpu_time_is_measured_outside() {
    let (interpreter, _) = lying(|mut guest| async move {
        let (_, execution) = until_code(&mut guest).await;
        let meter = guest.meter().clone();
        let burning = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                meter.set(|measure| measure.cpu_ms = measure.cpu_ms.map(|now| now + 10.0));
            }
        });
        while let Some(frame) = guest.hear().await {
            if let Request::Interrupt { .. } = frame.header {
                burning.abort();
                let end = End::Done { status: DriverStatus::Error, exit_code: 1 };
                guest.say(&ended_as(&execution, end), b"[]").await;
            }
        }
    });
    let (_, outcome) = run(&interpreter, ExecuteRequest { cpu_ms: Some(200), ..fresh("x") }).await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::Timeout, 124));
    assert_eq!(outcome.error.unwrap().name, "CpuTimeoutError");
    assert!((200.0..400.0).contains(&outcome.usage.cpu_ms), "{:?}", outcome.usage);
}

#[tokio::test(start_paused = true)]
async fn a_cpu_limit_that_nobody_can_measure_is_refused() {
    let (interpreter, _) = lying(|mut guest| async move {
        guest.meter().set(|measure| measure.cpu_ms = None);
        guest.say_ready().await;
        sulk(guest).await;
    });
    let limits = Limits { cpu_ms: Some(10), ..Limits::default() };
    let request = SandboxRequest { limits, ..SandboxRequest::default() };
    let sandbox = interpreter.create_sandbox(&Caller::local(), request).await.unwrap();
    let request = ExecuteRequest::new("x", Language::Python, Place::Sandbox(sandbox));
    let refused = interpreter.execute(&Caller::local(), request).await;
    assert!(matches!(refused, Err(Error::CpuUnmeasured)), "{refused:?}");
}
