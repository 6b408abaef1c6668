//! What goes wrong on the way: refused requests, storms, cut streams; what is tried again, and what is told.

use super::{KEY, ask, ask_within, at, chat, mock, question, responses};
use agent::model::{Bounds, FailureKind, Heard, Model, Provider};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

fn both(server: &mock::server::Server, settings: &Value) -> [Arc<dyn Model>; 2] {
    [Provider::Openai, Provider::OpenaiChat].map(|provider| at(server, provider, settings.clone()))
}

/// A step that is a reply in both shapes.
fn fine() -> Value {
    let message = json!({
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{ "type": "output_text", "text": "It is 42.", "annotations": [], "logprobs": [] }],
    });
    json!({ "output": [message], "message": { "content": "It is 42." } })
}

fn with(mut step: Value, more: Value) -> Value {
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

fn error(status: u16, code: &str, message: &str) -> Value {
    json!({ "status": status, "error": { "message": message, "type": "t", "param": null, "code": code } })
}

#[tokio::test]
async fn errors_have_a_kind_and_say_what_the_server_said() {
    use FailureKind::*;
    let table = [
        (error(401, "invalid_api_key", "Incorrect key."), Auth, "Incorrect key.", "check the key"),
        (error(403, "unsupported_country", "Not here."), Auth, "Not here.", "check the key"),
        (error(404, "model_not_found", "No m-1."), NotFound, "No m-1.", "the model's name"),
        (error(429, "insufficient_quota", "No money."), SpendLimit, "No money.", "credit"),
        (error(400, "context_length_exceeded", "Too long."), Rejected, "Too long.", "ask anew"),
        (
            error(400, "unsupported_parameter", "Use 'max_completion_tokens'."),
            Rejected,
            "Use",
            "max_tokens_field",
        ),
        (
            json!({ "status": 400, "error": "m-1 does not support tools" }),
            Rejected,
            "m-1 does",
            "--mode direct",
        ),
        (json!({ "status": 404, "body": "404 page not found" }), NotFound, "404 page not found", "base URL"),
        (json!({ "status": 413, "body": "<html><body>Too\nlarge</body></html>" }), Rejected, "large", ""),
        (json!({ "status": 422, "body": "{\"detail\":\"no\"}" }), Rejected, "no", ""),
        (
            json!({ "status": 400, "body": "{\"object\":\"error\",\"message\":\"vllm\",\"code\":400}" }),
            Rejected,
            "vllm",
            "",
        ),
    ];
    for (step, kind, message, hint) in table {
        let server = mock::start([step.clone(), step.clone()]).await;
        for model in both(&server, &json!({})) {
            let said = ask(&*model, &question()).await;
            let failure = said.failure();
            assert_eq!((failure.kind, failure.retries), (kind, 0), "{step}");
            assert_eq!(failure.request_id.as_deref(), Some("req_mock"));
            assert!(
                failure.message.contains(message) && failure.message.contains(&server.url()),
                "{failure}"
            );
            assert!(failure.hint.clone().unwrap_or_default().contains(hint), "{step} {:?}", failure.hint);
        }
    }
}

#[tokio::test]
async fn no_error_shows_a_key() {
    let secret = "wrong-key-of-a-test";
    let server = mock::start([fine(), fine()]).await;
    for provider in [Provider::Openai, Provider::OpenaiChat] {
        let spec = agent::model::ModelSpec { provider, name: "m-1".into() };
        let settings = json!({ "base_url": format!("{}/v1", server.url()), "key_env": "K" });
        let settings = serde_json::from_value(settings).unwrap();
        let model = agent::model::open(&spec, &settings, &|_| Some(format!(" {secret}\n"))).unwrap();
        let said = ask(&*model, &question()).await;
        let failure = said.failure();
        assert_eq!(failure.kind, FailureKind::Auth);
        assert!(failure.message.contains("Incorrect API key provided"), "{failure}");
        assert!(!format!("{failure:?} {:?}", said.heard).contains(secret), "{failure:?}");
    }
}

#[tokio::test]
async fn a_storm_passes_or_is_given_up() {
    let ms = json!({ "headers": { "retry-after-ms": "1" } });
    let storm = |times: u32| with(with(error(503, "", "Overloaded."), ms.clone()), json!({ "times": times }));
    let settings = json!({ "retries": 3 });
    for at in [0, 1] {
        let server = mock::start([storm(3), fine()]).await;
        let said = ask(&*both(&server, &settings)[at], &question()).await;
        assert_eq!((said.reply().text.as_str(), said.reply().retries), ("It is 42.", 3));
        let server = mock::start([storm(4), fine()]).await;
        let said = ask(&*both(&server, &settings)[at], &question()).await;
        assert_eq!((said.failure().kind, said.failure().retries), (FailureKind::Overloaded, 3));
        assert_eq!(server.received().len(), 4);
        let server = mock::start([storm(9), fine()]).await;
        let bounds = Bounds::new(None, 1);
        let said = ask_within(&*both(&server, &settings)[at], &question(), &bounds).await;
        assert_eq!((said.failure().retries, server.received().len()), (1, 2));
        let later =
            with(error(429, "rate_limit_exceeded", "Slow."), json!({ "headers": { "retry-after": "60" } }));
        let server = mock::start([later, fine()]).await;
        let bounds = Bounds::new(Some(Instant::now() + Duration::from_secs(5)), 6);
        let said = ask_within(&*both(&server, &settings)[at], &question(), &bounds).await;
        assert_eq!((said.failure().kind, said.failure().retries), (FailureKind::RateLimited, 0));
    }
}

#[tokio::test]
async fn a_cut_stream_begins_anew_and_says_so() {
    // Before and after the first word, by a broken connection and by an end that is none.
    for manner in ["cut_after", "stop_after"] {
        for (events, heard_before) in [(1, ""), (6, "It is"), (7, "It is")] {
            let server = mock::start([with(fine(), json!({ manner: events })), fine()]).await;
            let said = ask(&*responses(&server), &question()).await;
            check(&said, heard_before, &format!("responses {manner} {events}"));
        }
        for (events, heard_before) in [(1, ""), (2, "It is 4"), (3, "It is 4")] {
            let server = mock::start([with(fine(), json!({ manner: events })), fine()]).await;
            let said = ask(&*chat(&server), &question()).await;
            check(&said, heard_before, &format!("chat {manner} {events}"));
        }
    }
    fn check(said: &super::Said, heard_before: &str, what: &str) {
        assert_eq!((said.reply().text.as_str(), said.reply().retries), ("It is 42.", 1), "{what}");
        assert_eq!(said.text(), "It is 42.", "{what}");
        let at = said.heard.iter().position(|heard| matches!(heard, Heard::Retry { .. })).unwrap();
        let before: String = said.heard[..at]
            .iter()
            .map(|heard| if let Heard::Text(text) = heard { text.clone() } else { String::new() })
            .collect();
        assert!(
            before.starts_with(heard_before) && before.is_empty() == heard_before.is_empty(),
            "{what} {before:?}"
        );
    }
}

#[tokio::test]
async fn a_call_of_a_cut_stream_is_not_a_call() {
    let arguments = "{\"code\":\"print(1)\"}";
    let item = json!({ "type": "function_call", "id": "fc_1", "call_id": "a", "name": "run_code",
        "status": "completed", "arguments": arguments });
    let call =
        json!({ "id": "a", "type": "function", "function": { "name": "run_code", "arguments": arguments } });
    // All of the call's text came; what ends it did not.
    let step = json!({ "output": [item], "message": { "tool_calls": [call] }, "finish_reason": "tool_calls", "times": 9 });
    for (at, events) in [(0, 7), (1, 5)] {
        let server = mock::start([with(step.clone(), json!({ "stop_after": events }))]).await;
        let said = ask(&*both(&server, &json!({ "retries": 0 }))[at], &question()).await;
        assert_eq!(said.failure().kind, FailureKind::Cut, "{:?}", said.result);
    }
}

#[tokio::test]
async fn errors_in_the_middle_of_a_stream_are_errors() {
    let failed = |code: &str| {
        with(fine(), json!({ "ended": "failed", "failure": { "code": code, "message": "It broke." } }))
    };
    let told = |code: &str| json!([{ "type": "error", "code": code, "message": "It broke.", "param": null, "sequence_number": 1 }]);
    let table = [
        (failed("server_error"), FailureKind::Overloaded, 1),
        (failed("rate_limit_exceeded"), FailureKind::RateLimited, 1),
        (failed("invalid_prompt"), FailureKind::Rejected, 0),
        (json!({ "events": told("server_error") }), FailureKind::Overloaded, 1),
        (json!({ "events": told("insufficient_quota") }), FailureKind::SpendLimit, 0),
    ];
    for (step, kind, retries) in table {
        let server = mock::start([with(step.clone(), json!({ "times": 2 }))]).await;
        let said = ask(&*at(&server, Provider::Openai, json!({ "retries": 1 })), &question()).await;
        assert_eq!((said.failure().kind, said.failure().retries), (kind, retries), "{step}");
        assert!(said.failure().message.contains("It broke."), "{}", said.failure());
    }
    let event = json!({ "error": { "message": "It broke.", "type": "server_error", "code": 500 } });
    let server = mock::start([json!({ "events": [event] }), fine()]).await;
    let said = ask(&*chat(&server), &question()).await;
    assert_eq!((said.reply().text.as_str(), said.reply().retries), ("It is 42.", 1));
}

#[tokio::test]
async fn what_makes_no_sense_is_said_to_make_none() {
    let table = [
        (json!({ "status": 200, "events": ["text"], "message": { "content": "x" } }), "always"),
        (json!({ "message": { "content": "x" } }), "never"),
    ];
    for (step, stream) in table {
        // Responses gets what Chat Completions says, by a path that both end with.
        let server = mock::server::Server::start(move |received, _| {
            let mut received = received.clone();
            received.path = "/v1/chat/completions".into();
            received.body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }] });
            mock::chat::answer(&received, &step)
        });
        let server = server.await.unwrap();
        let said = ask(&*at(&server, Provider::Openai, json!({ "stream": stream })), &question()).await;
        assert_eq!((said.failure().kind, said.failure().retries), (FailureKind::Malformed, 0), "{stream}");
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_is_hung_up() {
    for at in [0, 1] {
        let server = mock::start([with(fine(), json!({ "pause_ms": 200 }))]).await;
        let model = &both(&server, &json!({}))[at];
        let asked = question();
        let asking = ask(&**model, &asked);
        tokio::time::timeout(Duration::from_millis(500), asking).await.map(|_| ()).unwrap_err();
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!((server.hung_up(), server.received().len()), (1, 1));
    }
}

#[tokio::test]
async fn every_request_has_the_key() {
    let server = mock::start([fine(), fine()]).await;
    for model in both(&server, &json!({})) {
        ask(&*model, &question()).await.result.unwrap();
    }
    let bearer = format!("Bearer {KEY}");
    assert!(server.received().iter().all(|received| received.header("authorization") == Some(&bearer)));
}
