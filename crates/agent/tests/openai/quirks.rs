//! Servers that speak Chat Completions in their own way: one case a row, each with what they send.

use super::{answered, ask, at, call, mock, question, result};
use agent::model::{Call, Provider, Reply};
use protocol::Stop;
use serde_json::{Value, json};

fn delta(delta: Value) -> Value {
    json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
}

fn pieces(calls: Value) -> Value {
    delta(json!({ "tool_calls": calls }))
}

fn end(word: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": word }] })
}

fn piece(index: Value, id: Value, name: Value, arguments: Value) -> Value {
    json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

/// A row: what it is, the settings, the events, the ids and code of the calls.
type Row = (&'static str, Value, Vec<Value>, &'static [(&'static str, &'static str)]);

fn run() -> Value {
    json!("run_code")
}

fn code(code: &str) -> String {
    json!({ "code": code }).to_string()
}

/// How calls are told apart.
fn numbered() -> Vec<Row> {
    let no = Value::Null;
    vec![
        (
            "stop although calls came",
            json!({}),
            vec![pieces(json!([piece(json!(0), json!("a"), run(), json!(code("1")))])), end("stop")],
            &[("a", "1")],
        ),
        (
            "arguments as an object",
            json!({}),
            vec![
                pieces(json!([piece(json!(0), json!("a"), run(), json!({ "code": "1" }))])),
                end("tool_calls"),
            ],
            &[("a", "1")],
        ),
        (
            "all calls are number 0, with ids of their own",
            json!({}),
            vec![
                pieces(json!([piece(json!(0), json!("a"), run(), json!(code("1")))])),
                pieces(json!([piece(json!(0), json!("b"), run(), json!(code("2")))])),
                end("tool_calls"),
            ],
            &[("a", "1"), ("b", "2")],
        ),
        (
            "all calls are number 0, in pieces, told apart by the name that comes again",
            json!({}),
            vec![
                pieces(json!([piece(json!(0), no.clone(), run(), json!("{\"code\":"))])),
                pieces(json!([piece(json!(0), no.clone(), no.clone(), json!("\"1\"}"))])),
                pieces(json!([piece(json!(0), no.clone(), run(), json!("{\"code\":"))])),
                pieces(json!([piece(json!(0), no.clone(), no.clone(), json!("\"2\"}"))])),
                end("tool_calls"),
            ],
            &[("call_1_1", "1"), ("call_1_2", "2")],
        ),
        (
            "the id changes with every piece",
            json!({}),
            vec![
                pieces(json!([piece(json!(0), json!("a"), run(), json!(""))])),
                pieces(json!([piece(json!(0), json!("b"), no.clone(), json!("{\"code\":"))])),
                pieces(json!([piece(json!(0), json!("c"), run(), json!("\"1\"}"))])),
                end("tool_calls"),
            ],
            &[("a", "1")],
        ),
        (
            "no ids and no numbers",
            json!({}),
            vec![
                pieces(json!([piece(no.clone(), no.clone(), run(), json!(code("1")))])),
                pieces(json!([piece(no.clone(), json!(""), run(), json!(code("2")))])),
                end("tool_calls"),
            ],
            &[("call_1_1", "1"), ("call_1_2", "2")],
        ),
    ]
}

/// In what form they come.
fn formed() -> Vec<Row> {
    let no = Value::Null;
    vec![
        (
            "one id for two calls",
            json!({}),
            vec![
                pieces(json!([
                    piece(json!(0), json!("a"), run(), json!(code("1"))),
                    piece(json!(1), json!("a"), run(), json!(code("2"))),
                ])),
                end("tool_calls"),
            ],
            &[("a", "1"), ("call_1_2", "2")],
        ),
        (
            "a call is sent once more at the end",
            json!({}),
            vec![
                pieces(json!([piece(json!(0), json!("a"), run(), json!("{\"code\":"))])),
                pieces(json!([piece(json!(0), no.clone(), no.clone(), json!("\"1\"}"))])),
                pieces(json!([piece(json!(0), json!("a"), run(), json!("{\"code\":\"1\"}"))])),
                end("tool_calls"),
            ],
            &[("a", "1")],
        ),
        (
            "pieces of two calls come mixed",
            json!({}),
            vec![
                pieces(json!([
                    piece(json!(0), json!("a"), run(), json!("{\"code\":")),
                    piece(json!(1), json!("b"), run(), json!("{\"code\":")),
                ])),
                pieces(json!([
                    piece(json!(1), no.clone(), no.clone(), json!("\"2\"}")),
                    piece(json!(0), no.clone(), no.clone(), json!("\"1\"}")),
                ])),
                end("tool_calls"),
            ],
            &[("a", "1"), ("b", "2")],
        ),
        (
            "a whole message in a stream",
            json!({}),
            vec![json!({ "choices": [{ "message": {
                "content": null, "tool_calls": [piece(no.clone(), json!("a"), run(), json!(code("1")))],
            }, "finish_reason": "tool_calls" }] })],
            &[("a", "1")],
        ),
        (
            "calls as tags in the text",
            json!({ "tagged_calls": true }),
            vec![
                delta(json!({ "content": "<tool_call>\n{\"name\": \"run_code\", \"argu" })),
                delta(json!({ "content": "ments\": {\"code\": \"1\"}}\n</tool_call>" })),
                end("stop"),
            ],
            &[("call_1_1", "1")],
        ),
    ]
}

#[tokio::test]
async fn calls_are_understood_however_they_come() {
    for (what, settings, events, expected) in numbered().into_iter().chain(formed()) {
        let server =
            mock::start([json!({ "events": events }), json!({ "message": { "content": "Done." } })]).await;
        let model = at(&server, Provider::OpenaiChat, settings);
        let said = ask(&*model, &question()).await;
        let reply = said.reply();
        let calls: Vec<Call> = expected.iter().map(|(id, code)| call(id, code)).collect();
        assert_eq!((&reply.calls, &reply.stop), (&calls, &Stop::ToolUse), "{what}");
        assert_eq!((said.text(), reply.broken_calls.len()), (String::new(), 0), "{what}");
        let results = calls.iter().map(|call| result(&call.id, "1")).collect();
        ask(&*model, &answered(reply, results)).await.result.unwrap();
        let echo = &server.received()[1].body["messages"][2];
        assert_eq!(echo["tool_calls"].as_array().unwrap().len(), calls.len(), "{what}");
    }
}

/// A row of words: what it is, the settings, the events, what is said, what is thought, what goes back.
type Words = (&'static str, Value, Vec<Value>, &'static str, &'static str, Value);

fn words() -> Vec<Words> {
    let echo = |content: &str| json!({ "role": "assistant", "content": content });
    let reasoned = |field: &str| {
        vec![
            delta(json!({ field: "Hm. " })),
            delta(json!({ field: "So." })),
            delta(json!({ "content": "42" })),
            end("stop"),
        ]
    };
    let parts = json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": "Hm." }] }, { "type": "text", "text": "42" }]);
    let echoed = json!({ "role": "assistant", "content": "42", "reasoning_content": "Hm. So." });
    vec![
        ("reasoning_content", json!({}), reasoned("reasoning_content"), "42", "Hm. So.", echo("42")),
        ("reasoning", json!({}), reasoned("reasoning"), "42", "Hm. So.", echo("42")),
        ("another field", json!({ "reasoning_field": "x" }), reasoned("x"), "42", "Hm. So.", echo("42")),
        (
            "reasoning goes back",
            json!({ "echo_reasoning": true }),
            reasoned("reasoning_content"),
            "42",
            "Hm. So.",
            echoed,
        ),
        (
            "thinking leaks into the text",
            json!({}),
            vec![
                delta(json!({ "content": "<think>Hm. So.</thi" })),
                delta(json!({ "content": "nk>\n\n42" })),
                end("stop"),
            ],
            "42",
            "Hm. So.",
            echo("<think>Hm. So.</think>\n\n42"),
        ),
        (
            "content is a list",
            json!({}),
            vec![delta(json!({ "content": parts })), end("stop")],
            "42",
            "Hm.",
            echo("42"),
        ),
        ("no finish reason", json!({}), vec![delta(json!({ "content": "42" }))], "42", "", echo("42")),
        (
            "tags, but no call",
            json!({ "tagged_calls": true }),
            vec![delta(json!({ "content": "42" })), end("stop")],
            "42",
            "",
            echo("42"),
        ),
    ]
}

#[tokio::test]
async fn words_and_thoughts_are_told_apart() {
    for (what, settings, events, text, thinking, raw) in words() {
        let server = mock::start([json!({ "events": events })]).await;
        let said = ask(&*at(&server, Provider::OpenaiChat, settings), &question()).await;
        let Reply { text: got, raw: echo, stop, .. } = said.reply();
        assert_eq!(
            (got.as_str(), said.text().as_str(), said.thinking().as_str()),
            (text, text, thinking),
            "{what}"
        );
        assert_eq!((echo, stop), (&raw, &Stop::EndTurn), "{what}");
    }
}

#[tokio::test]
async fn a_stream_may_end_without_its_last_word() {
    let server = mock::start([json!({ "message": { "content": "42" }, "done": false })]).await;
    let said = ask(&*at(&server, Provider::OpenaiChat, json!({})), &question()).await;
    assert_eq!((said.reply().text.as_str(), said.reply().tokens.input), ("42", 20));
}

#[tokio::test]
async fn fields_of_a_call_that_nobody_knows_go_back() {
    let mut piece = piece(json!(0), json!("a"), json!("run_code"), json!("{\"code\":\"1\"}"));
    piece["extra_content"] = json!({ "google": { "thought_signature": "sig==" } });
    let server = mock::start([json!({ "events": [pieces(json!([piece])), end("tool_calls")] })]).await;
    let said = ask(&*at(&server, Provider::OpenaiChat, json!({})), &question()).await;
    let raw = &said.reply().raw["tool_calls"][0];
    assert_eq!(raw["extra_content"]["google"]["thought_signature"], "sig==");
    assert_eq!(raw.get("index"), None);
}

#[tokio::test]
async fn calls_that_a_server_lost_are_missed() {
    let server =
        mock::start([json!({ "events": [delta(json!({ "content": "" })), end("tool_calls")] })]).await;
    let said = ask(&*at(&server, Provider::OpenaiChat, json!({})), &question()).await;
    let failure = said.failure();
    assert!(failure.message.contains("announced calls and sent none"), "{failure}");
    assert!(failure.hint.as_ref().unwrap().contains("without-tools"), "{failure:?}");
}
