//! Guests that lie about watched directories.

use crate::scene::*;
use interpreter::{Error, FileError, Sandbox, Watching, backend::fake::FakeGuest};
use protocol::guest::{Reply, Request, Transfer, WATCH_BYTES_MAX};
use std::{future::Future, sync::Arc};

/// What a guest does that is to watch a directory, after it said that it does.
async fn watched<F>(
    lie: impl Fn(FakeGuest, Transfer) -> F + Clone + Send + Sync + 'static,
) -> (Arc<Sandbox>, Watching)
where
    F: Future<Output = FakeGuest> + Send + 'static,
{
    let (interpreter, _) = lying(move |mut guest: FakeGuest| {
        let lie = lie.clone();
        async move {
            guest.say_ready().await;
            while let Some(frame) = guest.hear().await {
                match frame.header {
                    Request::Watch { transfer, .. } => {
                        guest.say(&Reply::Chunk { transfer }, b"[]").await;
                        guest = lie(guest, transfer).await;
                    }
                    Request::WatchDrain { transfer, .. } => {
                        guest.say(&Reply::Done { transfer }, &[]).await;
                    }
                    _ => {}
                }
            }
        }
    });
    let sandbox = sandbox(&interpreter).await.unwrap();
    let watching = sandbox.watch("d", true).await.unwrap();
    (sandbox, watching)
}

fn created(names: &[String]) -> Vec<u8> {
    let events: Vec<_> =
        names.iter().map(|name| serde_json::json!({ "name": name, "kind": "create" })).collect();
    serde_json::to_vec(&events).unwrap()
}

#[tokio::test(start_paused = true)]
async fn names_that_lead_out_are_not_told() {
    let (sandbox, mut watching) = watched(|mut guest, transfer| async move {
        let names = ["../up", "/etc/passwd", "a/../../b", "nul\0", "fine/größe"].map(str::to_owned);
        guest.say(&Reply::Chunk { transfer }, &created(&names)).await;
        guest
    })
    .await;
    assert_eq!(watching.next().await.unwrap().unwrap().name, "fine/größe");
    assert_eq!(watching.drain().await.unwrap(), []);
    assert!(sandbox.is_alive());
}

#[tokio::test(start_paused = true)]
async fn nonsense_ends_the_watch_alone() {
    for nonsense in ["", "{", "{}", r#"[{"name":"x","kind":"explode"}]"#, r#"[{"name":7,"kind":"create"}]"#] {
        let (sandbox, mut watching) = watched(move |mut guest, transfer| async move {
            guest.say(&Reply::Chunk { transfer }, nonsense.as_bytes()).await;
            guest
        })
        .await;
        let error = watching.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::File(FileError::Answer { .. })), "{nonsense}: {error:?}");
        assert!(sandbox.is_alive());
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_done_has_failed() {
    let (sandbox, mut watching) = watched(|mut guest, transfer| async move {
        guest.say(&Reply::Done { transfer }, &[]).await;
        guest.say(&Reply::Chunk { transfer }, &created(&["late".to_owned()])).await;
        guest
    })
    .await;
    assert!(watching.next().await.unwrap().is_err());
    assert!(watching.drain().await.is_err() && watching.next().await.unwrap().is_err());
    assert!(sandbox.is_alive());
    assert_eq!(sandbox.stray_frames(), 1);
}

#[tokio::test(start_paused = true)]
async fn more_than_is_ever_kept_ends_the_sandbox() {
    let (sandbox, watching) = watched(|mut guest, transfer| async move {
        let events = created(&["n".repeat(200_000)]);
        for _ in 0..2 * WATCH_BYTES_MAX as usize / events.len() + 10 {
            guest.say(&Reply::Chunk { transfer }, &events).await;
        }
        guest
    })
    .await;
    while sandbox.is_alive() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    drop(watching);
}
