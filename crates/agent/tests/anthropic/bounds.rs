//! What bounds a request: the deadline, silence, the retries of an answer, and the caller who walks away.

use crate::{
    mock,
    scene::{ask, bounds, conversation, model, settings, text},
};
use agent::model::{Bounds, FailureKind, Heard, Model, ModelSettings};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

fn slow(pause_ms: u64, more: Value) -> Value {
    let mut step = json!({ "content": [{ "type": "text", "text": "0123456789" }], "pause_ms": pause_ms });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

#[tokio::test]
async fn silence_counts_as_dead_but_pings_do_not() {
    let impatient = |url: String, retries: u32| ModelSettings {
        base_url: Some(url),
        idle_timeout_ms: Some(800),
        retries: Some(retries),
        ..ModelSettings::default()
    };
    let server = mock::start([slow(60_000, json!({}))]).await;
    let (reply, _) = ask(&model(&impatient(server.url(), 0)), &conversation(), &bounds()).await;
    let failure = reply.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert!(failure.message.ends_with("nothing came for 0.8 s"), "{failure}");

    // Longer than the patience in all, with something every time.
    let server = mock::start([slow(200, json!({ "pings": true }))]).await;
    let begun = Instant::now();
    let (reply, _) = ask(&model(&impatient(server.url(), 0)), &conversation(), &bounds()).await;
    assert_eq!(reply.unwrap().text, "0123456789");
    assert!(begun.elapsed() > Duration::from_millis(1000), "{:?}", begun.elapsed());

    let server = mock::start([slow(60_000, json!({})), slow(0, json!({}))]).await;
    let (reply, heard) = ask(&model(&impatient(server.url(), 1)), &conversation(), &bounds()).await;
    assert_eq!(reply.unwrap().retries, 1);
    assert!(matches!(&heard[0], Heard::Retry { why, .. } if why == "nothing came for 0.8 s"), "{heard:?}");
}

#[tokio::test]
async fn the_deadline_ends_streams_and_pauses_and_lets_nothing_begin() {
    let overloaded = |after: &str| {
        json!({ "status": 529, "times": 9, "headers": { "retry-after": after },
        "error": { "type": "overloaded_error", "message": "m" } })
    };
    for (step, left_ms, kind, requests, words) in [
        (slow(60_000, json!({})), 1500, FailureKind::Timeout, 1, "the deadline has passed"),
        (overloaded("30"), 10_000, FailureKind::Overloaded, 1, "in 30.0 s, which is past the deadline"),
        (slow(0, json!({})), 0, FailureKind::Timeout, 0, "the deadline has passed"),
    ] {
        let server = mock::start([step]).await;
        let begun = Instant::now();
        let bounds = Bounds::new(Some(begun + Duration::from_millis(left_ms)), 6);
        let failure = ask(&model(&settings(&server)), &conversation(), &bounds).await.0.unwrap_err();
        assert_eq!((failure.kind, server.received().len()), (kind, requests), "{failure}");
        assert!(failure.message.contains(words), "{failure}");
        assert!(begun.elapsed() < Duration::from_millis(left_ms + 5000), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn all_requests_of_an_answer_share_their_retries() {
    let step = json!({ "status": 529, "times": 99, "headers": { "retry-after-ms": "1" },
        "error": { "type": "overloaded_error", "message": "m" } });
    let server = mock::start([step]).await;
    let (model, bounds) = (model(&settings(&server)), Bounds::new(None, 3));
    let mut requests = Vec::new();
    for _ in 0..4 {
        let failure = ask(&model, &conversation(), &bounds).await.0.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Overloaded);
        requests.push((
            server.received().len(),
            failure.message.contains("all retries of this answer are used up"),
        ));
    }
    assert_eq!(requests, [(3, false), (5, true), (6, true), (7, true)]);
}

#[tokio::test]
async fn a_server_is_not_waited_for_without_end() {
    let step = json!({ "status": 429, "headers": { "retry-after": "3600" },
        "error": { "type": "rate_limit_error", "message": "m" } });
    let server = mock::start([step]).await;
    let failure =
        ask(&model(&settings(&server)), &conversation(), &Bounds::new(None, 6)).await.0.unwrap_err();
    assert!(
        failure.message.ends_with("(the next attempt would be in 3600.0 s, which is too long)"),
        "{failure}"
    );
}

#[tokio::test]
async fn walking_away_hangs_up() {
    let server = mock::start([slow(0, json!({ "stop_after": 4 })), slow(60_000, json!({}))]).await;
    let (model, conversation, bounds) = (model(&settings(&server)), conversation(), bounds());
    let mut heard = Vec::new();
    let mut hear = |what: Heard| heard.push(what);
    // The first attempt breaks; the second is silent. Then the caller has had enough.
    tokio::select! {
        _ = model.reply(&conversation, &bounds, &mut hear) => panic!("a reply"),
        () = until(|| server.received().len() == 2) => {}
    }
    assert_eq!(text(&heard), "");
    assert_eq!(server.hung_up(), 0);
    until(|| server.hung_up() == 1).await;
}

/// Waits until it is so.
async fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never is");
        sleep(Duration::from_millis(10)).await;
    }
}
