//! Warm sandboxes: who gets them, who does not, and what becomes of those that nobody took.

use super::{me, open, outcome, python};
use interpreter::{Caller, ContextRequest, ExecuteRequest, Place, SandboxRequest};
use protocol::{Language, Limits, SandboxId, Status};
use std::{collections::BTreeSet, time::Duration};

#[tokio::test]
async fn a_warm_sandbox_is_given_once_and_the_shelf_fills_again() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 3).unwrap();
    warm.ready().await;
    assert_eq!((warm.count(), fake.alive()), (3, 3));
    let mut given = BTreeSet::<SandboxId>::new();
    for _ in 0..8 {
        let sandbox = interpreter.create_sandbox(&me(), SandboxRequest::default()).await.unwrap();
        assert!(given.insert(sandbox.id().clone()), "a sandbox was given twice");
        assert!(interpreter.sandbox(&me(), sandbox.id()).is_ok());
        assert!(interpreter.sandbox(&Caller("other".into()), sandbox.id()).is_err());
        let context = sandbox.create_context(ContextRequest::default()).await.unwrap();
        let other = sandbox.create_context(ContextRequest::default()).await.unwrap();
        assert_ne!(context.id(), other.id());
        for (place, code) in [(&context, "set x 1"), (&other, "print fresh"), (&context, "get x")] {
            let request = python(code, Place::Context(place.clone()));
            assert_eq!(outcome(&interpreter, request).await.status, Status::Ok, "{code}");
        }
    }
    warm.ready().await;
    assert_eq!((warm.count(), fake.alive()), (3, 3), "those that were given are gone, the shelf is full");
    drop(warm);
    tokio::time::timeout(Duration::from_secs(5), async {
        while fake.alive() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("those that nobody took are destroyed");
}

#[tokio::test]
async fn a_one_shot_takes_from_the_shelf_whatever_it_speaks() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 1).unwrap();
    for language in [Language::Python, Language::Bash] {
        warm.ready().await;
        let place = Place::Fresh(SandboxRequest::default());
        let request = ExecuteRequest::new("print hello", language, place);
        let execution = interpreter.execute(&me(), request).await.unwrap();
        assert_eq!(execution.outcome().await.stdout, "hello\n", "{language}");
    }
    warm.ready().await;
    assert_eq!(fake.alive(), 1);
}

#[tokio::test]
async fn who_asks_for_something_else_gets_something_else() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 1).unwrap();
    warm.ready().await;
    let limits = Limits { pids: 7, ..Limits::default() };
    let other = SandboxRequest { limits, ..SandboxRequest::default() };
    let sandbox = interpreter.create_sandbox(&me(), other).await.unwrap();
    assert_eq!((sandbox.limits().pids, warm.count(), fake.alive()), (7, 1, 2));
    let wrong = SandboxRequest { backend: Some("nowhere".into()), ..SandboxRequest::default() };
    assert_eq!(interpreter.keep_warm(wrong, 1).unwrap_err().code(), "unknown_backend");
}

#[tokio::test]
async fn a_sandbox_that_died_on_the_shelf_is_not_given() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 1).unwrap();
    warm.ready().await;
    fake.end_all();
    let place = Place::Fresh(SandboxRequest::default());
    let mut last = None;
    for _ in 0..2 {
        last = Some(outcome(&interpreter, python("print hello", place.clone())).await);
    }
    assert_eq!(last.unwrap().stdout, "hello\n");
}
