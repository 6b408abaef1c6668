//! How requests fail, and which are sent again.

use crate::{
    mock,
    scene::{KEY, ask, ask_at, bounds, conversation, model, settings, text},
};
use agent::model::{Anthropic, FailureKind, Heard, Key, ModelSettings, Traits};
use serde_json::{Value, json};

fn refused(status: u16, kind: &str, times: u32, headers: Value) -> Value {
    // A pause of a millisecond, so that tests do not wait; the pauses themselves have tests where they are made.
    let mut all = json!({ "retry-after-ms": "1" });
    all.as_object_mut().unwrap().extend(headers.as_object().unwrap().clone());
    json!({ "status": status, "times": times, "headers": all, "error": { "type": kind, "message": "so sorry" } })
}

fn good() -> Value {
    json!({ "content": [{ "type": "text", "text": "Here." }] })
}

fn broken(more: Value) -> Value {
    let mut step = json!({ "content": [{ "type": "text", "text": "Half of a reply" }] });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

#[tokio::test]
async fn what_may_help_is_sent_again() {
    let overloaded = json!({ "type": "overloaded_error", "message": "Overloaded" });
    let cases = [
        ("529 twice", vec![refused(529, "overloaded_error", 2, json!({}))], 2),
        ("408", vec![refused(408, "x", 1, json!({}))], 1),
        ("409", vec![refused(409, "x", 1, json!({}))], 1),
        ("429", vec![refused(429, "rate_limit_error", 1, json!({}))], 1),
        ("500", vec![refused(500, "api_error", 1, json!({}))], 1),
        ("a word of the server", vec![refused(400, "x", 1, json!({ "x-should-retry": "true" }))], 1),
        ("cut before content", vec![broken(json!({ "cut_after": 1, "times": 2 }))], 2),
        ("cut before everything", vec![broken(json!({ "cut_after": 0 }))], 1),
        ("cut after content", vec![broken(json!({ "cut_after": 4 }))], 1),
        ("ended too early", vec![broken(json!({ "stop_after": 5 }))], 1),
        ("an error in the stream", vec![broken(json!({ "stop_after": 4, "error": overloaded }))], 1),
    ];
    for (name, mut steps, retries) in cases {
        steps.push(good());
        let server = mock::start(steps).await;
        let (reply, heard) = ask_at(&server).await;
        let reply = reply.unwrap();
        assert_eq!((reply.text.as_str(), reply.retries), ("Here.", retries), "{name}");
        assert_eq!(reply.raw, good()["content"], "{name}");
        let told = heard.iter().filter(|heard| matches!(heard, Heard::Retry { .. })).count();
        assert_eq!((text(&heard).as_str(), told), ("Here.", retries as usize), "{name}");
        assert_eq!(server.received().len(), 1 + retries as usize, "{name}");
    }
}

#[tokio::test]
async fn what_does_not_help_fails_in_its_kind() {
    use FailureKind::*;
    let spent = json!({ "status": 429, "headers": { "retry-after-ms": "1" }, "error": { "type": "rate_limit_error",
        "message": "spent", "details": { "error_code": "enforced_spend_limit_reached" } } });
    let invalid = json!({ "type": "invalid_request_error", "message": "no" });
    let cases = [
        (
            refused(401, "authentication_error", 1, json!({})),
            Auth,
            0,
            "status 401, authentication_error: so sorry",
        ),
        (refused(403, "permission_error", 1, json!({})), Auth, 0, "so sorry"),
        (refused(400, "invalid_request_error", 1, json!({})), Rejected, 0, "so sorry"),
        (refused(404, "not_found_error", 1, json!({})), NotFound, 0, "so sorry"),
        (refused(413, "request_too_large", 1, json!({})), Rejected, 0, "so sorry"),
        (spent, SpendLimit, 0, "enforced_spend_limit_reached: spent"),
        (refused(500, "api_error", 1, json!({ "x-should-retry": "false" })), Overloaded, 0, "so sorry"),
        (refused(529, "overloaded_error", 100, json!({})), Overloaded, 2, "it was sent 3 times"),
        (refused(429, "rate_limit_error", 100, json!({})), RateLimited, 2, "it was sent 3 times"),
        (
            refused(503, "x", 1, json!({ "retry-after-ms": "61000" })),
            Overloaded,
            0,
            "in 61.0 s, which is past the deadline",
        ),
        (
            refused(503, "x", 1, json!({ "retry-after-ms": "x", "retry-after": "62" })),
            Overloaded,
            0,
            "in 62.0 s",
        ),
        (refused(302, "x", 1, json!({ "location": "http://127.0.0.1:9/" })), Rejected, 0, "status 302"),
        (broken(json!({ "cut_after": 4, "times": 9 })), Cut, 1, "it was sent 2 times"),
        (broken(json!({ "stop_after": 4, "times": 9 })), Cut, 1, "the stream ended before the reply did"),
        (broken(json!({ "stop_after": 4, "error": invalid })), Rejected, 0, "invalid_request_error: no"),
        (
            json!({ "events": [{ "type": "content_block_stop", "index": 0 }] }),
            Malformed,
            0,
            "a block that is not there",
        ),
        (json!({ "events": [{ "type": "content_block_start" }] }), Malformed, 0, "which block it is about"),
        (json!({ "events": [{ "type": "message_stop" }] }), Malformed, 0, "does not say why it ended"),
    ];
    for (step, kind, retries, words) in cases {
        let server = mock::start([step.clone()]).await;
        let failure = ask_at(&server).await.0.unwrap_err();
        assert_eq!((failure.kind, failure.retries), (kind, retries), "{step}\n{failure}");
        assert!(failure.message.contains(words), "{failure}");
        assert!(failure.message.starts_with(&format!("get a reply from {}: ", server.url())), "{failure}");
        assert_eq!(failure.request_id.as_deref(), Some("req_011mock"), "{step}");
        assert_eq!(server.received().len(), 1 + retries as usize, "{step}");
    }
}

#[tokio::test]
async fn tokens_of_what_never_came_are_counted() {
    let server = mock::start([broken(json!({ "cut_after": 4, "times": 2 }))]).await;
    let failure = ask_at(&server).await.0.unwrap_err();
    assert_eq!((failure.tokens.input, failure.tokens.output), (20, 2));
}

#[tokio::test]
async fn requests_that_are_not_taken_are_said_to_be_wrong() {
    let server = mock::start([good(), good()]).await;
    let body = json!({ "temperature": 0.5 });
    let settings = ModelSettings { body: body.as_object().unwrap().clone(), ..settings(&server) };
    let failure = ask(&model(&settings), &conversation(), &bounds()).await.0.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.message.ends_with("temperature: Extra inputs are not permitted"), "{failure}");
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let server = mock::start([]).await;
    let settings = settings(&server);
    drop(server);
    let (failure, heard) = ask(&model(&settings), &conversation(), &bounds()).await;
    let failure = failure.unwrap_err();
    assert_eq!((failure.kind, failure.retries, heard.len()), (FailureKind::Unreachable, 2, 2), "{failure}");
    assert!(failure.message.contains("no connection: Connection refused"), "{failure}");
    assert!(failure.hint.unwrap().contains("base URL"));
}

#[tokio::test]
async fn the_key_is_never_shown() {
    // A server that repeats what it got, in an error response and in a stream.
    let echo = json!({ "type": "api_error", "message": format!("\u{1b}[31mbad key {KEY} of seven-secrets at ?gate=query-secret\u{7}") });
    let server = mock::start([
        json!({ "status": 500, "headers": { "retry-after-ms": "1" }, "error": echo }),
        broken(json!({ "stop_after": 4, "error": echo })),
        json!({ "status": 401, "error": echo }),
    ])
    .await;
    let headers = [("x-house".to_owned(), agent::model::HeaderValue("seven-secrets".into()))];
    let base_url = Some(format!("{}/?gate=query-secret", server.url()));
    let settings = ModelSettings { headers: headers.into(), base_url, ..settings(&server) };
    let model = model(&settings);
    let (failure, heard) = ask(&model, &conversation(), &bounds()).await;
    let failure = failure.unwrap_err();
    assert!(failure.message.ends_with("bad key … of … at ?gate=…"), "{failure}");
    let shown = format!("{failure:?} {heard:?} {:?}", Key::new(KEY));
    for secret in [KEY, "sesame", "seven-secrets", "query-secret", "\u{1b}"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(heard.iter().filter(|heard| matches!(heard, Heard::Retry { .. })).count(), 2);
}

#[test]
fn endpoints_that_would_give_the_key_away_are_refused() {
    let open = |url: &str, key: Option<&str>, allow: bool| {
        let settings =
            ModelSettings { base_url: Some(url.into()), allow_plain_http: allow, ..ModelSettings::default() };
        let traits = Traits { tools: true, images: true, prices: None };
        Anthropic::open("m", &settings, traits, key.map(Key::new))
            .map(drop)
            .map_err(|error| error.to_string())
    };
    for (url, key, allow, why) in [
        ("https://gate.example", Some(KEY), false, None),
        ("http://localhost:1", Some(KEY), false, None),
        ("http://[::1]:1", Some(KEY), false, None),
        ("http://gate.example", None, false, None),
        ("http://gate.example", Some(KEY), true, None),
        ("http://gate.example", Some(KEY), false, Some("unencrypted")),
        ("http://127.0.0.1.gate.example", Some(KEY), false, Some("unencrypted")),
        ("https://me:word@gate.example", Some(KEY), false, Some("has a password")),
        ("ftp://gate.example", Some(KEY), false, Some("ftp is not http")),
        ("gate.example", Some(KEY), false, Some("its URL is wrong")),
        ("https://gate.example", Some("sk\nsesame"), false, Some("authorization cannot be sent")),
    ] {
        let error = open(url, key, allow).err();
        assert_eq!(error.is_some(), why.is_some(), "{url}: {error:?}");
        let error = error.unwrap_or_default();
        assert!(
            error.contains(why.unwrap_or_default()) && !error.contains("sesame") && !error.contains("word@"),
            "{error}"
        );
    }
}
