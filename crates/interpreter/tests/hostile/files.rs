//! Guests that lie about files.

use crate::scene::*;
use interpreter::{Error, FileError, Sandbox, backend::fake::FakeGuest};
use protocol::guest::{Reply, Request};
use std::{future::Future, sync::Arc};

/// A sandbox whose guest answers the first file request so.
async fn answering<F>(answer: impl Fn(FakeGuest, u64) -> F + Clone + Send + Sync + 'static) -> Arc<Sandbox>
where
    F: Future<Output = FakeGuest> + Send + 'static,
{
    let (interpreter, _) = lying(move |mut guest: FakeGuest| {
        let answer = answer.clone();
        async move {
            guest.say_ready().await;
            while let Some(frame) = guest.hear().await {
                if let Request::Read { transfer, .. }
                | Request::Stat { transfer, .. }
                | Request::List { transfer, .. }
                | Request::WriteBegin { transfer, .. } = frame.header
                {
                    guest = answer(guest, transfer).await;
                }
            }
        }
    });
    sandbox(&interpreter).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn more_of_a_file_than_was_asked_for_ends_the_sandbox() {
    let sandbox = answering(|mut guest, transfer| async move {
        while guest.say(&Reply::Chunk { transfer }, &[0; 1 << 20]).await {}
        guest
    })
    .await;
    let mut sink = tokio::io::sink();
    let error = sandbox.files().read("x", &mut sink).await.unwrap_err();
    assert!(matches!(error, Error::SandboxLost { .. } | Error::File(FileError::Answer { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn listings_that_lead_out_or_make_no_sense() {
    let sandbox = answering(|mut guest, transfer| async move {
        let entry = |path: &str| {
            serde_json::json!({"path": path, "kind": "file", "size": 1, "mode": 420, "uid": 0, "gid": 0, "modified_ms": 0, "target": null})
        };
        let listing = serde_json::json!([entry("../up"), entry("/abs"), entry("a/b"), entry("")]);
        guest.say(&Reply::Chunk { transfer }, listing.to_string().as_bytes()).await;
        guest.say(&Reply::Done { transfer }, &[]).await;
        guest
    })
    .await;
    let names: Vec<String> =
        sandbox.files().list(".", 2).await.unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(names, ["a/b"]);

    for nonsense in ["{", "[1]", "\"x\""] {
        let sandbox = answering(move |mut guest, transfer| async move {
            guest.say(&Reply::Chunk { transfer }, nonsense.as_bytes()).await;
            guest.say(&Reply::Done { transfer }, &[]).await;
            guest
        })
        .await;
        assert!(matches!(sandbox.files().list(".", 1).await, Err(Error::File(FileError::Answer { .. }))));
        assert!(matches!(sandbox.files().stat(".").await, Err(Error::File(FileError::Answer { .. }))));
        assert!(sandbox.is_alive());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_heard_while_data_is_still_sent() {
    let sandbox = answering(|mut guest, transfer| async move {
        let message = "write it\u{1b}[2J:\nthe disk is full".to_owned();
        guest.say(&Reply::Failed { transfer, errno: 28, message }, &[]).await;
        guest
    })
    .await;
    let endless = tokio::io::repeat(0);
    let error = sandbox.files().write("x", endless, 0o644).await.unwrap_err();
    assert_eq!(error.to_string(), "write it: the disk is full");
    assert!(error.hint().unwrap().contains("disk"));
    assert!(sandbox.is_alive());
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_ends_with_the_stream_is_lost() {
    let sandbox = answering(|mut guest, transfer| async move {
        guest.say(&Reply::Chunk { transfer }, b"part").await;
        guest.say_raw(&[1, 2, 3]).await;
        drop(guest);
        std::future::pending().await
    })
    .await;
    let mut bytes = Vec::new();
    let error = sandbox.files().read("x", &mut bytes).await.unwrap_err();
    assert_eq!((error.code(), bytes.as_slice()), ("lost", &b"part"[..]));
    let error = sandbox.files().write("y", &b"data"[..], 0o644).await.unwrap_err();
    assert_eq!(error.code(), "lost");
}

#[tokio::test(start_paused = true)]
async fn unsound_paths_are_never_sent() {
    let sandbox = answering(|_, _| async { panic!("nothing is asked") }).await;
    let long = "x".repeat(20_000);
    for path in ["", "a\0b", &long] {
        let error = sandbox.files().stat(path).await.unwrap_err();
        assert!(matches!(error, Error::File(FileError::Path { .. })), "{error:?}");
        assert!(error.to_string().len() < 1000);
    }
}
