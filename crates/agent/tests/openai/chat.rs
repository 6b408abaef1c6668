//! Chat Completions as OpenAI speaks it.

use super::{answered, ask, at, call, chat, mock, question, result};
use agent::model::{Part, Provider, ToolResult};
use protocol::{Stop, Tokens};
use serde_json::{Value, json};

fn function_call(id: &str, code: &str) -> Value {
    let arguments = json!({ "code": code }).to_string();
    json!({ "id": id, "type": "function", "function": { "name": "run_code", "arguments": arguments } })
}

#[tokio::test]
async fn calls_are_made_answered_and_echoed() {
    let calls = [function_call("a", "print('é')"), function_call("b", "2")];
    let message = json!({ "content": "Two ways.", "tool_calls": calls });
    for stream in ["always", "without-tools"] {
        let step = json!({ "message": message, "finish_reason": "tool_calls", "torn": true });
        let server = mock::start([step, json!({ "message": { "content": "Done." } })]).await;
        let model = at(&server, Provider::OpenaiChat, json!({ "stream": stream }));
        let said = ask(&*model, &question()).await;
        let reply = said.reply();
        assert_eq!(
            (&reply.calls, &reply.stop),
            (&vec![call("a", "print('é')"), call("b", "2")], &Stop::ToolUse)
        );
        assert_eq!((said.text().as_str(), reply.text.as_str()), ("Two ways.", "Two ways."));
        let picture = Part::Image { mime: "image/png".into(), base64: "iVBOR".into() };
        let shown = ToolResult { content: vec![Part::Text("a plot".into()), picture], ..result("b", "") };
        let said = ask(&*model, &answered(reply, vec![result("a", "0.5"), shown])).await;
        assert_eq!((said.reply().text.as_str(), &said.reply().stop), ("Done.", &Stop::EndTurn));
        let [first, second] = &server.received()[..] else { panic!("two requests") };
        assert_eq!(first.body["stream"] == true, stream == "always");
        let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBOR" } });
        let note = json!({ "type": "text", "text": "The pictures of these results, in order." });
        let expected = json!([
            { "role": "system", "content": "You answer by code." },
            { "role": "user", "content": "What is 47/1283?" },
            { "role": "assistant", "content": "Two ways.", "tool_calls": calls },
            { "role": "tool", "tool_call_id": "a", "content": "0.5" },
            { "role": "tool", "tool_call_id": "b", "content": "a plot\n[picture 1 follows]" },
            { "role": "user", "content": [note, image] },
        ]);
        assert_eq!(second.body["messages"], expected, "{stream}");
    }
}

#[tokio::test]
async fn what_ends_a_reply_has_a_name() {
    let table = [
        (json!({ "message": { "content": "a" } }), "a", Stop::EndTurn),
        (json!({ "message": { "content": "a" }, "finish_reason": "length" }), "a", Stop::MaxTokens),
        (
            json!({ "message": { "content": "a" }, "finish_reason": "content_filter" }),
            "a",
            Stop::Refusal(Some("content_filter".into())),
        ),
        (json!({ "message": { "refusal": "I will not." } }), "I will not.", Stop::Refusal(None)),
        (
            json!({ "message": { "content": "a" }, "finish_reason": "abort" }),
            "a",
            Stop::Other("abort".into()),
        ),
    ];
    for stream in ["always", "never"] {
        for (step, text, stop) in &table {
            let server = mock::start([step.clone()]).await;
            let said =
                ask(&*at(&server, Provider::OpenaiChat, json!({ "stream": stream })), &question()).await;
            assert_eq!((said.reply().text.as_str(), said.text().as_str()), (*text, *text), "{stream} {step}");
            assert_eq!(&said.reply().stop, stop, "{stream} {step}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_cut_or_wrong_is_never_a_call() {
    let with = |arguments: &str| {
        let mut call = function_call("a", "");
        call["function"]["arguments"] = arguments.into();
        json!({ "content": "", "tool_calls": [call] })
    };
    let table = [
        (
            json!({ "message": with("{\"code\": \"impor"), "finish_reason": "length" }),
            "cut off",
            Stop::MaxTokens,
        ),
        (
            json!({ "message": with("{\"code\": \"1\"}"), "finish_reason": "length" }),
            "cut off",
            Stop::MaxTokens,
        ),
        (
            json!({ "message": with("{\"code\": \"impor"), "finish_reason": "tool_calls" }),
            "not valid JSON",
            Stop::ToolUse,
        ),
        (json!({ "message": with("\"1\""), "finish_reason": "stop" }), "not a JSON object", Stop::ToolUse),
    ];
    for (step, why, stop) in table {
        let server = mock::start([step.clone(), json!({ "message": { "content": "Done." } })]).await;
        let model = chat(&server);
        let said = ask(&*model, &question()).await;
        let reply = said.reply();
        assert_eq!((reply.calls.len(), &reply.stop), (0, &stop), "{step}");
        let broken = &reply.broken_calls[0];
        assert!(broken.id == "a" && broken.name == "run_code" && broken.why.contains(why), "{broken:?}");
        ask(&*model, &answered(reply, vec![result("a", &broken.why)])).await.result.unwrap();
    }
}

#[tokio::test]
async fn settings_shape_the_request() {
    let server = mock::start(vec![json!({ "message": { "content": "a" }, "times": 3 })]).await;
    let settings = [
        json!({ "reply_tokens_max": 500, "parallel_calls": true, "body": { "reasoning_effort": "low" } }),
        json!({ "reply_tokens_max": 500, "max_tokens_field": "max_completion_tokens", "stream": "never" }),
        json!({}),
    ];
    for settings in settings {
        ask(&*at(&server, Provider::OpenaiChat, settings), &question()).await.result.unwrap();
    }
    let bodies: Vec<Value> = server.received().iter().map(|received| received.body.clone()).collect();
    let field = |name: &str| bodies.iter().map(|body| body[name].clone()).collect::<Vec<_>>();
    assert_eq!(field("max_tokens"), [json!(500), Value::Null, Value::Null]);
    assert_eq!(field("max_completion_tokens"), [Value::Null, json!(500), Value::Null]);
    assert_eq!(field("parallel_tool_calls"), [json!(true), Value::Null, Value::Null]);
    assert_eq!(field("reasoning_effort"), [json!("low"), Value::Null, Value::Null]);
    let usage = json!({ "include_usage": true });
    assert_eq!(field("stream_options"), [usage.clone(), Value::Null, usage]);
}

#[tokio::test]
async fn tokens_are_counted_once() {
    let usage = json!({
        "prompt_tokens": 1000, "completion_tokens": 70, "total_tokens": 1070,
        "prompt_tokens_details": { "cached_tokens": 900 }, "completion_tokens_details": { "reasoning_tokens": 50 },
    });
    for stream in ["always", "never"] {
        let server = mock::start([json!({ "message": { "content": "a" }, "usage": usage })]).await;
        let model = at(&server, Provider::OpenaiChat, json!({ "stream": stream }));
        let tokens = ask(&*model, &question()).await.reply().tokens;
        let expected = Tokens { input: 100, output: 70, cache_read: 900, cache_write: 0, reasoning: 50 };
        assert_eq!(tokens, expected, "{stream}");
    }
}
