//! Responses: what is sent, what is made of what comes, and that everything goes back as it came.

use super::{answered, ask, at, call, mock, question, responses, result};
use agent::model::{Message, Part, Provider, ToolResult};
use protocol::{Stop, Tokens};
use serde_json::{Value, json};

fn message(text: &str) -> Value {
    json!({
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "final_answer",
        "content": [{ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }],
    })
}

fn function_call(id: &str, code: &str) -> Value {
    json!({
        "type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "run_code", "status": "completed",
        "arguments": json!({ "code": code }).to_string(),
    })
}

fn reasoning() -> Value {
    json!({
        "type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAA/+=\u{e9}", "status": "completed",
        "summary": [{ "type": "summary_text", "text": "A division." }],
    })
}

#[tokio::test]
async fn a_request_says_what_is_needed_and_keeps_nothing_there() {
    let server = mock::start([json!({ "output": [message("3.66 %")] })]).await;
    let said = ask(&*responses(&server), &question()).await;
    assert_eq!((said.text().as_str(), said.reply().text.as_str()), ("3.66 %", "3.66 %"));
    assert_eq!((&said.reply().stop, said.reply().request_id.as_deref()), (&Stop::EndTurn, Some("req_mock")));
    let received = &server.received()[0];
    assert_eq!(received.path, "/v1/responses");
    assert_eq!(received.header("authorization"), Some("Bearer sk-key-of-a-test"));
    let mut body = received.body.clone();
    let tools = body["tools"].take();
    assert_eq!((&tools[0]["type"], &tools[0]["strict"]), (&json!("function"), &json!(false)));
    let input =
        [json!({ "role": "user", "content": [{ "type": "input_text", "text": "What is 47/1283?" }] })];
    let expected = json!({
        "model": "m-1", "instructions": "You answer by code.", "input": input, "tools": null, "store": false,
        "include": ["reasoning.encrypted_content"], "stream": true,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn all_items_go_back_in_order_as_they_came() {
    let program = json!({ "type": "program", "id": "pr_1", "fingerprint": "f\u{2028}", "z": 1, "a": [null] });
    let output =
        [reasoning(), program, message("Two ways."), function_call("a", "1"), function_call("b", "2")];
    for stream in ["always", "never"] {
        let steps = [json!({ "output": output, "torn": true }), json!({ "output": [message("Done.")] })];
        let server = mock::start(steps).await;
        let model = at(&server, Provider::Openai, json!({ "stream": stream }));
        let said = ask(&*model, &question()).await;
        let reply = said.reply();
        assert_eq!((&reply.calls, &reply.stop), (&vec![call("a", "1"), call("b", "2")], &Stop::ToolUse));
        assert_eq!((said.text(), said.thinking()), ("Two ways.".into(), "A division.".into()));
        let picture = Part::Image { mime: "image/png".into(), base64: "iVBOR".into() };
        let shown = ToolResult { content: vec![Part::Text("a plot".into()), picture], ..result("b", "") };
        let said = ask(&*model, &answered(reply, vec![result("a", "0.5"), shown])).await;
        assert_eq!(said.reply().text, "Done.");
        let input = &server.received()[1].body["input"];
        let sent: Vec<String> = input.as_array().unwrap()[1..6].iter().map(Value::to_string).collect();
        assert_eq!(sent, output.each_ref().map(Value::to_string), "{stream}");
        assert_eq!(input[6], json!({ "type": "function_call_output", "call_id": "a", "output": "0.5" }));
        let image =
            json!({ "type": "input_image", "image_url": "data:image/png;base64,iVBOR", "detail": "auto" });
        assert_eq!(input[7]["output"], json!([{ "type": "input_text", "text": "a plot" }, image]));
    }
}

#[tokio::test]
async fn what_ends_a_response_has_a_name() {
    let refused = json!({
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{ "type": "refusal", "refusal": "I will not." }],
    });
    let policy = json!({ "code": "bio_policy", "message": "Not this." });
    let table = [
        (json!({ "output": [message("a")] }), "a", Stop::EndTurn),
        (json!({ "output": [function_call("a", "1")] }), "", Stop::ToolUse),
        (
            json!({ "output": [message("a")], "ended": "incomplete", "reason": "max_output_tokens" }),
            "a",
            Stop::MaxTokens,
        ),
        (
            json!({ "output": [], "ended": "incomplete", "reason": "content_filter" }),
            "",
            Stop::Refusal(Some("content_filter".into())),
        ),
        (
            json!({ "output": [message("a")], "ended": "incomplete", "reason": "steered" }),
            "a",
            Stop::Other("steered".into()),
        ),
        (json!({ "output": [refused] }), "I will not.", Stop::Refusal(None)),
        (
            json!({ "ended": "failed", "failure": policy }),
            "Not this.",
            Stop::Refusal(Some("bio_policy".into())),
        ),
    ];
    for stream in ["always", "never"] {
        for (step, text, stop) in &table {
            let server = mock::start([step.clone()]).await;
            let said = ask(&*at(&server, Provider::Openai, json!({ "stream": stream })), &question()).await;
            assert_eq!((said.reply().text.as_str(), &said.reply().stop), (*text, stop), "{stream} {step}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_not_whole_is_never_a_call() {
    let mut cut = function_call("b", "2");
    (cut["status"], cut["arguments"]) = ("incomplete".into(), "{\"code\": \"impor".into());
    let with = |arguments: &str| {
        let mut item = function_call("b", "");
        item["arguments"] = arguments.into();
        item
    };
    let table = [
        // Cut by the length, as the service does it, and as a stream shows it where the item is never done.
        (
            json!({ "output": [function_call("a", "1"), cut], "ended": "incomplete", "reason": "max_output_tokens" }),
            "cut off",
        ),
        (
            json!({ "output": [function_call("a", "1"), function_call("b", "2")], "truncated": 1, "ended": "incomplete",
                "reason": "max_output_tokens" }),
            "cut off",
        ),
        (json!({ "output": [function_call("a", "1"), with("{\"code\": \"")] }), "not valid JSON"),
        (json!({ "output": [function_call("a", "1"), with("[1]")] }), "not a JSON object"),
    ];
    for (step, why) in table {
        let server = mock::start([step.clone(), json!({ "output": [message("Done.")] })]).await;
        let model = responses(&server);
        let said = ask(&*model, &question()).await;
        let reply = said.reply();
        assert_eq!(reply.calls, [call("a", "1")], "{step}");
        let broken = &reply.broken_calls[0];
        assert_eq!((broken.id.as_str(), broken.name.as_str()), ("b", "run_code"), "{step}");
        assert!(broken.why.contains(why), "{broken:?}");
        // What is answered to it is taken by the service, whether it knows the call or not.
        ask(&*model, &answered(reply, vec![result("a", "1"), result("b", &broken.why)]))
            .await
            .result
            .unwrap();
    }
}

#[tokio::test]
async fn tokens_are_counted_once() {
    let usage = json!({
        "input_tokens": 1000, "input_tokens_details": { "cached_tokens": 900, "cache_write_tokens": 60 },
        "output_tokens": 70, "output_tokens_details": { "reasoning_tokens": 50 }, "total_tokens": 1070,
    });
    let server = mock::start([json!({ "output": [message("a")], "usage": usage })]).await;
    let tokens = ask(&*responses(&server), &question()).await.reply().tokens;
    assert_eq!(tokens, Tokens { input: 40, output: 70, cache_read: 900, cache_write: 60, reasoning: 50 });
}

#[tokio::test]
async fn settings_shape_the_request() {
    let server =
        mock::start([json!({ "output": [message("a")] }), json!({ "output": [message("a")] })]).await;
    let settings = json!({
        "reply_tokens_max": 500, "parallel_calls": false, "stream": "without-tools", "headers": { "x-team": "blue" },
        "body": { "reasoning": { "effort": "low" }, "store": true },
    });
    let model = at(&server, Provider::Openai, settings);
    let mut conversation = question();
    ask(&*model, &conversation).await.result.unwrap();
    conversation.tools.clear();
    conversation.reply_tokens_max = Some(900);
    conversation.messages.push(Message::User(vec![Part::Text("Now.".into())]));
    ask(&*model, &conversation).await.result.unwrap();
    let [first, second] = &server.received()[..] else { panic!("two requests") };
    assert_eq!(first.header("x-team"), Some("blue"));
    let field = |name: &str| (first.body[name].clone(), second.body[name].clone());
    assert_eq!(field("stream"), (json!(false), json!(true)));
    assert_eq!(field("max_output_tokens"), (json!(500), json!(900)));
    assert_eq!(field("parallel_tool_calls"), (json!(false), Value::Null));
    assert_eq!(field("tools").1, Value::Null);
    assert_eq!((&first.body["reasoning"]["effort"], &first.body["store"]), (&json!("low"), &json!(true)));
}
