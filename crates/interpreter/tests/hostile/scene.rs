//! A sandbox with a lying guest, and the words that the lies are made of.

use interpreter::{
    Caller, Error, ExecuteRequest, Execution, Interpreter, Place, Sandbox, SandboxRequest, Settings,
    backend::fake::{Fake, FakeGuest},
};
use protocol::{
    ContextId, Event, EventKind, ExecutionId, Language, Outcome, Wall,
    driver::DriverStatus,
    guest::{End, Reply, Request, Stream},
};
use std::{future::Future, sync::Arc};

/// An interpreter whose guests do what `script` does, and the backend behind it.
pub fn lying<F>(script: impl Fn(FakeGuest) -> F + Send + Sync + 'static) -> (Interpreter, Fake)
where
    F: Future<Output = ()> + Send + 'static,
{
    with(Fake::scripted(script))
}

/// An interpreter with this backend.
pub fn with(fake: Fake) -> (Interpreter, Fake) {
    let settings = Settings::new("/nonexistent");
    (Interpreter::with_backends(settings, vec![Arc::new(fake.clone())]).unwrap(), fake)
}

/// A request for a sandbox of its own.
pub fn fresh(code: &str) -> ExecuteRequest {
    ExecuteRequest::new(code, Language::Python, Place::Fresh(SandboxRequest::default()))
}

/// A sandbox, made.
pub async fn sandbox(interpreter: &Interpreter) -> Result<Arc<Sandbox>, Error> {
    interpreter.create_sandbox(&Caller::local(), SandboxRequest::default()).await
}

/// Runs code in a sandbox of its own; gives back all events and the outcome.
pub async fn run(interpreter: &Interpreter, request: ExecuteRequest) -> (Vec<Event>, Outcome) {
    follow(interpreter.execute(&Caller::local(), request).await.unwrap()).await
}

/// All events and the outcome. Checks what holds for every execution.
pub async fn follow(mut execution: Execution) -> (Vec<Event>, Outcome) {
    let mut events = Vec::new();
    while let Some(event) = execution.next().await {
        assert_eq!(event.seq, events.len() as u64, "numbers have no gaps");
        assert_eq!(&event.execution, execution.id());
        events.push(event);
    }
    let ends = events.iter().filter(|event| matches!(event.kind, EventKind::End { .. })).count();
    assert!(ends == 1 && matches!(events.last().unwrap().kind, EventKind::End { .. }), "one end, at the end");
    let outcome = execution.outcome().await;
    assert_eq!(outcome.error.is_some(), outcome.status != protocol::Status::Ok);
    (events, outcome)
}

/// What an honest guest knows when code has come: context and execution, with everything before answered.
pub async fn until_code(guest: &mut FakeGuest) -> (ContextId, ExecutionId) {
    guest.say_ready().await;
    until_execute(guest).await
}

/// The same for a guest that said already that it is ready.
pub async fn until_execute(guest: &mut FakeGuest) -> (ContextId, ExecutionId) {
    loop {
        match guest.hear().await.expect("the host goes on").header {
            Request::ContextCreate { context, .. } => guest.say(&up(&context), &[]).await,
            Request::Execute { context, execution, .. } => return (context, execution),
            _ => continue,
        };
    }
}

/// Walls that a driver verifies on itself.
pub const OWN: [Wall; 3] = [Wall::Seccomp, Wall::NoNewPrivs, Wall::CapsDropped];

/// A context is up.
pub fn up(context: &ContextId) -> Reply {
    Reply::ContextReady { context: context.clone(), pid: 2, walls: OWN.to_vec() }
}

/// Standard output.
pub fn output(execution: &ExecutionId) -> Reply {
    Reply::Output { execution: execution.clone(), stream: Stream::Stdout, skipped: 0 }
}

/// A result.
pub fn bundle(execution: &ExecutionId) -> Reply {
    Reply::Bundle { execution: execution.clone(), main: true, display_id: None, update: false }
}

/// An execution ended well.
pub fn ended(execution: &ExecutionId) -> Reply {
    ended_as(execution, End::Done { status: DriverStatus::Ok, exit_code: 0 })
}

/// An execution ended so.
pub fn ended_as(execution: &ExecutionId, end: End) -> Reply {
    let (execution, spilled_to) = (execution.clone(), vec![]);
    Reply::Ended { execution, end, cpu_us: 0, results_dropped: 0, files_dropped: 0, spilled_to }
}

/// Listens without a word until the host goes away.
pub async fn sulk(mut guest: FakeGuest) {
    while guest.hear().await.is_some() {}
}
