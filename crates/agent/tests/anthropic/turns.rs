//! What is sent: conversations of several turns, as the service wants them.

use crate::{
    mock,
    scene::{KEY, ask, bounds, conversation, model, settings},
};
use agent::model::{Auth, Message, ModelSettings, Part, ToolResult};
use serde_json::{Value, json};

fn calls() -> Vec<Value> {
    let call = |id: &str| json!({ "type": "tool_use", "id": id, "name": "run_code", "input": { "z": [1, 2], "code": "1" } });
    vec![
        json!({ "type": "thinking", "thinking": "I must …", "signature": "EqQB" }),
        json!({ "type": "redacted_thinking", "data": "EmwK" }),
        json!({ "type": "text", "text": "  Both at once. " }),
        call("toolu_1"),
        json!({ "type": "of_tomorrow", "b": 1, "a": { "d": null, "c": [] } }),
        call("toolu_2"),
    ]
}

fn picture() -> Part {
    Part::Image { mime: "image/png".into(), base64: "iVBORw0KGgo=".into() }
}

fn result(call: &str, content: Vec<Part>, failed: bool) -> ToolResult {
    ToolResult { call: call.into(), content, failed }
}

#[tokio::test]
async fn two_turns_with_pictures_are_echoed_exactly() {
    let server = mock::start([
        json!({ "content": calls(), "stop_reason": "tool_use", "torn": true }),
        json!({ "content": [{ "type": "text", "text": "Done." }] }),
    ])
    .await;
    let (model, bounds) = (model(&settings(&server)), bounds());
    let mut conversation = conversation();
    let first = ask(&model, &conversation, &bounds).await.0.unwrap();
    conversation.messages.push(Message::Model(first));
    conversation.messages.push(Message::Results(vec![
        result("toolu_1", vec![Part::Text("1".into()), picture()], false),
        result("toolu_2", vec![Part::Text("NameError".into())], true),
    ]));
    conversation.messages.push(Message::User(vec![Part::Text("Last turn.".into())]));
    assert_eq!(ask(&model, &conversation, &bounds).await.0.unwrap().text, "Done.");

    let [one, two] = &server.received()[..] else { panic!("two requests") };
    assert_eq!(two.body["messages"][1]["content"].to_string(), Value::from(calls()).to_string());
    let source = json!({ "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" });
    let answered = json!([
        { "type": "tool_result", "tool_use_id": "toolu_1",
            "content": [{ "type": "text", "text": "1" }, { "type": "image", "source": source }] },
        { "type": "tool_result", "tool_use_id": "toolu_2",
            "content": [{ "type": "text", "text": "NameError" }], "is_error": true },
        { "type": "text", "text": "Last turn." },
    ]);
    assert_eq!(two.body["messages"][2], json!({ "role": "user", "content": answered }));
    // The prefix that the service caches is the same, byte for byte.
    for part in ["system", "tools"] {
        assert_eq!(one.body[part].to_string(), two.body[part].to_string());
    }
    assert_eq!(one.body["messages"][0].to_string(), two.body["messages"][0].to_string());
    assert_eq!(one.body["system"][0]["cache_control"], json!({ "type": "ephemeral" }));
}

#[tokio::test]
async fn a_pause_is_sent_back_unchanged() {
    let content = json!([
        { "type": "text", "text": "Searching." },
        { "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": { "query": "q" } },
    ]);
    let server = mock::start([
        json!({ "content": content, "stop_reason": "pause_turn" }),
        json!({ "content": [{ "type": "text", "text": "Found." }] }),
    ])
    .await;
    let (model, mut conversation) = (model(&settings(&server)), conversation());
    let paused = ask(&model, &conversation, &bounds()).await.0.unwrap();
    conversation.messages.push(Message::Model(paused));
    assert_eq!(ask(&model, &conversation, &bounds()).await.0.unwrap().text, "Found.");
    let messages = server.received()[1].body["messages"].clone();
    assert_eq!(messages[1].to_string(), json!({ "role": "assistant", "content": content }).to_string());
    assert_eq!(messages.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn broken_calls_are_answered_in_a_way_that_is_taken() {
    let broken =
        |id: &str, input: Value| json!({ "type": "tool_use", "id": id, "name": "run_code", "input": input });
    let server = mock::start([
        json!({ "content": [broken("a", json!("{'")), broken("b", json!({ "code": "12345" }))],
            "truncated": 1, "stop_reason": "tool_use" }),
        json!({ "content": [{ "type": "text", "text": "Sorry." }] }),
    ])
    .await;
    let (model, mut conversation) = (model(&settings(&server)), conversation());
    let reply = ask(&model, &conversation, &bounds()).await.0.unwrap();
    let tell = |call: &agent::model::BrokenCall| result(&call.id, vec![Part::Text(call.why.clone())], true);
    let results: Vec<ToolResult> = reply.broken_calls.iter().map(tell).collect();
    assert_eq!(results.len(), 2);
    conversation.messages.push(Message::Model(reply));
    conversation.messages.push(Message::Results(results));
    assert_eq!(ask(&model, &conversation, &bounds()).await.0.unwrap().text, "Sorry.");
}

#[tokio::test]
async fn headers_are_as_they_are_set() {
    let text = json!({ "content": [{ "type": "text", "text": "a" }], "times": 2 });
    let server = mock::start([text]).await;
    let headers = [("x-house".to_owned(), agent::model::HeaderValue("seven".into()))];
    let own = ModelSettings {
        auth: Some(Auth::XApiKey),
        api_version: Some("2023-06-01".into()),
        headers: headers.into(),
        base_url: Some(format!("{}/gate/", server.url())),
        ..ModelSettings::default()
    };
    for settings in [settings(&server), own] {
        ask(&model(&settings), &conversation(), &bounds()).await.0.unwrap();
    }
    let [usual, own] = &server.received()[..] else { panic!("two requests") };
    let seen = |name: &str| [usual, own].map(|request| request.header(name).map(str::to_owned));
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(seen("authorization"), [some(&format!("Bearer {KEY}")), None]);
    assert_eq!(seen("x-api-key"), [None, some(KEY)]);
    assert_eq!(seen("anthropic-version"), [some("2026-10-21"), some("2023-06-01")]);
    assert_eq!(seen("x-house"), [None, some("seven")]);
    assert_eq!([usual, own].map(|request| request.path.as_str()), ["/v1/messages", "/gate/v1/messages"]);
}
