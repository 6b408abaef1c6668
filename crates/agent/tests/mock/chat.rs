//! Chat Completions, of OpenAI and of servers that speak it in their own way: for the latter a script has the events as
//! such a server sends them.

use super::{
    openai::{self, Shape, Step, Wrong, invalid, pieces},
    server::{Answer, Received},
};
use serde_json::{Value, json};

/// Answers a request with a step.
pub fn answer(received: &Received, step: &Value) -> Answer {
    openai::answer(&Shape { check, whole, events, named: false }, received, step)
}

/// What a local Ollama says of its models; `None` for any other request.
pub fn ollama(received: &Received) -> Option<Answer> {
    let tags = json!({ "models": [{ "name": "embed:1" }, { "name": "plain:1" }, { "name": "tooled:1" }] });
    let capabilities = match received.body["model"].as_str() {
        Some("embed:1") => json!(["embedding"]),
        Some("plain:1") => json!(["completion"]),
        _ => json!(["completion", "tools", "vision"]),
    };
    match (received.method.as_str(), received.path.as_str()) {
        ("GET", "/api/tags") => Some(Answer::json(200, &tags)),
        ("POST", "/api/show") => Some(Answer::json(200, &json!({ "capabilities": capabilities }))),
        _ => None,
    }
}

fn usage(step: &Step) -> Value {
    let usual = json!({ "prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25 });
    if step.usage.is_null() { usual } else { step.usage.clone() }
}

fn whole(received: &Received, step: &Step) -> Value {
    let mut message = json!({ "role": "assistant", "content": null, "refusal": null });
    message.as_object_mut().unwrap().extend(step.message.as_object().unwrap().clone());
    json!({
        "id": "chatcmpl-mock", "object": "chat.completion", "created": 1790000000, "model": received.body["model"],
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": step.finish_reason }],
        "usage": usage(step),
    })
}

fn events(received: &Received, step: &Step) -> Vec<Value> {
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1790000000,
            "model": received.body["model"], "choices": choices, "usage": usage,
        })
    };
    let delta =
        |delta: Value| chunk(json!([{ "index": 0, "delta": delta, "finish_reason": null }]), Value::Null);
    let mut events = vec![delta(json!({ "role": "assistant", "content": null }))];
    for field in ["reasoning_content", "content", "refusal"] {
        let text = step.message[field].as_str().unwrap_or_default();
        events.extend(pieces(text).into_iter().map(|text| delta(json!({ field: text }))));
    }
    for (index, call) in step.message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let mut begun = call.clone();
        begun["index"] = index.into();
        begun["function"]["arguments"] = "".into();
        events.push(delta(json!({ "tool_calls": [begun] })));
        let more =
            |text| delta(json!({ "tool_calls": [{ "index": index, "function": { "arguments": text } }] }));
        events.extend(pieces(call["function"]["arguments"].as_str().unwrap()).into_iter().map(more));
    }
    let end = json!([{ "index": 0, "delta": {}, "finish_reason": step.finish_reason }]);
    events.push(chunk(end, Value::Null));
    if received.body["stream_options"]["include_usage"] == true {
        events.push(chunk(json!([]), usage(step)));
    }
    events
}

const FIELDS: [&str; 12] = [
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "parallel_tool_calls",
    "reasoning_effort",
    "response_format",
    "stream",
    "stream_options",
    "tool_choice",
    "tools",
];

fn check(received: &Received) -> Result<(), Wrong> {
    let body = &received.body;
    openai::fields(body, &FIELDS)?;
    let name = body["model"].as_str().unwrap_or_default();
    if !body["max_tokens"].is_null() && name.starts_with("gpt-6") {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.";
        return invalid("unsupported_parameter", message);
    }
    if !body["stream_options"].is_null() && body["stream"] != true {
        return invalid(
            "invalid_value",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        );
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        openai::function(&tool["function"])?;
    }
    let Some(messages) = body["messages"].as_array().filter(|messages| !messages.is_empty()) else {
        return invalid("missing_required_parameter", "Missing required parameter: 'messages'.");
    };
    let mut open: Vec<String> = Vec::new();
    for message in messages {
        self::message(message, &mut open)?;
    }
    unanswered(&open)
}

fn unanswered(open: &[String]) -> Result<(), Wrong> {
    match open.is_empty() {
        true => Ok(()),
        false => invalid(
            "invalid_value",
            format!("An assistant message with 'tool_calls' must be followed by tool messages: {open:?}"),
        ),
    }
}

/// Checks a message. `open` are the calls of the one before that have no result yet.
fn message(message: &Value, open: &mut Vec<String>) -> Result<(), Wrong> {
    if message["role"] == "tool" {
        let id = message["tool_call_id"].as_str().unwrap_or_default();
        let Some(at) = open.iter().position(|known| known == id) else {
            let rule =
                "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.";
            return invalid("invalid_value", rule);
        };
        open.remove(at);
        return match message["content"].is_string() {
            true => Ok(()),
            false => invalid("invalid_type", "Invalid type for 'content' of a tool message"),
        };
    }
    unanswered(open)?;
    match message["role"].as_str() {
        Some("system" | "developer") if message["content"].is_string() => Ok(()),
        Some("user") => user(&message["content"]),
        Some("assistant") => assistant(message, open),
        _ => invalid("invalid_value", format!("Invalid message: {message}")),
    }
}

fn user(content: &Value) -> Result<(), Wrong> {
    for part in content.as_array().into_iter().flatten() {
        match part["type"].as_str() {
            Some("text") if part["text"].is_string() => {}
            Some("image_url") => openai::picture(&part["image_url"]["url"])?,
            _ => return invalid("invalid_value", format!("Invalid value: {part}")),
        }
    }
    match content.is_string() || content.is_array() {
        true => Ok(()),
        false => invalid("invalid_type", "Invalid type for 'content'"),
    }
}

fn assistant(message: &Value, open: &mut Vec<String>) -> Result<(), Wrong> {
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let arguments = call["function"]["arguments"].as_str();
        // Local servers fill the arguments into a template, and fail where they are no object.
        let object =
            arguments.is_some_and(|text| serde_json::from_str::<serde_json::Map<_, _>>(text).is_ok());
        match call["id"].as_str().filter(|id| !id.is_empty() && call["type"] == "function" && object) {
            Some(id) if !open.iter().any(|known| known == id) => open.push(id.to_owned()),
            _ => return invalid("invalid_value", format!("Invalid value in 'tool_calls': {call}")),
        }
    }
    match message["content"].is_string() || !open.is_empty() {
        true => Ok(()),
        false => invalid("invalid_type", "Invalid type for 'content': expected a string, got null"),
    }
}
