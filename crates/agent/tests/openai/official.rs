//! The mock is like the real thing: OpenAI's official SDK takes it for one.

use super::{mock, sdks};
use serde_json::{Value, json};

fn refused(status: u16, code: &str) -> Value {
    json!({ "status": status, "error": { "message": "m", "type": "t", "param": null, "code": code } })
}

fn items() -> Value {
    let call = |id: &str, arguments: &str| {
        json!({ "type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "run_code",
            "arguments": arguments, "status": "completed" })
    };
    json!([
        { "type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA+/=", "summary": [{ "type": "summary_text", "text": "Hm." }] },
        { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "commentary",
            "content": [{ "type": "output_text", "text": "Grüße, 🌍!", "annotations": [], "logprobs": [] }] },
        call("a", "{\"code\": \"print('é')\"}"),
        call("b", "{}"),
    ])
}

fn message() -> Value {
    let call = |id: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": "run_code", "arguments": arguments } });
    json!({ "content": "Grüße, 🌍!", "tool_calls": [call("a", "{\"code\": \"print('é')\"}"), call("b", "{}")] })
}

/// The steps that `sdks/drive_openai.py` goes through, in its order: for each shape a stream, a whole reply, a cut one, two
/// turns, and failures.
fn steps() -> Vec<Value> {
    let mut steps = Vec::new();
    for shape in ["responses", "chat"] {
        let full = match shape {
            "responses" => json!({ "output": items() }),
            _ => json!({ "message": message(), "finish_reason": "tool_calls" }),
        };
        let more = |fields: Value| {
            let mut step = full.clone();
            step.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            step
        };
        let broken = match shape {
            "responses" => {
                json!({ "events": [{ "type": "error", "code": "server_error", "message": "m", "param": null,
                "sequence_number": 0 }] })
            }
            _ => json!({ "events": [{ "error": { "message": "m", "type": "t", "code": "server_error" } }] }),
        };
        steps.extend([
            more(json!({ "torn": true })),
            full.clone(),
            more(json!({ "ended": "incomplete", "reason": "max_output_tokens", "finish_reason": "length" })),
            full.clone(),
            json!({ "output": [items()[1]], "message": { "content": "Done." } }),
            refused(503, "server_error"),
            refused(429, "rate_limit_exceeded"),
            broken,
            more(json!({ "cut_after": 2 })),
        ]);
        // What the mock itself refuses takes a step, too.
        steps.extend(vec![json!({}); if shape == "responses" { 3 } else { 4 }]);
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_sdk_takes_the_mock_for_the_real_thing() {
    let server = mock::start(steps()).await;
    let url = server.url();
    let Some(seen) = tokio::task::spawn_blocking(move || sdks::run("openai", &url)).await.unwrap() else {
        return;
    };
    responses(&seen["responses"]);
    chat(&seen["chat"]);
    let table = [
        ("overloaded", "InternalServerError", "server_error"),
        ("limited", "RateLimitError", "rate_limit_exceeded"),
        ("denied", "AuthenticationError", "invalid_api_key"),
        ("unknown", "BadRequestError", "unknown_parameter"),
    ];
    for shape in ["responses", "chat"] {
        for (name, class, code) in table {
            failed(&seen[shape][name], class, code);
        }
        // The connection broke within the stream.
        assert!(seen[shape]["cut"]["classes"][0].is_string(), "{shape} {}", seen[shape]["cut"]);
    }
    failed(&seen["responses"]["unasked"], "BadRequestError", "invalid_value");
    failed(&seen["chat"]["unanswered"], "BadRequestError", "invalid_value");
    failed(&seen["chat"]["renamed"], "BadRequestError", "unsupported_parameter");
    assert_eq!(seen["chat"]["broken"]["classes"][0], "APIError");
    assert_eq!(server.received().len(), steps().len());
}

fn failed(failure: &Value, class: &str, code: &str) {
    assert_eq!((&failure["classes"][0], &failure["code"]), (&json!(class), &json!(code)), "{failure}");
    assert_eq!(failure["id"], "req_mock", "{failure}");
}

fn responses(seen: &Value) {
    assert_eq!((&seen["whole"]["output"], &seen["whole"]["status"]), (&items(), &json!("completed")));
    for (place, item) in items().as_array().unwrap().iter().enumerate() {
        for (field, value) in item.as_object().unwrap().iter().filter(|(field, _)| *field != "content") {
            assert_eq!(&seen["streamed"]["output"][place][field], value, "{field}");
        }
    }
    assert_eq!(seen["streamed"]["text"], "Grüße, 🌍!");
    assert_eq!(seen["streamed"]["usage"]["input_tokens"], 20);
    let events = seen["streamed"]["events"].as_array().unwrap();
    for event in
        ["created", "output_item.added", "output_text.delta", "function_call_arguments.done", "completed"]
    {
        assert!(events.contains(&json!(format!("response.{event}"))), "{event} is not among {events:?}");
    }
    assert_eq!(seen["incomplete"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(seen["turns"]["text"], "Grüße, 🌍!");
}

fn chat(seen: &Value) {
    for name in ["streamed", "whole", "incomplete"] {
        let got = &seen[name]["message"];
        assert_eq!(got["content"], message()["content"], "{name}");
        for call in 0..2 {
            let (got, expected) = (&got["tool_calls"][call], &message()["tool_calls"][call]);
            assert_eq!((&got["id"], &got["type"]), (&expected["id"], &expected["type"]), "{name}");
            assert_eq!(got["function"]["arguments"], expected["function"]["arguments"], "{name}");
        }
        assert_eq!(seen[name]["usage"]["prompt_tokens"], 20, "{name}");
    }
    let reasons =
        ["streamed", "whole", "incomplete", "turns"].map(|name| seen[name]["finish_reason"].clone());
    assert_eq!(reasons, [json!("tool_calls"), json!("tool_calls"), json!("length"), json!("stop")]);
    let events = seen["streamed"]["events"].as_array().unwrap();
    assert!(events.contains(&json!("tool_calls.function.arguments.done")), "{events:?}");
    assert_eq!(seen["turns"]["message"]["content"], "Done.");
}
