//! A conversation as Messages wants it.
//!
//! What the model said goes back as it came, but for what the service itself writes and does not take back: blank texts,
//! and thinking at the end of a message.

use crate::model::{Conversation, Message, ModelSettings, Part, Reply, Tool, ToolResult};
use serde_json::{Map, Value, json};

/// Longest reply in tokens where nobody says. All current models may write so much; what is not written costs nothing.
const REPLY_TOKENS: u32 = 32_000;

/// The body of a request.
pub fn body(model: &str, conversation: &Conversation, settings: &ModelSettings) -> Value {
    let mut body = Map::new();
    let tokens = conversation.reply_tokens_max.or(settings.reply_tokens_max).unwrap_or(REPLY_TOKENS);
    body.insert("model".into(), model.into());
    body.insert("max_tokens".into(), tokens.into());
    body.insert("stream".into(), settings.stream.applies(conversation).into());
    let mut tools: Vec<Value> = conversation.tools.iter().map(tool).collect();
    let mut system = text(&conversation.system);
    // One mark after what never changes, and one that the service moves along with the conversation.
    if let Some(fixed) = system.as_mut().or(tools.last_mut()) {
        fixed["cache_control"] = json!({ "type": "ephemeral" });
    }
    body.insert("cache_control".into(), json!({ "type": "ephemeral" }));
    if let Some(system) = system {
        body.insert("system".into(), json!([system]));
    }
    if let (Some(parallel), false) = (settings.parallel_calls, tools.is_empty()) {
        body.insert("tool_choice".into(), json!({ "type": "auto", "disable_parallel_tool_use": !parallel }));
    }
    if !tools.is_empty() {
        body.insert("tools".into(), tools.into());
    }
    body.insert("messages".into(), messages(&conversation.messages).into());
    body.extend(settings.body.clone());
    body.into()
}

fn tool(tool: &Tool) -> Value {
    json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters })
}

fn messages(messages: &[Message]) -> Vec<Value> {
    let mut said: Vec<Value> = Vec::new();
    let mut asked = Vec::new();
    for message in messages {
        match message {
            Message::User(parts) => add(&mut said, "user", content(parts)),
            Message::Results(all) => add(&mut said, "user", results(all, &asked)),
            Message::Model(reply) => {
                asked = calls(reply);
                add(&mut said, "assistant", echo(&reply.raw));
            }
        }
    }
    said
}

/// Adds blocks as a message of their own, or to the last one where it has the same role.
fn add(said: &mut Vec<Value>, role: &str, blocks: Vec<Value>) {
    if blocks.is_empty() {
        return;
    }
    match said.last_mut() {
        Some(last) if last["role"] == role => {
            last["content"].as_array_mut().expect("made below").extend(blocks);
        }
        _ => said.push(json!({ "role": role, "content": blocks })),
    }
}

fn echo(raw: &Value) -> Vec<Value> {
    let is_blank = |block: &Value| {
        block["type"] == "text" && block["text"].as_str().is_none_or(|text| text.trim().is_empty())
    };
    let is_thinking =
        |block: &Value| matches!(block["type"].as_str(), Some("thinking" | "redacted_thinking"));
    let blocks = raw.as_array().into_iter().flatten();
    let mut blocks: Vec<Value> = blocks.filter(|block| !is_blank(block)).cloned().collect();
    while blocks.last().is_some_and(is_thinking) {
        blocks.pop();
    }
    blocks
}

/// The ids of the calls that the service knows of.
fn calls(reply: &Reply) -> Vec<String> {
    let blocks = reply.raw.as_array().into_iter().flatten();
    let calls = blocks.filter(|block| block["type"] == "tool_use");
    calls.filter_map(|block| block["id"].as_str().map(str::to_owned)).collect()
}

/// The results of the calls that the service knows of; then, as the person's words, what became of calls that came so
/// broken that they cannot go back.
fn results(results: &[ToolResult], asked: &[String]) -> Vec<Value> {
    let (known, strange): (Vec<_>, Vec<_>) = results.iter().partition(|result| asked.contains(&result.call));
    let mut blocks: Vec<Value> = known.into_iter().map(result).collect();
    blocks.extend(strange.into_iter().flat_map(|result| content(&result.content)));
    blocks
}

fn result(result: &ToolResult) -> Value {
    let mut block =
        json!({ "type": "tool_result", "tool_use_id": result.call, "content": content(&result.content) });
    if result.failed {
        block["is_error"] = true.into();
    }
    block
}

fn content(parts: &[Part]) -> Vec<Value> {
    let block = |part: &Part| match part {
        Part::Text(words) => text(words),
        Part::Image { mime, base64 } => Some(
            json!({ "type": "image", "source": { "type": "base64", "media_type": mime, "data": base64 } }),
        ),
    };
    parts.iter().filter_map(block).collect()
}

/// A block of text; none for a blank one, which the service does not take.
fn text(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({ "type": "text", "text": text }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Stop, Tokens};

    fn reply(raw: Value) -> Message {
        Message::Model(Reply {
            raw,
            text: String::new(),
            calls: Vec::new(),
            broken_calls: Vec::new(),
            stop: Stop::EndTurn,
            tokens: Tokens::default(),
            request_id: None,
            retries: 0,
        })
    }

    fn said(text: &str) -> Message {
        Message::User(vec![Part::Text(text.into())])
    }

    fn tool_result(call: &str, text: &str, failed: bool) -> ToolResult {
        ToolResult { call: call.into(), content: vec![Part::Text(text.into())], failed }
    }

    #[test]
    fn what_the_model_said_goes_back_as_it_came_but_for_what_is_refused() {
        let thinking = json!({ "type": "thinking", "thinking": "hm", "signature": "s" });
        let call = json!({ "type": "tool_use", "id": "a", "name": "f", "input": { "z": 1, "b": "x" }, "caller": { "type": "direct" } });
        let strange = json!({ "type": "of_tomorrow", "z": [1], "a": null });
        let text = json!({ "type": "text", "text": " a ", "citations": [1] });
        let blank = json!({ "type": "text", "text": " \n" });
        let cases = [
            (json!([thinking, text, strange, call]), vec![&thinking, &text, &strange, &call]),
            (json!([blank, thinking, blank, call]), vec![&thinking, &call]),
            (json!([text, thinking, blank]), vec![&text]),
            (json!([thinking, thinking]), vec![]),
            (json!([]), vec![]),
            (json!(null), vec![]),
        ];
        for (raw, expected) in cases {
            assert_eq!(
                serde_json::to_string(&echo(&raw)).unwrap(),
                serde_json::to_string(&expected).unwrap(),
                "{raw}"
            );
        }
    }

    #[test]
    fn results_come_first_and_neighbours_become_one_message() {
        let calls = json!([{ "type": "tool_use", "id": "a", "name": "f", "input": {} }]);
        let all = [
            said("one"),
            said("two"),
            reply(calls),
            Message::Results(vec![tool_result("gone", "broken", true), tool_result("a", "", false)]),
            said("three"),
            reply(json!([{ "type": "text", "text": "" }])),
            said("four"),
        ];
        let text = |text: &str| json!({ "type": "text", "text": text });
        let expected = json!([
            { "role": "user", "content": [text("one"), text("two")] },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "a", "name": "f", "input": {} }] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "a", "content": [] },
                text("broken"), text("three"), text("four"),
            ] },
        ]);
        assert_eq!(Value::from(messages(&all)), expected);
    }

    #[test]
    fn bodies_say_what_is_set_and_nothing_else() {
        let parameters = json!({ "type": "object", "properties": {} });
        let tool = Tool { name: "f".into(), description: "d".into(), parameters: parameters.clone() };
        let mut conversation =
            Conversation { system: "s".into(), messages: vec![said("q")], ..Conversation::default() };
        let ephemeral = json!({ "type": "ephemeral" });
        let plain = body("m", &conversation, &ModelSettings::default());
        let expected = json!({
            "model": "m", "max_tokens": 32000, "stream": true, "cache_control": ephemeral,
            "system": [{ "type": "text", "text": "s", "cache_control": ephemeral }],
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "q" }] }],
        });
        assert_eq!(plain, expected);
        (conversation.system, conversation.tools) = (String::new(), vec![tool]);
        let more = json!({ "thinking": { "type": "adaptive" } });
        let settings = ModelSettings {
            parallel_calls: Some(false),
            reply_tokens_max: Some(7),
            stream: crate::model::Streaming::WithoutTools,
            body: more.as_object().unwrap().clone(),
            ..ModelSettings::default()
        };
        let rich = body("m", &conversation, &settings);
        let tools = json!([{ "name": "f", "description": "d", "input_schema": parameters, "cache_control": ephemeral }]);
        assert_eq!(rich["tools"], tools);
        assert_eq!(rich["tool_choice"], json!({ "type": "auto", "disable_parallel_tool_use": true }));
        assert_eq!((&rich["max_tokens"], &rich["stream"]), (&json!(7), &json!(false)));
        assert_eq!((&rich["thinking"], &rich["system"]), (&more["thinking"], &Value::Null));
        conversation.reply_tokens_max = Some(9);
        assert_eq!(body("m", &conversation, &settings)["max_tokens"], 9);
    }
}
