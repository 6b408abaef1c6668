//! Sandboxes that nobody asked for, kept for what a run left in them; and runs that are killed.

use crate::scene::{begin, sandbox, simple, with};
use desk::{Alone, Begin, Desk, NewSandbox, Run, Visitor, Work};
use interpreter::{CommandRequest, Program, SandboxRequest, backend::fake::Fake};
use protocol::{Limits, SandboxId, Status};
use std::{path::Path, sync::Arc, time::Duration};

const KEEP: Duration = Duration::from_secs(60);

fn alone(memory_bytes: u64) -> Alone {
    let limits = Limits { memory_bytes, ..Limits::default() };
    let sandbox = SandboxRequest { limits, ..SandboxRequest::default() };
    Alone { sandbox, files: Vec::new(), keep: Some(KEEP) }
}

async fn once(desk: &Desk, visitor: &Visitor, code: &str, memory_bytes: u64) -> Arc<Run> {
    let Begin { work, request } = begin(code, Work::Fresh(alone(memory_bytes)));
    desk.execute(visitor, Begin { work, request }).await.unwrap()
}

/// A sandbox that is kept for a file of this name.
async fn spare(desk: &Desk, visitor: &Visitor, name: &str, memory_bytes: u64) -> SandboxId {
    let run = once(desk, visitor, &format!("write {name} x\nset n 1"), memory_bytes).await;
    run.end().await.sandbox.unwrap()
}

fn new() -> NewSandbox {
    NewSandbox { sandbox: SandboxRequest::default(), ttl: None, metadata: Default::default() }
}

#[tokio::test]
async fn what_left_files_is_kept_and_goes_on_where_it_was() {
    let (desk, fake) = simple().await;
    let visitor = Visitor::local();
    let nothing = once(&desk, &visitor, "print x", 16 << 20).await.end().await.sandbox.unwrap();
    assert!(desk.look_at_sandbox(&visitor, &nothing).is_err());
    let kept = spare(&desk, &visitor, "a.txt", 16 << 20).await;
    let lease = desk.sandbox(&visitor, &kept).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((lease.ttl(), desk.queue_state().admitted), (KEEP, 1), "its memory only");
    let mut usual = lease.usual(Default::default()).lock_owned().await;
    let context = lease.usual_context(&mut usual, Default::default()).await.unwrap();
    let get = begin("get n", Work::Context(kept.clone(), context.id().clone()));
    let outcome = desk.execute(&visitor, get).await.unwrap().end().await;
    assert_eq!(outcome.results[0].data["text/plain"], "1", "{outcome:?}");
    context.kill();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let other = lease.usual_context(&mut usual, Default::default()).await.unwrap();
    assert!(other.id() != context.id() && usual.as_ref() == Some(other.id()), "a new one for one that ended");
    drop(lease);
    desk.delete_sandbox(&visitor, &kept).await.unwrap();
    drop((context, other));
    assert_eq!((fake.alive(), desk.queue_state().admitted), (0, 0));
}

#[tokio::test]
async fn it_gives_way_to_what_is_asked_for() {
    let (desk, _) = simple().await;
    let visitor = Visitor::local();
    let claimed = spare(&desk, &visitor, "a", 16 << 20).await;
    desk.sandbox(&visitor, &claimed).unwrap().claim();
    let [older, newer] =
        [spare(&desk, &visitor, "b", 16 << 20).await, spare(&desk, &visitor, "c", 16 << 20).await];
    for _ in 0..6 {
        desk.create_sandbox(&visitor, new()).await.unwrap();
    }
    let there = |id| desk.look_at_sandbox(&visitor, id).is_ok();
    assert_eq!((there(&claimed), there(&older), there(&newer)), (true, false, true), "the oldest first");
    let third = spare(&desk, &visitor, "d", 16 << 20).await;
    assert_eq!((there(&third), there(&newer)), (true, false), "one spare makes room for another");
    desk.create_sandbox(&visitor, new()).await.unwrap();
    assert!(!there(&third) && there(&claimed));
    let left = spare(&desk, &visitor, "e", 16 << 20).await;
    assert!(!there(&left), "and none is kept where there is no room");
    assert_eq!(desk.create_sandbox(&visitor, new()).await.map(drop).unwrap_err().code(), "sandboxes_full");
}

#[tokio::test]
async fn it_gives_way_where_memory_is_lacking() {
    let (desk, _) = simple().await;
    let visitor = Visitor::local();
    // Of 64 GiB, 80 in a hundred are promised.
    let spares = [spare(&desk, &visitor, "a", 20 << 30).await, spare(&desk, &visitor, "b", 20 << 30).await];
    let there = || spares.each_ref().map(|id| desk.look_at_sandbox(&visitor, id).is_ok());
    once(&desk, &visitor, "print x", 10 << 30).await.end().await;
    assert_eq!(there(), [true, true]);
    once(&desk, &visitor, "print x", 12 << 30).await.end().await;
    assert_eq!(there(), [false, true]);
    let sandbox = alone(51 << 30).sandbox;
    desk.create_sandbox(&visitor, NewSandbox { sandbox, ..new() }).await.unwrap();
    assert_eq!(there(), [false, false]);
}

#[tokio::test]
async fn a_run_is_killed_with_what_is_its_own() {
    let (desk, fake) = simple().await;
    let visitor = Visitor::local();
    let run = once(&desk, &visitor, "write a x\nstuck", 16 << 20).await;
    run.kill().await;
    assert_eq!((run.end().await.status, fake.alive()), (Status::Lost, 0));

    let (place, context) = sandbox(&desk, &visitor, KEEP).await;
    let run = desk.execute(&visitor, begin("stuck", Work::Context(place.clone(), context))).await.unwrap();
    run.kill().await;
    let outcome = run.end().await;
    assert_eq!((outcome.status, outcome.context_alive, fake.alive()), (Status::Killed, false, 1));

    let request = CommandRequest::new(Program::Shell("stuck".into()));
    let run = desk.command(&visitor, &place, request, false).await.unwrap();
    run.kill().await;
    assert_eq!((run.end().await.exit_code, fake.alive()), (137, 1));

    let left = once(&desk, &visitor, "stuck", 16 << 20).await;
    desk.kill().await;
    assert_eq!(left.end().await.status, Status::Lost);
    assert_eq!(desk.create_sandbox(&visitor, new()).await.map(drop).unwrap_err().code(), "closing");
    desk.close(Duration::ZERO).await;
    assert_eq!((fake.alive(), desk.queue_state().admitted), (0, 0));
}

#[tokio::test]
async fn a_denied_command_costs_no_sandbox() {
    let (desk, _) = with(Fake::honest().refusing("no_walls"), None, Path::new("/nonexistent")).await;
    let visitor = Visitor::local();
    let turn = desk.turn_alone(&visitor, &Limits::default()).await.unwrap();
    let mut request = CommandRequest::new(Program::Shell("sudo ls".into()));
    request.policy = policy::Policy::preset("strict").map(Arc::new);
    let run = desk.command_alone(turn, alone(16 << 20), request).await.unwrap();
    let outcome = run.end().await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::Denied, 126), "{:?}", outcome.findings);
    let turn = desk.turn_alone(&visitor, &Limits::default()).await.unwrap();
    let harmless = CommandRequest::new(Program::Shell("print".into()));
    assert!(desk.command_alone(turn, alone(16 << 20), harmless).await.is_err(), "there can be none here");
}
