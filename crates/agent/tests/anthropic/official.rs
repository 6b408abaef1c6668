//! The mock is like the real thing: Anthropic's official SDK takes it for one.

use crate::{mock, sdks};
use serde_json::{Value, json};

fn refused(status: u16, kind: &str) -> Value {
    json!({ "status": status, "error": { "type": kind, "message": "m" } })
}

/// The steps that `sdks/drive_anthropic.py` goes through, in its order.
fn steps() -> Vec<Value> {
    let call = |id: &str| json!({ "type": "tool_use", "id": id, "name": "run_code", "input": { "code": "print(1)" } });
    let spent = json!({ "type": "rate_limit_error", "message": "m", "details": { "error_code": "enforced_spend_limit_reached" } });
    let good = json!({ "content": [{ "type": "text", "text": "Hello, world." }] });
    let mut broken = good.clone();
    (broken["stop_after"], broken["error"]) =
        (json!(3), json!({ "type": "overloaded_error", "message": "m" }));
    let mut cut = good.clone();
    cut["cut_after"] = json!(3);
    let mut steps = vec![
        json!({ "content": thinking(), "stop_reason": "tool_use", "pings": true, "torn": true, "usage": usage() }),
        json!({ "content": [call("a")], "truncated": 0, "stop_reason": "max_tokens" }),
        json!({ "stop_reason": "refusal", "stop_details": { "type": "refusal", "category": "cyber", "explanation": null } }),
        json!({ "content": [call("a"), call("b")], "stop_reason": "tool_use" }),
        good.clone(),
        refused(529, "overloaded_error"),
        refused(429, "rate_limit_error"),
        json!({ "status": 429, "error": spent }),
        refused(401, "authentication_error"),
        broken,
        cut,
    ];
    steps.extend(vec![good; 4]);
    steps
}

fn thinking() -> Value {
    json!([
        { "type": "thinking", "thinking": "Two things at once.", "signature": "EqQBCgIYAhIkAB+/=" },
        { "type": "redacted_thinking", "data": "EmwKAhgB" },
        { "type": "text", "text": "Grüße, 🌍!" },
        { "type": "tool_use", "id": "a", "name": "run_code", "input": { "code": "print(\"é\")", "timeout": 2.5 } },
        { "type": "tool_use", "id": "b", "name": "run_code", "input": {} },
    ])
}

fn usage() -> Value {
    json!([
        { "input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 4 },
        { "output_tokens": 50, "output_tokens_details": { "thinking_tokens": 20 } },
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_sdk_takes_the_mock_for_the_real_thing() {
    let server = mock::start(steps()).await;
    let url = server.url();
    let Some(seen) = tokio::task::spawn_blocking(move || sdks::run("anthropic", &url)).await.unwrap() else {
        return;
    };
    assert_eq!(seen["version"], "2026-10-21");
    replies(&seen);
    for (name, class, kind, code) in [
        ("overloaded", "OverloadedError", json!("overloaded_error"), Value::Null),
        ("limited", "RateLimitError", json!("rate_limit_error"), Value::Null),
        ("spent", "RateLimitError", json!("rate_limit_error"), json!("enforced_spend_limit_reached")),
        ("denied", "AuthenticationError", json!("authentication_error"), Value::Null),
        // The status was 200 before the error came.
        ("broken", "APIStatusError", json!("overloaded_error"), Value::Null),
        ("temperature", "BadRequestError", json!("invalid_request_error"), Value::Null),
        ("unanswered", "BadRequestError", json!("invalid_request_error"), Value::Null),
        ("empty", "BadRequestError", json!("invalid_request_error"), Value::Null),
        ("prefill", "BadRequestError", json!("invalid_request_error"), Value::Null),
    ] {
        let failure = &seen[name];
        assert!(failure["classes"].as_array().unwrap().contains(&json!(class)), "{name}: {failure}");
        assert_eq!((&failure["type"], &failure["code"]), (&kind, &code), "{name}");
        assert_eq!(failure["id"], "req_011mock", "{name}");
    }
    assert!(seen["cut"]["classes"][0].as_str().unwrap().contains("Protocol"), "{}", seen["cut"]);
    assert_eq!(server.received().len(), steps().len());
    assert!(
        server.received().iter().all(|request| request.header("authorization") == Some("Bearer sk-ant-test"))
    );
}

fn replies(seen: &Value) {
    let streamed = &seen["streamed"];
    assert_eq!(streamed["content"], thinking());
    assert_eq!(streamed["stop_reason"], "tool_use");
    let counted = json!({ "input_tokens": 10, "output_tokens": 50, "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 4, "output_tokens_details": { "thinking_tokens": 20 } });
    assert_eq!(streamed["usage"], counted);
    let events = streamed["events"].as_array().unwrap();
    for event in ["text", "thinking", "signature", "input_json", "content_block_stop", "message_stop"] {
        assert!(events.contains(&json!(event)), "{event} is not among {events:?}");
    }
    assert_eq!(
        (&seen["truncated"]["stop_reason"], &seen["truncated"]["content"][0]["type"]),
        (&json!("max_tokens"), &json!("tool_use"))
    );
    assert_eq!(
        (&seen["refused"]["stop_reason"], &seen["refused"]["stop_details"]["category"]),
        (&json!("refusal"), &json!("cyber"))
    );
    assert_eq!(seen["conversation"]["content"], json!([{ "type": "text", "text": "Hello, world." }]));
}
