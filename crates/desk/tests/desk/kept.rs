//! Sandboxes: expired when nobody uses them, never while somebody does, and nobody else's.

use crate::scene::{begin, sandbox, simple};
use desk::{Begin, KeyLimits, Keys, NewKey, Scope, Visitor, Work};
use protocol::{ContextId, SandboxId, Status};
use std::time::Duration;

fn visitors(limits: KeyLimits) -> [Visitor; 2] {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path().join("keys.json"));
    ["a", "b"].map(|name| {
        let new = NewKey { name: name.into(), expires_at: None, scopes: vec![Scope::Execute], limits };
        keys.visitor(&keys.create(new).unwrap().1).unwrap().unwrap()
    })
}

fn code(text: &str, (sandbox, context): &(SandboxId, ContextId)) -> Begin {
    begin(text, Work::Context(sandbox.clone(), context.clone()))
}

#[tokio::test]
async fn what_nobody_uses_expires_and_what_runs_does_not() {
    let (desk, fake) = simple().await;
    let visitor = Visitor::local();
    let place = sandbox(&desk, &visitor, Duration::from_millis(1500)).await;
    let run = desk.execute(&visitor, code("sleep 3000\nprint done", &place)).await.unwrap();
    assert_eq!(run.end().await.stdout, "done\n");
    assert!(desk.look_at_sandbox(&visitor, &place.0).is_ok(), "its time begins anew");
    tokio::time::sleep(Duration::from_millis(3000)).await;
    assert_eq!(desk.look_at_sandbox(&visitor, &place.0).map(drop).unwrap_err().code(), "not_found");
    assert_eq!((fake.alive(), desk.sandbox_count()), (0, 0));
    assert_eq!(desk.queue_state().admitted, 0, "its memory is free again");
}

#[tokio::test]
async fn what_is_anothers_does_not_exist() {
    let (desk, _) = simple().await;
    let [ada, bob] = visitors(KeyLimits::default());
    let place = sandbox(&desk, &ada, Duration::from_secs(60)).await;
    let run = desk.execute(&ada, code("hang", &place)).await.unwrap();
    assert_eq!(desk.sandbox(&bob, &place.0).map(drop).unwrap_err().code(), "not_found");
    assert_eq!(desk.run(&bob, &run.id).unwrap_err().code(), "not_found");
    assert_eq!(desk.execute(&bob, code("print", &place)).await.unwrap_err().code(), "not_found");
    assert_eq!(desk.delete_sandbox(&bob, &place.0).await.unwrap_err().code(), "not_found");
    assert!(desk.list_runs(&bob, |_| true, None, 10).items.is_empty());
    assert_eq!(desk.list_runs(&ada, |_| true, None, 10).items.len(), 1);
    desk.delete_sandbox(&ada, &place.0).await.unwrap();
    assert_eq!(run.end().await.status, Status::Lost);
}

#[tokio::test]
async fn limits_of_a_key_count_its_own() {
    let (desk, _) = simple().await;
    let [ada, bob] = visitors(KeyLimits { sandboxes: Some(1), executions: Some(1), ..KeyLimits::default() });
    let place = sandbox(&desk, &ada, Duration::from_secs(60)).await;
    let new = desk::NewSandbox { sandbox: Default::default(), ttl: None, metadata: Default::default() };
    assert_eq!(desk.create_sandbox(&ada, new.clone()).await.map(drop).unwrap_err().code(), "sandboxes_full");
    assert!(desk.create_sandbox(&bob, new.clone()).await.is_ok());
    desk.delete_sandbox(&ada, &place.0).await.unwrap();
    let place = sandbox(&desk, &ada, Duration::from_secs(60)).await;

    let first = desk.execute(&ada, code("hang", &place)).await.unwrap();
    let second = desk.command(
        &ada,
        &place.0,
        interpreter::CommandRequest::new(interpreter::Program::Shell("print".into())),
        false,
    );
    assert_eq!(second.await.unwrap_err().code(), "busy", "one at a time, and the wait is bounded");
    first.interrupt();
    assert_eq!(first.end().await.status, Status::Cancelled);
}
