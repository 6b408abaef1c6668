//! What becomes of replies: whole and cut, streamed and not, with what is known today and what may come tomorrow.

use crate::{
    mock,
    scene::{ask, ask_at, bounds, conversation, model, settings, text, thoughts},
};
use agent::model::{Call, ModelSettings, Reply, Streaming};
use protocol::{Stop, Tokens};
use serde_json::{Value, json};

fn said(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn thought(text: &str) -> Value {
    json!({ "type": "thinking", "thinking": text, "signature": "EqQBCgIYAhIkAB+/=" })
}

fn called(id: &str, input: Value) -> Value {
    json!({ "type": "tool_use", "id": id, "name": "run_code", "input": input, "caller": { "type": "direct" } })
}

fn call(id: &str, arguments: Value) -> Call {
    Call { id: id.into(), name: "run_code".into(), arguments }
}

struct Case {
    name: &'static str,
    step: Value,
    /// What is kept; the content of the step where nothing is said.
    raw: Option<Value>,
    text: &'static str,
    thoughts: &'static str,
    calls: Vec<Call>,
    broken: &'static [(&'static str, &'static str)],
    stop: Stop,
}

impl Default for Case {
    fn default() -> Case {
        Case {
            name: "",
            step: Value::Null,
            raw: None,
            text: "",
            thoughts: "",
            calls: Vec::new(),
            broken: &[],
            stop: Stop::EndTurn,
        }
    }
}

fn whole() -> Vec<Case> {
    let code = "print(\"é😀\")\n";
    let strange = json!({ "type": "of_tomorrow", "z": [1, { "b": 2, "a": null }], "a": "x" });
    let search =
        json!({ "type": "server_tool_use", "id": "srv", "name": "web_search", "input": { "query": "q" } });
    let redacted = json!({ "type": "redacted_thinking", "data": "EmwKAhgB" });
    vec![
        Case {
            name: "text",
            step: json!({ "content": [said("Grüße, 🌍!")] }),
            text: "Grüße, 🌍!",
            ..Case::default()
        },
        Case {
            name: "thinking and a call",
            step: json!({ "content": [thought("First …"), redacted, said("Let me see."), called("a", json!({ "z": 1.5, "code": code }))],
                "stop_reason": "tool_use" }),
            text: "Let me see.",
            thoughts: "First …",
            calls: vec![call("a", json!({ "z": 1.5, "code": code }))],
            stop: Stop::ToolUse,
            ..Case::default()
        },
        Case {
            name: "parallel calls",
            step: json!({ "content": [called("a", json!({ "code": "1" })), called("b", json!({}))], "stop_reason": "tool_use" }),
            calls: vec![call("a", json!({ "code": "1" })), call("b", json!({}))],
            stop: Stop::ToolUse,
            ..Case::default()
        },
        Case {
            name: "blocks of the service and of tomorrow",
            step: json!({ "content": [search, strange, said("So.")], "stop_reason": "stop_sequence" }),
            text: "So.",
            ..Case::default()
        },
        Case {
            name: "arguments that are no object",
            step: json!({ "content": [called("a", json!([1])), called("b", json!({ "code": "1" }))], "stop_reason": "tool_use" }),
            raw: Some(json!([called("a", json!({})), called("b", json!({ "code": "1" }))])),
            calls: vec![call("b", json!({ "code": "1" }))],
            broken: &[("a", "its arguments are not an object")],
            stop: Stop::ToolUse,
            ..Case::default()
        },
    ]
}

fn ended() -> Vec<Case> {
    let search = json!({ "type": "server_tool_use", "id": "srv", "name": "web_search", "input": {} });
    vec![
        Case {
            name: "a pause",
            step: json!({ "content": [said("On it."), search], "stop_reason": "pause_turn" }),
            text: "On it.",
            stop: Stop::Pause,
            ..Case::default()
        },
        Case {
            name: "a refusal",
            step: json!({ "content": [], "stop_reason": "refusal",
                "stop_details": { "type": "refusal", "category": "cyber", "explanation": "no" } }),
            stop: Stop::Refusal(Some("cyber".into())),
            ..Case::default()
        },
        Case {
            name: "a refusal without category",
            step: json!({ "content": [said("I")], "stop_reason": "refusal" }),
            text: "I",
            stop: Stop::Refusal(None),
            ..Case::default()
        },
        Case {
            name: "a full context",
            step: json!({ "content": [said("And")], "stop_reason": "model_context_window_exceeded" }),
            text: "And",
            stop: Stop::ContextWindow,
            ..Case::default()
        },
        Case {
            name: "a stop of tomorrow",
            step: json!({ "content": [said("Hm")], "stop_reason": "compaction" }),
            text: "Hm",
            stop: Stop::Other("compaction".into()),
            ..Case::default()
        },
    ]
}

fn cut() -> Vec<Case> {
    vec![
        Case {
            name: "a call that is cut off",
            step: json!({ "content": [said("See:"), called("a", json!({ "code": "import shutil; 1" }))],
                "truncated": 1, "stop_reason": "max_tokens" }),
            raw: Some(json!([said("See:")])),
            text: "See:",
            broken: &[("a", "it was cut off before its end")],
            stop: Stop::MaxTokens,
            ..Case::default()
        },
        Case {
            name: "a call whose JSON was complete when it was cut off",
            step: json!({ "content": [called("a", json!("{\"code\": \"1234\"}       "))], "truncated": 0, "stop_reason": "tool_use" }),
            raw: Some(json!([])),
            broken: &[("a", "it was cut off before its end")],
            stop: Stop::ToolUse,
            ..Case::default()
        },
        Case {
            name: "text and thoughts that are cut off",
            step: json!({ "content": [thought("so long"), said("1234567890")], "truncated": 1, "stop_reason": "max_tokens" }),
            raw: Some(json!([thought("so long"), said("1234567")])),
            text: "1234567",
            thoughts: "so long",
            stop: Stop::MaxTokens,
            ..Case::default()
        },
        Case {
            name: "a thought without its signature",
            step: json!({ "content": [thought("so long")], "truncated": 0, "stop_reason": "max_tokens" }),
            raw: Some(json!([])),
            thoughts: "so long",
            stop: Stop::MaxTokens,
            ..Case::default()
        },
        Case {
            name: "arguments that are no JSON",
            step: json!({ "content": [called("a", json!("{\"code\": 'x'}"))], "stop_reason": "tool_use" }),
            raw: Some(json!([called("a", json!({}))])),
            broken: &[("a", "its arguments are not valid JSON: expected value at line 1 column 10")],
            stop: Stop::ToolUse,
            ..Case::default()
        },
    ]
}

fn check(case: &Case, how: &str, reply: &Reply, heard: &[agent::model::Heard]) {
    let name = format!("{}, {how}", case.name);
    let raw = case.raw.as_ref().unwrap_or(&case.step["content"]);
    // As text, so that the order of fields counts too.
    assert_eq!(reply.raw.to_string(), raw.to_string(), "{name}");
    assert_eq!(
        (reply.text.as_str(), &reply.calls, &reply.stop),
        (case.text, &case.calls, &case.stop),
        "{name}"
    );
    let broken: Vec<_> =
        reply.broken_calls.iter().map(|call| (call.id.as_str(), call.why.as_str())).collect();
    assert_eq!(broken, case.broken, "{name}");
    assert_eq!((text(heard).as_str(), thoughts(heard).as_str()), (case.text, case.thoughts), "{name}");
    assert_eq!((reply.request_id.as_deref(), reply.retries), (Some("req_011mock"), 0), "{name}");
}

#[tokio::test]
async fn replies_are_kept_as_they_came_and_understood() {
    for case in whole().iter().chain(&ended()).chain(&cut()) {
        for (how, more) in [
            ("plain", json!({})),
            ("torn", json!({ "torn": true })),
            ("slow", json!({ "pings": true, "pause_ms": 1 })),
        ] {
            let mut step = case.step.clone();
            step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let server = mock::start([step]).await;
            let (reply, heard) = ask_at(&server).await;
            check(case, how, &reply.unwrap(), &heard);
        }
    }
}

#[tokio::test]
async fn replies_that_are_not_streamed_are_the_same() {
    for case in whole().into_iter().chain(ended()) {
        let server = mock::start([case.step.clone()]).await;
        let settings = ModelSettings { stream: Streaming::Never, ..settings(&server) };
        let (reply, heard) = ask(&model(&settings), &conversation(), &bounds()).await;
        check(&case, "whole", &reply.unwrap(), &heard);
        assert_eq!(server.received()[0].body["stream"], false);
    }
}

#[tokio::test]
async fn events_of_tomorrow_are_no_trouble() {
    let delta =
        |index: u32, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let start = |index: u32, block: Value| json!({ "type": "content_block_start", "index": index, "content_block": block });
    let stop = |index: u32| json!({ "type": "content_block_stop", "index": index });
    let cited = json!({ "type": "text", "text": "", "citations": null });
    let events = json!([
        { "type": "message_start", "message": { "usage": { "input_tokens": 1, "output_tokens": 1 } } },
        { "type": "weather", "index": 9 },
        start(0, json!({ "type": "compaction", "content": null, "n": 1 })),
        delta(0, json!({ "type": "compaction_delta", "content": "a" })),
        delta(0, json!({ "type": "compaction_delta", "content": "b", "n": 2 })),
        stop(0),
        start(1, cited),
        delta(1, json!({ "type": "citations_delta", "citation": { "c": 1 } })),
        delta(1, json!({ "type": "text_delta", "text": "x", "mood": "good" })),
        delta(1, json!({ "type": "citations_delta", "citation": { "c": 2 } })),
        stop(1),
        { "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 2, "parrots": 7 } },
        { "type": "message_stop" },
        { "type": "error", "error": { "type": "api_error", "message": "after the end" } },
    ]);
    let server = mock::start([json!({ "events": events })]).await;
    let reply = ask_at(&server).await.0.unwrap();
    let raw = json!([
        { "type": "compaction", "content": "ab", "n": 2 },
        { "type": "text", "text": "x", "citations": [{ "c": 1 }, { "c": 2 }] },
    ]);
    assert_eq!((reply.raw, reply.text.as_str()), (raw, "x"));
}

#[tokio::test]
async fn counts_overwrite_and_broken_attempts_are_paid() {
    let usage = json!([
        { "input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 4 },
        { "output_tokens": 50, "cache_read_input_tokens": 31, "output_tokens_details": { "thinking_tokens": 20 } },
    ]);
    let good = json!({ "content": [said("a")], "usage": usage });
    let once = Tokens { input: 10, output: 50, cache_read: 31, cache_write: 4, reasoning: 20 };
    let server = mock::start([good.clone()]).await;
    assert_eq!(ask_at(&server).await.0.unwrap().tokens, once);

    let broken = json!({ "content": [said("a lot of text")], "usage": usage, "cut_after": 4 });
    let server = mock::start([broken, good]).await;
    let mut both = once;
    both += Tokens { input: 10, output: 1, cache_read: 30, cache_write: 4, reasoning: 0 };
    assert_eq!(ask_at(&server).await.0.unwrap().tokens, both);
}
